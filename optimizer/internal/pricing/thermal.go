package pricing

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// Thermal is a dynamic programme over a grid of temperatures for a
// switched load.  For finding schedules the cost to go is interpolated and
// the true temperature is followed; for bounds it is read at the next warmer
// grid point and heat above the limit is thought to vanish.  Both only lower
// the cost: more warmth never costs more where it may be thrown away.
//
// The grid moves with the store: its points are so many cells warmer than the
// path without any heat, and the cells shrink as warmth is lost.  A slot off
// leads from point to point, and a slot on some cells further, the same for
// all of them; so only what a slot on adds is ever rounded.
type Thermal struct {
	Warmth
	MinOn, minOff int
	path          []float64 // temperature before each slot, and at last, without any heat
	spread        float64   // the warmest above the path
	near          *warmGrid // for finding schedules
	fine          *warmGrid // for the bound of the last effort asked for
	fineEffort    int
	shared        *Scratch
}

// warmGrid is a grid of warmth above the path.
type warmGrid struct {
	size  []float64 // K of a cell before slot t
	cells []int     // the warmest point before slot t
	merge []int     // cells that become one with slot t, as they have shrunk
	top   []float64 // the limit after slot t, in cells above the path
	step  []float64 // what slot t on adds, in cells of the next slot
	base  []int     // where the values of slot t begin, for one phase
	width int       // values of one phase
	most  int
}

func newThermalPricer(p *model.Problem, l *model.Load, shared *Scratch) *Thermal {
	q := &Thermal{shared: shared, Warmth: newWarmth(p, l), MinOn: max(1, l.Thermal.MinOn), minOff: max(1, l.Thermal.MinOff), path: make([]float64, p.N+1)}
	T := l.Thermal.T0
	q.path[0] = T
	for t := range p.N {
		T = q.A*T + q.Drift[t]
		q.path[t+1] = T
		q.spread = max(q.spread, q.top[t]-T)
	}
	heat := max(q.B*l.Thermal.KW, leastHeat)
	points := float64(nearPoints)
	if q.phases() > 1 { // a run that is not broken may be too warm at its end: the limit must be seen sharply
		points = nearPointsRuns
	}
	q.near = q.grid(max(min(heat/nearHeat, q.spread/points), q.spread/nearMost))
	return q
}

// grid makes a grid whose cells are between d and 2*d wide.
func (q *Thermal) grid(d float64) *warmGrid {
	n := q.p.N
	d = max(d, leastCell)
	g := &warmGrid{
		size: make([]float64, n+1), cells: make([]int, n+1), merge: make([]int, n), top: make([]float64, n), step: make([]float64, n), base: make([]int, n+1),
	}
	g.size[0] = 2 * d
	for t := range n {
		g.merge[t] = 1
		next := g.size[t] * q.A
		for next < d {
			next *= 2
			g.merge[t] *= 2
		}
		g.size[t+1] = next
		g.top[t] = max(0, (q.top[t]-q.path[t+1])/next)
		g.step[t] = q.B * q.Load.Thermal.KW / next
		reached := math.Ceil(float64(g.cells[t])/float64(g.merge[t]) + g.step[t])
		g.cells[t+1] = int(min(math.Ceil(g.top[t]), reached))
		g.base[t+1] = g.base[t] + g.cells[t] + 1
		g.most = max(g.most, g.cells[t+1])
	}
	g.width = g.base[n] + g.cells[n] + 1
	return g
}

// phases counts the states of the switch: 1 where it may change in any slot.
// Phases 0 to minOn-1 are on (the last: long enough), the others off.
func (q *Thermal) phases() int {
	if q.MinOn == 1 && q.minOff == 1 {
		return 1
	}
	return q.MinOn + q.minOff
}

// step is the phase after a slot on (or off) in phase ph, -1 where the switch
// forbids it.
func (q *Thermal) step(t, ph int, on bool) int {
	if t < q.Load.Thermal.Hold && on != bool(q.Load.Thermal.InitOn) {
		return -1
	}
	P := q.phases()
	if P == 1 {
		return 0
	}
	if on {
		switch {
		case ph < q.MinOn:
			return min(ph+1, q.MinOn-1)
		case ph == P-1:
			return 0
		}
		return -1
	}
	switch {
	case ph == q.MinOn-1:
		return q.MinOn
	case ph >= q.MinOn:
		return min(ph+1, P-1)
	}
	return -1
}

func (q *Thermal) startPhase() int {
	P := q.phases()
	if P > 1 && bool(q.Load.Thermal.InitOn) {
		return q.MinOn - 1
	}
	return P - 1
}

