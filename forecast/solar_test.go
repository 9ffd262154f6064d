package forecast

import (
	"errors"
	"math"
	"math/rand/v2"
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
