package sgready

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
	"github.com/keeplit/keeplit/loads/relay"
)

// machine is the lines of a board with two relays and their auxiliary contacts.
type machine struct {
	mu     sync.Mutex
	levels map[string]bool // of outputs
	passed []string        // every state of the contacts, as they moved
	run    string          // which of them is on
	fault  loadstest.Fault
	stuck  [2]bool // the contacts as they were when they got stuck
	closed int     // lines given back
}

var errBroken = errors.New("input/output error")

// contacts are they as they really are; m.mu is held.
func (m *machine) contacts() [2]bool {
	if m.fault == loadstest.Stuck {
		return m.stuck
	}
	return [2]bool{m.levels["GPIO17"], m.levels["GPIO27"]}
}

type out struct {
	m    *machine
	line string
}

func (o out) Out(bits, _ gpio.GPIOValue) error {
	o.m.mu.Lock()
	defer o.m.mu.Unlock()
	if o.m.fault == loadstest.DropsOut {
		return errBroken
	}
	if on := bits&1 == 1; o.m.levels[o.line] != on {
		o.m.levels[o.line] = on
		o.m.passed = append(o.m.passed, fmt.Sprint(o.m.contacts()))
	}
	return nil
}

func (o out) Read(gpio.GPIOValue) (gpio.GPIOValue, error) { return 0, errors.New("an output is read") }

func (o out) Close() error { o.m.mu.Lock(); defer o.m.mu.Unlock(); o.m.closed++; return nil }

type in struct {
	m  *machine
	at int
}

func (i in) Out(_, _ gpio.GPIOValue) error { return errors.New("an input is written") }
func (i in) Read(gpio.GPIOValue) (gpio.GPIOValue, error) {
	i.m.mu.Lock()
	defer i.m.mu.Unlock()
	if i.m.contacts()[i.at] {
		return 1, nil
	}
	return 0, nil
}
func (i in) Close() error { return nil }

func (m *machine) Outputs(_ string, lines []string, first gpio.GPIOValue) (loads.Lines, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.levels[lines[0]] = first&1 == 1
	return out{m, lines[0]}, nil
}

func (m *machine) Inputs(_ string, lines []string, _ string) (loads.Lines, error) {
	return in{m, map[string]int{"GPIO5": 0, "GPIO6": 1}[lines[0]]}, nil
}

func (m *machine) Present(_ string, lines []string) (gpio.GPIOValue, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	on, ok := m.levels[lines[0]]
	if on {
		return 1, ok, nil
	}
	return 0, ok, nil
}

func (m *machine) Closes(func() error) {}

func (m *machine) PWM(string, int) loads.PWM { return nil }

// Closed implements loadstest.Device: it is in the mode for on.
func (m *machine) Closed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.contacts() == levels(m.run)
}

// Press is by hand: a bridge across the contacts.
func (m *machine) Press(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	to := levels(normal)
	if on {
		to = levels(m.run)
	}
	m.levels["GPIO17"], m.levels["GPIO27"] = to[0], to[1]
}

func (m *machine) Fail(f loadstest.Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stuck = m.contacts()
	m.fault = f
}

func document(run, rest string, feedback bool) *Document {
	d := &Document{First: &relay.Document{Line: "GPIO17"}, Second: &relay.Document{Line: "GPIO27"}, Run: run, Rest: rest}
	if feedback {
		d.First.Feedback, d.Second.Feedback = &relay.FeedbackInput{Line: "GPIO5"}, &relay.FeedbackInput{Line: "GPIO6"}
	}
	return d
}

