package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/keeplit/keeplit/metering/waveform"
)

// waveformCmd measures recorded samples of a voltage and a current.
type waveformCmd struct {
	Rate             float64       `default:"4000" help:"Samples per second."`
	VScale           float64       `name:"v-scale" default:"1" help:"Volts a code."`
	IScale           float64       `name:"i-scale" default:"1" help:"Amperes a code."`
	Skew             time.Duration `default:"0s" help:"How much later the current was sampled than the voltage, e.g. 20us."`
	Bits             int           `default:"24" help:"Resolution of the converter; a code beyond it is a lost sample."`
	NoSkewCorrection bool          `name:"no-skew-correction" help:"Leave the skew in, to see what it does."`
	Nominal          float64       `default:"230" help:"Declared voltage, for sags and swells."`
	Frequency        float64       `default:"50" help:"Declared frequency, 50 or 60."`
	File             string        `arg:"" optional:"" default:"-" help:"CSV with the columns v,i in codes; - is standard input."`
}

// waveformResult is what is printed.
type waveformResult struct {
	DurationS   float64         `json:"duration_s"`
	FrequencyHz float64         `json:"frequency_hz"`
	UrmsV       float64         `json:"urms_v"`
	IrmsA       float64         `json:"irms_a"`
	ActiveW     float64         `json:"active_w"`
	ReactiveVar float64         `json:"reactive_var"` // of the fundamental
	ApparentVA  float64         `json:"apparent_va"`
	PowerFactor float64         `json:"power_factor"`
	ImportWh    float64         `json:"import_wh"`
	ExportWh    float64         `json:"export_wh"`
	THDV        float64         `json:"thd_v"` // part of the fundamental, 0.1 is 10 %
	THDI        float64         `json:"thd_i"`
	HarmonicsV  []float64       `json:"harmonics_v"` // V rms, order 1 first
	HarmonicsI  []float64       `json:"harmonics_i"` // A rms
	Events      []waveformEvent `json:"events"`
	LostSamples int64           `json:"lost_samples"`
}

type waveformEvent struct {
	Type      string  `json:"type"`
	StartS    float64 `json:"start_s"`
	DurationS float64 `json:"duration_s"`
	UrmsV     float64 `json:"urms_v"`
}

// Run implements the command.
func (c *waveformCmd) Run(e *env) error {
	if c.Bits < 8 || c.Bits > 32 {
		return &exitError{Code: exitUsage, Err: fmt.Errorf("--bits %d: a converter has 8 to 32", c.Bits)}
	}
	in := e.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	cfg := waveform.Config{
		Rate: c.Rate, Nominal: c.Nominal, Frequency: c.Frequency,
		Channels: []waveform.Channel{{VoltsPerCode: c.VScale, AmpsPerCode: c.IScale}},
	}
	if !c.NoSkewCorrection {
		cfg.Skew = c.Skew
	}
	var sum waveformSum
	out := waveformResult{Events: []waveformEvent{}, HarmonicsV: []float64{}, HarmonicsI: []float64{}}
	engine, err := waveform.New(cfg, sum.add, func(ev waveform.Event) {
		out.Events = append(out.Events, waveformEvent{string(ev.Kind), ev.Start / c.Rate, ev.Samples / c.Rate, ev.Urms})
	})
	if err != nil {
		return &exitError{Code: exitUsage, Err: err}
	}
	samples, err := feedCSV(in, engine, c.Bits)
	if err != nil {
		return err
	}
	engine.Flush()
	out.DurationS = float64(samples) / c.Rate
	out.FrequencyHz = engine.Frequency()
	energy := engine.Energy(0)
	out.ImportWh, out.ExportWh = float64(energy.Import)/3.6e9, float64(energy.Export)/3.6e9
	out.LostSamples = engine.LostSamples()
	sum.into(&out)
	enc := json.NewEncoder(e.Stdout)
	if err := enc.Encode(out); err != nil {
		return err
	}
	if sum.samples == 0 {
		return &exitError{Code: exitInvalid, Err: fmt.Errorf("%d samples hold no whole cycle; give at least three cycles", samples)}
	}
	return nil
}

// waveformSum is the mean over all windows.
type waveformSum struct {
	samples, spectral  float64
	uu, ii, p, q       float64
	thdU, thdI         float64
	orders             int
	harmonicU, harmonI [waveform.Harmonics]float64
}

