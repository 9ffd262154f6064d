package voltage

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/metering/waveform"
)

// FuzzAnalyzer feeds anything, with samples lost and a clock that is set: no panic, no
// figure that is none, nothing that covers more than there is.
func FuzzAnalyzer(f *testing.F) {
	var seed []byte
	for k := range 6000 {
		seed = binary.LittleEndian.AppendUint16(seed, uint16(int16(16000*math.Sin(2*math.Pi*50*float64(k)/2003))))
	}
	f.Add(seed, uint16(0), uint8(0), int64(0))
	f.Add(seed, uint16(1500), uint8(40), int64(time.Hour))
	f.Add(append(append(append([]byte{}, seed[:3000]...), make([]byte, 2500)...), seed[130:]...), uint16(3), uint8(1), int64(-time.Hour))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, gone uint8, step int64) {
		finite := func(values ...float64) {
			for _, v := range values {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("a figure is %v", v)
				}
			}
		}
		value := func(v *Value) {
			finite(v.Urms[0], v.Urms[1], v.Urms[2], v.Negative, v.Zero, v.ROCOF, v.Covered, v.From, v.To, v.Pst[0])
			for k := range v.Spectrum {
				p := &v.Spectrum[k]
				finite(p.THDS, p.Below, p.Signal)
				finite(p.Harmonics[:]...)
				finite(p.Inter[:]...)
			}
			if v.Covered < 0 || v.Covered > 1 || v.To < v.From {
				t.Fatalf("%+v", v)
			}
		}
		a, err := New(Config{Rate: 2003, Phases: 3, Harmonics: true, Flicker: true, Signal: 317, Captures: Captures{5, 10, 100}}, Told{
			Event: func(e Event) {
				finite(e.From, e.To, e.Extreme, e.Change)
				if e.To < e.From {
					t.Fatalf("%+v", e)
				}
			},
			Window: value, Short: value, Ten: value,
			Frequency: func(_ time.Time, hz, covered float64) { finite(hz, covered) },
			Capture: func(c *Capture) {
				if len(c.Samples)%6 != 0 {
					t.Fatalf("%d values of six", len(c.Samples))
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ch := waveform.Channel{VoltsPerCode: 0.02, AmpsPerCode: 0.01}
		e, err := waveform.New(waveform.Config{Rate: 2003, Channels: []waveform.Channel{ch, ch, ch}, Hear: a, Centred: true}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 3, 1, 11, 59, 59, 0, time.UTC)
		n := len(b) / 2
		for k := range n {
			if k == int(at) {
				e.Lost(int(gone))
				now = now.Add(time.Duration(step % int64(1000*time.Hour)))
			}
			one := func(k int) int32 { return int32(int16(binary.LittleEndian.Uint16(b[2*(k%n):]))) }
			e.Feed([]int32{one(k), 1, one(k + 13), 2, one(k + 27), 3})
			now = now.Add(time.Second / 2003)
			if k%100 == 0 {
				a.Clock(e.Position(), now)
			}
		}
		e.Flush()
		a.End()
	})
}
