package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Solar forecasts what the site's own panels make, from nothing but what they
// made: no location, no weather service.  The best each time of day (in UTC,
// which the sun keeps to) has done of late is taken as a clear sky; what share
// of it recent days reached is the cloudiness, of which yesterday tells the
// most.  It belongs to one goroutine.
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
	y, n := s.sky(at, horizon)
	out := make([]Slot, n)
	for i := range out {
		out[i].Slot = units.Slot{Start: time.Unix((y.first+int64(i))*s.hist.step, 0).UTC(), Len: s.step}
		k, ahead := y.place(i)
		top := y.tops[k]
		if top <= 0 {
			continue
		}
		// Samples are what share of the clear sky the same hours of past days
		// reached, each moved by what yesterday, compared with the day before
		// that one, says of the weather.
		var v []sample
		reach := max(1, y.perDay/24)
		for b := range cloudsDays {
			w, move := math.Exp2(-float64(b)/30), y.move(b, ahead)
			for o := -reach; o <= reach; o++ {
				if x, ok := y.share(y.before(b, k)-o, top); ok {
					v = append(v, sample{float32(math.Max(0, math.Min(brightest, x+move))), 0, float32(w)})
				}
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

// Paths draws n equally likely courses of what is made in the slots that Forecast answers
// for, in kWh.  Each follows the sky of past days, as many of them one after the other as
// there happen to be: a cloudy week is as likely as it was.  Equal arguments and data give equal
// paths.
func (s *Solar) Paths(at time.Time, horizon time.Duration, n int, seed uint64) [][]float64 {
	y, slots := s.sky(at, horizon)
	out := make([][]float64, max(0, n))
	flat := make([]float64, max(0, n)*slots)
	rng := rand.New(rand.NewPCG(seed, uint64(y.perDay)))
	var known []int
	for b, x := range y.clouds {
		if x == x {
			known = append(known, b)
		}
	}
	// By age as in Forecast: half as likely with each 30 days.
	drawn := func() int {
		return known[min(len(known)-1, int(30*math.Log2(1/(1-rng.Float64()*(1-math.Exp2(-float64(len(known))/30))))))]
	}
	for p := range out {
		path := flat[p*slots : (p+1)*slots]
		out[p] = path
		if len(known) == 0 {
			continue
		}
		b, day := drawn(), 1
		for i := range path {
			k, ahead := y.place(i)
			if ahead != day { // the past day's next, or another one where it has none
				if day, b = ahead, b-1; b < 0 || y.clouds[b] != y.clouds[b] {
					b = drawn()
				}
			}
			if y.tops[k] <= 0 {
				continue
			}
			x, ok := y.share(y.before(b, k), y.tops[k])
			if !ok {
				x = y.clouds[b]
			}
			path[i] = math.Max(0, math.Min(brightest, x+y.move(b, ahead))) * y.tops[k]
		}
	}
	return out
}

// Usual is the share of the best of the days before that a slot's time of day has made at its
// best in them: next to nothing at night.  known is false where no such slot was seen.
func (s *Solar) Usual(slot units.Slot) (share float64, known bool) {
	n, err := slotNumber(slot.Start, s.step)
	if err != nil || slot.Len != s.step {
		return 0, false
	}
	perDay, here, best := int64(day/s.step), 0.0, 0.0
	for k := int64(1); k <= clearDays*perDay; k++ {
		x := s.hist.at(n - k)
		if x != x {
			continue
		}
		best = math.Max(best, x)
		if k%perDay == 0 {
			here, known = math.Max(here, x), true
		}
	}
	if best <= 0 {
		return 0, false
	}
	return here / best, known
}

// brightest is the share of a clear sky that is ever made: more is the edge of a cloud.
const brightest = 1.1

// sky is what is known of past days at an instant.  Past slots are counted back from the
// first slot ahead: 1 is the last before it.
type sky struct {
	first  int64
	perDay int
	tops   []float64 // kWh under a clear sky by slot ahead, the same each day
	made   []float64 // by past slot; NaN: not known
	could  []float64 // under a clear sky
	clouds []float64 // see Solar.clouds
	weight []float64 // by day ahead: how much of yesterday's departure is still there
}

// sky is that of the slots from the one that holds at on, and how many there are.
func (s *Solar) sky(at time.Time, horizon time.Duration) (y *sky, n int) {
	at = held(at)
	horizon = max(0, min(horizon, longestHorizon))
	perDay := int64(day / s.step)
	y = &sky{first: floorDiv(at.Unix(), s.hist.step), perDay: int(perDay)}
	n = max(0, int((at.Add(horizon).Sub(time.Unix(y.first*s.hist.step, 0))+s.step-1)/s.step))
	past := (cloudsDays + 2) * y.perDay
	y.tops, y.made, y.could = make([]float64, perDay), make([]float64, past), make([]float64, past)
	for k := range y.tops {
		y.tops[k] = s.clear(y.first+int64(k)-perDay, y.first, perDay)
	}
	for i := range y.made {
		c := y.first - int64(i)
		y.made[i], y.could[i] = s.hist.at(c), s.clear(c, c+1, perDay)
	}
	y.clouds = y.cloudiness()
	lasting := lastingShare(y.clouds)
	for d := 0; d <= n/y.perDay+1; d++ {
		y.weight = append(y.weight, math.Pow(lasting, float64(d)))
	}
	return y, n
}

// place is the slot of its day, counted from the first slot ahead, and which day ahead it is, from 1.
func (y *sky) place(i int) (k, ahead int) { return i % y.perDay, i/y.perDay + 1 }

// before is the past slot of the same time of day as slot k ahead, b days before the last such.
func (y *sky) before(b, k int) int { return (b+1)*y.perDay - k }

// share is what part of a clear sky a past slot made; ok is false where that says nothing.
func (y *sky) share(past int, top float64) (x float64, ok bool) {
	if past < 1 || past >= len(y.made) {
		return 0, false
	}
	x, t := y.made[past], y.could[past]
	if x != x || t < top/20 || t <= 0 {
		return 0, false
	}
	return x / t, true
}

// move is by how much what day b made is to be moved for a day ahead: as far as the weather
// of yesterday lasts, compared with that of as many days before b.
func (y *sky) move(b, ahead int) float64 {
	k := b + ahead
	if k >= len(y.clouds) || y.clouds[0] != y.clouds[0] || y.clouds[k] != y.clouds[k] {
		return 0
	}
	return y.weight[ahead] * (y.clouds[0] - y.clouds[k])
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

// cloudiness is what share of the clear sky each whole day before the first slot made,
// the last first; NaN where it is not known.
func (y *sky) cloudiness() []float64 {
	out := make([]float64, cloudsDays)
	for b := range out {
		made, could := 0.0, 0.0
		for i := 1; i <= y.perDay; i++ {
			if c := b*y.perDay + i; y.made[c] == y.made[c] {
				made += y.made[c]
				could += y.could[c]
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
