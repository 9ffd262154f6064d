package voltage

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/keeplit/keeplit/metering/meteringtest"
	"github.com/keeplit/keeplit/metering/waveform"
)

// Subgroups, distortion and the signal are right in windows that the engine has cut, in
// each phase, off the nominal frequency; values over longer times are their quadratic mean.
func TestTheSpectrumOfWindowsThatTheEngineCuts(t *testing.T) {
	b := newTable(t)
	defer b.w.Flush()
	var harmonics, signal, distortion, fundamental float64
	for _, f := range []float64{42.5, 49.9, 50, 51.3, 57.5} {
		s := supply{
			rate: 4007, hz: f, phases: 3, kept: Config{Harmonics: true},
			shape: func(p int, t, wt float64) float64 {
				return math.Sin(wt) + 0.05*math.Sin(5*wt+float64(p)) + 0.04*math.Sin(7*wt) + 0.01*math.Sin(25*wt+1)
			},
		}
		m := s.run(t, 6)
		// What lies on no line leaks into the groups beside it, so it has a run of its own.
		with := supply{rate: 4007, hz: f, kept: Config{Harmonics: true, Signal: 317}, shape: func(_ int, t, wt float64) float64 {
			return math.Sin(wt) + 0.02*math.Sin(2*math.Pi*317*t)
		}}
		for _, v := range with.run(t, 3).windows[2:] {
			signal = farther(signal, 100*(v.Spectrum[0].Signal/230-0.02))
		}
		for _, v := range m.windows[2:] {
			for k := range 3 {
				p := &v.Spectrum[k]
				fundamental = farther(fundamental, 100*(p.Harmonics[0]/230-1))
				harmonics = farther(harmonics, 100*(p.Harmonics[4]/230-0.05))
				harmonics = farther(harmonics, 100*(p.Harmonics[24]/230-0.01))
				harmonics = farther(harmonics, 100*(p.Harmonics[6]/230-0.04))
				distortion = farther(distortion, 100*(p.THDS-math.Sqrt(0.05*0.05+0.04*0.04+0.01*0.01)))
			}
		}
		if v := m.tens[0]; v.Spectra < 23 || v.Orders < 30 || math.Abs(v.Spectrum[2].Harmonics[4]/11.5-1) > 0.002 {
			t.Errorf("%v Hz: %d spectra of %d orders, %.4f V of the 5th", f, v.Spectra, v.Orders, v.Spectrum[2].Harmonics[4])
		}
	}
	b.row("fundamental, 42.5-57.5 Hz", fundamental, 0.005, "%")
	b.row("harmonics of 5 %, 4 % and 1 %", harmonics, 0.01, "% of 230 V")
	b.row("THDS", distortion, 0.01, "%")
	// A signal between two lines leaks: of four lines some percent of it are missing.
	b.row("signal of 317 Hz, 2 %", signal, 0.2, "% of 230 V")
}

// The short-term severity of 10 minutes comes with them, and not where samples were lost
// again and again.
func TestFlickerOfTenMinutes(t *testing.T) {
	start := time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC)
	for _, lost := range []int{0, 3} {
		if lost > 0 && !testing.Verbose() && os.Getenv("KEEPLIT_LONG") == "" {
			break
		}
		s := supply{
			rate: 2003, hz: 50, kept: Config{Flicker: true}, level: func(_ int, t float64) float64 {
				if _, f := math.Modf(t * 39 / 120); f < 0.5 {
					return 1 + 0.00447
				}
				return 1 - 0.00447
			},
			lost:  func(k int) bool { return lost > 0 && k%(2003*590/lost) == 2003*200/lost },
			clock: func(at float64) time.Time { return start.Add(time.Duration(at / 2003 * 1e9)) },
		}
		m := s.run(t, 660.5)
		if len(m.tens) < 2 {
			t.Fatalf("%d values", len(m.tens))
		}
		v := m.tens[1]
		if v.HasPst != (lost < 2) || v.HasPst && math.Abs(v.Pst[0]-1) > 0.02 {
			t.Errorf("%d lost: P_st %v, known %v", lost, v.Pst[0], v.HasPst)
		}
		if m.tens[0].HasPst && lost == 3 {
			t.Error("severity although samples were lost three times")
		}
	}
}

// three are an engine of three phases, with or without those who hear it.
func three(tb testing.TB, cfg *Config) (*waveform.Engine, []int32) {
	tb.Helper()
	var codes []int32
	for k := range 4007 {
		for p := range 3 {
			wt := 2*math.Pi*50*float64(k)/4007 - 2*math.Pi/3*float64(p)
			codes = append(codes, int32(6e6*(math.Sin(wt)+0.05*math.Sin(5*wt))), int32(5e5*(math.Sin(wt-0.4)+0.2*math.Sin(3*wt))))
		}
	}
	ch := waveform.Channel{VoltsPerCode: 452.0 / (1 << 23), AmpsPerCode: 163.0 / (1 << 23), PhaseError: -0.01}
	wave := waveform.Config{Rate: 4007, Channels: []waveform.Channel{ch, ch, ch}, Skew: 20000, Centred: true}
	if cfg != nil {
		c := *cfg
		c.Rate, c.Phases = 4007, 3
		a, err := New(c, Told{Ten: func(*Value) {}, Short: func(*Value) {}, Event: func(Event) {}})
		if err != nil {
			tb.Fatal(err)
		}
		wave.Hear = a
	}
	e, err := waveform.New(wave, nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return e, codes
}

func TestNothingIsAllocated(t *testing.T) {
	e, codes := three(t, &Config{Harmonics: true, Flicker: true, Signal: 317})
	e.Feed(codes)
	if n := testing.AllocsPerRun(20, func() { e.Feed(codes) }); n != 0 {
		t.Errorf("%v allocations a second", n)
	}
}

// BenchmarkEngine measures a second of three phases at 4007 samples a second: the engine
// alone, with what is judged of half cycles, with the groups, with flicker, with all.
func BenchmarkEngine(b *testing.B) {
	for _, c := range []struct {
		name string
		cfg  *Config
	}{{"alone", nil}, {"voltage", &Config{}}, {"harmonics", &Config{Harmonics: true}}, {"flicker", &Config{Flicker: true}}, {"all", &Config{Harmonics: true, Flicker: true}}} {
		b.Run(c.name, func(b *testing.B) {
			e, codes := three(b, c.cfg)
			began := meteringtest.CPU(b)
			for b.Loop() {
				e.Feed(codes)
			}
			b.ReportMetric(float64(b.N)/(meteringtest.CPU(b)-began).Seconds(), "x-real-time")
		})
	}
}
