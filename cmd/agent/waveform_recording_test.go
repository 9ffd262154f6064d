package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// recorded is CSV of a voltage and a current as a converter writes them.
type recorded struct {
	seconds, rate, hz float64
	volts, amps, phi  float64
	skew              float64 // seconds
	bits              int
	offset            int     // codes added: an unsigned converter has its zero in the middle
	noise             float64 // codes
	level             func(t float64) float64
	edit              func(lines []string)
}

const codesVolts, codesAmps = 452.0, 163.0

func (r recorded) csv() string {
	rng := rand.New(rand.NewPCG(5, 6))
	steps := float64(int64(1) << (r.bits - 1))
	lines := make([]string, 0, int(r.seconds*r.rate))
	for k := range int(r.seconds * r.rate) {
		t := float64(k) / r.rate
		w := 2 * math.Pi * r.hz
		level := 1.0
		if r.level != nil {
			level = r.level(t)
		}
		code := func(v, full float64) int { return int(math.Round(v/full*steps+r.noise*rng.NormFloat64())) + r.offset }
		lines = append(lines, fmt.Sprintf("%d,%d",
			code(level*r.volts*math.Sqrt2*math.Sin(w*t+0.3), codesVolts), code(r.amps*math.Sqrt2*math.Sin(w*(t+r.skew)+0.3-r.phi), codesAmps)))
	}
	if r.edit != nil {
		r.edit(lines)
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestRecordingsOfAllKinds(t *testing.T) {
	const third = math.Pi / 3
	for _, row := range []struct {
		name   string
		rec    recorded
		args   []string
		lost   int64
		events int
		tol    float64 // part of U, I and S
	}{
		{"120 V at 60 Hz is no sag", recorded{1, 4000, 60, 120, 5, third, 0, 24, 0, 0, nil, nil}, nil, 0, 0, 1e-4},
		{"100 V", recorded{1, 4000, 50, 100, 5, third, 0, 24, 0, 0, nil, nil}, nil, 0, 0, 1e-4},
		{"230 V with a long sag", recorded{2, 4000, 50, 230, 5, third, 0, 24, 0, 0, func(t float64) float64 {
			if t > 0.2 && t < 1.7 {
				return 0.52
			}
			return 1
		}, nil}, nil, 0, 1, 1},
		{"a converter without a sign", recorded{1, 4000, 49.7, 230, 10, third, 0, 12, 2048, 0.5, nil, nil}, nil, 0, 0, 2e-3},
		{"a skew of more than a sample", recorded{1, 16000, 50, 230, 10, third, 100e-6, 24, 0, 0, nil, nil}, []string{"--skew", "100us"}, 0, 0, 1e-4},
		{"a skew the other way", recorded{1, 4000, 50, 230, 10, third, -20e-6, 24, 0, 0, nil, nil}, []string{"--skew", "-20us"}, 0, 0, 1e-4},
		{"more than a sample the other way", recorded{1, 16000, 50, 230, 10, third, -100e-6, 24, 0, 0, nil, nil}, []string{"--skew", "-100us"}, 0, 0, 1e-4},
		{"100 mA behind the noise of 12 bits", recorded{10, 4000, 50, 230, 0.1, 0, 0, 12, 0, 0.7, nil, nil}, nil, 0, 0, 0.03},
		{"two cycles", recorded{0.04, 4000, 50, 230, 10, third, 0, 24, 0, 0, nil, nil}, nil, 0, 0, 2e-3},
		{"codes beyond the range are lost", recorded{1, 4000, 50, 230, 10, third, 0, 24, 0, 0, nil, func(l []string) {
			for k := 2000; k < 2100; k++ {
				l[k] = "9999999,0"
			}
		}}, nil, 100, 0, 1e-4},
		{"codes that are not there are lost", recorded{1, 4000, 50, 230, 10, third, 0, 24, 0, 0, nil, func(l []string) {
			l[0], l[2000], l[2001], l[2002], l[3999] = ",", "nan,nan", ",5", "7,", "null,null"
		}}, nil, 5, 0, 1e-4},
	} {
		t.Run(row.name, func(t *testing.T) {
			steps := float64(int64(1) << (row.rec.bits - 1))
			args := append([]string{
				"waveform", "--rate", fmt.Sprint(row.rec.rate), "--bits", fmt.Sprint(row.rec.bits),
				"--v-scale", fmt.Sprint(codesVolts / steps), "--i-scale", fmt.Sprint(codesAmps / steps),
			}, row.args...)
			stdout, stderr, code := agentOn(t, row.rec.csv(), args...)
			var got waveformResult
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK {
				t.Fatalf("code %d, %v, %s", code, err, stderr)
			}
			va := row.rec.volts * row.rec.amps
			near := func(what string, got, want, of float64) {
				if math.Abs(got-want) > row.tol*of {
					t.Errorf("%s %v, want %v", what, got, want)
				}
			}
			near("Urms", got.UrmsV, row.rec.volts, row.rec.volts)
			near("Irms", got.IrmsA, row.rec.amps, row.rec.amps)
			near("P", got.ActiveW, va*math.Cos(row.rec.phi), va)
			near("Q", got.ReactiveVar, va*math.Sin(row.rec.phi), va)
			near("frequency", got.FrequencyHz, row.rec.hz, row.rec.hz)
			near("THD", got.THDV, 0, 5)
			if got.LostSamples != row.lost || len(got.Events) != row.events {
				t.Errorf("%d samples lost, events %+v", got.LostSamples, got.Events)
			}
		})
	}
}

// A small load that a quiet converter sees is registered; what a noisy one
// makes of nothing is not.
func TestSmallLoads(t *testing.T) {
	for _, row := range []struct {
		name  string
		rec   recorded
		wh    float64
		exact bool
	}{
		{"5 mA on 24 bits", recorded{4, 4007, 50, 230, 0.005, 0, 0, 24, 0, 0, nil, nil}, 1.15 * 4 / 3600, false},
		{"nothing on 24 bits", recorded{4, 4007, 50, 230, 0, 0, 0, 24, 0, 20, nil, nil}, 0, true},
		{"nothing on 12 bits", recorded{4, 4007, 50, 230, 0, 0, 0, 12, 0, 0.7, nil, nil}, 0, true},
	} {
		steps := float64(int64(1) << (row.rec.bits - 1))
		stdout, stderr, code := agentOn(t, row.rec.csv(), "waveform", "--bits", fmt.Sprint(row.rec.bits), "--v-scale", fmt.Sprint(codesVolts/steps), "--i-scale", fmt.Sprint(codesAmps/steps))
		var got waveformResult
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK {
			t.Fatalf("%s: code %d, %v, %s", row.name, code, err, stderr)
		}
		switch {
		case row.exact && (got.ImportWh != 0 || got.ExportWh != 0):
			t.Errorf("%s: %v and %v Wh", row.name, got.ImportWh, got.ExportWh)
		case !row.exact && math.Abs(got.ImportWh/row.wh-1) > 0.001:
			t.Errorf("%s: %v Wh, want %v", row.name, got.ImportWh, row.wh)
		}
	}
}

// Whatever is recorded, samples are counted, and each is measured or lost.
func FuzzRecording(f *testing.F) {
	f.Add(recorded{0.1, 4007, 50, 230, 10, 1, 0, 12, 0, 0, nil, nil}.csv(), 12)
	f.Add("v,i\n1,2\n,\nnan,1\n-5,7.0\n\n# a remark\n1e3,-2\n", 24)
	f.Add("99999999999,1\n0,0\n", 8)
	f.Fuzz(func(t *testing.T, text string, bits int) {
		if len(text) > 1<<16 {
			return
		}
		args := []string{"waveform", fmt.Sprintf("--bits=%d", bits)}
		stdout, _, code := agentOn(t, text, args...)
		if code == exitFailure {
			t.Fatalf("code %d", code)
		}
		if code == exitUsage || stdout == "" {
			return
		}
		var got waveformResult
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatalf("%v: %s", err, stdout)
		}
		if float64(got.LostSamples) > got.DurationS*4007+0.5 || got.ImportWh < 0 || got.ExportWh < 0 || got.UrmsV < 0 || got.IrmsA < 0 {
			t.Errorf("%+v", got)
		}
	})
}
