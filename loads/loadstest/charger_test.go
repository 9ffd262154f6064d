package loadstest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

func openCharger(t *testing.T, deadMan, stale time.Duration) (*ChargerSwitch, *Charger) {
	broker := NewBroker(t)
	bus := broker.Bus(t)
	device := NewCharger(t, broker, bus, "wallbox")
	s := NewChargerSwitch(bus, "wallbox", deadMan, stale)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return s, device
}

const dropsAfter = 500 * time.Millisecond

func TestConformanceOfASwitchThatTakesSetpoints(t *testing.T) {
	const stale = 600 * time.Millisecond
	Run(t, func(t *testing.T) Target {
		s, device := openCharger(t, dropsAfter, stale)
		return Target{
			Switch: s, Device: device, Stale: stale, DeadMan: dropsAfter,
			Faults: []Fault{Offline, Silent, Stuck, DropsOut},
		}
	})
}

// TestTheGuardRunsAChargerByItsSetpoints: wish, guard, driver, broker, device and
// back, in real time.
func TestTheGuardRunsAChargerByItsSetpoints(t *testing.T) {
	s, device := openCharger(t, dropsAfter, 300*time.Millisecond)
	config := loads.DefaultGuard()
	config.GapMin, config.GapMax, config.Spread, config.RetryFirst, config.RetryMax = 0, 0, 0, 20*time.Millisecond, 100*time.Millisecond
	g := loads.NewGuard(config, []loads.Load{{ID: "car", Kind: loads.OnOff, Power: 7360 * units.Watt, Defer: true, Feedback: true, DeadMan: dropsAfter}}, time.UTC)
	var state loads.GuardState
	var warned bool
	step := func(wish loads.Wish) loads.UnitState {
		t.Helper()
		o, err := s.Observed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var v loads.Verdict
		state, v = g.Step(state, loads.GuardInput{
			Now: time.Now(), Wishes: []loads.Wish{wish}, Facts: []loads.Fact{{ID: "car", Observation: o, Takes: loads.CapabilityOf(s)}},
		})
		for _, c := range v.Commands {
			if err := s.Set(t.Context(), c.Set); err != nil {
				t.Fatalf("the guard let out what the switch refuses: %v", err)
			}
		}
		warned = warned || slices.ContainsFunc(v.Warnings, func(w loads.Warning) bool { return w.Code == loads.WarnUnconfirmed })
		return state.Unit("car")
	}
	reaches := func(situation, text string, wish loads.Wish) {
		t.Helper()
		want, err := loads.ParseSetpoint(text)
		if err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
			u := step(wish)
			if device.Follows() == want && u.Set == want && (u.Confirmed || !want.On) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: the device follows %v, reckoned %+v; want %v", situation, device.Follows(), u, want)
			}
		}
	}
	wish := func(text string) loads.Wish {
		set, err := loads.ParseSetpoint(text)
		if err != nil {
			t.Fatal(err)
		}
		return loads.Wish{ID: "car", Set: set, Reason: "plan"}
	}
	reaches("six amperes", "on 1380 W", wish("on 1380 W"))
	reaches("thirty-two", "on 7360 W", wish("on 7360 W"))
	reaches("sixteen back", "on -3680 W", wish("on -3680 W"))
	reaches("as it likes, gently", "on eco", wish("on eco"))
	if u := state.Unit("car"); u.Starts != 1 {
		t.Errorf("%d starts", u.Starts)
	}
	for end := time.Now().Add(dropsAfter + dropsAfter/2); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if step(wish("on eco")); !device.Closed() {
			t.Fatal("it dropped although it is renewed")
		}
	}
	device.Turn(loads.Setpoint{On: true, Power: 4600 * units.Watt})
	reaches("set by its app, and back", "on eco", wish("on eco"))
	s.PlugIn(2300 * units.Watt)
	reaches("a car that takes less, and a wish that it does not take", "on eco", wish("on 7360 W"))
	reaches("the most of that car", "on 2300 W", wish("on 2300 W"))
	s.PlugIn(1840 * units.Watt)
	reaches("another, and nobody wishes", "on 1840 W", loads.Wish{ID: "other"})
	device.Fail(Stuck)
	for end := time.Now().Add(patience); !warned && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		step(wish("on -1380 W"))
	}
	if !warned {
		t.Error("it does not follow, and nobody is told")
	}
	device.Fail(Sound)
	reaches("mended", "on -1380 W", wish("on -1380 W"))
	device.Fail(Silent)
	step(loads.Wish{ID: "car", Protect: true, Reason: "limit"})
	device.Fail(Sound)
	reaches("off, although it was deaf to the first word", "off", loads.Wish{ID: "car", Protect: true, Reason: "limit"})
}
