package talk

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/homeassistant"
	"github.com/keeplit/keeplit/cmd/agent/internal/homeassistant/hatest"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// assistant is Home Assistant, as far as a broker sees it.
type assistant struct {
	*broker.Session
	mu    sync.Mutex
	said  map[string]string // the last message of each topic
	times map[string]int
}

func (a *assistant) last(topic string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.said[topic]
}

func (a *assistant) count(topic string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.times[topic]
}

// sessionAt is a session at a real broker.
func sessionAt(t *testing.T, m *testservers.Mosquitto, site, id string) *broker.Session {
	t.Helper()
	s, err := broker.New(broker.Config{
		URL: m.URL, Site: site, ClientID: id, Username: m.User, Password: func() (string, error) { return m.Password, nil },
		MinBackoff: 20 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
	})
	must(t, err)
	return s
}

func anAssistant(t *testing.T, m *testservers.Mosquitto) *assistant {
	t.Helper()
	a := &assistant{Session: sessionAt(t, m, "assistant", "assistant"), said: map[string]string{}, times: map[string]int{}}
	for _, filter := range []string{"homeassistant/device/+/config", "keeplit/#"} {
		_, err := a.Subscribe(filter, func(topic string, payload []byte, _ bool) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.said[topic], a.times[topic] = string(payload), a.times[topic]+1
		})
		must(t, err)
	}
	during(t, a.Run)
	eventually(t, "the assistant's connection", func() bool { return a.State().Connected })
	return a
}

// aTellingHouse is an agent at a real broker that announces itself.
func aTellingHouse(t *testing.T, m *testservers.Mosquitto, site *control.Site, st *control.State, off bool) *house {
	t.Helper()
	h := &house{journal: &ledgerBook{}}
	var first control.Effects
	if st == nil {
		var s control.State
		s, first = site.Begin(time.Now())
		st = &s
	}
	loop := control.NewLoop(control.LoopConfig{
		Site: site, State: *st, First: first, Planner: testsite.Planner(t, site), Journal: h.journal,
		Now: func() time.Time { return time.Now().UTC() }, PersistEvery: time.Second, PlanTime: time.Second, Log: slog.New(slog.DiscardHandler),
	})
	h.Agent = New(site, loop, &testsite.Records{Entries: first.Entries}, picture.New(site, picture.About{Name: "Home", Unit: present.Unit{Code: "ZAR", Symbol: "R", Decimals: 2}}))
	session := sessionAt(t, m, site.ID, "agent-"+site.ID)
	home := homeassistant.Home{Prefix: "homeassistant", ID: site.ID, Name: "Home", Version: "v0", Unit: "ZAR", Decimals: 2, Commands: true, Topics: session.Topics()}
	for _, l := range site.Loads {
		home.Loads = append(home.Loads, homeassistant.Load{ID: l.ID, Name: l.Name})
	}
	h.Announce(home, off)
	h.announcer.spread, h.announcer.wait = 50*time.Millisecond, 500*time.Millisecond
	must(t, h.Listen(session, slog.New(slog.DiscardHandler)))
	stopLoop := during(t, loop.Run)
	stopSession := during(t, session.Run)
	stopPublishing := during(t, func(ctx context.Context) error { return h.Publish(ctx, session) })
	h.stop = func() { stopPublishing(); stopSession(); stopLoop() }
	return h
}

func announcedBy(t *testing.T, a *assistant, topic string) hatest.Announcement {
	t.Helper()
	x, faults := hatest.Check(topic, []byte(a.last(topic)))
	for _, f := range faults {
		t.Error(f)
	}
	return x
}

const ourConfig = "homeassistant/device/keeplit_test/config"

