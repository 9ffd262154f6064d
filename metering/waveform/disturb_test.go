package waveform

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// span is a disturbance that a signal has.
type span struct{ start, length, level float64 }

func (s span) kind() EventKind {
	switch {
	case s.level > 1:
		return Swell
	case s.level < 0.1:
		return Interruption
	}
	return Sag
}

// Steps come anywhere in a cycle; beginning and length are found to a tenth of
// a half cycle all the same, the rms to 1 % of the nominal voltage.
func TestDisturbancesAreTimed(t *testing.T) {
	for _, row := range []struct {
		name  string
		hz    float64
		spans []span
	}{
		{"a sag at a crossing", 50, []span{{0.5, 0.2, 0.7}}},
		{"a sag at the crest", 50, []span{{0.505, 0.2, 0.7}}},
		{"a sag anywhere", 50, []span{{0.5037, 0.1, 0.6}}},
		{"a swell anywhere", 49, []span{{0.5071, 0.3, 1.2}}},
		{"an interruption anywhere", 60, []span{{0.5037, 0.25, 0}}},
		{"a little voltage is left", 50, []span{{0.5037, 0.25, 0.05}}},
		{"one after the other", 50, []span{{0.5, 0.2, 0.7}, {0.8, 0.1, 1.2}, {1, 0.5, 0}}},
		{"a swell straight after a sag", 50, []span{{0.5, 0.2, 0.6}, {0.7, 0.2, 1.2}}},
		{"from the beginning", 50, []span{{0, 0.2, 0.7}}},
		{"without voltage at the beginning", 50, []span{{0, 0.2, 0}}},
		{"to the end", 50, []span{{1.7, 0.3, 0.7}}},
		{"most of the time", 50, []span{{0.2, 1.6, 0}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := signal{rate: 4000, hz: row.hz, bits: 24, noise: 200, u: func(at, wt float64) float64 {
				for _, sp := range row.spans {
					if at >= sp.start && at < sp.start+sp.length {
						return sp.level * peak(230) * math.Sin(wt+0.3)
					}
				}
				return peak(230) * math.Sin(wt+0.3)
			}, i: sine(peak(1), 0)}
			m := s.run(t, Config{Centred: true, Frequency: 50 + 10*math.Floor(row.hz/60)}, 2)
			if len(m.events) != len(row.spans) {
				t.Fatalf("%d events: %+v", len(m.events), m.events)
			}
			for k, ev := range m.events {
				want := row.spans[k]
				if ev.Kind != want.kind() || math.Abs(ev.Start/4000-want.start) > 0.001 || math.Abs(ev.Samples/4000-want.length) > 0.002 || math.Abs(ev.Urms-want.level*230) > 2.3 {
					t.Errorf("%s from %.4f s for %.4f s, %.1f V; want %+v", ev.Kind, ev.Start/4000, ev.Samples/4000, ev.Urms, want)
				}
			}
		})
	}
}

