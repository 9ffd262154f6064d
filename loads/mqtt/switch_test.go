package mqtt

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/internal/device/devicetest"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

// said is a switch whose device speaks as the test says, in a synctest bubble.
func said(t *testing.T, d *Document, r loads.RangeDocument) (loads.Switch, *devicetest.Bus) {
	t.Helper()
	bus := &devicetest.Bus{}
	pool := devicetest.Pool(bus, time.Now)
	s, err := d.Open(loads.Env{MQTT: pool, Powers: r.Powers(), PerAmpere: r.PerAmpere()})
	if err != nil {
		t.Fatal(err)
	}
	devicetest.Run(t, pool)
	synctest.Wait()
	return s, bus
}

func TestWhatIsSentForEachSetpoint(t *testing.T) {
	three := amps()
	three.Phases = 3
	for _, row := range []struct {
		name string
		doc  *Document
		set  string
		r    loads.RangeDocument
		sent []string
	}{
		{"amperes, then on", wallbox("b"), "on 2300 W", amps(), []string{`b/set/amp {"value": 10}`, "b/set/alw true"}},
		{"the same on three phases", wallbox("b"), "on 6900 W", three, []string{`b/set/amp {"value": 10}`, "b/set/alw true"}},
		{"plain on says no amperes", wallbox("b"), "on", amps(), []string{"b/set/alw true"}},
		{"off says no amperes", wallbox("b"), "off", amps(), []string{"b/set/alw false"}},
		{"watts alone", dimmer("h"), "on 1000 W", steps(), []string{"h/level/set 1000"}},
		{"off by a power of nothing", dimmer("h"), "off", steps(), []string{"h/level/set 0"}},
		{"plain on where only a power can be said", dimmer("h"), "on", steps(), []string{"h/level/set 2000"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, bus := said(t, row.doc, row.r)
				set, err := loads.ParseSetpoint(row.set)
				if err != nil {
					t.Fatal(err)
				}
				before := len(bus.Sent())
				if err := s.Set(t.Context(), set); err != nil {
					t.Fatal(err)
				}
				got := bus.Sent()[before:]
				if len(got) != len(row.sent) {
					t.Fatalf("sent %q, want %q", got, row.sent)
				}
				for i := range got {
					if got[i] != row.sent[i] {
						t.Errorf("sent %q, want %q", got, row.sent)
					}
				}
			})
		})
	}
}

func TestWhatADeviceSays(t *testing.T) {
	type word struct {
		topic, payload string
		retained       bool
	}
	status := func(payload string) word { return word{"b/status", payload, false} }
	for _, row := range []struct {
		name      string
		doc       *Document
		words     []word
		known, on bool
		set       string // "": it says none
		power     float64
	}{
		{"it charges", wallbox("b"), []word{status(`{"alw":true,"amp":16,"nrg":[3.5,0,0]}`)}, true, true, "on 3680 W", 3500},
		{"it is on and told to draw nothing", wallbox("b"), []word{status(`{"alw":true,"amp":0,"nrg":[0]}`)}, true, false, "off", 0},
		{"numbers as texts, with blanks", wallbox("b"), []word{status(`{"alw":"true","amp":" 10 ","nrg":["2.3"]}`)}, true, true, "on 2300 W", 2300},
		{"it does not say what it was told", wallbox("b"), []word{status(`{"alw":true}`)}, false, false, "", -1},
		{"only what the broker kept", wallbox("b"), []word{{"b/status", `{"alw":true,"amp":16}`, true}}, false, false, "", -1},
		{"and then anything else that it says", func() *Document { d := dimmer("h"); return d }(), []word{{"h/level", "1000", true}, {"h/power", "970", false}}, true, true, "on 1000 W", 970},
		{"no JSON", wallbox("b"), []word{status(`{"alw":true,"amp":16}`), status(`{"alw":`)}, false, false, "", -1},
		{"a word that is no state", wallbox("b"), []word{status(`{"alw":"maybe","amp":16}`)}, false, false, "", -1},
		{"it went", wallbox("b"), []word{status(`{"alw":true,"amp":16}`), {"b/lwt", "0", false}}, false, false, "", -1},
		{"it came again and has yet to say", wallbox("b"), []word{status(`{"alw":true,"amp":16}`), {"b/lwt", "1", false}}, false, false, "", -1},
		{"a power that nothing draws", dimmer("h"), []word{{"h/level", "1000", false}, {"h/power", "1e12", false}}, true, true, "on 1000 W", -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				row.doc.Stale = time.Minute
				r := amps()
				if row.doc.Command == nil {
					r = steps()
				}
				s, bus := said(t, row.doc, r)
				for _, w := range row.words {
					bus.Say(w.topic, w.payload, w.retained)
				}
				o, err := s.Observed(t.Context())
				if err != nil || o.Known != row.known || o.On != row.on {
					t.Fatalf("%+v, %v", o, err)
				}
				if got := o.Set.String(); o.HasSet != (row.set != "") || o.HasSet && got != row.set {
					t.Errorf("it follows %q (%v), want %q", got, o.HasSet, row.set)
				}
				if o.HasPower != (row.power >= 0) || o.HasPower && o.Power.W() != row.power {
					t.Errorf("it draws %v (%v), want %v", o.Power.W(), o.HasPower, row.power)
				}
				time.Sleep(2 * time.Minute)
				if o, _ := s.Observed(t.Context()); o.Known {
					t.Error("a state is believed that was not said again")
				}
			})
		})
	}
}

