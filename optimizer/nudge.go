package optimizer

import "math"

// nudger is the other half of the local search: very many small steps.  A run
// begins a slot later, a slot of a heater goes elsewhere, two loads move at
// once; each is costed in about a microsecond by the account, and taken or not as in
// annealing.  Putting a load back where it is cheapest beside the others rarely
// finds what pays only when two loads move, or fits what credit is left;
// these steps do, and find nothing far away.
type nudger struct {
	l       *local
	a       *account
	own     float64 // of all units
	wear    float64 // of the battery
	changes []change
	owned   []ownCost // as they were before the step
	runs    []span
	best    snapshot
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

func newNudger(l *local) *nudger {
	g := &nudger{l: l, a: newAccount(l)}
	g.free.init(l)
	return g
}

// run makes steps from the present state of the local search, for about so much
// work, at first accepting what is dearer by about hot, and leaves the best
// state found.  Where credit binds, all but the last fifth of the steps may
// fall a little short of it, as in anneal.
func (g *nudger) run(work int64, hot, until float64) {
	l, s := g.l, g.l.s
	l.cost = l.evaluate()
	penalty := l.penalty
	// From a state that falls short few ways lead back: only what falls less short is taken.
	if l.tight() && l.short <= 0 {
		penalty = l.softPenalty()
	}
	l.save(&g.best)
	g.best.cost = l.cost + l.short*(l.m.big-l.penalty)
	g.free.choose(l)
	g.begin()
	cost, short := g.total()
	if c := cost + short*l.m.big; c < g.best.cost {
		l.save(&g.best)
		g.best.cost = c
	}
	cost += short * penalty
	// What a step costs beside what planning a free power does.
	step := int64(l.p.N*3/4 + 20*len(g.a.scen))
	if g.free.unit != noUnit {
		pieces := len(l.table[0].z)
		step += int64(8 * pieces * pieces)
	}
	end := s.spent + work
	for i := 0; s.spent < end; i++ {
		if i&63 == 0 && (s.over() || s.progress() > until || s.gapOf(g.best.cost) <= s.goal) {
			break
		}
		left := float64(end-s.spent) / float64(work)
		s.spent += step
		if left < 0.2 && penalty < l.m.big {
			penalty = l.m.big
			l.restore(&g.best)
			g.begin()
			cost, short = g.total()
			cost += short * penalty
		}
		g.slack = -hot * left * left * math.Log(1-s.rng.Float64())
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
			penalty = min(penalty*1.001, l.m.big)
		case next < g.best.cost-1e-10:
			l.save(&g.best)
			g.best.cost = next
			fallthrough
		default:
			if penalty < l.m.big {
				penalty /= 1.001
			}
		}
	}
	l.restore(&g.best)
	l.cost = l.evaluate()
}

// total is the cost of the present state and by how much the credit falls short.
func (g *nudger) total() (cost, short float64) {
	cost, over := g.a.total()
	for _, f := range g.l.p.FixedCharges {
		cost += f.Amount
	}
	return cost + g.own + g.wear, max(0, over)
}

// begin takes over the present state, the free power planned anew beside the
// others.
func (g *nudger) begin() {
	l := g.l
	g.changes, g.owned = g.changes[:0], g.owned[:0]
	g.a.open()
	g.own, g.wear = 0, g.l.wear()
	for _, x := range l.own {
		g.own += x
	}
	g.follow()
	g.free.accept()
}

// propose makes a random change that every load's own rules allow, of one or
// two loads that have to do with each other; the free power follows.
func (g *nudger) propose() bool {
	l, rng := g.l, g.l.s.rng
	g.changes, g.owned = g.changes[:0], g.owned[:0]
	n := len(l.units)
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
	if len(g.changes) == 0 || g.screen(g.own-before) > g.slack {
		return false
	}
	g.apply(0)
	g.follow()
	return true
}

// whoRuns is the first unit from i on that runs in a slot, i where none does; it
// is neither the last one nudged nor the free power.
func (g *nudger) whoRuns(slot, i, last int) int {
	n := len(g.l.units)
	for k := range n {
		j := (i + k) % n
		if j != last && j != g.free.unit && g.l.kw[j][slot] > onFrom {
			return j
		}
	}
	return i
}

