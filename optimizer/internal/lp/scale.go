package lp

import "math"

// The tolerances of the method are absolute, for programmes whose numbers are near 1.
// One whose are not is solved as another, whose rows, columns, costs and right sides are
// those of the first times powers of two: that rounds nothing, and the two have the
// same bases.

// spread is the range of the exponents of two of numbers that are not 0.
type spread struct {
	least, most int
	sum, count  int
}

func (r *spread) note(x float64) {
	if x == 0 || math.IsInf(x, 0) {
		return
	}
	_, e := math.Frexp(x)
	r.noteExp(e)
}

func (r *spread) noteExp(e int) {
	if r.count == 0 {
		r.least, r.most = e, e
	}
	r.least, r.most = min(r.least, e), max(r.most, e)
	r.sum += e
	r.count++
}

// mean is the mean exponent.
func (r *spread) mean() int {
	if r.count == 0 {
		return 0
	}
	return int(math.Round(float64(r.sum) / float64(r.count)))
}

// middle is between the least exponent and the greatest.
func (r *spread) middle() int {
	if r.count == 0 {
		return 0
	}
	return (r.least + r.most) / 2
}

// wellScaled tells whether the tolerances suit the programme as it is.
func (s *Simplex) wellScaled() bool {
	var right spread
	for _, x := range s.B {
		right.note(x)
	}
	near := func(e int) bool { return e >= -meanBits && e <= meanBits }
	return s.entries.most-s.entries.least <= spreadBits && near(s.entries.middle()) && near(s.costs.mean()) && near(right.mean())
}

// scaling is by how many powers of two each row and column is multiplied.
type scaling struct {
	row, col    []int
	cost, right int
}

// scalingOf makes the entries of each row and each column near 1 (Curtis and Reid 1972,
// but by the middle of the exponents), then costs and right sides in the mean.
func scalingOf(s *Simplex) scaling {
	f := scaling{row: make([]int, s.m), col: make([]int, len(s.Cost))}
	exp := make([]int, len(s.Val))
	for k, x := range s.Val {
		_, exp[k] = math.Frexp(x)
	}
	for range scalePasses {
		rows := make([]spread, s.m)
		for j := range f.col {
			for k := s.Ptr[j]; k < s.Ptr[j+1]; k++ {
				rows[s.Ind[k]].noteExp(exp[k] + f.col[j])
			}
		}
		for i := range rows {
			f.row[i] = -rows[i].middle()
		}
		for j := range f.col {
			var c spread
			for k := s.Ptr[j]; k < s.Ptr[j+1]; k++ {
				c.noteExp(exp[k] + f.row[s.Ind[k]])
			}
			f.col[j] = -c.middle()
		}
	}
	var costs, right spread
	for j, x := range s.Cost {
		costs.note(math.Ldexp(x, f.col[j]))
	}
	for i, x := range s.B {
		right.note(math.Ldexp(x, f.row[i]))
	}
	f.cost, f.right = -costs.mean(), -right.mean()
	return f
}

// scaled solves the programme as one whose numbers are near 1, and takes over the basis,
// the values and the duals.
func (s *Simplex) scaled(limit int, stop func() bool) Status {
	f := scalingOf(s)
	q := New(s.m)
	val := make([]float64, 0, 16)
	for j := range f.col {
		from, to := s.Ptr[j], s.Ptr[j+1]
		val = val[:0]
		for k := from; k < to; k++ {
			val = append(val, math.Ldexp(s.Val[k], f.row[s.Ind[k]]+f.col[j]))
		}
		q.Add(math.Ldexp(s.Cost[j], f.col[j]+f.cost), math.Ldexp(s.UB[j], f.right-f.col[j]), s.Ind[from:to], val)
	}
	for i, x := range s.B {
		q.B[i] = math.Ldexp(x, f.row[i]+f.right)
	}
	copy(q.Head, s.Head)
	copy(q.Where, s.Where)
	q.StaticCols = s.StaticCols
	status := q.solve(limit, stop)
	s.Work += q.Work
	s.Pivots += q.Pivots
	copy(s.Head, q.Head)
	copy(s.Where, q.Where)
	for i, j := range s.Head {
		s.x[i] = math.Ldexp(q.x[i], f.col[j]-f.right)
		s.Y[i] = math.Ldexp(q.Y[i], f.row[i]-f.cost)
	}
	s.etaRow, s.etaPiv, s.etaPtr, s.etaInd, s.etaVal, s.fresh = s.etaRow[:0], s.etaPiv[:0], s.etaPtr[:1], s.etaInd[:0], s.etaVal[:0], 0
	return status
}
