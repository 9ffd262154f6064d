package optimizer

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/keeplit/keeplit/optimizer/internal/bound"
	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// BenchmarkSolve measures the default effort on each class.
func BenchmarkSolve(b *testing.B) {
	for _, class := range []string{"home", "business"} {
		b.Run(class, func(b *testing.B) {
			p := generate.Problem(4, class)
			var gap float64
			for range b.N {
				gap = Solve(context.Background(), p, Options{}).Gap
			}
			b.ReportMetric(100*gap, "%gap")
		})
	}
}

// BenchmarkRoot measures the linear programme by itself: greedy, column
// generation and one dive.
func BenchmarkRoot(b *testing.B) {
	p := generate.Problem(4, "home")
	for range b.N {
		s := newSearch(context.Background(), p, Options{})
		s.greedy()
		s.m = master.New(p, s.outlook(), 4000, s.pricers)
		if !s.seed(s.best) {
			b.Fatal("no basis")
		}
		s.root(1, 1)
		s.dive(s.m.Units)
	}
}

// BenchmarkPricers measures one schedule of each kind of load.
func BenchmarkPricers(b *testing.B) {
	p := generate.Problem(4, "home")
	price, on := make([]float64, p.N), make([]float64, p.N)
	for t := range price {
		price[t] = p.ImportPrice[t] * p.Hours()
	}
	sw := Switching{MinOn: 2, MinOff: 1}
	for _, row := range []struct {
		name string
		l    Load
	}{
		{"cycle", Load{Cycle: &Cycle{ProfileKW: []float64{2, 2, 1}, LatestFinish: 96, SkipPenalty: 2}}},
		{"onoff", Load{OnOff: &OnOff{KW: 1, NeedSlots: 24, To: 80, MaxStarts: 3, StartCost: 0.02, ShortPenalty: 0.2, Switching: sw}}},
		{"variable", Load{Variable: &Variable{MinKW: 1.4, MaxKW: 7, NeedKWh: 12, To: 96, MaxStarts: 3, StartCost: 0.02, ShortPenalty: 1, Switching: sw}}},
		{"thermal", Load{Thermal: &Thermal{KW: 2, A: 0.997, B: 2.1, TEnv: Series{20}, T0: 55, TMin: generate.Flat(96, 45), TMax: 72, ComfortPenalty: 0.03, EndTarget: 50, EndPenalty: 0.04}}},
		{"modulating", Load{Thermal: &Thermal{KW: 2, Modulating: true, A: 0.997, B: 2.1, TEnv: Series{20}, T0: 55, TMin: generate.Flat(96, 45), TMax: 72, ComfortPenalty: 0.03, EndTarget: 50, EndPenalty: 0.04}}},
	} {
		q := pricing.New(p, &row.l, new(pricing.Scratch))
		b.Run(row.name, func(b *testing.B) {
			for range b.N {
				q.Best(price, on)
			}
		})
	}
}

// BenchmarkReplan measures how long the search takes to come within 0.1 % of
// the plan of a long search, from nothing and from the plan of the slot before,
// after the forecast has changed by a few percent.
func BenchmarkReplan(b *testing.B) {
	for _, warm := range []bool{false, true} {
		name := "cold"
		if warm {
			name = "warm"
		}
		b.Run(name, func(b *testing.B) {
			var sum time.Duration
			for i := range b.N {
				p := generate.Problem(uint64(i%6), "home")
				before := Solve(context.Background(), p, Options{})
				next := p.Advance(before)
				r := rand.New(rand.NewPCG(uint64(i), 3))
				for t := range next.BaseKW {
					next.BaseKW[t] *= 1 + 0.05*r.NormFloat64()
				}
				goal := Solve(context.Background(), next, Options{})
				opt := Options{}
				if warm {
					opt.Previous = before.Shift(1)
				}
				begin := time.Now()
				ctx, cancel := context.WithCancel(context.Background())
				var took time.Duration
				opt.Improved = func(cost, _ float64) {
					if took == 0 && cost <= goal.Cost*1.001 {
						took = time.Since(begin)
						cancel()
					}
				}
				Solve(ctx, next, opt)
				cancel()
				if took == 0 {
					took = time.Since(begin)
				}
				sum += took
			}
			b.ReportMetric(float64(sum.Microseconds())/1000/float64(b.N), "ms/replan")
		})
	}
}

// BenchmarkCancel measures how long a search goes on after its context ends.
func BenchmarkCancel(b *testing.B) {
	for _, class := range []string{"home", "business"} {
		b.Run(class, func(b *testing.B) {
			p := generate.Problem(4, class)
			var worst time.Duration
			for i := range b.N {
				ctx, cancel := context.WithCancel(context.Background())
				var ended time.Time
				timer := time.AfterFunc(time.Duration(5+i%100)*time.Millisecond, func() {
					ended = time.Now()
					cancel()
				})
				Solve(ctx, p, Options{})
				if timer.Stop() {
					cancel()
					continue
				}
				worst = max(worst, time.Since(ended))
			}
			b.ReportMetric(float64(worst.Microseconds())/1000, "ms-worst")
		})
	}
}

// BenchmarkMemory reports the heap in use after a search.
func BenchmarkMemory(b *testing.B) {
	for _, class := range []string{"home", "business"} {
		b.Run(class, func(b *testing.B) {
			p := generate.Problem(4, class)
			var m runtime.MemStats
			for range b.N {
				Solve(context.Background(), p, Options{})
			}
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.Sys)/(1<<20), "MB")
		})
	}
}

// BenchmarkTighterBound measures a climb of the tighter bound from the duals of the
// linear programme to where it converges.
func BenchmarkTighterBound(b *testing.B) {
	p := generate.Problem(4, "home")
	s := newSearch(context.Background(), p, Options{WorkLimit: 20_000_000})
	s.run()
	s.stop, s.opt.WorkLimit = "", math.MaxInt64
	b.Run("climb", func(b *testing.B) {
		var best float64
		for range b.N {
			q := bound.New(s.Effort, s.m, s.yBest)
			q.Climb(200, math.Inf(1))
			best = q.Best
		}
		b.ReportMetric(100*(s.best.Cost-best)/s.best.Cost, "%gap")
	})
}
