package forecast

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// Forecaster learns one site's load.  It is not safe for concurrent use: it
// belongs to the goroutine that owns the site's state.
type Forecaster struct {
	opt   Options
	hist  history
	least history // kWh; of censored slots, the least that was wanted
	aside aside   // slots of a time of which somebody had told that it is not as usual
	temp  history // degrees Celsius
	cal   calendar
	fine  int

	whole *history   // as observed, where something is taken out of it; nil: hist is
	taken []takenOut // of before it had a meter of its own

	now int64 // grid slot that Clock was told of, zero where it was not

	expected []Expected

	engine *engine
	stale  int64 // first grid slot that changed since the engine last looked
	forked int64 // first grid slot that changed since the last Fork

	seen seen
}

// seen is what was worked out last, for who asks again before anything has changed: a
// plan asks for a forecast, for paths and whether a refit is due, all from one instant.
type seen struct {
	first   int64 // grid slot of days and outlook
	ceiling float64
	days    *days // nil: of none
	outlook *outlook
	refit   bool // the outlook might refit
}

// New builds a Forecaster without data.  The error is ErrStep.
func New(o Options) (*Forecaster, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	step := int64(o.Step / time.Second)
	return &Forecaster{
		opt: o, hist: history{step: step}, least: history{step: step}, temp: history{step: step},
		aside: aside{empty: history{step: step}, guests: history{step: step}}, cal: calendar{zone: o.Zone},
		fine: modelSlots(step), stale: math.MaxInt64, forked: math.MaxInt64,
	}, nil
}

// Clock tells what time it is: slots that begin later are no observations.  Where it is
// never told, only slots are refused that come more than the kept span after a day or more of
// others; with it the site may come back after as long as it likes.
func (f *Forecaster) Clock(now time.Time) {
	f.now = max(1, min(floorDiv(now.Unix(), f.hist.step), lastYear/f.hist.step))
}

// future tells whether slot n of the grid cannot have been yet.
func (f *Forecaster) future(h *history, n, ahead int64) bool {
	if f.now > 0 {
		return n > f.now+ahead
	}
	return h.leaves(n)
}

// Update takes one observation.  Order does not matter, a slot given again
// replaces what was known.  The error is ErrSlot where the slot's start or
// length is not the forecaster's, or of no year from 1970 to 2200, and ErrFuture where it
// cannot have been yet; nothing is changed then.
func (f *Forecaster) Update(o Observation) error {
	if o.Slot.Len != f.opt.Step {
		return fmt.Errorf("slot of %v, forecaster's step is %v: %w", o.Slot.Len, f.opt.Step, ErrSlot)
	}
	n, err := slotNumber(o.Slot.Start, f.opt.Step)
	if err != nil {
		return err
	}
	if f.future(&f.hist, n, 0) {
		return fmt.Errorf("slot start %s: %w", o.Slot.Start.UTC().Format(time.RFC3339), ErrFuture)
	}
	kwh, least := math.NaN(), math.NaN()
	told := Usual
	switch o.Quality {
	case Measured:
		kwh, told = o.Energy.KWh(), o.Told
	case Censored:
		least = o.Energy.KWh()
	case Estimated, Missing:
	}
	if was := f.least.at(n); least == least || was == was {
		f.least.set(n, least)
	}
	before := f.hist.first
	kwh = f.aside.take(n, kwh, told)
	f.hist.set(n, kwh)
	if f.hist.first != before {
		f.engine = nil // the first day has moved: what was replayed is gone
	}
	if f.whole != nil {
		f.whole.set(n, kwh)
		if slices.ContainsFunc(f.taken, func(t takenOut) bool { return n < t.before }) {
			f.without()
		}
	}
	f.changed(n)
	return nil
}

// changed forgets what rests on slot n of the grid.
func (f *Forecaster) changed(n int64) {
	f.stale, f.forked = min(f.stale, n), min(f.forked, n)
	f.seen = seen{}
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
	// Unusual is how many whole days the load has been quite unlike what was
	// forecast, 0 in ordinary times.  The quantiles then hold both that this
	// lasts and that the usual returns.
	Unusual int
	// UnusualRatio is the energy of those days over what was forecast.
	UnusualRatio float64
}

