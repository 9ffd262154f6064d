package forecast

import (
	"math/rand/v2"
	"slices"
)

// A booster is a histogram gradient boosting of one quantile: small trees, one
// after the other, each moving the answer a little towards the quantile of
// what is left in its leaves.
type booster struct {
	cuts  [][]float32 // by feature: upper edges of all bins but the last
	trees []tree
}

// tree is a decision tree; its first node is the root, and nodes refer to each
// other by number.
type tree struct {
	nodes []node
}

// node is a split (feature >= 0: values up to cut go left; value is the cut's
// bin) or a leaf (value is its answer).
type node struct {
	feature     int32
	cut         float32
	left, right int32
	value       float32
}

// boostOptions are the usual knobs.
type boostOptions struct {
	trees, depth, minLeaf int
	rate, share           float64 // learning rate; share of rows each tree sees
	bins                  int
}

func defaultBoost() boostOptions {
	return boostOptions{trees: 60, depth: 4, minLeaf: 40, rate: 0.1, share: 0.6, bins: 48}
}

// dataset is a set of rows in bins, shared by the fits of all quantiles.
type dataset struct {
	n, features int
	bin         []uint8 // by row
	cuts        [][]float32
}

// newDataset bins rows of features by their quantiles.
func newDataset(x []float32, features, bins int) *dataset {
	n := len(x) / features
	ds := &dataset{n: n, features: features, bin: make([]uint8, n*features), cuts: make([][]float32, features)}
	stride := max(1, n/4096)
	col := make([]float32, 0, n/stride+1)
	for f := range features {
		col = col[:0]
		for r := 0; r < n; r += stride {
			col = append(col, x[r*features+f])
		}
		slices.Sort(col)
		var cuts []float32
		for b := 1; b < bins; b++ {
			c := col[min(len(col)-1, b*len(col)/bins)]
			if len(cuts) == 0 || c > cuts[len(cuts)-1] {
				cuts = append(cuts, c)
			}
		}
		if len(cuts) > 0 && cuts[len(cuts)-1] == col[len(col)-1] {
			cuts = cuts[:len(cuts)-1]
		}
		ds.cuts[f] = cuts
		for r := range n {
			v := x[r*features+f]
			lo, hi := 0, len(cuts)
			for lo < hi {
				m := (lo + hi) / 2
				if v <= cuts[m] {
					hi = m
				} else {
					lo = m + 1
				}
			}
			ds.bin[r*features+f] = uint8(lo)
		}
	}
	return ds
}

// fitBooster fits the quantile tau of y, starting from start.
func fitBooster(ds *dataset, y, start []float32, tau float64, o boostOptions, rng *rand.Rand) *booster {
	b := &booster{cuts: ds.cuts}
	res := make([]float32, ds.n) // what is left
	for i := range res {
		res[i] = y[i] - start[i]
	}
	g := grower{ds: ds, res: res, tau: float32(tau), o: o}
	g.rows = make([]int32, 0, ds.n)
	g.tmp = make([]int32, ds.n)
	g.hists = make([][]binCount, o.depth+2)
	for i := range g.hists {
		g.hists[i] = make([]binCount, 2*ds.features*o.bins)
	}
	for range o.trees {
		g.rows = g.rows[:0]
		for i := range ds.n {
			if rng.Float64() < o.share {
				g.rows = append(g.rows, int32(i))
			}
		}
		if len(g.rows) < 2*o.minLeaf {
			break
		}
		t := g.grow()
		b.trees = append(b.trees, t)
		for r := range ds.n {
			res[r] -= t.binned(ds, r)
		}
	}
	return b
}

// binCount is a bin of a histogram: how many rows, and how many of them are
// above the present answer.
type binCount struct{ n, above int32 }

type grower struct {
	ds    *dataset
	res   []float32
	tau   float32
	o     boostOptions
	rows  []int32
	tmp   []int32
	hists [][]binCount
	nodes []node
	leaf  []float32
}

func (g *grower) grow() tree {
	g.nodes = nil
	h := g.hists[0][:g.ds.features*g.o.bins]
	g.histogram(g.rows, h)
	g.split(g.rows, h, 0)
	return tree{nodes: g.nodes}
}

func (g *grower) histogram(rows []int32, h []binCount) {
	clear(h)
	nf, nb := g.ds.features, g.o.bins
	for _, r := range rows {
		var above int32
		if g.res[r] > 0 {
			above = 1
		}
		bins := g.ds.bin[int(r)*nf : int(r)*nf+nf]
		at := 0
		for _, b := range bins {
			c := &h[at+int(b)]
			c.n++
			c.above += above
			at += nb
		}
	}
}