// row is the powers of a unit or the battery.
func (g *nudger) row(unit int) []float64 {
	if unit == batteryUnit {
		return g.l.bat
	}
	return g.l.kw[unit]
}

// set changes one power, once in a step.
func (g *nudger) set(unit, t int, kw float64) {
	row := g.row(unit)
	if row[t] == kw {
		return
	}
	g.changes = append(g.changes, change{unit: unit, slot: t, was: row[t]})
	row[t] = kw
}

func (g *nudger) setOwn(unit int, own float64) {
	g.owned = append(g.owned, ownCost{unit, g.l.own[unit]})
	g.own += own - g.l.own[unit]
	g.l.own[unit] = own
}

// apply tells the account of the changes from k on.
func (g *nudger) apply(k int) {
	for ; k < len(g.changes); k++ {
		c := &g.changes[k]
		c.z, c.applied = g.l.z[c.slot], true
		g.a.move(c.slot, c.z+g.row(c.unit)[c.slot]-c.was)
	}
}

func (g *nudger) undo() {
	for k := len(g.changes) - 1; k >= 0; k-- {
		c := &g.changes[k]
		if c.applied {
			g.a.move(c.slot, c.z)
		}
		g.row(c.unit)[c.slot] = c.was
	}
	for k := len(g.owned) - 1; k >= 0; k-- {
		g.l.own[g.owned[k].unit] = g.owned[k].was
	}
}

// check tells whether unit i may run as it does now, and its own cost.
func (g *nudger) check(i int) (own float64, ok bool) {
	u := g.l.units[i]
	kw := g.l.kw[i]
	switch q := u.pricer.(type) {
	case *cyclePricer:
		return g.cycle, true
	case *onOffPricer:
		o := q.l.OnOff
		starts, ok := g.switching(kw, o.Switching, q.from, q.to, q.hold, -1)
		if !ok || starts > q.starts {
			return 0, false
		}
		on, sum := 0, float64(starts)*o.StartCost
		for t, x := range kw {
			if x > onFrom {
				on++
				sum += q.late[t]
			}
		}
		return sum + q.missing(on), on <= q.need
	case *variablePricer:
		v := q.l.Variable
		starts, ok := g.switching(kw, v.Switching, q.from, q.to, q.hold, -1)
		if !ok || starts > q.starts {
			return 0, false
		}
		var kws float64
		for _, x := range kw {
			if x == 0 {
				continue
			}
			if x < v.least()-1e-9 || x > v.MaxKW+1e-9 {
				return 0, false
			}
			kws += x
		}
		return q.cost(kw), kws <= q.quota+1e-9
	case *thermalPricer:
		if sw := q.l.Thermal.Switching; sw.MinOn > 1 || sw.MinOff > 1 || sw.Hold > 0 {
			if _, ok := g.switching(kw, sw, 0, len(kw), 0, len(kw)); !ok {
				return 0, false
			}
		}
		own, hot := q.follow(kw)
		return own, !hot
	case *modulatingPricer:
		own, hot := q.warmth.follow(kw)
		return own, !hot
	}
	return 0, false
}

// switching checks runs and breaks, and counts the starts.
func (g *nudger) switching(kw []float64, sw Switching, from, to, hold, cut int) (starts int, ok bool) {
	g.runs = appendSpans(g.runs[:0], kw)
	for t := 0; t < min(sw.Hold, len(kw)); t++ {
		if (kw[t] > onFrom) != bool(sw.InitOn) {
			return 0, false
		}
	}
	for k, r := range g.runs {
		carried := bool(sw.InitOn) && r.from == 0
		if !carried {
			starts++
			if r.from < from {
				return 0, false
			}
		} else if r.from < from && r.to > hold && hold < from {
			return 0, false
		}
		if r.to > to && !(carried && r.to <= hold) {
			return 0, false
		}
		if r.to-r.from < sw.MinOn && !carried && r.to != cut {
			return 0, false
		}
		prev := -1
		if k > 0 {
			prev = g.runs[k-1].to
		} else if sw.InitOn {
			prev = 0
		}
		if prev >= 0 && !carried && r.from-prev < sw.MinOff {
			return 0, false
		}
	}
	return starts, true
}
