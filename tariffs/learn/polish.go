package learn

import (
	"math"
	"slices"
)

// polish finds a class's limits, prices and fixed amount anew, all together and as round as
// its points allow: a step of few receipts is helped by its neighbours.
func (c *class) polish(points []point) {
	if len(points) < len(c.steps)+2 {
		return
	}
	pinned := make([]float64, len(c.steps)+1) // what is paid whatever is used, then the prices; NaN where not pinned yet
	for i := range pinned {
		pinned[i] = math.NaN()
	}
	if c.fixed == 0 {
		pinned[0] = 0
	}
	found := slices.Clone(c.steps)
	if !c.settle(points, pinned) {
		c.steps = found // what was found point by point stays
		return
	}
	for n := range 2 * (len(c.steps) - 1) { // twice: one limit helps another
		i := n % (len(c.steps) - 1)
		was := c.steps[i].to
		for _, unit := range []float64{100, 50, 10, 5, 1, 0.5} {
			c.steps[i].to = math.Round(was/unit) * unit
			rising := (i == 0 || c.steps[i].to > c.steps[i-1].to) && c.steps[i].to > 0
			if _, ok := c.solve(points, pinned); ok && rising && math.Abs(c.steps[i].to-was) <= max(2, was/20) {
				break
			}
			c.steps[i].to = was
		}
	}
	order := make([]int, len(pinned))
	for i := range order {
		order[i] = i
	}
	// What most receipts tell of is the surest.
	slices.SortStableFunc(order, func(a, b int) int { return c.told(b) - c.told(a) })
	for _, i := range order {
		if !math.IsNaN(pinned[i]) {
			continue
		}
		free, _ := c.solve(points, pinned)
		for d := range 7 {
			unit := math.Pow(10, -float64(d))
			pinned[i] = clean(math.Round(free[i]/unit) * unit)
			if _, ok := c.solve(points, pinned); ok {
				break
			}
			pinned[i] = clean(free[i])
		}
	}
	if best, ok := c.solve(points, pinned); ok {
		c.fixed = clean(best[0])
		for i := range c.steps {
			c.steps[i].price = clean(best[i+1])
		}
	}
}

// settle moves the limits to where the points are nearest to their line, and tells whether
// all of them are on it then.
func (c *class) settle(points []point, pinned []float64) bool {
	for reach := 0.1; reach > 1e-4; reach /= 2 {
		for i := range len(c.steps) - 1 {
			was := c.steps[i].to
			best, least := was, c.far(points, pinned)
			for k := -10; k <= 10; k++ {
				c.steps[i].to = was * (1 + reach*float64(k)/10)
				if i > 0 && c.steps[i].to <= c.steps[i-1].to || i+2 < len(c.steps) && c.steps[i].to >= c.steps[i+1].to {
					continue
				}
				if far := c.far(points, pinned); far < least {
					best, least = c.steps[i].to, far
				}
			}
			c.steps[i].to = best
		}
	}
	_, ok := c.solve(points, pinned)
	return ok
}

// far is how far the points are from what is found best, squared.
func (c *class) far(points []point, pinned []float64) (sum float64) {
	best, _ := c.solve(points, pinned)
	for _, p := range points {
		y := -p.y
		for i, x := range c.row(p.x) {
			y += x * best[i]
		}
		sum += y * y
	}
	return sum
}

// told is of how many receipts a price was found; the fixed amount is in all.
func (c *class) told(i int) int {
	if i > 0 {
		return c.steps[i-1].count
	}
	n := 0
	for _, s := range c.steps {
		n = max(n, s.count)
	}
	return n
}

// row is what a total of x is made of: one fixed amount, and so many kWh of each step.
func (c *class) row(x float64) []float64 {
	out := make([]float64, len(c.steps)+1)
	out[0] = 1
	from := 0.0
	for i, s := range c.steps {
		to := s.to
		if i == len(c.steps)-1 {
			to = math.Inf(1)
		}
		out[i+1] = max(0, min(x, to)-from)
		from = to
	}
	return out
}

// solve finds what is not pinned by least squares, and tells whether every point then is
// within its slip.
func (c *class) solve(points []point, pinned []float64) (best []float64, ok bool) {
	best = slices.Clone(pinned)
	var free []int
	for i, p := range pinned {
		if math.IsNaN(p) {
			free = append(free, i)
			best[i] = 0
		}
	}
	n := len(free)
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, n+1)
	}
	for _, p := range points {
		row, y := c.row(p.x), p.y
		for i, x := range pinned {
			if !math.IsNaN(x) {
				y -= x * row[i]
			}
		}
		for i, a := range free {
			for j, b := range free {
				m[i][j] += row[a] * row[b]
			}
			m[i][n] += row[a] * y
		}
	}
	if !eliminate(m) {
		return best, false
	}
	for i, a := range free {
		best[a] = m[i][n]
	}
	for _, p := range points {
		y := 0.0
		for i, x := range c.row(p.x) {
			y += x * best[i]
		}
		if math.Abs(y-p.y) > 1.25*p.slip { // the nearest on the whole may be a little further from one
			return best, false
		}
	}
	return best, true
}

// eliminate solves the rows' equations in place: the last column becomes their solution.
func eliminate(m [][]float64) bool {
	n := len(m)
	for i := range n {
		pivot := i
		for j := i + 1; j < n; j++ {
			if math.Abs(m[j][i]) > math.Abs(m[pivot][i]) {
				pivot = j
			}
		}
		if math.Abs(m[pivot][i]) < 1e-9 {
			return false
		}
		m[i], m[pivot] = m[pivot], m[i]
		for j := range n {
			if j == i {
				continue
			}
			k := m[j][i] / m[i][i]
			for l := i; l <= n; l++ {
				m[j][l] -= k * m[i][l]
			}
		}
	}
	for i := range n {
		m[i][n] /= m[i][i]
	}
	return true
}
