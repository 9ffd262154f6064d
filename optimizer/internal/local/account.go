package local

import "math"

// account is the cost of supply in the present state of a local search, kept up
// to date while single slots change: what a change of one slot costs is known
// without looking at the others.  Demand charges it knows below peaks that are held: then
// each group of slots costs what it does by itself.
type account struct {
	l        *Search
	checks   int
	scen     []scenarioAccount
	groups   []groupAccount
	groupsOf [][]int // by slot: those it belongs to
	peaks    float64 // what the peaks that are held cost
}

// groupAccount is a group of slots over which a demand window takes the mean.
type groupAccount struct{ window, group int }

type scenarioAccount struct {
	imp    []float64
	energy float64
	spent  []float64 // up to and with each credit check
	block  []float64 // kWh, by block: up to and with each credit check, and all
	drawn  []float64 // kW*slots, by group
	over   float64   // what the groups above the peaks cost
}

func newAccount(l *Search) *account {
	a := &account{l: l, checks: len(l.checks), scen: make([]scenarioAccount, len(l.o.Weight))}
	for s := range a.scen {
		c := &a.scen[s]
		c.imp, c.spent = make([]float64, l.p.N), make([]float64, a.checks)
		c.block = make([]float64, len(l.m.Blocks)*(a.checks+1))
	}
	a.groupsOf = make([][]int, l.p.N)
	for i := range l.groups {
		for k, g := range l.groups[i].Groups {
			for t := g.From; t < g.To; t++ {
				a.groupsOf[t] = append(a.groupsOf[t], len(a.groups))
			}
			a.groups = append(a.groups, groupAccount{i, k})
		}
	}
	for s := range a.scen {
		a.scen[s].drawn = make([]float64, len(a.groups))
	}
	return a
}

// open begins anew from l.z.
func (a *account) open() {
	for s := range a.scen {
		c := &a.scen[s]
		c.energy = 0
		clear(c.spent)
		clear(c.block)
		a.openPeaks(c)
		for t, z := range a.l.z {
			c.imp[t] = 0
			cost, imp := a.l.slot(s, t, z)
			c.energy += cost
			a.draw(c, t, imp)
		}
	}
}

// openPeaks begins the groups anew, with nothing drawn but what they hold.
func (a *account) openPeaks(c *scenarioAccount) {
	l := a.l
	a.peaks, c.over = 0, 0
	for i := range l.groups {
		w := l.p.Demand[l.groups[i].Window]
		a.peaks += w.PricePerKW * (l.peaks[i] - w.FloorKW)
	}
	for j, q := range a.groups {
		g := l.groups[q.window].Groups[q.group]
		c.drawn[j] = g.HeldKW
		c.over += l.overCost(q.window, q.group, g.HeldKW/g.Slots)
	}
}

// draw notes a new import in a slot.
func (a *account) draw(c *scenarioAccount, t int, imp float64) {
	d := imp - c.imp[t]
	if d == 0 {
		return
	}
	c.imp[t] = imp
	l := a.l
	for k := range l.checks {
		if l.checks[k].Slot >= t {
			c.spent[k] += d * l.h * l.p.ImportPrice[t]
		}
	}
	for i := range l.m.Blocks {
		b := &l.m.Blocks[i]
		if b.Scenario >= 0 || t < b.From || t >= b.To {
			continue
		}
		at := i * (a.checks + 1)
		for k := range l.checks {
			if l.checks[k].Slot >= t {
				c.block[at+k] += d * l.h
			}
		}
		c.block[at+a.checks] += d * l.h
	}
	for _, j := range a.groupsOf[t] {
		q := a.groups[j]
		slots := l.groups[q.window].Groups[q.group].Slots
		c.over -= l.overCost(q.window, q.group, c.drawn[j]/slots)
		c.drawn[j] += d
		c.over += l.overCost(q.window, q.group, c.drawn[j]/slots)
	}
}

// move changes what a slot draws.
func (a *account) move(t int, z float64) {
	for s := range a.scen {
		before, _ := a.l.slot(s, t, a.l.z[t])
		cost, imp := a.l.slot(s, t, z)
		a.scen[s].energy += cost - before
		a.draw(&a.scen[s], t, imp)
	}
	a.l.z[t] = z
}

// total is the expected cost of supply and by how much the credit falls short
// at worst; what is left of it counts as negative.
func (a *account) total() (cost, over float64) {
	l := a.l
	over = math.Inf(-1)
	for s, w := range l.o.Weight {
		c := &a.scen[s]
		sum := c.energy + a.peaks + c.over
		for i := range l.m.Blocks {
			if b := &l.m.Blocks[i]; b.Scenario < 0 {
				sum += b.Cost(c.block[i*(a.checks+1)+a.checks])
			}
		}
		cost += w * sum
	}
	for _, s := range l.o.Protect {
		c := &a.scen[s]
		for k := range l.checks {
			all := c.spent[k]
			for i := range l.m.Blocks {
				if b := &l.m.Blocks[i]; b.Scenario < 0 && b.From <= l.checks[k].Slot {
					all += b.Cost(c.block[i*(a.checks+1)+k])
				}
			}
			over = max(over, all-l.checks[k].Budget-creditTol)
		}
	}
	return cost, over
}

// room is what a slot may draw more before one of its groups is above its peak, less than 0
// where one is.
func (a *account) room(t int) float64 {
	room := math.Inf(1)
	for _, j := range a.groupsOf[t] {
		q := a.groups[j]
		most := a.l.peaks[q.window] * a.l.groups[q.window].Groups[q.group].Slots
		for s := range a.scen {
			room = min(room, most-a.scen[s].drawn[j])
		}
	}
	return room
}
