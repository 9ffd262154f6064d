// Package bound raises the proven lower bound above the one of the linear programme, by
// Lagrangian decomposition; its mixtures of schedules are also what plans are drawn from.
package bound

import (
	"math"
	"slices"

	"github.com/keeplit/keeplit/optimizer/internal/effort"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// Tightener raises the lower bound above the linear programme's.  There each
// slot's supply sees the mean of the loads' mixtures; here it sees powers the
// loads can really draw.  Each load j gets a price pi[j][t] of its own in each
// slot (Lagrangian decomposition, Guignard and Kim 1987): the load's schedule
// pays it, the slot's supply earns it, and
//
//	L(pi, mu) = sum over j of min over schedules x: own(x) + pi[j]*x
//	          + sum over t of min over powers p:    cost_t(sum p; mu) - pi[.][t]*p
//	          + what blocks and credit cost at the prices mu of their rows
//
// is a lower bound for any pi and mu.  With all pi[j] and mu the duals of the
// linear programme it is at least that programme's bound.
type Tightener struct {
	s      *effort.Effort
	Master *master.Programme
	N      int
	Pi     [][]float64 // by unit, last: the battery; see levels
	kinds  [][]float64 // by unit: the powers of a cycle that have prices of their own
	mu     []float64   // by row: blocks, credit, and the need of each variable load
	right  []float64   // right sides of the rows
	needs  []int       // by unit: the row of its need, -1: none
	loose  [][]bool    // by unit and slot: that it is on has no price, as the slot does not see it; nil where it does
	konst  float64     // everything that is settled at the master's duals
	slots  []slotProblem
	other  []otherColumn
	store  *pricing.Store

	powers [][]float64 // what the slots chose, by unit and slot
	sched  [][]float64 // what the schedules chose
	values []float64   // what the schedules cost, prices included

	open   []slotUnit // of the slot at hand: loads that are not settled
	arena  []combo
	front  [2][]combo
	supply []stretchOf

	Mix  *mixer
	Best float64
}

// slotProblem is the supply of one slot and what may be drawn from it.
type slotProblem struct {
	need  float64    // supply wanted with every load off
	segs  []slotSeg  // the supply
	units []slotUnit // loads with powers of on and off
	vars  []softUnit // loads that are off or have any power between two
	soft  []softUnit // continuous powers
	who   []place    // the prices of all of these

	use  []float64 // what was chosen counts so much in each of the rows
	cost float64   // and costs so much at mu = 0
}

// slotSeg is a stretch of supply.
type slotSeg struct {
	length, slope float64   // slope: at mu = 0
	coef          []float64 // entries in rows
}

type slotUnit struct {
	unit   int
	levels []float64 // powers above 0, rising
	at     []int32   // where pi has their prices
}

// place is an entry of pi.
type place struct{ unit, at int32 }

type softUnit struct {
	unit        int
	least, most float64 // most: on top of least
}

// otherColumn is a variable of the master that is in none of the slots.
type otherColumn struct {
	cost, ub float64
	coef     []float64
}

// battery is the charge's least cost at its prices.
func (q *Tightener) battery() float64 {
	b, h := q.Master.Problem.Battery, q.Master.Hours
	pi := q.Pi[len(q.Pi)-1]
	var base float64
	for t := range q.N {
		base -= b.MaxDischargeKW * (pi[t] - b.Wear*h)
		down, up := h/b.EffD, b.EffC*h
		q.store.Offers[t] = append(q.store.Offers[t][:0], pricing.Offer{Amount: b.MaxDischargeKW * down, Price: (pi[t] - b.Wear*h) / down}, pricing.Offer{Amount: b.MaxChargeKW * up, Price: pi[t] / up})
		q.store.Drift[t] = -b.MaxDischargeKW * down
	}
	v := q.store.Value()
	flow := q.sched[len(q.Pi)-1]
	q.store.Follow(flow)
	for t, x := range flow {
		if d := x + q.store.Drift[t]; d >= 0 {
			flow[t] = d / (b.EffC * h)
		} else {
			flow[t] = d * b.EffD / h
		}
	}
	q.s.Spent += int64(q.N * q.N / 4)
	return v + base
}

// loosen takes the price from being on where the slot does not earn it: L would be no
// bound if the load alone paid it.
func (q *Tightener) loosen() {
	for i, loose := range q.loose {
		for t, is := range loose {
			if is {
				q.Pi[i][q.N+t] = 0
			}
		}
	}
}

// value is L at the present prices; what slots and loads choose at them is
// left in powers, sched and values.
func (q *Tightener) value() float64 {
	q.loosen()
	v := q.konst
	for k, x := range q.mu {
		v += x * q.right[k]
	}
	for i := range q.other {
		c := &q.other[i]
		d := c.cost
		for k, a := range c.coef {
			d -= a * q.mu[k]
		}
		if d < 0 {
			v += d * c.ub
		}
	}
	for t := range q.N {
		v += q.slot(t)
		if t&7 == 7 && q.s.Over() {
			return math.Inf(-1)
		}
	}
	if q.store != nil {
		b := len(q.Pi) - 1
		q.values[b] = q.battery()
		v += q.values[b]
	}
	for t := range q.Master.On {
		q.Master.On[t] = 0
	}
	for i, u := range q.Master.Units {
		if i&3 == 3 && q.s.Over() {
			return math.Inf(-1)
		}
		switch p := u.Pricer.(type) {
		case *pricing.Thermal:
			q.values[i] = p.Relaxed(q.Pi[i], q.Master.On, climbEffort, q.sched[i])
		case *pricing.Variable:
			theta := -q.mu[q.needs[i]]
			price, on := q.Pi[i][:q.N], q.Pi[i][q.N:]
			q.values[i], _ = p.Relaxed(price, on, theta, q.sched[i][:q.N])
			q.values[i] += theta * p.Quota
			for t, x := range q.sched[i][:q.N] {
				q.sched[i][q.N+t] = 0
				if x > 0 && !q.isLoose(i, t) {
					q.sched[i][q.N+t] = 1
				}
			}
		case *pricing.Cycle:
			q.values[i] = q.cycle(i, p)
		default:
			sc := p.Best(q.Pi[i], q.Master.On)
			copy(q.sched[i], sc.KW)
			q.values[i] = sc.Total(q.Pi[i], q.Master.On)
		}
		v += q.values[i]
		q.s.Spent += u.Pricer.Work()
	}
	return v - Safety*max(1, math.Abs(v))
}

func (q *Tightener) isLoose(i, t int) bool { return q.loose[i] != nil && q.loose[i][t] }

// cycle is the cheapest start of a cycle with a price for each of its powers.
func (q *Tightener) cycle(i int, p *pricing.Cycle) float64 {
	pi, profile := q.Pi[i], p.Load.Cycle.ProfileKW
	kind := make([]int, len(profile))
	for k, x := range profile {
		kind[k] = max(0, slices.Index(q.kinds[i], x)) * q.N
	}
	best, start := p.Skip, -1
	if p.Load.Cycle.Running {
		best = math.Inf(1)
	}
	for t := p.Lo; t <= p.Hi; t++ {
		sum := p.Late(t)
		for k, x := range profile {
			if t+k < q.N {
				sum += x * pi[kind[k]+t+k]
			}
		}
		if sum < best {
			best, start = sum, t
		}
	}
	clear(q.sched[i])
	if start >= 0 {
		for k, x := range profile {
			if start+k < q.N {
				q.sched[i][kind[k]+start+k] = x
			}
		}
	}
	return best
}

// Climb raises the bound by some rounds and reports whether more would pay; it
// ends once the bound reaches target.
func (q *Tightener) Climb(rounds int, target float64) bool {
	if q.Mix == nil {
		q.Mix = newMixer(q)
	}
	ok := q.Mix.climb(rounds, target)
	q.Best = q.Mix.best
	return ok
}
