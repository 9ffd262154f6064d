package forecast

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/internal/units"
)

// dayAhead is the median path's energy of the next day.
func dayAhead(f *Forecaster, at time.Time) float64 {
	sum := 0.0
	for _, s := range f.Forecast(at, day).Slots {
		sum += s.Mean
	}
	return sum
}

// A home that was cut off wants what it wanted before, however long it was, on
// the day that the supply is back and some hours later.
func TestAfterDarkDaysTheForecastIsThatOfBefore(t *testing.T) {
	unraced.Only(t)
	const lit = 42
	obs := household(monday, 30*time.Minute, lit+23, 61)
	for _, dark := range []int{0, 1, 3, 22} {
		f := mustNew(t, Options{})
		feed(t, f, obs[:lit*48])
		before := dayAhead(f, monday.Add(lit*day))
		for _, o := range obs[lit*48 : (lit+dark)*48] {
			o.Energy, o.Quality = 0, Censored
			feed(t, f, []Observation{o})
		}
		back := monday.Add(time.Duration(lit+dark) * day)
		after := dayAhead(f, back)
		feed(t, f, obs[(lit+dark)*48:(lit+dark)*48+8]) // four hours of a night
		later := dayAhead(f, back.Add(4*time.Hour))
		t.Logf("%2d days dark: %.2f kWh a day before, %.2f after, %.2f four hours later", dark, before, after, later)
		for _, x := range []float64{after, later} {
			if math.Abs(x/before-1) > 0.15 {
				t.Errorf("%d days dark: %.2f kWh a day are expected, %.2f were before", dark, x, before)
			}
		}
	}
}

// What was used in spite of a limit counts where it is more than usual; less says nothing.
func TestACensoredSlotIsTheLeastThatWasWanted(t *testing.T) {
	base := func() *Forecaster {
		f := mustNew(t, Options{})
		feed(t, f, household(monday, 30*time.Minute, 20, 62))
		return f
	}
	at := monday.Add(20 * day)
	slot := units.Slot{Start: at, Len: 30 * time.Minute}
	for _, c := range []struct {
		name string
		kwh  float64
		same Observation
	}{
		{"nothing was used", 0, Observation{Slot: slot, Quality: Missing}},
		{"less than usual was used", 0.02, Observation{Slot: slot, Quality: Missing}},
		{"more than usual was used", 2, Observation{Slot: slot, Energy: units.FromKWh(2)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, want := base(), base()
			feed(t, got, []Observation{{Slot: slot, Energy: units.FromKWh(c.kwh), Quality: Censored}})
			feed(t, want, []Observation{c.same})
			a, b := got.Forecast(slot.End(), day), want.Forecast(slot.End(), day)
			for i := range a.Slots {
				if d := math.Abs(a.Slots[i].Mean - b.Slots[i].Mean); d > 1e-2*b.Slots[i].Mean {
					t.Fatalf("slot %d: %v, want %v", i, a.Slots[i], b.Slots[i])
				}
			}
		})
	}
}

func TestDarknessCutsAsMuchAsItSays(t *testing.T) {
	obs := household(monday, 30*time.Minute, 400, 63)
	all, left, touched := 0.0, 0.0, 0
	for i, o := range (Darkness{Share: 0.07, Mean: 6 * time.Hour, Seed: 1, As: Censored}).Cut(obs) {
		all, left = all+obs[i].Energy.KWh(), left+o.Energy.KWh()
		if o.Energy != obs[i].Energy {
			touched++
			if o.Quality != Censored {
				t.Fatalf("%+v", o)
			}
		}
	}
	if share := 1 - left/all; share < 0.05 || share > 0.09 {
		t.Errorf("%.3f of the energy is gone", share)
	}
	if share := float64(touched) / float64(len(obs)); share < 0.05 || share > 0.1 {
		t.Errorf("%.3f of the slots are touched", share)
	}
	if out := (Darkness{}).Cut(obs); len(out) != len(obs) || out[7] != obs[7] {
		t.Error("without a share something was cut")
	}
}
