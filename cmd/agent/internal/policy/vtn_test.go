package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/tariffs"
)

// vtn is a site that listens to an OpenADR server.
type vtn struct {
	t   testing.TB
	r   Rules
	s   State
	now time.Time
}

func aVTN(t testing.TB, streams ...Stream) *vtn {
	r := Rules{
		Site: "home-12", Issuer: "vtn.example", Streams: streams, VTN: true,
		Limit:   LimitRules{FailSafe: 4_200_000, Minimum: 2 * time.Hour, Floor: 2_300_000},
		Devices: []Device{{"car", "car"}, {"geyser", "heat"}},
	}
	return &vtn{t: t, r: r, now: noon}
}

func inEUR() []ADRDescriptor {
	return []ADRDescriptor{{PayloadType: "PRICE", Units: "KWH", Currency: "EUR"}}
}

func (v *vtn) list(events ...string) Poll {
	v.t.Helper()
	list := List{Programs: map[string][]ADRDescriptor{"p": inEUR(), "p-1": inEUR()}}
	for _, e := range events {
		list.Events = append(list.Events, []byte(e))
	}
	var out Poll
	v.s, out = v.r.Poll(v.s, list, v.now)
	v.pass(0)
	return out
}

// pass lets time pass, and reads the state back as it is stored.
func (v *vtn) pass(by time.Duration) {
	v.t.Helper()
	v.now = v.now.Add(by)
	v.s, _ = v.r.Pass(v.s, v.now)
	text, err := json.Marshal(v.s)
	must(v.t, err)
	var back State
	must(v.t, json.Unmarshal(text, &back))
	if again, err := json.Marshal(back); err != nil || string(again) != string(text) {
		v.t.Errorf("stored as %s\nread back as %s", text, again)
	}
	v.s = back
}

// holds is what limits, asks and is told.
func (v *vtn) holds() string {
	var out []string
	for _, f := range append(v.r.Curbs(v.s, v.now), v.r.Asks(v.s, v.now)...) {
		out = append(out, fmt.Sprint(f.Source, " ", f.Limit, " ", f.Loads))
	}
	for _, e := range v.s.Told(v.now) {
		at, _ := e.At(v.now)
		out = append(out, at.Kind+" "+at.Text)
	}
	return strings.Join(out, "; ")
}

// anEvent is one with one interval of an hour from now on.
func anEvent(id, kind, value string, more ...string) string {
	return fmt.Sprintf(`{"id":%q,"objectType":"EVENT","createdDateTime":"2026-12-01T12:00:00Z","programID":"p-1","eventName":null,"priority":null,"targets":null,"someNewMember":{"a":[1]},%s
		"intervalPeriod":{"start":"0001-01-01T00:00:00","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":%q,"values":[%s]}]}]}`, id, strings.Join(more, ""), kind, value)
}

