// Package learn finds what a tariff must be for a person's own receipts to come out as they
// did: block limits, prices, what a month costs beside them, and a tax.
package learn

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// Receipt is a bill or a purchase.
type Receipt struct {
	Line   int       // in the file, for what is told
	Day    time.Time // a day of the billing month that it is of, as the local calendar has it
	Energy units.Energy
	Amount units.Money // with taxes
	Tax    units.Money // the part of it that is tax, with HasTax
	HasTax bool
}

// Options are what the receipts do not say.
type Options struct {
	Currency, Zone string
	Rounding       units.Money  // to which amounts are rounded; a cent where not given
	Units          units.Energy // to which energy is rounded; 0: it is exact
}

// Found is what was found.
type Found struct {
	Document    tariffs.Document
	Explained   int      // receipts that come out as they are by it
	Unexplained []string // what does not, a sentence each
}

// Learn fits a tariff to receipts.  The error says what is missing to begin, or why no tariff
// comes out as they do.
func Learn(receipts []Receipt, o Options) (Found, error) {
	if len(receipts) < 3 {
		return Found{}, fmt.Errorf("%d receipts say too little: give at least 3, of months of different use", len(receipts))
	}
	if o.Rounding == 0 {
		o.Rounding = units.One / 100
	}
	receipts = slices.Clone(receipts)
	slices.SortStableFunc(receipts, func(a, b Receipt) int { return a.Day.Compare(b.Day) })
	taxed := !slices.ContainsFunc(receipts, func(r Receipt) bool { return !r.HasTax })
	net := func(r Receipt) float64 {
		if taxed {
			return (r.Amount - r.Tax).Float()
		}
		return r.Amount.Float()
	}
	slip := o.Rounding.Float() * 0.51
	if taxed {
		slip *= 2 // of the amount and of the tax
	}
	points, several := months(receipts, slip, o.Units.KWh(), net)
	f := fitter{o: o, several: several, rows: receipts}
	f.fit(points)
	var found Found
	v := f.version(taxed)
	if taxed {
		f.tax(&v)
	}
	found.Document = tariffs.Document{Currency: o.Currency, Zone: o.Zone, Current: tariffs.CurrentUnknown, Versions: []tariffs.Version{v}}
	found.Explained, found.Unexplained = len(receipts)-len(f.odd), f.said
	if err := found.Document.Check().Err(); err != nil {
		return Found{}, fmt.Errorf("no tariff comes out as these receipts do:\n%w", err)
	}
	return found, nil
}

// months are the points of all months, by rising use, and whether some have more than one.
func months(receipts []Receipt, slip, unit float64, value func(Receipt) float64) (points []point, several bool) {
	price := 0.0
	for _, r := range receipts {
		if r.Energy > 0 {
			price = max(price, value(r)/r.Energy.KWh())
		}
	}
	slip += price * unit / 2
	var sum point
	last := ""
	for i, r := range receipts {
		month := r.Day.Format("2006-01")
		if month != last {
			sum, last = point{}, month
		} else {
			several = true
		}
		sum = point{sum.x + r.Energy.KWh(), sum.y + value(r), sum.slip + slip, i}
		points = append(points, sum)
	}
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	return points, several
}

// class is a stretch of the month's total that is priced from its first kWh on.
type class struct {
	to    float64 // 0: no limit
	fixed float64
	steps []step
}

type step struct {
	to    float64 // 0: no limit
	price float64
	count int // receipts it was found from
}

type fitter struct {
	o       Options
	several bool
	rows    []Receipt
	classes []class
	in      [][]point    // of each class
	odd     map[int]bool // receipts that nothing explains
	said    []string
}

func (f *fitter) say(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
}

func (f *fitter) fit(points []point) {
	f.odd = map[int]bool{}
	all, odd := runs(points)
	for _, p := range odd {
		f.odd[p.row] = true
		f.say("line %d is unlike the others: %.2f kWh in its month come to %.2f", f.rows[p.row].Line, p.x, p.y)
	}
	var before *run
	for i := range all {
		r := &all[i]
		if before != nil {
			f.contradicts(before, r)
			if len(r.points) == 0 {
				continue
			}
		}
		if distinct(r.points) < 2 && before != nil {
			// One amount alone says nothing of its price.
			for _, p := range r.points {
				f.odd[p.row] = true
				f.say("line %d: %.2f kWh in its month come to %.2f; no second receipt is like it, so its price is not known", f.rows[p.row].Line, p.x, p.y)
			}
			continue
		}
		if before == nil || !f.bends(before, r) {
			f.jumps(before, r)
		}
		if n := len(r.points); n < 4 && len(all) > 1 {
			f.say("what is between %.2f and %.2f kWh is found from %d receipts only", r.points[0].x, r.points[n-1].x, n)
		}
		f.in[len(f.classes)-1] = append(f.in[len(f.classes)-1], r.points...)
		before = r
	}
	for i := range f.classes {
		f.classes[i].polish(f.in[i])
	}
}

