package tariffs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
)

// check finds what is wrong with a calendar: names missing or given twice, days
// or hours that belong to none or to two.
func (c *Calendar) check() fault.List {
	var l fault.List
	if len(c.Seasons) > mostNames || len(c.DayTypes) > mostNames || len(c.Periods) > mostNames || len(c.Holidays) > 10*mostNames {
		l.Add("seasons", fmt.Sprintf("keep to %d seasons, day types and periods and %d holidays", mostNames, 10*mostNames), "the calendar is too long")
		return l
	}
	spans := 0
	for i := range c.Periods {
		spans += len(c.Periods[i].Times)
	}
	if tooLong(&l, "periods", spans, 10*mostNames); len(l) > 0 {
		return l
	}
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "Local" {
		l.Add("zone", "write a name of the IANA time zone database, or leave it out for the document's zone", "%q is not a known time zone", c.Zone)
	}
	c.checkSeasons(&l)
	c.checkDays(&l)
	for i := range c.Holidays {
		c.checkHoliday(&l, fmt.Sprintf("holidays[%d]", i), &c.Holidays[i])
	}
	if len(l) == 0 {
		c.checkPeriods(&l)
	}
	return l
}

func unique(l *fault.List, path, name, what string, before []string) {
	if name == "" {
		l.Add(path+".name", "give it a name", "the %s has no name", what)
	} else if slices.Contains(before, name) {
		l.Add(path+".name", "give each its own name", "%q is another %s too", name, what)
	}
}

func (c *Calendar) checkSeasons(l *fault.List) {
	var before []string
	var owner [13 * 32]int
	rest := false
	for i := range c.Seasons {
		s, path := &c.Seasons[i], fmt.Sprintf("seasons[%d]", i)
		unique(l, path, s.Name, "season", before)
		before = append(before, s.Name)
		none := MonthDay{}
		switch {
		case s.From == none && s.To == none && rest:
			l.Add(path+".from", "give all seasons but one their dates", "two seasons have no dates")
		case s.From == none && s.To == none:
			rest = true
		case s.From == none || s.To == none:
			l.Add(path, "write from and to, both days included", "one of from and to is missing")
		default:
			from, to := s.From.ordinal(), s.To.ordinal()
			for o := range owner {
				in := (from <= to && o >= from && o <= to) || (from > to && (o >= from || o <= to))
				if !in {
					continue
				}
				if owner[o] != 0 {
					l.Add(path, "correct the dates", "%s to %s overlaps season %q", s.From, s.To, c.Seasons[owner[o]-1].Name)
					break
				}
				owner[o] = i + 1
			}
		}
	}
	if len(c.Seasons) == 0 || rest {
		return
	}
	for m := 1; m <= 12; m++ {
		for d := 1; d <= 31; d++ {
			md := MonthDay{time.Month(m), d}
			if d <= daysIn(md.Month) && owner[md.ordinal()] == 0 {
				l.Add("seasons", "correct the dates, or add a season without dates for the rest of the year", "%s is in no season", md)
				return
			}
		}
	}
}

func (c *Calendar) checkDays(l *fault.List) {
	var before []string
	var owner [8]int
	holiday := -1
	for i := range c.DayTypes {
		d, path := &c.DayTypes[i], fmt.Sprintf("day_types[%d]", i)
		unique(l, path, d.Name, "day type", before)
		before = append(before, d.Name)
		for j, w := range d.Days {
			if w < 1 || w > 7 {
				l.Add(fmt.Sprintf("%s.days[%d]", path, j), "write mon tue wed thu fri sat sun", "is not a day of the week")
				continue
			}
			if owner[w] != 0 {
				l.Add(fmt.Sprintf("%s.days[%d]", path, j), "put each day of the week into one day type", "%s is in day type %q too", w, c.DayTypes[owner[w]-1].Name)
			}
			owner[w] = i + 1
		}
		if d.Holidays && holiday >= 0 {
			l.Add(path+".holidays", "keep it at one day type; a holiday may name another by day_type", "day type %q has the holidays already", c.DayTypes[holiday].Name)
		}
		if d.Holidays {
			holiday = i
		}
	}
	if len(c.DayTypes) > 0 {
		for w := Weekday(1); w <= 7; w++ {
			if owner[w] == 0 {
				l.Add("day_types", "put each day of the week into one day type", "%s is in no day type", w)
			}
		}
	}
	if holiday < 0 {
		for i := range c.Holidays {
			if c.Holidays[i].DayType == "" {
				l.Add(fmt.Sprintf("holidays[%d]", i), "write holidays: true at a day type, or day_type here", "nothing says what day type a holiday is")
				return
			}
		}
	}
}

