package master

import (
	"math"
	"slices"
	"sort"

	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// Unit is one load inside the master problem.
type Unit struct {
	Load   *model.Load
	Pricer pricing.Pricer
	Row    int32 // convexity row
	Cols   []colRef
	seen   map[uint64]int // hash of the powers -> index in cols
	Fixed  *uint64        // pattern the load is held to, nil: free
	onRows []int32        // first rows of the exclusion groups it belongs to
	kwRows []int32        // first rows of the circuits it belongs to
}

// colRef is a schedule with its column.
type colRef struct {
	pricing.Schedule
	Col    int32
	Banned bool
}

// units makes the units, in the order of their names whatever that of the loads is;
// their convexity rows begin at first.
func (m *Programme) units(first int32, pricers map[string]pricing.Pricer) {
	p := m.Problem
	order := make([]int, len(p.Loads))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return p.Loads[order[a]].ID < p.Loads[order[b]].ID })
	for k, i := range order {
		u := &Unit{Load: &p.Loads[i], Row: first + int32(k), seen: map[uint64]int{}}
		for gi, c := range p.Circuits {
			if Contains(c.Loads, u.Load.ID) {
				u.kwRows = append(u.kwRows, m.Group[gi].first)
			}
		}
		for gi, g := range p.Exclusions {
			if Contains(g, u.Load.ID) {
				u.onRows = append(u.onRows, m.Group[len(p.Circuits)+gi].first)
			}
		}
		u.Pricer = pricers[u.Load.ID]
		m.LP.B[u.Row] = 1
		m.Units = append(m.Units, u)
	}
}

// AddSchedule puts a schedule into the programme, once, and returns its index.
func (m *Programme) AddSchedule(u *Unit, s pricing.Schedule) int {
	key := pricing.PowersOf(s.KW)
	if i, ok := u.seen[key]; ok {
		return i
	}
	var ind []int32
	var val []float64
	for t, x := range s.KW {
		if x > 0 {
			ind, val = append(ind, int32(t)), append(val, -x)
			for _, r := range u.kwRows {
				ind, val = append(ind, r+int32(t)), append(val, x)
			}
			for _, r := range u.onRows {
				ind, val = append(ind, r+int32(t)), append(val, u.onShare(x))
			}
		}
	}
	ind, val = append(ind, u.Row), append(val, 1)
	c := colRef{Schedule: s, Col: m.LP.Add(s.Own, math.Inf(1), ind, val)}
	if u.Fixed != nil && *u.Fixed != s.Pattern {
		c.Banned = true
		m.LP.Cost[c.Col] += m.ban
	}
	u.Cols = append(u.Cols, c)
	u.seen[key] = len(u.Cols) - 1
	return len(u.Cols) - 1
}

// onShare is how much of "on" a power counts for in an exclusion group.
func (u *Unit) onShare(x float64) float64 {
	if u.Load.Thermal != nil && u.Load.Thermal.Modulating {
		return x / u.Load.Thermal.KW
	}
	return 1
}

// Prices are what a unit pays per kW and for being on at the duals y.
func (m *Programme) Prices(u *Unit, y []float64) (price, on []float64) {
	n := m.Problem.N
	copy(m.price, y[:n])
	for _, r := range u.kwRows {
		for t := range n {
			m.price[t] -= y[int(r)+t]
		}
	}
	for t := range m.On {
		m.On[t] = 0
	}
	for _, r := range u.onRows {
		for t := range n {
			if u.Load.Thermal != nil && u.Load.Thermal.Modulating {
				m.price[t] -= y[int(r)+t] / u.Load.Thermal.KW
			} else {
				m.On[t] -= y[int(r)+t]
			}
		}
	}
	return m.price, m.On
}

// Weights are the values of a unit's schedules.
func (m *Programme) Weights(u *Unit, out []float64) []float64 {
	out = out[:0]
	for i := range u.Cols {
		out = append(out, m.LP.Value(u.Cols[i].Col))
	}
	return out
}

// Hold keeps a unit to one pattern, or frees it.
func (m *Programme) Hold(u *Unit, pattern *uint64) {
	u.Fixed = pattern
	for i := range u.Cols {
		c := &u.Cols[i]
		ban := pattern != nil && *pattern != c.Pattern
		if ban == c.Banned {
			continue
		}
		c.Banned = ban
		if ban {
			m.LP.Cost[c.Col] += m.ban
		} else {
			m.LP.Cost[c.Col] = c.Own
		}
	}
}

// Pattern is the pattern of powers that did not come from the pricer.
func (u *Unit) Pattern(kw []float64) uint64 {
	switch q := u.Pricer.(type) {
	case *pricing.Cycle:
		for i := q.Lo; i <= q.Hi; i++ {
			if len(model.Spans(kw)) > 0 && model.Fits(kw, u.Load.Cycle.ProfileKW, i, u.Load.Cycle.Running) {
				return uint64(i + 1)
			}
		}
		return 0
	case *pricing.Modulating:
		return 0
	}
	return pricing.PatternOf(kw)
}

// PricerIsRigid tells whether one pattern is one schedule.
func (u *Unit) PricerIsRigid() bool {
	switch u.Pricer.(type) {
	case *pricing.Variable, *pricing.Modulating:
		return false
	}
	return true
}

// HeldSchedule is a schedule of the pattern the unit is held to.
func (u *Unit) HeldSchedule() pricing.Schedule {
	for i := range u.Cols {
		if u.Cols[i].Pattern == *u.Fixed {
			return u.Cols[i].Schedule
		}
	}
	return u.Cols[0].Schedule
}

// Heaviest is the pattern with the most weight.
func Heaviest(u *Unit, w []float64) (uint64, float64) {
	sum := make(map[uint64]float64, 4)
	var best uint64
	top := -1.0
	for i, x := range w {
		if x <= 0 {
			continue
		}
		p := u.Cols[i].Pattern
		sum[p] += x
		if sum[p] > top+evenWeight {
			best, top = p, sum[p]
		}
	}
	return best, top
}

// PowersIn lists the powers above 0 a unit can draw in a slot, and how much
// of a continuous range lies on top of them.
func (u *Unit) PowersIn(t int) (levels []float64, soft float64) {
	switch q := u.Pricer.(type) {
	case *pricing.Cycle:
		for i, x := range q.Load.Cycle.ProfileKW {
			if s := t - i; s >= q.Lo && s <= q.Hi && x > 0 {
				if !slices.Contains(levels, x) {
					levels = append(levels, x)
				}
			}
		}
	case *pricing.OnOff:
		if t >= q.From && t < q.To || t < q.Hold {
			levels = append(levels, q.Load.OnOff.KW)
		}
	case *pricing.Thermal:
		levels = append(levels, q.Load.Thermal.KW)
	case *pricing.Variable:
		if t >= q.From && t < q.To || t < q.Hold {
			lo := q.Load.Variable.Least()
			levels = append(levels, lo)
			soft = max(0, q.Load.Variable.MaxKW-lo)
		}
	case *pricing.Modulating:
		soft = q.Load.Thermal.KW
	}
	return levels, soft
}
