package optimizer

import "math"

// simplex minimises cost*x subject to A*x = b, 0 <= x <= ub, by the primal
// simplex method with bounded variables.  Columns may be added and costs
// changed between calls of solve; the basis is kept, so that each call starts
// where the last one ended.  The inverse of the basis is held as a product of
// eta matrices (Dantzig and Orchard-Hays 1954), rebuilt now and then in an
// order that keeps it sparse.
type simplex struct {
	m     int
	ptr   []int32 // column j is ind/val[ptr[j]:ptr[j+1]]
	ind   []int32
	val   []float64
	cost  []float64
	ub    []float64
	scale []float64 // 1/(1+|A_j|^2), an entering column's weight
	where []int32   // row in which the column is basic, or atLower, atUpper
	b     []float64

	head []int32 // the column basic in each row
	x    []float64
	y    []float64 // duals of the last call of solve

	etaRow []int32
	etaPiv []float64
	etaPtr []int32
	etaInd []int32
	etaVal []float64
	fresh  int // etas of the last rebuild

	alpha, rhs []float64
	work       int64
	pivots     int
	staticCols int     // columns priced at every step; the others by candidate list
	cand       []int32 // candidate list
}

const (
	atLower int32 = -1
	atUpper int32 = -2
)

const (
	optTol   = 1e-8
	pivotTol = 1e-7
	feasTol  = 1e-9
	maxEtas  = 60
)

func newSimplex(m int) *simplex {
	return &simplex{
		m: m, ptr: []int32{0}, b: make([]float64, m), head: make([]int32, m), x: make([]float64, m), y: make([]float64, m),
		etaPtr: []int32{0}, alpha: make([]float64, m), rhs: make([]float64, m),
	}
}

// add appends a column, at its lower bound, and returns its number.
func (s *simplex) add(cost, ub float64, ind []int32, val []float64) int32 {
	var norm float64
	for k, i := range ind {
		if val[k] != 0 {
			s.ind = append(s.ind, i)
			s.val = append(s.val, val[k])
			norm += val[k] * val[k]
		}
	}
	s.ptr = append(s.ptr, int32(len(s.ind)))
	s.cost = append(s.cost, cost)
	s.ub = append(s.ub, ub)
	s.scale = append(s.scale, 1/(1+norm))
	s.where = append(s.where, atLower)
	return int32(len(s.cost) - 1)
}

// value is the value of column j.
func (s *simplex) value(j int32) float64 {
	switch w := s.where[j]; {
	case w >= 0:
		return s.x[w]
	case w == atUpper:
		return s.ub[j]
	}
	return 0
}

// reduced is column j's cost less what its entries earn at the duals y.
func (s *simplex) reduced(j int32, y []float64) float64 {
	d := s.cost[j]
	for k := s.ptr[j]; k < s.ptr[j+1]; k++ {
		d -= y[s.ind[k]] * s.val[k]
	}
	return d
}

func (s *simplex) ftran(v []float64) {
	for k, p := range s.etaRow {
		t := v[p]
		if t == 0 {
			continue
		}
		t *= s.etaPiv[k]
		v[p] = t
		a, b := s.etaPtr[k], s.etaPtr[k+1]
		ind, val := s.etaInd[a:b], s.etaVal[a:b]
		for q, i := range ind {
			v[i] += val[q] * t
		}
		s.work += int64(b - a)
	}
	s.work += int64(len(s.etaRow))
}

func (s *simplex) btran(v []float64) {
	for k := len(s.etaRow) - 1; k >= 0; k-- {
		a, b := s.etaPtr[k], s.etaPtr[k+1]
		p := s.etaRow[k]
		t := v[p]
		ind, val := s.etaInd[a:b], s.etaVal[a:b]
		for q, i := range ind {
			t += val[q] * v[i]
		}
		v[p] = t * s.etaPiv[k]
	}
	s.work += int64(len(s.etaInd) + len(s.etaRow))
}

// pushEta appends the eta matrix that turns column v into the unit vector of
// row p.
func (s *simplex) pushEta(p int32, v []float64) {
	for i, x := range v {
		if x != 0 && int32(i) != p {
			if math.Abs(x) < 1e-14 {
				continue
			}
			s.etaInd = append(s.etaInd, int32(i))
			s.etaVal = append(s.etaVal, -x)
		}
	}
	s.etaRow = append(s.etaRow, p)
	s.etaPiv = append(s.etaPiv, 1/v[p])
	s.etaPtr = append(s.etaPtr, int32(len(s.etaInd)))
}

