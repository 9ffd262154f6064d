package simulate

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// cpuTime is what this process has used so far: on a busy machine it is what tells.
func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkASimulatedDay is a day of readings each minute and plans each half hour, after
// four weeks, which are not measured.
func BenchmarkASimulatedDay(b *testing.B) {
	for _, name := range []string{"poor-home", "business-demand"} {
		for _, p := range Policies() {
			b.Run(name+"/"+string(p), func(b *testing.B) {
				w := world(b, name, 28, 365)
				w.Step = time.Minute
				l, err := newLife(&w, p)
				must(b, err, l.begin(b.Context()))
				defer l.plans.Wait()
				for range w.Warm {
					must(b, l.day(b.Context()))
				}
				b.ReportAllocs()
				began := cpuTime(b)
				for b.Loop() {
					must(b, l.day(b.Context()))
				}
				b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

// live is the heap that is in use, in bytes.
func live() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A year is lived through in the memory of a few weeks: what grows is what the forecaster
// learns from, by 10 KB a day for the past forecasts that its fits are made from, of which it keeps
// a year, and by 50 more in the first 120 days for those that it also weighs.  With
// KEEPLIT_LONG=1 it is looked at when both are full, and under the product itself.
func TestTheMemoryOfASimulationStaysFlat(t *testing.T) {
	w := world(t, "poor-home", 0, 1000)
	w.Step, w.Every = 10*time.Minute, time.Hour
	long, policy := os.Getenv("KEEPLIT_LONG") != "", None
	if long {
		policy = Keeplit
	}
	l, err := newLife(&w, policy)
	must(t, err, l.begin(t.Context()))
	defer l.plans.Wait()
	lived := func(days int) int {
		for range days {
			must(t, l.day(t.Context()))
		}
		return live()
	}
	first := lived(10)
	if grown := lived(10) - first; grown > 10*70_000 {
		t.Errorf("the heap has grown by %d bytes in 10 days", grown)
	}
	if !long {
		return
	}
	full := lived(400)
	if grown := lived(100) - full; grown > 100*3_000 {
		t.Errorf("after 420 days the heap has grown by %d bytes in 100 days, from %d", grown, full)
	}
}
