package credit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// FriendlyDocument is the non-disconnection calendar: hours in which a supply
// that had credit when they began is not cut for want of credit.  What is used
// then is owed.
type FriendlyDocument struct {
	// Stretches of hours, each on some weekdays.
	// Example: [{days: [mon, tue, wed, thu, fri], from: "18:00", to: "10:00"}]
	Windows []FriendlyWindow `yaml:"windows"`
	// Dates that are friendly from midnight to midnight, local.
	// Example: [2026-12-25, 2026-12-26]
	SpecialDays []string `yaml:"special_days"`
}

// FriendlyWindow is a stretch of hours that begins on each of some weekdays.
type FriendlyWindow struct {
	// The days on which it begins: mon, tue, wed, thu, fri, sat, sun.
	// Example: [fri]
	Days []string `yaml:"days" json:"days"`
	// When it begins, local.
	// Example: "18:00"
	From TimeOfDay `yaml:"from" json:"from"`
	// When it ends, local; at or before from: on the next day.
	// Example: "10:00"
	To TimeOfDay `yaml:"to" json:"to"`
}

// TimeOfDay is a local time of the day.
type TimeOfDay = units.TimeOfDay

// weekdays in the order of time.Weekday.
func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// Check names everything wrong with the calendar.
func (d FriendlyDocument) Check() fault.List {
	var l fault.List
	for i, w := range d.Windows {
		path := fmt.Sprintf("windows[%d]", i)
		if len(w.Days) == 0 {
			l.Add(path+".days", "list the weekdays it begins on, e.g. [mon, tue]", "it has no days")
		}
		for j, day := range w.Days {
			if !slices.Contains(weekdays(), strings.ToLower(day)) {
				l.Add(fmt.Sprintf("%s.days[%d]", path, j), "write mon, tue, wed, thu, fri, sat or sun", "%q is not a weekday", day)
			}
		}
		if w.From < 0 || w.From > 1440 {
			l.Add(path+".from", "write 00:00 to 24:00", "%d is not a time of day", w.From)
		}
		if w.To < 0 || w.To > 1440 {
			l.Add(path+".to", "write 00:00 to 24:00", "%d is not a time of day", w.To)
		}
	}
	for i, s := range d.SpecialDays {
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			l.Add(fmt.Sprintf("special_days[%d]", i), "write year-month-day, e.g. 2026-12-25", "%q is not a date", s)
		}
	}
	return l
}

// calendar answers when it is friendly.
type calendar struct {
	doc FriendlyDocument
	loc *time.Location
}

// at tells whether t is in friendly hours, and when the stretch ends.  Windows
// that touch or overlap are one stretch: a weekend is not two days with a
// chance to cut between them.
func (c calendar) at(t time.Time) (until time.Time, friendly bool) {
	until = t
	for range 64 { // as many joined windows as two months hold; a calendar without a gap need not be followed for ever
		next := c.covers(until)
		if !next.After(until) {
			break
		}
		until = next
	}
	return until, until.After(t)
}

// covers is the latest end of a window that holds t, or t itself.
func (c calendar) covers(t time.Time) time.Time {
	end := t
	y, m, d := t.In(c.loc).Date()
	for _, w := range c.doc.Windows {
		for back := range 2 { // a window may have begun yesterday
			noon := time.Date(y, m, d-back, 12, 0, 0, 0, c.loc)
			if !slices.ContainsFunc(w.Days, func(s string) bool { return strings.ToLower(s) == weekdays()[noon.Weekday()] }) {
				continue
			}
			last := 0
			if w.To <= w.From {
				last = 1
			}
			from, _ := c.on(noon, 0, w.From)
			_, to := c.on(noon, last, w.To)
			if !t.Before(from) && t.Before(to) && to.After(end) {
				end = to
			}
		}
	}
	for _, s := range c.doc.SpecialDays {
		day, err := time.Parse(time.DateOnly, s)
		if err != nil {
			continue // Check has said so
		}
		sy, sm, sd := day.Date()
		from, to := units.DayStart(sy, sm, sd, c.loc), units.DayStart(sy, sm, sd+1, c.loc)
		if !t.Before(from) && t.Before(to) && to.After(end) {
			end = to
		}
	}
	return end
}

// on is when the clock shows a time of day, on the local day that is later days after
// that of noon: once, or twice where the clock is set back.  A time over which it is set
// forward is the instant of that.
func (c calendar) on(noon time.Time, later int, at TimeOfDay) (first, last time.Time) {
	y, m, d := noon.In(c.loc).Date()
	if at == 0 || at == 1440 { // midnight may not exist on a day of a clock change
		if at == 1440 {
			later++
		}
		t := units.DayStart(y, m, d+later, c.loc)
		return t, t
	}
	shown := time.Date(y, m, d+later, int(at)/60, int(at)%60, 0, 0, time.UTC)
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} { // by the clock before a change, and after it
		_, east := shown.Add(near).In(c.loc).Zone()
		t := shown.Add(-time.Duration(east) * time.Second)
		if l := t.In(c.loc); l.Hour()*60+l.Minute() != int(at) {
			continue
		}
		if first.IsZero() || t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	if first.IsZero() {
		_, change := shown.Add(-24 * time.Hour).In(c.loc).ZoneBounds()
		change = change.UTC()
		return change, change
	}
	return first, last
}

// Friendly tells whether an instant is in the friendly hours of the calendar.
func (e *Engine) Friendly(at time.Time) bool {
	_, friendly := e.friendly.at(at)
	return friendly
}
