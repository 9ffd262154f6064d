package units

import "time"

// Slot is a half-open interval of time in UTC: Start is in it, End is not.
type Slot struct {
	Start time.Time     `json:"start"`
	Len   time.Duration `json:"len"`
}

// End is the first instant after the slot.
func (s Slot) End() time.Time { return s.Start.Add(s.Len) }

// Contains tells whether t is in [Start, End).
func (s Slot) Contains(t time.Time) bool { return !t.Before(s.Start) && t.Before(s.End()) }

// SlotAt is the slot of length l on the clock grid that t falls in.  The grid
// is laid from the UTC hour, which every zone in use agrees with for lengths
// that divide a quarter of an hour; l must divide a day.
func SlotAt(t time.Time, l time.Duration) Slot {
	return Slot{Start: t.UTC().Truncate(l), Len: l}
}

// Slots are the n slots of length l from the one that holds t.
func Slots(t time.Time, l time.Duration, n int) []Slot {
	s := SlotAt(t, l)
	out := make([]Slot, n)
	for i := range out {
		out[i] = s
		s.Start = s.End()
	}
	return out
}

// LocalMidnight is the first instant of t's local day in loc, as UTC.  Where
// the clock skips midnight it is the first instant that exists.
func LocalMidnight(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.In(loc).Date()
	return DayStart(y, m, d, loc)
}

// NextLocalMidnight is the first instant of the local day after t's.  It is after
// t, also where a clock put back at midnight shows the end of a day again: then it
// is the begin of the day after the one that had begun.
func NextLocalMidnight(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.In(loc).Date()
	at := DayStart(y, m, d+1, loc)
	for !at.After(t) {
		d++
		at = DayStart(y, m, d+1, loc)
	}
	return at
}

// DayStart is the first instant at which the clock in loc shows the date y-m-d,
// or a later one where it skips that date, as UTC.  A day may be out of its month,
// as with time.Date.
func DayStart(y int, m time.Month, d int, loc *time.Location) time.Time {
	naive := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	at := naive.Add(-26 * time.Hour) // before the day in every zone there is
	for {
		local := at.In(loc)
		_, offset := local.Zone()
		_, end := local.ZoneBounds()
		if start := naive.Add(-time.Duration(offset) * time.Second); end.IsZero() || start.Before(end) {
			if start.Before(at) { // the clock jumped over it
				start = at
			}
			return start.UTC()
		}
		at = end
	}
}
