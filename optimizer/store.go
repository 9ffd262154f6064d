package optimizer

// store plans a continuous store exactly: a battery, or a heater of free
// power.  Its level follows level(t+1) = keep*level(t) + drift[t] + inflow,
// where inflow is bought in offers, cheapest first; after the slot the level
// must be within [lo[t], hi[t]], each unit below soft[t] costs softCost, and
// after the last slot each unit below final costs finalCost.
//
// The cost to go is a convex piecewise linear function of the level, kept as
// its slopes from left to right: an offer inserts a segment, keep stretches
// them, bounds cut and the soft level bends them.
type store struct {
	keep             float64
	drift, lo, hi    []float64
	soft             []float64
	softCost         float64
	final, finalCost float64
	start            float64
	offers           [][]offer
	turn             [][]float64 // level up to which each offer is worth taking
	segs             []stretch
	left, right      float64
	worth            []worth // by slot, where it is asked for: the cost to go after it
}

// worth is a cost to go: its slopes from the left up to level right.
type worth struct {
	segs  []stretch
	right float64
}

// slope is what one unit more of the level changes of the cost to go.
func (w *worth) slope(level float64) float64 {
	pos := w.right
	for i := len(w.segs) - 1; i >= 0; i-- {
		if pos -= w.segs[i].length; level > pos || i == 0 {
			return w.segs[i].slope
		}
	}
	return 0
}

// offer is an amount of inflow at a price for each unit, prices rising within
// a slot.
type offer struct{ amount, price float64 }

// stretch is a piece of a convex function.
type stretch struct{ length, slope float64 }

func newStore(n int) *store {
	return &store{keep: 1, drift: make([]float64, n), lo: make([]float64, n), hi: make([]float64, n), offers: make([][]offer, n), turn: make([][]float64, n)}
}

// value works backwards; it returns the least cost from the start on.
func (q *store) value() float64 {
	n := len(q.drift)
	q.left, q.right = q.lo[n-1], q.hi[n-1]
	q.segs = q.segs[:0]
	cut := min(max(q.final, q.left), q.right)
	if q.finalCost == 0 {
		cut = q.left
	}
	atRight := 0.0
	if q.finalCost > 0 {
		atRight = max(0, q.final-q.right) * q.finalCost
	}
	if cut > q.left {
		q.segs = append(q.segs, stretch{cut - q.left, -q.finalCost})
	}
	if q.right > cut {
		q.segs = append(q.segs, stretch{q.right - cut, 0})
	}
	for t := n - 1; t >= 0; t-- {
		// Bounds.
		if t < n-1 {
			for q.right > q.hi[t] && len(q.segs) > 0 {
				s := &q.segs[len(q.segs)-1]
				d := min(q.right-q.hi[t], s.length)
				atRight -= s.slope * d
				s.length -= d
				q.right -= d
				if s.length <= 0 {
					q.segs = q.segs[:len(q.segs)-1]
				}
			}
			if q.right > q.hi[t] {
				q.right = q.hi[t]
			}
			drop := 0
			for q.left < q.lo[t] && drop < len(q.segs) {
				s := &q.segs[drop]
				d := min(q.lo[t]-q.left, s.length)
				s.length -= d
				q.left += d
				if s.length <= 0 {
					drop++
				}
			}
			q.segs = q.segs[:copy(q.segs, q.segs[drop:])]
		}
		if q.softCost > 0 && q.soft != nil {
			atRight += max(0, q.soft[t]-q.right) * q.softCost
			pos := q.right
			for i := len(q.segs) - 1; i >= 0; i-- {
				from := pos - q.segs[i].length
				switch {
				case from >= q.soft[t]:
				case pos <= q.soft[t]:
					q.segs[i].slope -= q.softCost
				default:
					up := pos - q.soft[t]
					q.segs = append(q.segs, stretch{})
					copy(q.segs[i+1:], q.segs[i:])
					q.segs[i].length -= up
					q.segs[i].slope -= q.softCost
					q.segs[i+1].length = up
				}
				pos = from
			}
		}
		if q.worth != nil {
			w := &q.worth[t]
			w.segs, w.right = append(w.segs[:0], q.segs...), q.right
		}
		q.turn[t] = q.turn[t][:0]
		for range q.offers[t] {
			q.turn[t] = append(q.turn[t], 0)
		}
		// Where does each offer stop to be worth it?
		for k := range q.offers[t] {
			pos, i := q.right, len(q.segs)
			for i > 0 && q.segs[i-1].slope >= -q.offers[t][k].price {
				pos -= q.segs[i-1].length
				i--
			}
			q.turn[t][k] = pos
		}
		for _, o := range q.offers[t] {
			if o.amount <= 0 {
				continue
			}
			i := len(q.segs)
			for i > 0 && q.segs[i-1].slope >= -o.price {
				i--
			}
			q.segs = append(q.segs, stretch{})
			copy(q.segs[i+1:], q.segs[i:])
			q.segs[i] = stretch{o.amount, -o.price}
			q.left -= o.amount
		}
		q.left = (q.left - q.drift[t]) / q.keep
		q.right = (q.right - q.drift[t]) / q.keep
		for i := range q.segs {
			q.segs[i].length /= q.keep
			q.segs[i].slope *= q.keep
		}
	}
	v, pos := atRight, q.right
	for i := len(q.segs) - 1; i >= 0 && pos > q.start; i-- {
		d := min(q.segs[i].length, pos-q.start)
		v -= q.segs[i].slope * d
		pos -= d
	}
	return v
}

// follow goes forward after value: inflow receives what is taken of the
// offers in each slot.
func (q *store) follow(inflow []float64) {
	level := q.start
	for t := range inflow {
		s := q.keep*level + q.drift[t]
		var sum float64
		for k, o := range q.offers[t] {
			sum += min(max(0, q.turn[t][k]-(s+sum)), o.amount)
		}
		if m := q.lo[t] - s; sum < m { // forced, whatever the cost
			sum = min(m, q.most(t))
		}
		sum = max(0, min(sum, q.hi[t]-s))
		inflow[t] = sum
		level = s + sum
	}
}

func (q *store) most(t int) float64 {
	var sum float64
	for _, o := range q.offers[t] {
		sum += o.amount
	}
	return sum
}
