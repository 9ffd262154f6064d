// Package replay reads recorded consumption from a CSV file, so that a real
// household's year can be played as a meter, at any speed and without one.
//
// The file has a header and one line a slot:
//
//	time,kwh            timestamp,kwh           timestamp,w
//	2024-03-01T00:00:00Z,0.49805
//
// The time is the start of the slot, UTC where it names no zone; kwh is the energy
// in the slot and w the mean power over it; an empty value, or a slot that is left out,
// is missing.  All slots have the length of the shortest step in the file.  What else a file
// may look like is told in internal/series.
package replay

import (
	"fmt"
	"io"
	"time"

	"github.com/keeplit/keeplit/internal/series"
	"github.com/keeplit/keeplit/internal/units"
)

// missing marks a slot without a value.
const missing units.Energy = -1

// maxSlots bounds the memory that a file with a wild date can take: a minute's
// step for 19 years.
const maxSlots = 10_000_000

// maxStep is the longest slot that makes sense.
const maxStep = 31 * 24 * time.Hour

// Series is recorded consumption on an even grid of slots.  It does not change
// and may be used by several goroutines.
type Series struct {
	start time.Time
	step  time.Duration
	slots []units.Energy
}

// SyntaxError is a line of the file that cannot be read.
type SyntaxError = series.Error

// Parse reads a whole file.  The error is a *SyntaxError, or what r said.
func Parse(r io.Reader) (*Series, error) {
	file, err := series.Read(r, series.Options{Zone: time.UTC, Sorted: true})
	if err != nil {
		return nil, err
	}
	rows := file.Rows
	line := 0
	if len(rows) > 0 {
		line = int(rows[len(rows)-1].Line)
	}
	bad := func(line int, remedy, format string, args ...any) error {
		return &SyntaxError{Line: line, Err: fmt.Errorf(format, args...), Remedy: remedy}
	}
	if len(rows) < 2 {
		return nil, bad(line, "a series has a header and at least two slots", "%d slots", len(rows))
	}
	step := maxStep + 1
	for i := range rows[1:] {
		step = min(step, rows[i+1].Time().Sub(rows[i].Time()))
	}
	if step > maxStep {
		return nil, bad(line, "check the dates; a slot is an hour or less in most recordings", "slots of more than %v", maxStep)
	}
	span := rows[len(rows)-1].Time().Sub(rows[0].Time())
	if span/step >= maxSlots {
		return nil, bad(line, "check the dates", "%v at a step of %v is more than %d slots", span, step, maxSlots)
	}
	s := &Series{start: rows[0].Time(), step: step, slots: make([]units.Energy, span/step+1)}
	for i := range s.slots {
		s.slots[i] = missing
	}
	for i := range rows {
		x := &rows[i]
		off := x.Time().Sub(s.start)
		if off%step != 0 {
			return nil, bad(int(x.Line), "all slots start a whole number of steps after the first", "%s is off the grid of %v", x.Time().Format(time.RFC3339), step)
		}
		if x.Known {
			e := x.Energy() - x.Beside().Export
			if file.Power {
				e = x.Power().Over(step)
			}
			if e < 0 || e > 1_000_000*units.KilowattHour {
				return nil, bad(int(x.Line), "write a number that is not negative, or nothing where it is missing", "%s is out of range", e)
			}
			s.slots[off/step] = e
		}
	}
	return s, nil
}

// Step is the length of a slot.
func (s *Series) Step() time.Duration { return s.step }

// Start is the first instant of the series, End the first after it.
func (s *Series) Start() time.Time { return s.start }

// End is the first instant after the series.
func (s *Series) End() time.Time { return s.start.Add(time.Duration(len(s.slots)) * s.step) }

// Energy is what was used in [from, to).  A slot's energy is spread evenly, and
// the parts of any partition of a slot add up to the slot to the microjoule.
// ok is false where any of the time is in a missing slot or outside the series.
func (s *Series) Energy(from, to time.Time) (e units.Energy, ok bool) {
	if to.Before(from) || from.Before(s.start) || to.After(s.End()) {
		return 0, false
	}
	a, b := from.Sub(s.start), to.Sub(s.start)
	for a < b {
		i := int64(a / s.step)
		if s.slots[i] == missing {
			return 0, false
		}
		begin := time.Duration(i * int64(s.step))
		end := min(b, begin+s.step)
		e += s.upTo(i, end-begin) - s.upTo(i, a-begin)
		a = end
	}
	return e, true
}

// upTo is the energy in the first d of slot i.
func (s *Series) upTo(i int64, d time.Duration) units.Energy {
	return s.slots[i].Part(int64(d), int64(s.step))
}

// Slots calls yield for each slot of the series in order, with ok false for a
// missing one, until it returns false.
func (s *Series) Slots(yield func(slot units.Slot, e units.Energy, ok bool) bool) {
	for i, e := range s.slots {
		slot := units.Slot{Start: s.start.Add(time.Duration(i) * s.step), Len: s.step}
		if e == missing {
			if !yield(slot, 0, false) {
				return
			}
			continue
		}
		if !yield(slot, e, true) {
			return
		}
	}
}
