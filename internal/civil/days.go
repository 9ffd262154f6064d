package civil

import (
	"fmt"
	"strings"
	"time"
)

// Days are days of the week, by time.Weekday.
type Days [7]bool

// SetText reads "Mon-Fri", "Sat,Sun", "Tue".
func (d *Days) SetText(s string) error {
	on, ok := parseDays(strings.TrimSpace(s))
	if !ok {
		return fmt.Errorf("%q is not days of the week: write days like Mon-Fri or Sat,Sun", s)
	}
	*d = on
	return nil
}

// String writes the days as SetText reads them.
func (d Days) String() string {
	var days []string
	for i := range 7 {
		if day := time.Weekday((i + 1) % 7); d[day] {
			days = append(days, day.String()[:3])
		}
	}
	return strings.Join(days, ",")
}

// MarshalText writes the days as SetText reads them.
func (d Days) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes; nothing is no day.
func (d *Days) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Days{}
		return nil
	}
	return d.SetText(string(text))
}

func parseDays(s string) (on Days, ok bool) {
	for name := range strings.SplitSeq(s, ",") {
		first, last, span := strings.Cut(strings.TrimSpace(name), "-")
		if !span {
			last = first
		}
		a, ok1 := weekday(strings.TrimSpace(first))
		b, ok2 := weekday(strings.TrimSpace(last))
		if !ok1 || !ok2 {
			return on, false
		}
		for d := a; ; d = (d + 1) % 7 {
			on[d] = true
			if d == b {
				break
			}
		}
	}
	return on, true
}
