package planning

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/contain"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
)

// Planner makes plans from the forecast, the tariff and what the loads are
// owed.  Learn may be called while Plan runs; Plan itself only once at a time.
type Planner struct {
	rules    Rules
	forecast *forecast.Forecaster
	solar    *forecast.Solar // what the sun gives; nil: no load of kind sun
	ahead    Foreseer        // what lies ahead: forecast, unless somebody knows
	paths    int
	drawn    []float64            // room for the futures of a plan
	priced   []float64            // room for what they cost
	work     int64                // most that a search does
	elapsed  func() time.Duration // real time; nil: plans depend on their inputs alone

	memory     optimizer.Memory // what the last search left for the next; plans of a real day only
	remembered time.Time        // the first slot that it is laid on

	exports time.Time // since when the site has fed energy in: its base load may be below zero; zero: never

	refits    sync.WaitGroup
	refitting bool                      // a fork of the forecaster is being refitted
	refitted  chan *forecast.Forecaster // has room for it

	mu     sync.Mutex
	learn  baseLoad
	series map[string]*joined
}

// New builds a planner.  The forecaster's step must be the site's
// interval; where that leaves its refits to others (forecast.Options.Background),
// they are made beside the plans.  elapsed measures how long a plan took, and may be
// nil.
func New(rules Rules, f *forecast.Forecaster, elapsed func() time.Duration) *Planner {
	p := &Planner{rules: rules, forecast: f, ahead: f, paths: 100, work: optimizer.DefaultWorkLimit, elapsed: elapsed, refitted: make(chan *forecast.Forecaster, 1)}
	p.learn.store = rules.store()
	if len(rules.suns()) > 0 {
		p.solar, _ = forecast.NewSolar(rules.Interval) // an interval that it refuses, the forecaster has refused
	}
	return p
}

// workPerSecond is about what a desktop's core does.
const workPerSecond = 150_000_000

// Within bounds each search to what a desktop does in d.  It is counted and not
// timed, for runs that must depend on their inputs alone.
func (p *Planner) Within(d time.Duration) {
	p.work = min(p.work, int64(d.Seconds()*workPerSecond))
}

// Learn takes in finished intervals, of the site and of its loads.
func (p *Planner) Learn(intervals []Interval) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, iv := range intervals {
		// A load that is metered and not planned is part of the base load: nobody else
		// foresees it.
		i := slices.IndexFunc(p.rules.Loads, func(l loads.Load) bool { return l.ID == iv.Series })
		sun := i >= 0 && p.rules.Loads[i].Kind == loads.Sun
		p.hear(iv)
		if i < 0 || p.rules.Loads[i].Defer || sun {
			p.learn.add(iv, p.rules.Interval, sun)
		}
	}
}

// catchUp gives the forecaster what was learned: the base load, which is what
// the site used less what the loads did.
func (p *Planner) catchUp(now time.Time) {
	p.mu.Lock()
	news := p.learn
	p.learn = baseLoad{store: p.rules.store()}
	p.mu.Unlock()
	p.forecast.Clock(now)
	// As it was known then: who is given years at a start learns the same as who lived them.
	p.exports = firstOf(p.exports, news.exports)
	dark := p.exports
	if dark.IsZero() || p.solar != nil { // what panels give is in what was used: that is never below zero
		dark = now.Add(forecast.Kept)
	}
	if p.solar != nil {
		p.enlighten(&news)
	}
	news.steady()
	for _, o := range news.observations(dark) {
		// A slot that is off the grid belongs to an interval length that is no
		// longer configured, one of the future to a clock that was wrong.
		_ = p.forecast.Update(o)
	}
	p.takeOut(now)
}

