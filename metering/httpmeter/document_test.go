package httpmeter

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/values"
)

func TestSettings(t *testing.T) {
	good := func() Document {
		return Document{URL: "http://192.168.1.30/api/v1/data", Description: Description{Import: &Value{Path: "total_power_import_kwh"}, Power: &Value{Path: "active_power_w"}}}
	}
	for _, row := range []struct {
		name, path string // of the fault; empty: it is good
		change     func(d *Document)
	}{
		{"a good one", "", func(*Document) {}},
		{"phases in place of a total", "", func(d *Document) { d.Import, d.Power, d.Phases = nil, nil, []Phase{{Power: &Value{Path: "a"}}} }},
		{"no address", "url", func(d *Document) { d.URL = "" }},
		{"an address of something else", "url", func(d *Document) { d.URL = "mqtt://x" }},
		{"a password in the address", "url", func(d *Document) { d.URL = "http://u:p@x/" }},
		{"nothing to read", "", func(d *Document) { d.Import, d.Power = nil, nil }},
		{"no path", "import.path", func(d *Document) { d.Import.Path = "" }},
		{"an open bracket", "power.path", func(d *Document) { d.Power.Path = "a[0" }},
		{"a place before the first", "power.path", func(d *Document) { d.Power.Path = "a[-1]" }},
		{"a unit of something else", "import.unit", func(d *Document) { d.Import.Unit = "W" }},
		{"a factor of nothing", "power.factor", func(d *Document) { d.Power.Factor = "0" }},
		{"no factor", "power.factor", func(d *Document) { d.Power.Factor = "ten" }},
		{"an empty phase", "phases[0]", func(d *Document) { d.Phases = []Phase{{}} }},
		{"a phase's unit", "phases[1].voltage.unit", func(d *Document) {
			d.Phases = []Phase{{Power: &Value{Path: "a"}}, {Voltage: &Value{Path: "a", Unit: "A"}}}
		}},
		{"four phases", "phases", func(d *Document) { p := Phase{Power: &Value{Path: "a"}}; d.Phases = []Phase{p, p, p, p} }},
		{"two ways to sign in", "token", func(d *Document) { d.Token, d.Username, d.Password = "t", "u", "p" }},
		{"a password of nobody", "username", func(d *Document) { d.Password = "p" }},
		{"no patience", "timeout", func(d *Document) { d.Timeout = -1 }},
		{"a return beside the power", "", func(d *Document) { d.Returned = &Value{Path: "back"} }},
		{"a return of no power", "returned", func(d *Document) { d.Power, d.Returned = nil, &Value{Path: "back"} }},
		{"a phase's return of no power", "phases[0].returned", func(d *Document) { d.Phases = []Phase{{Returned: &Value{Path: "back"}}} }},
		{"an age of nothing", "stale", func(d *Document) { d.Stale = time.Minute }},
		{"no such kind", "kind", func(d *Document) { d.Kind = "abacus" }},
		{"a kind, and nothing described", "", func(d *Document) { *d = Document{Kind: "youless", URL: "http://192.168.1.30"} }},
		{"a description of what a kind tells itself", "kind", func(d *Document) { d.Kind = "tibber-pulse" }},
		{"a websocket", "", func(d *Document) { d.URL, d.Send = "ws://192.168.1.30/rpc", []string{"{}"} }},
		{"a page of a websocket", "power.url", func(d *Document) { d.URL, d.Power.URL = "ws://192.168.1.30/rpc", "/x" }},
		{"a kind that is asked", "kind", func(d *Document) { *d = Document{Kind: "youless", URL: "ws://192.168.1.30"} }},
		{"a page that is told anything", "send", func(d *Document) { d.Send = []string{"{}"} }},
		{"a topic of a page", "import.topic", func(d *Document) { d.Import.Topic = "a/b" }},
		{"a page of another server", "power.url", func(d *Document) { d.Power.URL = "http://192.168.1.31/x" }},
		{"the same in disguise", "power.url", func(d *Document) { d.Power.URL = "//192.168.1.31/x" }},
		{"another page", "", func(d *Document) { d.Power.URL = "/sensor/power" }},
		{"a path beside a sum", "import.path", func(d *Document) { d.Import.Sum = []values.Part{{Path: "a"}} }},
		{"a sum of a wrong unit", "import.sum[1].unit", func(d *Document) { d.Import = &Value{Sum: []values.Part{{Path: "a"}, {Path: "b", Unit: "W"}}} }},
		{"a phase that may be missing, and no total", "phases[0].power.optional", func(d *Document) {
			d.Power, d.Phases = nil, []Phase{{Power: &Value{Path: "a", Optional: true}}}
		}},
		{"an empty place of truth", "valid[0]", func(d *Document) { d.Valid = []string{""} }},
		{"a path to the time", "time", func(d *Document) { d.Time = "a..b" }},
	} {
		d := good()
		row.change(&d)
		l := d.Check()
		empty := row.name == "nothing to read"
		if (row.path == "" && !empty) != (len(l) == 0) || len(l) > 1 || len(l) == 1 && (l[0].Path != row.path || l[0].Remedy == "") {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
	d := good()
	d.URL = "http://192.168.1.30/api?key=hidden"
	if got := d.Label(); got != "HTTP meter at http://192.168.1.30/api" {
		t.Errorf("%q", got)
	}
}

// Whatever is answered, there is a sane sample or an error with a code.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		`{"e": 1.5, "p": -3, "d": "x", "l": [1, 2]}`, `{"e": "1"}`, `{"e": 1e300, "p": 1, "d": "x", "l": [1,2]}`, `{"e":-0, "p":1e-30,"d":5,"l":[0,0]}`, `[]`, `null`, `{`, `{"e":9e9,"p":9e9,"d":"","l":[9e9,9e9]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := New(Config{Now: time.Now, Document: Document{
			URL: "http://x", Description: Description{
				Import: &Value{Path: "e"}, Power: &Value{Path: "p", Unit: "kW", Factor: "-1000"}, Device: "d",
				Phases: []Phase{{Voltage: &Value{Path: "l[1]"}}},
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := values.Decode("read", body)
		if err == nil {
			err = m.reader.Take("", answer, time.Now())
		}
		if err == nil {
			var s metering.Sample
			if s, err = m.sample(time.Now()); err == nil {
				if !json.Valid(bytes.TrimSpace(body)) || s.Import < 0 || s.Sane("fuzz") != nil {
					t.Fatalf("%q is read as %+v", body, s)
				}
				return
			}
		}
		if metering.CodeOf(err) == "" {
			t.Fatalf("an error without a code: %v", err)
		}
	})
}
