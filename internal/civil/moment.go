package civil

import (
	"fmt"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// At is the instant at which the clock in loc shows so many minutes after midnight of
// the date, in UTC.  Where the clock shows it twice it is the second, where the clock
// jumps over it the instant of the jump.
func (d Date) At(minutes units.TimeOfDay, loc *time.Location) time.Time {
	y, m, day := d.Civil()
	naive := time.Date(y, m, day, 0, int(minutes), 0, 0, time.UTC)
	at := naive.Add(-26 * time.Hour) // before it in every zone there is
	var found time.Time
	for {
		_, offset := at.In(loc).Zone()
		_, end := at.In(loc).ZoneBounds()
		shown := naive.Add(-time.Duration(offset) * time.Second)
		switch {
		case shown.Before(at) && found.IsZero():
			return at.UTC() // the clock jumped over it
		case !shown.Before(at) && (end.IsZero() || shown.Before(end)):
			found = shown
		}
		if end.IsZero() || end.After(naive.Add(26*time.Hour)) {
			return found.UTC()
		}
		at = end
	}
}

// weekday is the day that a name stands for: "Fri", "friday".
func weekday(name string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		full := d.String()
		if len(name) >= 3 && len(name) <= len(full) && strings.EqualFold(name, full[:len(name)]) && (len(name) == 3 || len(name) == len(full)) {
			return d, true
		}
	}
	return 0, false
}

// Moment is the instant that a person means by text at now in loc, in UTC: the next
// "Fri 18:00" or "18:00", "today 21:00", "tomorrow 07:00", "2026-12-04 18:00", or a
// time of RFC 3339.
func Moment(text string, now time.Time, loc *time.Location) (time.Time, error) {
	return moment(text, now, loc, 1, "tomorrow 07:00")
}

// Lately is the instant that has been, as a person means it by text: the last "Fri
// 18:00" or "18:00", "today 07:00", "yesterday 21:00", and else as Moment has it.
func Lately(text string, now time.Time, loc *time.Location) (time.Time, error) {
	return moment(text, now, loc, -1, "yesterday 07:00")
}

// moment looks for what is not a date from today on into the days that way leads to.
func moment(text string, now time.Time, loc *time.Location, way Date, such string) (time.Time, error) {
	text = strings.TrimSpace(text)
	bad := fmt.Errorf("%.40q is not a time: write it like Fri 18:00, %s or 2026-12-04 18:00", text, such)
	lies := func(at time.Time) bool { return way > 0 && at.After(now) || way < 0 && !at.After(now) }
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	if len(text) > 10 && text[4] == '-' && text[10] == 'T' {
		text = text[:10] + " " + text[11:] // as a browser sends it
	}
	day, clock, two := strings.Cut(text, " ")
	if !two {
		day, clock = "", text
	}
	clock = strings.TrimSpace(clock)
	if len(clock) == len("7:00") {
		clock = "0" + clock
	}
	if len(clock) == len("18:00:00") {
		clock = strings.TrimSuffix(clock, ":00")
	}
	minutes, err := units.ParseTimeOfDay(clock)
	if err != nil {
		return time.Time{}, bad
	}
	today := DateIn(now, loc)
	switch wd, named := weekday(day); {
	case !two:
		for d := today; ; d += way {
			if at := d.At(minutes, loc); lies(at) {
				return at, nil
			}
		}
	case named:
		for d := today; ; d += way {
			if at := d.At(minutes, loc); d.Weekday() == wd && lies(at) {
				return at, nil
			}
		}
	case strings.EqualFold(day, "today"):
		return today.At(minutes, loc), nil
	case strings.EqualFold(day, "yesterday"):
		return (today - 1).At(minutes, loc), nil
	case strings.EqualFold(day, "tomorrow"):
		return (today + 1).At(minutes, loc), nil
	}
	var d Date
	if err := d.SetText(day); err != nil {
		return time.Time{}, bad
	}
	return d.At(minutes, loc), nil
}

// Span is the time that a person means by text at now in loc, in UTC: a day, where it names one alone
// ("2026-12-20", "20 Dec", "Fri", "today", "tomorrow"), from its first instant to the first after it; else the
// instant that Moment has, twice.  A day that has no year, or is named by the week, is the next one, or today.
func Span(text string, now time.Time, loc *time.Location) (from, to time.Time, err error) {
	if d, ok := dayAlone(strings.TrimSpace(text), DateIn(now, loc)); ok {
		return d.Start(loc).UTC(), (d + 1).Start(loc).UTC(), nil
	}
	at, err := Moment(text, now, loc)
	return at, at, err
}

// dayAlone is the day that text names; false where it names none.
func dayAlone(text string, today Date) (d Date, ok bool) {
	if d.SetText(text) == nil {
		return d, true
	}
	if wd, named := weekday(text); named {
		return today + Date((int(wd)-int(today.Weekday())+7)%7), true
	}
	switch {
	case strings.EqualFold(text, "today"):
		return today, true
	case strings.EqualFold(text, "tomorrow"):
		return today + 1, true
	}
	t, err := time.Parse("2 Jan 2006", text+" 2024") // of which 29 Feb is one
	if err != nil {
		return 0, false
	}
	year, _, _ := today.Civil()
	for ; ; year++ {
		if y, m, day := DateOf(year, t.Month(), t.Day()).Civil(); y != year || m != t.Month() || day != t.Day() {
			continue // 29 Feb
		}
		if d = DateOf(year, t.Month(), t.Day()); d >= today {
			return d, true
		}
	}
}
