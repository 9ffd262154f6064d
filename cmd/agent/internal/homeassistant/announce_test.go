package homeassistant

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/homeassistant/hatest"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"pgregory.net/rapid"
)

var words = present.NewWords()

func home(loads ...Load) *Home {
	return &Home{
		Prefix: "homeassistant", ID: "main-street-7", Name: "Home", Version: "v0.2.0", Unit: "ZAR", Decimals: 2, Switched: true, Commands: true,
		Loads: loads, Topics: broker.NewTopics("main-street-7"), Say: func(key string) string { return words.T(key) },
	}
}

func announced(t testing.TB, h *Home, before map[string]string) hatest.Announcement {
	t.Helper()
	payload, err := h.Message(before)
	if err != nil {
		t.Fatal(err)
	}
	a, faults := hatest.Check(h.Topic(), payload)
	for _, f := range faults {
		t.Error(f)
	}
	return a
}

func TestWhatIsAnnouncedIsTakenByHomeAssistant(t *testing.T) {
	geyser := Load{ID: "pool-pump", Name: "Pool pump", Class: "pump"}
	for _, c := range []struct {
		situation string
		change    func(h *Home)
		has       []string
		hasNot    []string
	}{
		{"credit in money", func(*Home) {}, []string{"balance", "cost", "price", "token", "reconnect", "load_pool_pump_order"}, nil},
		{"credit in energy", func(h *Home) { h.InKWh, h.Unit = true, "kWh" }, []string{"balance", "import"}, []string{"cost", "cost_fixed", "price"}},
		{"no contactor", func(h *Home) { h.Switched = false }, []string{"supply"}, []string{"reconnect"}},
		{"nothing is to be told", func(h *Home) { h.Commands = false }, []string{"load_pool_pump_state", "token_result"}, []string{"token", "last_until", "reconnect", "load_pool_pump_order"}},
		{"a load that is only measured", func(h *Home) { h.Loads[0].Measured = true }, []string{"load_pool_pump_state", "load_pool_pump_power", "load_pool_pump_energy"}, []string{"load_pool_pump_order"}},
		{"another prefix", func(h *Home) { h.Prefix = "ha/discovery" }, []string{"balance"}, nil},
		{"a currency without decimals", func(h *Home) { h.Unit, h.Decimals = "JPY", 0 }, []string{"balance"}, nil},
	} {
		t.Run(c.situation, func(t *testing.T) {
			h := home(geyser)
			c.change(h)
			a := announced(t, h, nil)
			for _, key := range c.has {
				if a.Components[key] == nil {
					t.Errorf("%s is missing", key)
				}
			}
			for _, key := range c.hasNot {
				if a.Components[key] != nil {
					t.Errorf("%s is announced", key)
				}
			}
			if a.Availability != h.Topics.Status() {
				t.Errorf("it is there by %s", a.Availability)
			}
			if told, _ := a.Components["load_pool_pump_state"]["json_attributes_template"].(string); !strings.Contains(told, "'class': 'pump'") {
				t.Errorf("of its class nothing is said: %s", told)
			}
			for key, x := range a.Components {
				topic, commands := x["command_topic"].(string)
				if commands && !h.Commands || commands && !slices.Contains([]string{h.Topics.Token(), h.Topics.Until(), h.Topics.Reconnect(), h.Topics.LoadSet("pool-pump")}, topic) {
					t.Errorf("%s sends to %s", key, topic)
				}
			}
		})
	}
}

