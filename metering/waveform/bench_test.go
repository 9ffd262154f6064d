package waveform

import (
	"math"
	"testing"

	"github.com/keeplit/keeplit/metering/meteringtest"
)

// block is 200 ms of three phases at 4 kSPS, with harmonics.
func block() []int32 {
	var out []int32
	for k := range 800 {
		for p := range 3 {
			wt := 2*math.Pi*50*float64(k)/4000 - 2*math.Pi/3*float64(p)
			out = append(out, int32(6e6*(math.Sin(wt)+0.05*math.Sin(5*wt))), int32(5e5*(math.Sin(wt-0.4)+0.2*math.Sin(3*wt))))
		}
	}
	return out
}

func threePhases(tb testing.TB) *Engine {
	tb.Helper()
	ch := Channel{VoltsPerCode: fullU / (1 << 23), AmpsPerCode: fullI / (1 << 23), PhaseError: -0.01}
	e, err := New(Config{Rate: 4000, Channels: []Channel{ch, ch, ch}, Skew: 20000}, nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// BenchmarkEngine measures three phases at 4 kSPS with 39 harmonics of each
// voltage and current; x-real-time is seconds of signal per second of one core.
func BenchmarkEngine(b *testing.B) {
	e, codes := threePhases(b), block()
	b.ReportAllocs()
	began := meteringtest.CPU(b)
	for b.Loop() {
		e.Feed(codes)
	}
	used := meteringtest.CPU(b) - began
	b.ReportMetric(float64(b.N)*0.2/used.Seconds(), "x-real-time")
}

func TestNoAllocations(t *testing.T) {
	e, codes := threePhases(t), block()
	if n := testing.AllocsPerRun(20, func() { e.Feed(codes) }); n != 0 {
		t.Errorf("%v allocations a block", n)
	}
}