// look is the outlook from the Brief, and a plan that shows it and nothing more.
func (p *Planner) look(b *Brief) (Plan, outlook) {
	p.catchUp(b.Now)
	p.refit(b.Now)
	p.forecast.Expect(b.Expected)
	s := &p.rules
	b.laid = s.tariff(b)
	n := max(1, int(s.Ahead/s.Slot))
	slots := units.Slots(b.Now, s.Slot, n)
	fc := p.foresee(b.Now, s.Ahead+s.Interval)
	if p.dims(b) {
		fc.Without(b.Expected)
	}
	plan := Plan{
		MadeAt: b.Now, Start: slots[0].Start, Slot: s.Slot, OwnDays: fc.OwnDays,
		Low: make([]units.Power, n), Mid: make([]units.Power, n), High: make([]units.Power, n), Prices: make([]units.Price, n),
	}
	o := outlook{now: b.Now, slots: slots, mid: make([]float64, n), high: make([]float64, n)}
	expected := make([]units.Energy, n)
	perHour := 1 / s.Interval.Hours()
	for t, slot := range slots {
		f := slotAt(fc, slot.Start)
		o.mid[t], o.high[t] = f.Mean*perHour, f.Q90*perHour
		plan.Low[t], plan.Mid[t], plan.High[t] = units.FromKW(f.Q10*perHour), units.FromKW(f.Q50*perHour), units.FromKW(f.Q90*perHour)
		expected[t] = units.FromKWh(max(0, o.mid[t]) * s.Slot.Hours())
	}
	o.table = s.table(b, slots, expected)
	o.purse, o.later = s.purse(b, slots), s.laterPrices(b, slots)
	copy(plan.Prices, o.table.Import)
	return plan, o
}

// Plan makes a plan in about the computing time within (0: any).  It is refused where a
// load is of a kind that no plan can be made for.
func (p *Planner) Plan(ctx context.Context, b Brief, within time.Duration) (Plan, error) {
	if err := p.rules.plannable(); err != nil {
		return Plan{}, err
	}
	if within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	var began time.Duration
	if p.elapsed != nil {
		began = p.elapsed()
	}
	s := &p.rules
	shift := s.Shift && !b.Unshifted
	plan, o := p.look(&b)
	problem, asked := s.problem(&b, o)
	v := p.vista(&b)
	o.peaks(problem, v)
	w := s.outlast(&b, o, asked, v)
	jobs := asked
	var given []lack
	switch {
	case w != nil:
		jobs = w.lay(&b, o, problem, asked)
	case shift && !b.Unlocked:
		problem.Credit = nil
		jobs, given, plan.Awaits = s.afford(&b, o, asked, s.ahead(&b, v))
		problem.Loads = problem.Loads[:0]
		for _, j := range jobs {
			problem.Loads = append(problem.Loads, j.job)
		}
	default:
		problem.Credit = nil
	}
	s.among(&b, o, problem, jobs)
	given = append(given, outOfHours(asked, jobs)...)
	p.store(&b, problem)
	aboveZero(problem)
	soon := earliest(problem, jobs)
	soon.BatteryKW = byItself(problem, soon)
	plan.Unshifted = o.cost(problem, soon)
	solved := soon
	if shift {
		opt := p.options(problem, o)
		opt.Previous, opt.Margin = p.previous(b.Last, problem, jobs, o.slots), margin(plan.Unshifted)
		solved = optimizer.Solve(ctx, problem, opt)
	}
	plan.Cost = o.cost(problem, solved)
	// What is left out is no saving: the same service is compared.
	same := earliest(served(problem, solved), jobs)
	same.BatteryKW = byItself(problem, same)
	plan.Unshifted = o.cost(problem, same) + leftWorth(problem, solved, same)
	plan.Gap = solved.Gap
	p.fill(&plan, &b, o, problem, solved, jobs)
	later := func(all []job, id string) bool { // a plan to come sees more of its hours
		return slices.ContainsFunc(all, func(j job) bool { return j.later && j.job.ID == id })
	}
	for _, f := range solved.Shortfalls {
		if f.Kind == optimizer.ShortShed && o.isDark(&b, f.Slot) {
			continue // what the battery has not got for the time without mains is not the credit's doing
		}
		if !later(jobs, f.Load) {
			p.short(&plan, &b, o, problem, solved, jobs, lack{Shortfall: f})
		}
	}
	for _, f := range given {
		if !later(asked, f.Load) {
			p.short(&plan, &b, o, problem, solved, asked, f)
		}
	}
	plan.NotEmpty = p.notEmpty(&b)
	plan.RunOut, plan.Outlook = p.runOut(&b, plan, v, w)
	plan.Outlast = s.outlasts(w, &plan, v)
	plan.Buys = o.buys(b.Left, &o.table)
	if _, used, ok := plan.Outlook.Reaches(b.Left); ok && o.tariff != nil {
		plan.Buys = used // as its end goes by it
	}
	if p.elapsed != nil {
		plan.Solved = p.elapsed() - began
	}
	return plan, nil
}

