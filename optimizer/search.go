package optimizer

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// search is the state of one Solve.
type search struct {
	ctx   context.Context
	p     *Problem
	opt   Options
	h     float64
	rng   *rand.Rand
	begin time.Duration
	spent int64 // work outside the linear programme

	best    *Plan
	byPrice *Plan // the greedy plan
	pricers map[string]pricer
	start   *Plan // Options.Previous, made to fit
	inForce *Plan // Options.Previous, where it may stay as it is
	m       *master
	lower   float64
	yBest   []float64  // duals that proved the best (estimated) bound
	tight   *tightener // nil once it has converged
	mixed   *tightener // whose mixtures plans may be drawn from
	stop    Stop

	// share is the part of the limits that a re-plan begins with, 1 for any
	// other search, and mark the cost when half of it was used up.
	share    float64
	mark     float64
	thorough bool // never a part only

	greedyMu    float64 // the dearness of credit at which the greedy plan was found
	undo, trial snapshot
	drawn       snapshot // the best plan drawn in this cycle
	trace       func(format string, args ...any)
}

func newSearch(ctx context.Context, p *Problem, opt Options) *search {
	if opt.Gap <= 0 {
		opt.Gap = DefaultGap
	}
	if opt.WorkLimit <= 0 {
		opt.WorkLimit = DefaultWorkLimit
	}
	s := &search{
		ctx: ctx, p: p, opt: opt, h: p.Hours(), lower: math.Inf(-1), share: 1, mark: math.Inf(1),
		rng:   rand.New(rand.NewPCG(opt.Seed, 0x9e3779b97f4a7c15)),
		trace: opt.trace,
	}
	var shared scratch
	s.pricers = make(map[string]pricer, len(p.Loads))
	for i := range p.Loads {
		s.pricers[p.Loads[i].ID] = newPricer(p, &p.Loads[i], &shared)
	}
	if opt.Elapsed != nil {
		s.begin = opt.Elapsed()
	}
	if s.trace == nil {
		s.trace = func(string, ...any) {}
	}
	return s
}

// work is the units of work done so far.
func (s *search) work() int64 {
	if s.m != nil {
		return s.spent + s.m.lp.work
	}
	return s.spent
}

// over tells whether a limit has been reached, and notes which.
func (s *search) over() bool {
	switch {
	case s.stop != "":
	case s.ctx.Err() != nil:
		s.stop = StopCancelled
	case s.opt.Elapsed != nil && s.opt.TimeLimit > 0 && s.opt.Elapsed()-s.begin >= s.opt.TimeLimit:
		s.stop = StopTime
	case s.work() >= s.opt.WorkLimit:
		s.stop = StopWork
	case s.share < 1 && s.settled():
		s.stop = StopSettled
	}
	return s.stop != ""
}

// settled tells whether a re-plan has had its share of the limits and would
// find little more; while its second half still paid, the share is doubled.
func (s *search) settled() bool {
	x := s.progress()
	if x >= 0.5 && math.IsInf(s.mark, 1) {
		s.mark = s.best.Cost
	}
	if x < 1 {
		return false
	}
	if hardAmount(s.best) <= moneyTol && s.mark-s.best.Cost <= replanGain*math.Abs(s.best.Cost) {
		return true
	}
	s.share = min(1, 2*s.share)
	s.mark = s.best.Cost
	return false
}

// A re-plan whose plan in force still keeps every hard rule begins with replanShare
// of the limits, and gets twice that for as long as the second half of it made
// the plan cheaper by more than replanGain.  Where the new forecast broke the
// plan, it may be far from the best, and the search is a whole one.
const (
	replanShare = 0.23
	replanGain  = 0.005
)

// progress is the share of the limits, or of the part of them that a re-plan
// has, that is used up as far as it is known.
func (s *search) progress() float64 {
	x := float64(s.work()) / float64(s.opt.WorkLimit)
	if s.opt.Elapsed != nil && s.opt.TimeLimit > 0 {
		x = max(x, float64(s.opt.Elapsed()-s.begin)/float64(s.opt.TimeLimit))
	}
	return x / s.share
}

// gap is what is not proven yet, as a share of the cost.
func (s *search) gap() float64 {
	return (s.best.Cost - s.lower) / max(1e-9, math.Abs(s.best.Cost))
}

