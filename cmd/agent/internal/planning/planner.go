package control

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// Planner makes plans from the forecast, the tariff and what the loads are
// owed.  Learn may be called while Plan runs; Plan itself only once at a time.
type Planner struct {
	site     *Site
	forecast *forecast.Forecaster
	paths    int
	work     int64                // most that a search does
	elapsed  func() time.Duration // real time; nil: plans depend on their inputs alone

	memory     optimizer.Memory // what the last search left for the next; plans of a real day only
	remembered time.Time        // the first slot that it is laid on

	exports bool // the site has fed energy in: its base load may be below zero

	refits    sync.WaitGroup
	refitting bool                      // a fork of the forecaster is being refitted
	refitted  chan *forecast.Forecaster // has room for it

	mu    sync.Mutex
	learn []Interval
}

// NewPlanner builds a planner.  The forecaster's step must be the site's
// interval; where that leaves its refits to others (forecast.Options.Background),
// they are made beside the plans.  elapsed measures how long a plan took, and may be
// nil.
func NewPlanner(site *Site, f *forecast.Forecaster, elapsed func() time.Duration) *Planner {
	return &Planner{site: site, forecast: f, paths: 100, work: optimizer.DefaultWorkLimit, elapsed: elapsed, refitted: make(chan *forecast.Forecaster, 1)}
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
	p.learn = append(p.learn, intervals...)
}

// catchUp gives the forecaster what was learned: the base load, which is what
// the site used less what the loads did.
func (p *Planner) catchUp(now time.Time) {
	p.mu.Lock()
	news := p.learn
	p.learn = nil
	p.mu.Unlock()
	p.forecast.Clock(now)
	for _, iv := range news {
		p.exports = p.exports || iv.Series == SiteSeries && iv.Export > 0
	}
	// A load that is metered and not planned is part of the base load: nobody else
	// foresees it.
	news = slices.DeleteFunc(news, func(iv Interval) bool {
		return slices.ContainsFunc(p.site.Loads, func(l loads.Load) bool { return l.ID == iv.Series && !l.Defer })
	})
	for _, o := range Observations(news, p.site.Interval, p.exports) {
		// A slot that is off the grid belongs to an interval length that is no
		// longer configured, one of the future to a clock that was wrong.
		_ = p.forecast.Update(o)
	}
}

// Observations are the forecaster's view of stored intervals: one a slot, in
// the order of time.  Without sun the base load is never below zero: a load's
// share is worked out from its rated power where its plug does not measure, and
// cannot have been more than all there was.  Where only loads were held off, the
// base load was measured: it is what is left without them.
func Observations(intervals []Interval, length time.Duration, sun bool) []forecast.Observation {
	at := map[int64]int{}
	var out []forecast.Observation
	for _, iv := range intervals {
		if iv.Slot.Len != length {
			continue
		}
		i, seen := at[iv.Slot.Start.Unix()]
		if !seen {
			i = len(out)
			at[iv.Slot.Start.Unix()] = i
			out = append(out, forecast.Observation{Slot: units.Slot{Start: iv.Slot.Start.UTC(), Len: length}})
		}
		if iv.Series == SiteSeries {
			out[i].Energy += iv.Import - iv.Export
			switch {
			case iv.Quality&metering.Gap != 0:
				out[i].Quality = forecast.Missing
			case iv.Quality&(metering.Estimated|metering.ClockChanged|metering.Lost|metering.DeviceChanged|metering.Suspect) != 0:
				out[i].Quality = forecast.Estimated
			case iv.Quality&(metering.SupplyOff|metering.MainsOff|metering.Limited) != 0:
				out[i].Quality = forecast.Censored
			}
		} else {
			out[i].Energy -= iv.Import
		}
	}
	for i := range out {
		if !sun {
			out[i].Energy = max(0, out[i].Energy)
		}
	}
	slices.SortStableFunc(out, func(a, b forecast.Observation) int { return a.Slot.Start.Compare(b.Slot.Start) })
	return out
}

// look is the outlook from the State, and a plan that shows it and nothing more.
func (p *Planner) look(st State) (Plan, outlook) {
	p.catchUp(st.Now)
	p.refit(st.Now)
	s := p.site
	n := max(1, int(s.PlanAhead/s.PlanSlot))
	slots := units.Slots(st.Now, s.PlanSlot, n)
	fc := p.forecast.Forecast(st.Now, s.PlanAhead+s.Interval)
	plan := Plan{
		MadeAt: st.Now, Start: slots[0].Start, Slot: s.PlanSlot, OwnDays: fc.OwnDays,
		Low: make([]units.Power, n), Mid: make([]units.Power, n), High: make([]units.Power, n), Prices: make([]units.Price, n),
	}
	o := outlook{slots: slots, mid: make([]float64, n), high: make([]float64, n)}
	expected := make([]units.Energy, n)
	perHour := 1 / s.Interval.Hours()
	for t, slot := range slots {
		f := slotAt(fc, slot.Start)
		o.mid[t], o.high[t] = f.Mean*perHour, f.Q90*perHour
		plan.Low[t], plan.Mid[t], plan.High[t] = units.FromKW(f.Q10*perHour), units.FromKW(f.Q50*perHour), units.FromKW(f.Q90*perHour)
		expected[t] = units.FromKWh(max(0, o.mid[t]) * s.PlanSlot.Hours())
	}
	o.table = s.TariffOf(&st).Table(st.Tariff, slots, expected)
	copy(plan.Prices, o.table.Import)
	return plan, o
}

