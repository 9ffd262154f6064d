package waveform

import (
	"encoding/binary"
	"math"
	"testing"
)

// FuzzEngine feeds anything: no panic, no figure that is not one, no energy
// beyond what the codes can make.
func FuzzEngine(f *testing.F) {
	s := signal{rate: 1000, hz: 50, bits: 16, u: sine(peak(230), 0), i: sine(peak(10), 1)}
	var seed []byte
	for k := range 2000 {
		u, i := s.codes(k)
		seed = binary.LittleEndian.AppendUint16(seed, uint16(u))
		seed = binary.LittleEndian.AppendUint16(seed, uint16(i))
	}
	f.Add(seed, uint16(0), uint8(0))
	f.Add(seed, uint16(700), uint8(30))
	f.Add(append(append(append([]byte{}, seed[:2000]...), make([]byte, 1500)...), seed[130:]...), uint16(1), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, gone uint8) {
		check := func(v float64) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("a figure is %v", v)
			}
		}
		n := len(b) / 4
		e, err := New(Config{Rate: 1000, Channels: []Channel{{VoltsPerCode: 0.02, AmpsPerCode: 0.005}}, Skew: 100_000}, func(w *Window) {
			p := w.Phases[0]
			for _, v := range []float64{w.Frequency, w.Samples, p.Urms, p.Irms, p.P, p.Q, p.S, p.PF, p.DPF, p.THDu, p.THDi, w.Unbalance} {
				check(v)
			}
			if w.Samples <= 0 || w.Start < 0 {
				t.Fatalf("window of %v samples from %v on", w.Samples, w.Start)
			}
		}, func(ev Event) {
			check(ev.Urms)
			if ev.Samples <= 0 {
				t.Fatalf("event %+v", ev)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for k := range n {
			if k == int(at) {
				e.Lost(int(gone))
			}
			e.Feed([]int32{int32(int16(binary.LittleEndian.Uint16(b[4*k:]))), int32(int16(binary.LittleEndian.Uint16(b[4*k+2:])))})
		}
		e.Flush()
		check(e.Frequency())
		most := 2 * 655.36 * 163.84 * float64(n+8) / 1000 * 1e6
		if en := e.Energy(0); float64(en.Import) > most || float64(en.Export) > most {
			t.Fatalf("registered %+v of at most %v", en, most)
		}
	})
}