// TestEachTypeOfOpenADRDoesSomethingOrSaysWhyNot goes through the enumeration of 3.1.1.
func TestEachTypeOfOpenADRDoesSomethingOrSaysWhyNot(t *testing.T) {
	for kind, want := range map[string]struct{ value, holds, why string }{
		"SIMPLE":                          {"2", "openadr_event 1 W [car geyser]", ""},
		"PRICE":                           {"0.31", "prices", ""},
		"PRICE_ALTERNATE":                 {"0.31", "", "only electricity is charged here"},
		"EXPORT_PRICE":                    {"0.1", "", "no PRICE"},
		"CHARGE_STATE_SETPOINT":           {"0.5", "", "those decide whose it is"},
		"DISPATCH_SETPOINT":               {"1.5", "", "not told what to draw"},
		"DISPATCH_SETPOINT_RELATIVE":      {"1.5", "", "not told what to draw"},
		"DISPATCH_INSTRUCTION":            {`"shed"`, "", "agreed with nobody"},
		"CONTROL_SETPOINT":                {"1", "", "agreed with nobody"},
		"CONTROL_LEVEL_OFFSET":            {"3", "", "no level"},
		"CONTROL_LEVEL_OFFSET_PERCENT":    {"0.3", "", "no level"},
		"GHG":                             {"412.5", "", "not by what is emitted"},
		"CURVE":                           {`{"x":1,"y":2}`, "", "no inverter"},
		"OLS":                             {"0.5", "", "along a shape"},
		"IMPORT_CAPACITY_SUBSCRIPTION":    {"5", "", "no capacity is bought"},
		"IMPORT_CAPACITY_RESERVATION":     {"5", "", "no capacity is bought"},
		"IMPORT_CAPACITY_RESERVATION_FEE": {"5", "", "no capacity is bought"},
		"IMPORT_CAPACITY_AVAILABLE":       {"5", "", "no capacity is bought"},
		"IMPORT_CAPACITY_AVAILABLE_PRICE": {"5", "", "no capacity is bought"},
		"EXPORT_CAPACITY_SUBSCRIPTION":    {"5", "", "no capacity is bought"},
		"EXPORT_CAPACITY_RESERVATION":     {"5", "", "no capacity is bought"},
		"EXPORT_CAPACITY_RESERVATION_FEE": {"5", "", "no capacity is bought"},
		"EXPORT_CAPACITY_AVAILABLE":       {"5", "", "no capacity is bought"},
		"EXPORT_CAPACITY_AVAILABLE_PRICE": {"5", "", "no capacity is bought"},
		"IMPORT_CAPACITY_LIMIT":           {"3.5", "openadr_event 3500 W []", ""},
		"EXPORT_CAPACITY_LIMIT":           {"3.5", "", "not controlled here"},
		"ALERT_GRID_EMERGENCY":            {`"words"`, "ALERT_GRID_EMERGENCY words", ""},
		"ALERT_BLACK_START":               {`"words"`, "ALERT_BLACK_START words", ""},
		"ALERT_POSSIBLE_OUTAGE":           {`"words"`, "ALERT_POSSIBLE_OUTAGE words", ""},
		"ALERT_FLEX_ALERT":                {`"words"`, "ALERT_FLEX_ALERT words", ""},
		"ALERT_FIRE":                      {`"words"`, "ALERT_FIRE words", ""},
		"ALERT_FREEZING":                  {`"words"`, "ALERT_FREEZING words", ""},
		"ALERT_WIND":                      {`"words"`, "ALERT_WIND words", ""},
		"ALERT_TSUNAMI":                   {`"words"`, "ALERT_TSUNAMI words", ""},
		"ALERT_AIR_QUALITY":               {`"words"`, "ALERT_AIR_QUALITY words", ""},
		"ALERT_OTHER":                     {`"words"`, "ALERT_OTHER words", ""},
		"CTA2045_REBOOT":                  {"1", "", "no CTA-2045"},
		"CTA2045_SET_OVERRIDE_STATUS":     {"1", "", "no CTA-2045"},
		"X_PREPAY_TOKEN":                  {`"12345678901234567890"`, "", "signed, and in no other way"},
		"X_PREPAY_MESSAGE":                {`"pay"`, "", "signed, and in no other way"},
		"X_SUPPLY_OFF":                    {"1", "", "nothing that is known here"},
	} {
		v := aVTN(t, Tariff, Message, Demand)
		out := v.list(anEvent("e-1", kind, want.value))
		if len(out.Fresh) != 1 {
			t.Fatalf("%s: %+v", kind, out)
		}
		got, x := v.holds(), out.Fresh[0]
		if out.Prices != nil {
			got = "prices"
		}
		if got != want.holds || !strings.Contains(x.Detail, want.why) || (x.Code == Taken) != (want.why == "") || (len(x.Does) > 0) != (want.why == "") {
			t.Errorf("%s: %q holds; %+v; want %q and %q", kind, got, x, want.holds, want.why)
		}
		if s := v.s.Supply; s.Off != nil || s.Notice != nil || s.Rules != nil || len(v.s.Acks) > 0 || len(v.s.Reads) > 0 {
			t.Errorf("%s: it has moved what nobody may move unsigned: %+v", kind, v.s)
		}
		v.list() // it is deleted
		if got := v.holds(); got != "" {
			t.Errorf("%s: after it was deleted %q holds", kind, got)
		}
		none := aVTN(t)
		if out := none.list(anEvent("e-1", kind, want.value)); none.holds() != "" || out.Prices != nil || out.Fresh[0].Code == Taken {
			t.Errorf("%s: without a stream it does %q: %+v", kind, none.holds(), out)
		}
	}
}

