package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/metering/adc"
)

// phasesCSV is CSV of three phases with other voltages, currents and angles each, and of
// the neutral, from their definition.
func phasesCSV(seconds, rate float64, columns int, level func(phase int, t float64) float64) string {
	var b strings.Builder
	b.WriteString([]string{2: "v,i", 4: "v1,i1,v2,i2", 6: "v1,i1,v2,i2,v3,i3", 7: "v1,i1,v2,i2,v3,i3,in"}[columns] + "\n")
	for k := range int(seconds * rate) {
		t := float64(k) / rate
		sum := 0.0
		for p := range columns / 2 {
			at := 2*math.Pi*50*t - 2*math.Pi/3*float64(p)
			v := 230 * math.Sqrt2 * math.Sin(at) * (1 - 0.02*float64(p))
			if level != nil {
				v *= level(p, t)
			}
			i := math.Sqrt2 * math.Sin(at-0.3*float64(p)) * 5 * float64(p+1)
			sum += i
			if p > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%d,%d", int(math.Round(v*1e4)), int(math.Round(i*1e5)))
		}
		if columns == 7 {
			fmt.Fprintf(&b, ",%d", int(math.Round(-sum*1e5)))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestThreePhasesAreMeasured(t *testing.T) {
	scale := []string{"waveform", "--v-scale", "1e-4", "--i-scale", "1e-5"}
	stdout, stderr, code := agentOn(t, phasesCSV(2, 4007, 7, nil), scale...)
	var got waveformResult
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK {
		t.Fatalf("code %d, %v, %s", code, err, stderr)
	}
	if len(got.Phases) != 3 || got.NeutralA == nil {
		t.Fatalf("%+v", got)
	}
	sum, re, im := 0.0, 0.0, 0.0
	for p, f := range got.Phases {
		u, i, phi := 230*(1-0.02*float64(p)), 5*float64(p+1), 0.3*float64(p)
		if math.Abs(f.UrmsV-u) > 0.01 || math.Abs(f.IrmsA-i) > 0.001 || math.Abs(f.ActiveW-u*i*math.Cos(phi)) > 0.2 || math.Abs(f.ReactiveVar-u*i*math.Sin(phi)) > 0.5 {
			t.Errorf("phase %d: %+v", p+1, f)
		}
		sum += f.ActiveW
		re, im = re+i*math.Cos(2*math.Pi/3*float64(p)+phi), im+i*math.Sin(2*math.Pi/3*float64(p)+phi)
	}
	if math.Abs(got.ActiveW-sum) > 1e-9 || math.Abs(got.UrmsV-225.4) > 0.01 || math.Abs(*got.NeutralA-math.Hypot(re, im)) > 0.002 {
		t.Errorf("%v W, %v V, %v A in the neutral, want %v", got.ActiveW, got.UrmsV, *got.NeutralA, math.Hypot(re, im))
	}
	q := got.Quality
	if q == nil || q.Windows < 9 || q.Flagged != 0 || q.Negative == nil || math.Abs(*q.Negative-0.02/math.Sqrt(3)/0.98) > 1e-4 || len(q.Disturbances) != 0 {
		t.Errorf("quality %+v", q)
	}
	// A dip that goes from one phase to the next is one.
	stdout, _, _ = agentOn(t, phasesCSV(2, 4007, 6, func(p int, at float64) float64 {
		if from := 0.5 + 0.1*float64(p); at > from && at < from+0.15 {
			return 0.6
		}
		return 1
	}), scale...)
	got = waveformResult{}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if q := got.Quality; len(got.Events) != 3 || got.Events[2].Phase == 0 || len(q.Disturbances) != 1 || fmt.Sprint(q.Disturbances[0].Phases) != "[1 2 3]" || math.Abs(q.Disturbances[0].DurationS-0.36) > 0.02 || q.Flagged == 0 {
		t.Errorf("%+v, %+v", got.Events, got.Quality)
	}
	// Values over ten minutes are of the clock's where the beginning is known.
	stdout, stderr, code = agentOn(t, phasesCSV(1.9, 4007, 2, nil), append(scale, "--start", "2026-03-01T11:59:59Z")...)
	got = waveformResult{}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK {
		t.Fatalf("code %d, %v, %s", code, err, stderr)
	}
	if ten := got.Quality.TenMinutes; len(ten) != 2 || ten[0].End.Format("15:04:05") != "12:00:00" || ten[0].Covered > 0.01 {
		t.Errorf("%+v", ten)
	}
	if ten := got.Quality.TenMinutes[1]; ten.Orders != 39 || len(ten.HarmonicsV[0]) != 39 || math.Abs(ten.HarmonicsV[0][0]-230) > 0.01 || ten.THDS[0] > 1e-4 || ten.Pst != nil || ten.SignalV != nil {
		t.Errorf("%+v", ten)
	}
	for name, in := range map[string]string{"three columns": "1,2,3\n", "five": "1,2,3,4,5\n", "eight": "1,2,3,4,5,6,7,8\n", "one less in a later line": "1,2,3,4\n1,2,3\n"} {
		if _, stderr, code := agentOn(t, in, "waveform"); code != exitInvalid || !strings.Contains(stderr, "write") {
			t.Errorf("%s: code %d, %q", name, code, stderr)
		}
	}
}

// Each phase is calibrated for itself, beside those before it, and the constants are used.
func TestACalibrationOfThreePhasesIsApplied(t *testing.T) {
	dir := t.TempDir()
	key, file := filepath.Join(dir, "key"), filepath.Join(dir, "c.json")
	in := phasesCSV(2, 4007, 6, nil)
	for p := range 3 {
		u, i, phi := 240*(1-0.02*float64(p)), 5.1*float64(p+1), 0.3*float64(p)
		args := []string{
			"calibrate", "--v-scale", "1e-4", "--i-scale", "1e-5", "--phase", fmt.Sprint(p + 1), "--key", key, "--out", file,
			"--reference-voltage", fmt.Sprint(u), "--reference-current", fmt.Sprint(i), "--reference-power", fmt.Sprint(u * i * math.Cos(phi)),
		}
		if p > 0 {
			args = append(args, "--former", file)
		}
		if _, stderr, code := agentOn(t, in, args...); code != exitOK {
			t.Fatalf("phase %d: code %d, %s", p+1, code, stderr)
		}
		if p == 0 {
			if _, stderr, code := agentOn(t, in, "waveform", "--calibration", file); code != exitUsage || !strings.Contains(stderr, "--phase 2") {
				t.Errorf("one phase for three: code %d, %q", code, stderr)
			}
			if _, stderr, code := agentOn(t, in, append(args[:len(args)-8:len(args)-8], "--phase", "3", "--former", file, "--reference-voltage", "1", "--reference-current", "1", "--reference-power", "1", "--key", key, "--out", file)...); code == exitOK {
				t.Errorf("phase 3 before phase 2: %s", stderr)
			}
		}
	}
	stdout, stderr, code := agentOn(t, in, "waveform", "--calibration", file)
	var got waveformResult
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK {
		t.Fatalf("code %d, %v, %s", code, err, stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil || len(got.Calibration) != 128 || !strings.Contains(string(text), got.Calibration) {
		t.Errorf("signature %q (%v)", got.Calibration, err)
	}
	for p, f := range got.Phases {
		if u, i := 240*(1-0.02*float64(p)), 5.1*float64(p+1); math.Abs(f.UrmsV-u) > 0.01 || math.Abs(f.IrmsA-i) > 0.001 || math.Abs(f.ActiveW-u*i*math.Cos(0.3*float64(p))) > 0.3 {
			t.Errorf("phase %d: %+v", p+1, f)
		}
	}
	if _, stderr, code := agentOn(t, in, "waveform", "--calibration", file, "--rate", "8000"); code != exitUsage || !strings.Contains(stderr, "4007") {
		t.Errorf("another rate: code %d, %q", code, stderr)
	}
	changed := strings.Replace(string(text), `"rate":`, `"rate": `, 1)
	changed = strings.Replace(changed, "4007", "4006", 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := agentOn(t, in, "waveform", "--calibration", file); code != exitInvalid || !strings.Contains(stderr, "changed") {
		t.Errorf("changed constants: code %d, %q", code, stderr)
	}
}

// What the agent has kept around a disturbance is read back with nothing said beside it.
func TestACaptureIsReadBack(t *testing.T) {
	var b strings.Builder
	fmt.Fprintln(&b, adc.Captured{Kind: "dip", Start: time.Date(2026, 3, 1, 11, 59, 59, 0, time.UTC), Rate: 2003, Nominal: 230, Frequency: 50})
	b.WriteString("v1,i1,v2,i2,v3,i3\n")
	for k := range 4000 {
		at := float64(k) / 2003
		for p := range 3 {
			wt := 2*math.Pi*50*at - 2*math.Pi/3*float64(p)
			level := 1.0
			if p == 2 && at > 0.8 && at < 1 {
				level = 0.7
			}
			if p > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%d,%d", int(math.Round(230e3*math.Sqrt2*math.Sin(wt)*level)), int(math.Round(40e3*math.Sqrt2*math.Sin(wt-1))))
		}
		b.WriteByte('\n')
	}
	stdout, stderr, code := agentOn(t, b.String(), "waveform", "--bits", "12")
	var got waveformResult
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK {
		t.Fatalf("code %d, %v, %s", code, err, stderr)
	}
	q := got.Quality
	if len(got.Phases) != 3 || got.LostSamples != 0 || math.Abs(got.Phases[0].UrmsV-230) > 0.05 || math.Abs(got.Phases[0].IrmsA-40) > 0.01 || len(q.Disturbances) != 1 || math.Abs(q.Disturbances[0].ExtremeV-161) > 0.5 || q.TenMinutes[0].End == nil {
		t.Errorf("%+v, %+v", got.Phases, q)
	}
	p := got.Phases[0]
	if seconds := 2.0; math.Abs(p.FundamentalImportWh/p.ImportWh-1) > 0.06 || math.Abs(p.ReactiveVarh[0]-230*40*math.Sin(1)*seconds/3600) > 0.4 || p.ReactiveVarh[1]+p.ReactiveVarh[2]+p.ReactiveVarh[3] != 0 {
		t.Errorf("%+v", p)
	}
}
