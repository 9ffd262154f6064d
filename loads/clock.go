package loads

import (
	"fmt"
	"strings"
	"time"
)

// TimeOfDay is a local time in minutes after midnight, 0 to 1440 (24:00).
type TimeOfDay int

// SetText reads "07:30"; "24:00" is the end of the day.
func (t *TimeOfDay) SetText(s string) error {
	v, err := parseTimeOfDay(s)
	if err != nil {
		return err
	}
	*t = v
	return nil
}

func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", int(t)/60, int(t)%60) }

// MarshalText writes t as "07:30".
func (t TimeOfDay) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *TimeOfDay) UnmarshalText(b []byte) error { return t.SetText(string(b)) }

func parseTimeOfDay(s string) (TimeOfDay, error) {
	if len(s) == 5 && s[2] == ':' && digits(s[:2]) && digits(s[3:]) {
		h, m := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
		if m < 60 && (h < 24 || h == 24 && m == 0) {
			return TimeOfDay(h*60 + m), nil
		}
	}
	return 0, fmt.Errorf("%q is not a time of day: write hours and minutes, 00:00 to 24:00", s)
}

func digits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

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
	f, err := parseTimeOfDay(strings.TrimSpace(from))
	if err != nil {
		return err
	}
	t, err := parseTimeOfDay(strings.TrimSpace(to))
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
	first, last := earlier(before, after), later(before, after)
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

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
