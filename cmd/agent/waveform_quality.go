package main

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/metering/waveform"
	"github.com/keeplit/keeplit/metering/waveform/flicker"
	"github.com/keeplit/keeplit/metering/waveform/voltage"
)

// qualityResult is what the recording says of the voltage, by the methods of
// IEC 61000-4-30 for class S.
type qualityResult struct {
	Windows      int            `json:"windows"`    // values over 10 (12) cycles
	Flagged      int            `json:"flagged"`    // of them, with a disturbance in them
	UrmsMinV     []float64      `json:"urms_min_v"` // by phase, of those without a disturbance; null where there is none
	UrmsMaxV     []float64      `json:"urms_max_v"`
	Negative     *float64       `json:"negative"` // the greatest of the values over 10 minutes, 0.02 is 2 %; null unless there are three phases
	Zero         *float64       `json:"zero"`
	ROCOF        *float64       `json:"rocof_hz_per_s"` // the greatest by amount; null where there was no unbroken second
	FrequencyHz  []float64      `json:"frequency_10s_hz"`
	Disturbances []qualityEvent `json:"disturbances"` // of all phases together, and rapid voltage changes
	TenMinutes   []qualityTen   `json:"ten_minutes"`
}

// qualityEvent is a disturbance of all phases together.
type qualityEvent struct {
	Type        string  `json:"type"`
	StartS      float64 `json:"start_s"`
	DurationS   float64 `json:"duration_s"`
	ExtremeV    float64 `json:"extreme_v"`             // the lowest or highest U_rms(1/2); of a rapid change the farthest from the mean before
	ChangeV     float64 `json:"change_v,omitempty"`    // by how much a rapid change moved the mean
	Phases      []int   `json:"phases"`                // that were in it
	Interrupted bool    `json:"interrupted,omitempty"` // of a dip: an interruption was in it
	Unending    bool    `json:"unending,omitempty"`    // the recording ended in it
}

// qualityTen is a value over 10 minutes.
type qualityTen struct {
	End      *time.Time `json:"end"` // null without --start
	EndS     float64    `json:"end_s"`
	Covered  float64    `json:"covered"` // how much of the 10 minutes was measured
	Gaps     bool       `json:"gaps"`
	Flagged  bool       `json:"flagged"`
	UrmsV    []float64  `json:"urms_v"`
	Negative *float64   `json:"negative"`
	Zero     *float64   `json:"zero"`
	// Orders is how many harmonics the rate allows; what follows is by phase.
	Orders          int         `json:"orders"`
	HarmonicsV      [][]float64 `json:"harmonics_v"`      // subgroups of IEC 61000-4-7, order 1 first
	InterharmonicsV [][]float64 `json:"interharmonics_v"` // centred subgroups: below the fundamental, then between orders 1 and 2, 2 and 3
	THDS            []float64   `json:"thds"`             // of the subgroups from order 2 to 40: 0.1 is 10 %
	SignalV         []float64   `json:"signal_v"`         // at --signal; null without it
	Pst             []float64   `json:"pst"`              // null where less than 95 % of the 10 minutes were judged
}

// quality gathers what the analyzer tells.
type quality struct {
	cfg      waveform.Config
	signal   bool
	analyzer *voltage.Analyzer
	out      qualityResult
}

// newQuality has the engine of cfg heard.
func newQuality(cfg *waveform.Config, start time.Time, signal float64) (*quality, error) {
	q := &quality{cfg: *cfg, signal: signal > 0}
	q.out = qualityResult{FrequencyHz: []float64{}, Disturbances: []qualityEvent{}, TenMinutes: []qualityTen{}}
	nominal := cfg.Nominal
	var err error
	q.analyzer, err = voltage.New(voltage.Config{
		Rate: cfg.Rate, Nominal: nominal, Frequency: cfg.Frequency, Phases: len(cfg.Channels),
		Harmonics: true, Flicker: cfg.Rate >= flicker.Least, Signal: signal,
	}, voltage.Told{
		Event: q.event, Window: q.window, Ten: q.ten,
		Frequency: func(_ time.Time, hz, _ float64) {
			if hz > 0 {
				q.out.FrequencyHz = append(q.out.FrequencyHz, hz)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	if !start.IsZero() {
		q.analyzer.Clock(0, start)
	}
	cfg.Hear = q.analyzer
	return q, nil
}

// result is what it all came to; the recording is over.
func (q *quality) result() *qualityResult {
	q.analyzer.End()
	return &q.out
}

func (q *quality) event(e voltage.Event) {
	var phases []int
	for k := range q.cfg.Channels {
		if e.Phases&(1<<k) != 0 {
			phases = append(phases, k+1)
		}
	}
	q.out.Disturbances = append(q.out.Disturbances, qualityEvent{
		Type: string(e.Kind), StartS: e.From / q.cfg.Rate, DurationS: (e.To - e.From) / q.cfg.Rate, ExtremeV: e.Extreme, ChangeV: e.Change,
		Phases: phases, Interrupted: e.Interrupted, Unending: e.Unending,
	})
}

func (q *quality) window(v *voltage.Value) {
	q.out.Windows++
	if v.Flagged {
		q.out.Flagged++
		return
	}
	if v.HasROCOF && (q.out.ROCOF == nil || math.Abs(v.ROCOF) > math.Abs(*q.out.ROCOF)) {
		r := v.ROCOF
		q.out.ROCOF = &r
	}
	if q.out.UrmsMinV == nil {
		q.out.UrmsMinV, q.out.UrmsMaxV = q.volts(v), q.volts(v)
		return
	}
	for k := range q.out.UrmsMinV {
		q.out.UrmsMinV[k], q.out.UrmsMaxV[k] = min(q.out.UrmsMinV[k], v.Urms[k]), max(q.out.UrmsMaxV[k], v.Urms[k])
	}
}

// volts are the phases that there are.
func (q *quality) volts(v *voltage.Value) []float64 {
	return append([]float64{}, v.Urms[:len(q.cfg.Channels)]...)
}

func (q *quality) ten(v *voltage.Value) {
	t := qualityTen{EndS: v.To / q.cfg.Rate, Covered: v.Covered, Gaps: v.Gaps, Flagged: v.Flagged, UrmsV: q.volts(v)}
	if !v.End.IsZero() {
		end := v.End
		t.End = &end
	}
	if v.Sequence {
		negative, zero := v.Negative, v.Zero
		t.Negative, t.Zero = &negative, &zero
		if q.out.Negative == nil || negative > *q.out.Negative {
			q.out.Negative = &negative
		}
		if q.out.Zero == nil || zero > *q.out.Zero {
			q.out.Zero = &zero
		}
	}
	for k := range q.cfg.Channels {
		if v.Spectra == 0 {
			break
		}
		t.Orders = v.Orders
		p := &v.Spectrum[k]
		t.HarmonicsV = append(t.HarmonicsV, append([]float64{}, p.Harmonics[:v.Orders]...))
		t.InterharmonicsV = append(t.InterharmonicsV, append([]float64{p.Below}, p.Inter[:v.Orders-1]...))
		t.THDS = append(t.THDS, p.THDS)
		if q.signal {
			t.SignalV = append(t.SignalV, p.Signal)
		}
	}
	if v.HasPst {
		t.Pst = append(t.Pst, v.Pst[:len(q.cfg.Channels)]...)
	}
	q.out.TenMinutes = append(q.out.TenMinutes, t)
}
