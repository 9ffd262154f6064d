package adc

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/quality"
	"github.com/keeplit/keeplit/metering/waveform"
	"github.com/keeplit/keeplit/metering/waveform/voltage"
)

// watch gathers what is measured of the voltage for the next reading, in whole units.
type watch struct {
	analyzer *voltage.Analyzer
	phases   int
	rate     float64
	news     quality.News
	files    *writer // nil: no captures are kept
}

// most bounds what waits for a reading that does not come.
const most = 256

func newWatch(cfg voltage.Config, wave waveform.Config) (*watch, error) {
	cfg.Rate, cfg.Nominal, cfg.Frequency, cfg.Phases = wave.Rate, wave.Nominal, wave.Frequency, len(wave.Channels)
	w := &watch{phases: cfg.Phases, rate: cfg.Rate}
	var err error
	w.analyzer, err = voltage.New(cfg, voltage.Told{Event: w.event, Ten: w.ten, Frequency: w.frequency, Capture: w.capture})
	return w, err
}

// take is what there is since the last time, nil where there is nothing.
func (w *watch) take() *quality.News {
	if w == nil || w.news.Empty() {
		return nil
	}
	news := w.news
	volts, hz := w.analyzer.Declared()
	news.Nominal, news.Frequency = units.Voltage(math.Round(volts*1000)), units.Frequency(math.Round(hz*1000))
	w.news = quality.News{}
	return &news
}

func ppm(part float64) quality.PPM { return quality.PPM(math.Round(part * 1e6)) }

func (w *watch) event(e voltage.Event) {
	if len(w.news.Events) >= most {
		return
	}
	u := e.Extreme
	if e.Kind == voltage.RapidChange {
		u = e.Change
	}
	w.news.Events = append(w.news.Events, quality.Event{
		Kind: quality.Kind(e.Kind), Start: w.analyzer.Time(e.From).Truncate(time.Millisecond),
		Length:  time.Duration((e.To - e.From) / w.rate * float64(time.Second)).Round(time.Millisecond),
		Voltage: units.Voltage(math.Round(u * 1000)), Interrupted: e.Interrupted,
	})
}

func (w *watch) frequency(end time.Time, hz, covered float64) {
	if hz > 0 && covered > 0.5 && len(w.news.Seconds) < most {
		w.news.Seconds = append(w.news.Seconds, quality.Seconds{End: end, Frequency: units.Frequency(math.Round(hz * 1000))})
	}
}

func (w *watch) ten(v *voltage.Value) {
	if v.End.IsZero() || len(w.news.Tens) >= most {
		return
	}
	t := quality.Ten{End: v.End, Covered: ppm(v.Covered), Gaps: v.Gaps, Flagged: v.Flagged, Sequence: v.Sequence, Negative: ppm(v.Negative)}
	for k := range w.phases {
		p := quality.Phase{Voltage: units.Voltage(math.Round(v.Urms[k] * 1000)), Flicker: v.HasPst, Pst: int64(math.Round(min(1e6, v.Pst[k]) * 1000))}
		// A few windows among gaps are no value of ten minutes.
		if s := &v.Spectrum[k]; v.Spectra*4 >= 3*3000 && s.Harmonics[0] > 0 {
			p.Orders, p.THD = v.Orders, ppm(s.THDS)
			for h := range p.Harmonics {
				p.Harmonics[h] = ppm(s.Harmonics[h] / s.Harmonics[0])
			}
		}
		t.Phases = append(t.Phases, p)
	}
	w.news.Tens = append(w.news.Tens, t)
}
