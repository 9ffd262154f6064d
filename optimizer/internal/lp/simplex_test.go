package lp

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/keeplit/keeplit/optimizer/internal/lp/lptest"
)

var dump = flag.String("dump", "", "write the programmes, in the LP format that solvers read, to this folder")

// programme is min cost*x, a*x = b, 0 <= x <= ub.
type programme struct {
	name     string
	cost, ub []float64
	a        [][]float64
	b        []float64
	big      float64 // cost of filling a row
}

// random makes a programme that some point satisfies and whose cost is bounded below;
// spread is over how many powers of ten its rows and columns are scaled.
func random(seed uint64, spread float64) programme {
	r := rand.New(rand.NewPCG(seed, 11))
	m, n := 3+r.IntN(10), 12+r.IntN(24)
	p := programme{name: fmt.Sprintf("random-%d-%g", seed, spread), b: make([]float64, m), big: 1e6}
	rows := make([]float64, m)
	for i := range rows {
		rows[i] = math.Pow(10, spread*(r.Float64()-0.5))
		p.a = append(p.a, make([]float64, n))
	}
	for j := range n {
		scale := math.Pow(10, spread*(r.Float64()-0.5))
		cost, ub := r.Float64(), math.Inf(1)
		if r.IntN(2) == 0 {
			cost, ub = 2*r.Float64()-1, 0.2+2*r.Float64()
		}
		x := min(ub, float64(r.IntN(3))*r.Float64()) // many are 0: degenerate
		p.cost, p.ub = append(p.cost, cost*scale), append(p.ub, ub/scale)
		for i := range m {
			if r.IntN(3) == 0 {
				p.a[i][j] = float64(r.IntN(7)-3) * rows[i] * scale
				p.b[i] += p.a[i][j] * x / scale
			}
		}
	}
	return p
}

// assignment is who does which of n jobs at the least cost: at every vertex half of the
// basic variables are 0, and with costs from 0 to 4 very many vertices are the best.
func assignment(seed uint64, n int) programme {
	r := rand.New(rand.NewPCG(seed, 12))
	p := programme{name: fmt.Sprintf("assignment-%d-%d", n, seed), b: make([]float64, 2*n), big: 1e6}
	for i := range p.b {
		p.b[i] = 1
		p.a = append(p.a, make([]float64, n*n))
	}
	for i := range n {
		for j := range n {
			p.a[i][i*n+j], p.a[n+j][i*n+j] = 1, 1
			p.cost, p.ub = append(p.cost, float64(r.IntN(5))), append(p.ub, math.Inf(1))
		}
	}
	return p
}

// chain is a store that is filled and emptied at prices, with every bound on its level
// met at times: bounded variables, and steps of no length.
func chain(seed uint64, n int) programme {
	r := rand.New(rand.NewPCG(seed, 13))
	p := programme{name: fmt.Sprintf("chain-%d-%d", n, seed), b: make([]float64, n), big: 1e6}
	for range n {
		p.a = append(p.a, make([]float64, 3*n))
	}
	for t := range n { // level(t) - level(t-1) - 0.9 in + out = -use
		p.b[t] = -float64(r.IntN(2))
		p.a[t][3*t], p.a[t][3*t+1], p.a[t][3*t+2] = 1, -0.9, 1
		if t > 0 {
			p.a[t][3*t-3] = -1
		}
		price := 0.1 * float64(1+r.IntN(3))
		p.cost, p.ub = append(p.cost, 0, price, -0.8*price), append(p.ub, 2, 3, 1)
	}
	return p
}

func programmes() []programme {
	var out []programme
	for seed := range uint64(40) {
		out = append(out, random(seed, 0), random(seed, 2), random(seed, 4), random(seed, 8))
	}
	for seed := range uint64(10) {
		out = append(out, assignment(seed, 4), assignment(seed, 9), chain(seed, 12), chain(seed, 60))
	}
	return out
}

// build sets up a programme whose basis are columns that fill each row at a great cost.
func build(p programme) (s *Simplex, fill []int32) {
	s = New(len(p.b))
	for j := range p.cost {
		var ind []int32
		var val []float64
		for i := range p.b {
			if p.a[i][j] != 0 {
				ind, val = append(ind, int32(i)), append(val, p.a[i][j])
			}
		}
		s.Add(p.cost[j], p.ub[j], ind, val)
	}
	for i, b := range p.b {
		s.B[i] = b
		j := s.Add(p.big, math.Inf(1), []int32{int32(i)}, []float64{math.Copysign(1, b)})
		s.Head[i], s.Where[j] = j, int32(i)
		fill = append(fill, j)
	}
	return s, fill
}

