package optimizer

import "math"

// account is the cost of supply in the present state of a local search, kept up
// to date while single slots change: what a change of one slot costs is known
// without looking at the others.  It knows no demand charges.
type account struct {
	l      *local
	checks int
	scen   []scenarioAccount
}

type scenarioAccount struct {
	imp    []float64
	energy float64
	spent  []float64 // up to and with each credit check
	block  []float64 // kWh, by block: up to and with each credit check, and all
}

func newAccount(l *local) *account {
	a := &account{l: l, checks: len(l.checks), scen: make([]scenarioAccount, len(l.o.weight))}
	for s := range a.scen {
		c := &a.scen[s]
		c.imp, c.spent = make([]float64, l.p.N), make([]float64, a.checks)
		c.block = make([]float64, len(l.m.blocks)*(a.checks+1))
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
		if l.checks[k].slot >= t {
			c.spent[k] += d * l.h * l.p.ImportPrice[t]
		}
	}
	for i := range l.m.blocks {
		b := &l.m.blocks[i]
		if b.scen >= 0 || t < b.from || t >= b.to {
			continue
		}
		at := i * (a.checks + 1)
		for k := range l.checks {
			if l.checks[k].slot >= t {
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
	for s, w := range l.o.weight {
		c := &a.scen[s]
		sum := c.energy
		for i := range l.m.blocks {
			if b := &l.m.blocks[i]; b.scen < 0 {
				sum += b.cost(c.block[i*(a.checks+1)+a.checks])
			}
		}
		cost += w * sum
	}
	for _, s := range l.o.protect {
		c := &a.scen[s]
		for k := range l.checks {
			all := c.spent[k]
			for i := range l.m.blocks {
				if b := &l.m.blocks[i]; b.scen < 0 && b.from <= l.checks[k].slot {
					all += b.cost(c.block[i*(a.checks+1)+k])
				}
			}
			over = max(over, all-l.checks[k].budget-1e-7)
		}
	}
	return cost, over
}
