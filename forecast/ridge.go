package forecast

import (
	"math"
	"slices"
)

// ridge is a linear regression with forgetting and a quadratic penalty, kept
// as running sums so that a day's rows are added without the days before.
type ridge struct {
	n      int // figures of a row, the constant included
	xx     []float64
	xy     []float64
	weight float64
	last   int // origin of the rows added last
	beta   []float64
}

func newRidge(features int) *ridge {
	n := features + 1
	return &ridge{n: n, xx: make([]float64, n*n), xy: make([]float64, n)}
}

// clone is a copy that shares nothing with r.
func (r *ridge) clone() *ridge {
	c := *r
	c.xx, c.xy, c.beta = slices.Clone(r.xx), slices.Clone(r.xy), slices.Clone(r.beta)
	return &c
}

// forget lets all rows so far count for less.
func (r *ridge) forget(factor float64) {
	for i := range r.xx {
		r.xx[i] *= factor
	}
	for i := range r.xy {
		r.xy[i] *= factor
	}
	r.weight *= factor
}

// add takes one row; x does not hold the constant.
func (r *ridge) add(x []float64, y float64) {
	n := r.n
	for i := range n - 1 {
		row := r.xx[i*n:]
		for j := 0; j <= i; j++ {
			row[j] += x[i] * x[j]
		}
		r.xy[i] += x[i] * y
	}
	row := r.xx[(n-1)*n:]
	for j := range n - 1 {
		row[j] += x[j]
	}
	row[n-1]++
	r.xy[n-1] += y
	r.weight++
}

// solve finds the coefficients with a penalty of lambda rows' worth on each
// standardized feature; it tells whether there is enough to answer from.
func (r *ridge) solve(lambda float64) bool {
	n := r.n
	if r.weight < 2*float64(n) {
		return false
	}
	a := make([]float64, n*n)
	copy(a, r.xx)
	for i := range n {
		if i < n-1 {
			a[i*n+i] += lambda*r.xx[i*n+i]/r.weight + 1e-9*r.weight
		} else {
			a[i*n+i] += 1e-9 * r.weight
		}
	}
	// Cholesky in the lower triangle.
	for i := range n {
		for j := 0; j <= i; j++ {
			s := a[i*n+j]
			for k := range j {
				s -= a[i*n+k] * a[j*n+k]
			}
			if i == j {
				if s <= 0 {
					return false
				}
				a[i*n+i] = math.Sqrt(s)
			} else {
				a[i*n+j] = s / a[j*n+j]
			}
		}
	}
	b := make([]float64, n)
	copy(b, r.xy)
	for i := range n {
		for k := range i {
			b[i] -= a[i*n+k] * b[k]
		}
		b[i] /= a[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			b[i] -= a[k*n+i] * b[k]
		}
		b[i] /= a[i*n+i]
	}
	r.beta = b
	return true
}

// answer is the fitted value for a row.
func (r *ridge) answer(x []float64) float64 {
	y := r.beta[r.n-1]
	for i, v := range x {
		y += r.beta[i] * v
	}
	return y
}
