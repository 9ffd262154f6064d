package local

import "math"

// account is the cost of supply in the present state of a local search, kept up
// to date while single slots change: what a change of one slot costs is known
// without looking at the others.  It knows no demand charges.
type account struct {
	l      *Search
	checks int
	scen   []scenarioAccount
}

type scenarioAccount struct {
	imp    []float64
	energy float64
	spent  []float64 // up to and with each credit check
	block  []float64 // kWh, by block: up to and with each credit check, and all
}

func newAccount(l *Search) *account {
	a := &account{l: l, checks: len(l.checks), scen: make([]scenarioAccount, len(l.o.Weight))}
	for s := range a.scen {
		c := &a.scen[s]
		c.imp, c.spent = make([]float64, l.p.N), make([]float64, a.checks)
		c.block = make([]float64, len(l.m.Blocks)*(a.checks+1))
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
		for t, z := range a.l.z {
			c.imp[t] = 0
			cost, imp := a.l.slot(s, t, z)
			c.energy += cost
			a.draw(c, t, imp)
		}
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
		sum := c.energy
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