// split grows the subtree of rows and returns its root's number.
func (g *grower) split(rows []int32, h []binCount, depth int) int32 {
	id := int32(len(g.nodes))
	g.nodes = append(g.nodes, node{feature: -1})
	if depth < g.o.depth && len(rows) >= 2*g.o.minLeaf {
		if f, bin, ok := g.best(h, len(rows)); ok {
			left := g.partition(rows, f, bin)
			a, b := rows[:left], rows[left:]
			// The smaller side is counted, the other is what remains.
			size := g.ds.features * g.o.bins
			small, big := g.hists[depth+1][:size], g.hists[depth+1][size:2*size]
			if len(a) <= len(b) {
				g.histogram(a, small)
			} else {
				g.histogram(b, small)
			}
			for i := range big {
				big[i] = binCount{h[i].n - small[i].n, h[i].above - small[i].above}
			}
			ha, hb := small, big
			if len(a) > len(b) {
				ha, hb = big, small
			}
			nd := node{feature: int32(f), cut: g.ds.cuts[f][bin], value: float32(bin)}
			nd.left = g.split(a, ha, depth+1)
			nd.right = g.split(b, hb, depth+1)
			g.nodes[id] = nd
			return id
		}
	}
	g.nodes[id].value = g.leafValue(rows)
	return id
}

// best is the split that lowers the squared sum of gradients most.
func (g *grower) best(h []binCount, n int) (feature, bin int, ok bool) {
	var above int32
	for _, c := range h[:g.o.bins] {
		above += c.above
	}
	const lambda = 5
	tau := float64(g.tau)
	gain := func(n, above float64) float64 {
		// Gradient of a row is tau above and tau-1 below.
		s := above - (1-tau)*n
		return s * s / (n + lambda)
	}
	base := gain(float64(n), float64(above))
	top := base + 1e-9 + 0.5
	for f := range g.ds.features {
		var ln, la int32
		col := h[f*g.o.bins : (f+1)*g.o.bins]
		for b := range g.ds.cuts[f] {
			ln += col[b].n
			la += col[b].above
			if int(ln) < g.o.minLeaf {
				continue
			}
			if n-int(ln) < g.o.minLeaf {
				break
			}
			if s := gain(float64(ln), float64(la)) + gain(float64(n)-float64(ln), float64(above-la)); s > top {
				top, feature, bin, ok = s, f, b, true
			}
		}
	}
	return feature, bin, ok
}

// partition puts the rows up to bin first, keeping order.
func (g *grower) partition(rows []int32, f, bin int) int {
	nf := g.ds.features
	left, right := 0, 0
	for _, r := range rows {
		if int(g.ds.bin[int(r)*nf+f]) <= bin {
			rows[left] = r
			left++
		} else {
			g.tmp[right] = r
			right++
		}
	}
	copy(rows[left:], g.tmp[:right])
	return left
}

// leafValue is the quantile of what is left, drawn to zero for few rows.
func (g *grower) leafValue(rows []int32) float32 {
	g.leaf = g.leaf[:0]
	for _, r := range rows {
		g.leaf = append(g.leaf, g.res[r])
	}
	if len(g.leaf) == 0 {
		return 0
	}
	k := min(len(g.leaf)-1, int(float64(g.tau)*float64(len(g.leaf))))
	q := selectNth(g.leaf, k)
	n := float64(len(g.leaf))
	return float32(float64(q) * g.o.rate * n / (n + 20))
}

// selectNth is the k-th least of v, which it reorders.
func selectNth(v []float32, k int) float32 {
	lo, hi := 0, len(v)-1
	for lo < hi {
		p := v[(lo+hi)/2]
		i, j := lo, hi
		for i <= j {
			for v[i] < p {
				i++
			}
			for v[j] > p {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return v[k]
		}
	}
	return v[k]
}

// binned is the tree's answer for a row of the dataset.
func (t *tree) binned(ds *dataset, r int) float32 {
	row := ds.bin[r*ds.features:]
	i := int32(0)
	for {
		n := &t.nodes[i]
		if n.feature < 0 {
			return n.value
		}
		if row[n.feature] <= uint8(n.value) {
			i = n.left
		} else {
			i = n.right
		}
	}
}

// corrections are what the booster adds to the starts for rows of so many features.  One tree goes
// over all rows before the next one does: so it stays at hand.
func (b *booster) corrections(rows []float32, features int) []float32 {
	out := make([]float32, len(rows)/features)
	for k := range b.trees {
		nodes := b.trees[k].nodes
		for r := range out {
			x := rows[r*features : (r+1)*features]
			n := &nodes[0]
			for n.feature >= 0 {
				next := n.right
				if x[n.feature] <= n.cut {
					next = n.left
				}
				n = &nodes[next]
			}
			out[r] += n.value
		}
	}
	return out
}
