package loads

import (
	"fmt"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// TimeOfDay is a local time of the day.
type TimeOfDay = units.TimeOfDay

// Window is a stretch of the local day, From in it and To not.  Where To is not
// after From it crosses midnight.
type Window struct {
	From, To TimeOfDay
}

// SetText reads "22:00-06:00".
func (w *Window) SetText(s string) error {
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		return fmt.Errorf("%q is not a stretch of the day: write it as 22:00-06:00", s)
	}
	f, err := units.ParseTimeOfDay(strings.TrimSpace(from))
	if err != nil {
		return err
	}
	t, err := units.ParseTimeOfDay(strings.TrimSpace(to))
	if err != nil {
		return err
	}
	switch f {
	case 24 * 60:
		return fmt.Errorf("%q begins at 24:00: write 00:00", s)
	case t:
		return fmt.Errorf("%q is empty: for the whole day write 00:00-24:00", s)
	}
	*w = Window{From: f, To: t}
	return nil
}

func (w Window) String() string { return w.From.String() + "-" + w.To.String() }

// MarshalText writes w as "22:00-06:00".
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (w *Window) UnmarshalText(b []byte) error { return w.SetText(string(b)) }

// wallClock is the first instant of the day y-m-d at which the wall clock of
// loc shows minute min (which may be over 1440: the next day).  A time the clock
// skips is the first instant after the jump, one it repeats the first of the two.
func wallClock(y int, m time.Month, d, min int, loc *time.Location) time.Time {
	naive := time.Date(y, m, d, 0, min, 0, 0, time.UTC)
	// The offset is the one in force a day before or a day after: no zone
	// changes twice in that time.
	before := naive.Add(-offset(naive.Add(-26*time.Hour), loc))
	after := naive.Add(-offset(naive.Add(26*time.Hour), loc))
	first, last := civil.Earlier(before, after), civil.Later(before, after)
	for _, c := range []time.Time{first, last} {
		if c.Add(offset(c, loc)).Equal(naive) {
			return c
		}
	}
	jump, _ := last.In(loc).ZoneBounds()
	return jump.UTC()
}

func offset(t time.Time, loc *time.Location) time.Duration {
	_, s := t.In(loc).Zone()
	return time.Duration(s) * time.Second
}
