// Package lp solves linear programmes that grow by columns, by the primal simplex method
// with bounded variables.  It knows nothing of loads.
package lp

import "math"

// Simplex minimises cost*x subject to A*x = b, 0 <= x <= ub, by the primal
// simplex method with bounded variables.  Columns may be added and costs
// changed between calls of solve; the basis is kept, so that each call starts
// where the last one ended.  The inverse of the basis is held as a product of
// eta matrices (Dantzig and Orchard-Hays 1954), rebuilt now and then in an
// order that keeps it sparse.
type Simplex struct {
	m              int
	Ptr            []int32 // column j is ind/val[ptr[j]:ptr[j+1]]
	Ind            []int32
	Val            []float64
	Cost           []float64
	UB             []float64
	scale          []float64 // 1/(1+|A_j|^2), an entering column's weight
	entries, costs spread    // of Val and Cost, as they were added
	Where          []int32   // row in which the column is basic, or atLower, atUpper
	B              []float64

	Head []int32 // the column basic in each row
	x    []float64
	Y    []float64 // duals of the last call of solve

	etaRow []int32
	etaPiv []float64
	etaPtr []int32
	etaInd []int32
	etaVal []float64
	fresh  int // etas of the last rebuild

	alpha, rhs []float64
	Work       int64
	Pivots     int
	StaticCols int     // columns priced at every step; the others by candidate list
	cand       []int32 // candidate list
}

// Where a column is that is not basic.
const (
	AtLower int32 = -1
	AtUpper int32 = -2
)

// New makes a programme of m rows with no columns in it.
func New(m int) *Simplex {
	return &Simplex{
		m: m, Ptr: []int32{0}, B: make([]float64, m), Head: make([]int32, m), x: make([]float64, m), Y: make([]float64, m),
		etaPtr: []int32{0}, alpha: make([]float64, m), rhs: make([]float64, m),
	}
}

// Add appends a column, at its lower bound, and returns its number.
func (s *Simplex) Add(cost, ub float64, ind []int32, val []float64) int32 {
	var norm float64
	for k, i := range ind {
		if val[k] != 0 {
			s.Ind = append(s.Ind, i)
			s.Val = append(s.Val, val[k])
			norm += val[k] * val[k]
			s.entries.note(val[k])
		}
	}
	s.Ptr = append(s.Ptr, int32(len(s.Ind)))
	s.Cost = append(s.Cost, cost)
	s.costs.note(cost)
	s.UB = append(s.UB, ub)
	s.scale = append(s.scale, 1/(1+norm))
	s.Where = append(s.Where, AtLower)
	return int32(len(s.Cost) - 1)
}

// Value is the value of column j.
func (s *Simplex) Value(j int32) float64 {
	switch w := s.Where[j]; {
	case w >= 0:
		return s.x[w]
	case w == AtUpper:
		return s.UB[j]
	}
	return 0
}

// Reduced is column j's cost less what its entries earn at the duals y.
func (s *Simplex) Reduced(j int32, y []float64) float64 {
	d := s.Cost[j]
	for k := s.Ptr[j]; k < s.Ptr[j+1]; k++ {
		d -= y[s.Ind[k]] * s.Val[k]
	}
	return d
}

func (s *Simplex) ftran(v []float64) {
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
		s.Work += int64(b - a)
	}
	s.Work += int64(len(s.etaRow))
}

func (s *Simplex) btran(v []float64) {
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
	s.Work += int64(len(s.etaInd) + len(s.etaRow))
}

