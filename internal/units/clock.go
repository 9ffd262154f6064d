package units

import "fmt"

// TimeOfDay is a local time in minutes after midnight, 0 to 1440 (24:00, the end
// of the day).
type TimeOfDay int

// ParseTimeOfDay reads "07:30"; "24:00" is the end of the day.
func ParseTimeOfDay(s string) (TimeOfDay, error) {
	digit := func(i int) (int, bool) { return int(s[i] - '0'), s[i] >= '0' && s[i] <= '9' }
	if len(s) == 5 && s[2] == ':' {
		h1, ok1 := digit(0)
		h0, ok2 := digit(1)
		m1, ok3 := digit(3)
		m0, ok4 := digit(4)
		h, m := 10*h1+h0, 10*m1+m0
		if ok1 && ok2 && ok3 && ok4 && m < 60 && h*60+m <= 1440 {
			return TimeOfDay(h*60 + m), nil
		}
	}
	return 0, fmt.Errorf("%q is not a time of day: write hours and minutes, 00:00 to 24:00", s)
}

// SetText reads what ParseTimeOfDay reads.
func (t *TimeOfDay) SetText(s string) error {
	v, err := ParseTimeOfDay(s)
	if err != nil {
		return err
	}
	*t = v
	return nil
}

// String writes the time as SetText reads it.
func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", int(t)/60, int(t)%60) }

// MarshalText writes the time as SetText reads it.
func (t TimeOfDay) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *TimeOfDay) UnmarshalText(b []byte) error { return t.SetText(string(b)) }