func TestHomeAssistantFindsTheHouse(t *testing.T) {
	t.Parallel()
	m := testservers.StartMosquitto(t)
	assistant := anAssistant(t, m)
	site := testsite.New(t)
	h := aTellingHouse(t, m, site, nil, false)
	eventually(t, "the announcement", func() bool { return assistant.last(ourConfig) != "" })
	x := announcedBy(t, assistant, ourConfig)
	if x.Components["load_geyser_order"] == nil || x.Availability != "keeplit/test/status" || assistant.last(x.Availability) != broker.Online {
		t.Fatalf("%v, there by %s", x.Components["load_geyser_order"], x.Availability)
	}

	// A flood of births, and what is none.
	before := assistant.count(ourConfig)
	for range 300 {
		must(t, assistant.Publish(t.Context(), "homeassistant/status", 0, false, []byte("online")))
	}
	for _, text := range []string{"offline", "", strings.Repeat("online ", 20_000), `{"online":true}`} {
		must(t, assistant.Publish(t.Context(), "homeassistant/status", 1, false, []byte(text)))
	}
	must(t, assistant.Publish(t.Context(), "homeassistant/status", 1, true, []byte("online")))
	eventually(t, "all anew after the birth", func() bool { return assistant.count(ourConfig) > before && assistant.count("keeplit/test/plan") >= 2 })
	time.Sleep(2500 * time.Millisecond) // long enough for one more, were it coming
	if n := assistant.count(ourConfig) - before; n != 1 {
		t.Errorf("after 300 births it was announced %d times", n)
	}

	// Its orders are those of anybody at the broker: one for now is obeyed, one that is kept is not.
	order := x.Components["load_geyser_order"]["command_topic"].(string)
	must(t, assistant.Publish(t.Context(), order, 0, false, []byte("run")))
	eventually(t, "the order to run", func() bool {
		o := h.loop.Snapshot().State.Loads[0].Progress.Override
		return o != nil && o.Run
	})
	eventually(t, "its echo", func() bool {
		return strings.Contains(assistant.last("keeplit/test/load/geyser/state"), `"override":"run"`)
	})
	must(t, assistant.Publish(t.Context(), x.Components["token"]["command_topic"].(string), 1, false, []byte("1234 5678 9012 345")))
	eventually(t, "what became of the token", func() bool { return assistant.last("keeplit/test/token/result") != "" })
	result := hatest.Render(t, []hatest.Rendering{
		{Template: x.Components["token_result"]["value_template"].(string), Message: assistant.last("keeplit/test/token/result")},
		{Template: x.Components["token"]["value_template"].(string), Message: assistant.last("keeplit/test/token/result")},
	})
	if len(result[0]) < 10 || strings.Contains(result[0], "1234") || result[1] != "" {
		t.Errorf("the token's answer is shown as %q, its field as %q", result[0], result[1])
	}
}

func TestWhatIsNoLongerThereIsTakenBack(t *testing.T) {
	t.Parallel()
	m := testservers.StartMosquitto(t)
	assistant := anAssistant(t, m)
	two := testsite.New(t)
	second := two.Loads[0]
	second.ID, second.Name = "pump", "Pump {{ 1 }}"
	two.Loads = append(two.Loads, second)
	two.Guard = loads.NewGuard(loads.DefaultGuard(), two.Loads, two.Zone)
	h := aTellingHouse(t, m, two, nil, false)
	eventually(t, "both loads", func() bool { return strings.Contains(assistant.last(ourConfig), "load_pump_state") })
	h.stop()
	eventually(t, "the end", func() bool { return assistant.last("keeplit/test/status") == broker.Offline })

	h = aTellingHouse(t, m, testsite.New(t), nil, false)
	eventually(t, "one load", func() bool {
		return slices.Contains(announcedBy(t, assistant, ourConfig).Gone, "load_pump_state")
	})
	x := announcedBy(t, assistant, ourConfig)
	if x.Components["load_geyser_state"] == nil || len(x.Gone) != 5 {
		t.Errorf("taken back are %v", x.Gone)
	}

	// Somebody writes rubbish in its place: it is put right, and not for ever.
	for i := range 8 {
		seen := assistant.count(ourConfig)
		must(t, assistant.Publish(t.Context(), ourConfig, 1, true, fmt.Appendf(nil, `{"origin":{"name":"keeplit"},"components":{"evil_%d":{"platform":"sensor"},"a b":{"platform":"siren"}}}`, i)))
		if i < mendBurst {
			eventually(t, "the rubbish, and the announcement in its place", func() bool {
				return assistant.count(ourConfig) >= seen+2 && strings.Contains(assistant.last(ourConfig), "load_geyser_state")
			})
		} else {
			eventually(t, "the rubbish", func() bool { return assistant.count(ourConfig) > seen })
		}
	}
	time.Sleep(1500 * time.Millisecond)
	if strings.Contains(assistant.last(ourConfig), "load_geyser_state") {
		t.Error("it is put right as often as somebody likes")
	}
	h.stop()

	// Another start: the rubbish that the broker has kept is written over.
	h = aTellingHouse(t, m, testsite.New(t), nil, false)
	eventually(t, "the announcement after rubbish", func() bool { return strings.Contains(assistant.last(ourConfig), "load_geyser_state") })
	announcedBy(t, assistant, ourConfig)
	h.stop()

	h = aTellingHouse(t, m, testsite.New(t), nil, true)
	eventually(t, "all taken back", func() bool { return assistant.last(ourConfig) == "" })
	h.stop()
	before := assistant.count(ourConfig)
	aTellingHouse(t, m, testsite.New(t), nil, true)
	eventually(t, "a state", func() bool { return assistant.last("keeplit/test/status") == broker.Online })
	time.Sleep(1200 * time.Millisecond)
	if n := assistant.count(ourConfig); n != before {
		t.Errorf("where nothing of ours stands, %d messages were sent", n-before)
	}
}

