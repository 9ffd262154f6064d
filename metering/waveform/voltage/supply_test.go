package voltage

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/metering/waveform"
)

// supply makes samples of one to three voltages from their definition; it shares nothing
// with what measures them.
type supply struct {
	rate, hz  float64
	nominal   float64
	phases    int
	declared  float64                                // Hz; 0: 50
	level     func(phase int, t float64) float64     // of nominal
	shape     func(phase int, t, wt float64) float64 // of the nominal peak; nil: a sine
	turn      [3]float64                             // added to the angle of a phase
	lost      func(k int) bool
	clock     func(position float64) time.Time
	kept      Config
	voltsCode float64
}

func (s *supply) fill() {
	if s.nominal == 0 {
		s.nominal = 230
	}
	if s.phases == 0 {
		s.phases = 1
	}
	if s.declared == 0 {
		s.declared = 50
	}
	if s.voltsCode == 0 {
		s.voltsCode = 452.0 / (1 << 23)
	}
}

// angle of the fundamental of a phase at a time.
func (s *supply) angle(phase int, t float64) float64 {
	return 2*math.Pi*s.hz*t - 2*math.Pi/3*float64(phase) + s.turn[phase]
}

// volts are of a phase at a time.
func (s *supply) volts(phase int, t float64) float64 {
	wt, level := s.angle(phase, t), 1.0
	if s.level != nil {
		level = s.level(phase, t)
	}
	v := math.Sin(wt)
	if s.shape != nil {
		v = s.shape(phase, t, wt)
	}
	return level * s.nominal * math.Sqrt2 * v
}

// heard is all that an analyzer told.
type heard struct {
	events  []Event
	windows []Value
	shorts  []Value
	tens    []Value
	hz      []float64
	hzAt    []time.Time
}

// run lets it be judged for so many seconds.
func (s *supply) run(t testing.TB, seconds float64) heard {
	t.Helper()
	s.fill()
	var out heard
	cfg := s.kept
	cfg.Rate, cfg.Nominal, cfg.Frequency, cfg.Phases = s.rate, s.nominal, s.declared, s.phases
	a, err := New(cfg, Told{
		Event:  func(e Event) { out.events = append(out.events, e) },
		Window: func(v *Value) { out.windows = append(out.windows, *v) },
		Short:  func(v *Value) { out.shorts = append(out.shorts, *v) },
		Ten:    func(v *Value) { out.tens = append(out.tens, *v) },
		Frequency: func(end time.Time, hz, covered float64) {
			out.hz, out.hzAt = append(out.hz, hz), append(out.hzAt, end)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	wave := waveform.Config{Rate: s.rate, Nominal: s.nominal, Frequency: s.declared, Centred: true, Hear: a}
	for range s.phases {
		wave.Channels = append(wave.Channels, waveform.Channel{VoltsPerCode: s.voltsCode, AmpsPerCode: 1})
	}
	e, err := waveform.New(wave, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	codes := make([]int32, 2*s.phases)
	gone := 0
	for k := range int(seconds * s.rate) {
		if s.clock != nil && k%int(s.rate/10) == 0 {
			a.Clock(float64(k), s.clock(float64(k)))
		}
		if s.lost != nil && s.lost(k) {
			gone++
			continue
		}
		if gone > 0 {
			e.Lost(gone)
			gone = 0
		}
		for p := range s.phases {
			codes[2*p] = int32(math.Round(s.volts(p, float64(k)/s.rate) / s.voltsCode))
		}
		e.Feed(codes)
	}
	e.Flush()
	a.End()
	return out
}

// cycles are U_rms(1/2) of a phase by their definition: over a cycle from each zero
// crossing of the fundamental on, by sums of many small steps.
func (s *supply) cycles(phase int, seconds float64) (out []cycle) {
	const steps = 600
	half := 0.5 / s.hz
	// The first zero crossing after the beginning.
	first := math.Mod(-s.angle(phase, 0)/(2*math.Pi*s.hz), half)
	if first < 0 {
		first += half
	}
	mean := func(from float64) float64 {
		sum := 0.0
		for j := range steps {
			v := s.volts(phase, from+(float64(j)+0.5)*half/steps)
			sum += v * v
		}
		return sum / steps
	}
	before := mean(first)
	for at := first + half; at+half <= seconds; at += half {
		now := mean(at)
		out = append(out, cycle{rms: math.Sqrt((before + now) / 2), from: at - half, to: at + half})
		before = now
	}
	return out
}