// run is the whole search.
func (s *search) run() {
	s.greedy()
	s.byPrice = s.best
	s.warm()
	s.tell()
	big := 1e-3
	for t := range s.p.N {
		big = max(big, s.p.ImportPrice[t])
	}
	big = 1000 * max(big, s.p.ShedPenalty)
	s.m = newMaster(s.p, s.outlook(), big, s.pricers)
	if len(s.p.Loads) == 0 && s.p.Battery == nil {
		s.lower = s.best.Cost // there is nothing to decide
		s.stop = StopExhausted
		return
	}
	if s.over() {
		return
	}
	if q := s.recall(); q != nil {
		s.replan(q)
		return
	}
	s.resume()
	if s.fromNothing(s.share == 1, 0.4) {
		s.improve()
	}
}

// fromNothing is the beginning of a search: reinsertion around the greedy plan
// where asked for, then the linear programme and a dive from it.  It reports
// whether there is time left.
func (s *search) fromNothing(reinsert bool, until float64) bool {
	if reinsert && s.p.Battery == nil && len(s.m.demand) == 0 && s.reinserts() {
		// Without a store or a peak to share, reinsertion finds a good plan
		// sooner than the linear programme.
		l := newLocal(s)
		for t := range l.muRow {
			l.muRow[t] = s.greedyMu
		}
		l.load(s.byPrice)
		s.anneal(l, 25*len(s.m.units), 0.001*math.Abs(s.best.Cost), until)
	}
	if s.over() || !s.seed(s.best) {
		return false
	}
	s.root()
	s.trace("root: bound~%.5f work %d pivots %d", s.lower, s.work(), s.m.lp.pivots)
	if s.over() {
		return false
	}
	s.dive(s.m.units)
	s.adopt("dive")
	s.prove(2)
	if s.gap() <= s.opt.Gap {
		s.stop = StopGap
	}
	return !s.over()
}

// improve alternates the two searches around the best plan, giving more of the
// work to the one that pays.
func (s *search) improve() {
	if len(s.m.units) == 0 {
		s.stop = StopExhausted
		return
	}
	l := newLocal(s)
	if s.yBest != nil {
		l.creditPrice(s.yBest)
	}
	l.load(s.best)
	useLocal := s.reinserts()
	soft := s.p.Battery != nil
	for _, u := range s.m.units {
		soft = soft || !u.pricerIsRigid()
	}
	const patience = 10 // cycles without a better plan after which the search ends
	cycle, failed := 50*len(s.m.units), 0
	if s.share < 1 {
		cycle = 40 * len(s.m.units)
	}
	if s.mixed == nil && s.yBest != nil && s.share == 1 {
		s.tight = newTightener(s, s.yBest)
	}
	searched := s.work()
	for !s.over() {
		if s.gap() <= s.opt.Gap {
			s.stop = StopGap
			return
		}
		if !useLocal {
			before := s.best.Cost
			if !s.neighbourhood() {
				s.stop = StopExhausted
				return
			}
			if failed++; s.best.Cost < before {
				failed = 0
			} else if failed > 20*len(s.m.units) {
				s.stop = StopExhausted
				return
			}
			continue
		}
		before := s.best.Cost
		if s.mixed != nil {
			// From the best plan or from the best of those drawn.
			if s.rounds(l, s.mixed); s.best.Cost < before || failed%2 == 0 {
				l.load(s.best)
			}
		}
		// Annealing in cycles, each from the best plan, each longer and no
		// less hot than it takes to leave it.
		s.anneal(l, cycle, 0.004*math.Abs(s.best.Cost)*s.rng.Float64(), 1)
		if s.over() {
			return
		}
		if soft {
			s.polish()
			for range 3 {
				if s.over() {
					return
				}
				s.neighbourhood()
			}
		}
		if s.best.Cost >= before {
			cycle = cycle * 5 / 4
			if failed++; failed >= patience && s.tight == nil {
				s.stop = StopExhausted
				return
			}
		} else {
			failed = 0
		}
		l.load(s.best)
		if s.tight == nil || s.over() {
			continue
		}
		// About a third of the work goes to the bound while that pays.
		mark := s.work()
		share := (mark - searched) / 2
		for s.work()-mark < share && s.tight != nil {
			s.bound(5)
		}
		searched = s.work()
	}
}