// Plan makes a plan for the State.  It always answers.
func (p *Planner) Plan(ctx context.Context, st State) Plan {
	var began time.Duration
	if p.elapsed != nil {
		began = p.elapsed()
	}
	s := p.site
	plan, o := p.look(st)
	problem, jobs := s.problem(&st, o)
	problem.Scenarios = p.futures(st, problem, o)
	soon := earliest(problem)
	plan.Unshifted = bill(problem, soon)
	solved := soon
	if s.Shift {
		opt := p.options(problem, o)
		opt.Previous, opt.Margin = p.previous(st, problem, jobs, o.slots), margin(plan.Unshifted)
		solved = optimizer.Solve(ctx, problem, opt)
	}
	plan.Cost = bill(problem, solved)
	// What is left out is no saving: the same service is compared.
	plan.Unshifted = bill(problem, earliest(served(problem, solved)))
	plan.Gap = solved.Gap
	p.fill(&plan, o, problem, solved, jobs)
	plan.RunOut, plan.Outlook = p.runOut(st, plan)
	plan.Buys = buys(st, o)
	if p.elapsed != nil {
		plan.Solved = p.elapsed() - began
	}
	return plan
}

// options say how long and from where a search goes.  On a real day it starts from what
// the last one left, and the clock ends it too, as it does that of "agent plan"; a plan
// that is to depend on its inputs alone has neither.
func (p *Planner) options(problem *optimizer.Problem, o outlook) optimizer.Options {
	opt := optimizer.Options{Seed: p.site.Seed, WorkLimit: p.work}
	if len(problem.Scenarios) > 0 {
		opt.WorkLimit = min(p.work, workOverFutures)
	}
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
	if p.remembered.IsZero() || gone < 0 || gone%p.site.PlanSlot != 0 || gone > p.site.PlanAhead {
		p.memory = optimizer.Memory{}
	} else {
		p.memory.Shift(int(gone / p.site.PlanSlot))
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
func (p *Planner) fill(plan *Plan, o outlook, problem *optimizer.Problem, solved *optimizer.Plan, jobs []job) {
	s := p.site
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
		for t, kw := range part.KW {
			if kw > 0 {
				lp.Power[t] += units.FromKW(kw)
			}
		}
		if r := p.reason(part.Reason, j, o); r != nil && (lp.Why == nil || lp.Why.Start.IsZero() || !r.Start.IsZero() && r.Start.Before(lp.Why.Start)) {
			lp.Why = r
		}
	}
	for i := range plan.Loads {
		lp := &plan.Loads[i]
		for t, power := range lp.Power {
			lp.Cost += o.table.Import[t].Cost(power.Over(s.PlanSlot))
		}
	}
	for _, f := range solved.Shortfalls {
		short := Shortfall{Kind: f.Kind, At: o.slots[min(max(f.Slot, 0), n-1)].Start, Amount: f.Amount, Unit: f.Unit}
		if f.Kind == optimizer.ShortShed && !overLimit(problem, f.Slot) {
			short.Kind = optimizer.ShortCredit // the base load is not too great: there is nothing to pay it with
		}
		for _, j := range jobs {
			if j.job.ID == f.Load {
				short.Load, short.Cause = s.Loads[j.load].ID, shortOf(problem, solved, j.job)
			}
		}
		if f.Unit == "slots" {
			short.Time = time.Duration(math.Round(f.Amount)) * s.PlanSlot
		}
		// What a load is short of today and tomorrow is told as one.
		i := slices.IndexFunc(plan.Short, func(o Shortfall) bool {
			return short.Load != "" && o.Load == short.Load && o.Kind == short.Kind && o.Unit == short.Unit
		})
		if i < 0 {
			plan.Short = append(plan.Short, short)
			continue
		}
		if plan.Short[i].Cause != short.Cause {
			plan.Short[i].Cause = "" // not one for all of it
		}
		plan.Short[i].Amount += short.Amount
		plan.Short[i].Time += short.Time
	}
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
	if from, _ := window(j.job); from > 0 {
		out.Opens = o.slots[from].Start
	}
	return out
}

// previous is the plan in force, laid on the new problem's slots and jobs, so
// that the search starts from it and does not flit from it for nothing.
func (p *Planner) previous(st State, problem *optimizer.Problem, jobs []job, slots []units.Slot) *optimizer.Plan {
	if st.Plan == nil || st.Plan.Slot != p.site.PlanSlot {
		return nil
	}
	prev := &optimizer.Plan{Format: optimizer.PlanFormat, Instance: problem.Name, Loads: map[string]optimizer.LoadPlan{}}
	for _, j := range jobs {
		id := p.site.Loads[j.load].ID
		i := slices.IndexFunc(st.Plan.Loads, func(l LoadPlan) bool { return l.ID == id })
		kw := make([]float64, problem.N)
		from, to := window(j.job)
		for t := from; t < to && i >= 0; t++ {
			if k, ok := st.Plan.index(slots[t].Start); ok && st.Plan.Loads[i].Power[k] > 0 {
				kw[t] = st.Plan.Loads[i].Power[k].KW()
			}
		}
		prev.Loads[j.job.ID] = optimizer.LoadPlan{KW: kw}
	}
	return prev
}

func window(l optimizer.Load) (from, to int) {
	if l.Cycle != nil {
		return l.Cycle.Earliest, l.Cycle.LatestFinish
	}
	return l.OnOff.From, l.OnOff.To
}

// earliest is the plan without shifting: every load runs as soon as it may.
func earliest(p *optimizer.Problem) *optimizer.Plan {
	plan := &optimizer.Plan{Format: optimizer.PlanFormat, Instance: p.Name, Loads: map[string]optimizer.LoadPlan{}}
	for _, l := range p.Loads {
		kw := make([]float64, p.N)
		switch {
		case l.Cycle != nil && l.Cycle.Earliest+len(l.Cycle.ProfileKW) <= l.Cycle.LatestFinish:
			copy(kw[l.Cycle.Earliest:], l.Cycle.ProfileKW)
		case l.OnOff != nil:
			for t := l.OnOff.From; t < l.OnOff.To && t < l.OnOff.From+l.OnOff.NeedSlots; t++ {
				kw[t] = l.OnOff.KW
			}
		}
		plan.Loads[l.ID] = optimizer.LoadPlan{KW: kw}
	}
	return plan
}

// bill is what all consumption of a plan costs: energy, blocks, demand and
// fixed charges, without the prices of going short.
func bill(p *optimizer.Problem, plan *optimizer.Plan) units.Money {
	kw := slices.Clone(p.BaseKW)
	for _, l := range plan.Loads {
		for t, x := range l.KW {
			kw[t] += x
		}
	}
	total := 0.0
	for t := range kw {
		if p.PVKW != nil {
			kw[t] -= p.PVKW[t]
		}
		if kw[t] < 0 {
			total += kw[t] * p.Hours() * p.ExportPrice[t]
			kw[t] = 0
			continue
		}
		total += kw[t] * p.Hours() * p.ImportPrice[t]
	}
	for _, f := range p.FixedCharges {
		total += f.Amount
	}
	for _, b := range p.Blocks {
		used, at := 0.0, b.MTD
		for t := b.From; t < b.To; t++ {
			used += kw[t] * p.Hours()
		}
		for _, step := range b.Steps {
			room := used
			if step.UpTo != nil {
				room = min(used, max(0, *step.UpTo-at))
			}
			total += room * step.Adder
			used -= room
			at += room
		}
	}
	for _, d := range p.Demand {
		peak := d.FloorKW
		for t := 0; t+d.Interval <= len(d.Slots); t += d.Interval {
			mean := 0.0
			for _, slot := range d.Slots[t : t+d.Interval] {
				mean += kw[slot] / float64(d.Interval)
			}
			peak = max(peak, mean)
		}
		total += (peak - d.FloorKW) * d.PricePerKW
	}
	return units.FromFloat(total)
}

// runOut follows many futures of the base load, with what is planned on top,
// until the credit is gone.
func (p *Planner) runOut(st State, plan Plan) (RunOut, Outlook) {
	s := p.site
	if st.Credit.Unlocked {
		return RunOut{}, Outlook{}
	}
	paths := p.forecast.Scenarios(st.Now, s.RunOutOver, p.paths, s.Seed)
	if len(paths.Paths) == 0 || len(paths.Paths[0]) == 0 {
		return RunOut{}, Outlook{}
	}
	n := len(paths.Paths[0])
	slots := units.Slots(paths.Start, s.Interval, n)
	credit := forecast.Credit{Balance: st.Credit.Left().Float(), Planned: s.planned(plan, slots)}
	if s.InKWh {
		credit.Cost = func(_ int, _, kwh float64) float64 { return max(0, kwh) }
	} else {
		table := s.TariffOf(&st).Table(st.Tariff, slots, nil)
		credit.Cost = costOf(&table)
	}
	r := paths.RunOut(credit)
	// The first slot is partly gone already.
	from := paths.Start
	out := RunOut{Known: true, Mid: from.Add(r.Q50), Early: from.Add(r.Q10), Beyond: r.Q50 >= r.Horizon}
	if r.Q90 < r.Horizon {
		out.Late = from.Add(r.Q90)
	}
	for _, t := range []*time.Time{&out.Early, &out.Mid, &out.Late} {
		if !t.IsZero() && t.Before(st.Now) {
			*t = st.Now
		}
	}
	return out, s.outlook(st.Now, paths, credit)
}

// planned is the loads' energy in slots, in kWh: as planned, and beyond the
// plan as on the plan's last whole day.
func (s *Site) planned(plan Plan, slots []units.Slot) []float64 {
	out := make([]float64, len(slots))
	const day = 24 * time.Hour
	for i, slot := range slots {
		at := slot.Start
		for k := range plan.Prices {
			t := plan.Start.Add(time.Duration(k) * plan.Slot)
			if shift := at.Sub(t); shift > -plan.Slot && shift < slot.Len {
				for _, l := range plan.Loads {
					out[i] += l.Power[k].KW() * share(units.Slot{Start: t, Len: plan.Slot}, slot.Start, slot.End()) * plan.Slot.Hours()
				}
			}
		}
		end := plan.Start.Add(time.Duration(len(plan.Prices)) * plan.Slot)
		if !at.Before(end) {
			if back := i - int(day/slot.Len); back >= 0 {
				out[i] = out[back]
			}
		}
	}
	return out
}

// costOf is the money that energy in a slot costs, by the tariff's table: to
// the letter, also over a month's end and where steps count the energy of some
// hours only.  It must be asked for each slot in turn, from the first one of
// each path on, as RunOut does: it counts what each ladder has used.
func costOf(t *tariffs.Table) func(slot int, cumulative, kwh float64) float64 {
	price, export, fixed := make([]float64, len(t.Import)), make([]float64, len(t.Import)), make([]float64, len(t.Import))
	for i := range price {
		price[i], export[i], fixed[i] = t.Import[i].Float(), t.Export[i].Float(), t.Fixed[i].Float()
	}
	type rung struct{ at, adder float64 }
	rungs := make([][]rung, len(t.Ladders))
	for i, l := range t.Ladders {
		for _, r := range l.Rungs {
			rungs[i] = append(rungs[i], rung{r.At.KWh(), r.Adder.Float()})
		}
	}
	used := make([]float64, len(t.Ladders))
	return func(slot int, _, kwh float64) float64 {
		if slot == 0 {
			clear(used)
		}
		if kwh < 0 {
			return export[slot]*kwh + fixed[slot]
		}
		cost := price[slot]*kwh + fixed[slot]
		for i := range t.Ladders {
			if !climbs(&t.Ladders[i], slot) {
				continue
			}
			used[i] += kwh
			for _, r := range rungs[i] {
				cost += r.adder * math.Min(math.Max(used[i]-r.at, 0), kwh)
			}
		}
		return cost
	}
}

// climbs tells whether energy used in the slot counts on the ladder.
func climbs(l *tariffs.Ladder, slot int) bool {
	return slot >= l.First && slot < l.Last && (len(l.Applies) == 0 || l.Applies[slot-l.First])
}

// buys is about what the balance buys at the prices ahead.
func buys(st State, o outlook) units.Energy {
	left := st.Credit.Left().Float()
	mean := 0.0
	for _, p := range o.table.Import {
		mean += p.Float()
	}
	mean /= float64(len(o.table.Import))
	if mean <= 0 {
		return 0
	}
	position, cost := 0.0, mean
	var bought float64
	type edge struct{ at, adder float64 }
	var edges []edge
	for _, l := range o.table.Ladders {
		if l.First > 0 {
			continue
		}
		// Of every kWh so much counts on the ladder.
		counts, all := 0.0, 0.0
		for t := l.First; t < l.Last; t++ {
			all++
			if climbs(&l, t) {
				counts++
			}
		}
		if counts == 0 {
			continue
		}
		for _, r := range l.Rungs {
			edges = append(edges, edge{r.At.KWh() * all / counts, r.Adder.Float() * counts / all})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return int(math.Copysign(1, a.at-b.at)) })
	for _, e := range edges {
		room := max(0, e.at-position)
		if room*cost >= left {
			break
		}
		left -= room * cost
		bought += room
		position += room
		cost += e.adder
	}
	return units.FromKWh(bought + left/cost)
}
