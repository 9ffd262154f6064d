package mqtt

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

// Wish, guard, driver, a real Mosquitto, charger and back: amperes are followed and proven,
// a hand at the charger is seen and not undone, one that is gone is not known, and is told again
// when it is back.
func TestTheGuardRunsAChargerBehindMosquitto(t *testing.T) {
	m := testservers.StartMosquitto(t)
	b := loadstest.Other(t, strings.TrimPrefix(m.URL, "mqtt://"), m.User, m.Password)
	bus := b.Bus(t)
	charger := loadstest.NewWallbox(t, b, bus, "box")
	s := open(t, wallbox("box"), bus, amps())
	config := loads.DefaultGuard()
	config.GapMin, config.GapMax, config.Spread, config.RetryFirst, config.RetryMax = 0, 0, 0, 20*time.Millisecond, 200*time.Millisecond
	car := loads.Load{ID: "car", Kind: loads.Varies, Power: 7360 * units.Watt, Powers: amps().Powers(), Defer: true, Feedback: true, Respect: time.Hour}
	g := loads.NewGuard(config, []loads.Load{car}, time.UTC)
	var state loads.GuardState
	var hands []loads.Hand
	step := func(wish string) loads.UnitState {
		t.Helper()
		set, err := loads.ParseSetpoint(wish)
		if err != nil {
			t.Fatal(err)
		}
		o, err := s.Observed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var v loads.Verdict
		state, v = g.Step(state, loads.GuardInput{
			Now: time.Now(), Wishes: []loads.Wish{{ID: "car", Set: set, Reason: "plan"}}, Facts: []loads.Fact{{ID: "car", Observation: o, Takes: loads.CapabilityOf(s)}},
		})
		hands = append(hands, v.Hands...)
		for _, c := range v.Commands {
			if err := s.Set(t.Context(), c.Set); err != nil {
				t.Fatalf("the guard let out what the switch refuses: %v", err)
			}
		}
		return state.Unit("car")
	}
	reaches := func(situation, wish string, ok func(u loads.UnitState) bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			u := step(wish)
			if ok(u) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: the charger follows %v; %+v", situation, charger.Follows(), u)
			}
		}
	}
	proven := func(text string) func(u loads.UnitState) bool {
		return func(u loads.UnitState) bool {
			return charger.Follows().String() == text && u.Set.String() == text && u.Confirmed
		}
	}
	reaches("it is off", "off", func(u loads.UnitState) bool { return u.Confirmed && !u.Set.On })
	reaches("it starts at 10 A", "on 2300 W", proven("on 2300 W"))
	if u := state.Unit("car"); !u.Seen.HasPower || u.Seen.Power != 2300*units.Watt {
		t.Errorf("what it draws is not told: %+v", u.Seen)
	}
	reaches("20 A", "on 4600 W", proven("on 4600 W"))
	if n := state.Unit("car").Starts; n != 1 || len(hands) != 0 {
		t.Errorf("%d starts, hands %v", n, hands)
	}
	charger.Turn(true, 8)
	reaches("somebody turns it down", "on 4600 W", func(loads.UnitState) bool { return len(hands) > 0 })
	if !slices.Equal(hands, []loads.Hand{{ID: "car", Set: loads.Setpoint{On: true, Power: 1840 * units.Watt}}}) {
		t.Errorf("%v", hands)
	}
	reaches("which is wished from then on", "on 1840 W", proven("on 1840 W"))
	charger.Fail(loadstest.Offline)
	reaches("it is gone", "on 1840 W", func(u loads.UnitState) bool { return !u.Seen.Known })
	charger.Turn(false, 16) // it comes back as it likes
	charger.Fail(loadstest.Sound)
	reaches("it is back, and told what is wished now", "on 2300 W", proven("on 2300 W"))
	if len(hands) != 1 {
		t.Errorf("what it did while it was gone is taken for a hand: %v", hands)
	}
}
