// Package replay reads recorded consumption from a CSV file, so that a real
// household's year can be played as a meter, at any speed and without one.
//
// The file has a header and one line a slot:
//
//	time,kwh            timestamp,kwh           timestamp,w
//	2024-03-01T00:00:00Z,0.49805
//
// The time is the start of the slot in UTC; kwh is the energy in the slot and w
// the mean power over it; an empty value, or a slot that is left out, is
// missing.  All slots have the length of the shortest step in the file.
package replay

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

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
type SyntaxError struct {
	Line   int // 1-based
	Err    error
	Remedy string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d: %v (%s)", e.Line, e.Err, e.Remedy)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// Parse reads a whole file.  The error is a *SyntaxError, or what r said.
func Parse(r io.Reader) (*Series, error) {
	in := bufio.NewScanner(r)
	line := 0
	power := false
	type row struct {
		at    time.Time
		value string
		line  int
	}
	var rows []row
	step := time.Duration(0)
	for in.Scan() {
		line++
		text := strings.TrimSpace(strings.TrimPrefix(in.Text(), "\ufeff"))
		if text == "" {
			continue
		}
		if line == 1 {
			switch strings.ToLower(strings.ReplaceAll(text, " ", "")) {
			case "time,kwh", "timestamp,kwh":
			case "time,w", "timestamp,w":
				power = true
			default:
				return nil, &SyntaxError{line, fmt.Errorf("header %q", clip(text)), "write time,kwh or timestamp,w"}
			}
			continue
		}
		first, value, found := strings.Cut(text, ",")
		if !found {
			return nil, &SyntaxError{line, fmt.Errorf("%q has no comma", clip(text)), "write time,value"}
		}
		at, err := parseTime(strings.TrimSpace(first))
		if err != nil {
			return nil, &SyntaxError{line, err, "write UTC as 2024-03-01T00:30:00Z"}
		}
		if n := len(rows); n > 0 {
			d := at.Sub(rows[n-1].at)
			if d <= 0 {
				return nil, &SyntaxError{line, fmt.Errorf("%s is not after the line before", first), "sort the lines by time and take out doubles"}
			}
			if step == 0 || d < step {
				step = d
			}
		}
		rows = append(rows, row{at, strings.TrimSpace(value), line})
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read the series after line %d: %w", line, err)
	}
	if len(rows) < 2 {
		return nil, &SyntaxError{line, fmt.Errorf("%d slots", len(rows)), "a series has a header and at least two slots"}
	}
	if step > maxStep {
		return nil, &SyntaxError{line, fmt.Errorf("slots of %v", step), "check the dates; a slot is an hour or less in most recordings"}
	}
	span := rows[len(rows)-1].at.Sub(rows[0].at)
	if span/step >= maxSlots {
		return nil, &SyntaxError{line, fmt.Errorf("%v at a step of %v is more than %d slots", span, step, maxSlots), "check the dates"}
	}
	s := &Series{start: rows[0].at, step: step, slots: make([]units.Energy, span/step+1)}
	for i := range s.slots {
		s.slots[i] = missing
	}
	for _, r := range rows {
		off := r.at.Sub(s.start)
		if off%step != 0 {
			return nil, &SyntaxError{r.line, fmt.Errorf("%s is off the grid of %v", r.at.Format(time.RFC3339), step), "all slots start a whole number of steps after the first"}
		}
		if r.value == "" {
			continue
		}
		e, err := parseValue(r.value, power, step)
		if err != nil {
			return nil, &SyntaxError{r.line, err, "write a number that is not negative, or nothing where it is missing"}
		}
		s.slots[off/step] = e
	}
	return s, nil
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			t = t.UTC()
			if t.Year() < 1970 || t.Year() > 2200 {
				return time.Time{}, fmt.Errorf("%q is not a year of electricity metering", clip(s))
			}
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", clip(s))
}

// parseValue reads kWh exactly where it has at most nine decimals.
func parseValue(s string, power bool, step time.Duration) (units.Energy, error) {
	const most = 1_000_000 // kWh in a slot, or kW
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", clip(s))
	}
	if power {
		if !(f >= 0 && f <= most*1000) {
			return 0, fmt.Errorf("%q W is out of range", clip(s))
		}
		return units.FromW(f).Over(step), nil
	}
	if !(f >= 0 && f <= most) {
		return 0, fmt.Errorf("%q kWh is out of range", clip(s))
	}
	if nano, err := units.ParseDecimal(s, 9); err == nil {
		return units.Energy(units.MulDiv(nano, int64(units.KilowattHour), 1_000_000_000)), nil
	}
	return units.FromKWh(f), nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
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
