// Package lptest writes linear programmes down for other solvers, whose optima the tests
// hold the simplex method to.
package lptest

import (
	"fmt"
	"math"
	"strings"
)

// Text is min cost*x, A*x = right, 0 <= x <= ub in the LP format that solvers read;
// column j of A is ind and val from ptr[j] to ptr[j+1].
func Text(cost, ub, right []float64, ptr, ind []int32, val []float64) string {
	var b strings.Builder
	term := func(x float64, j int) { fmt.Fprintf(&b, " %+.17g x%d", x, j) }
	b.WriteString("Minimize\n obj:")
	for j, c := range cost {
		term(c, j)
	}
	b.WriteString("\nSubject To\n")
	rows := make([][]int, len(right)) // by row: its entries, and the column of each
	cols := make([][]int, len(right))
	for j := range cost {
		for k := ptr[j]; k < ptr[j+1]; k++ {
			rows[ind[k]], cols[ind[k]] = append(rows[ind[k]], int(k)), append(cols[ind[k]], j)
		}
	}
	for i, x := range right {
		fmt.Fprintf(&b, " c%d:", i)
		for e, k := range rows[i] {
			term(val[k], cols[i][e])
		}
		fmt.Fprintf(&b, " = %.17g\n", x)
	}
	b.WriteString("Bounds\n")
	for j, u := range ub {
		if !math.IsInf(u, 1) {
			fmt.Fprintf(&b, " x%d <= %.17g\n", j, u)
		}
	}
	b.WriteString("End\n")
	return b.String()
}
