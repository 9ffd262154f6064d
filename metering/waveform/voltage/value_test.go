package voltage

import (
	"fmt"
	"math"
	"os"
	"testing"
	"text/tabwriter"
	"time"
)

// table prints errors beside what they may be.
type table struct {
	t *testing.T
	w *tabwriter.Writer
}

func newTable(t *testing.T) *table {
	return &table{t, tabwriter.NewWriter(os.Stdout, 2, 0, 2, ' ', 0)}
}

func (b *table) row(what string, err, limit float64, unit string) {
	b.t.Helper()
	if testing.Verbose() {
		fmt.Fprintf(b.w, "%s\terror %.5f %s\tlimit %g %s\n", what, err, unit, limit, unit)
	}
	if !(math.Abs(err) <= limit) {
		b.t.Errorf("%s: error %.5f %s, limit %g", what, err, unit, limit)
	}
}

// farther is the one that is farther from nothing.
func farther(a, b float64) float64 {
	if math.IsNaN(b) || math.Abs(b) > math.Abs(a) {
		return b
	}
	return a
}

// TestVoltageAccuracy prints the errors of the values: go test -run TestVoltageAccuracy
// -v ./metering/waveform/voltage.  Class S of IEC 61000-4-30 allows 0.5 % of the declared
// voltage, 50 mHz, and 0.3 % of unbalance; the limits here are of the software alone.
func TestVoltageAccuracy(t *testing.T) {
	b := newTable(t)
	defer b.w.Flush()
	harmonics := func(_ int, _, wt float64) float64 {
		return math.Sin(wt) + 0.06*math.Sin(3*wt+1) + 0.08*math.Sin(5*wt) + 0.05*math.Sin(7*wt+2) + 0.02*math.Sin(2*wt)
	}
	distorted := math.Sqrt(1 + 0.06*0.06 + 0.08*0.08 + 0.05*0.05 + 0.02*0.02)
	for _, rate := range []float64{4000, 4007, 8000} {
		var rms, hz, off float64
		for _, f := range []float64{42.5, 45, 47.3, 49.99, 50, 50.013, 53.7, 57.5} {
			s := supply{rate: rate, hz: f, shape: harmonics}
			m := s.run(t, 12)
			for _, v := range m.windows[2:] {
				rms = farther(rms, 100*(v.Urms[0]/230-distorted))
			}
			for _, got := range m.hz {
				hz = farther(hz, 1000*(got-f))
			}
			if len(m.hz) != 1 {
				t.Errorf("%v Hz at %v: %d values over 10 s", f, rate, len(m.hz))
			}
		}
		s := supply{rate: rate, hz: 50.2, phases: 3, level: func(p int, _ float64) float64 { return []float64{1, 0.97, 0.94}[p] }, turn: [3]float64{0, 0.02, -0.01}}
		negative, zero := s.components()
		m := s.run(t, 2)
		for _, v := range m.windows[1:] {
			off = farther(off, 100*(v.Negative-negative))
			off = farther(off, 100*(v.Zero-zero))
		}
		name := fmt.Sprintf(" at %v samples a second", rate)
		b.row("rms over 10 cycles, 42.5-57.5 Hz, with harmonics"+name, rms, 0.02, "% of 230 V")
		b.row("frequency over 10 s, 42.5-57.5 Hz, with harmonics"+name, hz, 1, "mHz")
		b.row("unbalance, negative and zero"+name, off, 0.005, "%")
	}
	for _, f := range []float64{57, 60, 63} {
		s := supply{rate: 4007, hz: f, declared: 60, nominal: 120, shape: harmonics}
		rms := 0.0
		for _, v := range s.run(t, 5).windows[2:] {
			rms = farther(rms, 100*(v.Urms[0]/120-distorted))
		}
		b.row(fmt.Sprintf("rms over 12 cycles, 120 V, %v Hz", f), rms, 0.02, "% of 120 V")
	}
}

// components are the symmetrical components of the supply as it is defined.
func (s *supply) components() (negative, zero float64) {
	var re, im [3]float64 // one, two, zero
	for k := range 3 {
		for c, turn := range []float64{float64(k), -float64(k), 0} {
			at := s.turn[k] - 2*math.Pi/3*float64(k) + 2*math.Pi/3*turn
			re[c] += s.level(k, 0) * math.Cos(at)
			im[c] += s.level(k, 0) * math.Sin(at)
		}
	}
	one := math.Hypot(re[0], im[0])
	return math.Hypot(re[1], im[1]) / one, math.Hypot(re[2], im[2]) / one
}

// far is a supply beyond the mains: it is measured or said not to be, and never wrong.
func TestFrequenciesBeyondTheMains(t *testing.T) {
	for _, f := range []float64{40, 42.5, 57.5, 62, 70} {
		s := supply{rate: 4007, hz: f}
		m := s.run(t, 12)
		if len(m.hz) != 1 || math.Abs(m.hz[0]-f) > 0.005 {
			t.Errorf("%v Hz: %v", f, m.hz)
		}
		for k, v := range m.windows {
			if k > 3 && math.Abs(v.Urms[0]/230-1) > 0.001 {
				t.Errorf("%v Hz: %.3f V in value %d", f, v.Urms[0], k)
				break
			}
		}
		if len(m.events) != 0 {
			t.Errorf("%v Hz: %+v", f, m.events)
		}
	}
}

