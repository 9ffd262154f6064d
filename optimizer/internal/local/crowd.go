package local

import (
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// crowd is some units that share a circuit, or of which one at most may be on.
type crowd struct {
	units []int
	limit func(t int) float64 // kW of all together; nil: one may be on
}

// crowds finds the units of each circuit and each exclusion.
func (l *Search) crowds() {
	add := func(ids []string, limit func(int) float64) {
		c := crowd{limit: limit}
		for i, u := range l.Units {
			if master.Contains(ids, u.Load.ID) {
				c.units = append(c.units, i)
			}
		}
		for _, i := range c.units {
			l.crowdsOf[i] = append(l.crowdsOf[i], len(l.crowd))
		}
		l.crowd = append(l.crowd, c)
	}
	l.crowdsOf = make([][]int, len(l.Units))
	for i := range l.p.Circuits {
		c := &l.p.Circuits[i]
		add(c.Loads, func(t int) float64 { return max(c.At(t), model.OnFrom) })
	}
	for _, ids := range l.p.Exclusions {
		add(ids, nil)
	}
}

// room is what the others of a crowd leave for a unit in a slot.
func (l *Search) room(c *crowd, unit, t int) float64 {
	var others float64
	for _, i := range c.units {
		if i != unit {
			others += l.KW[i][t]
		}
	}
	switch {
	case c.limit != nil:
		return max(0, c.limit(t)-others)
	case others > model.OnFrom:
		return 0
	}
	return endless
}

// priceCrowds forbids a unit what those that it shares circuits or hours with leave no
// room for.
func (l *Search) priceCrowds(unit int) {
	if unit < 0 {
		return
	}
	for _, k := range l.crowdsOf[unit] {
		c := &l.crowd[k]
		for t := range l.kinks {
			if room := l.room(c, unit, t); room < endless {
				l.kinks[t] = append(l.kinks[t], kink{l.z[t] + room, l.m.Big})
			}
		}
		l.s.Spent += int64(l.p.N * len(c.units) / 4)
	}
}

// crowded is by how much circuits are overloaded and loads run that exclude each other,
// in kW.
func (l *Search) crowded() float64 {
	var over float64
	for k := range l.crowd {
		c := &l.crowd[k]
		for t := range l.p.N {
			over += max(0, l.excess(c, t)-model.PowerTol)
		}
	}
	return over
}

// excess is by how many kW a crowd draws too much in a slot.
func (l *Search) excess(c *crowd, t int) float64 {
	var sum, most float64
	for _, i := range c.units {
		x := l.KW[i][t]
		sum += x
		if most = max(most, x); c.limit == nil && x <= model.OnFrom {
			sum -= x
		}
	}
	if c.limit != nil {
		return sum - c.limit(t)
	}
	return sum - most
}