// Make is Plan with a panic contained.
func (p *Planner) Make(ctx context.Context, b Brief, within time.Duration) (plan Plan, err error) {
	err = contain.Run(func() (err error) {
		plan, err = p.Plan(ctx, b, within)
		return err
	})
	return plan, err
}

// options say how long and from where a search goes.  On a real day it starts from what
// the last one left, and the clock ends it too, as it does that of "agent plan"; a plan
// that is to depend on its inputs alone has neither.
func (p *Planner) options(problem *optimizer.Problem, o outlook) optimizer.Options {
	opt := optimizer.Options{Seed: p.rules.Seed, WorkLimit: p.work}
	if p.elapsed != nil {
		p.remember(o.slots[0].Start)
		opt.Memory, opt.Elapsed, opt.TimeLimit = &p.memory, p.elapsed, optimizer.TimeLimit(problem)
	}
	return opt
}

// remember lays the memory on the slots from first on.  One of another time, as after
// the clock was set back, is dropped: it would only mislead.
func (p *Planner) remember(first time.Time) {
	gone := first.Sub(p.remembered)
	if p.remembered.IsZero() || gone < 0 || gone%p.rules.Slot != 0 || gone > p.rules.Ahead {
		p.memory = optimizer.Memory{}
	} else {
		p.memory.Shift(int(gone / p.rules.Slot))
	}
	p.remembered = first
}

// margin is the money by which a new plan must be better to replace the one in
// force: a thousandth of the cost, so that loads do not flit for nothing.
func margin(cost units.Money) float64 { return max(0, cost.Float()/1000) }

func slotAt(fc forecast.Forecast, at time.Time) forecast.Slot {
	i, found := slices.BinarySearchFunc(fc.Slots, at, func(s forecast.Slot, at time.Time) int { return s.Start.Compare(at) })
	if !found {
		i--
	}
	return fc.Slots[min(max(i, 0), len(fc.Slots)-1)]
}

// fill puts the optimizer's answer into words and powers by load.
func (p *Planner) fill(plan *Plan, b *Brief, o outlook, problem *optimizer.Problem, solved *optimizer.Plan, jobs []job) {
	s := &p.rules
	n := len(o.slots)
	at := make([]int, len(s.Loads))
	for i, l := range s.Loads {
		at[i] = -1
		if l.Defer {
			at[i] = len(plan.Loads)
			plan.Loads = append(plan.Loads, LoadPlan{ID: l.ID, Power: make([]units.Power, n)})
		}
	}
	for _, j := range jobs {
		lp := &plan.Loads[at[j.load]]
		part, ok := solved.Loads[j.job.ID]
		if !ok {
			continue
		}
		powers := s.told(j, part.KW, problem, solved)
		for t, power := range powers {
			lp.Power[t] += power
		}
		if r := p.reason(part.Reason, j, o); r != nil && (lp.Why == nil || lp.Why.Start.IsZero() || !r.Start.IsZero() && r.Start.Before(lp.Why.Start)) {
			lp.Why = r
		}
	}
	p.charges(plan, problem, solved)
	for i := range plan.Loads {
		lp := &plan.Loads[i]
		if from, gain := s.moved(b, plan, i); lp.Why != nil && !from.IsZero() {
			lp.Why.Moved, lp.Why.Gain = from, gain
		}
		for t, power := range lp.Power {
			lp.Cost += o.table.Import[t].Cost(power.Over(s.Slot))
		}
	}
}

