package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/keeplit/keeplit/metering/waveform"
)

// waveformCmd measures recorded samples of a voltage and a current, or of three.
type waveformCmd struct {
	Rate             float64       `help:"Samples per second of the recording; best a multiple of neither 50 nor 60, behind an input filter. Left out, that of the calibration, or 4007."`
	VScale           float64       `name:"v-scale" default:"1" help:"Volts a code."`
	IScale           float64       `name:"i-scale" default:"1" help:"Amperes a code."`
	Skew             time.Duration `default:"0s" help:"How much later the current was sampled than the voltage, e.g. 20us."`
	Bits             int           `default:"24" help:"Resolution of the converter; a code beyond it is a lost sample."`
	NoSkewCorrection bool          `name:"no-skew-correction" help:"Leave the skew in, to see what it does."`
	KeepDC           bool          `name:"keep-dc" help:"Keep the current's DC in its rms value, as of a load that takes half waves; the converter's zero must be right."`
	Nominal          float64       `help:"Declared voltage, for sags and swells; found from the recording where it is not given."`
	Frequency        float64       `help:"Declared frequency, 50 or 60; found from the recording where it is not given."`
	Calibration      string        `type:"existingfile" help:"Constants that agent calibrate has written and signed, in place of --v-scale and --i-scale."`
	Start            time.Time     `help:"When the recording began, e.g. 2026-03-01T12:00:00Z: values over 10 minutes are then of the clock's."`
	Signal           float64       `help:"Frequency of mains signalling (ripple control) to be looked for, in Hz, such as 217."`
	File             string        `arg:"" optional:"" default:"-" help:"CSV with the columns v,i in codes, or v1,i1,v2,i2,v3,i3 and perhaps in of the neutral; - is standard input."`
}

// waveformResult is what is printed.
type waveformResult struct {
	DurationS   float64 `json:"duration_s"`
	FrequencyHz float64 `json:"frequency_hz"`
	phaseResult
	Events      []waveformEvent `json:"events"`
	LostSamples int64           `json:"lost_samples"`
	Phases      []phaseResult   `json:"phases,omitempty"`      // where there are several
	NeutralA    *float64        `json:"neutral_a,omitempty"`   // where it is in the recording
	Calibration string          `json:"calibration,omitempty"` // its signature
	Quality     *qualityResult  `json:"quality,omitempty"`
}

// phaseResult is what one phase came to, or all together: then voltages are the mean, currents,
// powers and energies the sum, and THD the greatest.
type phaseResult struct {
	UrmsV       float64   `json:"urms_v"`
	IrmsA       float64   `json:"irms_a"`
	ActiveW     float64   `json:"active_w"`
	ReactiveVar float64   `json:"reactive_var"` // of the fundamental
	ApparentVA  float64   `json:"apparent_va"`
	PowerFactor float64   `json:"power_factor"`
	ImportWh    float64   `json:"import_wh"`
	ExportWh    float64   `json:"export_wh"`
	THDV        float64   `json:"thd_v"` // orders 2 to 40 over order 1: 0.1 is 10 %
	THDI        float64   `json:"thd_i"`
	HarmonicsV  []float64 `json:"harmonics_v"` // V rms, order 1 first
	HarmonicsI  []float64 `json:"harmonics_i"` // A rms

	FundamentalImportWh float64    `json:"fundamental_import_wh"` // of the fundamental alone
	FundamentalExportWh float64    `json:"fundamental_export_wh"`
	ReactiveVarh        [4]float64 `json:"reactive_varh"` // of the fundamental by quadrant: import lagging, export lagging, export leading, import leading
}