// solve fills the values of the grid; bound chooses the relaxed reading.
// Where they are not kept for following, two slots' values take turns.
func (q *Thermal) solve(g *warmGrid, price, on []float64, bound, keep bool) {
	th, n := q.Load.Thermal, q.p.N
	P := q.phases()
	width, base := g.width, func(t int) int { return g.base[t] }
	if !keep {
		width, base = 2*(g.most+1), func(t int) int { return t & 1 * (g.most + 1) }
	}
	value := grow(&q.shared.value, width*P)
	row := g.most + 2
	after := grow(&q.shared.now, P*row)
	for ph := range P {
		v := value[ph*width+base(n):][:g.cells[n]+1]
		for i := range v {
			v[i] = max(0, th.EndTarget-(q.path[n]+float64(i)*g.size[n])) * q.last
		}
	}
	for t := n - 1; t >= 0; t-- {
		// The cost to go plus discomfort, by the temperature after the slot.
		M := g.cells[t+1]
		for ph := range P {
			a := after[ph*row:][:M+2]
			copy(a, value[ph*width+base(t+1):][:M+1])
			if gap := th.TMin[t] - q.path[t+1]; gap > 0 && q.cold > 0 {
				d := g.size[t+1]
				for i := 0; i <= M && float64(i)*d < gap; i++ {
					a[i] += (gap - float64(i)*d) * q.cold
				}
			}
			a[M+1] = a[M]
		}
		c := price[t]*th.KW + on[t] + q.Late[t]
		for ph := range P {
			v := value[ph*width+base(t):][:g.cells[t]+1]
			if no := q.step(t, ph, false); no >= 0 {
				g.off(t, v, after[no*row:][:M+2], bound)
			} else {
				for i := range v {
					v[i] = noWay
				}
			}
			if yes := q.step(t, ph, true); yes >= 0 {
				g.on(t, v, after[yes*row:][:M+2], c, bound)
			}
		}
	}
}

// off sets v to the cost after a slot off.
func (g *warmGrid) off(t int, v, after []float64, bound bool) {
	M := len(after) - 2
	k := g.merge[t]
	switch {
	case k == 1:
		m := copy(v, after[:M+1])
		for i := m; i < len(v); i++ {
			v[i] = after[M]
		}
	case bound:
		for i := range v {
			v[i] = after[min((i+k-1)/k, M)]
		}
	default:
		for i := range v {
			j := min(i/k, M)
			f := float64(i%k) / float64(k)
			v[i] = after[j]
			if after[j+1] < noWay/2 {
				v[i] += f * (after[j+1] - after[j])
			}
		}
	}
	if bound {
		return
	}
	for i := int(g.top[t]) * k; i < len(v); i++ {
		if over := float64(i)/float64(k) - g.top[t]; over > 0 {
			v[i] += tooHot * over * g.size[t+1]
		}
	}
}

// on lowers v to the cost after a slot on that costs c, where that is less.
func (g *warmGrid) on(t int, v, after []float64, c float64, bound bool) {
	M := len(after) - 2
	k := g.merge[t]
	if bound {
		if k == 1 {
			s := int(math.Ceil(g.step[t]))
			m := min(len(v), max(0, M-s))
			w := after[min(s, M):]
			w = w[:m]
			for i, x := range v[:m] {
				if y := c + w[i]; y < x {
					v[i] = y
				}
			}
			for i := m; i < len(v); i++ {
				v[i] = min(v[i], c+after[M])
			}
			return
		}
		for i := range v {
			j := min(int(math.Ceil(float64(i)/float64(k)+g.step[t])), M)
			v[i] = min(v[i], c+after[j])
		}
		return
	}
	// Up to the limit; the next warmer point may be too warm for a run that
	// this one allows.
	end := min(len(v)-1, int(math.Floor((g.top[t]-g.step[t])*float64(k)+Rounding)))
	if end < 0 {
		return
	}
	if k == 1 {
		s := int(g.step[t])
		f := g.step[t] - float64(s)
		w := after[s:][:end+2]
		u := v[:end+1]
		x := w[0]
		for i := range u {
			y := w[i+1]
			z := c + x
			if y < noWay/2 {
				z += f * (y - x)
			}
			if z < u[i] {
				u[i] = z
			}
			x = y
		}
		return
	}
	for i := range v[:end+1] {
		z := float64(i)/float64(k) + g.step[t]
		j := min(int(z), M)
		x, y := after[j], after[j+1]
		if y < noWay/2 {
			x += (z - float64(j)) * (y - x)
		}
		v[i] = min(v[i], c+x)
	}
}

