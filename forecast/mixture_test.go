package forecast

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// someSamples are samples of some days and weights for two mixtures of them; many values and
// many weights are alike, and some weights are zero.
func someSamples(rt *rapid.T) (ss []sample, one, other []float32) {
	days := rapid.IntRange(1, 40).Draw(rt, "days")
	weight := rapid.OneOf(rapid.Just(float32(0)), rapid.SampledFrom([]float32{1e-12, 0.25, 1}), rapid.Float32Range(0, 2))
	one, other = rapid.SliceOfN(weight, days, days).Draw(rt, "one"), rapid.SliceOfN(weight, days, days).Draw(rt, "other")
	value := rapid.OneOf(rapid.Float32Range(0, 3), rapid.SampledFrom([]float32{0, 0.5, 1, 1e-30, 400}))
	for range rapid.IntRange(0, 200).Draw(rt, "samples") {
		ss = append(ss, sample{value.Draw(rt, "value"), int32(rapid.IntRange(0, days-1).Draw(rt, "day")), rapid.SampledFrom([]float32{1, 0.3, 0.4}).Draw(rt, "near")})
	}
	return ss, one, other
}

// walked is what mix answers, found by walking along the samples.
func walked(ss []sample, dayWeight []float32) (q quad, ok bool) {
	var total, sum float32
	for _, s := range ss {
		w := dayWeight[s.day] * s.weight
		total, sum = total+w, sum+w*s.x
	}
	if !(total > 0) {
		return q, false
	}
	var out [3]float32
	var below, lastX, lastMid float32
	k, started := 0, false
	for _, s := range ss {
		w := dayWeight[s.day] * s.weight
		if w <= 0 {
			continue
		}
		mid := below + w/2
		for tau := [3]float32{0.1, 0.5, 0.9}; k < 3 && mid >= tau[k]*total; k++ {
			if out[k] = s.x; started && mid > lastMid {
				out[k] = lastX + (s.x-lastX)*(tau[k]*total-lastMid)/(mid-lastMid)
			}
		}
		started, lastX, lastMid, below = true, s.x, mid, below+w
	}
	for ; k < 3; k++ {
		out[k] = lastX
	}
	return quad{sum / total, out[0], out[1], out[2]}, true
}

func TestQuantilesAreThoseThatAWalkAlongTheSamplesFinds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var one, other []float32
		var g gatherer
		g.unsort, one, other = someSamples(rt)
		g.sort()
		want := slices.Clone(g.unsort)
		slices.SortStableFunc(want, func(a, b sample) int { return cmp.Compare(a.x, b.x) })
		if !slices.Equal(want, []sample(g.all)) {
			rt.Fatalf("sorted %v, want %v", g.all, want)
		}
		a, aOK := walked(g.all, one)
		b, bOK := walked(g.all, other)
		if got, ok := g.mix(g.all, one); got != a || ok != aOK {
			rt.Errorf("mixed %+v %v, want %+v %v", got, ok, a, aOK)
		}
		if x, y, xOK, yOK := g.mixTwo(g.all, one, other); x != a || y != b || xOK != aOK || yOK != bOK {
			rt.Errorf("two mixed %+v %v and %+v %v, want %+v %v and %+v %v", x, xOK, y, yOK, a, aOK, b, bOK)
		}
		var near []float32
		for day := range one {
			near = append(near, one[day], other[day], 0, other[day], one[day])
		}
		zero, zeroOK := walked(g.all, make([]float32, len(one)))
		got, ok := g.mixNear(near)
		if want := [nearCount]quad{a, b, zero, b, a}; got != want || ok != [nearCount]bool{aOK, bOK, zeroOK, bOK, aOK} {
			rt.Errorf("five mixed %+v %v, want %+v", got, ok, want)
		}
	})
}
