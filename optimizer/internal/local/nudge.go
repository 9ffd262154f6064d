package local

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// Nudger is the other half of the local search: very many small steps.  A run
// begins a slot later, a slot of a heater goes elsewhere, two loads move at
// once; each is costed in about a microsecond by the account, and taken or not as in
// annealing.  Putting a load back where it is cheapest beside the others rarely
// finds what pays only when two loads move, or fits what credit is left;
// these steps do, and find nothing far away.
type Nudger struct {
	Local   *Search
	a       *account
	own     float64 // of all units
	wear    float64 // of the battery
	changes []change
	owned   []ownCost // as they were before the step
	runs    []model.Span
	best    Snapshot
	slack   float64 // by how much the state may get dearer with this step
	cycle   float64 // own cost of the cycle that was nudged
	free    freePower
	goal    int // the slot that the load nudged is to move to, -1: any
}

// change is one power changed by a step.
type change struct {
	unit    int // batteryUnit: the battery
	slot    int
	was     float64
	z       float64 // of the slot before, once the account knows
	applied bool
}

type ownCost struct {
	unit int
	was  float64
}

// NewNudger makes a nudger of the search's state.
func NewNudger(l *Search) *Nudger {
	g := &Nudger{Local: l, a: newAccount(l)}
	g.free.init(l)
	return g
}

// Run makes steps from the present state of the local search, for about so much
// work, at first accepting what is dearer by about hot, and leaves the best
// state found.  Where credit binds, all but the last fifth of the steps may
// fall a little short of it, as in anneal.
func (g *Nudger) Run(work int64, hot, until float64) {
	l, s := g.Local, g.Local.s
	l.Cost = l.Evaluate()
	penalty := l.Penalty
	// From a state that falls short few ways lead back: only what falls less short is taken.
	if l.Tight() && l.Short <= 0 {
		penalty = l.SoftPenalty()
	}
	l.Save(&g.best)
	g.best.Cost = l.Cost + l.Short*(l.m.Big-l.Penalty)
	g.free.choose(l)
	g.begin()
	cost, short := g.total()
	if c := cost + short*l.m.Big; c < g.best.Cost {
		l.Save(&g.best)
		g.best.Cost = c
	}
	cost += short * penalty
	// What a step costs beside what planning a free power does.
	step := int64(l.p.N*3/4 + 20*len(g.a.scen))
	if g.free.unit != noUnit {
		pieces := len(l.table[0].z)
		step += int64(8 * pieces * pieces)
	}
	end := s.Spent + work
	for i := 0; s.Spent < end; i++ {
		if i&63 == 0 && (s.Over() || s.Progress() > until || s.GapOf(g.best.Cost) <= s.Goal) {
			break
		}
		left := float64(end-s.Spent) / float64(work)
		s.Spent += step
		if left < HardLast && penalty < l.m.Big {
			penalty = l.m.Big
			l.Restore(&g.best)
			g.begin()
			cost, short = g.total()
			cost += short * penalty
		}
		g.slack = -hot * left * left * math.Log(1-s.Rng.Float64())
		own, wear := g.own, g.wear
		ok := g.propose()
		var next float64
		if ok {
			next, short = g.total()
			ok = next+short*penalty <= cost+g.slack
		}
		if !ok {
			g.own, g.wear = own, wear
			g.undo()
			continue
		}
		cost = next + short*penalty
		g.free.accept()
		switch {
		case short > 0:
			penalty = min(penalty*nudgeSettle, l.m.Big)
		case next < g.best.Cost-nudgeTol:
			l.Save(&g.best)
			g.best.Cost = next
			fallthrough
		default:
			if penalty < l.m.Big {
				penalty /= nudgeSettle
			}
		}
	}
	l.Restore(&g.best)
	if l.Cost = l.Evaluate(); l.held && l.Promise < l.seen.Promise {
		l.Save(&l.seen)
	}
}

// total is the cost of the present state and by how much the credit falls short.
func (g *Nudger) total() (cost, short float64) {
	cost, over := g.a.total()
	for _, f := range g.Local.p.FixedCharges {
		cost += f.Amount
	}
	return cost + g.own + g.wear, max(0, over)
}

// begin takes over the present state, the free power planned anew beside the
// others.
func (g *Nudger) begin() {
	l := g.Local
	g.changes, g.owned = g.changes[:0], g.owned[:0]
	g.a.open()
	g.own, g.wear = 0, g.Local.wear()
	for _, x := range l.own {
		g.own += x
	}
	g.follow()
	g.free.accept()
}

// propose makes a random change that every load's own rules allow, of one or
// two loads that have to do with each other; the free power follows.
func (g *Nudger) propose() bool {
	l, rng := g.Local, g.Local.s.Rng
	g.changes, g.owned = g.changes[:0], g.owned[:0]
	n := len(l.Units)
	others := n
	if g.free.unit >= 0 {
		others-- // it is not nudged itself
	}
	times := min(1+rng.IntN(2), others)
	before, last := g.own, -1
	for range times {
		i := rng.IntN(n)
		for i == last || i == g.free.unit {
			i = (i + 1) % n
		}
		g.goal = -1
		if len(g.changes) > 0 {
			// The second goes where the first made room, or was in its way.
			c := &g.changes[rng.IntN(len(g.changes))]
			if g.row(c.unit)[c.slot] < c.was {
				g.goal = c.slot
			} else {
				i = g.whoRuns(c.slot, i, last)
			}
		}
		last = i
		if !g.nudge(i) {
			return false
		}
		own, ok := g.check(i)
		if !ok {
			return false
		}
		g.setOwn(i, own)
	}
	if len(g.changes) == 0 || !g.fits() || g.screen(g.own-before) > g.slack {
		return false
	}
	g.apply(0)
	g.follow()
	return true
}

