package waveform

import (
	"math"
	"testing"
)

// A load that is cut on within the half cycle has an edge.  Where a cycle is a whole
// number of samples the edge is at the same place between two of them in each
// cycle, and what is wrong about it never averages out.
func TestALoadThatIsCutOnWithinTheCycleIsMeasuredWhereTheRateIsNoMultipleOfTheMains(t *testing.T) {
	// The worst of some angles, in percent of the power: late on, little is left.
	worst := func(rate, hz float64) (most float64) {
		for _, degrees := range []float64{60, 90, 120.3, 150.7, 159.2, 165.1} {
			on := degrees / 180 * math.Pi
			s := signal{rate: rate, hz: hz, bits: 16, u: sine(peak(230), 0), i: func(_, wt float64) float64 {
				if math.Mod(wt, math.Pi) < on {
					return 0
				}
				return peak(10) * math.Sin(wt)
			}}
			want := 2300 * (1 - on/math.Pi + math.Sin(2*on)/(2*math.Pi))
			m := s.run(t, Config{Centred: true, Frequency: hz}, 1)
			most = max(most, 100*math.Abs(m.p/want-1))
		}
		return most
	}
	for _, hz := range []float64{50, 60} {
		if got := worst(4007, hz); got > 1 {
			t.Errorf("%.2f %% at 4007 samples a second and %v Hz", got, hz)
		} else {
			t.Logf("%.2f %% at 4007 samples a second and %v Hz, %.1f %% at 4000", got, hz, worst(4000, hz))
		}
	}
	if got := worst(4000, 50); got < 3 {
		t.Errorf("only %.2f %% at 4000: the case does not bite", got)
	}
}

// The crossings of the fundamental are found under harmonics that give the voltage
// more zeros of its own, in any phase.
func TestCyclesAreFoundUnderAThirdHarmonicInAntiphaseAndAStrongFifth(t *testing.T) {
	for _, c := range []struct{ order, part, phase float64 }{{3, 0.3, math.Pi}, {3, 0.3, 0}, {3, 0.3, 1}, {5, 0.5, 0}, {5, 0.5, math.Pi}, {5, 0.5, 2}} {
		for _, seconds := range []float64{0.1, 2} {
			s := signal{rate: 4000, hz: 50, bits: 16, u: func(_, wt float64) float64 {
				return peak(200) * (math.Sin(wt) + c.part*math.Sin(c.order*wt+c.phase))
			}, i: sine(peak(1), 0)}
			m := s.run(t, Config{Nominal: 215, Brief: seconds < 1}, seconds)
			want := 200 * math.Sqrt(1+c.part*c.part)
			if m.windows == 0 || math.Abs(m.hz-50) > 0.05 || math.Abs(m.urms/want-1) > 0.005 || math.Abs(m.p/200-1) > 0.005 {
				t.Errorf("%+v for %v s: %d windows, %.3f Hz, %.2f V of %.2f, %.2f W", c, seconds, m.windows, m.hz, m.urms, want, m.p)
			}
		}
	}
}
