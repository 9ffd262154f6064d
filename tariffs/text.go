package tariffs

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// Rate is a share in millionths: 15 % is 150 000.
type Rate int64

// hundred is 100 % as a Rate.
const hundred Rate = 1_000_000

// SetText reads "15 %", "0.5%" or "-1 %".
func (r *Rate) SetText(s string) error {
	body, ok := strings.CutSuffix(strings.TrimSpace(s), "%")
	if !ok {
		return fmt.Errorf("%q is not a percentage such as 15 %%", s)
	}
	v, err := units.ParseDecimal(strings.TrimSpace(body), 4)
	if err != nil {
		return fmt.Errorf("%q is not a percentage such as 15 %%: %w", s, err)
	}
	*r = Rate(v)
	return nil
}

// String writes the rate as a percentage without needless zeros.
func (r Rate) String() string {
	s := units.Price(r * 100).String()
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + " %"
}

// MarshalText writes the rate as SetText reads it.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (r *Rate) UnmarshalText(b []byte) error { return r.SetText(string(b)) }

// Date is a local calendar day.
type Date = civil.Date

// DateOf is the day y-m-d of the Gregorian calendar.
func DateOf(y int, m time.Month, d int) Date { return civil.DateOf(y, m, d) }

// MonthDay is a day of every year; the zero value is "not given".
type MonthDay struct {
	Month time.Month
	Day   int
}

// daysIn are the days of each month in a leap year.
func daysIn(m time.Month) int {
	switch m {
	case time.February:
		return 29
	case time.April, time.June, time.September, time.November:
		return 30
	default:
		return 31
	}
}

// SetText reads "06-01", month first.
func (m *MonthDay) SetText(s string) error {
	a, b, ok := strings.Cut(s, "-")
	month, err1 := strconv.Atoi(a)
	day, err2 := strconv.Atoi(b)
	if !ok || len(a) != 2 || len(b) != 2 || err1 != nil || err2 != nil || month < 1 || month > 12 || day < 1 || day > daysIn(time.Month(month)) {
		return fmt.Errorf("%q is not a month and day such as 06-01", s)
	}
	*m = MonthDay{time.Month(month), day}
	return nil
}

// String writes the day as SetText reads it.
func (m MonthDay) String() string { return fmt.Sprintf("%02d-%02d", int(m.Month), m.Day) }

// MarshalText writes the day as SetText reads it.
func (m MonthDay) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// ordinal orders the days of a year, 29 February counted.
func (m MonthDay) ordinal() int { return int(m.Month)*32 + m.Day }

// TimeOfDay is a local time of the day.
type TimeOfDay = units.TimeOfDay

// Weekday is a day of the week, 1 for Monday to 7 for Sunday; 0 is "not given".
type Weekday int

// weekdayNames are in the order of Weekday.
func weekdayNames() []string { return []string{"", "mon", "tue", "wed", "thu", "fri", "sat", "sun"} }

// SetText reads "mon" to "sun".
func (w *Weekday) SetText(s string) error {
	for i, n := range weekdayNames() {
		if i > 0 && s == n {
			*w = Weekday(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a day of the week: mon tue wed thu fri sat sun", s)
}

// String writes the day as SetText reads it.
func (w Weekday) String() string {
	if w < 1 || w > 7 {
		return ""
	}
	return weekdayNames()[w]
}

// MarshalText writes the day as SetText reads it.
func (w Weekday) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// std is the day as package time counts it.
func (w Weekday) std() time.Weekday { return time.Weekday(int(w) % 7) }
