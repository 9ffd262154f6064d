package forecast

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// household is a seeded synthetic home: base load, mornings, evenings, livelier
// weekends and lumpy appliances.  Energies are kWh a slot.
func household(start time.Time, step time.Duration, days int, seed uint64) []Observation {
	rng := rand.New(rand.NewPCG(seed, 7))
	n := int(time.Duration(days) * 24 * time.Hour / step)
	out := make([]Observation, n)
	lump := 0.0
	for i := range out {
		t := start.Add(time.Duration(i) * step)
		h := float64(t.Hour()) + float64(t.Minute())/60
		kw := 0.2 + 0.5*math.Exp(-(h-7.5)*(h-7.5)/3) + 1.1*math.Exp(-(h-19)*(h-19)/6)
		if wd := t.Weekday(); wd == time.Saturday || wd == time.Sunday {
			kw += 0.4 * math.Exp(-(h-13)*(h-13)/12)
		}
		lump *= 0.6
		if rng.Float64() < 0.06 {
			lump += rng.ExpFloat64()
		}
		kw = kw*(0.8+0.4*rng.Float64()) + lump*kw
		out[i] = Observation{
			Slot:   units.Slot{Start: t, Len: step},
			Energy: units.FromKWh(kw * step.Hours()),
		}
	}
	return out
}

func feed(t testing.TB, f *Forecaster, obs []Observation) {
	t.Helper()
	for _, o := range obs {
		if err := f.Update(o); err != nil {
			t.Fatal(err)
		}
	}
}

func mustNew(t testing.TB, o Options) *Forecaster {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var monday = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func TestEmptyHistoryAnswersFromThePrior(t *testing.T) {
	f := mustNew(t, Options{})
	fc := f.Forecast(monday, 48*time.Hour)
	if len(fc.Slots) != 96 || fc.Confidence != 0 || fc.OwnDays != 0 {
		t.Fatalf("got %d slots, confidence %v, own days %v", len(fc.Slots), fc.Confidence, fc.OwnDays)
	}
	sum := 0.0
	for _, s := range fc.Slots {
		if !(0 < s.Q10 && s.Q10 < s.Q50 && s.Q50 < s.Q90) {
			t.Fatalf("quantiles out of order: %+v", s)
		}
		sum += s.Mean
	}
	if math.Abs(sum-16) > 1 {
		t.Errorf("two days of an 8 kWh site sum to %.2f kWh", sum)
	}
}

func TestUpdateRefusesSlotsOffTheGrid(t *testing.T) {
	f := mustNew(t, Options{Step: 30 * time.Minute})
	for name, slot := range map[string]units.Slot{
		"start between slots": {Start: monday.Add(10 * time.Minute), Len: 30 * time.Minute},
		"another length":      {Start: monday, Len: 15 * time.Minute},
	} {
		if err := f.Update(Observation{Slot: slot}); !errors.Is(err, ErrSlot) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, step := range []time.Duration{7 * time.Minute, 90 * time.Second, 2 * time.Hour, -time.Minute} {
		if _, err := New(Options{Step: step}); !errors.Is(err, ErrStep) {
			t.Errorf("step %v: got %v", step, err)
		}
	}
}

// After a restart a forecaster is taught what the store has, in whatever order.
func TestAForecasterTaughtAnewAnswersTheSame(t *testing.T) {
	o := Options{Seed: 3}
	f, g := mustNew(t, o), mustNew(t, o)
	all := household(monday, 30*time.Minute, 20, 1)
	feed(t, f, all)
	slices.Reverse(all)
	feed(t, g, all)
	at := monday.Add(20 * day)
	if !reflect.DeepEqual(f.Forecast(at, 48*time.Hour), g.Forecast(at, 48*time.Hour)) {
		t.Error("the one that was taught anew answers otherwise")
	}
	if !reflect.DeepEqual(f.Scenarios(at, 48*time.Hour, 9, 5), g.Scenarios(at, 48*time.Hour, 9, 5)) {
		t.Error("the one that was taught anew draws other scenarios")
	}
}

func TestRunOutOfKnownPaths(t *testing.T) {
	s := Scenarios{Start: monday, Step: time.Hour, Paths: [][]float64{{1, 1, 1, 1}}}
	for _, c := range []struct {
		name   string
		credit Credit
		want   time.Duration
		within float64
	}{
		{"nothing left", Credit{Balance: 0}, 0, 1},
		{"credit in kWh", Credit{Balance: 2.5}, 150 * time.Minute, 1},
		{"lasts beyond the horizon", Credit{Balance: 9}, 4 * time.Hour, 0},
		{"planned loads spend too", Credit{Balance: 2.5, Planned: []float64{1}}, 90 * time.Minute, 1},
		{"second block costs double", Credit{Balance: 3, Cost: func(_ int, cum, kwh float64) float64 {
			if cum >= 1 {
				return 2 * kwh
			}
			return kwh
		}}, 2 * time.Hour, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := s.RunOut(c.credit)
			if got.Q10 != c.want || got.Q50 != c.want || got.Q90 != c.want || got.Within != c.within {
				t.Errorf("got %+v, want %v within %v", got, c.want, c.within)
			}
		})
	}
}