func TestALoadThatIsGoneIsTakenBack(t *testing.T) {
	old, err := home(Load{ID: "geyser", Name: "Geyser"}, Load{ID: "pool-pump", Name: "Pool"}).Message(nil)
	if err != nil {
		t.Fatal(err)
	}
	before, ours := Announced(old)
	if !ours {
		t.Fatal("it is not known again")
	}
	h := home(Load{ID: "pool-pump", Name: "Pool"})
	a := announced(t, h, before)
	want := []string{"load_geyser_energy", "load_geyser_on", "load_geyser_order", "load_geyser_power", "load_geyser_state"}
	if !slices.Equal(a.Gone, want) {
		t.Errorf("taken back are %v", a.Gone)
	}
	// Home Assistant may be away for long: it stays taken back in what the broker keeps.
	payload, err := h.Message(before)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Announced(payload)
	if a := announced(t, h, again); !slices.Equal(a.Gone, want) {
		t.Errorf("the second time taken back are %v", a.Gone)
	}
	if a := announced(t, home(Load{ID: "geyser", Name: "Geyser"}), again); a.Components["load_geyser_state"] == nil || slices.Contains(a.Gone, "load_geyser_state") {
		t.Error("a load that comes back is not announced")
	}
}

func TestWhatOthersWroteInItsPlaceIsNotBelieved(t *testing.T) {
	many := map[string]any{}
	for i := range 5000 {
		many["x_"+strings.Repeat("i", i%50)+string(rune('a'+i%26))+strings.Repeat("0", i/1000)+strings.Repeat("z", i%77)] = map[string]any{"platform": "sensor"}
	}
	flood, err := json.Marshal(map[string]any{"origin": map[string]any{"name": "keeplit"}, "components": many})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		situation, payload string
		ours               bool
		most               int
	}{
		{"nothing", "", false, 0},
		{"no JSON", "{", false, 0},
		{"a list", "[1]", false, 0},
		{"somebody else's", `{"origin":{"name":"zigbee2mqtt"},"components":{"a":{"platform":"sensor"}}}`, false, 0},
		{"components that are none", `{"origin":{"name":"keeplit"},"components":{"a b":{"platform":"sensor"},"{{x}}":{"platform":"sensor"},"c":{"platform":"lock"},"d":{},"e":{"platform":"sensor"}}}`, true, 1},
		{"components of other types", `{"origin":{"name":"keeplit"},"components":[1,2]}`, false, 0},
		{"a flood", string(flood), true, mostKept},
	} {
		before, ours := Announced([]byte(c.payload))
		if ours != c.ours || len(before) > c.most || c.most == 1 && len(before) != 1 {
			t.Errorf("%s: %v, %d components", c.situation, ours, len(before))
		}
		if a := announced(t, home(), before); len(a.Gone) > mostGone {
			t.Errorf("%s: %d are taken back", c.situation, len(a.Gone))
		}
	}
}

// A name is a person's: whatever stands in it, it is text, in no topic, template or id.
func TestNamesOfPeopleBecomeNothingButNames(t *testing.T) {
	names := []string{
		"{{ states('sensor.secret') }}", "{% for i in range(10**9) %}x{% endfor %}", `Geyser "upstairs"`, "Géiser №1 🚿", "a/b/+/#", "~", "~/x", "line\nbreak\x00", " ", "\u202eflow", strings.Repeat("long ", 100), "\xff\xfe", `\`, "</script>",
	}
	var loads []Load
	for i, n := range names {
		loads = append(loads, Load{ID: "load-" + string(rune('a'+i)), Name: n})
	}
	h := home(loads...)
	h.Name = "{{ 7*7 }}"
	a := announced(t, h, nil)
	reference := home()
	reference.Loads = slices.Clone(loads)
	for i := range reference.Loads {
		reference.Loads[i].Name = "plain"
	}
	want := announced(t, reference, nil)
	if len(a.Components) != len(want.Components) {
		t.Fatalf("%d components, of plain names %d", len(a.Components), len(want.Components))
	}
	for key, c := range a.Components {
		for k, v := range c {
			if k != "name" && !equal(v, want.Components[key][k]) {
				t.Errorf("%s: the name changes %s to %v", key, k, v)
			}
		}
		if name, _ := c["name"].(string); len([]rune(name)) > longestName+len(" energy") {
			t.Errorf("%s: a name of %d characters", key, len([]rune(name)))
		}
	}
}

func equal(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func TestAnyNamesAndIDsAreTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,31}`)
		h := home()
		h.ID = id.Draw(t, "site")
		h.Topics = broker.NewTopics(h.ID)
		h.Name = rapid.String().Draw(t, "name")
		ids := map[string]bool{}
		for range rapid.IntRange(0, 8).Draw(t, "loads") {
			ids[id.Draw(t, "load")] = true
		}
		for _, x := range slices.Sorted(maps.Keys(ids)) {
			h.Loads = append(h.Loads, Load{ID: x, Name: rapid.String().Draw(t, "load's name")})
		}
		payload, err := h.Message(nil)
		if err != nil {
			t.Fatal(err)
		}
		a, faults := hatest.Check(h.Topic(), payload)
		for _, f := range faults {
			t.Error(f)
		}
		if before, ours := Announced(payload); !ours || len(before) != len(a.Components) {
			t.Errorf("%d of %d components are known again", len(before), len(a.Components))
		}
	})
}

