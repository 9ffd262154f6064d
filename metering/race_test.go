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

// TestWhatWasHeldBackIsCountedWhenItComes: a queue or a buffer between the meter and the agent
// hands over all that it held, as of now.  All of it is charged, and what no supply can carry
// is charged no more than without a silence.
func TestWhatWasHeldBackIsCountedWhenItComes(t *testing.T) {
	const each = 15 * time.Second
	for _, tt := range []struct {
		name       string
		power      units.Power
		quiet      time.Duration // nothing comes
		held       time.Duration // of it, the last of which all telegrams were held
		apart      time.Duration // they come one after the other in
		resolution units.Energy
	}{
		{"an hour, all at once", 15 * units.Kilowatt, time.Hour, time.Hour, 0, units.WattHour},
		{"an hour, within twenty seconds", 15 * units.Kilowatt, time.Hour, time.Hour, 80 * time.Millisecond, units.WattHour},
		{"an hour of a coarse register", 15 * units.Kilowatt, time.Hour, time.Hour, time.Millisecond, 100 * units.WattHour},
		{"of a day the last hour", 15 * units.Kilowatt, 24 * time.Hour, time.Hour, time.Millisecond, units.WattHour},
		{"a whole day", 10 * units.Kilowatt, 24 * time.Hour, 24 * time.Hour, time.Millisecond, units.WattHour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lim := DefaultLimits()
			lim.MaxPower = 15 * units.Kilowatt
			begin := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
			var r Registers
			var counted units.Energy
			var events []Event
			shown := func(d time.Duration) units.Energy {
				return (5000*units.KilowattHour + tt.power.Over(d)) / tt.resolution * tt.resolution
			}
			take := func(d time.Duration, v units.Energy) {
				var c Consumption
				var ev []Event
				r, c, ev = r.Take(Sample{At: begin.Add(d), Has: HasImport, Import: v, Step: tt.resolution}, lim)
				counted, events = counted+c.Import, append(events, ev...)
			}
			const before = time.Hour
			for d := time.Duration(0); d <= before; d += each {
				take(d, shown(d))
			}
			end, n := before+tt.quiet, 0
			for d := end - tt.held + each; d <= end; d += each {
				take(end+time.Duration(n)*tt.apart, shown(d))
				n++
			}
			late := time.Duration(n) * tt.apart
			for d := end + late + each; d <= end+late+time.Hour; d += each {
				take(d, shown(d))
			}
			if want := shown(end+late+time.Hour) - shown(0); counted < want-2*tt.resolution || counted > want {
				t.Errorf("%s is counted of %s, %v", counted, want, events)
			}
			if counted == 0 {
				t.Fatal("nothing was counted")
			}
			before1 := counted
			v := shown(end + late + time.Hour) // a jump an hour after is one, as without a silence
			for range 4 {
				v += units.KilowattHour
				take(end+late+time.Hour+time.Second, v)
			}
			if more := counted - before1; more > 2*lim.most().Over(lim.Slack) {
				t.Errorf("%s of a jump is charged", more)
			}
		})
	}
}