// The walk of a limit that holds: what is deleted is taken back by a server that is heard; one
// that is not heard takes nothing back.
func TestALimitOfAServerOutlivesItsSilence(t *testing.T) {
	v := aVTN(t, Limit, Demand)
	check := func(situation, want string) {
		t.Helper()
		if got := v.holds(); got != want {
			t.Errorf("%s: %q, want %q", situation, got, want)
		}
	}
	v.pass(time.Second)
	check("nothing heard", "openadr 4200 W []")
	day := strings.Replace(anEvent("e-1", "IMPORT_CAPACITY_LIMIT", "3.5"), "PT1H", "P1D", 1)
	v.list(day)
	check("a limit", "openadr 3500 W []")
	for range 10 {
		v.pass(time.Minute)
	}
	if v.s.Limit.Phase != FailSafe {
		t.Errorf("the server was not heard for ten minutes: %s", v.s.Limit.Phase)
	}
	check("the lower one goes on", "openadr 3500 W []")
	v.pass(26 * time.Hour)
	check("after a day and more without it", "openadr 4200 W []")
	v.list(anEvent("e-2", "GHG", "1"))
	check("it is back, and lists no limit", "")
	v.list(anEvent("e-1", "IMPORT_CAPACITY_LIMIT", "2"))
	check("below the floor", "")
	v.list(anEvent("e-1", "IMPORT_CAPACITY_LIMIT", "-1"))
	check("negative", "")
	v.list(strings.Replace(anEvent("e-1", "IMPORT_CAPACITY_LIMIT", "3.5"), "12:00:00Z", v.now.Format("15:04:05Z"), 1))
	check("again", "")
	v.list(strings.Replace(anEvent("e-3", "IMPORT_CAPACITY_LIMIT", "3.5"), "2026-12-01T12:00:00Z", v.now.Format(time.RFC3339), 1))
	check("a new one", "openadr 3500 W []")
	gone := strings.Replace(anEvent("e-3", "IMPORT_CAPACITY_LIMIT", "3.5"), "PT1H", "PT0S", 1)
	if out := v.list(strings.Replace(gone, "2026-12-01T12:00:00Z", v.now.Add(time.Second).Format(time.RFC3339), 1)); out.Fresh[0].Code != Taken {
		t.Errorf("%+v", out.Fresh)
	}
	check("taken back by no length", "")
}

