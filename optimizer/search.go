package optimizer

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"sort"
	"time"

	"github.com/keeplit/keeplit/optimizer/internal/bound"
	"github.com/keeplit/keeplit/optimizer/internal/effort"
	"github.com/keeplit/keeplit/optimizer/internal/local"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// search is the state of one Solve.  All its money is in its unit, that of Problem.Unit.
type search struct {
	ctx   context.Context
	p     *Problem // counted in the unit
	given *Problem
	unit  float64
	opt   Options
	h     float64
	begin time.Duration
	*effort.Effort

	best    *Plan
	byPrice *Plan // the greedy plan
	pricers map[string]pricing.Pricer
	start   *Plan // Options.Previous, made to fit
	inForce *Plan // Options.Previous, where it may stay as it is
	m       *master.Programme
	lower   float64
	yBest   []float64        // duals that proved the best (estimated) bound
	tight   *bound.Tightener // nil once it has converged
	mixed   *bound.Tightener // whose mixtures plans may be drawn from
	stop    Stop
	looks   uint // at the limits

	// share is the part of the limits that a re-plan begins with, 1 for any
	// other search, and mark the cost when half of it was used up.
	share    float64
	mark     float64
	lastGap  float64       // of the search that left the memory
	dived    float64       // cost of the dive's plan, NaN before
	slow     bool          // the linear programme takes long, and the bound knows more in less
	thorough bool          // never a part only
	reserve  time.Duration // of the time limit, kept to price the protection of the credit

	last, here            *Plan     // that the linear programme came to last, and where the next cycle begins
	dug                   int64     // work that annealing is ahead of dives
	aiming                bool      // a cycle without peaks that are held is over
	leastPeaks, mostPeaks []float64 // of the demand windows, that no plan is below, and that loads come to that do not look at them
	mixedPeaks            []float64 // and those of the mean of mixtures, once it is known
	leastRest             float64   // the least that a state cost beside its peaks

	greedyMu    float64 // the dearness of credit at which the greedy plan was found
	undo, trial local.Snapshot
	drawn       local.Snapshot // the best plan drawn in this cycle
	elites      local.Elites
	nudger      *local.Nudger
}

func newSearch(ctx context.Context, p *Problem, opt Options) *search {
	if opt.Gap <= 0 {
		opt.Gap = DefaultGap
	}
	if opt.WorkLimit <= 0 {
		opt.WorkLimit = DefaultWorkLimit
	}
	given, unit := p, p.Unit()
	if unit != 1 {
		p, opt.Margin = p.Counted(unit), opt.Margin/unit
	}
	s := &search{
		ctx: ctx, p: p, given: given, unit: unit, opt: opt, h: p.Hours(), lower: math.Inf(-1), share: 1, mark: math.Inf(1), dived: math.NaN(),
	}
	s.Effort = &effort.Effort{
		Rng: rand.New(rand.NewPCG(opt.Seed, 0x9e3779b97f4a7c15)), Seed: opt.Seed, Goal: opt.Gap,
		Over: s.over, Progress: s.progress, GapOf: s.gapOf, Trace: opt.trace,
	}
	var shared pricing.Scratch
	s.pricers = make(map[string]pricing.Pricer, len(p.Loads))
	for i := range p.Loads {
		s.pricers[p.Loads[i].ID] = pricing.New(p, &p.Loads[i], &shared)
	}
	if opt.Elapsed != nil {
		s.begin = opt.Elapsed()
	}
	if len(p.Scenarios) > 0 && p.Credit != nil {
		s.reserve = opt.TimeLimit / 3
		s.opt.TimeLimit -= s.reserve
	}
	if s.Trace == nil {
		s.Trace = func(string, ...any) {}
	}
	return s
}

// work is the units of work done so far.
func (s *search) work() int64 {
	if s.m != nil {
		return s.Spent + s.m.LP.Work
	}
	return s.Spent
}