// pushEta appends the eta matrix that turns column v into the unit vector of
// row p.
func (s *Simplex) pushEta(p int32, v []float64) {
	for i, x := range v {
		if x != 0 && int32(i) != p {
			if math.Abs(x) < dropTol {
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

// values computes the basic variables from the others.
func (s *Simplex) values() {
	copy(s.x, s.B)
	for j, w := range s.Where {
		if w != AtUpper {
			continue
		}
		u := s.UB[j]
		for k := s.Ptr[j]; k < s.Ptr[j+1]; k++ {
			s.x[s.Ind[k]] -= s.Val[k] * u
		}
	}
	s.Work += int64(len(s.Where))
	s.ftran(s.x)
}

// duals computes y.
func (s *Simplex) duals() {
	for i, j := range s.Head {
		s.Y[i] = s.Cost[j]
	}
	s.btran(s.Y)
}

// Objective is the cost of the present point.
func (s *Simplex) Objective() float64 {
	var sum float64
	for j, w := range s.Where {
		if w == AtUpper {
			sum += s.Cost[j] * s.UB[j]
		}
	}
	for i, j := range s.Head {
		sum += s.Cost[j] * s.x[i]
	}
	return sum
}

// attractive is how much column j promises, 0 where it should stay.
func (s *Simplex) attractive(j int32) (score, d float64) {
	w := s.Where[j]
	if w >= 0 || s.UB[j] == 0 {
		return 0, 0
	}
	d = s.Reduced(j, s.Y)
	if w == AtLower && d < -optTol || w == AtUpper && d > optTol {
		return d * d * s.scale[j], d
	}
	return 0, 0
}

// enter chooses the entering column, -1 at the optimum.
func (s *Simplex) enter() (int32, float64) {
	best, bj, bd := 0.0, int32(-1), 0.0
	for j := range int32(s.StaticCols) {
		if sc, d := s.attractive(j); sc > best {
			best, bj, bd = sc, j, d
		}
	}
	s.Work += int64(3 * s.StaticCols)
	keep := s.cand[:0]
	for _, j := range s.cand {
		sc, d := s.attractive(j)
		s.Work += int64(s.Ptr[j+1] - s.Ptr[j])
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
	for j := int32(s.StaticCols); j < int32(len(s.Cost)); j++ {
		sc, d := s.attractive(j)
		if sc == 0 {
			continue
		}
		s.cand = append(s.cand, j)
		if sc > best {
			best, bj, bd = sc, j, d
		}
	}
	s.Work += int64(len(s.Ind))
	return bj, bd
}

// Status is how a call of Solve ended.
type Status int

// The ends of Solve.  A programme that has no point at all is not told apart: its caller
// gives it columns that may fill any row at a great cost, and reads their values.
const (
	Optimal   Status = iota
	Stopped          // by stop or by the limit of pivots; the point is one of the programme
	Stalled          // so many steps in a row led nowhere; the point is one of the programme
	Unbounded        // some column may grow for ever and lowers the cost
	Singular         // the basis has no inverse; the caller must set up a new one
)

// Solve pivots to the optimum, or until stop says so or limit pivots are done.
func (s *Simplex) Solve(limit int, stop func() bool) Status {
	if !s.wellScaled() {
		return s.scaled(limit, stop)
	}
	return s.solve(limit, stop)
}

func (s *Simplex) solve(limit int, stop func() bool) Status {
	stall := 0
	s.cand = s.cand[:0]
	for it := 0; it < limit; it++ {
		if len(s.etaRow)-s.fresh >= maxEtas || len(s.etaRow) == 0 {
			if !s.Rebuild() {
				return Singular
			}
		}
		if it&15 == 15 && stop() {
			break
		}
		s.duals()
		q, d := s.enter()
		if q < 0 {
			return Optimal
		}
		dir := s.column(q, d)
		l := s.leave(dir)
		if s.UB[q] <= l.step || l.row < 0 {
			if math.IsInf(s.UB[q], 1) {
				return Unbounded
			}
			s.flip(q, dir)
			continue
		}
		if l.step < stepTol {
			if stall++; stall > 5*s.m+500 {
				return Stalled
			}
		}
		if l.pivot < shakyTol && len(s.etaRow) > s.fresh { // look again with a clean inverse
			if !s.Rebuild() {
				return Singular
			}
			continue
		}
		s.exchange(q, dir, l)
	}
	s.duals()
	return Stopped
}

// column leaves in alpha what the basic variables lose by each unit of the entering
// column q, and returns which way it goes.
func (s *Simplex) column(q int32, d float64) (dir float64) {
	for i := range s.alpha {
		s.alpha[i] = 0
	}
	for k := s.Ptr[q]; k < s.Ptr[q+1]; k++ {
		s.alpha[s.Ind[k]] = s.Val[k]
	}
	s.ftran(s.alpha)
	if d > 0 {
		return -1
	}
	return 1
}

// leaving is the row whose variable leaves the basis, -1: none blocks.
type leaving struct {
	row         int
	pivot, step float64
	toUpper     bool
}

// leave is Harris's ratio test: the largest pivot among the rows that block within the
// tolerance.
func (s *Simplex) leave(dir float64) leaving {
	limit := math.Inf(1)
	for i, a := range s.alpha {
		a *= dir
		if a > pivotTol {
			limit = min(limit, (max(s.x[i], 0)+feasTol)/a)
		} else if a < -pivotTol {
			if u := s.UB[s.Head[i]]; !math.IsInf(u, 1) {
				limit = min(limit, (max(u-s.x[i], 0)+feasTol)/-a)
			}
		}
	}
	s.Work += int64(s.m)
	best := leaving{row: -1}
	for i, a := range s.alpha {
		a *= dir
		var r float64
		up := false
		switch {
		case a > pivotTol:
			r = max(s.x[i], 0) / a
		case a < -pivotTol:
			u := s.UB[s.Head[i]]
			if math.IsInf(u, 1) {
				continue
			}
			r, up = max(u-s.x[i], 0)/-a, true
		default:
			continue
		}
		if r <= limit && math.Abs(a) > best.pivot {
			best = leaving{i, math.Abs(a), r, up}
		}
	}
	return best
}

// flip moves column q to its other bound.
func (s *Simplex) flip(q int32, dir float64) {
	for i, a := range s.alpha {
		s.x[i] -= dir * a * s.UB[q]
	}
	if s.Where[q] == AtLower {
		s.Where[q] = AtUpper
	} else {
		s.Where[q] = AtLower
	}
	s.Pivots++
}

// exchange lets column q into the basis.
func (s *Simplex) exchange(q int32, dir float64, l leaving) {
	out := s.Head[l.row]
	for i, a := range s.alpha {
		if a != 0 {
			s.x[i] -= dir * a * l.step
		}
	}
	start := 0.0
	if s.Where[q] == AtUpper {
		start = s.UB[q]
	}
	s.x[l.row] = start + dir*l.step
	s.Where[out] = AtLower
	if l.toUpper {
		s.Where[out] = AtUpper
	}
	s.Where[q], s.Head[l.row] = int32(l.row), q
	s.pushEta(int32(l.row), s.alpha)
	s.Pivots++
}
