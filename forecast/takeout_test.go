package forecast

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// A water heater that gets a meter of its own is no more in what is foreseen at once; one that is new
// leaves what was before it as it was, and one of which that cannot be seen is found out within days.
func TestALoadWithAMeterOfItsOwnIsTakenOutOfThePast(t *testing.T) {
	const half, length = 30 * time.Minute, 60
	base := livedIn(4, length+8, 7, 0.15, half)
	for _, c := range []struct {
		name       string
		in         bool    // it was in what was measured before
		kwh        float64 // a day
		slots      []int   // in which it runs
		days       int     // since it has a meter
		least, top float64 // of what is foreseen of a day over what the rest uses
	}{
		{"a water heater, at once", true, 6, []int{10, 11, 36, 37}, 0, 0.8, 1.25},
		{"a water heater, after a day", true, 6, []int{10, 11, 36, 37}, 1, 0.8, 1.25},
		{"a new one, at once", false, 6, []int{10, 11, 36, 37}, 0, 0.8, 1.1},
		{"a new one, after three days", false, 6, []int{10, 11, 36, 37}, 3, 0.85, 1.15},
		{"a pump of 300 W, after three days", true, 3, []int{18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37}, 3, 0.8, 1.3},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := mustNew(t, Options{})
			since := monday.Add(length * day)
			per := c.kwh / float64(len(c.slots))
			for i, x := range base[:(length+c.days)*48] {
				if i < length*48 && c.in && slices.Contains(c.slots, i%48) {
					x += per
				}
				feed(t, f, []Observation{{Slot: units.Slot{Start: monday.Add(time.Duration(i) * half), Len: half}, Energy: units.FromKWh(x)}})
			}
			now := since.Add(time.Duration(c.days) * day)
			f.TakeOut("geyser", since, c.kwh, per)
			if g := f.Fork(); len(g.taken) != 1 || g.whole == f.whole {
				t.Error("a fork does not have it")
			}
			used := 0.0
			for _, x := range base[(length-14)*48 : length*48] {
				used += x / 14
			}
			got := total(f.Forecast(now, day)) / used
			t.Logf("%.2f of what the rest uses is foreseen, chance %.2f", got, f.taken[0].share)
			if !(got > c.least && got < c.top) {
				t.Errorf("%.2f of what the rest uses is foreseen", got)
			}
			learned := f.engine
			f.TakeOut("geyser", since, c.kwh, per)
			if f.engine != learned || learned == nil {
				t.Error("what was said before is learned again")
			}
		})
	}
}

// What is taken out of a day is what the load uses, of its highest slots, and never leaves less than nothing.
func TestWhatIsTakenOutIsOfTheHighestSlots(t *testing.T) {
	h := history{step: 3600, v: make([]float32, 24)}
	for i := range h.v {
		h.v[i] = 0.25
	}
	h.v[6], h.v[18], h.v[19], h.v[3] = 2.25, 2.25, 0.75, missing()
	h.takeOut(&takenOut{before: 24, kwh: 4 * 24.0 / 23, most: 2, share: 1})
	for i, x := range h.v {
		want := 0.25
		if i == 6 || i == 18 {
			want = 0.42 // two thirds of what 19 has over is taken there
		}
		if i == 19 {
			want = 0.42
		}
		if i == 3 && x == x || i != 3 && math.Abs(float64(x)-want) > 0.01 {
			t.Errorf("slot %d: %v, want %v", i, x, want)
		}
	}
	h.takeOut(&takenOut{before: 24, kwh: 100, most: 1, share: 1})
	if m := slices.Min(h.v[4:]); m < 0 || m > 1e-6 {
		t.Errorf("%v is left", m)
	}
}

// What was measured in a time of which somebody had told is not learned as usual either where a load is
// taken out of it, and what comes late of before is taken from as well.
func TestWhatWasToldOfStaysAsideWhereALoadIsTakenOut(t *testing.T) {
	f := mustNew(t, Options{Step: time.Hour})
	slot := func(i int) units.Slot {
		return units.Slot{Start: monday.Add(time.Duration(i) * time.Hour), Len: time.Hour}
	}
	put := func(i int, kwh float64, told Told) {
		feed(t, f, []Observation{{Slot: slot(i), Energy: units.FromKWh(kwh), Told: told}})
	}
	for i := range 20 * 24 {
		kwh := 0.2
		if i%24 == 6 || i%24 == 19 {
			kwh += 3
		}
		put(i, kwh, Usual)
	}
	f.TakeOut("geyser", monday.Add(20*day), 6, 3)
	put(100, 0.05, Away)
	put(19*24+6, 3.2, Usual)
	g := monday.Unix() / 3600
	if x := f.hist.at(g + 100); x == x {
		t.Errorf("%v of a time nobody was there is learned as usual", x)
	}
	if x := f.hist.at(g + 19*24 + 6); !(x < 0.6) {
		t.Errorf("%v is left where the water heater used 3 kWh", x)
	}
}
