package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// waveCSV is CSV of a voltage and a current at 4007 samples per second.
func waveCSV(seconds float64, volts, amps, phi, skew float64) string {
	var b strings.Builder
	b.WriteString("v,i\n")
	for k := range int(seconds * 4007) {
		t := float64(k) / 4007
		w := 2 * math.Pi * 50
		fmt.Fprintf(&b, "%d,%d\n", int(math.Round(volts*math.Sqrt2*math.Sin(w*t)*1e4)), int(math.Round(amps*math.Sqrt2*math.Sin(w*(t+skew)-phi)*1e5)))
	}
	return b.String()
}

func agentOn(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, &env{Ctx: context.Background(), Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs, Getenv: os.Getenv})
	return out.String(), errs.String(), code
}

func TestWaveformCommand(t *testing.T) {
	scale := []string{"--v-scale", "1e-4", "--i-scale", "1e-5"}
	for _, row := range []struct {
		name   string
		in     string
		args   []string
		active float64
		lost   int64
		tol    float64
	}{
		{"PF 0.5", waveCSV(2, 230, 10, math.Pi/3, 0), nil, 1150, 0, 0.05},
		{"export", waveCSV(2, 230, 10, math.Pi, 0), nil, -2300, 0, 0.05},
		{"skew corrected", waveCSV(2, 230, 10, math.Pi/3, 20e-6), []string{"--skew", "20us"}, 1150, 0, 0.1},
		{"skew left in", waveCSV(2, 230, 10, math.Pi/3, 20e-6), []string{"--skew", "20us", "--no-skew-correction"}, 1162.5, 0, 0.3},
		{"missing values are lost samples", strings.Replace(waveCSV(2, 230, 10, 0, 0), "\n0,0\n", "\n,\n", 1), nil, 2300, 1, 0.5},
		{"no header", strings.TrimPrefix(waveCSV(2, 230, 10, 0, 0), "v,i\n"), nil, 2300, 0, 0.05},
	} {
		t.Run(row.name, func(t *testing.T) {
			stdout, stderr, code := agentOn(t, row.in, append(append([]string{"waveform"}, scale...), row.args...)...)
			var got waveformResult
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK {
				t.Fatalf("code %d, %v, %s", code, err, stderr)
			}
			if math.Abs(got.ActiveW-row.active) > row.tol || got.LostSamples != row.lost {
				t.Errorf("%v W, %d lost; want %v, %d", got.ActiveW, got.LostSamples, row.active, row.lost)
			}
			if math.Abs(got.FrequencyHz-50) > 0.001 || math.Abs(got.UrmsV-230) > 0.01 || len(got.HarmonicsV) != 39 {
				t.Errorf("%v Hz, %v V, %d harmonics", got.FrequencyHz, got.UrmsV, len(got.HarmonicsV))
			}
			if wh := got.ImportWh - got.ExportWh; got.LostSamples == 0 && math.Abs(wh-row.active*2/3600) > 0.0005 {
				t.Errorf("%v Wh", wh)
			}
		})
	}
	for name, in := range map[string]string{"no samples": "", "words": "1,2\nfoo,bar\n", "one column": "1\n2\n", "too short": "v,i\n1,1\n2,2\n"} {
		if _, stderr, code := agentOn(t, in, "waveform"); code != exitInvalid || stderr == "" {
			t.Errorf("%s: code %d, %q", name, code, stderr)
		}
	}
	if _, _, code := agentOn(t, "", "waveform", "--rate", "10"); code != exitUsage {
		t.Errorf("a rate of 10: code %d", code)
	}
}

func TestCalibrateCommand(t *testing.T) {
	dir := t.TempDir()
	key, out := filepath.Join(dir, "key"), filepath.Join(dir, "calibration.json")
	// The divider is 2 % off, the transformer 3 % and half a degree.
	in := waveCSV(2, 230/1.02, 10/0.97, math.Pi/3-0.009, 0)
	args := []string{"calibrate", "--v-scale", "1e-4", "--i-scale", "1e-5", "--reference-voltage", "230", "--reference-current", "10", "--reference-power", "1150", "--key", key, "--out", out}
	stdout, stderr, code := agentOn(t, in, args...)
	var got calibrationShown
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK {
		t.Fatalf("code %d, %v, %s", code, err, stderr)
	}
	if math.Abs(got.VoltageError+1.9608) > 0.01 || math.Abs(got.CurrentError-3.0928) > 0.01 || math.Abs(got.Residual) > 0.005 || math.Abs(got.Constants.PhaseError+0.009) > 1e-4 {
		t.Errorf("%+v", got)
	}
	// The next one names the one it replaces.
	if _, stderr, code := agentOn(t, in, append(args, "--former", out)...); code != exitOK {
		t.Fatalf("code %d, %s", code, stderr)
	}
	file, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(file), `"former": "`+got.Signature) {
		t.Errorf("the former signature is not in %s (%v)", file, err)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", info.Mode(), err)
	}
	if _, _, code := agentOn(t, in, "calibrate", "--v-scale", "1", "--i-scale", "1", "--reference-voltage", "230", "--reference-current", "10", "--reference-power", "1150", "--key", key, "--out", out); code != exitInvalid {
		t.Errorf("scales that are far off: code %d", code)
	}
}

func TestProbeCommand(t *testing.T) {
	stdout, stderr, code := agentOn(t, "", "probe", "--json")
	if code != exitOK {
		t.Fatalf("code %d, %s", code, stderr)
	}
	kinds := map[string]bool{}
	for line := range strings.Lines(stdout) {
		var f struct{ Kind, Name, Outcome, Reason string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		if f.Outcome != "loaded" && f.Reason == "" {
			t.Errorf("%s %s is %s without a reason", f.Kind, f.Name, f.Outcome)
		}
		kinds[f.Kind] = true
	}
	for _, k := range []string{"gpio", "spi", "i2c", "serial", "mqtt"} {
		if !kinds[k] {
			t.Errorf("nothing is said of %s", k)
		}
	}
	stdout, _, _ = agentOn(t, "", "probe", "--json", "--mqtt", "mqtt://127.0.0.1:1", "--wait", "500ms")
	if !strings.Contains(stdout, `"kind":"mqtt","name":"mqtt://127.0.0.1:1","outcome":"failed","reason":"`) {
		t.Errorf("a broker that is not there: %s", stdout)
	}
}
