package forecast

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Made is a made-up series of a site of a kind, from a Monday on, to measure forecasts on where there is
// no recorded one: a home of about 10 kWh a day whose days differ and follow each other,
// a shop of about 35 with hours and rest of its own, an office of about 70.
func Made(kind Kind, step time.Duration, days int, seed uint64) []Observation {
	kwh := workplace(kind, seed, days, step)
	if kind == Home {
		kwh = livedIn(seed, days, 10, 0.2, step)
	}
	monday := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	out := make([]Observation, len(kwh))
	for i, x := range kwh {
		out[i] = Observation{Slot: units.Slot{Start: monday.Add(time.Duration(i) * step), Len: step}, Energy: units.FromKWh(x)}
	}
	return out
}

// livedIn is the use of a home by slot, whose days differ by sd in the logarithm; it gets up
// earlier on some of them than on others.
func livedIn(seed uint64, days int, kwh, sd float64, step time.Duration) []float64 {
	rng := rand.New(rand.NewPCG(seed, 77))
	perDay := int(day / step)
	out := make([]float64, 0, perDay*days)
	mood, sum := 0.0, 0.0
	for d := range days {
		mood = 0.5*mood + sd*rng.NormFloat64()
		up := 0.7 * rng.NormFloat64()
		for i := range perDay {
			h := float64(i)*step.Hours() - up
			kw := 0.2 + 0.5*math.Exp(-(h-7.5)*(h-7.5)/3) + 1.1*math.Exp(-(h-19)*(h-19)/6)
			if d%7 >= 5 {
				kw += 0.4 * math.Exp(-(h-13)*(h-13)/12)
			}
			if rng.Float64() < 0.08 {
				kw += 1.5 * rng.ExpFloat64()
			}
			kw *= math.Exp(mood) * (0.7 + 0.6*rng.Float64())
			out = append(out, kw)
			sum += kw
		}
	}
	for i := range out {
		out[i] *= kwh * float64(days) / sum
	}
	return out
}

// workplace is the use of a shop or an office by slot, each of a size, hours and rest of its own.
func workplace(kind Kind, seed uint64, days int, step time.Duration) []float64 {
	rng := rand.New(rand.NewPCG(seed, uint64(kind)))
	size, spread, rest := 35.0, 0.7, 0.25+0.35*rng.Float64()
	from, to, open := 8+2*rng.Float64(), 17+3*rng.Float64(), 6+rng.IntN(2)
	if kind == Office {
		size, spread = 70, 0.9
		from, to, open = 7+2*rng.Float64(), 16+3*rng.Float64(), 5
	}
	size *= math.Exp(spread * rng.NormFloat64())
	perDay := int(day / step)
	out, sum := make([]float64, 0, perDay*days), 0.0
	for d := range days {
		busy := math.Exp(0.12 * rng.NormFloat64())
		for i := range perDay {
			x := rest
			if d%7 < open {
				h := (float64(i) + 0.5) * step.Hours()
				x += (1 - rest) * busy / (1 + math.Exp(2*(from-h))) / (1 + math.Exp(2*(h-to)))
			}
			x *= math.Exp(0.1 * rng.NormFloat64())
			out = append(out, x)
			sum += x
		}
	}
	for i := range out {
		out[i] *= size * float64(days) / sum
	}
	return out
}