// over tells whether a limit or the goal has been reached, and notes which.
func (s *search) over() bool {
	if s.looks++; s.looks&7 == 0 {
		runtime.Gosched() // or who cancels waits for the end of a time slice where there is one core
	}
	switch {
	case s.stop != "":
	case s.ctx.Err() != nil:
		s.stop = StopCancelled
	case s.opt.Elapsed != nil && s.opt.TimeLimit > 0 && s.opt.Elapsed()-s.begin >= s.opt.TimeLimit:
		s.stop = StopTime
	case s.work() >= s.opt.WorkLimit:
		s.stop = StopWork
	case s.gap() <= s.opt.Gap:
		s.stop = StopGap
	case s.share < 1 && s.settled():
		s.stop = StopSettled
	}
	return s.stop != ""
}

// settled tells whether a re-plan has had its share of the limits and would
// find little more; while its second half still paid, the share is doubled.
func (s *search) settled() bool {
	if s.gap() <= replanGap && model.HardAmount(s.best) <= model.MoneyTol {
		return true
	}
	x := s.progress()
	if x >= markAt && math.IsInf(s.mark, 1) {
		s.mark = s.best.Cost
	}
	if x < 1 {
		return false
	}
	if model.HardAmount(s.best) <= model.MoneyTol && s.mark-s.best.Cost <= replanGain*math.Abs(s.best.Cost) {
		return true
	}
	s.share = min(1, 2*s.share)
	s.mark = s.best.Cost
	return false
}

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
func (s *search) gap() float64 { return s.gapOf(s.best.Cost) }

// gapOf is the gap if the best plan had that cost.
func (s *search) gapOf(cost float64) float64 {
	return (cost - s.lower) / max(costless, math.Abs(cost))
}

// run is the whole search.
func (s *search) run() {
	s.greedy()
	s.byPrice = s.best
	s.warm()
	s.tell()
	big := leastPrice
	for t := range s.p.N {
		big = max(big, s.p.ImportPrice[t])
	}
	big = impossible * max(big, s.p.ShedPenalty)
	s.m = master.New(s.p, s.outlook(), big, s.pricers)
	if len(s.p.Loads) == 0 && s.p.Battery == nil {
		s.lower = s.best.Cost // there is nothing to decide
		s.stop = StopExhausted
		return
	}
	if s.over() {
		return
	}
	s.lowerPeaks()
	if m := s.opt.Memory; m != nil && m.dives == s.p.N && !s.fromNothing(false, replanUntil) {
		return
	}
	if q := s.recall(); q != nil {
		s.replan(q)
		return
	}
	s.resume()
	if s.fromNothing(s.share == 1, nothingUntil) {
		s.improve()
	}
}

// fromNothing is the beginning of a search: reinsertion around the greedy plan
// where asked for, then the linear programme and a dive from it.  It reports
// whether there is time left.
func (s *search) fromNothing(reinsert bool, until float64) bool {
	s.slow = s.m.Rows > slowRows && len(s.m.Demand) == 0
	if reinsert && (s.p.Battery == nil || s.slow) && len(s.m.Demand) == 0 && len(s.m.Group) == 0 && len(s.m.Units) > 0 {
		// Without a store, a peak or a circuit to share, reinsertion finds a good plan
		// sooner than the linear programme; where that takes long, with a store as well.
		l := local.New(s.Effort, s.m)
		for t := range l.MuRow {
			l.MuRow[t] = s.greedyMu
		}
		l.Load(s.byPrice)
		s.anneal(l, firstSteps*len(s.m.Units), firstHot*math.Abs(s.best.Cost), until)
	}
	if s.over() || !s.seed(s.best) {
		return false
	}
	early := 1.0
	switch { // where it takes long
	case len(s.m.Demand) > 0:
		early = min(until, rootEarly)
	case s.slow:
		early = min(until, s.progress()+rootEarly)
	}
	if !s.root(early, until) && !s.over() {
		if s.slow && bound.Fits(s.m) {
			s.prove(1)
			return !s.over()
		}
		s.dive(s.m.Units) // a first plan from what there is of it
		s.adopt("first dive")
		if s.over() {
			return false
		}
		again := s.progress() < diveAgain
		if s.progress() < rootAgain {
			for _, u := range s.m.Units {
				s.m.Hold(u, nil)
			}
			s.root(rootAgain, until)
		}
		if !again {
			s.prove(2)
			return !s.over()
		}
	}
	s.Trace("root: bound~%.5f work %d pivots %d", s.lower, s.work(), s.m.LP.Pivots)
	if s.over() {
		return false
	}
	if s.share < 1 && s.progress() > until {
		return true // a dive takes as long again
	}
	s.dive(s.m.Units)
	s.dived = s.adopt("dive")
	s.prove(2)
	return !s.over()
}

