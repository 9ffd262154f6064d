package forecast

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Forecaster learns one site's load.  It is not safe for concurrent use: it
// belongs to the goroutine that owns the site's state.
type Forecaster struct {
	opt  Options
	hist history
	cal  calendar
	fine int
}

// New builds a Forecaster without data.  The error is ErrStep.
func New(o Options) (*Forecaster, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	step := int64(o.Step / time.Second)
	return &Forecaster{
		opt: o, hist: history{step: step}, cal: calendar{zone: o.Zone},
		fine: modelSlots(step),
	}, nil
}

// Update takes one observation.  Order does not matter, a slot given again
// replaces what was known.  The error is ErrSlot where the slot's start or
// length is not the forecaster's; nothing is changed then.
func (f *Forecaster) Update(o Observation) error {
	if o.Slot.Len != f.opt.Step {
		return fmt.Errorf("slot of %v, forecaster's step is %v: %w", o.Slot.Len, f.opt.Step, ErrSlot)
	}
	n, err := slotNumber(o.Slot.Start, f.opt.Step)
	if err != nil {
		return err
	}
	kwh := math.NaN()
	if o.Quality == Measured {
		kwh = o.Energy.KWh()
	}
	f.hist.set(n, kwh)
	return nil
}

// Slot is the forecast of one slot, all in kWh a slot: the mean, and the
// values that 10, 50 and 90 % of outcomes stay below.  Q10 <= Q50 <= Q90.
type Slot struct {
	units.Slot
	Mean, Q10, Q50, Q90 float64
}

// Forecast is the expected base load from one instant on.
type Forecast struct {
	Slots   []Slot
	OwnDays float64 // days of the site's own data behind it
	// Confidence is the weight of the site's own data against the built-in
	// prior, 0 (nothing known) to 1: n/(n+4) for n days.
	Confidence float64
}

// Forecast answers for the slots from the one that holds at to the last that
// starts before at+horizon.  Only observations of slots before at are used.
func (f *Forecaster) Forecast(at time.Time, horizon time.Duration) Forecast {
	first, n := f.span(at, horizon)
	d := newDays(&f.hist, &f.cal, f.fine, f.holidayByNumber(), first, f.ceiling())
	own := f.ownDays(first)
	out := Forecast{Slots: make([]Slot, n), OwnDays: own, Confidence: own / (own + priorDays)}
	shape := priorShape()
	priorMean := f.opt.PriorPerDay.KWh() / float64(d.perDay*f.fine)
	level := f.level(d, priorMean)
	k := float64(f.fine)
	floor := f.floor()
	var values, weights []float64
	for i := range n {
		g := first + int64(i)
		dn, sec := f.cal.local(g * f.hist.step)
		s := int(sec / (f.hist.step * k64(f.fine)))
		p := priorSlot(&shape, s, d.perDay) * level
		slot := Slot{
			Slot: units.Slot{Start: time.Unix(g*f.hist.step, 0).UTC(), Len: f.opt.Step},
			Mean: p, Q10: p * prior10, Q50: p * prior50, Q90: p * prior90,
		}
		values, weights = values[:0], weights[:0]
		kind := d.kindOf(dn)
		for back := 1; back <= 90; back++ {
			j := int(dn-d.first) - back
			if j < 0 {
				break
			}
			if j >= d.count() {
				continue
			}
			w := math.Exp2(-float64(back)/18) * kindWeight(kind, d.kind[j])
			for o := -1; o <= 1; o++ {
				ss := s + o
				if ss < 0 || ss >= d.perDay {
					continue
				}
				x := float64(d.row(j)[ss])
				if x != x {
					continue
				}
				ww := w
				if o != 0 {
					ww *= 0.5
				}
				values, weights = append(values, x/k), append(weights, ww)
			}
		}
		if len(values) > 0 {
			m, q := weightedQuantiles(values, weights)
			c := out.Confidence
			slot.Mean += c * (m - slot.Mean)
			slot.Q10 += c * (q[0] - slot.Q10)
			slot.Q50 += c * (q[1] - slot.Q50)
			slot.Q90 += c * (q[2] - slot.Q90)
		}
		slot.Q10, slot.Q50, slot.Q90, slot.Mean = max(slot.Q10, floor), max(slot.Q50, floor), max(slot.Q90, floor), max(slot.Mean, floor)
		out.Slots[i] = slot
	}
	return out
}