// at reads the value of temperature T before slot t.
func (q *Thermal) at(g *warmGrid, t, ph int, T float64) float64 {
	v := q.shared.value[ph*g.width+g.base[t]:][:g.cells[t]+1]
	x := (T - q.path[t]) / g.size[t]
	switch {
	case x <= 0:
		return v[0]
	case x >= float64(g.cells[t]):
		return v[g.cells[t]]
	}
	j := int(x)
	if v[j+1] > noWay/2 {
		return v[j]
	}
	return v[j] + (x-float64(j))*(v[j+1]-v[j])
}

// Best is as for Pricer.
func (q *Thermal) Best(price, on []float64) Schedule {
	g := q.near
	q.solve(g, price, on, false, true)
	th := q.Load.Thermal
	kw := make([]float64, q.p.N)
	T, ph := th.T0, q.startPhase()
	for t := range kw {
		s := q.A*T + q.Drift[t]
		no, yes := q.step(t, ph, false), q.step(t, ph, true)
		if yes >= 0 && no >= 0 && !q.room(t, ph, T) {
			yes = -1
		}
		turnOn := no < 0
		if no >= 0 && yes >= 0 {
			cold := func(T float64) float64 { return max(0, th.TMin[t]-T) * q.cold }
			off := cold(s) + q.at(g, t+1, no, s)
			run := s + q.B*th.KW
			turnOn = price[t]*th.KW+on[t]+q.Late[t]+cold(run)+q.at(g, t+1, yes, run) < off
		}
		T = s
		ph = no
		if turnOn {
			kw[t] = th.KW
			T += q.B * th.KW
			ph = yes
		}
		if ph < 0 {
			ph = q.phases() - 1
		}
	}
	return Schedule{KW: kw, Own: q.Cost(kw), Pattern: PatternOf(kw)}
}

// room tells whether being on from slot t for as long as the switch then
// demands stays below the limit.
func (q *Thermal) room(t, ph int, T float64) bool {
	least := 1
	if q.phases() > 1 && ph >= q.MinOn {
		least = q.MinOn
	}
	for k := t; k < min(t+least, q.p.N); k++ {
		if T = q.A*T + q.Drift[k] + q.B*q.Load.Thermal.KW; T > q.top[k] {
			return false
		}
	}
	return true
}

// Bound is the value of a grid that is the finer the greater the effort.
func (q *Thermal) Bound(price, on []float64, effort int) float64 {
	return q.Relaxed(price, on, effort, nil)
}

// Relaxed is the least cost with all warmth rounded up; kw, where not nil,
// receives powers that have it.
func (q *Thermal) Relaxed(price, on []float64, effort int, kw []float64) float64 {
	values, key := float64(fineKept), effort
	if kw == nil {
		values, key = fineValues, -effort
	}
	if q.fine == nil || q.fineEffort != key {
		d := max(q.B*q.Load.Thermal.KW, leastHeat) / float64(fineHeat*effort)
		d = max(min(d, q.spread/finePoints), q.spread*float64(q.p.N*q.phases())/values)
		q.fine, q.fineEffort = q.grid(d), key
	}
	g := q.fine
	q.solve(g, price, on, true, kw != nil)
	th := q.Load.Thermal
	i, ph := 0, q.startPhase()
	for t := range kw {
		k := g.merge[t]
		M := g.cells[t+1]
		read := func(ph, j int) float64 {
			j = min(j, M)
			return q.shared.value[ph*g.width+g.base[t+1]+j] + max(0, th.TMin[t]-q.path[t+1]-float64(j)*g.size[t+1])*q.cold
		}
		no, yes := q.step(t, ph, false), q.step(t, ph, true)
		off, run := noWay, noWay
		j0, j1 := min((i+k-1)/k, M), min(int(math.Ceil(float64(i)/float64(k)+g.step[t])), M)
		if no >= 0 {
			off = read(no, j0)
		}
		if yes >= 0 {
			run = price[t]*th.KW + on[t] + q.Late[t] + read(yes, j1)
		}
		kw[t] = 0
		if i, ph = j0, no; run < off || no < 0 {
			kw[t] = th.KW
			i, ph = j1, yes
		}
		if ph < 0 {
			ph = q.phases() - 1
		}
	}
	if kw == nil {
		return q.shared.value[q.startPhase()*2*(g.most+1)]
	}
	return q.shared.value[q.startPhase()*g.width]
}

// Within is as for Pricer.
func (q *Thermal) Within(s Schedule, _, _ []float64) Schedule { return s }

// Work is as for Pricer.
func (q *Thermal) Work() int64 { return int64(q.near.width * q.phases() / 2) }
