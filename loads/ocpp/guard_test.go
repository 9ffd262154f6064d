package ocpp

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
	"github.com/keeplit/keeplit/loads/ocpp/ocpptest"
)

// Wish, guard, driver, websocket, station and back: amperes are followed and proven, a pause
// at the station is seen and not undone, one that is gone is not known, and is told again when
// it is back.
func TestTheGuardRunsAStation(t *testing.T) {
	t.Parallel()
	sw, station := pair(t, loads.Connector{Stale: time.Minute}, 0, ocpptest.Traps{})
	config := loads.DefaultGuard()
	config.GapMin, config.GapMax, config.Spread, config.RetryFirst, config.RetryMax = 0, 0, 0, 300*time.Millisecond, 600*time.Millisecond
	car := loads.Load{ID: "car", Kind: loads.Varies, Power: 7360 * units.Watt, Powers: amps().Powers(), Defer: true, Feedback: true, Respect: time.Hour}
	g := loads.NewGuard(config, []loads.Load{car}, time.UTC)
	var state loads.GuardState
	var hands []loads.Hand
	reaches := func(situation, wish string, ok func(u loads.UnitState) bool) {
		t.Helper()
		set, err := loads.ParseSetpoint(wish)
		if err != nil {
			t.Fatal(err)
		}
		wait(t, situation, func() bool {
			o, err := sw.Observed(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var v loads.Verdict
			state, v = g.Step(state, loads.GuardInput{
				Now: time.Now(), Wishes: []loads.Wish{{ID: "car", Set: set, Reason: "plan"}}, Facts: []loads.Fact{{ID: "car", Observation: o, Takes: sw.Takes()}},
			})
			hands = append(hands, v.Hands...)
			for _, c := range v.Commands {
				_ = sw.Set(t.Context(), c.Set) // it fails while the station is gone
			}
			return ok(state.Unit("car"))
		})
	}
	proven := func(text string) func(u loads.UnitState) bool {
		return func(u loads.UnitState) bool {
			return station.Follows().String() == text && u.Set.String() == text && u.Confirmed
		}
	}
	reaches("it is off", "off", func(u loads.UnitState) bool { return u.Confirmed && !u.Set.On })
	reaches("it starts at 10 A", "on 2300 W", proven("on 2300 W"))
	reaches("20 A", "on 4600 W", proven("on 4600 W"))
	if n := state.Unit("car").Starts; n != 1 || len(hands) != 0 {
		t.Errorf("%d starts, hands %v", n, hands)
	}
	time.Sleep(2 * quick().Settle)
	station.Press(false)
	reaches("somebody pauses it", "on 4600 W", func(loads.UnitState) bool { return len(hands) > 0 })
	if !slices.Equal(hands, []loads.Hand{{ID: "car"}}) {
		t.Errorf("%v", hands)
	}
	reaches("it goes on", "on 1840 W", proven("on 1840 W"))
	station.Fail(loadstest.Offline)
	reaches("it is gone", "on 1840 W", func(u loads.UnitState) bool { return !u.Seen.Known })
	station.Fail(loadstest.Sound)
	reaches("it is back, and told what is wished now", "on 2300 W", proven("on 2300 W"))
	if len(hands) != 1 {
		t.Errorf("what it did while it was gone is taken for a hand: %v", hands)
	}
}
