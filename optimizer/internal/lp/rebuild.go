package lp

import "math"

// Rebuild computes the inverse of the basis afresh, and the values of the
// basic variables.  It tells whether the basis was regular.
func (s *Simplex) Rebuild() bool {
	s.etaRow, s.etaPiv, s.etaPtr, s.etaInd, s.etaVal = s.etaRow[:0], s.etaPiv[:0], s.etaPtr[:1], s.etaInd[:0], s.etaVal[:0]
	f := s.newFactor()
	if !f.byColumns() || !f.byRows() || !f.rest() {
		return false
	}
	copy(s.Head, f.head)
	for i, j := range s.Head {
		s.Where[j] = int32(i)
	}
	s.fresh = len(s.etaRow)
	s.values()
	return true
}

// factor is a rebuild under way: each column of the basis is given a row as its pivot,
// in an order that keeps the inverse sparse.
type factor struct {
	s        *Simplex
	cols     []int32   // of the basis, in no order
	rowCount []int32   // entries of each row in columns without a pivot
	rowCols  [][]int32 // positions in cols with an entry in the row
	colCount []int32   // entries of each column in rows without a pivot
	rowDone  []bool
	colDone  []bool
	v        []float64 // scratch: a column, as the inverse so far makes it
	head     []int32   // by row: its column
}

func (s *Simplex) newFactor() *factor {
	m := s.m
	f := &factor{
		s: s, cols: append([]int32(nil), s.Head...), rowCount: make([]int32, m), rowCols: make([][]int32, m), colCount: make([]int32, m),
		rowDone: make([]bool, m), colDone: make([]bool, m), v: make([]float64, m), head: make([]int32, m),
	}
	for c, j := range f.cols {
		for k := s.Ptr[j]; k < s.Ptr[j+1]; k++ {
			f.rowCount[s.Ind[k]]++
			f.rowCols[s.Ind[k]] = append(f.rowCols[s.Ind[k]], int32(c))
		}
		f.colCount[c] = s.Ptr[j+1] - s.Ptr[j]
	}
	return f
}

// byColumns gives the columns that have one entry in the rows left that row: such a
// pivot fills nothing in.
func (f *factor) byColumns() bool {
	s := f.s
	for again := true; again; {
		again = false
		for c, j := range f.cols {
			if f.colDone[c] || f.colCount[c] != 1 {
				continue
			}
			for k := s.Ptr[j]; k < s.Ptr[j+1]; k++ {
				if i := s.Ind[k]; !f.rowDone[i] && math.Abs(s.Val[k]) > sureTol {
					if !f.place(c, i) {
						return false
					}
					again = true
					break
				}
			}
		}
	}
	return true
}

// byRows gives the rows that have one entry in the columns left that column, which
// fills nothing in either.
func (f *factor) byRows() bool {
	for again := true; again; {
		again = false
		for i := range f.s.m {
			if f.rowDone[i] || f.rowCount[i] != 1 {
				continue
			}
			for _, c := range f.rowCols[i] {
				if f.colDone[c] {
					continue
				}
				if f.s.sure(f.cols[c], int32(i)) {
					if !f.place(int(c), int32(i)) {
						return false
					}
					again = true
				}
				break
			}
		}
	}
	return true
}

// sure tells whether column j's entry in row i is large enough to pivot on unseen.
func (s *Simplex) sure(j, i int32) bool {
	for k := s.Ptr[j]; k < s.Ptr[j+1]; k++ {
		if s.Ind[k] == i && math.Abs(s.Val[k]) > sureTol {
			return true
		}
	}
	return false
}

// rest gives the other columns a row, the sparsest first.
func (f *factor) rest() bool {
	for {
		best := -1
		for c := range f.cols {
			if !f.colDone[c] && (best < 0 || f.colCount[c] < f.colCount[best]) {
				best = c
			}
		}
		if best < 0 {
			return true
		}
		if !f.place(best, -1) {
			return false
		}
	}
}

// place pivots column c on a row; -1, or where its entry there has become small: on
// the best one.  False: it has no entry left, the basis is not regular.
func (f *factor) place(c int, row int32) bool {
	s, j, v := f.s, f.cols[c], f.v
	clear(v)
	for k := s.Ptr[j]; k < s.Ptr[j+1]; k++ {
		v[s.Ind[k]] = s.Val[k]
	}
	s.ftran(v)
	if row < 0 || math.Abs(v[row]) < shakyTol {
		if row = f.pivot(row); row < 0 {
			return false
		}
	}
	s.pushEta(row, v)
	f.rowDone[row], f.colDone[c] = true, true
	f.head[row] = j
	for k := s.Ptr[j]; k < s.Ptr[j+1]; k++ {
		f.rowCount[s.Ind[k]]--
	}
	for _, c2 := range f.rowCols[row] {
		f.colCount[c2]--
	}
	s.Work += int64(s.m)
	return true
}

// pivot is the row to pivot v on: of the entries that are not small beside the largest
// the one in the sparsest row (Markowitz 1957).  It is the row given where none is
// better, -1 where all are nothing.
func (f *factor) pivot(row int32) int32 {
	var big float64
	for i, x := range f.v {
		if !f.rowDone[i] {
			big = max(big, math.Abs(x))
		}
	}
	if big < singularTol {
		return -1
	}
	bestCount, bestAbs := int32(math.MaxInt32), 0.0
	for i, x := range f.v {
		if f.rowDone[i] || math.Abs(x) < threshold*big {
			continue
		}
		if f.rowCount[i] < bestCount || f.rowCount[i] == bestCount && math.Abs(x) > bestAbs {
			bestCount, bestAbs, row = f.rowCount[i], math.Abs(x), int32(i)
		}
	}
	return row
}
