package voltage

import (
	"math"
	"testing"

	"github.com/keeplit/keeplit/metering/waveform"
)

// What is kept around a dip is the signal itself, from cycles before it to cycles after
// it, wherever it begins; one that lasts too long, or in which samples are lost, is cut
// short and says so.
func TestSamplesAroundADisturbanceAreKept(t *testing.T) {
	for _, c := range []struct {
		situation   string
		from, to    float64 // s
		lostAt      int
		whole       bool
		first, last float64 // s
	}{
		{"a short dip", 1, 1.06, 0, true, 0.89, 1.28},
		{"one that begins at the crest", 1.0051, 1.2, 0, true, 0.89, 1.42},
		{"one that lasts too long", 1, 2.9, 0, false, 0.89, 1.89},
		{"samples are lost in it", 1, 1.5, 4900, false, 0.89, 1.22},
	} {
		var got []Capture
		a, err := New(Config{Rate: 4007, Phases: 3, Captures: Captures{Before: 5, After: 10, Most: 50}}, Told{Capture: func(c *Capture) {
			kept := *c
			kept.Samples = append([]int32{}, c.Samples...)
			got = append(got, kept)
		}})
		if err != nil {
			t.Fatal(err)
		}
		s := supply{rate: 4007, hz: 50, phases: 3, level: levels([]part{{1, c.from, c.to, 0.5}})}
		s.fill()
		ch := waveform.Channel{VoltsPerCode: 1e-4, AmpsPerCode: 1e-4}
		e, err := waveform.New(waveform.Config{Rate: 4007, Channels: []waveform.Channel{ch, ch, ch}, Centred: true, Hear: a}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		amps := func(p, k int) float64 { return 7 * math.Sin(2*math.Pi*50*float64(k)/4007+float64(p)) }
		for k := range 4 * 4007 {
			if k == c.lostAt && k > 0 {
				e.Lost(50)
			}
			at := k
			if c.lostAt > 0 && k >= c.lostAt {
				at += 50
			}
			var codes []int32
			for p := range 3 {
				codes = append(codes, int32(math.Round(s.volts(p, float64(at)/4007)*1e4)), int32(math.Round(amps(p, at)*1e4)))
			}
			e.Feed(codes)
		}
		e.Flush()
		a.End()
		if len(got) == 0 {
			t.Errorf("%s: nothing was kept", c.situation)
			continue
		}
		k := got[0]
		n := len(k.Samples) / 6
		first, last := float64(k.First)/4007, float64(k.First+int64(n))/4007
		if k.Kind != Dip || k.Whole != c.whole || math.Abs(first-c.first) > 0.022 || math.Abs(last-c.last) > 0.03 {
			t.Errorf("%s: %s from %.3f to %.3f s, whole %v", c.situation, k.Kind, first, last, k.Whole)
		}
		worst := 0.0
		for j := range n {
			for p := range 3 {
				worst = max(worst, math.Abs(float64(k.Samples[6*j+2*p])/1000-s.volts(p, (float64(k.First)+float64(j))/4007)))
				worst = max(worst, math.Abs(float64(k.Samples[6*j+2*p+1])/1000-amps(p, int(k.First)+j)))
			}
		}
		if worst > 0.01 {
			t.Errorf("%s: a sample is %.4f V or A wrong", c.situation, worst)
		}
	}
}

// Disturbances without end use no more room than was set aside.
func TestCapturesAreBounded(t *testing.T) {
	e, codes := three(t, &Config{Captures: Captures{Before: 5, After: 10, Most: 100}})
	for k := range codes {
		if k/600%2 == 1 {
			codes[k] /= 2
		}
	}
	e.Feed(codes)
	if n := testing.AllocsPerRun(20, func() { e.Feed(codes) }); n != 0 {
		t.Errorf("%v allocations a second", n)
	}
}