// replan is the search of one that remembers the last.
func (s *search) replan(q *tightener) {
	if !s.thorough {
		s.share = replanShare
	}
	if !s.seed(s.best) {
		return
	}
	if s.inForce == nil && !s.fromNothing(true, 0.3) { // the forecast broke the plan
		return
	}
	s.tight = q
	s.bound(12)
	if s.p.Battery != nil && !s.over() {
		s.polish()
	}
	s.improve()
}

// bound does some rounds of the tighter bound.
func (s *search) bound(rounds int) {
	more := s.tight.climb(rounds, s.best.Cost)
	if s.tight.best > s.lower {
		s.lower = s.tight.best
		s.tell()
	}
	if s.tight.mix.rounds > 0 {
		s.mixed = s.tight
	}
	if !more {
		s.tight = nil
	}
}

// rounds makes some plans of the tightener's mixtures and leaves the best of
// them in l.
func (s *search) rounds(l *local, q *tightener) {
	draws := 12
	if s.share < 1 {
		draws = 6
	}
	mu := l.mu
	drawn := &s.drawn
	drawn.cost = math.Inf(1)
	for k := range draws {
		l.mu = 1
		if s.over() || s.gap() <= s.opt.Gap {
			break
		}
		s.round(l, q, []float64{0, 0.5, 1}[min(k, 1+k%2)], 2*len(l.units))
		if l.cost < drawn.cost {
			l.save(drawn)
		}
	}
	if !math.IsInf(drawn.cost, 1) {
		l.restore(drawn)
	}
	l.mu = mu
	if s.yBest != nil {
		l.creditPrice(s.yBest)
	}
}

// polish settles everything continuous of the best plan, its patterns held.
func (s *search) polish() {
	for _, u := range s.m.units {
		kw := s.best.Loads[u.l.ID].KW
		p := u.pattern(kw)
		s.m.addSchedule(u, schedule{kw: kw, own: u.pricer.cost(kw), pattern: p})
		s.m.hold(u, &p)
	}
	for range 10 {
		if !s.optimise(1<<30) || s.over() {
			return
		}
		if added, _ := s.generate(s.m.units, s.m.lp.y); added == 0 {
			break
		}
	}
	s.adopt("polish")
}

// reinserts tells whether the local search knows all rules of the problem.
func (s *search) reinserts() bool {
	return len(s.p.Circuits) == 0 && len(s.p.Exclusions) == 0 && len(s.m.units) > 0
}

// anneal does steps of the local search, at first accepting what is dearer by
// about hot, in the end nothing.  It ends early once the given share of the
// limits is used up.
func (s *search) anneal(l *local, steps int, hot, until float64) {
	for i := range steps {
		left := 1 - float64(i)/float64(steps)
		l.step(-hot*left*left*math.Log(1-s.rng.Float64()), &s.undo, &s.trial)
		if l.cost < s.best.Cost-1e-9*math.Abs(s.best.Cost) {
			s.keep(l.plan(), "local")
		}
		if s.over() || s.progress() > until {
			return
		}
	}
}

// keep evaluates a plan and adopts it where it is better.
func (s *search) keep(plan *Plan, from string) bool {
	e, _ := evaluate(s.p, plan)
	s.spent += int64(s.p.N * (len(s.p.Loads) + 5))
	if e == nil {
		return false
	}
	fill(plan, e)
	if !better(plan, s.best) {
		return false
	}
	s.trace("%s: %.6f best %.6f work %d", from, plan.Cost, s.best.Cost, s.work())
	s.best = plan
	s.tell()
	return true
}

// tell reports progress to whoever asked for it.
func (s *search) tell() {
	if s.opt.Improved != nil {
		s.opt.Improved(s.best.Cost, s.lower)
	}
}

// seed puts a plan's schedules into the master and starts from them.
func (s *search) seed(plan *Plan) bool {
	chosen := make([]int, len(s.m.units))
	for k, u := range s.m.units {
		kw := plan.Loads[u.l.ID].KW
		sc := schedule{kw: kw, own: u.pricer.cost(kw), pattern: u.pattern(kw)}
		chosen[k] = s.m.addSchedule(u, sc)
	}
	return s.m.crash(chosen)
}