func never() bool { return false }

// filled is the share of a row, at worst, by which the point lacks of being one of the
// programme.
func filled(p programme, s *Simplex, fill []int32) (worst float64) {
	for i, j := range fill {
		size := math.Abs(p.b[i])
		for k, x := range p.a[i] {
			size = max(size, math.Abs(x*s.Value(int32(k))))
		}
		if v := s.Value(j); v > 0 {
			worst = max(worst, v/size)
		}
	}
	return worst
}

// The optima in testdata were found by another solver, HiGHS, from the files that
// -dump writes.  Rows and columns are scaled by up to eight powers of ten each, which the
// method by itself, with its absolute tolerances, would miss the optima of.
func TestTheOptimumIsTheOneOfAnotherSolverHoweverItIsScaled(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "optima.json"))
	if err != nil {
		t.Fatal(err)
	}
	var optima map[string]float64
	if err := json.Unmarshal(raw, &optima); err != nil {
		t.Fatal(err)
	}
	for _, p := range programmes() {
		s, fill := build(p)
		if *dump != "" {
			if err := os.WriteFile(filepath.Join(*dump, p.name+".lp"), []byte(lptest.Text(s.Cost, s.UB, s.B, s.Ptr, s.Ind, s.Val)), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, ok := optima[p.name]
		if !ok {
			t.Fatalf("testdata has no optimum of %s", p.name)
		}
		if status := s.Solve(10000, never); status != Optimal {
			t.Errorf("%s: ended with status %d", p.name, status)
			continue
		}
		if lack := filled(p, s, fill); lack > 1e-6 {
			t.Errorf("%s: a row is filled by a share of %v at a great cost", p.name, lack)
		}
		if got := s.Objective(); math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
			t.Errorf("%s: the optimum is %.9g, found %.9g", p.name, want, got)
		}
		// The duals prove it, whatever the scales: no column would lower the cost.
		for j := range s.Cost {
			d, size := s.Cost[j], math.Abs(s.Cost[j])
			for k := s.Ptr[j]; k < s.Ptr[j+1]; k++ {
				d -= s.Y[s.Ind[k]] * s.Val[k]
				size = max(size, math.Abs(s.Y[s.Ind[k]]*s.Val[k]))
			}
			if w := s.Where[j]; w == AtLower && d < -1e-6*size || w == AtUpper && d > 1e-6*size {
				t.Errorf("%s: column %d, at a bound, would lower the cost by %v", p.name, j, d)
			}
		}
	}
}

// Money and power in other units: costs and right sides times powers of two and ten.
func TestCostsAndRightSidesInOtherUnitsHaveTheSameBasis(t *testing.T) {
	for seed := range uint64(20) {
		p := random(seed, 0)
		first, _ := build(p)
		first.Solve(10000, never)
		for _, cost := range []float64{1e-9, math.Ldexp(1, -24), 1, math.Ldexp(1, 24), 1e9} {
			for _, right := range []float64{1e-9, math.Ldexp(1, -24), 1, math.Ldexp(1, 24), 1e9} {
				q := p
				q.big *= cost
				q.cost, q.ub, q.b = slices.Clone(p.cost), slices.Clone(p.ub), slices.Clone(p.b)
				for j := range q.cost {
					q.cost[j] *= cost
					q.ub[j] *= right
				}
				for i := range q.b {
					q.b[i] *= right
				}
				s, _ := build(q)
				if got := s.Solve(10000, never); got != Optimal {
					t.Errorf("seed %d, costs times %v, right sides times %v: status %d", seed, cost, right, got)
				}
				if got, want := s.Objective(), first.Objective()*cost*right; math.Abs(got-want) > 1e-9*math.Abs(want) {
					t.Errorf("seed %d, costs times %v, right sides times %v: the optimum is %v, found %v", seed, cost, right, want, got)
				}
			}
		}
	}
}

