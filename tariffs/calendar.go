package tariffs

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
)

const (
	secondsADay = 86_400
	wholeDay    = TimeOfDay(1440)
)

// calendar is a Calendar compiled for look-up by date and second of the day.
type calendar struct {
	clock *time.Location // of the hours, nil where it is the tariff's zone

	seasons, types, periods []string

	seasonOf [13 * 32]uint8 // by MonthDay.ordinal
	typeOf   [7]uint8       // by time.Weekday
	holidays []Holiday
	holiday  []uint8 // the day type of each rule

	edges [][]edge // by season*len(types)+type
}

// edge is the second of the day at which a period begins.
type edge struct {
	at     int
	period uint8
}

// season is the name of the season that d is in.
func (c *calendar) season(d Date) string {
	_, m, day := d.Civil()
	return c.seasons[c.seasonOf[MonthDay{m, day}.ordinal()]]
}

// daysIn is how many days of [from, until) are in the named seasons; none is all.
func (c *calendar) daysIn(seasons []string, from, until Date) int64 {
	if len(seasons) == 0 {
		return max(0, int64(until-from))
	}
	days := int64(0)
	for day := from; day < until; day++ {
		if listed(seasons, c.season(day)) {
			days++
		}
	}
	return days
}

// dayType is the day type of d: that of the first holiday rule which falls on
// it or is observed on it, else its weekday's.
func (c *calendar) dayType(d Date) uint8 {
	if len(c.holidays) > 0 {
		if i := c.holidayOn(d); i >= 0 {
			return c.holiday[i]
		}
	}
	return c.typeOf[d.Weekday()]
}

// holidayOn is the index of the holiday rule that makes d a holiday, or -1.
func (c *calendar) holidayOn(d Date) int {
	base := c.ruleOn(d)
	if base >= 0 {
		return base
	}
	w := d.Weekday()
	if w == time.Monday {
		for i := range c.holidays {
			if c.holidays[i].Observed == ObservedSundayMonday && c.holidays[i].falls(d-1) {
				return i
			}
		}
	}
	if w < time.Monday || w > time.Wednesday {
		return -1
	}
	// Each holiday of the weekend before takes the next working day that is
	// not one already: Christmas on a Saturday gives Monday and Tuesday.
	monday := d - Date(w-time.Monday)
	waiting := -1
	var owed int
	for i := range c.holidays {
		if c.holidays[i].Observed != ObservedWeekendMonday {
			continue
		}
		for _, day := range [2]Date{monday - 2, monday - 1} {
			if c.holidays[i].falls(day) {
				owed++
				waiting = i
			}
		}
	}
	for day := monday; day < d && owed > 0; day++ {
		if c.ruleOn(day) < 0 {
			owed--
		}
	}
	if owed > 0 {
		return waiting
	}
	return -1
}

// ruleOn is the index of the rule that falls on d itself, or -1.
func (c *calendar) ruleOn(d Date) int {
	for i := range c.holidays {
		if c.holidays[i].falls(d) {
			return i
		}
	}
	return -1
}

// falls tells whether the rule, before any shift, names d.
func (h *Holiday) falls(d Date) bool {
	y, m, day := d.Civil()
	switch {
	case h.Easter != nil:
		at := d - Date(*h.Easter) // the Sunday this would be Easter
		if y, _, _ = at.Civil(); at != civil.Easter(y) {
			return false
		}
	case h.Date != (MonthDay{}):
		if h.Date.Month != m || h.Date.Day != day {
			return false
		}
	case h.Month != 0:
		if int(m) != h.Month || d.Weekday() != h.Weekday.std() {
			return false
		}
		if h.Nth > 0 && (day-1)/7+1 != h.Nth {
			return false
		}
		if h.Nth < 0 {
			if _, next, _ := (d + 7).Civil(); next == m {
				return false
			}
		}
	default:
		return h.On == d
	}
	return (h.From == 0 || y >= h.From) && (h.To == 0 || y <= h.To)
}

// at is the season and period of second sec of day d, and the second of the
// day at which another period begins.
func (c *calendar) at(d Date, sec int) (season, period uint8, until int) {
	_, m, day := d.Civil()
	season = c.seasonOf[MonthDay{m, day}.ordinal()]
	edges := c.edges[int(season)*len(c.types)+int(c.dayType(d))]
	until = secondsADay
	for i := len(edges) - 1; i >= 0; i-- {
		if edges[i].at <= sec {
			return season, edges[i].period, until
		}
		until = edges[i].at
	}
	return season, 0, until // unreachable: the first edge is at 0
}