// What the standard calls a sag is one of U_rms(1/2), the rms of a whole cycle: an even
// harmonic that lowers every second half cycle is none, a half cycle that is missing
// leaves 71 % of the voltage, and an interruption within a sag is told beside it, each
// with its own beginning and length.
func TestSagsAreOfWholeCyclesAndAnInterruptionWithinOneIsToldBesideIt(t *testing.T) {
	type told struct {
		kind          EventKind
		start, length float64 // s
		urms          float64
	}
	for _, c := range []struct {
		situation string
		u         func(at, wt float64) float64 // of the nominal peak
		want      []told
	}{
		{"a second harmonic of 5 % at 91 %", func(_, wt float64) float64 { return 0.91 * (math.Sin(wt) + 0.05*math.Sin(2*wt+math.Pi/2)) }, nil},
		{"a half cycle is missing", func(at, wt float64) float64 {
			if at >= 1 && at < 1.01 {
				return 0
			}
			return math.Sin(wt)
		}, []told{{Sag, 1, 0.01, 162.6}}},
		{"half a cycle at 80 % is 91 % of a cycle", func(at, wt float64) float64 {
			if at >= 1 && at < 1.01 {
				return 0.8 * math.Sin(wt)
			}
			return math.Sin(wt)
		}, nil},
		{"an interruption within a sag", func(at, wt float64) float64 {
			switch {
			case at >= 1.1 && at < 1.2:
				return 0
			case at >= 1 && at < 1.5:
				return 0.7 * math.Sin(wt)
			}
			return math.Sin(wt)
		}, []told{{Interruption, 1.1, 0.1, 0}, {Sag, 1, 0.5, 0}}},
		{"two interruptions within a sag", func(at, wt float64) float64 {
			switch {
			case at >= 1 && at < 1.1, at >= 1.3 && at < 1.4:
				return 0
			case at >= 1 && at < 1.4:
				return 0.6 * math.Sin(wt)
			}
			return math.Sin(wt)
		}, []told{{Interruption, 1, 0.1, 0}, {Interruption, 1.3, 0.1, 0}, {Sag, 1, 0.4, 0}}},
		{"a sag that ends in darkness", func(at, wt float64) float64 {
			switch {
			case at >= 1.7:
				return 0
			case at >= 1.5:
				return 0.7 * math.Sin(wt)
			}
			return math.Sin(wt)
		}, []told{{Interruption, 1.7, 0.3, 0}, {Sag, 1.5, 0.5, 0}}},
	} {
		s := signal{rate: 4000, hz: 50, bits: 24, noise: 200, u: func(at, wt float64) float64 { return peak(230) * c.u(at, wt) }, i: sine(peak(1), 0)}
		m := s.run(t, Config{Centred: true}, 2)
		ok := len(m.events) == len(c.want)
		for k := 0; ok && k < len(c.want); k++ {
			e, w := m.events[k], c.want[k]
			ok = e.Kind == w.kind && math.Abs(e.Start/4000-w.start) < 0.001 && math.Abs(e.Samples/4000-w.length) < 0.002 && math.Abs(e.Urms-w.urms) < 2.3
		}
		if !ok {
			t.Errorf("%s: %+v; want %+v", c.situation, m.events, c.want)
		}
	}
}

// The current of a load that takes half waves has DC, which is part of its rms value
// where the converter's zero is known: without it 23 % of the current is missing.
func TestTheDCOfHalfWavesIsKeptWhereItIsAskedFor(t *testing.T) {
	for _, c := range []struct {
		keep bool
		want float64 // A
	}{{true, peak(10) / 2}, {false, peak(10) * math.Sqrt(0.25-1/(math.Pi*math.Pi))}} {
		s := signal{rate: 4007, hz: 50, bits: 16, u: sine(peak(230), 0), i: func(_, wt float64) float64 { return max(0, peak(10)*math.Sin(wt)) }}
		m := s.run(t, Config{KeepDC: c.keep, Centred: true}, 1)
		if math.Abs(m.irms/c.want-1) > 0.002 || math.Abs(m.p/1150-1) > 0.002 {
			t.Errorf("DC kept: %v: %.3f A and %.1f W, want %.3f A and 1150 W", c.keep, m.irms, m.p, c.want)
		}
	}
}

// A converter with its zero in the middle of its range has DC of many times the
// signal; the first half cycles are judged when it is known.
func TestDCIsNoDisturbance(t *testing.T) {
	for _, dc := range []float64{0.002, 0.2} {
		s := signal{rate: 4000, hz: 50, bits: 12, dc: dc, u: sine(peak(120), 0.3), i: sine(peak(1), 0)}
		if m := s.run(t, Config{Nominal: 120}, 2); len(m.events) != 0 {
			t.Errorf("DC of %g of full scale: %+v", dc, m.events)
		}
	}
}

// A sag that some samples are lost in is one sag.
func TestASagOutlastsLostSamples(t *testing.T) {
	s := signal{rate: 4000, hz: 50, bits: 24, u: func(at, wt float64) float64 {
		if at >= 0.5 && at < 1 {
			return 0.7 * peak(230) * math.Sin(wt)
		}
		return peak(230) * math.Sin(wt)
	}, i: sine(peak(1), 0)}
	var events []Event
	e, err := New(Config{Rate: 4000, Channels: []Channel{s.channel()}}, nil, func(ev Event) { events = append(events, ev) })
	if err != nil {
		t.Fatal(err)
	}
	for k := range 8000 {
		switch {
		case k < 3000 || k >= 3010:
			u, i := s.codes(k)
			e.Feed([]int32{u, i})
		case k == 3000:
			e.Lost(10)
		}
	}
	e.Flush()
	if len(events) != 1 || math.Abs(events[0].Start-2000) > 4 || math.Abs(events[0].Samples-2000) > 8 {
		t.Errorf("%+v", events)
	}
}