// improve alternates the two searches around the best plan, giving more of the
// work to the one that pays.
func (s *search) improve() {
	if len(s.m.Units) == 0 {
		s.stop = StopExhausted
		return
	}
	if len(s.m.Group) > 0 {
		s.neighbourhoods(divesFirst * len(s.m.Units))
	}
	l := local.New(s.Effort, s.m)
	if s.yBest != nil {
		l.CreditPrice(s.yBest)
	}
	l.Load(s.best)
	if s.mixed == nil && s.yBest != nil && s.share == 1 && len(s.m.Demand) == 0 { // mixtures know no peaks
		s.tight = bound.New(s.Effort, s.m, s.yBest)
	}
	first, longer := cycleSteps*len(s.m.Units), cycleLonger
	if len(s.m.Demand) > 0 {
		first, longer = peakSteps*len(s.m.Units), peakLonger
	}
	for s.slow && s.tight != nil && !s.over() && s.progress() < slowBound {
		s.bound(boundRounds)
	}
	cycle, failed, searched := first, 0, s.work()
	for !s.over() {
		before := s.best.Cost
		s.leave(l, failed)
		if !s.climbDown(l, cycle) {
			return
		}
		if s.best.Cost >= before {
			cycle = int(float64(cycle) * longer)
			if failed++; failed >= patience && s.tight == nil && len(s.m.Demand) == 0 {
				failed, cycle = 0, first // short ones, from elsewhere
				if !s.elsewhere(l, first) {
					return
				}
			}
		} else {
			failed = 0
		}
		l.Load(s.best)
		if len(s.m.Demand) > 0 && s.p.Battery != nil && len(s.m.Units) <= walkMost {
			s.walk(s.best.Cost < before || failed%walkBack == walkBack-1)
			l.Load(s.here)
		}
		if s.tight == nil || s.over() || s.share < 1 && s.gap() <= lastGapMuch*s.lastGap+lastGapMore {
			continue // or nearly as much is proven as before
		}
		// About a third of the work goes to the bound while that pays.
		mark := s.work()
		share := (mark - searched) / 2
		for s.work()-mark < share && s.tight != nil {
			s.bound(boundRounds)
		}
		searched = s.work()
	}
}

// walk chooses where the next cycle begins where peaks are charged and a battery lowers
// them: the plan that the last one came to, most often, though it is a little dearer.
func (s *search) walk(back bool) {
	if s.here == nil || back {
		s.here = s.best
	}
	if s.last != nil && s.last.Cost < s.here.Cost-walkHot*math.Log(1-s.Rng.Float64())*math.Abs(s.best.Cost) {
		s.here = s.last
	}
}

// elsewhere is a cycle that begins with all loads put back in another order: it is not to
// end where the last ones did.
func (s *search) elsewhere(l *local.Search, steps int) bool {
	l.Anew()
	return s.climbDown(l, steps)
}

// neighbourhoods frees a few loads at a time, up to so many times in vain: the linear
// programme knows best what loads that share a circuit and a battery do to each other.
func (s *search) neighbourhoods(vain int) {
	for failed := 0; failed < vain && !s.over(); failed++ {
		before := s.best.Cost
		if !s.neighbourhood() {
			return
		}
		if s.best.Cost < before {
			failed = 0
		}
	}
}

