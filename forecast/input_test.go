package forecast

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// A meter's spike downwards is no export: a home's forecast is not counted from it.
func TestOneImpossibleSlotDoesNotRuinTheForecast(t *testing.T) {
	const days = 60
	obs := household(monday, time.Hour, days, 3)
	at := monday.Add(days * day)
	plain := mustNew(t, Options{Step: time.Hour})
	feed(t, plain, obs)
	want := plain.Forecast(at, 2*day)
	for _, kwh := range []float64{-9999, -50} {
		f := mustNew(t, Options{Step: time.Hour})
		feed(t, f, obs)
		odd := obs[40*24]
		odd.Energy = units.FromKWh(kwh)
		feed(t, f, []Observation{odd})
		got := f.Forecast(at, 2*day)
		check(t, got, 48)
		for i, s := range got.Slots {
			w := want.Slots[i]
			if math.Abs(s.Q50-w.Q50) > 0.25*w.Q50+0.05 || s.Q10 < 0 || s.Q90 > 2*w.Q90+0.1 {
				t.Fatalf("one slot of %v kWh: slot %d is %+v, without it %+v", kwh, i, s, w)
			}
		}
	}
	// The export of a site with sun is no spike.
	sun := mustNew(t, Options{Step: time.Hour})
	for i := range obs {
		if h := obs[i].Slot.Start.Hour(); h >= 10 && h < 15 {
			obs[i].Energy = -2 * units.KilowattHour
		}
	}
	feed(t, sun, obs)
	if got := sun.Forecast(at, day); got.Slots[12].Q50 > -1.5 || got.Slots[12].Q10 < -2.5 {
		t.Errorf("at noon a site that feeds in 2 kWh is forecast %+v", got.Slots[12])
	}
}

func TestSlotsOfTheFutureAreRefused(t *testing.T) {
	obs := household(monday, time.Hour, 40, 3)
	at := monday.Add(40 * day)
	far := Observation{Slot: units.Slot{Start: time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC), Len: time.Hour}, Energy: units.KilowattHour}
	for name, clock := range map[string]bool{"the clock is told": true, "the clock is not told": false} {
		f, plain := mustNew(t, Options{Step: time.Hour}), mustNew(t, Options{Step: time.Hour})
		feed(t, plain, obs)
		feed(t, f, obs)
		if clock {
			f.Clock(at)
		}
		if err := f.Update(far); !errors.Is(err, ErrFuture) {
			t.Errorf("%s: a slot of 2029: %v", name, err)
		}
		if err := f.UpdateTemperature(at.Add(90*day), 20); clock && !errors.Is(err, ErrFuture) {
			t.Errorf("%s: the weather in three months: %v", name, err)
		}
		if a, b := f.Forecast(at, day), plain.Forecast(at, day); a.OwnDays != b.OwnDays || a.Slots[0] != b.Slots[0] {
			t.Errorf("%s: what was learned of %v days is forgotten but for %v", name, b.OwnDays, a.OwnDays)
		}
	}
	// A site that comes back after years, by a clock that says so, begins anew.
	f := mustNew(t, Options{Step: time.Hour})
	feed(t, f, obs)
	f.Clock(far.Slot.End())
	if err := f.Update(far); err != nil {
		t.Errorf("years later, by the clock: %v", err)
	}
	// A slot of 1970 that came first, of a clock that was not set, does not keep all others out.
	g := mustNew(t, Options{Step: time.Hour})
	feed(t, g, []Observation{{Slot: units.Slot{Start: time.Unix(0, 0).UTC(), Len: time.Hour}}})
	feed(t, g, obs)
	if own := g.Forecast(at, day).OwnDays; own < 39 {
		t.Errorf("%v days known after a first slot of 1970", own)
	}
}

// Whatever times, qualities and energies are given, nothing but an error or an ordered
// and finite answer comes of it.
func FuzzForecaster(f *testing.F) {
	f.Add(int64(1735689600), int64(1735700000), int64(86400), uint64(1), 500.0, uint8(1))
	f.Add(int64(1760232600), int64(1760232600), int64(336*3600), uint64(7), -9999.0, uint8(3))
	f.Add(int64(-1<<62), int64(1<<62), int64(1<<40), uint64(3), math.Inf(1), uint8(0))
	f.Add(int64(0), int64(7258118400), int64(-5), uint64(9), math.NaN(), uint8(2))
	steps := []time.Duration{30 * time.Minute, time.Hour, 5 * time.Minute, 15 * time.Minute}
	f.Fuzz(func(t *testing.T, start, at, horizon int64, seed uint64, odd float64, kind uint8) {
		zone, err := time.LoadLocation([]string{"Europe/London", "Pacific/Apia", "Australia/Lord_Howe", "UTC"}[kind%4])
		if err != nil {
			zone = time.UTC
		}
		step := steps[seed%4]
		x := mustNew(t, Options{Zone: zone, Step: step, Background: kind&16 == 0})
		if kind&32 != 0 {
			x.Clock(time.Unix(at, 0))
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		s := int64(step / time.Second)
		for i := range int64(rng.IntN(700)) {
			o := Observation{Slot: units.Slot{Start: time.Unix(floorDiv(start, s)*s+i*s, 0), Len: step}, Quality: Quality(rng.IntN(12) / 8), Energy: units.Energy(rng.IntN(1000)) * units.WattHour}
			switch rng.IntN(40) {
			case 0:
				o.Energy = units.FromKWh(odd)
			case 1:
				o.Slot.Start = time.Unix(floorDiv(at, s)*s, 0)
			case 2:
				o.Quality = Quality(kind)
			case 3:
				o.Slot.Start = o.Slot.Start.Add(time.Duration(horizon))
			}
			if err := x.Update(o); err != nil && !errors.Is(err, ErrSlot) && !errors.Is(err, ErrFuture) {
				t.Fatal(err)
			}
			if i%50 == 0 {
				_ = x.UpdateTemperature(o.Slot.Start, math.Mod(odd, 40)) // refused or not
			}
		}
		h := time.Duration(min(horizon, 40*86400)) * time.Second
		fc := x.Forecast(time.Unix(at, 0), h)
		check(t, fc, len(fc.Slots))
		paths := x.Scenarios(time.Unix(at, 0), h, 5, seed)
		r := paths.RunOut(Credit{Balance: odd})
		if r.Q10 > r.Q50 || r.Q50 > r.Q90 {
			t.Fatalf("%+v", r)
		}
		x.RunOuts(time.Unix(at, 0), h, 5, seed, Credit{Balance: 3})
		paths.Needs(Credit{}, []int{1, len(fc.Slots)})
		paths.Sooner(Credit{Balance: 2}, []float64{1})
	})
}

// A meter that reads in tenths often reads just what a quantile says: that is within the range.
func TestAReadingAtTheEdgeIsWithinTheRange(t *testing.T) {
	truth := history{step: 3600}
	fc := Forecast{}
	for i := range int64(48) {
		kwh := float64(i%9+1) / 10
		truth.set(i, kwh)
		fc.Slots = append(fc.Slots, Slot{Mean: kwh, Q10: kwh, Q50: kwh, Q90: kwh})
	}
	var s scores
	s.addSlots(fc, &truth, 0, 24)
	if s.covered != 48 {
		t.Errorf("%v of 48 readings that were foreseen are within the range", s.covered)
	}
}