// What was sampled is registered to the last sample, wherever some are missing.
func TestOnlyLostSamplesAreMissing(t *testing.T) {
	for _, gap := range []int{1, 10, 100} {
		for _, at := range []int{30, 100, 3000, 3037} {
			t.Run(fmt.Sprintf("%d at %d", gap, at), func(t *testing.T) {
				s := signal{rate: 4000, hz: 50, bits: 24, u: sine(peak(230), 0.3), i: sine(peak(10), -0.7)}
				ch := s.channel()
				e, err := New(Config{Rate: 4000, Channels: []Channel{ch}, Centred: true}, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				want := 0.0
				for k := range 8000 {
					if k >= at && k < at+gap {
						if k == at {
							e.Lost(gap)
						}
						continue
					}
					u, i := s.codes(k)
					e.Feed([]int32{u, i})
					want += float64(u) * ch.VoltsPerCode * float64(i) * ch.AmpsPerCode / 4000 * 1e6
				}
				e.Flush()
				sample := 2300.0 / 4000 * 1e6
				if got := float64(e.Energy(0).Import); math.Abs(got-want) > sample {
					t.Errorf("%.1f samples' energy is missing", (want-got)/sample)
				}
			})
		}
	}
}

// Noise is found between the harmonics, also of loads that are full of them.
func TestNoiseIsFound(t *testing.T) {
	for _, row := range []struct {
		name  string
		noise float64
		i     func(t, wt float64) float64
	}{
		{"a small load", 2, sine(peak(0.5), 0)},
		{"many harmonics", 2, func(_, wt float64) float64 {
			return peak(10) * (math.Sin(wt) + 0.8*math.Sin(3*wt) + 0.6*math.Sin(5*wt+1) + 0.4*math.Sin(11*wt) + 0.2*math.Sin(27*wt))
		}},
		{"a converter's own rounding", 0.5, sine(peak(0.5), 0)},
	} {
		s := signal{rate: 4000, hz: 50, bits: 12, noise: row.noise, u: sine(peak(230), 0), i: row.i, rng: rand.New(rand.NewPCG(3, 4))}
		ch := s.channel()
		ch.VoltageNoise, ch.CurrentNoise = 0, 0
		e, err := New(Config{Rate: 4000, Channels: []Channel{ch}, FindNoise: true, Centred: true}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k := range 40_000 {
			u, i := s.codes(k)
			e.Feed([]int32{u, i})
		}
		e.Flush()
		u2, i2 := e.Noise(0)
		want := row.noise*row.noise + 1.0/12
		if u, i := u2/(ch.VoltsPerCode*ch.VoltsPerCode), i2/(ch.AmpsPerCode*ch.AmpsPerCode); math.Abs(u/want-1) > 0.15 || math.Abs(i/want-1) > 0.15 {
			t.Errorf("%s: %.3f and %.3f codes squared, want %.3f", row.name, u, i, want)
		}
	}
}

// One cycle is enough for the harmonics.
func TestHarmonicsOfOneCycle(t *testing.T) {
	s := signal{rate: 8003, hz: 50.4, bits: 24, u: func(_, wt float64) float64 {
		return peak(230) * (math.Sin(wt+0.3) + 0.1*math.Sin(5*wt))
	}, i: func(_, wt float64) float64 { return peak(10) * (math.Sin(wt-0.7) + 0.3*math.Sin(3*wt)) }}
	m := s.run(t, Config{}, 2.6/50)
	if m.windows != 1 || math.Abs(m.thdU-0.1) > 0.002 || math.Abs(m.thdI-0.3) > 0.002 {
		t.Errorf("%d windows, THD %v and %v", m.windows, m.thdU, m.thdI)
	}
}