func (c *Calendar) checkHoliday(l *fault.List, path string, h *Holiday) {
	rules := 0
	if h.On != 0 {
		rules++
	}
	if h.Date != (MonthDay{}) {
		rules++
	}
	if h.Easter != nil {
		rules++
		if *h.Easter < -100 || *h.Easter > 100 {
			l.Add(path+".easter", "write days from Easter Sunday, e.g. -2 for Good Friday", "%d is out of range", *h.Easter)
		}
	}
	if h.Month != 0 || h.Weekday != 0 || h.Nth != 0 {
		rules++
		if h.Month < 1 || h.Month > 12 || h.Weekday < 1 || h.Weekday > 7 || h.Nth < -1 || h.Nth == 0 || h.Nth > 5 {
			l.Add(path, "write month (1 to 12), weekday (mon to sun) and nth (1 to 5, or -1 for the last)", "the rule by weekday is not whole")
		}
	}
	oneOf(&names{l: l}, path+".observed", h.Observed, ObservedSundayMonday, ObservedWeekendMonday)
	if rules != 1 {
		l.Add(path, "write one of: on (a day), date (a day of every year), easter, or month with weekday and nth", "there are %d rules for holiday %q", rules, h.Name)
	}
	if h.DayType != "" && !slices.ContainsFunc(c.DayTypes, func(d DayType) bool { return d.Name == h.DayType }) {
		l.Add(path+".day_type", "name one of the day types", "%q is not a day type", h.DayType)
	}
}

func (c *Calendar) checkPeriods(l *fault.List) {
	var before []string
	rest := -1
	for i := range c.Periods {
		p, path := &c.Periods[i], fmt.Sprintf("periods[%d]", i)
		unique(l, path, p.Name, "period", before)
		before = append(before, p.Name)
		if len(p.Times) == 0 {
			if rest >= 0 {
				l.Add(path+".times", "give all periods but one their times", "period %q has no times either", c.Periods[rest].Name)
			}
			rest = i
		}
		for j := range p.Times {
			c.checkSpan(l, fmt.Sprintf("%s.times[%d]", path, j), &p.Times[j])
		}
	}
	if len(c.Periods) == 0 || len(*l) > 0 {
		return
	}
	for s := range max(1, len(c.Seasons)) {
		for d := range max(1, len(c.DayTypes)) {
			if !c.checkDay(l, s, d, rest >= 0) {
				return
			}
		}
	}
}

func (c *Calendar) checkSpan(l *fault.List, path string, s *Span) {
	for i, name := range s.Seasons {
		if !slices.ContainsFunc(c.Seasons, func(x Season) bool { return x.Name == name }) {
			l.Add(fmt.Sprintf("%s.seasons[%d]", path, i), "name one of the seasons", "%q is not a season", name)
		}
	}
	for i, name := range s.Days {
		if !slices.ContainsFunc(c.DayTypes, func(x DayType) bool { return x.Name == name }) {
			l.Add(fmt.Sprintf("%s.days[%d]", path, i), "name one of the day types", "%q is not a day type", name)
		}
	}
	if s.From < 0 || s.From >= wholeDay || s.To < 0 || s.To > wholeDay {
		l.Add(path, "write times from 00:00 to 24:00", "%s to %s is not part of a day", s.From, s.To)
	}
}

// checkDay finds the first hour of a season's day type that two periods claim
// or none.
func (c *Calendar) checkDay(l *fault.List, s, d int, rest bool) bool {
	var owner [wholeDay]int
	where := c.dayName(s, d)
	for i := range c.Periods {
		for j := range c.Periods[i].Times {
			span := c.Periods[i].Times[j]
			if !c.covers(span, s, d) {
				continue
			}
			for _, r := range span.ranges() {
				for m := r[0]; m < r[1]; m++ {
					if owner[m] != 0 {
						l.Add(fmt.Sprintf("periods[%d].times[%d]", i, j), "correct the times", "%s%s is in period %q too", m, where, c.Periods[owner[m]-1].Name)
						return false
					}
					owner[m] = i + 1
				}
			}
		}
	}
	for m := range owner {
		if owner[m] == 0 && !rest {
			l.Add("periods", "correct the times, or add a period without times for the rest", "%s%s is in no period", TimeOfDay(m), where)
			return false
		}
	}
	return true
}

func (c *Calendar) dayName(s, d int) string {
	var b strings.Builder
	if s < len(c.Seasons) {
		b.WriteString(" in season " + c.Seasons[s].Name)
	}
	if d < len(c.DayTypes) {
		b.WriteString(" on a " + c.DayTypes[d].Name)
	}
	return b.String()
}