// rebuild computes the inverse of the basis afresh, and the values of the
// basic variables.  It tells whether the basis was regular.
func (s *simplex) rebuild() bool {
	m := s.m
	s.etaRow, s.etaPiv, s.etaPtr, s.etaInd, s.etaVal = s.etaRow[:0], s.etaPiv[:0], s.etaPtr[:1], s.etaInd[:0], s.etaVal[:0]
	cols := append([]int32(nil), s.head...)
	rowCount := make([]int32, m)
	rowCols := make([][]int32, m) // positions in cols with an entry in the row
	colCount := make([]int32, m)
	for c, j := range cols {
		for k := s.ptr[j]; k < s.ptr[j+1]; k++ {
			rowCount[s.ind[k]]++
			rowCols[s.ind[k]] = append(rowCols[s.ind[k]], int32(c))
		}
		colCount[c] = s.ptr[j+1] - s.ptr[j]
	}
	rowDone, colDone := make([]bool, m), make([]bool, m)
	v := make([]float64, m)
	newHead := make([]int32, m)
	place := func(c int, row int32) bool { // pivot column c; row -1: choose
		j := cols[c]
		for i := range v {
			v[i] = 0
		}
		for k := s.ptr[j]; k < s.ptr[j+1]; k++ {
			v[s.ind[k]] = s.val[k]
		}
		s.ftran(v)
		if row < 0 || math.Abs(v[row]) < 1e-5 {
			var big float64
			for i, x := range v {
				if !rowDone[i] {
					big = max(big, math.Abs(x))
				}
			}
			if big < 1e-9 {
				return false
			}
			bestCount := int32(math.MaxInt32)
			bestAbs := 0.0
			for i, x := range v {
				if rowDone[i] || math.Abs(x) < 0.1*big {
					continue
				}
				if rowCount[i] < bestCount || rowCount[i] == bestCount && math.Abs(x) > bestAbs {
					bestCount, bestAbs, row = rowCount[i], math.Abs(x), int32(i)
				}
			}
		}
		s.pushEta(row, v)
		rowDone[row], colDone[c] = true, true
		newHead[row] = j
		for k := s.ptr[j]; k < s.ptr[j+1]; k++ {
			rowCount[s.ind[k]]--
		}
		for _, c2 := range rowCols[row] {
			colCount[c2]--
		}
		s.work += int64(m)
		return true
	}
	// Columns with one entry in the rows left, then rows with one entry in
	// the columns left: both can be pivoted without filling the inverse.
	for again := true; again; {
		again = false
		for c, j := range cols {
			if colDone[c] || colCount[c] != 1 {
				continue
			}
			for k := s.ptr[j]; k < s.ptr[j+1]; k++ {
				if i := s.ind[k]; !rowDone[i] && math.Abs(s.val[k]) > 1e-3 {
					if !place(c, i) {
						return false
					}
					again = true
					break
				}
			}
		}
	}
	for again := true; again; {
		again = false
		for i := range m {
			if rowDone[i] || rowCount[i] != 1 {
				continue
			}
			for _, c := range rowCols[i] {
				if colDone[c] {
					continue
				}
				j := cols[c]
				for k := s.ptr[j]; k < s.ptr[j+1]; k++ {
					if s.ind[k] == int32(i) && math.Abs(s.val[k]) > 1e-3 {
						if !place(int(c), int32(i)) {
							return false
						}
						again = true
						break
					}
				}
				break
			}
		}
	}
	// The rest, the sparsest columns first.
	for {
		best := -1
		for c := range cols {
			if !colDone[c] && (best < 0 || colCount[c] < colCount[best]) {
				best = c
			}
		}
		if best < 0 {
			break
		}
		if !place(best, -1) {
			return false
		}
	}
	copy(s.head, newHead)
	for i, j := range s.head {
		s.where[j] = int32(i)
	}
	s.fresh = len(s.etaRow)
	s.values()
	return true
}

// values computes the basic variables from the others.
func (s *simplex) values() {
	copy(s.x, s.b)
	for j, w := range s.where {
		if w != atUpper {
			continue
		}
		u := s.ub[j]
		for k := s.ptr[j]; k < s.ptr[j+1]; k++ {
			s.x[s.ind[k]] -= s.val[k] * u
		}
	}
	s.work += int64(len(s.where))
	s.ftran(s.x)
}

// duals computes y.
func (s *simplex) duals() {
	for i, j := range s.head {
		s.y[i] = s.cost[j]
	}
	s.btran(s.y)
}

// objective is the cost of the present point.
func (s *simplex) objective() float64 {
	var sum float64
	for j, w := range s.where {
		if w == atUpper {
			sum += s.cost[j] * s.ub[j]
		}
	}
	for i, j := range s.head {
		sum += s.cost[j] * s.x[i]
	}
	return sum
}

