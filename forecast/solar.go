package forecast

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Solar forecasts what the site's own panels make, from nothing but what they
// made: no location, no weather service.  The best each time of day (in UTC,
// which the sun keeps to) has done of late is taken as a clear sky; what share
// of it recent days reached is the cloudiness, of which yesterday tells the
// most.  It belongs to one goroutine.  Nothing uses it yet but its tests: a site's sun is
// forecast as the part of its base load that is below zero.
type Solar struct {
	step time.Duration
	hist history
}

const (
	clearDays  = 14 // the sun's path moves little within these
	cloudsDays = 60
)

// NewSolar builds a Solar without data for slots of the given length; see
// Options.Step for the lengths allowed.  The error is ErrStep.
func NewSolar(step time.Duration) (*Solar, error) {
	o := Options{Step: step}
	if err := o.fill(); err != nil {
		return nil, err
	}
	return &Solar{step: o.Step, hist: history{step: int64(o.Step / time.Second)}}, nil
}

// Update takes the generation of one slot; see Forecaster.Update.
func (s *Solar) Update(o Observation) error {
	if o.Slot.Len != s.step {
		return ErrSlot
	}
	n, err := slotNumber(o.Slot.Start, s.step)
	if err != nil {
		return err
	}
	if s.hist.leaves(n) {
		return fmt.Errorf("slot start %s: %w", o.Slot.Start.UTC().Format(time.RFC3339), ErrFuture)
	}
	kwh := math.NaN()
	if o.Quality == Measured {
		kwh = math.Max(0, o.Energy.KWh())
	}
	s.hist.set(n, kwh)
	return nil
}

// Forecast is the generation of the slots from the one that holds at to the
// last that starts before at+horizon.  Without data it is zero: energy that
// may not come is not to be planned on.
func (s *Solar) Forecast(at time.Time, horizon time.Duration) []Slot {
	at = held(at)
	horizon = max(0, min(horizon, longestHorizon))
	first := floorDiv(at.Unix(), s.hist.step)
	n := int((at.Add(horizon).Sub(time.Unix(first*s.hist.step, 0)) + s.step - 1) / s.step)
	out := make([]Slot, max(0, n))
	perDay := int64(day / s.step)
	clouds := s.clouds(first, perDay)
	lasting := lastingShare(clouds)
	for i := range out {
		g := first + int64(i)
		out[i].Slot = units.Slot{Start: time.Unix(g*s.hist.step, 0).UTC(), Len: s.step}
		ahead := int64(i)/perDay + 1
		top := s.clear(g-ahead*perDay, first, perDay)
		if top <= 0 {
			continue
		}
		// Samples are what share of the clear sky the same hours of past days
		// reached, each moved by what yesterday, compared with the day before
		// that one, says of the weather.
		var v []sample
		reach := max(1, perDay/24)
		carry := math.Pow(lasting, float64(ahead))
		for b := int64(0); b < cloudsDays; b++ {
			w := math.Exp2(-float64(b) / 30)
			move := 0.0
			if k := int(b + ahead); k < len(clouds) && clouds[0] == clouds[0] && clouds[k] == clouds[k] {
				move = carry * (clouds[0] - clouds[k])
			}
			for o := -reach; o <= reach; o++ {
				c := g - (b+ahead)*perDay + o
				if c >= first {
					continue
				}
				x, t := s.hist.at(c), s.clear(c, c+1, perDay)
				if x != x || t < top/20 {
					continue
				}
				v = append(v, sample{float32(math.Max(0, math.Min(1.1, x/t+move))), 0, float32(w)})
			}
		}
		var m gatherer
		m.unsort = v
		m.sort()
		q, ok := m.mix(m.all, []float32{1})
		if !ok {
			continue
		}
		out[i].Mean, out[i].Q10 = float64(q.mean)*top, float64(q.q10)*top
		out[i].Q50, out[i].Q90 = float64(q.q50)*top, float64(q.q90)*top
	}
	return out
}

// clear is the best that the time of day of slot g has done over the days up
// to it, as known before slot first.
func (s *Solar) clear(g, first, perDay int64) float64 {
	best := make([]float64, 0, clearDays)
	for b := int64(0); b < clearDays; b++ {
		if c := g - b*perDay; c < first {
			if x := s.hist.at(c); x == x {
				best = append(best, x)
			}
		}
	}
	if len(best) == 0 {
		return 0
	}
	slices.Sort(best)
	return sortedQuantile(best, 0.95)
}

// clouds is what share of the clear sky each whole day before slot first made,
// the last first; NaN where it is not known.
func (s *Solar) clouds(first, perDay int64) []float64 {
	out := make([]float64, cloudsDays)
	for b := range out {
		made, could := 0.0, 0.0
		for i := int64(1); i <= perDay; i++ {
			c := first - int64(b)*perDay - i
			if x := s.hist.at(c); x == x {
				made += x
				could += s.clear(c, c+1, perDay)
			}
		}
		out[b] = math.NaN()
		if could > 0 {
			out[b] = made / could
		}
	}
	return out
}

// lastingShare is how much of a day's departure from the mean is there again on
// the next: the lag-one autocorrelation, 0 to 0.9.
func lastingShare(v []float64) float64 {
	var sum, n float64
	for _, x := range v {
		if x == x {
			sum, n = sum+x, n+1
		}
	}
	const doubt = 5
	var product, square float64
	for i := 1; i < len(v); i++ {
		a, b := v[i-1]-sum/n, v[i]-sum/n
		if p := a * b; p == p {
			product += p
			square += (a*a + b*b) / 2
		}
	}
	if n < doubt || square <= 0 {
		return 0.3
	}
	return math.Max(0, math.Min(0.9, product/square))
}