// fits tells whether circuits and exclusions have room for what was changed.
func (g *Nudger) fits() bool {
	l := g.Local
	for i := range g.changes {
		ch := &g.changes[i]
		if ch.unit < 0 || l.KW[ch.unit][ch.slot] <= ch.was {
			continue
		}
		for _, k := range l.crowdsOf[ch.unit] {
			if l.excess(&l.crowd[k], ch.slot) > model.PowerTol {
				return false
			}
		}
	}
	return true
}

// whoRuns is the first unit from i on that runs in a slot, i where none does; it
// is neither the last one nudged nor the free power.
func (g *Nudger) whoRuns(slot, i, last int) int {
	n := len(g.Local.Units)
	for k := range n {
		j := (i + k) % n
		if j != last && j != g.free.unit && g.Local.KW[j][slot] > model.OnFrom {
			return j
		}
	}
	return i
}

// row is the powers of a unit or the battery.
func (g *Nudger) row(unit int) []float64 {
	if unit == batteryUnit {
		return g.Local.bat
	}
	return g.Local.KW[unit]
}

// set changes one power, once in a step.
func (g *Nudger) set(unit, t int, kw float64) {
	row := g.row(unit)
	if row[t] == kw {
		return
	}
	g.changes = append(g.changes, change{unit: unit, slot: t, was: row[t]})
	row[t] = kw
}

func (g *Nudger) setOwn(unit int, own float64) {
	g.owned = append(g.owned, ownCost{unit, g.Local.own[unit]})
	g.own += own - g.Local.own[unit]
	g.Local.own[unit] = own
}

// apply tells the account of the changes from k on.
func (g *Nudger) apply(k int) {
	for ; k < len(g.changes); k++ {
		c := &g.changes[k]
		c.z, c.applied = g.Local.z[c.slot], true
		g.a.move(c.slot, c.z+g.row(c.unit)[c.slot]-c.was)
	}
}

func (g *Nudger) undo() {
	for k := len(g.changes) - 1; k >= 0; k-- {
		c := &g.changes[k]
		if c.applied {
			g.a.move(c.slot, c.z)
		}
		g.row(c.unit)[c.slot] = c.was
	}
	for k := len(g.owned) - 1; k >= 0; k-- {
		g.Local.own[g.owned[k].unit] = g.owned[k].was
	}
}

// check tells whether unit i may run as it does now, and its own cost.
func (g *Nudger) check(i int) (own float64, ok bool) {
	u := g.Local.Units[i]
	kw := g.Local.KW[i]
	switch q := u.Pricer.(type) {
	case *pricing.Cycle:
		return g.cycle, true
	case *pricing.OnOff:
		o := q.Load.OnOff
		starts, ok := g.switching(kw, o.Switching, q.From, q.To, q.Hold, -1)
		if !ok || starts > q.Starts {
			return 0, false
		}
		on, sum := 0, float64(starts)*o.StartCost
		for t, x := range kw {
			if x > model.OnFrom {
				on++
				sum += q.Late[t]
			}
		}
		return sum + q.Missing(on), on <= q.Need
	case *pricing.Variable:
		v := q.Load.Variable
		starts, ok := g.switching(kw, v.Switching, q.From, q.To, q.Hold, -1)
		if !ok || starts > q.Starts {
			return 0, false
		}
		var kws float64
		for _, x := range kw {
			if x == 0 {
				continue
			}
			if x < v.Least()-pricing.Rounding || x > v.MaxKW+pricing.Rounding {
				return 0, false
			}
			kws += x
		}
		return q.Cost(kw), kws <= q.Quota+pricing.Rounding
	case *pricing.Thermal:
		if sw := q.Load.Thermal.Switching; sw.MinOn > 1 || sw.MinOff > 1 || sw.Hold > 0 {
			if _, ok := g.switching(kw, sw, 0, len(kw), 0, len(kw)); !ok {
				return 0, false
			}
		}
		own, hot := q.Follow(kw)
		return own, !hot
	case *pricing.Modulating:
		own, hot := q.Warmth.Follow(kw)
		return own, !hot
	}
	return 0, false
}

// switching checks runs and breaks, and counts the starts.
func (g *Nudger) switching(kw []float64, sw model.Switching, from, to, hold, cut int) (starts int, ok bool) {
	g.runs = model.AppendSpans(g.runs[:0], kw)
	for t := 0; t < min(sw.Hold, len(kw)); t++ {
		if (kw[t] > model.OnFrom) != bool(sw.InitOn) {
			return 0, false
		}
	}
	for k, r := range g.runs {
		carried := bool(sw.InitOn) && r.From == 0
		if !carried {
			starts++
			if r.From < from {
				return 0, false
			}
		} else if r.From < from && r.To > hold && hold < from {
			return 0, false
		}
		if r.To > to && !(carried && r.To <= hold) {
			return 0, false
		}
		if r.To-r.From < sw.MinOn && !carried && r.To != cut {
			return 0, false
		}
		prev := -1
		if k > 0 {
			prev = g.runs[k-1].To
		} else if sw.InitOn {
			prev = 0
		}
		if prev >= 0 && !carried && r.From-prev < sw.MinOff {
			return 0, false
		}
	}
	return starts, true
}