// Forecast answers for the slots from the one that holds at to the last that
// starts before at+horizon.  Only observations of slots before at are used.  Here and
// elsewhere at is held to the years 1970 to 2200 and the horizon to 400 days.
func (f *Forecaster) Forecast(at time.Time, horizon time.Duration) Forecast {
	first, n := f.span(at, horizon)
	o := f.look(first)
	out := Forecast{
		Slots: make([]Slot, n), OwnDays: o.ownDays, Confidence: o.ownDays / (o.ownDays + priorDays),
	}
	if o.regime.odds > 0.5 {
		out.Unusual, out.UnusualRatio = o.regime.days, o.regime.ratio
	}
	answer := o.cell
	if f.fine > 1 {
		answer = newFineAnswer(o, &f.hist, &f.cal).at
	}
	base := o.d.base / float64(f.fine)
	grid := f.resolution(first)
	for i := range out.Slots {
		g := first + int64(i)
		q := answer(f.cellOf(o.d, g))
		above := func(x float32) float64 { return float64(max(0, x)) + base } // a tail widened must not go below the least there is
		out.Slots[i] = Slot{
			Slot: units.Slot{Start: time.Unix(g*f.hist.step, 0).UTC(), Len: f.opt.Step},
			Mean: above(q.mean), Q10: snap(above(q.q10), grid), Q50: snap(above(q.q50), grid), Q90: snap(above(q.q90), grid),
		}
	}
	f.told(first, n).slots(out.Slots)
	return out
}

// resolution is the grid that the meter's readings lie on, in kWh, zero where
// it is too fine to matter.  A quantile between two values that can be read is
// one that no reading meets.
func (f *Forecaster) resolution(g int64) float64 {
	v := f.before(g)
	v = v[max(0, len(v)-2000):]
	sum, n := 0.0, 0.0
	for _, x := range v {
		if x == x {
			sum, n = sum+math.Abs(float64(x)), n+1
		}
	}
	if n < 200 {
		return 0
	}
	for _, r := range []float64{10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001} {
		if r < 0.01*sum/n {
			break
		}
		off := 0.0
		for _, x := range v {
			if y := float64(x) / r; y == y && math.Abs(y-math.Round(y)) > 1e-3 {
				off++
			}
		}
		if off < 0.02*n {
			return r
		}
	}
	return 0
}

func snap(x, grid float64) float64 {
	if grid == 0 {
		return x
	}
	if grid < 1 { // so that 3 steps of 0.1 are the float that 0.3 reads as
		return math.Round(x/grid) / math.Round(1/grid)
	}
	return math.Round(x/grid) * grid
}

// outlook is what is expected of the cells from an origin on.
type outlook struct {
	verdict
	d       *days
	origin  int
	first   int64 // slot of the grid that is asked for first: those before it are known
	engine  *engine
	ownDays float64
}

// cell answers for any cell at or after the origin.
func (o *outlook) cell(c int) quad { return o.q[o.index(c, len(o.q))] }

// index is where cell c is found in n cells from the origin on; beyond them
// the last week is repeated.
func (o *outlook) index(c, n int) int { return repeated(max(0, c-o.origin), n, o.d.perDay) }

// repeated is where the i-th is found in n, of which beyond the end the last week is repeated.
func repeated(i, n, perDay int) int {
	if i >= n {
		week := longDays * perDay
		i -= (i - n + week) / week * week
	}
	return max(i, 0)
}

// look brings the engine up to date and asks it.
func (f *Forecaster) look(first int64) *outlook { return f.lookWith(first, !f.opt.Background) }

func (f *Forecaster) lookWith(first int64, refit bool) *outlook {
	// One that might refit is the same as one that goes on with what that has taught.
	if s := &f.seen; s.outlook != nil && s.first == first && (s.refit || !refit) {
		return s.outlook
	}
	e, d := f.current(first, refit)
	o := &outlook{d: d, engine: e, origin: f.originOf(d, first), first: first, ownDays: f.ownDays(first)}
	o.verdict = e.forecastCells(o.origin, refit)
	f.blendPrior(o)
	f.seen.outlook, f.seen.refit = o, refit
	return o
}

// current is the engine as of a grid slot, without what has changed since it
// was last asked.
func (f *Forecaster) current(first int64, refit bool) (*engine, *days) {
	ceiling := f.ceiling(first)
	e := f.engine
	if e != nil && e.pass != nil && !refit {
		ceiling = e.ceiling // what was learned goes on, and another one is learned with next
	}
	if s := &f.seen; s.days == nil || s.first != first || s.ceiling != ceiling {
		f.seen = seen{first: first, ceiling: ceiling, days: f.daysAt(first, ceiling)}
	}
	d := f.seen.days
	if e == nil || e.d.base != d.base || e.d.first != d.first || e.d.temp.foresees() != d.temp.foresees() ||
		e.ceiling != ceiling && (e.d.cut || d.cut) {
		e = &engine{seed: f.opt.Seed}
		f.engine, f.stale = e, math.MaxInt64
	} else if f.stale < first {
		// A panel stands as long as nothing before its origin has changed.
		e.forgetFrom(d.leastAfter(f.stale, f.hist.step, &f.cal))
		f.stale = math.MaxInt64
	}
	e.d, e.ceiling = d, ceiling
	return e, d
}