// The clock's 10 minutes end within a value: it is their last, and the next begins beside
// it, at the first half cycle after the edge.
func TestValuesBeginAnewAtTheClocksTenMinutes(t *testing.T) {
	const rate = 1003
	start := time.Date(2026, 3, 1, 11, 49, 57, 123e6, time.UTC)
	s := supply{rate: rate, hz: 50.03, level: func(_ int, t float64) float64 {
		if t > 302.9 { // half of the second ten minutes
			return 0.95
		}
		return 1
	}, clock: func(at float64) time.Time { return start.Add(time.Duration(at / rate * 1e9)) }}
	m := s.run(t, 1210)
	if len(m.tens) != 4 {
		t.Fatalf("%d values over 10 minutes: %+v", len(m.tens), m.tens)
	}
	edge := func(k int) float64 { return (2.877 + 600*float64(k)) * rate }
	want := []float64{230, 230 * math.Sqrt((1+0.95*0.95)/2), 230 * 0.95, 230 * 0.95}
	for k, v := range m.tens {
		if end := start.Truncate(10 * time.Minute).Add(time.Duration(k+1) * 10 * time.Minute); !v.End.Equal(end) {
			t.Errorf("value %d ends at %v, not %v", k, v.End, end)
		}
		if math.Abs(v.Urms[0]-want[k]) > 0.02 {
			t.Errorf("value %d: %.3f V, want %.3f", k, v.Urms[0], want[k])
		}
		if k == 1 || k == 2 {
			if n := v.Windows; n != 3002 && n != 3003 { // 600 s of 50.03 Hz, and one begun
				t.Errorf("value %d has %d values over 10 cycles", k, n)
			}
			half := rate / 50.03 / 2
			if v.From < edge(k-1)-0.5 || v.From > edge(k-1)+half+0.5 || v.To < edge(k)-0.5 || v.To > edge(k)+20*half+1 {
				t.Errorf("value %d is from %.1f to %.1f, edges at %.1f and %.1f", k, v.From, v.To, edge(k-1), edge(k))
			}
			if v.Covered < 0.999 || v.Gaps || v.Flagged {
				t.Errorf("value %d: %+v", k, v)
			}
		}
	}
	if v := m.tens[0]; v.Covered > 0.005 {
		t.Errorf("three seconds cover %v of ten minutes", v.Covered)
	}
	if n := len(m.hz); n != 120 && n != 121 {
		t.Errorf("%d values over 10 s", n)
	}
	for k, v := range m.shorts[:20] {
		if v.Windows != 15 && k != 0 {
			t.Errorf("value %d over 150 cycles has %d over 10", k, v.Windows)
		}
	}
}

// A clock that is set ends the ten minutes under way, which are of so much less.
func TestAClockThatIsSet(t *testing.T) {
	const rate = 1003
	for _, by := range []time.Duration{time.Hour, -3 * time.Second, 300 * time.Millisecond} {
		start := time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC)
		s := supply{rate: rate, hz: 50, clock: func(at float64) time.Time {
			now := start.Add(time.Duration(at / rate * 1e9))
			if at > 300*rate {
				now = now.Add(by)
			}
			return now
		}}
		m := s.run(t, 1000)
		for _, v := range m.tens {
			if v.Covered > 1 || math.Abs(v.Urms[0]-230) > 0.05 || v.Flagged {
				t.Errorf("set by %v: %+v", by, v)
			}
			if v.Covered > 0.9 && by != 300*time.Millisecond && v.From < 300*rate && v.To > 300*rate {
				t.Errorf("set by %v: a whole value runs through it: %+v", by, v)
			}
		}
	}
}

// What was lost is not made up: values say how much of their time was measured.
func TestLostSamplesLeaveAGap(t *testing.T) {
	s := supply{rate: 4007, hz: 50, phases: 3, lost: func(k int) bool { return k%4007 < 400 && k > 4007 }}
	m := s.run(t, 10)
	gaps, events := 0, len(m.events)
	for _, v := range m.windows {
		if v.Gaps {
			gaps++
			if v.Sequence {
				t.Error("an unbalance over a gap")
			}
		}
		if math.Abs(v.Urms[0]-230) > 0.05 {
			t.Errorf("%.3f V", v.Urms[0])
		}
	}
	if gaps < 8 || events != 0 {
		t.Errorf("%d values with gaps, %d events", gaps, events)
	}
	v := m.tens[0]
	if c := v.Covered * 600; c < 7.8 || c > 9.1 || !v.Gaps {
		t.Errorf("%.2f s are said to be measured of ten, with 0.9 s lost, gaps %v", c, v.Gaps)
	}
}

// A rate of change of the frequency of 0.5 Hz/s is found, and none where there is none.
func TestRateOfChangeOfFrequency(t *testing.T) {
	s := supply{rate: 4007, hz: 50, shape: func(_ int, t, wt float64) float64 {
		if t > 2 {
			wt += 2 * math.Pi * 0.25 * (t - 2) * (t - 2) // 0.5 Hz/s
		}
		return math.Sin(wt) + 0.05*math.Sin(5*wt)
	}}
	m := s.run(t, 6)
	for _, v := range m.windows {
		at := v.To / s.rate
		switch {
		case !v.HasROCOF && at > 1.3:
			t.Errorf("none at %.1f s", at)
		case at > 1.3 && at < 2 && math.Abs(v.ROCOF) > 0.005:
			t.Errorf("%v Hz/s at %.1f s", v.ROCOF, at)
		case at > 3.3 && math.Abs(v.ROCOF-0.5) > 0.01:
			t.Errorf("%v Hz/s at %.1f s", v.ROCOF, at)
		}
	}
}