func TestAServersListIsTakenInItsOrder(t *testing.T) {
	modified := func(e, at string) string {
		return strings.Replace(e, `"objectType"`, fmt.Sprintf(`"modificationDateTime":%q,"objectType"`, at), 1)
	}
	t.Run("an older modification changes nothing", func(t *testing.T) {
		v := aVTN(t, Demand, Tariff)
		v.list(modified(anEvent("e-1", "IMPORT_CAPACITY_LIMIT", "5"), "2026-12-01T11:59:00Z"))
		if out := v.list(modified(anEvent("e-1", "IMPORT_CAPACITY_LIMIT", "3"), "2026-12-01T11:58:00Z")); out.Fresh[0].Code != Reordered || v.holds() != "openadr_event 5 kW []" && v.holds() != "openadr_event 5000 W []" {
			t.Errorf("%+v: %q", out.Fresh, v.holds())
		}
		v.list(modified(anEvent("e-1", "IMPORT_CAPACITY_LIMIT", "4"), "2026-12-01T12:00:00Z"), modified(anEvent("e-1", "IMPORT_CAPACITY_LIMIT", "3"), "2026-12-01T11:58:00Z"))
		if got := v.holds(); got != "openadr_event 4000 W []" {
			t.Errorf("listed twice: %q", got)
		}
		v.list(modified(anEvent("e-2", "PRICE", "0.3"), "2026-12-01T11:59:00Z"))
		if out := v.list(modified(anEvent("e-2", "PRICE", "0.1"), "2026-12-01T11:58:00Z")); out.Stale || out.Repriced {
			t.Errorf("an older price: %+v", out)
		}
	})
	t.Run("the same list again changes nothing", func(t *testing.T) {
		v := aVTN(t, Demand, Tariff, Message)
		all := []string{anEvent("e-1", "SIMPLE", "2"), anEvent("e-2", "PRICE", "0.3"), anEvent("e-3", "ALERT_FIRE", `"x"`), anEvent("e-4", "GHG", "3")}
		v.list(all...)
		applied := v.s.Events
		v.pass(time.Minute)
		slices.Reverse(all)
		if out := v.list(all...); len(out.Fresh) > 0 || out.Changed || out.Repriced || out.Stale {
			t.Errorf("%+v", out)
		}
		if len(applied) != 2 || len(v.s.Events) != 2 || v.s.Events[0].Applied.IsZero() && v.s.Events[1].Applied.IsZero() {
			t.Errorf("%+v", v.s.Events)
		}
	})
	t.Run("priority", func(t *testing.T) {
		v := aVTN(t, Demand)
		v.list(anEvent("e-1", "IMPORT_CAPACITY_LIMIT", "3", `"priority":2,`), anEvent("e-2", "IMPORT_CAPACITY_LIMIT", "6", `"priority":0,`), anEvent("e-3", "IMPORT_CAPACITY_LIMIT", "2.5"))
		if got := v.holds(); got != "openadr_event 6000 W []" {
			t.Errorf("%q", got)
		}
	})
	t.Run("targets", func(t *testing.T) {
		v := aVTN(t, Demand)
		v.list(anEvent("e-1", "IMPORT_CAPACITY_LIMIT", "3", `"targets":["feeder-7","class:car"],`), anEvent("e-2", "IMPORT_CAPACITY_LIMIT", "5", `"targets":["feeder-7"],`))
		if got := v.holds(); got != "openadr_event 5000 W []; openadr_event 3000 W [car]" {
			t.Errorf("%q", got)
		}
		if out := v.list(anEvent("e-3", "SIMPLE", "2", `"targets":["load:pool"],`)); out.Fresh[0].Code != Inapplicable {
			t.Errorf("%+v", out.Fresh)
		}
	})
	t.Run("several kinds in one event", func(t *testing.T) {
		v := aVTN(t, Demand, Tariff, Message)
		e := `{"id":"e-1","programID":"p-1","intervalPeriod":{"start":"2026-12-01T12:00:00.000Z","duration":"PT1H"},"intervals":[
			{"id":0,"payloads":[{"type":"GHG","values":[3]}]},
			{"id":1,"payloads":[{"type":"PRICE","values":[0.3,0.4]},{"type":"SIMPLE","values":[2]},{"type":"ALERT_FIRE","values":["run"]},{"type":"GHG","values":[3]}]}]}`
		out := v.list(e)
		if v.holds() != "" || out.Fresh[0].Code != Taken || !slices.Equal(out.Fresh[0].Does, []Stream{Tariff, Demand, Message}) {
			t.Errorf("%q %+v", v.holds(), out.Fresh)
		}
		for _, want := range []string{`"start":"2026-12-01T13:00:00Z","end":"2026-12-01T13:30:00Z","import":0.3`, `"start":"2026-12-01T13:30:00Z","end":"2026-12-01T14:00:00Z","import":0.4`} {
			if !strings.Contains(string(out.Prices), want) {
				t.Errorf("%s lacks %s", out.Prices, want)
			}
		}
		v.pass(time.Hour)
		if got := v.holds(); got != "openadr_event 1 W [car geyser]; ALERT_FIRE run" {
			t.Errorf("its second hour: %q", got)
		}
		v.pass(time.Hour)
		if got := v.holds(); got != "" {
			t.Errorf("after it: %q", got)
		}
	})
	t.Run("prices by priority", func(t *testing.T) {
		v := aVTN(t, Tariff)
		day := strings.Replace(anEvent("e-1", "PRICE", "0.2", `"priority":5,`), "PT1H", "PT3H", 1)
		peak := strings.Replace(anEvent("e-2", "PRICE", "0.9", `"priority":1,`), "0001-01-01T00:00:00", "2026-12-01T13:00:00Z", 1)
		out := v.list(day, peak)
		want := `[{"start":"2026-12-01T12:00:00Z","end":"2026-12-01T13:00:00Z","import":0.2},{"start":"2026-12-01T13:00:00Z","end":"2026-12-01T14:00:00Z","import":0.9},{"start":"2026-12-01T14:00:00Z","end":"2026-12-01T15:00:00Z","import":0.2}]`
		if !strings.Contains(string(out.Prices), want) || !out.Stale || !out.Repriced {
			t.Errorf("%s", out.Prices)
		}
		if out := v.list(day); !out.Repriced || strings.Contains(string(out.Prices), "0.9") {
			t.Errorf("deleted: %+v %s", out, out.Prices)
		}
		if out := v.list(); !out.Repriced || out.Prices != nil || !out.Stale {
			t.Errorf("deleted: %+v", out)
		}
		other := strings.Replace(day, `"programID"`, `"payloadDescriptors":[{"objectType":"EVENT_PAYLOAD_DESCRIPTOR","payloadType":"PRICE","currency":"USD","units":"KWH"}],"programID"`, 1)
		if out := v.list(other, peak); !slices.ContainsFunc(out.Fresh, func(x Verdict) bool { return strings.Contains(x.Detail, "another currency") }) {
			t.Errorf("%+v", out.Fresh)
		}
	})
	t.Run("what cannot be read, is too long or too many", func(t *testing.T) {
		v := aVTN(t, Demand)
		var all []string
		for i := range 200 {
			all = append(all, anEvent(fmt.Sprintf("e-%03d", i), "SIMPLE", "2"))
		}
		out := v.list(append([]string{"{", `{"id":"../x"}`, `7`, `{"id":"big","x":"` + strings.Repeat("x", MostEventBytes) + `"}`}, all...)...)
		codes := map[Code]int{}
		for _, x := range out.Fresh {
			codes[x.Code]++
		}
		if codes[Unreadable] != 4 || codes[TooMany] != MostListed-4-mostEvents+1 || codes[Taken] != mostEvents || len(v.s.Events) != mostEvents || len(v.s.Served.Listed) > MostListed {
			t.Errorf("%v, %d are remembered", codes, len(v.s.Events))
		}
		for _, x := range out.Fresh {
			if len(x.Says()) > 300 {
				t.Errorf("a verdict of %d characters", len(x.Says()))
			}
		}
	})
}