// short adds a shortfall to the plan's; why, where that is not known yet, is found out.
func (p *Planner) short(plan *Plan, b *Brief, o outlook, problem *optimizer.Problem, solved *optimizer.Plan, jobs []job, f lack) {
	s := &p.rules
	short := Shortfall{Kind: f.Kind, At: o.slots[min(max(f.Slot, 0), len(o.slots)-1)].Start, Amount: f.Amount, Unit: f.Unit}
	if f.Kind == optimizer.ShortShed && !overLimit(problem, f.Slot) {
		short.Kind = optimizer.ShortCredit // the base load is not too great: there is nothing to pay it with
	}
	for _, j := range jobs {
		if j.job.ID != f.Load {
			continue
		}
		short.Load, short.Cause = s.Loads[j.load].ID, f.cause
		if f.cause == "" {
			short.Cause = o.shortOf(b.Left, problem, solved, j.job)
		}
	}
	switch {
	case f.Unit == "slots":
		short.Time = time.Duration(math.Round(f.Amount)) * s.Slot
	case f.Unit == "kWh" && short.Load != "":
		short.Energy = units.FromKWh(f.Amount)
	}
	// What a load is short of today and tomorrow is told as one.
	i := slices.IndexFunc(plan.Short, func(o Shortfall) bool {
		return short.Load != "" && o.Load == short.Load && o.Kind == short.Kind && o.Unit == short.Unit
	})
	if i < 0 {
		plan.Short = append(plan.Short, short)
		return
	}
	plan.Short[i].Cause = plan.Short[i].Cause.both(short.Cause)
	if short.At.Before(plan.Short[i].At) {
		plan.Short[i].At = short.At
	}
	plan.Short[i].Amount += short.Amount
	plan.Short[i].Time += short.Time
	plan.Short[i].Energy += short.Energy
}

// reason is the optimizer's reason in the site's terms; nil where it has none.
func (p *Planner) reason(r *optimizer.Reason, j job, o outlook) *Reason {
	if r == nil {
		return nil
	}
	if r.Start < 0 || r.Start >= len(o.slots) {
		return &Reason{}
	}
	out := &Reason{Start: o.slots[r.Start].Start, Price: o.table.Import[r.Start], Possible: r.NowPossible}
	if r.NowPossible {
		out.Extra = units.FromFloat(r.NowExtra)
		out.Sooner = time.Duration(r.NowCreditHours * float64(time.Hour)).Round(time.Minute)
	}
	if r.EarlierSlot >= 0 && r.EarlierSlot < r.Start {
		out.Earlier, out.EarlierExtra = o.slots[r.EarlierSlot].Start, units.FromFloat(r.EarlierExtra)
	}
	switch from := j.asks().from; {
	case from > 0 && j.opens:
		out.Opens = o.slots[from].Start
	case from == r.Start:
		out.Rests = j.rests
	}
	return out
}

// previous is the plan in force, laid on the new problem's slots and jobs, so
// that the search starts from it and does not flit from it for nothing.
func (p *Planner) previous(last *Plan, problem *optimizer.Problem, jobs []job, slots []units.Slot) *optimizer.Plan {
	if last == nil || last.Slot != p.rules.Slot {
		return nil
	}
	prev := &optimizer.Plan{Format: optimizer.PlanFormat, Instance: problem.Name, Loads: map[string]optimizer.LoadPlan{}}
	after := map[int]int{} // by load: its programmes are laid up to here
	for _, j := range jobs {
		id := p.rules.Loads[j.load].ID
		i := slices.IndexFunc(last.Loads, func(l LoadPlan) bool { return l.ID == id })
		kw := make([]float64, problem.N)
		a := j.asks()
		from, to := a.from, a.to
		if c := j.job.Cycle; c != nil && i >= 0 { // each job of a load has a programme of its own
			from = max(from, after[j.load])
			for from < to && !last.draws(i, slots[from].Start) {
				from++
			}
			to = min(to, from+len(c.ProfileKW))
			after[j.load] = to
		}
		for t := from; t < to && i >= 0; t++ {
			kw[t] = max(0, last.powerAt(i, slots[t].Start).KW())
		}
		j.within(kw)
		prev.Loads[j.job.ID] = optimizer.LoadPlan{KW: kw}
	}
	if i, there := p.rules.battery(); there && problem.Battery != nil {
		id := p.rules.Loads[i].ID
		prev.BatteryKW = make([]float64, problem.N)
		k := slices.IndexFunc(last.Loads, func(l LoadPlan) bool { return l.ID == id })
		for t := range prev.BatteryKW {
			if k >= 0 {
				prev.BatteryKW[t] = last.powerAt(k, slots[t].Start).KW()
			}
		}
	}
	return prev
}