func TestABrokerThatForgetsIsToldAllAnew(t *testing.T) {
	t.Parallel()
	m := testservers.StartMosquitto(t, testservers.WithLines("persistence false"))
	one, two := testsite.New(t), testsite.New(t)
	two.ID = "other"
	aTellingHouse(t, m, one, nil, false)
	aTellingHouse(t, m, two, nil, false)
	const theirs = "homeassistant/device/keeplit_other/config"
	for range 2 {
		assistant := anAssistant(t, m)
		eventually(t, "both announcements", func() bool { return assistant.last(ourConfig) != "" && assistant.last(theirs) != "" })
		a, b := announcedBy(t, assistant, ourConfig), announcedBy(t, assistant, theirs)
		if a.Availability == b.Availability || a.Components["balance"]["unique_id"] == b.Components["balance"]["unique_id"] {
			t.Error("two homes are one")
		}
		m.Kill()
		m.Start()
	}
}

// Every entity has a value of its kind, in a home that lives, and none that is not known is made up.
func TestEveryEntityHasAValueOfItsKind(t *testing.T) {
	t.Parallel()
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 14, 0, 0, 0, time.UTC) // not now: late in an evening its credit is spent by then
	begun, eff := site.Begin(at)
	begun.Credit.Balance = 30 * units.One // so that the end is within the forecast
	lived, entries, _ := testsite.Drive(t, site, begun, at, 3*time.Hour)
	topics := broker.NewTopics("test")
	var all renderings
	home := homeassistant.Home{Prefix: "homeassistant", ID: "test", Name: "Home", Unit: "ZAR", Decimals: 2, Commands: true, Switched: true, Topics: topics, Loads: []homeassistant.Load{{ID: "geyser", Name: "Geyser"}}}
	for _, c := range []struct {
		situation string
		state     control.State
		unknown   []string // what may be unknown
	}{
		{"an ordinary evening", lived, []string{"pay", "until"}},
		{"before the first reading", begun, []string{"run_out", "days_left", "until", "pay", "power", "import", "export", "plan", "price", "price_next", "supply", "supply_on"}},
		{"the credit is spent", func() control.State { s := lived; s.Credit.Balance = -5 * units.One; return s }(), []string{"run_out", "days_left", "until", "pay"}},
		{"the records do not agree", func() control.State {
			s := lived
			s.Hold = &control.Hold{Since: s.Now, Why: "the ledger is shorter"}
			return s
		}(), []string{"run_out", "days_left", "until", "pay", "plan"}},
	} {
		t.Run(c.situation, func(t *testing.T) {
			a := New(site, control.NewLoop(control.LoopConfig{Site: site, State: c.state}), &testsite.Records{Entries: append(slices.Clone(eff.Entries), entries...)}, picture.New(site, picture.About{Name: "Home", Unit: present.Unit{Code: "ZAR", Decimals: 2}}))
			a.Announce(home, false)
			messages, err := a.retained(topics, 0)
			must(t, err)
			said := map[string]string{topics.TokenResult(): `{"result":"accept","text":"Thank you","balance":"1.000000","supply":"connected","at":"2026-11-03T10:00:00Z"}`, topics.Event(): `{"id":"1","at":"2026-11-03T10:00:00Z","code":"voltage_sag","severity":"caution","text":"{{ 1 }}"}`}
			for _, x := range messages {
				said[x.Topic] = string(x.Payload)
			}
			payload, err := a.announcer.home.Message(nil)
			must(t, err)
			x, faults := hatest.Check(home.Topic(), payload)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			all.take(c.situation, x, said, c.unknown)
		})
	}
	all.check(t)
}

// renderings are the templates of announcements with what was said.
type renderings struct {
	places []place
	all    []hatest.Rendering
}