// pattern is the pattern of powers that did not come from the pricer.
func (u *unit) pattern(kw []float64) uint64 {
	switch q := u.pricer.(type) {
	case *cyclePricer:
		for i := q.lo; i <= q.hi; i++ {
			if len(spans(kw)) > 0 && fits(kw, u.l.Cycle.ProfileKW, i, u.l.Cycle.Running) {
				return uint64(i + 1)
			}
		}
		return 0
	case *modulatingPricer:
		return 0
	}
	return patternOf(kw)
}

// optimise runs the linear programme; it sets up a new basis where the old
// one went bad.
func (s *search) optimise(limit int) bool {
	if s.m.lp.solve(limit, s.over) {
		return true
	}
	s.trace("singular basis")
	return s.seed(s.best) && s.m.lp.solve(limit, s.over)
}

// generate prices the units at the duals y, adds the schedules that are worth
// it at the programme's own duals, and returns how many there were and the
// sum of the units' values at y.
func (s *search) generate(units []*unit, y []float64) (added int, value float64) {
	own := s.m.lp.y
	for _, u := range units {
		if s.over() {
			break
		}
		price, on := s.m.prices(u, y)
		var sc schedule
		if u.fixed != nil {
			if u.pricerIsRigid() {
				continue
			}
			sc = u.pricer.within(u.heldSchedule(), price, on)
			if sc.pattern != *u.fixed {
				continue
			}
		} else {
			sc = u.pricer.best(price, on)
		}
		s.spent += u.pricer.work()
		v := sc.total(price, on)
		least := v
		for i := range u.cols { // rounding may have hidden one that is known
			if c := s.m.lp.reduced(u.cols[i].col, y) + y[u.row]; !u.cols[i].banned && c < least {
				least = c
			}
		}
		value += least
		if &own[0] != &y[0] {
			price, on = s.m.prices(u, own)
			v = sc.total(price, on)
		}
		if v < own[u.row]-1e-7 {
			if before := len(u.cols); s.m.addSchedule(u, sc) == before {
				added++
			}
		}
	}
	return added, value
}

// pricerIsRigid tells whether one pattern is one schedule.
func (u *unit) pricerIsRigid() bool {
	switch u.pricer.(type) {
	case *variablePricer, *modulatingPricer:
		return false
	}
	return true
}

// heldSchedule is a schedule of the pattern the unit is held to.
func (u *unit) heldSchedule() schedule {
	for i := range u.cols {
		if u.cols[i].pattern == *u.fixed {
			return u.cols[i].schedule
		}
	}
	return u.cols[0].schedule
}

// root solves the linear programme over all schedules by column generation
// with smoothed duals (Wentges 1997).
func (s *search) root() {
	m := s.m
	bestValue := math.Inf(-1)
	y := make([]float64, m.rows)
	alpha := 0.0
	for round := 0; round < 400; round++ {
		if !s.optimise(1<<30) || s.over() {
			break
		}
		obj := m.lp.objective() + m.konst
		own := m.lp.y
		if s.yBest == nil {
			s.yBest = append([]float64(nil), own...)
		}
		for i := range y {
			y[i] = alpha*s.yBest[i] + (1-alpha)*own[i]
		}
		added, value := s.generate(m.units, y)
		if s.over() {
			break
		}
		if v := value + m.staticBound(y); v > bestValue {
			bestValue = v
			copy(s.yBest, y)
		}
		if added == 0 && alpha > 0 { // the smoothed duals misled: ask at the true ones
			added, value = s.generate(m.units, own)
			if v := value + m.staticBound(own); v > bestValue {
				bestValue = v
				copy(s.yBest, own)
			}
		}
		s.trace("round %d: lp %.6f value %.6f added %d pivots %d work %d", round, obj, bestValue, added, m.lp.pivots, s.work())
		if s.progress() > 0.5 && math.IsInf(s.lower, -1) { // a bound for a search that will be cut short
			s.prove(1)
		}
		if added == 0 || obj-bestValue < s.opt.Gap*0.2*math.Abs(obj) {
			break
		}
		alpha = 0.6
	}
}