// daysAt is the history laid out by days as of a grid slot.
func (f *Forecaster) daysAt(first int64, ceiling float64) *days {
	inhabited := f.inhabitedSlots(first)
	d := newDays(&f.hist, &f.least, &inhabited, &f.cal, f.fine, f.oldest(first), first, f.floor(first), ceiling)
	if d.cells() == 0 {
		d.first, _ = f.cal.local(first * f.hist.step)
	}
	// Holidays are asked for here, by the caller's goroutine.
	d.kinds = make([]uint8, f.originOf(d, first)/d.perDay+longDays+3)
	for i := range d.kinds {
		d.kinds[i] = f.kindOf(d.first + int64(i))
	}
	d.indexUsual()
	d.temp = newTemperatures(&f.temp, &f.cal, d, f.originOf(d, first))
	return d
}

// cellOf is the cell a grid slot is part of.
func (f *Forecaster) cellOf(d *days, g int64) int { return d.cellAt(g, f.hist.step, &f.cal) }

// originOf is the cell that a forecast from a grid slot begins at.
func (f *Forecaster) originOf(d *days, g int64) int { return d.originAt(g, f.hist.step, &f.cal) }

// span is the first slot's grid number and how many slots the horizon holds.
func (f *Forecaster) span(at time.Time, horizon time.Duration) (first int64, n int) {
	at = held(at)
	horizon = max(0, min(horizon, longestHorizon))
	first = floorDiv(at.Unix(), f.hist.step)
	start := time.Unix(first*f.hist.step, 0)
	return first, int((at.Add(horizon).Sub(start) + f.opt.Step - 1) / f.opt.Step)
}

// before is the history up to a grid slot, as far back as it is looked at.
func (f *Forecaster) before(g int64) []float32 { return f.hist.part(f.oldest(g), g) }

// oldest is the first grid slot that is looked at from slot g.  It moves with the
// weeks and not with what is held, which is more in a forecaster that has run for years than in one
// that is given what is needed.
func (f *Forecaster) oldest(g int64) int64 {
	return (f.anchorDay(g) - keepDays) * 86400 / f.hist.step
}

// anchorDay is the local day of the last anchor before a grid slot.
func (f *Forecaster) anchorDay(g int64) int64 {
	dn, _ := f.cal.local(g * f.hist.step)
	return floorDiv(dn, 7) * 7
}

// ownDays is how many days of slots before the grid slot are known.
func (f *Forecaster) ownDays(g int64) float64 {
	known := 0
	for _, x := range f.before(g) {
		if x == x {
			known++
		}
	}
	return float64(known) * float64(f.hist.step) / 86400
}

// floor is the least load thought possible: zero, or below it what was seen, but
// for a few values that are far below all others.  A meter's spike is no export: one
// slot of -9999 kWh would be the base that all else is counted from.
func (f *Forecaster) floor(g int64) float64 {
	v := f.before(g)
	var below []float32
	for _, x := range v {
		if x < 0 {
			below = append(below, x)
		}
	}
	odd := 3 + len(v)/5000 // so many may be wrong
	if len(below) <= odd {
		return 0
	}
	slices.Sort(below)
	least := max(3*below[odd], -float32(f.ceilingOf(v, true)))
	if i := slices.IndexFunc(below, func(x float32) bool { return x >= least }); i >= 0 {
		return float64(below[i])
	}
	return 0
}

// ceiling is what a single slot is cut to: ten times the 98 % quantile, of what there was
// a day before the last anchor where that is enough, up to the next fourth of an octave.  A
// meter's spike is no habit.  Where it is another one, all that was learned from what is
// cut is learned again.
func (f *Forecaster) ceiling(g int64) float64 {
	for _, to := range [2]int64{min(g, (f.anchorDay(g)-1)*86400/f.hist.step), g} {
		if x := f.ceilingOf(f.hist.part(f.oldest(g), to), false); x < math.MaxFloat32 {
			return math.Exp2(math.Ceil(4*math.Log2(x)) / 4)
		}
	}
	return math.MaxFloat32
}

// ceilingOf is the ceiling of values, or of their sizes whatever their sign.
func (f *Forecaster) ceilingOf(v []float32, sizes bool) float64 {
	stride := 1 + len(v)/4000
	known := make([]float32, 0, len(v)/stride+1)
	for i := 0; i < len(v); i += stride {
		if x := v[i]; x == x {
			if sizes && x < 0 {
				x = -x
			}
			known = append(known, x)
		}
	}
	if len(known) < 50 {
		return math.MaxFloat32
	}
	high := selectNth(known, len(known)*98/100)
	if high <= 0 {
		return math.MaxFloat32
	}
	return 10 * float64(high)
}

// kindOf is the kind of a local day.
func (f *Forecaster) kindOf(dayNumber int64) uint8 {
	if kind, named := ownKind(f.opt.Days, civil.Date(dayNumber)); named {
		return kind
	}
	wd := weekday(dayNumber)
	if f.opt.Holiday == nil {
		return uint8(wd)
	}
	year, month, dom := civil.Date(dayNumber).Civil()
	if f.opt.Holiday(year, month, dom) {
		return holidayKind
	}
	if month == time.December && dom >= 24 && wd < 5 && f.opt.Holiday(year, month, 25) {
		return betweenKind
	}
	return uint8(wd)
}
