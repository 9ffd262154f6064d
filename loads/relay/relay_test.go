package relay

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

// wiring is a relay on emulated lines.  It models the traps of the kernel's
// lines: an output that is read turns into an input with pull-up, so that its
// coil is driven by the pull; a line begins with the level of its request; two
// coils driven at once are an error that is remembered.
type wiring struct {
	mu        sync.Mutex
	activeLow bool
	latching  bool
	levels    gpio.GPIOValue
	closed    bool
	fault     loadstest.Fault
	coilsBoth bool
	driven    [2]time.Time // since when a coil is driven
	pulses    []time.Duration
	outReads  int
}

var errBroken = errors.New("input/output error")

func newWiring(activeLow, latching bool) *wiring {
	w := &wiring{activeLow: activeLow, latching: latching}
	if activeLow {
		w.levels = 0b11 // requested with its first value: both coils at rest
	}
	return w
}

func (w *wiring) coil(i int) bool { return (w.levels>>i&1 == 1) != w.activeLow }

// Out implements Lines.
func (w *wiring) Out(bits, mask gpio.GPIOValue) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == loadstest.DropsOut {
		return errBroken
	}
	was := [2]bool{w.coil(0), w.coil(1)}
	w.levels = w.levels&^mask | bits&mask
	if !w.latching {
		if w.fault != loadstest.Stuck {
			w.closed = w.coil(0)
		}
		return nil
	}
	w.coilsBoth = w.coilsBoth || w.coil(0) && w.coil(1)
	for i := range 2 {
		switch now := w.coil(i); {
		case now && !was[i]:
			w.driven[i] = time.Now()
		case !now && was[i]:
			d := time.Since(w.driven[i])
			w.pulses = append(w.pulses, d)
			if d >= 15*time.Millisecond && w.fault != loadstest.Stuck {
				w.closed = i == 0
			}
		}
	}
	return nil
}

// Read is what a driver must never do with an output.
func (w *wiring) Read(gpio.GPIOValue) (gpio.GPIOValue, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outReads++
	w.levels |= 0b11
	w.closed = w.coil(0)
	return w.levels, nil
}

// auxiliary is the feedback line.
type auxiliary struct {
	*wiring
	low bool
}

func (a auxiliary) Read(mask gpio.GPIOValue) (gpio.GPIOValue, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault == loadstest.Silent {
		return 0, errBroken
	}
	if a.closed != a.low {
		return mask, nil
	}
	return 0, nil
}

func (w *wiring) Closed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

func (w *wiring) Press(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = on
}

func (w *wiring) Fail(f loadstest.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
}

func TestRelay(t *testing.T) {
	for _, tc := range []struct {
		name                             string
		activeLow, latching, blind, fLow bool
	}{
		{"normally open, active high", false, false, false, false},
		{"normally open, active low", true, false, false, true},
		{"normally open without feedback", false, false, true, false},
		{"latching", false, true, false, false},
		{"latching, active low", true, true, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			loadstest.Run(t, func(t *testing.T) loadstest.Target {
				w := newWiring(tc.activeLow, tc.latching)
				c := Config{Out: w, ActiveLow: tc.activeLow, Latching: tc.latching, FeedbackLow: tc.fLow, Now: time.Now}
				if tc.latching {
					c.Pulse = minPulse
				}
				if !tc.blind {
					c.Feedback = auxiliary{w, tc.fLow}
				}
				s, err := New(c)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if w.outReads > 0 {
						t.Error("an output line was read: on a real line that closes the relay")
					}
					if w.coilsBoth {
						t.Error("both coils were driven at once")
					}
					if w.latching && (w.coil(0) || w.coil(1)) {
						t.Error("a coil was left driven")
					}
				})
				faults := []loadstest.Fault{loadstest.DropsOut, loadstest.Stuck}
				return loadstest.Target{Switch: s, Device: w, Faults: faults, Blind: tc.blind}
			})
		})
	}
}

func TestLatchingPulsesOnlyWhereNeeded(t *testing.T) {
	w := newWiring(false, true)
	s, err := New(Config{Out: w, Latching: true, Pulse: 25 * time.Millisecond, Feedback: auxiliary{wiring: w}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for _, on := range []bool{false, true, true, false, false} {
		if err := s.Set(ctx, loads.Setpoint{On: on}); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.pulses) != 2 {
		t.Errorf("%d pulses for two changes: %v", len(w.pulses), w.pulses)
	}
	for _, p := range w.pulses {
		if p < 25*time.Millisecond || p > 300*time.Millisecond {
			t.Errorf("a pulse of %v", p)
		}
	}
}

func TestLatchingWithBrokenFeedback(t *testing.T) {
	w := newWiring(false, true)
	s, err := New(Config{Out: w, Latching: true, Pulse: minPulse, Feedback: auxiliary{wiring: w}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	w.Press(true)
	w.Fail(loadstest.Silent)
	if _, err := s.Observed(ctx); !errors.Is(err, errBroken) {
		t.Errorf("observed: %v", err)
	}
	if err := s.Set(ctx, loads.Setpoint{On: true}); err == nil {
		t.Error("it was closed blindly")
	}
	if err := s.Set(ctx, loads.Setpoint{}); err != nil || w.Closed() {
		t.Errorf("it could not be opened, which protects: %v", err)
	}
}

func TestLatchingReleasesTheCoilWhenInterrupted(t *testing.T) {
	w := newWiring(false, true)
	s, err := New(Config{Out: w, Latching: true, Pulse: maxPulse, Feedback: auxiliary{wiring: w}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if err := s.Set(ctx, loads.Setpoint{On: true}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("set: %v", err)
	}
	if w.coil(0) || w.coil(1) {
		t.Error("a coil was left driven")
	}
}

func TestConfigurationsThatCannotBe(t *testing.T) {
	w := newWiring(false, true)
	for name, c := range map[string]Config{
		"no lines":               {Now: time.Now},
		"no clock":               {Out: w},
		"latching and blind":     {Out: w, Now: time.Now, Latching: true},
		"a pulse of a heartbeat": {Out: w, Now: time.Now, Latching: true, Feedback: auxiliary{wiring: w}, Pulse: time.Second},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
