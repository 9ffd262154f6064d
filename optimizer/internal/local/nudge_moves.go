package local

import (
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// nudge changes unit i a little.
func (g *Nudger) nudge(i int) bool {
	l := g.Local
	rng := l.s.Rng
	switch q := l.Units[i].Pricer.(type) {
	case *pricing.Cycle:
		return g.nudgeCycle(i, q)
	case *pricing.OnOff:
		return g.nudgeSwitch(i, q.Load.OnOff.KW, q.From, q.To, q.MinOn)
	case *pricing.Thermal:
		return g.nudgeSwitch(i, q.Load.Thermal.KW, 0, l.p.N, q.MinOn)
	case *pricing.Variable:
		switch x := rng.IntN(8); {
		case x < 2:
			return g.slideRun(i, q.From, q.To)
		case x == 2:
			return g.resize(i, q)
		}
		return g.pour(i, q.From, q.To, q.Load.Variable.MinKW, q.Load.Variable.MaxKW)
	case *pricing.Modulating:
		return g.pour(i, 0, l.p.N, 0, q.Load.Thermal.KW)
	}
	return false
}

// nudgeCycle moves a cycle, most often by a few slots, leaves it out or puts it back.
func (g *Nudger) nudgeCycle(i int, q *pricing.Cycle) bool {
	rng := g.Local.s.Rng
	kw := g.Local.KW[i]
	if q.Load.Cycle.Running || q.Hi < q.Lo {
		return false
	}
	L := len(q.Load.Cycle.ProfileKW)
	first := 0
	for first < L && q.Load.Cycle.ProfileKW[first] <= model.OnFrom {
		first++
	}
	at := -1 // where it begins now
	for t, x := range kw {
		if x > model.OnFrom {
			at = t - first
			break
		}
	}
	next := q.Lo + rng.IntN(q.Hi-q.Lo+1)
	switch x := rng.IntN(16); {
	case g.goal >= 0:
		if kw[g.goal] > model.OnFrom || first == L {
			return false
		}
		next = g.goal - first - rng.IntN(L-first)
	case at < 0:
	case x == 0:
		next = -1
	case x < 14:
		d := 1
		for d < 8 && rng.IntN(2) == 0 {
			d++
		}
		next = at + d*(1-2*rng.IntN(2))
	}
	if next == at || next != -1 && (next < q.Lo || next > q.Hi) {
		return false
	}
	if at >= 0 {
		for t := at; t < at+L; t++ {
			if next >= 0 && t >= next && t < next+L {
				continue
			}
			g.set(i, t, 0)
		}
	}
	g.cycle = q.Skip
	if next >= 0 {
		g.cycle = q.Late(next)
		for k, x := range q.Load.Cycle.ProfileKW {
			g.set(i, next+k, x)
		}
	}
	return true
}

// nudgeSwitch moves slots of a switched load.
func (g *Nudger) nudgeSwitch(i int, power float64, from, to, minOn int) bool {
	rng := g.Local.s.Rng
	kw := g.Local.KW[i]
	g.runs = model.AppendSpans(g.runs[:0], kw)
	if to <= from {
		return false
	}
	if len(g.runs) == 0 {
		t := from + rng.IntN(to-from)
		for k := range minOn {
			if t+k >= to {
				return false
			}
			g.set(i, t+k, power)
		}
		return true
	}
	m := 1
	for m < 6 && rng.IntN(3) == 0 {
		m++
	}
	// 0, 1: a run slides; 2 to 7: slots go from the end of one run to that of one;
	// 8, 9: to anywhere; 10: some fewer; 11: some more.
	kind := rng.IntN(12)
	if g.goal >= 0 { // there: slots of a run most often, else some more
		if kind = 8; rng.IntN(4) == 3 {
			kind = 11
		}
	}
	if kind < 2 {
		return g.slideRun(i, from, to)
	}
	a, taken := 0, 0 // slots a to a+taken are taken away
	if kind != 11 {
		r := g.runs[rng.IntN(len(g.runs))]
		m = min(m, r.To-r.From)
		a, taken = r.From, m
		if rng.IntN(2) == 0 {
			a = r.To - m
		}
		for t := a; t < a+m; t++ {
			g.set(i, t, 0)
		}
		if kind == 10 {
			return true
		}
	}
	var b int
	switch {
	case g.goal >= 0:
		b = g.goal - rng.IntN(m)
	case kind < 8 || kind == 11:
		r := g.runs[rng.IntN(len(g.runs))]
		b = r.To
		if rng.IntN(2) == 0 {
			b = r.From - m
		}
	default:
		m = max(m, minOn)
		b = from + rng.IntN(to-from)
	}
	for t := b; t < b+m; t++ {
		if t < from || t >= to || kw[t] > model.OnFrom || t >= a && t < a+taken {
			return false
		}
		g.set(i, t, power)
	}
	return true
}

// slideRun moves a whole run by a few slots.
func (g *Nudger) slideRun(i, from, to int) bool {
	rng := g.Local.s.Rng
	kw := g.Local.KW[i]
	g.runs = model.AppendSpans(g.runs[:0], kw)
	if len(g.runs) == 0 {
		return false
	}
	r := g.runs[rng.IntN(len(g.runs))]
	d := 1
	for d < 8 && rng.IntN(2) == 0 {
		d++
	}
	if rng.IntN(2) == 0 {
		d = -d
	}
	if r.From+d < from || r.To+d > to {
		return false
	}
	if d > 0 {
		for t := r.To - 1; t >= r.From; t-- {
			if t+d >= r.To && kw[t+d] > model.OnFrom {
				return false
			}
			g.set(i, t+d, kw[t])
		}
		for t := r.From; t < min(r.From+d, r.To); t++ {
			g.set(i, t, 0)
		}
	} else {
		for t := r.From; t < r.To; t++ {
			if t+d < r.From && kw[t+d] > model.OnFrom {
				return false
			}
			g.set(i, t+d, kw[t])
		}
		for t := max(r.From, r.To+d); t < r.To; t++ {
			g.set(i, t, 0)
		}
	}
	return true
}

// pour moves power from one slot to another.
func (g *Nudger) pour(i, from, to int, least, most float64) bool {
	rng := g.Local.s.Rng
	kw := g.Local.KW[i]
	if to <= from {
		return false
	}
	pick := func(on bool) int {
		t := from + rng.IntN(to-from)
		for k := 0; k < to-from; k++ {
			if (kw[t] > model.OnFrom) == on {
				return t
			}
			if t++; t == to {
				t = from
			}
		}
		return -1
	}
	a := pick(true)
	kind := rng.IntN(8) // 0: only more somewhere; 1: only less
	d := most
	if kind != 0 && a >= 0 {
		d = kw[a] - least
		if least > 0 && rng.IntN(3) == 0 || d <= model.OnFrom {
			d = kw[a]
		} else if rng.IntN(2) == 0 {
			d *= rng.Float64()
		}
		if kind == 1 {
			g.set(i, a, kw[a]-d)
			return true
		}
	}
	b := pick(rng.IntN(3) > 0)
	if rng.IntN(3) == 0 && a >= 0 {
		b = min(max(from, a+rng.IntN(9)-4), to-1)
	}
	if g.goal >= 0 {
		b = g.goal
		if b < from || b >= to {
			return false
		}
	}
	if b < 0 || a == b {
		return false
	}
	room := most - kw[b]
	if kind == 0 {
		d = room * rng.Float64()
	}
	d = g.justPeak(i, a, b, kind != 0 && a >= 0, d, least)
	if kw[b] <= model.OnFrom {
		d = max(d, least)
	}
	if d > room {
		if kind != 0 && a >= 0 && d == kw[a] && least > 0 {
			return false
		}
		d = room
	}
	if d <= leastPour {
		return false
	}
	if kind != 0 && a >= 0 {
		g.set(i, a, kw[a]-d)
	}
	g.set(i, b, kw[b]+d)
	return true
}

// resize makes a run of a variable load longer or shorter at one end, leaves it
// out, or begins another.
func (g *Nudger) resize(i int, q *pricing.Variable) bool {
	rng := g.Local.s.Rng
	kw := g.Local.KW[i]
	g.runs = model.AppendSpans(g.runs[:0], kw)
	if q.To <= q.From {
		return false
	}
	power := func() float64 { // a third of them the least, the others anything up to the greatest
		v := q.Load.Variable
		return min(v.MaxKW, max(2*model.OnFrom, v.MinKW+(v.MaxKW-v.MinKW)*max(0, 1.5*rng.Float64()-0.5)))
	}
	m := 1
	for m < 4 && rng.IntN(2) == 0 {
		m++
	}
	kind := rng.IntN(4) // 0: another run; 1: leave one out; 2: longer; 3: shorter
	if len(g.runs) == 0 {
		kind = 0
	}
	var a, b int
	on := kind == 0 || kind == 2
	if kind == 0 {
		m = max(m, q.MinOn)
		if a = g.goal; a < 0 {
			a = q.From + rng.IntN(q.To-q.From)
		}
		b = a + m
	} else {
		r := g.runs[rng.IntN(len(g.runs))]
		early := rng.IntN(2) == 0
		switch {
		case kind == 1 || m >= r.To-r.From && kind == 3:
			a, b = r.From, r.To
		case kind == 2 && early:
			a, b = r.From-m, r.From
		case kind == 2:
			a, b = r.To, r.To+m
		case early:
			a, b = r.From, r.From+m
		default:
			a, b = r.To-m, r.To
		}
	}
	if on && (a < q.From || b > q.To) {
		return false
	}
	for t := a; t < b; t++ {
		switch {
		case !on:
			g.set(i, t, 0)
		case kw[t] <= model.OnFrom:
			g.set(i, t, power())
		}
	}
	return true
}

// justPeak is the power to pour into slot b, from slot a where from is set, in place of d:
// where peaks are held most often just what brings one of their groups to its peak.  Between such powers
// there is nothing to gain.
func (g *Nudger) justPeak(i, a, b int, from bool, d, least float64) float64 {
	l := g.Local
	if !l.held || l.s.Rng.IntN(anyPourEvery) == 0 {
		return d
	}
	x, most := g.a.room(b), d
	if from {
		most = l.KW[i][a]
		if over := -g.a.room(a); over > leastPour && l.s.Rng.IntN(2) == 0 {
			x = over
		}
	}
	if x <= leastPour || x > most || from && x < most && most-x < least {
		return d
	}
	return x
}