func TestADeviceThatRoundsIsTakenAtItsWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, bus := said(t, dimmer("h"), loads.RangeDocument{Min: loads.Level{Power: 500 * units.Watt}, Max: loads.Level{Power: 2 * units.Kilowatt}})
		told := loads.Setpoint{On: true, Power: 1234 * units.Watt}
		if err := s.Set(t.Context(), told); err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			payload string
			want    units.Power
		}{{"1230", told.Power}, {"1234.4", told.Power}, {"1500", 1500 * units.Watt}} {
			bus.Say("h/level", row.payload, false)
			if o, _ := s.Observed(t.Context()); o.Set.Power != row.want {
				t.Errorf("it says %s: %v", row.payload, o.Set)
			}
		}
	})
}

// A device that is only measured is known by what it says that it draws, and is told nothing.
func TestADeviceThatIsOnlyMeasured(t *testing.T) {
	b := loadstest.NewBroker(t)
	d := &Document{Measured: &ValueDocument{Topic: "freezer", Path: "power"}, Stale: stale}
	if x := d.Traits(); !x.Deaf || !x.Measures || x.Blind || x.Told || x.Of != "what says freezer power" {
		t.Errorf("%+v", x)
	}
	s := open(t, d, b.Bus(t), loads.RangeDocument{Steps: []loads.Level{{Power: units.Watt}}})
	says := func(payload string, ok func(o loads.Observation) bool) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			b.Say("freezer", payload, false)
			if o, err := s.Observed(t.Context()); err == nil && ok(o) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: not understood", payload)
			}
		}
	}
	says(`{"power": 85.5}`, func(o loads.Observation) bool { return o.Known && o.On && o.HasPower && o.Power == 85500 })
	says(`{"power": 0}`, func(o loads.Observation) bool { return o.Known && !o.On && o.HasPower && o.Power == 0 })
	for _, p := range []loads.Setpoint{{}, {On: true}} {
		if err := s.Set(t.Context(), p); err == nil {
			t.Errorf("it is told %v", p)
		}
	}
}

func TestSettings(t *testing.T) {
	hasty := time.Second
	if l := wallbox("b").Check(); len(l) > 0 {
		t.Error(l)
	}
	for _, row := range []struct {
		name, path string
		change     func(d *Document)
	}{
		{"nothing switches it", "command", func(d *Document) { d.Command, d.Setpoint, d.Measured = nil, nil, nil }},
		{"no topic", "command.topic", func(d *Document) { d.Command.Topic = "" }},
		{"a wildcard", "state.topic", func(d *Document) { d.State.Topic = "b/#" }},
		{"one word for both", "command.off", func(d *Document) { d.Command.Off = "true" }},
		{"one word for both, of which one is the usual", "command.off", func(d *Document) { d.Command.On, d.Command.Off = "OFF", "" }},
		{"one word for there and for gone", "online.off", func(d *Document) { d.Online.Off = "1" }},
		{"its state is what it is told", "state.topic", func(d *Document) { d.State.Topic = d.Command.Topic }},
		{"its set-point is what it is told", "setpoint.state.topic", func(d *Document) { d.Setpoint.State.Topic = d.Setpoint.Topic }},
		{"its being there is what it is asked", "online.topic", func(d *Document) { d.Online.Topic = d.Ask.Topic }},
		{"its power is what it is told", "measured.topic", func(d *Document) { d.Measured.Topic = d.Setpoint.Topic }},
		{"one topic for both", "setpoint.topic", func(d *Document) { d.Setpoint.Topic = d.Command.Topic }},
		{"a word that is both", "state.off", func(d *Document) { d.State.On, d.State.Off = "2|3", "1 | 3" }},
		{"half of the words", "state", func(d *Document) { d.State.On = "2" }},
		{"an empty step of a path", "state.path", func(d *Document) { d.State.Path = "a..b" }},
		{"a unit that is none", "setpoint.unit", func(d *Document) { d.Setpoint.Unit = "VA" }},
		{"two units", "setpoint.state.unit", func(d *Document) { d.Setpoint.State.Unit = "W" }},
		{"no place for the number", "setpoint.payload", func(d *Document) { d.Setpoint.Payload = "{}" }},
		{"a unit of energy", "measured.unit", func(d *Document) { d.Measured.Unit = "kWh" }},
		{"a pause for ever", "pause", func(d *Document) { d.Pause = 2 * time.Hour }},
		{"a hasty dead man", "dead_man", func(d *Document) { d.DeadMan = &hasty }},
		{"a negative age", "stale", func(d *Document) { d.Stale = -1 }},
	} {
		d := wallbox("b")
		row.change(d)
		if l := d.Check(); len(l) != 1 || l[0].Path != row.path || l[0].Remedy == "" {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
}

func TestWhatIsKnownOfItBeforehand(t *testing.T) {
	minute := time.Minute
	d := wallbox("b")
	if x := d.Traits(); !x.Powers || !x.Told || x.Blind || x.Renewable || !x.Amperes || x.Of != "what listens to b/set/alw" || x.Also != "what listens to b/set/amp" {
		t.Errorf("%+v", x)
	}
	d.DeadMan = &minute
	if !d.Traits().Renewable {
		t.Error("it drops by itself and is not renewed")
	}
	d.Setpoint, d.State = nil, nil
	if x := d.Traits(); x.Powers || x.Told || !x.Blind {
		t.Errorf("%+v", x)
	}
	if _, err := d.Open(loads.Env{MQTT: devicetest.Pool(&devicetest.Bus{}, time.Now)}); err != nil {
		t.Error(err)
	}
	d.Measured.Unit = "A"
	if _, err := d.Open(loads.Env{MQTT: devicetest.Pool(&devicetest.Bus{}, time.Now)}); err == nil {
		t.Error("amperes of a load of which no voltage is known are taken for watts")
	}
}
