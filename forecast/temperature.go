package forecast

import (
	"fmt"
	"math"
	"time"
)

// UpdateTemperature takes the mean outdoor temperature of the slot that starts
// at start, in degrees Celsius: measured, or forecast for a slot to come.  It
// is optional; where the load follows the weather the fitted experts find out.
// Where it is known a day ahead, past days are learned from as if it had been
// then.  The errors are ErrSlot, ErrTemperature, and
// ErrFuture where it is of more than two months ahead.
func (f *Forecaster) UpdateTemperature(start time.Time, celsius float64) error {
	n, err := slotNumber(start, f.opt.Step)
	if err != nil {
		return err
	}
	if f.future(&f.temp, n, 60*86400/f.hist.step) {
		return fmt.Errorf("temperature of %s: %w", start.UTC().Format(time.RFC3339), ErrFuture)
	}
	if !(celsius >= -90 && celsius <= 70) {
		return fmt.Errorf("temperature %v degrees Celsius at %s: %w", celsius, start.UTC().Format(time.RFC3339), ErrTemperature)
	}
	f.temp.set(n, celsius)
	f.changed(n)
	return nil
}

// temperatures are degrees Celsius by cell, which may run beyond the load.
type temperatures struct {
	perDay int
	v      []float32
	ahead  bool // known a day ahead of the load
}

func newTemperatures(h *history, cal *calendar, d *days, origin int) *temperatures {
	if len(h.v) == 0 {
		return nil
	}
	seconds := h.step * int64(d.fine)
	_, last := cal.days(h.first, h.end(), h.step)
	n := (int(last-d.first) + 1) * d.perDay
	if n <= 0 {
		return nil
	}
	t := &temperatures{perDay: d.perDay, v: make([]float32, n)}
	count := make([]float32, n)
	for g := h.first; g < h.end(); g++ {
		dn, sec := cal.local(g * h.step)
		c := int(dn-d.first)*d.perDay + int(sec/seconds)
		if x := float32(h.at(g)); x == x && c >= 0 {
			t.v[c] += x
			count[c]++
		}
	}
	known := 0
	for c := range t.v {
		if c >= origin && c < origin+d.perDay && count[c] > 0 {
			known++
		}
		t.v[c] /= count[c] // not a number where none is known
	}
	t.ahead = known*2 > d.perDay
	return t
}

// foresees tells whether the weather is known ahead.
func (t *temperatures) foresees() bool { return t != nil && t.ahead }

// at is the temperature of cell c as thought of at origin: its own where the
// weather is known ahead, else that of the same hour of the last known day.
func (t *temperatures) at(c, origin int) float64 {
	if !t.ahead && c >= origin {
		c -= ((c-origin)/t.perDay + 1) * t.perDay
	}
	if c < 0 || c >= len(t.v) {
		return math.NaN()
	}
	return float64(t.v[c])
}

// Degrees beyond which homes are heated or cooled.
const (
	heatedBelow = 15.5
	cooledAbove = 22
)

// unlike is by how many degrees more than at that hour of the week before a
// cell needs heating and cooling; zero where that is not known.
func (t *temperatures) unlike(c, origin int) (heat, cool float32) {
	if t == nil {
		return 0, 0
	}
	now := t.at(c, origin)
	if now != now {
		return 0, 0
	}
	var h, k, n float64
	for b := 1; b <= 14 && n < 7; b++ {
		if x := t.at(c-b*t.perDay, origin); x == x && c-b*t.perDay < origin {
			h += math.Max(0, heatedBelow-x)
			k += math.Max(0, x-cooledAbove)
			n++
		}
	}
	if n == 0 {
		return 0, 0
	}
	return float32(math.Max(0, heatedBelow-now) - h/n), float32(math.Max(0, now-cooledAbove) - k/n)
}