// leave chooses where a cycle begins: at the best plan, at the best of those drawn from
// the mixtures, or between two elites.
func (s *search) leave(l *local.Search, failed int) {
	before := s.best.Cost
	if s.mixed != nil {
		if s.rounds(l, s.mixed); s.best.Cost < before || failed%2 == 0 {
			l.Load(s.best)
		}
	}
	if len(s.elites.All) > 1 && s.best.Cost >= before && s.Rng.IntN(crossEvery) == 0 {
		s.cross(l)
	}
}

// climbDown is one cycle: annealing, longer and no less hot than it takes to leave where
// it began, then nudging, then what is continuous beside the patterns found.  False: the
// search is over.
func (s *search) climbDown(l *local.Search, steps int) bool {
	mark := s.work()
	s.aimed(l, func() {
		mark := s.work()
		s.anneal(l, steps, cycleHot*math.Abs(s.best.Cost)*s.Rng.Float64(), 1)
		if l.Held() {
			s.nudge(l, s.work()-mark, nudgeHot, 1)
		}
	})
	if s.over() {
		return false
	}
	s.elites.Add(l)
	if len(s.m.Demand) > 0 {
		s.polishOf(l.Plan(), "peaks")
	}
	if len(s.m.Demand) == 0 && (s.tight == nil || s.mixed != nil) { // a short search looks for the bound first
		least := int64(nudgeLeast) // of the whole: shorter nudging hardly leaves where it begins
		if s.share < 1 {
			least = nudgeLeastAgain
		}
		s.nudge(l, max((s.work()-mark)/2, s.whole()/least), nudgeHot, 1)
		s.elites.Add(l)
	}
	soft := s.p.Battery != nil
	for _, u := range s.m.Units {
		soft = soft || !u.PricerIsRigid()
	}
	if soft {
		climbed := s.work() - mark
		s.polish()
		for range 3 {
			if s.over() {
				return false
			}
			if s.dug += climbed; len(s.m.Demand) > 0 && s.dug < 0 {
				continue // a dive takes as long as many cycles
			}
			before := s.work()
			s.neighbourhood()
			s.dug -= 3 * (s.work() - before)
		}
	}
	return true
}

// replan is the search of one that remembers the last.
func (s *search) replan(q *bound.Tightener) {
	if !s.thorough {
		s.share = replanShare
	}
	if !s.seed(s.best) {
		return
	}
	s.lastGap = s.opt.Memory.gap
	s.tight = q
	s.bound(boundRoundsAgain)
	s.revive()
	if s.over() || model.HardAmount(s.best) > model.MoneyTol && !s.fromNothing(true, replanUntil) {
		return
	}
	if s.p.Battery != nil && !s.over() {
		s.polish()
	}
	s.improve()
}

// bound does some rounds of the tighter bound.
func (s *search) bound(rounds int) {
	more := s.tight.Climb(rounds, s.best.Cost)
	if s.tight.Best > s.lower {
		s.lower = s.tight.Best
		s.tell()
	}
	if s.tight.Mix.Rounds > 0 {
		s.mixed = s.tight
	}
	if !more {
		s.tight = nil
	}
}

// rounds makes some plans of the tightener's mixtures and leaves the best of
// them in l.
func (s *search) rounds(l *local.Search, q *bound.Tightener) {
	draws := drawCount
	if s.share < 1 {
		draws = drawCountAgain
	}
	mu := l.Mu
	drawn := &s.drawn
	drawn.Cost = math.Inf(1)
	for k := range draws {
		l.Mu = 1
		if s.over() {
			break
		}
		s.round(l, q, []float64{0, halfWild, 1}[min(k, 1+k%2)], roundSteps*len(l.Units))
		if l.Cost < drawn.Cost {
			l.Save(drawn)
		}
	}
	if !math.IsInf(drawn.Cost, 1) {
		l.Restore(drawn)
	}
	l.Mu = mu
	if s.yBest != nil {
		l.CreditPrice(s.yBest)
	}
}

