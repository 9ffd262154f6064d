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

// Store is the emulated battery behind a switch.
type Store interface {
	// Follows is the set-point that it really follows; off where it is left to itself.
	Follows() loads.Setpoint
	// Does has it be so full, in thousandths, and take so much, or give below zero.
	Does(charge int, flow units.Power)
	// Fail gives it a fault, or repairs it with Sound.
	Fail(f Fault)
}

// StoreTarget is a switch on its battery.
type StoreTarget struct {
	Switch loads.Switch
	Store  Store
	Faults []Fault // those its kind of device can have
	Stale  time.Duration
	// DeadMan is how long the battery goes on as it was told by itself.
	DeadMan time.Duration
}

// RunStore is the suite that every driver passes that steers a battery: it takes and gives as it was told, it
// is never said to be told what it is not, it goes back to its own ways where it is told so or nobody speaks to it any more,
// and what it does is said whoever told it.  open gives a new battery that is left to itself, with a new switch
// on it.
func RunStore(t *testing.T, open func(t *testing.T) StoreTarget) {
	start := func(t *testing.T) *stored {
		t.Helper()
		g := &stored{T: t, StoreTarget: open(t)}
		g.until("the switch knows its battery", func(o loads.Observation) bool { return o.Known && !o.On })
		return g
	}
	t.Run("takes, gives and rests", func(t *testing.T) {
		g := start(t)
		for _, s := range g.all() {
			g.tell(s)
			g.follows(s)
		}
		for _, s := range g.all() {
			g.tell(s)
			g.follows(s)
			g.tell(loads.Setpoint{})
			g.follows(loads.Setpoint{})
		}
	})
	t.Run("says what it holds and does", func(t *testing.T) {
		g := start(t)
		for _, x := range []struct {
			charge int
			flow   units.Power
		}{{420, -1500 * units.Watt}, {0, 0}, {1000, 700 * units.Watt}} {
			g.Store.Does(x.charge, x.flow)
			g.until("what it does is said", func(o loads.Observation) bool {
				return o.Known && o.HasCharge && o.Charge == x.charge && o.HasPower && o.Power == x.flow
			})
		}
	})
	t.Run("what it does not take is refused", func(t *testing.T) {
		g := start(t)
		for _, s := range []loads.Setpoint{{On: true}, {On: true, Power: 1 << 60}, {On: true, Power: -1 << 60}, {On: true, Mode: "no-such-mode"}} {
			var refused *loads.RefusedError
			if err := g.Switch.Set(context.Background(), s); !errors.As(err, &refused) {
				t.Errorf("%v: %v", s, err)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := g.Switch.Set(ctx, g.all()[0]); err == nil {
			t.Error("no error for a command that cannot have been sent")
		}
		time.Sleep(50 * time.Millisecond)
		if f := g.Store.Follows(); f.On {
			t.Errorf("it follows %v all the same", f)
		}
	})
	t.Run("the latest of many commands wins", func(t *testing.T) {
		g := start(t)
		all := g.all()
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for j := range 5 {
					if err := g.Switch.Set(context.Background(), all[(i+j)%len(all)]); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		g.tell(all[0])
		g.follows(all[0])
	})
	for _, f := range open(t).Faults {
		t.Run(string(f), func(t *testing.T) {
			g := start(t)
			first, second := g.all()[0], g.all()[len(g.all())-1]
			g.tell(first)
			g.follows(first)
			g.Store.Fail(f)
			err := g.Switch.Set(context.Background(), second)
			if f == DropsOut && err == nil {
				t.Error("the way to it is broken, and Set says that the command got out")
			}
			for failed := time.Now(); ; time.Sleep(5 * time.Millisecond) {
				o, err := g.Switch.Observed(context.Background())
				if err == nil && o.Known && o.HasSet && o.Set != first && o.Set != g.Store.Follows() {
					t.Fatalf("it follows %v, and the switch says %+v", g.Store.Follows(), o)
				}
				if err != nil || !o.Known {
					break
				}
				if time.Since(failed) > g.Stale+patience {
					t.Fatalf("long after it failed the switch says %+v", o)
				}
			}
			g.Store.Fail(Sound)
			g.until("the switch knows its battery again", func(o loads.Observation) bool { return o.Known && o.HasSet && o.Set == g.Store.Follows() })
			g.tell(second)
			g.follows(second)
		})
	}
	t.Run("dead man", func(t *testing.T) {
		g := start(t)
		if g.DeadMan == 0 {
			t.Skip("it has none")
		}
		s := g.all()[0]
		for end := time.Now().Add(2 * g.DeadMan); time.Now().Before(end); time.Sleep(g.DeadMan / 5) {
			g.tell(s)
			if f := g.Store.Follows(); f != s {
				t.Fatalf("renewed as %v it follows %v", s, f)
			}
		}
		g.follows(loads.Setpoint{})
	})
}

type stored struct {
	*testing.T
	StoreTarget
}

// all are set-points of each end of what it takes, and rest.
func (g *stored) all() (out []loads.Setpoint) {
	takes := loads.CapabilityOf(g.Switch)
	for _, r := range takes.Powers {
		for _, p := range []units.Power{r.From, r.To, (r.From + r.To) / 2} {
			out = append(out, takes.AtMost(loads.Setpoint{On: true, Power: p}))
		}
	}
	return append(out, loads.Setpoint{On: true, Mode: loads.Rests})
}

func (g *stored) tell(s loads.Setpoint) {
	g.Helper()
	if err := g.Switch.Set(context.Background(), s); err != nil {
		g.Fatalf("set %v: %v", s, err)
	}
}

func (g *stored) until(what string, ok func(o loads.Observation) bool) {
	g.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		o, err := g.Switch.Observed(context.Background())
		if err == nil && ok(o) {
			return
		}
		if time.Now().After(end) {
			g.Fatalf("waited %v in vain: %s: it follows %v, and the switch says %+v, %v", patience, what, g.Store.Follows(), o, err)
		}
	}
}

func (g *stored) follows(s loads.Setpoint) {
	g.Helper()
	g.until(s.String(), func(o loads.Observation) bool {
		return g.Store.Follows() == s && o.Known && o.On == s.On && o.HasSet && o.Set == s
	})
}
