// Package loadstest is the suite that every driver of a loads.Switch passes: one
// device that can be made to misbehave, one switch on it, and what the rest of
// the program relies on.
package loadstest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Device is the emulated device behind a switch.
type Device interface {
	// Closed is the real state of the contact.
	Closed() bool
	// Press changes the state by hand.
	Press(on bool)
	// Fail gives the device a fault, or repairs it with Sound.
	Fail(f Fault)
}

// Follower is the device of a switch that takes more than on and off.
type Follower interface {
	Device
	// Follows is the set-point that it really follows.
	Follows() loads.Setpoint
}

// Fault is a way to misbehave.
type Fault string

// The faults a device can have.
const (
	Sound    Fault = ""          // it obeys and answers
	Offline  Fault = "offline"   // it is gone, and its going is announced where that can be
	Silent   Fault = "silent"    // it hears nothing and says nothing, unannounced
	Stuck    Fault = "stuck"     // it answers, but the contact does not move
	Garbled  Fault = "garbled"   // what it says cannot be understood
	Refuses  Fault = "refuses"   // it answers each command with an error
	DropsOut Fault = "drops out" // the way to it is broken: Set must fail
)

// Target is a switch on its device.
type Target struct {
	Switch loads.Switch
	Device Device
	Faults []Fault // those its kind of device can have
	// Stale is how long the switch believes a state, zero where it has no such
	// limit.
	Stale time.Duration
	// DeadMan is how long the device stays on by itself, zero where it does so
	// for ever.
	DeadMan time.Duration
	// Blind: the switch has no feedback.
	Blind bool
}

// patience is how long a device may take to answer in a test.
const patience = 5 * time.Second

// Run runs the suite.  open gives a new device, off, with a new switch on it; it
// stops what it started by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Target) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, g *driven)
	}{
		{"obeys, and says so", obeys},
		{"the same state may be set again", repeated},
		{"a hand at the device is seen", byHand},
		{"the latest of many commands wins", flurry},
		{"used from several goroutines", together},
		{"a context that is done sends nothing", cancelled},
		{"a set-point that it does not take is refused", refuses},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, start(t, open)) })
	}
	t.Run("set-points", func(t *testing.T) {
		g := start(t, open)
		device, ok := g.Device.(Follower)
		if !ok {
			if takes := loads.CapabilityOf(g.Switch); len(takes.Powers)+len(takes.Modes) > 0 {
				t.Errorf("it takes %v, and its device cannot say what it follows", takes)
			}
			t.Skip("it takes on and off")
		}
		setpoints(t, g, device)
	})
	t.Run("faults", func(t *testing.T) {
		for _, f := range open(t).Faults {
			t.Run(string(f), func(t *testing.T) { faulty(t, start(t, open), f) })
		}
	})
	t.Run("dead man", func(t *testing.T) {
		g := open(t)
		if g.DeadMan == 0 {
			t.Skip("it has none")
		}
		deadMan(t, start(t, open))
	})
}

// start waits until the switch knows its device.
func start(t *testing.T, open func(t *testing.T) Target) *driven {
	t.Helper()
	g := &driven{T: t, Target: open(t)}
	g.sees(false)
	return g
}

// driven is a target under test.
type driven struct {
	*testing.T
	Target
}

func (g *driven) set(on bool) {
	g.Helper()
	g.tell(loads.Setpoint{On: on})
}

func (g *driven) tell(s loads.Setpoint) {
	g.Helper()
	if err := g.Switch.Set(context.Background(), s); err != nil {
		g.Fatalf("set %v: %v", s, err)
	}
}

func (g *driven) observed() loads.Observation {
	g.Helper()
	o, err := g.Switch.Observed(context.Background())
	if err != nil {
		g.Fatalf("observed: %v", err)
	}
	return o
}