type waveformEvent struct {
	Type      string  `json:"type"`
	StartS    float64 `json:"start_s"`
	DurationS float64 `json:"duration_s"`
	UrmsV     float64 `json:"urms_v"`
	Phase     int     `json:"phase,omitempty"` // where there are several
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
	samples, err := openRecording(in, c.Bits)
	if err != nil {
		return err
	}
	if of := samples.captured; of != nil {
		c.Rate, c.VScale, c.IScale, c.Skew, c.Calibration = of.Rate, 1e-3, 1e-3, 0, ""
		if c.Start.IsZero() {
			c.Start = of.Start
		}
		if c.Nominal == 0 {
			c.Nominal = of.Nominal
		}
		if c.Frequency == 0 {
			c.Frequency = of.Frequency
		}
	}
	cfg, signature, err := c.config(samples.phases())
	if err != nil {
		return err
	}
	samples.shift(&cfg)
	if err := samples.survey(&cfg); err != nil {
		return &exitError{Code: exitUsage, Err: err}
	}
	if c.Bits >= quietBits {
		cfg.NoLoad = 0.5 * 0.001 * 5 * cfg.Nominal
	}
	out := waveformResult{Events: []waveformEvent{}, Calibration: signature}
	sums := make([]waveformSum, samples.phases())
	quality, err := newQuality(&cfg, c.Start, c.Signal)
	if err != nil {
		return &exitError{Code: exitUsage, Err: err}
	}
	engine, err := waveform.New(cfg, func(w *waveform.Window) {
		for k := range sums {
			sums[k].add(w, k)
		}
	}, func(ev waveform.Event) {
		e := waveformEvent{Type: string(ev.Kind), StartS: ev.Start / cfg.Rate, DurationS: ev.Samples / cfg.Rate, UrmsV: ev.Urms}
		if len(sums) > 1 {
			e.Phase = ev.Phase
		}
		out.Events = append(out.Events, e)
	})
	if err != nil {
		return &exitError{Code: exitUsage, Err: err}
	}
	var neutral *waveform.Engine
	var ofNeutral waveformSum
	if samples.neutral() {
		alone := cfg
		alone.Hear, alone.Channels = nil, []waveform.Channel{{VoltsPerCode: cfg.Channels[0].VoltsPerCode, AmpsPerCode: c.IScale}}
		if neutral, err = waveform.New(alone, func(w *waveform.Window) { ofNeutral.add(w, 0) }, nil); err != nil {
			return &exitError{Code: exitUsage, Err: err}
		}
	}
	if err := samples.feed(engine, neutral); err != nil {
		return err
	}
	engine.Flush()
	out.DurationS = float64(samples.count) / cfg.Rate
	out.FrequencyHz = engine.Frequency()
	out.LostSamples = engine.LostSamples()
	out.Quality = quality.result()
	phases := make([]phaseResult, len(sums))
	for k := range sums {
		ch := cfg.Channels[k]
		u2, i2 := engine.Noise(k)
		sums[k].quiet(u2, ch.VoltsPerCode, i2, ch.AmpsPerCode)
		phases[k].HarmonicsV, phases[k].HarmonicsI = []float64{}, []float64{}
		sums[k].into(&phases[k])
		energy := engine.Energy(k)
		phases[k].ImportWh, phases[k].ExportWh = float64(energy.Import)/3.6e9, float64(energy.Export)/3.6e9
		phases[k].FundamentalImportWh, phases[k].FundamentalExportWh = float64(energy.FundamentalImport)/3.6e9, float64(energy.FundamentalExport)/3.6e9
		for q, v := range energy.Reactive {
			phases[k].ReactiveVarh[q] = float64(v) / 3.6e9
		}
	}
	if out.phaseResult = phases[0]; len(phases) > 1 {
		out.phaseResult, out.Phases = together(phases), phases
	}
	if neutral != nil {
		neutral.Flush()
		var p phaseResult
		ofNeutral.into(&p)
		out.NeutralA = &p.IrmsA
	}
	if clean := &sums[0].clean; len(out.Events) > 0 && clean.samples > 0 {
		// A step in the voltage moves the crossings beside it.
		out.FrequencyHz = clean.cycles * cfg.Rate / clean.samples
	}
	enc := json.NewEncoder(e.Stdout)
	if err := enc.Encode(out); err != nil {
		return err
	}
	if sums[0].samples == 0 {
		return &exitError{Code: exitInvalid, Err: fmt.Errorf("%d samples hold no whole cycle; give at least three cycles", samples.count)}
	}
	return nil
}

// usualRate is of a recording where nothing else is said.
const usualRate = 4007

// config is what is known of the converter, and the signature of its constants.
func (c *waveformCmd) config(phases int) (cfg waveform.Config, signature string, err error) {
	cfg = waveform.Config{Rate: c.Rate, Nominal: c.Nominal, Frequency: c.Frequency, FindNoise: true, KeepDC: c.KeepDC}
	if !c.NoSkewCorrection {
		cfg.Skew = c.Skew
	}
	if c.Calibration != "" {
		var of waveform.Calibration
		file, err := os.ReadFile(c.Calibration)
		if err != nil {
			return cfg, "", err
		}
		if of, _, signature, err = waveform.Verify(file); err != nil {
			return cfg, "", &exitError{Code: exitInvalid, Err: fmt.Errorf("%s: %w", c.Calibration, err)}
		}
		switch {
		case cfg.Rate == 0:
			cfg.Rate = of.Rate
		case cfg.Rate != of.Rate:
			return cfg, "", &exitError{Code: exitUsage, Err: fmt.Errorf("%s was made at %v samples a second and the recording is of --rate %v; calibrate again at that rate", c.Calibration, of.Rate, cfg.Rate)}
		}
		if len(of.Channels) < phases {
			return cfg, "", &exitError{Code: exitUsage, Err: fmt.Errorf("%s has constants of %d phases and the recording has %d; agent calibrate --phase %d --former %s adds one", c.Calibration, len(of.Channels), phases, len(of.Channels)+1, c.Calibration)}
		}
		cfg.Channels = of.Channels[:phases]
		return cfg, signature, nil
	}
	if cfg.Rate == 0 {
		cfg.Rate = usualRate
	}
	for range phases {
		cfg.Channels = append(cfg.Channels, waveform.Channel{VoltsPerCode: c.VScale, AmpsPerCode: c.IScale})
	}
	return cfg, "", nil
}

