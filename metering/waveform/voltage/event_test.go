package voltage

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
)

// byDefinition is what dips, swells and interruptions there are by the text of the
// standard, from values of U_rms(1/2) by their definition: no code of the kernel.
func (s *supply) byDefinition(seconds float64) (out []Event) {
	type moment struct {
		at    float64
		phase int
		cycle
	}
	var all []moment
	for p := range s.phases {
		for _, c := range s.cycles(p, seconds) {
			all = append(all, moment{c.to, p, c})
		}
	}
	for i := range all { // by time
		for j := i; j > 0 && all[j].at < all[j-1].at; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	now := make([]float64, s.phases)
	for k := range now {
		now[k] = s.nominal
	}
	every := func(ok func(v float64) bool) bool {
		for _, v := range now {
			if !ok(v / s.nominal) {
				return false
			}
		}
		return true
	}
	open := map[Kind]*Event{}
	for _, m := range all {
		now[m.phase] = m.rms
		for _, c := range []struct {
			kind   Kind
			begins bool
			ends   bool
			worst  func(a, b float64) float64
			beyond bool
		}{
			{Dip, m.rms < 0.9*s.nominal, every(func(v float64) bool { return v >= 0.92 }), math.Min, m.rms < 0.9*s.nominal},
			{Swell, m.rms > 1.1*s.nominal, every(func(v float64) bool { return v <= 1.08 }), math.Max, m.rms > 1.1*s.nominal},
			{Interruption, every(func(v float64) bool { return v < 0.05 }), !every(func(v float64) bool { return v < 0.07 }), math.Min, true},
		} {
			e := open[c.kind]
			if e == nil && c.begins {
				e = &Event{Kind: c.kind, From: m.from, Extreme: m.rms}
				open[c.kind] = e
			} else if e != nil && c.ends {
				e.To = m.from
				out = append(out, *e)
				delete(open, c.kind)
				continue
			}
			if e != nil {
				e.Extreme = c.worst(e.Extreme, m.rms)
				if c.beyond {
					e.Phases |= 1 << m.phase
				}
			}
		}
	}
	return out
}

type part struct {
	phase           int // -1: all
	from, to, level float64
}

func levels(parts []part) func(phase int, t float64) float64 {
	return func(phase int, t float64) float64 {
		for _, p := range parts {
			if (p.phase < 0 || p.phase == phase) && t >= p.from && t < p.to {
				return p.level
			}
		}
		return 1
	}
}

// What is told is what the standard's text makes of the signal, wherever in the cycle it
// begins, in one phase or three, with harmonics and off the nominal frequency.
func TestEventsAreThoseOfTheDefinition(t *testing.T) {
	count := 0
	var worst [3]float64
	var ends []float64
	for _, c := range []struct {
		situation string
		parts     func(x float64) []part // x moves it within a cycle, in s
	}{
		{"a cycle at 60 %", func(x float64) []part { return []part{{0, 0.6 + x, 0.62 + x, 0.6}} }},
		{"200 ms at 70 % in all phases", func(x float64) []part { return []part{{-1, 0.6 + x, 0.8 + x, 0.7}} }},
		{"a dip that goes from one phase to the next", func(x float64) []part {
			return []part{{0, 0.6 + x, 0.7 + x, 0.7}, {1, 0.66 + x, 0.78 + x, 0.5}, {2, 0.75 + x, 0.9 + x, 0.8}}
		}},
		{"two phases interrupted are a dip", func(x float64) []part { return []part{{0, 0.6 + x, 0.9 + x, 0}, {1, 0.6 + x, 0.9 + x, 0.01}} }},
		{"all interrupted, one comes back first", func(x float64) []part {
			return []part{{0, 0.6 + x, 0.8 + x, 0}, {1, 0.6 + x, 0.9 + x, 0}, {2, 0.62 + x, 0.9 + x, 0.02}}
		}},
		{"a swell", func(x float64) []part { return []part{{1, 0.6 + x, 0.75 + x, 1.2}} }},
		{"a swell of one phase beside a dip of another", func(x float64) []part { return []part{{1, 0.6 + x, 0.75 + x, 1.2}, {0, 0.65 + x, 0.9 + x, 0.6}} }},
		{"within the hysteresis it goes on", func(x float64) []part {
			return []part{{0, 0.6 + x, 0.7 + x, 0.85}, {0, 0.7 + x, 0.8 + x, 0.91}, {0, 0.8 + x, 0.9 + x, 0.88}}
		}},
	} {
		for _, phases := range []int{1, 3} {
			for _, hz := range []float64{50, 48.7} {
				for x := range 8 {
					if x%3 != 1 && !testing.Verbose() && os.Getenv("KEEPLIT_LONG") == "" {
						continue
					}
					s := supply{rate: 4007, hz: hz, phases: phases, level: levels(c.parts(float64(x) / 400)), shape: func(_ int, _, wt float64) float64 {
						return math.Sin(wt) + 0.04*math.Sin(5*wt+1)
					}}
					s.fill()
					want, m := s.byDefinition(1.4), s.run(t, 1.4)
					if len(want) != len(m.events) {
						t.Errorf("%s, %d phases, %v Hz, %d: %d events, want %d\n%+v\n%+v", c.situation, phases, hz, x, len(m.events), len(want), m.events, want)
						continue
					}
					count += len(want)
					used := make([]bool, len(want))
					for _, e := range m.events {
						ok := false
						for k, w := range want {
							// A step moves the crossings beside it: half a cycle at each end is what the
							// standard allows.
							from, length := e.From/s.rate-w.From, (e.To-e.From)/s.rate-(w.To-w.From)
							near := math.Abs(from) < 0.51/hz && math.Abs(length) < 0.51/hz
							if !used[k] && e.Kind == w.Kind && near && math.Abs(e.Extreme-w.Extreme) < 0.01*s.nominal && e.Phases == w.Phases {
								used[k], ok = true, true
								worst[0], worst[1] = farther(worst[0], 1000*from), farther(worst[1], 1000*length)
								worst[2] = farther(worst[2], 100*(e.Extreme-w.Extreme)/s.nominal)
								ends = append(ends, math.Abs(from))
								break
							}
						}
						if !ok {
							t.Errorf("%s, %d phases, %v Hz, %d: %+v (from %.4f s for %.4f s), want one of %+v", c.situation, phases, hz, x, e, e.From/s.rate, (e.To-e.From)/s.rate, want)
						}
					}
				}
			}
		}
	}
	slices.Sort(ends)
	t.Logf("%d events: beginning within %.1f ms (half of them %.2f ms), length %.1f ms, extreme %.2f %%", count, worst[0], 1000*ends[len(ends)/2], worst[1], worst[2])
	if count < 100 {
		t.Errorf("only %d events", count)
	}
}

// Under an even harmonic each second half cycle is low, and none of it is a dip.
func TestASecondHarmonicIsNoDip(t *testing.T) {
	s := supply{rate: 4000, hz: 50, shape: func(_ int, _, wt float64) float64 {
		return 0.91 * (math.Sin(wt) + 0.05*math.Sin(2*wt+math.Pi/2))
	}}
	if m := s.run(t, 3); len(m.events) != 0 {
		t.Errorf("%+v", m.events)
	}
}

// A value in which a disturbance lies is flagged, and so are those over longer times;
// its neighbours are not.
func TestValuesWithADisturbanceAreFlagged(t *testing.T) {
	for x := range 10 {
		at := 2 + float64(x)*0.02
		s := supply{rate: 4007, hz: 50, phases: 3, level: levels([]part{{1, at, at + 0.06, 0.5}})}
		m := s.run(t, 6)
		if len(m.events) != 1 {
			t.Fatalf("%+v", m.events)
		}
		e := m.events[0]
		for _, v := range m.windows {
			inside := e.From < v.To && e.To > v.From
			if v.Flagged != inside {
				t.Errorf("event from %.1f to %.1f, value from %.1f to %.1f: flagged %v", e.From, e.To, v.From, v.To, v.Flagged)
			}
		}
		if !m.shorts[0].Flagged || m.shorts[1].Flagged || !m.tens[0].Flagged {
			t.Errorf("over 150 cycles %v and %v, over 10 minutes %v", m.shorts[0].Flagged, m.shorts[1].Flagged, m.tens[0].Flagged)
		}
	}
}

// A rapid voltage change is one between two steady voltages, and none where a dip is.
func TestRapidVoltageChanges(t *testing.T) {
	for _, c := range []struct {
		situation string
		parts     []part
		want      int
		from      float64
		lasts     float64
		change    float64 // V
		extreme   float64
	}{
		{"a step of 6 %", []part{{-1, 3, 9, 0.94}}, 2, 3, 0, -13.8, 13.8},
		{"a step of 3 %", []part{{-1, 3, 9, 0.97}}, 0, 0, 0, 0, 0},
		{"a step of 6 % in one of three phases", []part{{1, 3, 9, 0.94}}, 2, 3, 0, -13.8, 13.8},
		{"7 % up and then 5 % down", []part{{-1, 3, 3.5, 1.07}, {-1, 3.5, 9, 0.95}}, 2, 3, 0.5, -11.5, 16.1},
		{"what lies within half the threshold afterwards belongs to its steady voltage", []part{{-1, 3, 3.5, 0.92}, {-1, 3.5, 9, 0.96}}, 2, 3, 0, -13.8, 18.4},
		{"a dip is none", []part{{-1, 3, 3.5, 0.8}}, 0, 0, 0, 0, 0},
		{"a change into a dip is none", []part{{-1, 3, 3.4, 0.94}, {-1, 3.4, 9, 0.85}}, 0, 0, 0, 0, 0},
	} {
		for _, x := range []float64{0, 0.0037} {
			parts := append([]part{}, c.parts...)
			for k := range parts {
				parts[k].from += x
				parts[k].to += x
			}
			s := supply{rate: 4007, hz: 50, phases: 3, level: levels(parts)}
			var got []Event
			for _, e := range s.run(t, 8).events {
				if e.Kind == RapidChange {
					got = append(got, e)
				}
			}
			want := min(c.want, 1) // the second comes after the samples end
			if len(got) != want {
				t.Errorf("%s: %+v", c.situation, got)
				continue
			}
			if want == 0 {
				continue
			}
			e := got[0]
			if math.Abs(e.From/s.rate-c.from-x) > 0.021 || math.Abs((e.To-e.From)/s.rate-c.lasts) > 0.045 || math.Abs(e.Change-c.change) > 0.3 || math.Abs(e.Extreme-c.extreme) > 0.3 {
				t.Errorf("%s: %s", c.situation, fmt.Sprintf("from %.3f s for %.3f s, %.2f V, %.2f V at most", e.From/s.rate, (e.To-e.From)/s.rate, e.Change, e.Extreme))
			}
		}
	}
}

// Voltage that is not there, or of one phase only, or with DC, makes no figures of nothing.
func TestNoVoltage(t *testing.T) {
	for name, s := range map[string]*supply{
		"none at all":          {rate: 4007, hz: 50, level: func(int, float64) float64 { return 0 }},
		"one of three is dead": {rate: 4007, hz: 50, phases: 3, level: func(p int, _ float64) float64 { return []float64{1, 0, 1}[p] }},
		"the first is dead":    {rate: 4007, hz: 50, phases: 3, level: func(p int, _ float64) float64 { return []float64{0, 1, 1}[p] }},
		"DC alone":             {rate: 4007, hz: 50, shape: func(int, float64, float64) float64 { return 0.7 }},
		"DC on it":             {rate: 4007, hz: 50, shape: func(_ int, _, wt float64) float64 { return math.Sin(wt) + 0.05 }},
	} {
		m := s.run(t, 12)
		for _, v := range append(m.windows, m.tens...) {
			for _, x := range []float64{v.Urms[0], v.Urms[1], v.Urms[2], v.Negative, v.Zero, v.ROCOF, v.Covered} {
				if math.IsNaN(x) || math.IsInf(x, 0) || x < -1e3 {
					t.Fatalf("%s: %+v", name, v)
				}
			}
		}
		alive := name == "DC on it" || s.phases == 3
		if len(m.windows) < 30 && alive {
			t.Errorf("%s: %d values", name, len(m.windows))
		}
		for _, e := range m.events {
			if !e.Unending || e.Kind == Swell {
				t.Errorf("%s: %+v", name, e)
			}
		}
		dips := len(m.events)
		if name == "DC on it" && dips != 0 || s.phases == 3 && dips != 1 || name == "none at all" && dips != 2 {
			t.Errorf("%s: %+v", name, m.events)
		}
	}
}