type place struct {
	situation, key, what string
	of                   map[string]any
	mayBeUnknown         bool
}

func (r *renderings) take(situation string, x hatest.Announcement, said map[string]string, unknown []string) {
	for key, c := range x.Components {
		for _, pair := range [][2]string{{"state_topic", "value_template"}, {"json_attributes_topic", "json_attributes_template"}, {"state_topic", "last_reset_value_template"}} {
			topic, _ := c[pair[0]].(string)
			template, _ := c[pair[1]].(string)
			if message, there := said[topic]; template != "" && there {
				r.places = append(r.places, place{situation, key, pair[1], c, slices.Contains(unknown, key)})
				r.all = append(r.all, hatest.Rendering{Template: template, Message: message})
			}
		}
	}
}

// check renders them all.
func (r *renderings) check(t *testing.T) {
	t.Helper()
	if len(r.all) < 120 {
		t.Fatalf("only %d templates", len(r.all))
	}
	for i, text := range hatest.Render(t, r.all) {
		p := r.places[i]
		if wrong := p.wrong(text); wrong != "" {
			t.Errorf("%s: %s, %s: %q %s", p.situation, p.key, p.what, text, wrong)
		}
	}
}

// wrong is what is wrong with what a template was rendered to.
func (p place) wrong(text string) string {
	c := p.of
	class, _ := c["device_class"].(string)
	_, numeric := c["unit_of_measurement"]
	_, notNumber := strconv.ParseFloat(text, 64)
	_, notTime := time.Parse(time.RFC3339Nano, text)
	var object map[string]any
	notObject := json.Unmarshal([]byte(text), &object)
	switch {
	case strings.HasPrefix(text, "ERROR"):
		return "fails"
	case p.what == "json_attributes_template":
		if notObject != nil || len(text) > 16<<10 {
			return "is no small JSON object"
		}
	case p.what == "last_reset_value_template":
		if notTime != nil {
			return "is no time"
		}
	case text == "None":
		if !p.mayBeUnknown {
			return "is not known"
		}
	case c["platform"] == "binary_sensor":
		if text != "ON" && text != "OFF" {
			return "is neither ON nor OFF"
		}
	case c["platform"] == "event":
		if notObject != nil || !slices.Contains(c["event_types"].([]any), object["event_type"]) || object["text"] != "{{ 1 }}" {
			return "is no event"
		}
	case c["options"] != nil:
		if !slices.Contains(c["options"].([]any), any(text)) {
			return "is no option"
		}
	case class == "timestamp" && notTime != nil:
		return "is no time"
	case numeric && notNumber != nil:
		return "is no number"
	case c["platform"] != "text" && text == "":
		return "is empty"
	}
	return ""
}

// What the owner does not share is not said, and not announced.
func TestWhatIsNotSharedIsNeitherSaidNorAnnounced(t *testing.T) {
	site := testsite.New(t)
	begun, eff := site.Begin(time.Now())
	a := New(site, control.NewLoop(control.LoopConfig{Site: site, State: begun}), &testsite.Records{Entries: eff.Entries}, picture.New(site, picture.About{Name: "Home", Unit: present.Unit{Code: "ZAR", Decimals: 2}}))
	a.Share(func(topic string) bool { return topic == "warnings" || topic == "event" })
	topics := broker.NewTopics("test")
	a.Announce(homeassistant.Home{Prefix: "homeassistant", ID: "test", Name: "Home", Unit: "ZAR", Commands: true, Topics: topics, Loads: []homeassistant.Load{{ID: "geyser", Name: "Geyser"}}}, false)
	messages, err := a.retained(topics, 0)
	must(t, err)
	for _, m := range messages {
		if m.Topic != topics.Warnings() && m.Topic != topics.Ledger()+"/head" {
			t.Errorf("%s is said", m.Topic)
		}
	}
	payload, err := a.announcer.home.Message(nil)
	must(t, err)
	x, faults := hatest.Check(a.announcer.home.Topic(), payload)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for key, c := range x.Components {
		for _, what := range []string{"state_topic", "json_attributes_topic"} {
			if topic, there := c[what].(string); there && !slices.Contains([]string{topics.Warnings(), topics.Event(), topics.TokenResult()}, topic) {
				t.Errorf("%s reads %s, which is not said", key, topic)
			}
		}
	}
	if x.Components["buy"] == nil || x.Components["token"] == nil || x.Components["balance"] != nil {
		t.Errorf("announced are %d components", len(x.Components))
	}
}
