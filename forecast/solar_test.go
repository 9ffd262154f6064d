package forecast

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// panels is a seeded roof of 4 kW: a sun that lengthens its days and clouds
// that last for days.
func panels(days int, seed uint64) []Observation {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]Observation, days*48)
	sky := 0.7
	for i := range out {
		t := monday.Add(time.Duration(i) * 30 * time.Minute)
		if i%48 == 0 {
			sky = math.Max(0.15, math.Min(1, 0.6*sky+0.4*rng.Float64()+0.05))
		}
		half := 4.5 + float64(i)/48/60
		h := (float64(i%48)/2 - 12.2) / half
		kwh := 0.0
		if math.Abs(h) < 1 {
			kwh = 2 * math.Cos(h*math.Pi/2) * sky * (0.85 + 0.15*rng.Float64())
		}
		out[i] = Observation{Slot: units.Slot{Start: t, Len: 30 * time.Minute}, Energy: units.FromKWh(kwh)}
	}
	return out
}

func TestSolarBeatsYesterdayAndKnowsTheNight(t *testing.T) {
	obs := panels(120, 4)
	s, err := NewSolar(30 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var loss, naive, covered, lit float64
	for i, o := range obs {
		if i >= 60*48 && i%48 == 12 && i+48 <= len(obs) {
			for k, f := range s.Forecast(o.Slot.Start, day) {
				y := obs[i+k].Energy.KWh()
				if obs[i+k].Slot.Start.Hour() < 5 && f.Q90 > 0.001 {
					t.Fatalf("sun at night: %+v", f)
				}
				if f.Q10 > f.Q50 || f.Q50 > f.Q90 || f.Q10 < 0 {
					t.Fatalf("quantiles out of order: %+v", f)
				}
				loss += math.Abs(y - f.Q50)
				naive += math.Abs(y - obs[i+k-48].Energy.KWh())
				if y > 0.05 {
					lit++
					if y >= f.Q10 && y <= f.Q90 {
						covered++
					}
				}
			}
		}
		if err := s.Update(o); err != nil {
			t.Fatal(err)
		}
	}
	if loss > 0.98*naive { // the sky of panels can be foreseen by some 10 % better at most
		t.Errorf("error %.1f kWh, as yesterday %.1f kWh", loss, naive)
	}
	if c := covered / lit; c < 0.65 || c > 0.93 {
		t.Errorf("%.2f of daylight slots within the 10-90 %% range", c)
	}
}

func TestSolarWithoutDataPromisesNothing(t *testing.T) {
	s, err := NewSolar(30 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Forecast(monday, day) {
		if f.Q90 != 0 || f.Mean != 0 {
			t.Fatalf("promised %+v", f)
		}
	}
	if err := s.Update(Observation{Slot: units.Slot{Start: monday, Len: time.Hour}}); !errors.Is(err, ErrSlot) {
		t.Errorf("another length: %v", err)
	}
}

// Futures of the sun are as bright in the mean as its forecast, as uncertain by day as days are, dark at
// night, and the same for the same seed.
func TestPathsOfTheSun(t *testing.T) {
	s, err := NewSolar(30 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	obs := panels(90, 7)
	for _, o := range obs {
		if err := s.Update(o); err != nil {
			t.Fatal(err)
		}
	}
	at := monday.Add(90 * day)
	paths, again := s.Paths(at, 10*day, 400, 3), s.Paths(at, 10*day, 400, 3)
	foreseen, made := 0.0, 0.0
	days := make([]float64, 0, 4000)
	for i, f := range s.Forecast(at, 10*day) {
		foreseen += f.Mean
		for p := range paths {
			if paths[p][i] != again[p][i] || paths[p][i] < 0 {
				t.Fatalf("path %d, slot %d: %g, and again %g", p, i, paths[p][i], again[p][i])
			}
			if f.Slot.Start.Hour() < 5 && paths[p][i] > 0.001 {
				t.Fatalf("sun at night: %g kWh at %s", paths[p][i], f.Slot.Start)
			}
			made += paths[p][i] / float64(len(paths))
		}
	}
	if math.Abs(made/foreseen-1) > 0.1 {
		t.Errorf("in the mean %.1f kWh, foreseen %.1f kWh", made, foreseen)
	}
	for _, path := range paths {
		for d := range 10 {
			sum := 0.0
			for _, x := range path[48*d : 48*d+48] {
				sum += x
			}
			days = append(days, sum)
		}
	}
	real := make([]float64, 0, 90)
	for d := range 90 {
		sum := 0.0
		for _, o := range obs[48*d : 48*d+48] {
			sum += o.Energy.KWh()
		}
		real = append(real, sum)
	}
	slices.Sort(days)
	slices.Sort(real)
	wide, was := days[3600]-days[400], real[81]-real[9]
	if wide < 0.6*was || wide > 1.4*was {
		t.Errorf("from the tenth to the ninetieth of days %.1f kWh, and it was %.1f kWh", wide, was)
	}
	if dark, known := s.Usual(units.Slot{Start: at.Add(3 * time.Hour), Len: 30 * time.Minute}); !known || dark > 0.001 {
		t.Errorf("at night: %g, known %v", dark, known)
	}
	if noon, known := s.Usual(units.Slot{Start: at.Add(12 * time.Hour), Len: 30 * time.Minute}); !known || noon < 0.8 {
		t.Errorf("at noon: %g, known %v", noon, known)
	}
	if _, known := s.Usual(units.Slot{Start: at.Add(-200 * day), Len: 30 * time.Minute}); known {
		t.Error("a day of which nothing is known is")
	}
	empty, err := NewSolar(30 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range empty.Paths(at, day, 1, 1)[0] {
		if x != 0 {
			t.Fatal("the sun of nobody shines")
		}
	}
}