func open(t *testing.T, d *Document, m *machine) *Switch {
	t.Helper()
	if l := d.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	if m.levels == nil {
		m.levels = map[string]bool{}
	}
	m.run = d.run()
	s, err := d.Open(loads.Env{Machine: m, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Switch)
}

func TestConformance(t *testing.T) {
	for _, row := range []struct {
		run, rest string
		feedback  bool
	}{{"", "", true}, {"", "", false}, {ordered, blocked, true}, {normal, blocked, true}} {
		t.Run(fmt.Sprintf("%+v", row), func(t *testing.T) {
			loadstest.Run(t, func(t *testing.T) loadstest.Target {
				m := &machine{}
				s := open(t, document(row.run, row.rest, row.feedback), m)
				if m.run == normal { // as it falls open: the suite begins with a device that is off
					if err := s.Set(t.Context(), loads.Setpoint{}); err != nil {
						t.Fatal(err)
					}
				}
				target := loadstest.Target{Switch: s, Device: m, Blind: !row.feedback, Faults: []loadstest.Fault{loadstest.Stuck, loadstest.DropsOut}}
				if m.run == normal {
					target.Device = bridged{m}
				}
				return target
			})
		})
	}
}

// bridged is a heat pump that a hand blocks.
type bridged struct{ *machine }

func (b bridged) Press(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.levels["GPIO17"], b.levels["GPIO27"] = !on, false
}

// On the way from any mode to any other the contacts never pass through the one that blocks.
func TestOnTheWayItIsNotBlocked(t *testing.T) {
	for _, from := range []string{normal, blocked, encouraged, ordered} {
		for _, to := range []string{normal, encouraged, ordered, blocked} {
			m := &machine{}
			s := open(t, document("", "", false), m)
			if err := s.put(t.Context(), from); err != nil {
				t.Fatal(err)
			}
			m.passed = nil
			if err := s.put(t.Context(), to); err != nil {
				t.Fatal(err)
			}
			for i, p := range m.passed {
				last := i == len(m.passed)-1
				if p == fmt.Sprint(levels(blocked)) && !(last && to == blocked) {
					t.Errorf("from %s to %s it passes %v", from, to, m.passed)
				}
			}
			if m.contacts() != levels(to) {
				t.Errorf("from %s to %s it is %v", from, to, m.contacts())
			}
		}
	}
}

// However long it is told to be off, it is blocked for two hours and no more until it has been on;
// also where the agent was started again meanwhile.
func TestItIsNotBlockedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		s := open(t, document("", blocked, true), m)
		first, end := context.WithCancel(t.Context())
		go func() { _ = s.Run(first) }()
		set := func(on bool) {
			t.Helper()
			if err := s.Set(t.Context(), loads.Setpoint{On: on}); err != nil {
				t.Fatal(err)
			}
		}
		is := func(situation, mode string) {
			t.Helper()
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.contacts() != levels(mode) {
				t.Errorf("%s: the contacts are %v, want %s", situation, m.contacts(), mode)
			}
		}
		is("at the start", normal)
		set(false)
		for range 11 {
			time.Sleep(10 * time.Minute)
			set(false) // the guard tells it again
			is("within two hours", blocked)
		}
		time.Sleep(11 * time.Minute)
		is("after two hours", normal)
		set(false)
		is("told again", normal)
		time.Sleep(time.Hour)
		is("an hour later", normal)
		set(true)
		is("on", encouraged)
		set(false)
		is("off after it was on", blocked)

		// Another agent finds the lines as they are; it tells nothing, and does not leave it so.
		end()
		synctest.Wait()
		again := open(t, document("", blocked, true), m)
		is("after a restart", blocked)
		go func() { _ = again.Run(t.Context()) }()
		time.Sleep(2*time.Hour + time.Minute)
		is("two hours after a restart", normal)
	})
}

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name, path string // of its fault; empty: it is good
		change     func(d *Document)
	}{
		{"a good one", "", func(*Document) {}},
		{"blocked for an hour", "", func(d *Document) { d.Rest, d.Most, d.Hold = blocked, time.Hour, 20*time.Minute }},
		{"one contact", "second", func(d *Document) { d.Second = nil }},
		{"no line", "first.line", func(d *Document) { d.First.Line = "" }},
		{"one line for both", "second.line", func(d *Document) { d.Second.Line = "GPIO17" }},
		{"a relay that stays", "first.contact", func(d *Document) { d.First.Contact = relay.ContactLatching }},
		{"no mode", "run", func(d *Document) { d.Run = "boost" }},
		{"no mode of rest", "rest", func(d *Document) { d.Rest = ordered }},
		{"one mode for both", "rest", func(d *Document) { d.Run = normal }},
		{"kept for a day", "hold", func(d *Document) { d.Hold = 24 * time.Hour }},
		{"blocked for longer than may be", "blocked_at_most", func(d *Document) { d.Rest, d.Most = blocked, 3*time.Hour }},
		{"a block that never is", "blocked_at_most", func(d *Document) { d.Most = time.Hour }},
	} {
		d := document("", "", true)
		row.change(d)
		l := d.Check()
		if (row.path == "") != (len(l) == 0) || len(l) > 1 || len(l) == 1 && (l[0].Path != row.path || l[0].Remedy == "") {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
	x := document("", "", true).Traits()
	if x.Blind || x.Latches || x.Of != "line GPIO17" || x.Also != "line GPIO27" || x.Hold != 10*time.Minute || x.Needs != loads.NeedsMachine {
		t.Errorf("%+v", x)
	}
	if !document("", "", false).Traits().Blind {
		t.Error("without auxiliary contacts its state is not known")
	}
	short := time.Minute
	l, err := loads.Compile(loads.Document{ID: "pump", Power: 1000_000, MinOn: &short, Switch: loads.SwitchDocument{Driver: "sgready", Settings: document("", "", true)}}, time.UTC)
	if err != nil || l.MinOn != 10*time.Minute || l.MinOff != 10*time.Minute {
		t.Errorf("%v %v, %v", l.MinOn, l.MinOff, err)
	}
}
