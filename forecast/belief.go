package forecast

import "math"

// belief is how readily a regime is believed.  Odd days last at one site and mean nothing at
// another, and which of the two it is the site's own past forecasts tell: by which of several odds
// against a regime they would have lost least, had it been answered with.  Each of the three
// quantiles has its own, and the mean by the error of a day's energy.  What lasts for days
// is believed whatever they are.
type belief struct {
	loss [4][doubts]float64 // mean, q10, q50, q90, over that without a regime, in forecasts' worth of loss
	all  [4]float64         // of all forecasts, as they were given
	days float64            // how many those are
}

// doubts is how many odds against a regime are weighed against each other.
const doubts = 4

// doubtOdds are what a regime's odds are multiplied with.
func doubtOdds() [doubts]float64 { return [doubts]float64{1, 1.0 / 6, 1.0 / 36, 1.0 / 216} }

// beliefRate is how much likelier the doubt is by which a forecast's worth of loss is won, and
// beliefPrior, the same of the first doubt to the next before anything is known, as logarithms.
const (
	beliefRate  = 3.0
	beliefPrior = 0.5
)

// learn takes a forecast whose first days are over: as it was given, and the regime that
// was seen then.
func (b *belief) learn(d *days, m *made) {
	n := min(len(m.given), scoreDays*d.perDay)
	r := &m.regime
	taus := levels()
	odds := doubtOdds()
	for k := range odds {
		odds[k] = r.doubted(odds[k])
	}
	var loss [4][doubts]float64
	var none [4]float64
	var sum, mean float64
	var with [doubts]float64
	known := 0
	stride := max(1, d.perDay/48) // every half hour tells enough
	for i := 0; i < n; i += stride {
		y := d.at(m.p.origin+i, m.p.origin+n)
		if y == y {
			known += stride
			g := &m.given[i]
			a := [3]float64{float64(g.q10), float64(g.q50), float64(g.q90)}
			for k, tau := range taus {
				none[k+1] += pinball(y, a[k], tau)
			}
			sum, mean = sum+y, mean+float64(g.mean)
			if r.days > 0 {
				p := r.chances((float64(i) + 0.5) / float64(d.perDay))
				s := &r.stays[i]
				for j, o := range odds {
					for k, tau := range taus {
						loss[k+1][j] += pinball(y, float64(mixedQuantile(s, g, o*p[k], tau)), tau)
					}
					with[j] += float64(g.mean) + o*p[1]*float64(s.mean-g.mean)
				}
			}
		}
		if (i+stride)%d.perDay < stride {
			none[0] += math.Abs(mean - sum)
			for j := range with {
				loss[0][j] += math.Abs(with[j] - sum)
			}
			sum, mean, with = 0, 0, [doubts]float64{}
		}
	}
	if known*4 < n*3 {
		return
	}
	b.days++
	for k := range loss {
		b.all[k] += none[k]
		for j := range loss[k] {
			if r.days > 0 {
				b.loss[k][j] += loss[k][j] - none[k]
			}
		}
	}
}

// odds are those of the mean and of the quantiles that a regime is one, each as likely as the losses so far make
// the doubt it is seen with.
func (b *belief) odds(r *regime) (out [4]float64) {
	odds := doubtOdds()
	for k := range out {
		scale := 0.0
		if b.all[k] > 0 {
			scale = beliefRate * b.days / b.all[k]
		}
		least := math.Inf(1)
		for _, x := range b.loss[k] {
			least = math.Min(least, x)
		}
		sum := 0.0
		for j, x := range b.loss[k] {
			w := math.Exp(-scale*(x-least) - beliefPrior*float64(j))
			sum += w
			out[k] += w * r.doubted(odds[j])
		}
		out[k] /= sum
	}
	return out
}

// ofPaths are the odds of a regime on paths.  Of one that uses more than was thought they are more
// than even without any doubt: credit that ends before it is said to is the dearer error.
func (b *belief) ofPaths(r *regime) float64 {
	if r.ratio > 1 {
		return r.doubted(wary)
	}
	sum := 0.0
	for _, o := range b.odds(r) {
		sum += o / 4
	}
	return sum
}

const wary = 2.0