func k64(n int) int64 { return int64(n) }

// kindWeight is how much a day of kind b tells about a day of kind a.
func kindWeight(a, b uint8) float64 {
	weekend := func(k uint8) bool { return k >= 5 }
	switch {
	case a == b:
		return 1.6
	case weekend(a) == weekend(b):
		return 1
	}
	return 0.25
}

// span is the first slot's grid number and how many slots the horizon holds.
func (f *Forecaster) span(at time.Time, horizon time.Duration) (first int64, n int) {
	first = floorDiv(at.Unix(), f.hist.step)
	end := at.Add(horizon)
	for t := time.Unix(first*f.hist.step, 0); t.Before(end); t = t.Add(f.opt.Step) {
		n++
	}
	return first, n
}

// ownDays is how many days of slots before the grid slot are known.
func (f *Forecaster) ownDays(before int64) float64 {
	known := 0
	for i, x := range f.hist.v {
		if f.hist.first+int64(i) >= before {
			break
		}
		if x == x {
			known++
		}
	}
	return float64(known) * float64(f.hist.step) / 86400
}

// floor is the least load thought possible: zero, or below it what was seen.
func (f *Forecaster) floor() float64 {
	least := 0.0
	for _, x := range f.hist.v {
		if float64(x) < least {
			least = float64(x)
		}
	}
	return least
}

// ceiling is what a single slot is cut to: ten times the 98 % quantile.  A
// meter's spike is no habit.
func (f *Forecaster) ceiling() float64 {
	known := make([]float32, 0, len(f.hist.v))
	for _, x := range f.hist.v {
		if x == x {
			known = append(known, x)
		}
	}
	if len(known) == 0 {
		return math.MaxFloat64
	}
	slices.Sort(known)
	q := float64(known[len(known)*98/100])
	if len(known) < 50 || q <= 0 {
		return math.MaxFloat64
	}
	return 10 * q
}

// level is the recent mean load in kWh an observed slot, drawn to the prior
// while little is known.
func (f *Forecaster) level(d *days, prior float64) float64 {
	sum, weight := 0.0, 0.0
	for i := range d.count() {
		w := math.Exp2(-float64(d.count()-1-i) / 7)
		for _, x := range d.row(i) {
			if x == x {
				sum += w * float64(x) / float64(f.fine)
				weight += w
			}
		}
	}
	n := weight / float64(d.perDay)
	if n == 0 {
		return prior
	}
	own := sum / weight
	return own + (prior-own)*0.25/(n+0.25)
}

func (f *Forecaster) holidayByNumber() func(int64) bool {
	if f.opt.Holiday == nil {
		return nil
	}
	return func(n int64) bool { return f.opt.Holiday(date(n)) }
}

// weightedQuantiles is the mean and the 10, 50 and 90 % quantiles of weighted
// values; it sorts both in step.
func weightedQuantiles(v, w []float64) (mean float64, q [3]float64) {
	order := make([]int, len(v))
	total := 0.0
	for i := range v {
		order[i] = i
		total += w[i]
		mean += w[i] * v[i]
	}
	mean /= total
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case v[a] < v[b]:
			return -1
		case v[a] > v[b]:
			return 1
		}
		return a - b
	})
	sum, k := 0.0, 0
	taus := levels()
	for _, i := range order {
		sum += w[i]
		for k < len(q) && sum >= taus[k]*total*(1-1e-12) {
			q[k] = v[i]
			k++
		}
	}
	for ; k < len(q); k++ {
		q[k] = v[order[len(order)-1]]
	}
	return mean, q
}

// levels are the probabilities of Q10, Q50 and Q90.
func levels() [3]float64 { return [3]float64{0.1, 0.5, 0.9} }