// compileCalendar lays out a checked Calendar.
func compileCalendar(doc *Calendar) *calendar {
	c := &calendar{holidays: doc.Holidays}
	rest := 0
	for i, s := range doc.Seasons {
		c.seasons = append(c.seasons, s.Name)
		if s.From == (MonthDay{}) {
			rest = i
		}
	}
	for i := range c.seasonOf {
		c.seasonOf[i] = uint8(rest)
	}
	for i, s := range doc.Seasons {
		if s.From == (MonthDay{}) {
			continue
		}
		from, to := s.From.ordinal(), s.To.ordinal()
		for o := range c.seasonOf {
			if (from <= to && o >= from && o <= to) || (from > to && (o >= from || o <= to)) {
				c.seasonOf[o] = uint8(i)
			}
		}
	}
	if len(c.seasons) == 0 {
		c.seasons = []string{""}
	}
	holidayType := uint8(0)
	for i, d := range doc.DayTypes {
		c.types = append(c.types, d.Name)
		for _, w := range d.Days {
			c.typeOf[w.std()] = uint8(i)
		}
		if d.Holidays {
			holidayType = uint8(i)
		}
	}
	if len(c.types) == 0 {
		c.types = []string{""}
	}
	for i := range doc.Holidays {
		k := holidayType
		if j := slices.Index(c.types, doc.Holidays[i].DayType); j >= 0 {
			k = uint8(j)
		}
		c.holiday = append(c.holiday, k)
	}
	rest = 0
	for i, p := range doc.Periods {
		c.periods = append(c.periods, p.Name)
		if len(p.Times) == 0 {
			rest = i
		}
	}
	if len(c.periods) == 0 {
		c.periods = []string{""}
	}
	for s := range c.seasons {
		for d := range c.types {
			c.edges = append(c.edges, dayEdges(doc, s, d, uint8(rest)))
		}
	}
	return c
}

// dayEdges are the period edges of a day of season s and day type d; the first
// is at second 0.
func dayEdges(doc *Calendar, s, d int, rest uint8) []edge {
	var minutes [wholeDay]uint8
	for m := range minutes {
		minutes[m] = rest
	}
	for p := range doc.Periods {
		for _, span := range doc.Periods[p].Times {
			if !doc.covers(span, s, d) {
				continue
			}
			for _, r := range span.ranges() {
				for m := r[0]; m < r[1]; m++ {
					minutes[m] = uint8(p)
				}
			}
		}
	}
	edges := []edge{{0, minutes[0]}}
	for m := 1; m < len(minutes); m++ {
		if minutes[m] != minutes[m-1] {
			edges = append(edges, edge{m * 60, minutes[m]})
		}
	}
	return edges
}

// covers tells whether the span names season s and day type d.
func (c *Calendar) covers(span Span, s, d int) bool {
	return (len(span.Seasons) == 0 || (s < len(c.Seasons) && slices.Contains(span.Seasons, c.Seasons[s].Name))) &&
		(len(span.Days) == 0 || (d < len(c.DayTypes) && slices.Contains(span.Days, c.DayTypes[d].Name)))
}

// ranges are the one or two ranges of minutes the span is of a day.
func (s Span) ranges() [][2]TimeOfDay {
	to := s.To
	if to == 0 {
		to = wholeDay
	}
	if to > s.From {
		return [][2]TimeOfDay{{s.From, to}}
	}
	return [][2]TimeOfDay{{0, to}, {s.From, wholeDay}}
}

// cycle is how the years are divided into billing months: on a day of the month, each
// so many months long, one of them begun in month first.
type cycle struct{ day, months, first int }

// at is the billing month that d is in: its first day, and the first day of the next
// one.
func (c cycle) at(d Date) (start, next Date) {
	y, m, day := d.Civil()
	n := y*12 + int(m) - 1
	if day < clampDay(y, m, c.day) {
		n--
	}
	n -= ((n-c.first+1)%c.months + c.months) % c.months
	return c.start(n), c.start(n + c.months)
}

// start is the reset day of a month, counted from January of the year 0.
func (c cycle) start(n int) Date {
	y := floorDiv(int64(n), 12)
	m := time.Month(int64(n) - y*12 + 1)
	return DateOf(int(y), m, clampDay(int(y), m, c.day))
}

// clampDay is the reset day, or the month's last where the month is shorter.
func clampDay(y int, m time.Month, reset int) int {
	last := daysIn(m)
	if m == time.February && (y%4 != 0 || (y%100 == 0 && y%400 != 0)) {
		last = 28
	}
	return min(reset, last)
}