// contradicts leaves out of a run what has the same energy as a receipt before it, and
// another amount.
func (f *fitter) contradicts(before, r *run) {
	last := before.points[len(before.points)-1].x
	for len(r.points) > 0 && r.points[0].x < last+0.01 {
		p := r.points[0]
		f.odd[p.row] = true
		f.say("line %d: %.2f kWh in its month come to %.2f, and elsewhere to another amount", f.rows[p.row].Line, p.x, p.y)
		*r = run{points: r.points[1:], core: r.points[1:], slope: slopes(r.points[1:])}
	}
}

// distinct is how many amounts of energy points have.
func distinct(points []point) int {
	n := 1
	for i := 1; i < len(points); i++ {
		if points[i].x > points[i-1].x {
			n++
		}
	}
	return n
}

// bends adds a step to the class where a run's line begins on the end of the one before,
// and tells whether it does.
func (f *fitter) bends(before, r *run) bool {
	c := &f.classes[len(f.classes)-1]
	last := &c.steps[len(c.steps)-1]
	// What the class comes to by its last step, prolonged: at no kWh and each one more.
	start := c.fixed
	for i := range len(c.steps) - 1 {
		start += (c.steps[i].price - c.steps[i+1].price) * c.steps[i].to
	}
	gap := span{before.core[len(before.core)-1].x, r.core[0].x}
	if len(r.core) > 3 {
		gap.high = r.core[1].x // the first may be on the end of the line before
	}
	best, bestAt, decimals := 0.0, 0.0, math.MaxInt
	for _, price := range candidates(r.slope) {
		at := starts(r.core, price)
		if at.empty() || price == last.price {
			continue
		}
		// The line before is not known better than its points are.
		slip := r.core[0].slip
		a, b := (at.low-slip-start)/(last.price-price), (at.high+slip-start)/(last.price-price)
		limit := span{min(a, b), max(a, b)}.with(gap)
		if limit.empty() {
			continue
		}
		x, d := roundestOf(limit, -2)
		_, p := roundestOf(span{price, price}, 0)
		if d+p < decimals {
			best, bestAt, decimals = price, x, d+p
		}
	}
	if decimals == math.MaxInt {
		return false
	}
	last.to = bestAt
	c.steps = append(c.steps, step{price: best, count: len(r.points)})
	return true
}

// candidates are round prices of a span, the roundest first.
func candidates(s span) []float64 {
	if math.IsInf(s.low, 0) || math.IsInf(s.high, 0) {
		return nil
	}
	var out []float64
	for d := 0; d <= 6 && len(out) < 200; d++ {
		unit := math.Pow(10, -float64(d))
		first, last := math.Ceil(s.low/unit), math.Floor(s.high/unit)
		for k := first; k <= last && len(out) < 200; k++ {
			out = append(out, clean(k*unit))
		}
	}
	return append(out, clean(s.mid()))
}

// jumps begins a class where a run's line is not on the one before.
func (f *fitter) jumps(before, r *run) {
	slope := r.slope
	price := roundest(slope, 0)
	if math.IsInf(slope.low, 0) || math.IsInf(slope.high, 0) {
		// All receipts are of the same energy.
		price = 0
		if x := r.points[0].x; x > 0 {
			price = clean(r.points[0].y / x)
		}
		f.say("all receipts have the same energy, so what is paid whatever is used cannot be told from the price")
	}
	at := starts(r.core, price)
	if at.empty() {
		price = clean(slope.mid())
		at = starts(r.core, price)
	}
	if before != nil {
		gap := span{before.points[len(before.points)-1].x, r.points[0].x - 1e-6}
		c := &f.classes[len(f.classes)-1]
		if c.to = roundest(gap, -2); c.to <= 0 {
			c.to = clean(gap.high)
		}
		if gap.high-gap.low > 1.5 {
			f.say("from %.2f to %.2f kWh the whole month gets another price; where between them is not known: %g is taken", gap.low, r.points[0].x, c.to)
		}
	}
	fixed := roundest(at, 0)
	if at.has(0) {
		fixed = 0
	}
	f.in = append(f.in, nil)
	f.classes = append(f.classes, class{fixed: fixed, steps: []step{{price: price, count: len(r.points)}}})
}