// together is what several phases come to.
func together(phases []phaseResult) phaseResult {
	out := phaseResult{HarmonicsV: []float64{}, HarmonicsI: []float64{}}
	for _, p := range phases {
		out.UrmsV += p.UrmsV / float64(len(phases))
		out.IrmsA += p.IrmsA
		out.ActiveW += p.ActiveW
		out.ReactiveVar += p.ReactiveVar
		out.ApparentVA += p.ApparentVA
		out.ImportWh += p.ImportWh
		out.ExportWh += p.ExportWh
		out.FundamentalImportWh += p.FundamentalImportWh
		out.FundamentalExportWh += p.FundamentalExportWh
		for q, v := range p.ReactiveVarh {
			out.ReactiveVarh[q] += v
		}
		out.THDV, out.THDI = max(out.THDV, p.THDV), max(out.THDI, p.THDI)
	}
	if out.ApparentVA > 0 {
		out.PowerFactor = max(-1, min(1, out.ActiveW/out.ApparentVA))
	}
	return out
}

// quietBits is a resolution from which on a converter is quiet enough to tell
// the starting current of the best meters (0.001 of 5 A, class 0.2 S) from none.
const quietBits = 16

// waveformSum is the mean of a phase over all windows.
type waveformSum struct {
	samples      float64
	uu, ii, p, q float64
	noiseU       float64 // V^2 beyond what the engine knows of
	noiseI       float64
	clean, rough spectra // of the windows without a disturbance, and of all
}

// spectra is the mean of the harmonics' squares.
type spectra struct {
	samples, cycles  float64
	orders           int
	floor            float64 // how much of the noise falls on each order, times the samples
	u, i             [waveform.Harmonics]float64
	floorU2, floorI2 float64
}

func (s *spectra) add(w *waveform.Window, k int) {
	p, n := &w.Phases[k], w.Samples
	s.samples += n
	s.cycles += w.Cycles
	s.orders = max(s.orders, w.Orders)
	s.floor += 3 // of white noise of 1 behind Hann's window: 3/n in each order
	for h := range w.Orders {
		s.u[h] += p.HarmonicsU[h] * p.HarmonicsU[h] * n
		s.i[h] += p.HarmonicsI[h] * p.HarmonicsI[h] * n
	}
}

func (s *waveformSum) add(w *waveform.Window, k int) {
	p, n := &w.Phases[k], w.Samples
	s.samples += n
	s.uu += p.Urms * p.Urms * n
	s.ii += p.Irms * p.Irms * n
	s.p += p.P * n
	s.q += p.Q * n
	if w.Frequency == 0 {
		return
	}
	s.rough.add(w, k)
	if !w.Disturbed && w.Cycles >= 2 {
		s.clean.add(w, k)
	}
}

// quiet says how much noise the whole recording has.  The engine has taken off
// the converter's rounding only.
func (s *waveformSum) quiet(u2, vScale, i2, iScale float64) {
	s.noiseU, s.noiseI = max(0, u2-vScale*vScale/12), max(0, i2-iScale*iScale/12)
	for _, sp := range []*spectra{&s.clean, &s.rough} {
		sp.floorU2, sp.floorI2 = u2, i2
	}
}

func (s *waveformSum) into(out *phaseResult) {
	if s.samples > 0 {
		out.UrmsV, out.IrmsA = math.Sqrt(max(0, s.uu/s.samples-s.noiseU)), math.Sqrt(max(0, s.ii/s.samples-s.noiseI))
		out.ActiveW, out.ReactiveVar = s.p/s.samples, s.q/s.samples
		// Noise is known to some percent only, power much better: no current can
		// be less than the power asks for.
		if out.UrmsV > 0 && s.noiseI > 0 {
			out.IrmsA = max(out.IrmsA, math.Hypot(out.ActiveW, out.ReactiveVar)/out.UrmsV)
		}
		out.ApparentVA = out.UrmsV * out.IrmsA
	}
	if out.ApparentVA > 0 {
		out.PowerFactor = max(-1, min(1, out.ActiveW/out.ApparentVA))
	}
	sp := &s.clean
	if sp.samples == 0 {
		sp = &s.rough // only a disturbance, or hardly more than a cycle
	}
	if sp.samples == 0 {
		return
	}
	out.HarmonicsV, out.THDV = sp.harmonics(&sp.u, sp.floorU2)
	out.HarmonicsI, out.THDI = sp.harmonics(&sp.i, sp.floorI2)
}

// harmonics are the rms values by order, with the share of the noise taken off,
// and what all but the first come to as a part of it.
func (s *spectra) harmonics(squares *[waveform.Harmonics]float64, noise float64) (rms []float64, thd float64) {
	rest := 0.0
	for h := range s.orders {
		v := max(0, squares[h]-noise*s.floor) / s.samples
		rms = append(rms, math.Sqrt(v))
		if h > 0 {
			rest += v
		}
	}
	// A distortion of nothing is no figure: noise alone would be all of it.
	if rms[0] > 0 && rms[0]*rms[0] > 4*noise*s.floor/s.samples {
		thd = math.Sqrt(rest) / rms[0]
	}
	return rms, thd
}