func (s *waveformSum) add(w *waveform.Window) {
	p, n := &w.Phases[0], w.Samples
	s.samples += n
	s.uu += p.Urms * p.Urms * n
	s.ii += p.Irms * p.Irms * n
	s.p += p.P * n
	s.q += p.Q * n
	if w.Frequency == 0 {
		return
	}
	s.spectral += n
	s.thdU += p.THDu * p.THDu * n
	s.thdI += p.THDi * p.THDi * n
	s.orders = max(s.orders, w.Orders)
	for h := range w.Orders {
		s.harmonicU[h] += p.HarmonicsU[h] * p.HarmonicsU[h] * n
		s.harmonI[h] += p.HarmonicsI[h] * p.HarmonicsI[h] * n
	}
}

func (s *waveformSum) into(out *waveformResult) {
	if s.samples > 0 {
		out.UrmsV, out.IrmsA = math.Sqrt(s.uu/s.samples), math.Sqrt(s.ii/s.samples)
		out.ActiveW, out.ReactiveVar = s.p/s.samples, s.q/s.samples
		out.ApparentVA = out.UrmsV * out.IrmsA
	}
	if out.ApparentVA > 0 {
		out.PowerFactor = max(-1, min(1, out.ActiveW/out.ApparentVA))
	}
	if s.spectral == 0 {
		return
	}
	out.THDV, out.THDI = math.Sqrt(s.thdU/s.spectral), math.Sqrt(s.thdI/s.spectral)
	for h := range s.orders {
		out.HarmonicsV = append(out.HarmonicsV, math.Sqrt(s.harmonicU[h]/s.spectral))
		out.HarmonicsI = append(out.HarmonicsI, math.Sqrt(s.harmonI[h]/s.spectral))
	}
}

// feedCSV reads lines of "v,i" and answers how many samples they stand for.  A
// line with a missing value, or a code beyond the converter's range, is a lost
// sample; a line that is no sample at all is an error, but for a header.
func feedCSV(in io.Reader, engine *waveform.Engine, bits int) (samples int64, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 4096), 64<<10)
	block := make([]int32, 0, 8192)
	lost := 0
	flush := func() {
		engine.Feed(block)
		block = block[:0]
	}
	most := int64(1) << (bits - 1)
	// Codes of an unsigned converter reach twice as far.
	inRange := func(v int64) bool { return v >= -most && v < 2*most && v <= math.MaxInt32 }
	for number := 1; lines.Scan(); number++ {
		text := bytes.TrimSpace(bytes.TrimPrefix(lines.Bytes(), []byte("\ufeff")))
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		left, right, found := bytes.Cut(text, []byte{','})
		v, vErr := parseCode(left)
		i, iErr := parseCode(right)
		if number == 1 && vErr != nil && len(left) > 0 && !noSample(left) {
			continue // the header
		}
		if !found || (vErr != nil && !noSample(left)) || (iErr != nil && !noSample(right)) {
			return 0, &exitError{Code: exitInvalid, Err: fmt.Errorf("line %d: %q is not two codes; write v,i", number, text[:min(len(text), 40)])}
		}
		samples++
		if vErr != nil || iErr != nil || !inRange(v) || !inRange(i) {
			if lost == 0 {
				flush()
			}
			lost++
			continue
		}
		if lost > 0 {
			engine.Lost(lost)
			lost = 0
		}
		if block = append(block, int32(v), int32(i)); len(block) == cap(block) {
			flush()
		}
	}
	flush()
	if lost > 0 {
		engine.Lost(lost)
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return 0, &exitError{Code: exitInvalid, Err: errors.New("a line is longer than 64 KB; the input is CSV, one sample a line")}
		}
		return 0, err
	}
	return samples, nil
}

// noSample tells how a sample that is not there is written.
func noSample(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) == 0 || bytes.EqualFold(b, []byte("nan")) || bytes.EqualFold(b, []byte("null")) || bytes.EqualFold(b, []byte("na"))
}

// parseCode reads a code; recordings write whole numbers as "123" or "123.0".
func parseCode(b []byte) (int64, error) {
	b = bytes.TrimSpace(b)
	if v, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		return v, nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1e12 {
		return 0, errors.New("not a code")
	}
	return int64(math.RoundToEven(f)), nil
}
