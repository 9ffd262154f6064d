package metering

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// TestARegisterThatRacesIsNotCharged: a register moves evenly at a rate, in steps of its
// resolution, and is read now and then.  What the supply can carry is charged to the last
// step; what it cannot, as of a register in Wh that is taken for one in kWh, is charged by
// power, but for what one late or coarse step may be.
func TestARegisterThatRacesIsNotCharged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lim := DefaultLimits()
		lim.MaxPower = units.Power(rapid.IntRange(3, 100).Draw(rt, "kW")) * units.Kilowatt
		resolution := rapid.SampledFrom([]units.Energy{units.WattHour, 10 * units.WattHour, 100 * units.WattHour, units.KilowattHour}).Draw(rt, "resolution")
		races := rapid.Bool().Draw(rt, "races")
		percent := rapid.IntRange(1, 100).Draw(rt, "of the fuse")
		if races {
			percent = rapid.IntRange(200, 200_000).Draw(rt, "of the fuse, racing")
		}
		rate := units.Power(int64(lim.MaxPower) / 100 * int64(percent))
		every := time.Duration(rapid.IntRange(1, 60).Draw(rt, "every")) * time.Second
		told := rapid.Bool().Draw(rt, "power is told")
		const true1 = units.Kilowatt // what really flows where it races

		at := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
		var r Registers
		var counted units.Energy
		jumps := 0
		const long = time.Hour
		base := 5000 * units.KilowattHour
		var last units.Energy
		for d := time.Duration(0); d <= long; d += every {
			shown := (base + rate.Over(d)) / resolution * resolution
			s := Sample{At: at.Add(d), Has: HasImport, Import: shown, Step: resolution}
			if told {
				s.Has, s.Power = s.Has|HasPower, rate
				if races {
					s.Power = true1
				}
			}
			var c Consumption
			var events []Event
			r, c, events = r.Take(s, lim)
			counted += c.Import
			for _, e := range events {
				if e.Kind == RegisterJump {
					jumps++
				}
			}
			last = shown
		}
		moved := last - base/resolution*resolution
		if !races {
			if jumps > 0 || counted != moved {
				rt.Fatalf("%d jumps, %s counted of %s", jumps, counted, moved)
			}
			return
		}
		// At twice the fuse it takes longer to be seen than at a thousand times.
		may := 3 * ((lim.MaxPower + lim.MaxPower/4).Over(lim.Slack+2*every) + 4*resolution)
		if told {
			may += true1.Over(long)
		}
		if counted > may {
			rt.Fatalf("%s is charged, and %s at the most is explained; the register showed %s", counted, may, moved)
		}
		if jumps == 0 && moved > may {
			rt.Fatalf("nobody is told: %s of %s", counted, moved)
		}
	})
}

func TestARegisterThatRacedIsBelievedAgain(t *testing.T) {
	lim := DefaultLimits()
	at := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	var r Registers
	v := 5000 * units.KilowattHour
	take := func(rate units.Power, long time.Duration) (counted units.Energy, kinds map[EventKind]int) {
		kinds = map[EventKind]int{}
		for end := at.Add(long); at.Before(end); at = at.Add(10 * time.Second) {
			v += rate.Over(10 * time.Second)
			var c Consumption
			var events []Event
			r, c, events = r.Take(Sample{At: at, Has: HasImport, Import: v, Step: units.WattHour}, lim)
			counted += c.Import
			for _, e := range events {
				kinds[e.Kind]++
			}
		}
		return counted, kinds
	}
	take(units.Kilowatt, time.Hour)
	if got, kinds := take(40*units.Kilowatt, time.Hour); got > 2*units.KilowattHour || kinds[RegisterJump] != 1 {
		t.Errorf("of 40 kWh %s are charged, %v", got, kinds)
	}
	if _, kinds := take(units.Kilowatt, time.Hour); kinds[RegisterRebased] != 1 || kinds[RegisterJump] != 0 {
		t.Errorf("afterwards: %v", kinds)
	}
	if got, kinds := take(units.Kilowatt, time.Hour); got < 990*units.WattHour || got > 1010*units.WattHour || len(kinds) != 0 {
		t.Errorf("an hour later %s of 1 kWh is counted, %v", got, kinds)
	}
}