func TestAStallIsToldAsOneAndLeavesAPoint(t *testing.T) {
	p := random(26, 4)
	s, fill := build(p)
	status := s.solve(10000, never) // unscaled, so many steps in a row lead nowhere
	if lack := filled(p, s, fill); status != Stalled || lack > 1e-6 {
		t.Errorf("ended with status %d, lacking %v", status, lack)
	}
	again, _ := build(p)
	if got := again.Solve(10000, never); got != Optimal || math.Abs(again.Objective()-s.Objective()) > 1e-6 {
		t.Errorf("scaled it ended with status %d at %v, unscaled at %v", got, again.Objective(), s.Objective())
	}
}

// slacked is min cost*x, a*x <= b, with the slacks as columns of their own.
func slacked(cost []float64, a [][]float64, b []float64) *Simplex {
	s := New(len(b))
	for j, c := range cost {
		var ind []int32
		var val []float64
		for i := range b {
			ind, val = append(ind, int32(i)), append(val, a[i][j])
		}
		s.Add(c, math.Inf(1), ind, val)
	}
	for i := range b {
		s.B[i] = b[i]
		j := s.Add(0, math.Inf(1), []int32{int32(i)}, []float64{1})
		s.Head[i], s.Where[j] = j, int32(i)
	}
	return s
}

func TestWhereTheSimplexMethodCyclesOrTakesLongItComesToTheOptimum(t *testing.T) {
	cube := func(n int) *Simplex { // Klee and Minty 1972
		cost, b, a := make([]float64, n), make([]float64, n), make([][]float64, n)
		for i := range n {
			cost[i] = -math.Pow(2, float64(n-1-i))
			b[i] = math.Pow(5, float64(i+1))
			a[i] = make([]float64, n)
			a[i][i] = 1
			for j := range i {
				a[i][j] = math.Pow(2, float64(i-j+1))
			}
		}
		return slacked(cost, a, b)
	}
	for _, row := range []struct {
		name string
		s    *Simplex
		want float64
	}{
		{"Beale 1955", slacked([]float64{-0.75, 150, -0.02, 6}, [][]float64{{0.25, -60, -0.04, 9}, {0.5, -90, -0.02, 3}, {0, 0, 1, 0}}, []float64{0, 0, 1}), -0.05},
		{"Chvatal 1983", slacked([]float64{-10, 57, 9, 24}, [][]float64{{0.5, -5.5, -2.5, 9}, {0.5, -1.5, -0.5, 1}, {1, 0, 0, 0}}, []float64{0, 0, 1}), -1},
		{"Klee and Minty 1972, 6", cube(6), -math.Pow(5, 6)},
		{"Klee and Minty 1972, 9", cube(9), -math.Pow(5, 9)},
	} {
		if got := row.s.Solve(5000, never); got != Optimal {
			t.Errorf("%s: ended with status %d", row.name, got)
		} else if v := row.s.Objective(); math.Abs(v-row.want) > 1e-6*math.Abs(row.want) {
			t.Errorf("%s: the optimum is %v, found %v", row.name, row.want, v)
		}
	}
}

func TestWhatHasNoOptimumIsToldAsSuch(t *testing.T) {
	t.Run("unbounded", func(t *testing.T) {
		s := slacked([]float64{-1, 0}, [][]float64{{1, -1}}, []float64{1})
		if got := s.Solve(100, never); got != Unbounded {
			t.Errorf("ended with status %d", got)
		}
	})
	t.Run("no point satisfies it", func(t *testing.T) {
		s, fill := build(programme{cost: []float64{1, 1}, ub: []float64{1, 1}, a: [][]float64{{1, 1}}, b: []float64{3}, big: 1e6})
		if got := s.Solve(100, never); got != Optimal {
			t.Errorf("ended with status %d", got)
		}
		if lack := filled(programme{a: [][]float64{{1, 1}}, b: []float64{3}}, s, fill); math.Abs(lack-1./3) > 1e-9 {
			t.Errorf("the row lacks a third, told is %v", lack)
		}
	})
	t.Run("a basis without an inverse", func(t *testing.T) {
		s := New(2)
		for range 2 {
			j := s.Add(1, math.Inf(1), []int32{0, 1}, []float64{1, 1})
			s.Head[j], s.Where[j] = j, j
		}
		if got := s.Solve(100, never); got != Singular {
			t.Errorf("ended with status %d", got)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		s, _ := build(random(1, 0))
		if got := s.Solve(2, never); got != Stopped {
			t.Errorf("ended with status %d", got)
		}
	})
}
