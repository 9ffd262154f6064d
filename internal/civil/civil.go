// Package civil counts the days of the Gregorian calendar.  It knows no price
// and no habit: what a day means is its users'.
package civil

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

const secondsADay = 86400

// Date is a local calendar day, counted from 1970-01-01, which is 0 and stands
// for "not given" in documents.
type Date int32

// DateOf is the day y-m-d.  A day beyond its month carries over; a month must
// be one of the twelve.
func DateOf(y int, m time.Month, d int) Date {
	if m <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	mp := (int(m) + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return Date(era*146097 + doe - 719468)
}

// DateIn is the day that it is at t in loc.
func DateIn(t time.Time, loc *time.Location) Date { return DateOf(t.In(loc).Date()) }

// Civil is the date's year, month and day.
func (d Date) Civil() (year int, month time.Month, day int) {
	// Days to civil date by eras of 400 years that begin on 1 March, so that
	// the leap day is the last of its year.
	z := int(d) + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	m := mp + 3
	if m > 12 {
		m -= 12
	}
	year = yoe + era*400
	if m <= 2 {
		year++
	}
	return year, time.Month(m), day
}

// Weekday is the date's day of the week.
func (d Date) Weekday() time.Weekday {
	return time.Weekday(((int(d)+4)%7 + 7) % 7)
}

// Start is the first instant of the date in loc, in UTC.
func (d Date) Start(loc *time.Location) time.Time {
	y, m, day := d.Civil()
	return units.DayStart(y, m, day, loc)
}

// SetText reads "2024-07-01" of a document, where none is before 1970.
func (d *Date) SetText(s string) error {
	if err := d.UnmarshalText([]byte(s)); err != nil {
		return err
	}
	if *d < 0 {
		return fmt.Errorf("%q is before 1970", s)
	}
	return nil
}

// String writes the date as UnmarshalText reads it.
func (d Date) String() string {
	y, m, day := d.Civil()
	return fmt.Sprintf("%04d-%02d-%02d", y, int(m), day)
}

// MarshalText writes the date as UnmarshalText reads it.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote, also of before 1970: west of
// Greenwich a clock that was never set shows the last day of 1969.
func (d *Date) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.DateOnly, string(b))
	if err != nil {
		return fmt.Errorf("%q is not a date such as 2024-07-01", b)
	}
	*d = Date(t.Unix() / secondsADay)
	return nil
}

// Easter is Easter Sunday of the Gregorian year y, by the anonymous algorithm
// printed in Nature in 1876.
func Easter(y int) Date {
	a, b, c := y%19, y/100, y%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return DateOf(y, time.Month(n/31), n%31+1)
}