// anneal does steps of the local search, at first accepting what is dearer by
// about hot, in the end nothing.  Where the credit binds, all but the last fifth of
// them may pass through states in which it falls a little short: the way from one
// plan that just fits to another often leads there.  It ends early once the given
// share of the limits is used up.
func (s *search) anneal(l *local.Search, steps int, hot, until float64) {
	if l.Cost = l.Evaluate(); l.Short > 0 && !l.Tight() {
		// Where credit costs nothing in the mean of mixtures, whole schedules
		// may still use more than there is.
		for t := range l.MuRow {
			l.MuRow[t] = max(creditPrice, s.greedyMu)
		}
	}
	soft := hot > 0 && l.Tight() && model.HardAmount(s.best) <= model.MoneyTol
	if soft {
		l.Soften()
		defer l.Harden()
	}
	for i := range steps {
		left := 1 - float64(i)/float64(steps)
		if soft && left < local.HardLast {
			soft = false
			l.Harden()
		}
		l.Step(-hot*left*left*math.Log(1-s.Rng.Float64()), &s.undo, &s.trial)
		if l.Real < s.cheaperThan() && (!soft || l.Short <= 0) {
			s.keep(l.Plan(), "local")
		}
		if s.over() || s.progress() > until {
			return
		}
	}
}

// nudge makes small steps from the state of l, for about so much work.
func (s *search) nudge(l *local.Search, work int64, hot, until float64) {
	if s.over() || len(s.m.Demand) > 0 && !l.Held() {
		return
	}
	if s.nudger == nil || s.nudger.Local != l {
		s.nudger = local.NewNudger(l)
	}
	s.nudger.Run(work, hot*(nudgeCool+(1-nudgeCool)*s.Rng.Float64())*math.Abs(s.best.Cost), until)
	if l.Short <= 0 && l.Real < s.cheaperThan() {
		s.keep(l.Plan(), "nudge")
	}
}

// whole is the work of the whole search, as far as it can be told from what is
// done.
func (s *search) whole() int64 {
	return min(s.opt.WorkLimit, int64(float64(s.work())/max(s.progress(), begun)))
}

// cheaperThan is what a plan must cost less than to be better than the best one, and
// not the same one added up in another order.
func (s *search) cheaperThan() float64 { return s.best.Cost - same*math.Abs(s.best.Cost) }

// keep evaluates a plan and adopts it where it is better.
func (s *search) keep(plan *Plan, from string) {
	e, _ := model.Evaluate(s.p, plan)
	s.Spent += int64(s.p.N * (len(s.p.Loads) + 5))
	if e == nil {
		return
	}
	model.Fill(plan, e)
	if !model.Better(plan, s.best) {
		return
	}
	s.Trace("%s: %.6f best %.6f work %d", from, plan.Cost, s.best.Cost, s.work())
	s.best = plan
	s.tell()
}

// tell reports progress to whoever asked for it.
func (s *search) tell() {
	if s.opt.Improved != nil {
		s.opt.Improved(s.best.Cost*s.unit, s.lower*s.unit)
	}
}

// outlook chooses the scenarios in which the credit must last: the dearest are
// given up as far as the chance limit allows.
func (s *search) outlook() master.Outlook {
	o := master.NewOutlook(s.p)
	if s.p.Credit == nil || len(s.p.Scenarios) == 0 {
		return o
	}
	spend := make([]float64, len(o.Weight))
	for i := range spend {
		for t := range s.p.N {
			spend[i] += max(0, o.Base[i][t]-o.PV[i][t]) * s.p.ImportPrice[t]
		}
	}
	sort.SliceStable(o.Protect, func(a, b int) bool { return spend[o.Protect[a]] < spend[o.Protect[b]] })
	give := model.ChanceLimit(s.p.Credit) + model.ShareTol
	for len(o.Protect) > 0 {
		last := o.Protect[len(o.Protect)-1]
		if give -= o.Weight[last]; give < 0 {
			break
		}
		o.Protect = o.Protect[:len(o.Protect)-1]
	}
	return o
}
