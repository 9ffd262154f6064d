package voltage

import (
	"math"

	"github.com/keeplit/keeplit/metering/waveform"
)

// Captures says how much is kept of the samples around a disturbance.
type Captures struct {
	Before, After int // cycles before its beginning, and after its end
	Most          int // cycles in all; zero: nothing is kept
}

// Capture is the samples around a dip, swell or interruption.  It is good until the
// function that is shown it returns.
type Capture struct {
	Kind   Kind
	From   float64 // where the disturbance began, in samples since the beginning
	First  int64   // the first sample kept
	Phases int
	// Samples are millivolts and milliamperes of each phase in turn, sample after sample,
	// the DC of the voltages taken off.
	Samples []int32
	Whole   bool // to the end of the disturbance and after it; else it was too long, or samples were lost
}

// capture keeps samples while a disturbance lasts.
type capture struct {
	Capture
	on   bool
	next int64   // the sample that is kept next
	most int     // of Samples
	end  float64 // where it ends; negative while the disturbance lasts
}

func newCapture(cfg *Config) capture {
	n := int(float64(cfg.Captures.Most)*cfg.Rate/cfg.Frequency) * 2 * cfg.Phases
	return capture{most: n, Capture: Capture{Phases: cfg.Phases, Samples: make([]int32, 0, n)}}
}

// record follows the disturbances, and keeps what has been sampled since.
func (a *Analyzer) record(h *waveform.HalfCycle, before bool) {
	c := &a.capture
	if c.most == 0 {
		return
	}
	now := a.events.active()
	if now && !before && !c.on {
		for _, d := range []*disturbance{&a.events.gap, &a.events.swell, &a.events.dip} {
			if d.on {
				c.Kind, c.From = d.Kind, d.From
			}
		}
		c.on, c.end, c.Samples = true, -1, c.Samples[:0]
		r, _ := a.engine.Voltages(0)
		oldest := max(a.engine.First(), int64(a.engine.Position())-int64(r.Len())+1)
		c.First = max(oldest, int64(math.Floor(c.From-float64(a.cfg.Captures.Before)*h.Period)))
		c.next = c.First
	}
	if !c.on {
		return
	}
	switch {
	case now:
		c.end = -1
	case c.end < 0:
		c.end = h.To + float64(a.cfg.Captures.After)*h.Period
	}
	a.keep(int64(h.To))
	if c.end >= 0 && h.To >= c.end || len(c.Samples)+2*c.Phases > c.most {
		a.captured(c.end >= 0 && h.To >= c.end)
	}
}

// keep keeps the samples up to one.
func (a *Analyzer) keep(to int64) {
	c := &a.capture
	milli := func(v float64) int32 { return int32(math.Round(max(-2e9, min(2e9, v*1000)))) }
	for ; c.next <= to && len(c.Samples)+2*c.Phases <= c.most; c.next++ {
		for k := range c.Phases {
			u, dc := a.engine.Voltages(k)
			i, _ := a.engine.Currents(k)
			c.Samples = append(c.Samples, milli(u.At(c.next)-dc), milli(i.At(c.next)))
		}
	}
}

// captured shows what was kept.
func (a *Analyzer) captured(whole bool) {
	c := &a.capture
	if !c.on {
		return
	}
	c.on, c.Whole = false, whole
	if a.told.Capture != nil && len(c.Samples) > 0 {
		a.told.Capture(&c.Capture)
	}
}