// TestRandomStarts: prices may begin early, and what limits or asks only later.
func TestWhatAServerLetsStartAtRandom(t *testing.T) {
	early := false
	for i := range 200 {
		e := func(kind, value string) string {
			return fmt.Sprintf(`{"id":"e-%d","programID":"p","intervalPeriod":{"start":"2026-12-01T14:00:00Z","duration":"PT1H","randomizeStart":"PT30M"},"intervals":[{"id":0,"payloads":[{"type":%q,"values":[%s]}]}]}`, i, kind, value)
		}
		v := aVTN(t, Demand, Tariff)
		out := v.list(e("PRICE", "0.3"))
		var doc tariffs.PriceDocument
		must(t, json.Unmarshal(out.Prices, &doc))
		early = early || doc.Prices[0].Start.Before(noon.Add(2*time.Hour))
		v = aVTN(t, Demand)
		v.list(e("SIMPLE", "2"))
		if start := v.s.Events[0].Start; start.Before(noon.Add(2*time.Hour)) || start.After(noon.Add(150*time.Minute)) {
			t.Fatalf("it asks from %s on", start)
		}
	}
	if !early {
		t.Error("no price began early in 200 sites")
	}
}

// Whatever a server lists: nothing below the floor, no order of the supply, no panic, and
// bounded memory.
func TestAServerThatListsAnythingDoesNoHarm(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := aVTN(t, Tariff, Message, Limit, Demand)
		for range rapid.IntRange(1, 6).Draw(rt, "polls") {
			var all []string
			for range rapid.IntRange(0, 5).Draw(rt, "events") {
				e := anEvent(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "id"), rapid.SampledFrom([]string{"SIMPLE", "PRICE", "IMPORT_CAPACITY_LIMIT", "ALERT_FIRE", "GHG", "X_PREPAY_TOKEN"}).Draw(rt, "type"),
					rapid.SampledFrom([]string{"1", "2.4", "-7", `"x"`, "null", "{}", "1e99", "2,3"}).Draw(rt, "value"), fmt.Sprintf(`"priority":%d,`, rapid.IntRange(-1, 3).Draw(rt, "priority")))
				e = strings.Replace(e, "0001-01-01T00:00:00", rapid.SampledFrom([]string{"0001-01-01", "2026-12-01T12:30:00Z", "2026-11-30T00:00:00+02:00", "1000-01-01T00:00:00Z", ""}).Draw(rt, "start"), 1)
				e = strings.Replace(e, "PT1H", rapid.SampledFrom([]string{"PT1H", "PT0S", "P9999Y", "P1Y", "-1", "PT1S"}).Draw(rt, "length"), 1)
				if at := rapid.IntRange(0, 3*len(e)).Draw(rt, "byte"); at < len(e) {
					e = e[:at] + rapid.SampledFrom([]string{"", "0", `"`, "}"}).Draw(rt, "instead") + e[at+1:]
				}
				all = append(all, e)
			}
			v.list(all...)
			v.pass(time.Duration(rapid.IntRange(0, 200).Draw(rt, "minutes")) * time.Minute)
			for _, f := range v.r.Curbs(v.s, v.now) {
				if f.Limit < v.r.Limit.Floor {
					rt.Fatalf("a limit of %s", f.Limit)
				}
			}
			for _, f := range v.r.Asks(v.s, v.now) {
				if f.Limit < v.r.Limit.Floor && (f.Limit != Nothing || f.Loads == nil) {
					rt.Fatalf("asked for %s of %v", f.Limit, f.Loads)
				}
			}
			if s := v.s.Supply; s.Off != nil || s.Notice != nil || len(v.s.Events) > 2*mostEvents {
				rt.Fatalf("%+v", v.s)
			}
			_ = v.r.Ahead(v.s, v.now, v.now.Add(24*time.Hour))
		}
	})
}