// until waits for something to become true.
func (g *driven) until(what string, ok func() bool) {
	g.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(end) {
			g.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}

// sees waits until the device is on or off and the switch says so.
func (g *driven) sees(on bool) {
	g.Helper()
	g.until("the device is as commanded", func() bool { return g.Device.Closed() == on })
	if g.Blind {
		if o := g.observed(); o.Known {
			g.Fatalf("a switch without feedback claims to know: %+v", o)
		}
		return
	}
	g.until("the switch says so", func() bool { o := g.observed(); return o.Known && o.On == on })
}

func obeys(t *testing.T, g *driven) {
	for _, on := range []bool{true, false, true} {
		before := time.Now()
		g.set(on)
		g.sees(on)
		if o := g.observed(); o.Known && o.At.Before(before) {
			t.Errorf("confirmed by something %v older than the command", before.Sub(o.At))
		}
	}
}

func repeated(_ *testing.T, g *driven) {
	for range 3 {
		g.set(true)
		g.sees(true)
	}
	for range 3 {
		g.set(false)
		g.sees(false)
	}
}

func byHand(_ *testing.T, g *driven) {
	g.Device.Press(true)
	g.sees(true)
	g.Device.Press(false)
	g.sees(false)
}

func flurry(_ *testing.T, g *driven) {
	for i := range 20 {
		g.set(i%2 == 0)
	}
	g.set(true)
	g.sees(true)
}

func together(t *testing.T, g *driven) {
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 5 {
				if err := g.Switch.Set(context.Background(), loads.Setpoint{On: (i+j)%2 == 0}); err != nil {
					t.Error(err)
				}
				if _, err := g.Switch.Observed(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	g.set(false)
	g.sees(false)
}

func cancelled(t *testing.T, g *driven) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.Switch.Set(ctx, loads.Setpoint{On: true}); err == nil {
		t.Error("no error for a command that cannot have been sent")
	}
	time.Sleep(50 * time.Millisecond)
	if g.Device.Closed() {
		t.Error("the command was sent all the same")
	}
}

// refuses: nothing is sent of what the switch cannot say, and off always goes.
func refuses(t *testing.T, g *driven) {
	takes := loads.CapabilityOf(g.Switch)
	for _, s := range []loads.Setpoint{
		{On: true, Power: 1 << 60}, {On: true, Power: -1 << 60}, {On: true, Mode: "no-such-mode"}, {On: true, Power: 1 << 60, Mode: "no-such-mode"},
	} {
		var refused *loads.RefusedError
		if err := g.Switch.Set(context.Background(), s); !errors.As(err, &refused) {
			t.Errorf("%v, where it takes %v: error %v", s, takes, err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	if g.Device.Closed() {
		t.Error("a refused set-point was sent all the same")
	}
	g.set(true)
	g.sees(true)
	g.tell(loads.Setpoint{Power: 1 << 60, Mode: "no-such-mode"})
	g.sees(false)
}

// setpoints: each that the switch takes is followed, and told where it is read
// back; off ends it, and what is renewed goes on at it.
func setpoints(t *testing.T, g *driven, device Follower) {
	takes := loads.CapabilityOf(g.Switch)
	all := []loads.Setpoint{{On: true}}
	for _, r := range takes.Powers {
		for _, p := range []units.Power{r.From, r.To, (r.From + r.To) / 2} {
			all = append(all, takes.AtMost(loads.Setpoint{On: true, Power: p}))
		}
	}
	for _, mode := range takes.Modes {
		all = append(all, loads.Setpoint{On: true, Mode: mode})
		if len(takes.Powers) > 0 {
			all = append(all, loads.Setpoint{On: true, Power: takes.Powers[0].From, Mode: mode})
		}
	}
	is := func(is, told loads.Setpoint) bool { // plain on is as the device likes
		return is == told || told == loads.Setpoint{On: true} && is.On
	}
	follows := func(s loads.Setpoint) {
		t.Helper()
		g.until(s.String(), func() bool { return is(device.Follows(), s) })
		if o := g.observed(); takes.ReadBack {
			g.until("read back "+s.String(), func() bool { o = g.observed(); return o.HasSet && is(o.Set, s) && o.On == s.On })
		}
	}
	for _, s := range all {
		if err := takes.Check(s); err != nil {
			t.Errorf("an end of a range: %v", err)
			continue
		}
		g.tell(s)
		follows(s)
	}
	for _, s := range all {
		g.tell(s)
		follows(s)
		g.tell(loads.Setpoint{})
		follows(loads.Setpoint{})
	}
	if g.DeadMan == 0 {
		return
	}
	last := all[len(all)-1]
	g.tell(last)
	follows(last)
	for end := time.Now().Add(2 * g.DeadMan); time.Now().Before(end); time.Sleep(g.DeadMan / 5) {
		g.tell(last)
		if now := device.Follows(); !is(now, last) {
			t.Fatalf("renewed as %v it follows %v", last, now)
		}
	}
	follows(loads.Setpoint{})
}

// faulty: whatever the device does, the switch never says a state that is not so,
// and it finds back when the device is sound again.
func faulty(t *testing.T, g *driven, f Fault) {
	g.set(true)
	g.sees(true)
	g.Device.Fail(f)
	err := g.Switch.Set(context.Background(), loads.Setpoint{})
	if f == DropsOut && err == nil {
		t.Error("the way to the device is broken and Set says that the command got out")
	}
	switch f {
	case Offline:
		g.until("nothing is known of a device that is gone", func() bool { return !g.observed().Known })
	case Silent, Garbled:
		if g.Stale > 0 {
			g.until("a state that is not said again is not known any more", func() bool { return !g.observed().Known })
		}
	case Stuck:
		time.Sleep(50 * time.Millisecond)
		if o := g.observed(); !g.Blind && (!o.Known || !o.On) {
			t.Errorf("the contact is closed, but the switch says %+v", o)
		}
	case Refuses, DropsOut, Sound:
		time.Sleep(50 * time.Millisecond)
		if o, err := g.Switch.Observed(context.Background()); err == nil && o.Known && o.On != g.Device.Closed() {
			t.Errorf("the contact is closed %v, but the switch says %+v", g.Device.Closed(), o)
		}
	}
	g.Device.Fail(Sound)
	g.until("the switch knows its device again", func() bool {
		o, err := g.Switch.Observed(context.Background())
		return err == nil && (g.Blind || o.Known && o.On == g.Device.Closed())
	})
	g.set(false)
	g.sees(false)
}

// deadMan: a load that is not renewed goes off by itself, one that is renewed
// stays on.
func deadMan(t *testing.T, g *driven) {
	g.set(true)
	g.sees(true)
	for end := time.Now().Add(2 * g.DeadMan); time.Now().Before(end); time.Sleep(g.DeadMan / 5) {
		g.set(true)
		if !g.Device.Closed() {
			t.Fatal("it dropped although it was renewed")
		}
	}
	g.sees(false)
	// Off must not be turned back by the dead man either.
	g.set(false)
	time.Sleep(g.DeadMan + g.DeadMan/2)
	if g.Device.Closed() {
		t.Error("after Off the device switched on by itself")
	}
}
