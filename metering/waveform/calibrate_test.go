package waveform

import (
	"bytes"
	"crypto/ed25519"
	"math"
	"reflect"
	"testing"
	"time"
)

// A converter with wrong gains and a transformer that comes early measures
// right after one calibration, also at another current and power factor.
func TestCalibrate(t *testing.T) {
	for _, row := range []struct {
		name                string
		gainU, gainI, early float64
		leading             bool
	}{
		{"gains and phase", 1.03, 0.96, 0.02, false},
		{"transformer the wrong way round", 0.98, -1.02, 0.015, false},
		{"a capacitive reference load", 1.01, 1.01, 0.01, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			measure := func(ch Channel, amps, phi float64) Phase {
				s := signal{rate: 4000, hz: 50, bits: 24, u: sine(peak(230)/row.gainU, 0), i: sine(peak(amps)/row.gainI, row.early-phi)}
				var last Phase
				e, err := New(Config{Rate: 4000, Channels: []Channel{ch}}, func(w *Window) { last = w.Phases[0] }, nil)
				if err != nil {
					t.Fatal(err)
				}
				for k := range 8000 {
					u, i := s.codes(k)
					e.Feed([]int32{u, i})
				}
				return last
			}
			phi := math.Pi / 3
			if row.leading {
				phi = -phi
			}
			raw := Channel{VoltsPerCode: fullU / (1 << 23), AmpsPerCode: fullI / (1 << 23)}
			ch, err := Correct(raw, measure(raw, 10, phi), Reference{Voltage: 230, Current: 10, Power: 1150, Leading: row.leading})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct{ amps, phi float64 }{{10, phi}, {1, 0}, {40, 1.2}, {5, -0.6}} {
				got, want := measure(ch, c.amps, c.phi).P, 230*c.amps*math.Cos(c.phi)
				if math.Abs(got/want-1) > 0.0005 {
					t.Errorf("%v A at %v rad: %v W, want %v", c.amps, c.phi, got, want)
				}
			}
		})
	}
}

func TestCalibrateRefuses(t *testing.T) {
	ok := Phase{Urms: 230, Irms: 10, P: 1150, Q: 1992}
	for _, row := range []struct {
		name string
		p    Phase
		ref  Reference
	}{
		{"no reference", ok, Reference{}},
		{"more watts than volt-amperes", ok, Reference{Voltage: 230, Current: 10, Power: 2400}},
		{"no current in the samples", Phase{Urms: 230}, Reference{Voltage: 230, Current: 10, Power: 1150}},
		{"a scale that is wrong by three", ok, Reference{Voltage: 690, Current: 10, Power: 3450}},
		{"another phase's current", ok, Reference{Voltage: 230, Current: 10, Power: 1150, Leading: true}},
	} {
		if _, err := Correct(Channel{VoltsPerCode: 1, AmpsPerCode: 1}, row.p, row.ref); err == nil {
			t.Errorf("%s: no error", row.name)
		}
	}
}

func TestSignedCalibration(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	c := Calibration{Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), By: "A. Tester", Rate: 4000, Channels: []Channel{{VoltsPerCode: 1e-5, AmpsPerCode: 2e-6, PhaseError: -0.01}}, Reference: []Reference{{Voltage: 230, Current: 10, Power: 1150}}}
	file, err := Sign(c, key)
	if err != nil {
		t.Fatal(err)
	}
	got, public, sig, err := Verify(file)
	if err != nil || !reflect.DeepEqual(got, c) || !public.Equal(key.Public()) || len(sig) != 128 {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, _, _, err := Verify(bytes.Replace(file, []byte("A. Tester"), []byte("B. Tester"), 1)); err == nil {
		t.Error("a changed constant was accepted")
	}
	if _, _, _, err := Verify(file[:len(file)/2]); err == nil {
		t.Error("half a file was accepted")
	}
}