// prove computes a bound at the best duals that holds whatever was rounded.
func (s *search) prove(effort int) {
	if s.yBest == nil {
		return
	}
	v := s.m.staticBound(s.yBest)
	for _, u := range s.m.units {
		if s.over() {
			return
		}
		price, on := s.m.prices(u, s.yBest)
		v += u.pricer.bound(price, on, effort)
		s.spent += u.pricer.work() * 4 * int64(effort)
	}
	v -= 1e-9 * max(1, math.Abs(v))
	s.lower = max(s.lower, v)
	s.trace("proved %.6f", v)
	s.tell()
}

// dive rounds the units' mixtures of schedules to one pattern each: the
// clearest choices first, with new schedules for the others in between.
func (s *search) dive(units []*unit) {
	var w []float64
	for step := 0; step < 3*len(units)+5; step++ {
		if !s.optimise(1 << 30) {
			return
		}
		open := 0
		var pick *unit
		var pickPattern uint64
		pickWeight := -1.0
		for _, u := range units {
			if u.fixed != nil {
				continue
			}
			w = s.m.weights(u, w)
			pattern, weight := heaviest(u, w)
			if weight > 1-1e-6 {
				p := pattern
				s.m.hold(u, &p)
				continue
			}
			open++
			if weight > pickWeight {
				pick, pickPattern, pickWeight = u, pattern, weight
			}
		}
		if open == 0 {
			break
		}
		s.m.hold(pick, &pickPattern)
		if s.over() {
			// round what is left at once
			for _, u := range units {
				if u.fixed == nil {
					w = s.m.weights(u, w)
					p, _ := heaviest(u, w)
					s.m.hold(u, &p)
				}
			}
		}
		for range 2 {
			if !s.optimise(1 << 30) {
				return
			}
			if added, _ := s.generate(units, s.m.lp.y); added == 0 || s.over() {
				break
			}
		}
	}
	for range 10 { // settle what is continuous
		if !s.optimise(1<<30) || s.over() {
			return
		}
		if added, _ := s.generate(s.m.units, s.m.lp.y); added == 0 {
			break
		}
	}
}

// heaviest is the pattern with the most weight.
func heaviest(u *unit, w []float64) (uint64, float64) {
	sum := make(map[uint64]float64, 4)
	var best uint64
	top := -1.0
	for i, x := range w {
		if x <= 0 {
			continue
		}
		p := u.cols[i].pattern
		sum[p] += x
		if sum[p] > top+1e-12 {
			best, top = p, sum[p]
		}
	}
	return best, top
}

// extract reads a plan from the linear programme's present point; nil where
// some unit still mixes patterns.
func (s *search) extract() *Plan {
	m, n := s.m, s.p.N
	plan := &Plan{Format: PlanFormat, Instance: s.p.Name, Loads: make(map[string]LoadPlan, len(s.p.Loads)), PVUsedKW: make([]float64, n), ShedKW: make([]float64, n)}
	z := make([]float64, n)
	var w []float64
	for _, u := range m.units {
		w = m.weights(u, w)
		pattern, weight := heaviest(u, w)
		if weight < 1-1e-6 {
			return nil
		}
		kw := make([]float64, n)
		var sum float64
		only := -1
		for i, x := range w {
			if x > 1e-9 && u.cols[i].pattern == pattern {
				sum += x
				if only == -1 {
					only = i
				} else {
					only = -2
				}
			}
		}
		if only >= 0 {
			copy(kw, u.cols[only].kw)
		} else {
			for i, x := range w {
				if x > 1e-9 && u.cols[i].pattern == pattern {
					for t, y := range u.cols[i].kw {
						kw[t] += x / sum * y
					}
				}
			}
			for t := range kw {
				if kw[t] < 2*onFrom {
					kw[t] = 0
				}
			}
		}
		plan.Loads[u.l.ID] = LoadPlan{KW: kw}
		for t, x := range kw {
			z[t] += x
		}
	}
	if b := s.p.Battery; b != nil {
		plan.BatteryKW = make([]float64, n)
		for t := range n {
			ch, dis := m.lp.value(m.chCol[t]), m.lp.value(m.disCol[t])
			if ch > 0 && dis > 0 { // the same change of charge by one of them
				if d := b.EffC*ch - dis/b.EffD; d >= 0 {
					ch, dis = d/b.EffC, 0
				} else {
					ch, dis = 0, -d*b.EffD
				}
			}
			plan.BatteryKW[t] = ch - dis
		}
		s.settleBattery(plan.BatteryKW)
		for t, x := range plan.BatteryKW {
			z[t] += x
		}
	}
	for t := range n {
		var shed float64
		for i := range m.slots[t] {
			if g := &m.slots[t][i]; g.shed {
				shed += m.lp.value(g.col)
			}
		}
		if shed < 1e-7 {
			shed = 0
		}
		s.balance(plan, t, z[t], shed)
	}
	return plan
}

