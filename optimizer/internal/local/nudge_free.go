package local

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// freePower is the battery, or a heater of free power, that follows the other
// loads of a nudger: its own best powers beside them are planned exactly, as a store.
type freePower struct {
	unit            int       // batteryUnit: the battery, noUnit: there is none
	heaters         []int     // units that may be it
	worth, worthNew []float64 // what a unit more of its level changes after each slot
	mu, muNew       float64   // the price of credit, as local's
	was, zWas       []float64
	one, two        []float64
	after           []pricing.Worth // of the plan made last
}

const (
	batteryUnit = -1
	noUnit      = -2
)

func (f *freePower) init(l *Search) {
	f.unit = noUnit
	for i, u := range l.Units {
		if _, ok := u.Pricer.(*pricing.Modulating); ok {
			f.heaters = append(f.heaters, i)
		}
	}
	f.worth, f.worthNew, f.after = make([]float64, l.p.N), make([]float64, l.p.N), make([]pricing.Worth, l.p.N)
}

// choose decides what follows: the battery, else one of the heaters.
func (f *freePower) choose(l *Search) {
	f.mu, f.muNew = l.Mu, l.Mu
	switch {
	case l.store != nil:
		f.unit = batteryUnit
	case len(f.heaters) > 0:
		f.unit = f.heaters[l.s.Rng.IntN(len(f.heaters))]
	}
}

// accept notes that the step, and with it the plan made last, was taken.
func (f *freePower) accept() {
	copy(f.worth, f.worthNew)
	f.mu = f.muNew
}

// screen is about the least that the changes will cost, own included, once the free
// power has followed: at what its level is worth now each slot chooses for itself, as
// in a Lagrangian bound.  (It is one where that worth is unique; at a kink it may
// be a little high.)  A step that this rules out is not costed in full.  Without a
// free power nothing is ruled out.
func (g *Nudger) screen(own float64) float64 {
	if g.free.unit == noUnit {
		return math.Inf(-1)
	}
	for k := range g.changes {
		c := &g.changes[k]
		z := g.Local.z[c.slot] - g.row(g.free.unit)[c.slot]
		for _, e := range g.changes[:k] {
			if e.slot == c.slot {
				z += g.row(e.unit)[e.slot] - e.was
			}
		}
		own += g.beside(c.slot, z+g.row(c.unit)[c.slot]-c.was) - g.beside(c.slot, z)
	}
	return own
}

// beside is a slot's least cost at draw z of the other loads, with the free power
// at the present worth of its level.
func (g *Nudger) beside(t int, z float64) float64 {
	l := g.Local
	least := math.Inf(1)
	var lo, hi, up, down, each, wear float64
	if g.free.unit == batteryUnit {
		b := l.p.Battery
		lo, hi, up, down, wear = -b.MaxDischargeKW, b.MaxChargeKW, b.EffC*l.h, l.h/b.EffD, b.Wear*l.h
	} else {
		q := l.Units[g.free.unit].Pricer.(*pricing.Modulating)
		hi, up = q.Load.Thermal.KW, q.B
		each = q.Late[t] / max(pricing.Rounding, hi)
	}
	up, down = up*g.free.worth[t]+each, down*g.free.worth[t]-wear
	try := func(x float64) {
		if x < lo || x > hi {
			return
		}
		c := l.at(t, z+x)
		if x < 0 {
			c += x * down
		} else {
			c += x * up
		}
		least = min(least, c)
	}
	try(lo)
	try(hi)
	if lo < 0 {
		try(0)
	}
	for _, y := range l.table[t].z {
		try(y - z)
	}
	for _, k := range l.kinks[t] {
		try(k.th - z)
	}
	return least
}

// follow plans the free power anew beside the changed loads.  A heater takes up
// what credit is left: of the plans at two prices of credit, one that falls short and one
// that fits, the mean that just fits is a plan too, as spending and discomfort are
// convex in its powers.
func (g *Nudger) follow() {
	f := &g.free
	f.muNew = f.mu
	if f.unit == noUnit {
		return
	}
	g.put(g.plan(f.mu, &f.one))
	if f.unit == batteryUnit || !g.Local.Tight() {
		return
	}
	_, over := g.a.total()
	if math.Abs(over) < creditFits {
		return
	}
	short := over > 0
	for factor := freeStep; factor < freeMost; factor *= factor {
		if short {
			f.muNew *= factor
		} else {
			f.muNew /= factor
		}
		g.put(g.plan(f.muNew, &f.two))
		_, next := g.a.total()
		if next > 0 != short {
			share := next / (next - over) // of the plan before
			for t := range f.two {
				f.two[t] += share * (f.one[t] - f.two[t])
			}
			g.put(f.two)
			return
		}
		f.one, f.two, over = f.two, f.one, next
	}
}

// plan is the free power beside the others at a price of credit.
func (g *Nudger) plan(mu float64, into *[]float64) []float64 {
	l, f := g.Local, &g.free
	row := g.row(f.unit)
	f.was, f.zWas = append(f.was[:0], row...), append(f.zWas[:0], l.z...)
	keep := l.Mu
	l.Mu = mu
	l.price(f.unit, 0)
	l.Mu = keep
	if f.unit == batteryUnit {
		l.store.Worth = f.after
		l.recharge()
		l.store.Worth = nil
		b := l.p.Battery
		soc := b.SoC0
		for t, x := range row {
			soc += b.Inflow(x) * l.h
			f.worthNew[t] = f.after[t].Slope(soc)
		}
	} else {
		q := l.Units[f.unit].Pricer.(*pricing.Modulating)
		own := l.own[f.unit]
		l.remove(f.unit)
		q.Store.Worth = f.after
		l.insert(f.unit, false)
		q.Store.Worth = nil
		l.own[f.unit] = own
		level := q.Load.Thermal.T0
		for t, x := range row {
			level = q.A*level + q.Drift[t] + q.B*x
			f.worthNew[t] = f.after[t].Slope(level)
		}
	}
	*into = append((*into)[:0], row...)
	copy(row, f.was)
	copy(l.z, f.zWas)
	return *into
}

// put gives the free power a plan.
func (g *Nudger) put(plan []float64) {
	k := len(g.changes)
	for t, x := range plan {
		g.set(g.free.unit, t, x)
	}
	g.apply(k)
	if g.free.unit == batteryUnit {
		g.wear = g.Local.wear()
		return
	}
	g.setOwn(g.free.unit, g.Local.Units[g.free.unit].Pricer.Cost(g.Local.KW[g.free.unit]))
}
