package pricing

// Store plans a continuous store exactly: a battery, or a heater of free
// power.  Its level follows level(t+1) = keep*level(t) + drift[t] + inflow,
// where inflow is bought in offers, cheapest first; after the slot the level
// must be within [lo[t], hi[t]], each unit below soft[t] costs softCost, and
// after the last slot each unit below final costs finalCost.
//
// The cost to go is a convex piecewise linear function of the level, kept as
// its slopes from left to right: an offer inserts a segment, keep stretches
// them, bounds cut and the soft level bends them.
type Store struct {
	keep             float64
	Drift, Lo, Hi    []float64
	soft             []float64
	softCost         float64
	final, finalCost float64
	Start            float64
	Offers           [][]Offer
	turn             [][]float64 // level up to which each offer is worth taking
	segs             []stretch
	left, right      float64
	Worth            []Worth // by slot, where it is asked for: the cost to go after it
}

// Worth is a cost to go: its slopes from the left up to level right.
type Worth struct {
	segs  []stretch
	right float64
}

// Slope is what one unit more of the level changes of the cost to go.
func (w *Worth) Slope(level float64) float64 {
	pos := w.right
	for i := len(w.segs) - 1; i >= 0; i-- {
		if pos -= w.segs[i].length; level > pos || i == 0 {
			return w.segs[i].slope
		}
	}
	return 0
}

// Offer is an amount of inflow at a price for each unit, prices rising within
// a slot.
type Offer struct{ Amount, Price float64 }

// stretch is a piece of a convex function.
type stretch struct{ length, slope float64 }

// NewStore makes a store of n slots, without losses, that begins empty.
func NewStore(n int) *Store {
	return &Store{keep: 1, Drift: make([]float64, n), Lo: make([]float64, n), Hi: make([]float64, n), Offers: make([][]Offer, n), turn: make([][]float64, n)}
}

// Value works backwards; it returns the least cost from the start on.
func (q *Store) Value() float64 {
	n := len(q.Drift)
	atRight := q.end()
	for t := n - 1; t >= 0; t-- {
		if t < n-1 {
			atRight = q.bounded(t, atRight)
		}
		if q.softCost > 0 && q.soft != nil {
			atRight += max(0, q.soft[t]-q.right) * q.softCost
			q.bend(q.soft[t])
		}
		if q.Worth != nil {
			w := &q.Worth[t]
			w.segs, w.right = append(w.segs[:0], q.segs...), q.right
		}
		q.buy(t)
		q.left = (q.left - q.Drift[t]) / q.keep
		q.right = (q.right - q.Drift[t]) / q.keep
		for i := range q.segs {
			q.segs[i].length /= q.keep
			q.segs[i].slope *= q.keep
		}
	}
	v, pos := atRight, q.right
	for i := len(q.segs) - 1; i >= 0 && pos > q.Start; i-- {
		d := min(q.segs[i].length, pos-q.Start)
		v -= q.segs[i].slope * d
		pos -= d
	}
	return v
}

// end is the cost after the last slot: what is below the final level costs.  The
// function is left in segs; returned is its value at its right end.
func (q *Store) end() (atRight float64) {
	n := len(q.Drift)
	q.left, q.right = q.Lo[n-1], q.Hi[n-1]
	q.segs = q.segs[:0]
	cut := min(max(q.final, q.left), q.right)
	if q.finalCost == 0 {
		cut = q.left
	}
	if q.finalCost > 0 {
		atRight = max(0, q.final-q.right) * q.finalCost
	}
	if cut > q.left {
		q.segs = append(q.segs, stretch{cut - q.left, -q.finalCost})
	}
	if q.right > cut {
		q.segs = append(q.segs, stretch{q.right - cut, 0})
	}
	return atRight
}

// bounded cuts the function to the levels that are allowed after slot t.
func (q *Store) bounded(t int, atRight float64) float64 {
	for q.right > q.Hi[t] && len(q.segs) > 0 {
		s := &q.segs[len(q.segs)-1]
		d := min(q.right-q.Hi[t], s.length)
		atRight -= s.slope * d
		s.length -= d
		q.right -= d
		if s.length <= 0 {
			q.segs = q.segs[:len(q.segs)-1]
		}
	}
	if q.right > q.Hi[t] {
		q.right = q.Hi[t]
	}
	drop := 0
	for q.left < q.Lo[t] && drop < len(q.segs) {
		s := &q.segs[drop]
		d := min(q.Lo[t]-q.left, s.length)
		s.length -= d
		q.left += d
		if s.length <= 0 {
			drop++
		}
	}
	q.segs = q.segs[:copy(q.segs, q.segs[drop:])]
	return atRight
}

// bend makes each unit below a level cost the soft price.
func (q *Store) bend(soft float64) {
	pos := q.right
	for i := len(q.segs) - 1; i >= 0; i-- {
		from := pos - q.segs[i].length
		switch {
		case from >= soft:
		case pos <= soft:
			q.segs[i].slope -= q.softCost
		default:
			up := pos - soft
			q.segs = append(q.segs, stretch{})
			copy(q.segs[i+1:], q.segs[i:])
			q.segs[i].length -= up
			q.segs[i].slope -= q.softCost
			q.segs[i+1].length = up
		}
		pos = from
	}
}

// buy notes up to which level each offer of slot t is worth taking, and inserts the
// offers: to begin with less than a level and buy what is missing costs their price.
func (q *Store) buy(t int) {
	q.turn[t] = q.turn[t][:0]
	for range q.Offers[t] {
		q.turn[t] = append(q.turn[t], 0)
	}
	for k := range q.Offers[t] {
		pos, i := q.right, len(q.segs)
		for i > 0 && q.segs[i-1].slope >= -q.Offers[t][k].Price {
			pos -= q.segs[i-1].length
			i--
		}
		q.turn[t][k] = pos
	}
	for _, o := range q.Offers[t] {
		if o.Amount <= 0 {
			continue
		}
		i := len(q.segs)
		for i > 0 && q.segs[i-1].slope >= -o.Price {
			i--
		}
		q.segs = append(q.segs, stretch{})
		copy(q.segs[i+1:], q.segs[i:])
		q.segs[i] = stretch{o.Amount, -o.Price}
		q.left -= o.Amount
	}
}

// Follow goes forward after value: inflow receives what is taken of the
// offers in each slot.
func (q *Store) Follow(inflow []float64) {
	level := q.Start
	for t := range inflow {
		s := q.keep*level + q.Drift[t]
		var sum float64
		for k, o := range q.Offers[t] {
			sum += min(max(0, q.turn[t][k]-(s+sum)), o.Amount)
		}
		if m := q.Lo[t] - s; sum < m { // forced, whatever the cost
			sum = min(m, q.most(t))
		}
		sum = max(0, min(sum, q.Hi[t]-s))
		inflow[t] = sum
		level = s + sum
	}
}

func (q *Store) most(t int) float64 {
	var sum float64
	for _, o := range q.Offers[t] {
		sum += o.Amount
	}
	return sum
}
