package lp

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var dump = flag.String("dump", "", "write the programmes, in the LP format that solvers read, to this folder")

// programme is min cost*x, a*x = b, 0 <= x <= ub.
type programme struct {
	name     string
	cost, ub []float64
	a        [][]float64
	b        []float64
}

// random makes a programme that some point satisfies and whose cost is bounded below;
// spread is over how many powers of ten its rows and columns are scaled.
func random(seed uint64, spread float64) programme {
	r := rand.New(rand.NewPCG(seed, 11))
	m, n := 3+r.IntN(10), 12+r.IntN(24)
	p := programme{name: fmt.Sprintf("random-%d-%g", seed, spread), b: make([]float64, m)}
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

// stalls is the one of the programmes in which so many steps in a row lead nowhere.
const stalls = "random-26-4"

func programmes() []programme {
	var out []programme
	for seed := range uint64(40) {
		out = append(out, random(seed, 0), random(seed, 2), random(seed, 4))
	}
	return out
}

const big = 1e6

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
		j := s.Add(big, math.Inf(1), []int32{int32(i)}, []float64{math.Copysign(1, b)})
		s.Head[i], s.Where[j] = j, int32(i)
		fill = append(fill, j)
	}
	return s, fill
}

func never() bool { return false }

// filled is how much the point lacks of being one of the programme.
func filled(s *Simplex, fill []int32) (sum float64) {
	for _, j := range fill {
		sum += s.Value(j)
	}
	return sum
}

// The optima in testdata were found by another solver, HiGHS, from the files that
// -dump writes.  Rows and columns are scaled by up to four powers of ten each: the
// optimizer's own entries are prices, hours and powers, which are nearer to each other.
// With eight powers four of forty optima are missed, as the tolerances are absolute.
func TestTheOptimumIsTheOneOfAnotherSolverHoweverItIsScaled(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "optima.json"))
	if err != nil && *dump == "" {
		t.Fatal(err)
	}
	var optima map[string]float64
	if err == nil {
		if err := json.Unmarshal(raw, &optima); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range programmes() {
		if *dump != "" {
			if err := os.WriteFile(filepath.Join(*dump, p.name+".lp"), []byte(text(p)), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, ok := optima[p.name]
		if !ok {
			t.Fatalf("testdata has no optimum of %s", p.name)
		}
		s, fill := build(p)
		status := s.Solve(10000, never)
		if status != Optimal && p.name != stalls {
			t.Errorf("%s: ended with status %d", p.name, status)
			continue
		}
		if p.name == stalls {
			// A stall is told as one, and what it leaves is a point of the programme.
			if lack := filled(s, fill); status != Stalled || lack > 1e-6 || s.Objective() < want-1e-6*math.Abs(want) {
				t.Errorf("%s: ended with status %d, lacking %v, at %v of %v", p.name, status, lack, s.Objective(), want)
			}
			continue
		}
		if lack := filled(s, fill); lack > 1e-6 {
			t.Errorf("%s: a row is filled by %v at a great cost", p.name, lack)
		}
		if got := s.Objective(); math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
			t.Errorf("%s: the optimum is %.9g, found %.9g", p.name, want, got)
		}
	}
}

func text(p programme) string {
	var b strings.Builder
	term := func(x float64, j int) { fmt.Fprintf(&b, " %+.17g x%d", x, j) }
	b.WriteString("Minimize\n obj:")
	for j, c := range p.cost {
		term(c, j)
	}
	b.WriteString("\nSubject To\n")
	for i := range p.b {
		fmt.Fprintf(&b, " c%d:", i)
		for j, x := range p.a[i] {
			if x != 0 {
				term(x, j)
			}
		}
		fmt.Fprintf(&b, " = %.17g\n", p.b[i])
	}
	b.WriteString("Bounds\n")
	for j, u := range p.ub {
		if !math.IsInf(u, 1) {
			fmt.Fprintf(&b, " x%d <= %.17g\n", j, u)
		}
	}
	b.WriteString("End\n")
	return b.String()
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
		s, fill := build(programme{cost: []float64{1, 1}, ub: []float64{1, 1}, a: [][]float64{{1, 1}}, b: []float64{3}})
		if got := s.Solve(100, never); got != Optimal {
			t.Errorf("ended with status %d", got)
		}
		if lack := filled(s, fill); math.Abs(lack-1) > 1e-9 {
			t.Errorf("the row lacks 1, told is %v", lack)
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