// balance sets the sun used and the base shed in a slot where loads and
// battery draw z and at least shed is to be shed.
func (s *search) balance(plan *Plan, t int, z, shed float64) {
	p := s.p
	pv := at(p.PVKW, t)
	shed = min(shed, p.BaseKW[t])
	x := p.BaseKW[t] - pv + z - shed
	if x < -p.ExportLimitKW {
		d := min(pv, -p.ExportLimitKW-x)
		pv -= d
		x += d
	}
	if p.SiteLimitKW != nil {
		if over := x - max(0, p.SiteLimitKW[t]); over > 0 {
			shed = min(p.BaseKW[t], shed+over)
		}
	}
	plan.PVUsedKW[t], plan.ShedKW[t] = pv, shed
}

// settleBattery keeps rounding errors of the charge from adding up.
func (s *search) settleBattery(kw []float64) {
	b := s.p.Battery
	lo, hi := batteryBand(s.p)
	soc := b.SoC0
	for t, x := range kw {
		x = min(max(x, -b.MaxDischargeKW), b.MaxChargeKW)
		next := soc
		if x >= 0 {
			next += b.EffC * x * s.h
		} else {
			next += x * s.h / b.EffD
		}
		if c := min(max(next, lo[t]), hi[t]); c != next {
			next = c
			if d := next - soc; d >= 0 {
				x = d / (b.EffC * s.h)
			} else {
				x = d * b.EffD / s.h
			}
		}
		kw[t] = x
		soc = next
	}
}

// adopt evaluates the present point and keeps it where it is better.
func (s *search) adopt(from string) bool {
	plan := s.extract()
	if plan == nil {
		s.trace("%s: not a plan", from)
		return false
	}
	e, _ := evaluate(s.p, plan)
	s.spent += int64(s.p.N * (len(s.p.Loads) + 5))
	if e == nil {
		return false
	}
	fill(plan, e)
	ok := better(plan, s.best)
	s.trace("%s: %.6f (lp %.6f) best %.6f work %d", from, plan.Cost, s.m.lp.objective()+s.m.konst, s.best.Cost, s.work())
	if ok {
		s.best = plan
		s.tell()
	}
	return ok
}

// neighbourhood frees a few loads of the best plan and plans them again
// together, everything continuous with them.
func (s *search) neighbourhood() bool {
	m := s.m
	if len(m.units) == 0 {
		return false
	}
	size := 2 + s.rng.IntN(3)
	size = min(size, len(m.units))
	perm := s.rng.Perm(len(m.units))
	free := make([]*unit, 0, size)
	isFree := make([]bool, len(m.units))
	for _, i := range perm[:size] {
		isFree[i] = true
		free = append(free, m.units[i])
	}
	for i, u := range m.units {
		kw := s.best.Loads[u.l.ID].KW
		p := u.pattern(kw)
		m.addSchedule(u, schedule{kw: kw, own: u.pricer.cost(kw), pattern: p})
		if isFree[i] {
			m.hold(u, nil)
		} else {
			m.hold(u, &p)
		}
	}
	for range 8 {
		if !s.optimise(1 << 30) {
			return false
		}
		if s.over() {
			return true
		}
		if added, _ := s.generate(m.units, m.lp.y); added == 0 {
			break
		}
	}
	if m.lp.objective()+m.konst > s.best.Cost-1e-6*math.Abs(s.best.Cost) {
		return true
	}
	s.dive(free)
	if m.lp.objective()+m.konst < s.best.Cost-1e-7 {
		s.adopt("lns")
	}
	return true
}
