package homeassistant

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name, path string // of its fault; empty: it is good
		change     func(d *Document)
	}{
		{"a good one", "", func(*Document) {}},
		{"with everything", "", func(d *Document) {
			d.Setpoint, d.Measured = &SetpointDocument{Entity: "number.a", Unit: "A"}, &MeasuredDocument{Entity: "sensor.p", Unit: "kW"}
		}},
		{"a set-point alone", "", func(d *Document) { d.Entity, d.Setpoint = "", &SetpointDocument{Entity: "input_number.a"} }},
		{"no address", "url", func(d *Document) { d.URL = "" }},
		{"an address of something else", "url", func(d *Document) { d.URL = "mqtt://x" }},
		{"a password in the address", "url", func(d *Document) { d.URL = "http://u:p@x" }},
		{"no token", "token", func(d *Document) { d.Token = "" }},
		{"nothing is switched", "entity", func(d *Document) { d.Entity = "" }},
		{"a name that is none", "entity", func(d *Document) { d.Entity = "Geyser" }},
		{"what cannot be switched", "entity", func(d *Document) { d.Entity = "sensor.power" }},
		{"a set-point that is a switch", "setpoint.entity", func(d *Document) { d.Setpoint = &SetpointDocument{Entity: "switch.x"} }},
		{"a unit that is none", "setpoint.unit", func(d *Document) { d.Setpoint = &SetpointDocument{Entity: "number.x", Unit: "VA"} }},
		{"what is measured by a switch", "measured.entity", func(d *Document) { d.Measured = &MeasuredDocument{Entity: "switch.x"} }},
		{"a pause for ever", "pause", func(d *Document) { d.Pause = 2 * time.Hour }},
		{"it is forgotten at once", "stale", func(d *Document) { d.Stale = time.Second }},
	} {
		d := &Document{URL: "http://homeassistant.local:8123", Token: token, Entity: "switch.geyser"}
		row.change(d)
		l := d.Check()
		if (row.path == "") != (len(l) == 0) || len(l) > 1 || len(l) == 1 && (l[0].Path != row.path || l[0].Remedy == "") {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
	x := (&Document{Entity: "switch.a", Setpoint: &SetpointDocument{Entity: "number.a", Unit: "A"}}).Traits()
	if !x.Remote || x.Renewable || x.Blind || !x.Told || !x.Amperes || x.Of != "switch.a" || x.Also != "number.a" {
		t.Errorf("%+v", x)
	}
	if _, err := (&Document{Entity: "switch.a", Setpoint: &SetpointDocument{Entity: "number.a", Unit: "A"}}).Open(loads.Env{}); err == nil {
		t.Error("amperes of a load of which no voltage is known are taken for watts")
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"http://homeassistant.local:8123": "ws://homeassistant.local:8123/api/websocket", "https://ha.example.org/": "wss://ha.example.org/api/websocket",
		"ws://supervisor/core/api/websocket": "ws://supervisor/core/api/websocket", "http://x/proxied": "ws://x/proxied/api/websocket",
	} {
		if got, err := socketOf(in); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// What is sent, to the letter, and what is told of it.
func TestACharger(t *testing.T) {
	h := newHome(t)
	r := amps()
	s := open(t, &Document{
		URL: h.url, Token: token, Entity: "switch.plug", Setpoint: &SetpointDocument{Entity: "number.amps", Unit: "A"}, Measured: &MeasuredDocument{Entity: "sensor.power", Unit: "kW"},
	}, loads.Env{Powers: r.Powers(), PerAmpere: r.PerAmpere()})
	seen := func(want loads.Setpoint, draws units.Power) {
		t.Helper()
		until(t, want.String(), func() bool {
			o, _ := s.Observed(t.Context())
			return o.Known && o.HasSet && o.Set == want && o.On == want.On && o.HasPower && o.Power == draws
		})
	}
	seen(loads.Setpoint{}, 0)
	ten := loads.Setpoint{On: true, Power: 2300 * units.Watt}
	if err := s.Set(t.Context(), ten); err != nil {
		t.Fatal(err)
	}
	seen(ten, 2300*units.Watt)
	if err := s.Set(t.Context(), loads.Setpoint{}); err != nil {
		t.Fatal(err)
	}
	seen(loads.Setpoint{}, 0)
	h.mu.Lock()
	said := slices.Clone(h.said)
	h.mu.Unlock()
	if want := []string{"number.set_value number.amps 10", "switch.turn_on switch.plug", "switch.turn_off switch.plug"}; !slices.Equal(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
	mute := open(t, &Document{URL: h.url, Token: token, Measured: &MeasuredDocument{Entity: "sensor.power", Unit: "kW"}}, loads.Env{})
	until(t, "what is only measured is known", func() bool { o, _ := mute.Observed(t.Context()); return o.Known && !o.On && o.HasPower })
	if x := mute.doc.Traits(); !x.Deaf || !x.Measures || x.Of != "sensor.power" || mute.Set(t.Context(), loads.Setpoint{}) == nil {
		t.Errorf("it is told something: %+v", x)
	}
	h.change(func() { h.amps, h.closed = 0, true })
	seen(loads.Setpoint{}, 0) // told to draw nothing it is off
}

// A token that is refused is not tried on and on, for Home Assistant may shut out who does; it is
// in no log, and what to do is said.
func TestATokenThatIsRefused(t *testing.T) {
	var mu sync.Mutex
	var logged bytes.Buffer
	h := newHome(t)
	s := open(t, &Document{URL: h.url, Token: "guessed", Entity: "switch.plug"}, loads.Env{
		Log: slog.New(slog.NewTextHandler(writer(func(b []byte) { mu.Lock(); defer mu.Unlock(); logged.Write(b) }), nil)),
	})
	until(t, "it is said", func() bool { return strings.Contains(s.Trouble(), "make a new long-lived access token") })
	time.Sleep(200 * time.Millisecond) // others come back after 10 ms
	h.mu.Lock()
	tries := h.tries
	h.mu.Unlock()
	if tries != 1 {
		t.Errorf("it was tried %d times", tries)
	}
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(logged.String(), "refused") || strings.Contains(logged.String(), "guessed") {
		t.Errorf("logged: %s", logged.String())
	}
	if p := usualPace(usualStale); p.refused < time.Minute || p.long < p.refused {
		t.Errorf("%+v", p)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// What Home Assistant does not know is not known, and it is said why.
func TestWhatIsNotKnown(t *testing.T) {
	for name, row := range map[string]struct {
		entity string
		change func(h *home)
		says   string
	}{
		"an entity that is not there": {"switch.gone", func(*home) {}, "has no switch.gone"},
		"one that is unavailable":     {"switch.plug", func(h *home) { h.there = false }, "is unavailable"},
		"one whose state is assumed":  {"switch.plug", func(h *home) { h.assumed = true }, "only assumes"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			row.change(h)
			s := open(t, &Document{URL: h.url, Token: token, Entity: row.entity}, loads.Env{})
			until(t, row.says, func() bool { return strings.Contains(s.Trouble(), row.says) })
			if o, err := s.Observed(t.Context()); err != nil || o.Known {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
	h := newHome(t)
	h.plugAs = "heating" // no word of a switch
	s := open(t, &Document{URL: h.url, Token: token, Entity: "switch.plug"}, loads.Env{})
	until(t, "it is off", func() bool { o, _ := s.Observed(t.Context()); return o.Known && !o.On })
	h.Press(true)
	until(t, "it is in a state, and which is not known", func() bool { o, _ := s.Observed(t.Context()); return !o.Known })
}

// Without a connection nothing is known, and nothing of what was told is told by itself once it
// is back: the guard tells what holds then.
func TestAfterARestartOfHomeAssistant(t *testing.T) {
	h := newHome(t)
	s := open(t, &Document{URL: h.url, Token: token, Entity: "switch.plug"}, loads.Env{})
	known := func(on bool) func() bool {
		return func() bool { o, _ := s.Observed(t.Context()); return o.Known && o.On == on }
	}
	until(t, "it is known", known(false))
	if err := s.Set(t.Context(), loads.Setpoint{On: true}); err != nil {
		t.Fatal(err)
	}
	until(t, "it is on", known(true))
	h.Fail(loadstest.DropsOut)
	until(t, "it is gone", func() bool { o, _ := s.Observed(t.Context()); return !o.Known })
	if err := s.Set(t.Context(), loads.Setpoint{}); err == nil {
		t.Error("a command got out to nobody")
	}
	h.change(func() { h.closed = true })
	h.Custom.Fail(loadstest.Sound)
	until(t, "it is as it was, and known", known(true))
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.said, []string{"switch.turn_on switch.plug"}) {
		t.Errorf("%q", h.said)
	}
}

// One that lets us in and tells nothing of the entities is asked more and more seldom, and said to be
// connected by nobody: each second there were two lines in the log.
func TestOneThatLetsUsInAndTellsNothing(t *testing.T) {
	var mu sync.Mutex
	var logged bytes.Buffer
	h := newHome(t)
	h.old = true
	s := open(t, &Document{URL: h.url, Token: token, Entity: "switch.plug"}, loads.Env{
		Log: slog.New(slog.NewTextHandler(writer(func(b []byte) { mu.Lock(); defer mu.Unlock(); logged.Write(b) }), nil)),
	})
	until(t, "it is said", func() bool { return strings.Contains(s.Trouble(), "Unknown command") })
	time.Sleep(time.Second)
	h.mu.Lock()
	tries := h.tries
	h.mu.Unlock()
	if tries > 35 { // each 10 ms it would be some 80, each 50 ms it is 20
		t.Errorf("it was tried %d times", tries)
	}
	mu.Lock()
	defer mu.Unlock()
	if n := strings.Count(logged.String(), "\n"); n != 1 {
		t.Errorf("%d lines were logged:\n%s", n, logged.String())
	}
}

// People choose the unit of a sensor or a number on Home Assistant's pages: 2.3 of a kilowatt must not be
// taken for 2.3 W, nor 2300 be told to what counts in amperes.
func TestAnotherUnitThanTheConfigurations(t *testing.T) {
	for name, row := range map[string]struct {
		units map[string]string
		says  string
		known bool // that it is on
		draws bool
		tells bool
	}{
		"as configured":  {map[string]string{"sensor.power": "kW", "number.amps": "A"}, "", true, true, true},
		"none is said":   {nil, "", true, true, true},
		"one of its own": {map[string]string{"sensor.power": "Kilowatt", "number.amps": "Ampere"}, "", true, true, true},
		"the sensor":     {map[string]string{"sensor.power": "W", "number.amps": "A"}, "sensor.power is in W", true, false, true},
		"the number":     {map[string]string{"sensor.power": "kW", "number.amps": "mA"}, "number.amps is in mA", false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			h, r := newHome(t), amps()
			h.units, h.closed, h.amps = row.units, true, 10
			s := open(t, &Document{
				URL: h.url, Token: token, Entity: "switch.plug", Setpoint: &SetpointDocument{Entity: "number.amps", Unit: "A"}, Measured: &MeasuredDocument{Entity: "sensor.power", Unit: "kW"},
			}, loads.Env{Powers: r.Powers(), PerAmpere: r.PerAmpere()})
			until(t, "it is heard", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return !s.sure.IsZero() })
			o, _ := s.Observed(t.Context())
			if o.Known != row.known || o.HasPower != row.draws || row.draws && o.Power != 2300*units.Watt || !strings.HasPrefix(s.Trouble(), row.says) || row.says == "" && s.Trouble() != "" {
				t.Errorf("%+v, %q", o, s.Trouble())
			}
			if err := s.Set(t.Context(), loads.Setpoint{On: true, Power: 2300 * units.Watt}); (err == nil) != row.tells {
				t.Errorf("told: %v", err)
			}
			if err := s.Set(t.Context(), loads.Setpoint{}); err != nil {
				t.Errorf("off: %v", err)
			}
		})
	}
}

func FuzzUpdate(f *testing.F) {
	f.Add(`{"a":{"switch.x":{"s":"on","a":{"assumed_state":true}}}}`)
	f.Add(`{"c":{"switch.x":{"+":{"s":null},"-":{"a":["assumed_state"]}}},"r":["switch.x"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s := &Switch{doc: Document{Entity: "switch.x", Stale: time.Hour}, now: time.Now, states: map[string]entity{}, session: &session{}}
		var u update
		if json.Unmarshal([]byte(text), &u) != nil {
			return
		}
		s.take(u, time.Now())
		if o, err := s.Observed(t.Context()); err != nil || o.Known && s.states["switch.x"].state != "on" && s.states["switch.x"].state != "off" {
			t.Errorf("%s: %+v, %v", text, o, err)
		}
	})
}