// attractive is how much column j promises, 0 where it should stay.
func (s *simplex) attractive(j int32) (score, d float64) {
	w := s.where[j]
	if w >= 0 || s.ub[j] == 0 {
		return 0, 0
	}
	d = s.reduced(j, s.y)
	if w == atLower && d < -optTol || w == atUpper && d > optTol {
		return d * d * s.scale[j], d
	}
	return 0, 0
}

// enter chooses the entering column, -1 at the optimum.
func (s *simplex) enter() (int32, float64) {
	best, bj, bd := 0.0, int32(-1), 0.0
	for j := range int32(s.staticCols) {
		if sc, d := s.attractive(j); sc > best {
			best, bj, bd = sc, j, d
		}
	}
	s.work += int64(3 * s.staticCols)
	keep := s.cand[:0]
	for _, j := range s.cand {
		sc, d := s.attractive(j)
		s.work += int64(s.ptr[j+1] - s.ptr[j])
		if sc == 0 {
			continue
		}
		keep = append(keep, j)
		if sc > best {
			best, bj, bd = sc, j, d
		}
	}
	s.cand = keep
	if len(s.cand) > 0 || bj >= 0 {
		return bj, bd
	}
	for j := int32(s.staticCols); j < int32(len(s.cost)); j++ {
		sc, d := s.attractive(j)
		if sc == 0 {
			continue
		}
		s.cand = append(s.cand, j)
		if sc > best {
			best, bj, bd = sc, j, d
		}
	}
	s.work += int64(len(s.ind))
	return bj, bd
}

// solve pivots to the optimum, or until stop says so or limit pivots are done.
// It reports false where the basis turned singular; the caller must then set
// up a new one.
func (s *simplex) solve(limit int, stop func() bool) bool {
	stall := 0
	s.cand = s.cand[:0]
	for it := 0; it < limit; it++ {
		if len(s.etaRow)-s.fresh >= maxEtas || len(s.etaRow) == 0 {
			if !s.rebuild() {
				return false
			}
		}
		if it&15 == 15 && stop() {
			break
		}
		s.duals()
		q, d := s.enter()
		if q < 0 {
			return true
		}
		for i := range s.alpha {
			s.alpha[i] = 0
		}
		for k := s.ptr[q]; k < s.ptr[q+1]; k++ {
			s.alpha[s.ind[k]] = s.val[k]
		}
		s.ftran(s.alpha)
		dir := 1.0
		if d > 0 {
			dir = -1
		}
		// Harris's ratio test: the largest pivot among the rows that block
		// within the tolerance.
		limitStep := math.Inf(1)
		for i, a := range s.alpha {
			a *= dir
			if a > pivotTol {
				limitStep = min(limitStep, (max(s.x[i], 0)+feasTol)/a)
			} else if a < -pivotTol {
				if u := s.ub[s.head[i]]; !math.IsInf(u, 1) {
					limitStep = min(limitStep, (max(u-s.x[i], 0)+feasTol)/-a)
				}
			}
		}
		s.work += int64(s.m)
		row, bestPivot, step, toUpper := -1, 0.0, 0.0, false
		for i, a := range s.alpha {
			a *= dir
			var r float64
			up := false
			switch {
			case a > pivotTol:
				r = max(s.x[i], 0) / a
			case a < -pivotTol:
				u := s.ub[s.head[i]]
				if math.IsInf(u, 1) {
					continue
				}
				r, up = max(u-s.x[i], 0)/-a, true
			default:
				continue
			}
			if r <= limitStep && math.Abs(a) > bestPivot {
				row, bestPivot, step, toUpper = i, math.Abs(a), r, up
			}
		}
		if s.ub[q] <= step || row < 0 { // to its other bound
			if math.IsInf(s.ub[q], 1) {
				return true // unbounded: cannot be, every cost is bounded below
			}
			for i, a := range s.alpha {
				s.x[i] -= dir * a * s.ub[q]
			}
			if s.where[q] == atLower {
				s.where[q] = atUpper
			} else {
				s.where[q] = atLower
			}
			s.pivots++
			continue
		}
		if step < 1e-12 {
			if stall++; stall > 5*s.m+500 {
				return true
			}
		}
		if bestPivot < 1e-5 && len(s.etaRow) > s.fresh { // look again with a clean inverse
			if !s.rebuild() {
				return false
			}
			continue
		}
		out := s.head[row]
		for i, a := range s.alpha {
			if a != 0 {
				s.x[i] -= dir * a * step
			}
		}
		start := 0.0
		if s.where[q] == atUpper {
			start = s.ub[q]
		}
		s.x[row] = start + dir*step
		s.where[out] = atLower
		if toUpper {
			s.where[out] = atUpper
		}
		s.where[q], s.head[row] = int32(row), q
		s.pushEta(int32(row), s.alpha)
		s.pivots++
	}
	s.duals()
	return true
}