func TestTheCheckFindsWhatHomeAssistantRefuses(t *testing.T) {
	payload, err := home(Load{ID: "geyser", Name: "Geyser"}).Message(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{`"state_class":"total_increasing"`, `"state_class":"measurement"`, "impossible"},
		{`"unit_of_measurement":"W"`, `"unit_of_measurement":"watts"`, "no unit"},
		{`"unit_of_measurement":"ZAR"`, `"unit_of_measurement":"R"`, "no currency"},
		{`"default_entity_id":`, `"object_id":`, "not known"},
		{`"options":[`, `"options":[],"x":[`, "options"},
		{`"retain":false`, `"retain":true`, "keeps"},
		{`"platform":"text"`, `"platform":"lamp"`, "platform"},
		{`"max":255`, `"max":300`, "characters"},
		{`"origin":`, `"o":`, "origin is missing"},
		{`keeplit/main-street-7/token"`, `keeplit/+/token"`, "no topic"},
	} {
		changed := strings.Replace(string(payload), c.from, c.to, 1)
		if changed == string(payload) {
			t.Fatalf("%s is not there", c.from)
		}
		_, faults := hatest.Check(home().Topic(), []byte(changed))
		if !strings.Contains(strings.Join(faults, "\n"), c.want) {
			t.Errorf("%s: %v", c.to, faults)
		}
	}
}

// The document has each entity, by its id, and none that is not announced.
func TestTheDocumentHasEveryEntity(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/homeassistant.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "| entity | what |")
	table, _, _ = strings.Cut(table, "\n- ")
	h := home(Load{ID: "geyser", Name: "Geyser"})
	h.ID = "site"
	a := announced(t, h, nil)
	missing := map[string]bool{}
	for _, c := range a.Components {
		missing[c["default_entity_id"].(string)] = true
	}
	for _, row := range strings.Split(table, "\n") {
		cells := strings.Split(row, "|")
		if len(cells) < 3 {
			continue
		}
		whole := ""
		for _, m := range regexp.MustCompile("`([a-z_.<>]+)`").FindAllStringSubmatch(cells[1], -1) {
			id := strings.NewReplacer("<site>", "site", "<load>", "geyser").Replace(m[1])
			if strings.HasPrefix(id, "_") { // in short, of the one before
				stem := "keeplit_site"
				if strings.Contains(whole, "_load_geyser") {
					stem += "_load_geyser"
				}
				id = whole[:strings.Index(whole, ".")+1] + stem + id
			} else {
				whole = id
			}
			if !missing[id] {
				t.Errorf("docs/homeassistant.md has %s, which is not announced", id)
			}
			delete(missing, id)
		}
	}
	for id := range missing {
		t.Errorf("docs/homeassistant.md lacks %s", id)
	}
}
