package forecast

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// The benchmarks are over a year of a synthetic home.  On a busy machine the
// CPU time is what tells.

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// measured runs f as often as the benchmark wants and reports its CPU time.
func measured(b *testing.B, f func()) {
	began := cpuTime(b)
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
}

func BenchmarkUpdate(b *testing.B) {
	obs := household(monday, 5*time.Minute, 30, 1)
	f := mustNew(b, Options{Step: 5 * time.Minute})
	i := 0
	measured(b, func() {
		if err := f.Update(obs[i%len(obs)]); err != nil {
			b.Fatal(err)
		}
		i++
	})
}

func BenchmarkForecastWeekAt15Minutes(b *testing.B) {
	f := mustNew(b, Options{Step: 15 * time.Minute})
	feed(b, f, household(monday, 15*time.Minute, 365, 1))
	at := monday.Add(365 * day)
	f.Forecast(at, 7*day)
	measured(b, func() {
		f.seen = seen{}
		f.Forecast(at, 7*day)
	})
}

func BenchmarkFiveHundredPathsWithRunOut(b *testing.B) {
	f := mustNew(b, Options{Step: 15 * time.Minute})
	feed(b, f, household(monday, 15*time.Minute, 365, 1))
	at := monday.Add(365 * day)
	first, n := f.span(at, 7*day)
	o := f.look(first)
	f.scenarios(o, new([]float64), first, n, 500, 1)
	measured(b, func() {
		if r := f.scenarios(o, new([]float64), first, n, 500, 1).RunOut(Credit{Balance: 40}); r.Within == 0 {
			b.Fatal("nothing ran out")
		}
	})
}

func BenchmarkColdStartFromAYear(b *testing.B) {
	for _, step := range []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour} {
		b.Run(step.String(), func(b *testing.B) {
			obs := household(monday, step, 365, 1)
			at := monday.Add(365 * day)
			measured(b, func() {
				f := mustNew(b, Options{Step: step})
				feed(b, f, obs)
				f.Forecast(at, 7*day)
			})
		})
	}
}

// BenchmarkOutlook is what a plan asks besides its run-out: needs to each of 14
// midnights, and what a kWh and three loads take, over 100 paths of half hours.
func BenchmarkOutlook(b *testing.B) {
	f := mustNew(b, Options{Step: 30 * time.Minute})
	feed(b, f, household(monday, 30*time.Minute, 365, 1))
	paths := f.Scenarios(monday.Add(365*day), 14*day, 100, 1)
	marks := make([]int, 14)
	for i := range marks {
		marks[i] = 48 * (i + 1)
	}
	cost := func(_ int, _, kwh float64) float64 { return 0.3 * kwh }
	for b.Loop() {
		c := Credit{Balance: 12, Cost: cost}
		if n := paths.Needs(c, marks); len(n) != 14 {
			b.Fatal(n)
		}
		if s := paths.Sooner(c, []float64{1}, []float64{3, 3}, []float64{1}, []float64{0.5}); s == nil {
			b.Fatal("nothing ran out")
		}
	}
}

// What lives in memory with a year of 5-minute history, learned from.
func BenchmarkMemoryOfAYearAt5Minutes(b *testing.B) {
	obs := household(monday, 5*time.Minute, 365, 1)
	at := monday.Add(365 * day)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		f := mustNew(b, Options{Step: 5 * time.Minute})
		feed(b, f, obs)
		f.Forecast(at, 7*day)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "live-MB")
		runtime.KeepAlive(f)
	}
}

// The refit of one more week, as a fork does it in the background.
func BenchmarkWeeklyRefit(b *testing.B) {
	obs := household(monday, 15*time.Minute, 372, 1)
	f := mustNew(b, Options{Step: 15 * time.Minute, Background: true})
	at := monday.Add(365 * day)
	feed(b, f, obs[:365*96])
	f.Refit(at)
	feed(b, f, obs[365*96:])
	at = at.Add(7 * day)
	if !f.RefitDue(at) {
		b.Fatal("a week has gone by and no refit is due")
	}
	measured(b, func() { f.Fork().Refit(at) })
}
