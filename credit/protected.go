package credit

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/fault"
)

// ProtectedDocument is when a utility may not disconnect a home, whatever is owed: the
// law's rules as data.  Windows, dates and holidays say when no disconnection may begin.
// An alert in force and a person at risk end one as well.
type ProtectedDocument struct {
	// Stretches of hours in which no disconnection begins.
	// Example: [{days: [fri], from: "12:00", to: "24:00"}]
	Windows []FriendlyWindow `yaml:"windows" json:"windows,omitempty"`
	// Stretches of each year, both days in them, as month-day.
	// Example: ["11-15 to 04-15"]
	Dates []string `yaml:"dates" json:"dates,omitempty"`
	// Holidays: one date, a day of each year as month-day, or days from Easter Sunday.
	// Example: ["2026-12-25", "12-25", "easter-2"]
	Holidays []string `yaml:"holidays" json:"holidays,omitempty"`
	// Whether the days before the holidays count as well.
	// Example: true
	Eves bool `yaml:"eves" json:"eves,omitempty"`
	// Kinds of the utility's alerts during which no home is disconnected; one that is in force ends a
	// disconnection too. policy.streams must have message.
	// Example: [FREEZING]
	Alerts []string `yaml:"alerts" json:"alerts,omitempty"`
	// A person who could come to harm lives here up to the end of this day. Left out: nobody.
	// Example: 2027-03-31
	AtRisk string `yaml:"at_risk" json:"at_risk,omitempty"`
	// At least so long lies between the announcement of a disconnection and the disconnection.
	// Example: 48h
	Notice time.Duration `yaml:"notice" json:"notice,omitempty"`
}

// Alerts are the kinds of alerts that a rule may name: those of OpenADR.
func Alerts() []string {
	return []string{"GRID_EMERGENCY", "BLACK_START", "POSSIBLE_OUTAGE", "FLEX_ALERT", "FIRE", "FREEZING", "WIND", "TSUNAMI", "AIR_QUALITY", "OTHER"}
}

// LongestNotice is the most that ProtectedDocument.Notice may be.
const LongestNotice = 90 * 24 * time.Hour

// Check names everything wrong with the document.
func (d ProtectedDocument) Check() fault.List {
	l := FriendlyDocument{Windows: d.Windows}.Check()
	for i, text := range d.Dates {
		if _, _, ok := dateSpan(text); !ok {
			l.Add(fmt.Sprintf("dates[%d]", i), "write the first and the last day as month-day, e.g. 11-15 to 04-15", "%.40q is no stretch of the year", text)
		}
	}
	for i, text := range d.Holidays {
		if _, ok := falls(text, 0); !ok {
			l.Add(fmt.Sprintf("holidays[%d]", i), "write 2026-12-25, 12-25 for each year, or easter-2 to easter+60", "%.40q is no holiday", text)
		}
	}
	for i, a := range d.Alerts {
		if !slices.Contains(Alerts(), a) {
			l.Add(fmt.Sprintf("alerts[%d]", i), "write one of "+strings.Join(Alerts(), ", "), "%.40q is no kind of alert", a)
		}
	}
	if _, err := time.Parse(time.DateOnly, d.AtRisk); d.AtRisk != "" && err != nil {
		l.Add("at_risk", "write the last day, e.g. 2027-03-31", "%.40q is not a date", d.AtRisk)
	}
	if d.Notice < 0 || d.Notice > LongestNotice {
		l.Add("notice", "write 0s to 2160h", "%s is not a time of notice", d.Notice)
	}
	return l
}

// monthDay is a day of every year, as month times 100 and day.
func monthDay(text string) (md int, ok bool) {
	t, err := time.Parse(time.DateOnly, "2028-"+text) // which has a 29 February
	return int(t.Month())*100 + t.Day(), err == nil
}

func dateSpan(text string) (from, to int, ok bool) {
	a, b, two := strings.Cut(text, " to ")
	from, first := monthDay(a)
	to, last := monthDay(b)
	return from, to, two && first && last
}

var easterForm = regexp.MustCompile(`^easter(?:([+-]\d{1,2}))?$`) //nolint:gochecknoglobals // compiled once, never changed

// falls tells whether the holiday is that day; ok is false where the text is no holiday.
func falls(text string, on civil.Date) (is, ok bool) {
	if m := easterForm.FindStringSubmatch(text); m != nil {
		days, err := strconv.Atoi(cmp.Or(m[1], "0"))
		sunday := on - civil.Date(days) // that would be Easter
		year, _, _ := sunday.Civil()
		return civil.Easter(year) == sunday, err == nil && days >= -60 && days <= 60
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return civil.DateOf(t.Date()) == on, true
	}
	md, ok := monthDay(text)
	_, month, day := on.Civil()
	return md == int(month)*100+day, ok
}

// Shield is why a home may not be disconnected.
type Shield string

// The shields.  Those that end a disconnection as well come first.
const (
	NoShield  Shield = ""
	ByRisk    Shield = "at_risk"
	ByAlert   Shield = "alert"
	ByHoliday Shield = "holiday" // or the day before one
	ByDate    Shield = "date"
	ByHours   Shield = "hours"
)

// Ends tells whether the shield ends a disconnection, too.
func (s Shield) Ends() bool { return s == ByRisk || s == ByAlert }

// ProtectedTimes is a ProtectedDocument that Check finds nothing wrong with, in a zone.
type ProtectedTimes struct {
	Doc  ProtectedDocument
	Zone *time.Location
}

// At is what protects the home at an instant; alerts are the kinds of those in force.
func (p ProtectedTimes) At(now time.Time, alerts []string) Shield {
	today := civil.DateIn(now, p.Zone)
	if last, err := time.Parse(time.DateOnly, p.Doc.AtRisk); err == nil && today <= civil.DateOf(last.Date()) {
		return ByRisk
	}
	if slices.ContainsFunc(p.Doc.Alerts, func(a string) bool { return slices.Contains(alerts, a) }) {
		return ByAlert
	}
	if p.holiday(today) || p.Doc.Eves && p.holiday(today+1) {
		return ByHoliday
	}
	_, m, d := today.Civil()
	for _, text := range p.Doc.Dates {
		from, to, ok := dateSpan(text)
		if md := int(m)*100 + d; ok && (from <= to && from <= md && md <= to || from > to && (md >= from || md <= to)) {
			return ByDate
		}
	}
	hours := calendar{FriendlyDocument{Windows: p.Doc.Windows}, p.Zone}
	if hours.covers(now).After(now) || p.shows(now) {
		return ByHours
	}
	return NoShield
}

// shows tells whether a clock on the wall shows a time that is within a window.  Where it is
// put forward or back it shows some times twice and some not at all, and a window's ends are
// no two instants that everybody agrees on: what either way of reading protects is protected.
func (p ProtectedTimes) shows(now time.Time) bool {
	local := now.In(p.Zone)
	at := TimeOfDay(local.Hour()*60 + local.Minute())
	begins := func(w FriendlyWindow, back int) bool {
		day := weekdays()[(int(local.Weekday())+7-back)%7]
		return slices.ContainsFunc(w.Days, func(d string) bool { return strings.ToLower(d) == day })
	}
	return slices.ContainsFunc(p.Doc.Windows, func(w FriendlyWindow) bool {
		if w.To > w.From {
			return begins(w, 0) && w.From <= at && at < w.To
		}
		return begins(w, 0) && w.From <= at || begins(w, 1) && at < w.To
	})
}

func (p ProtectedTimes) holiday(day civil.Date) bool {
	return slices.ContainsFunc(p.Doc.Holidays, func(text string) bool {
		is, ok := falls(text, day)
		return is && ok
	})
}

// ControlMode is how a disconnection by a utility ends: the control modes of the DLMS
// disconnect control (interface class 70, 0.0.96.3.10.255).  In all but None a utility may
// disconnect.
type ControlMode int

// NoControl is the mode in which no utility disconnects.
const NoControl ControlMode = 0

// Check is nil where there is such a mode.
func (m ControlMode) Check() error {
	if m < 0 || m > 6 {
		return fmt.Errorf("%d is no control mode", int(m))
	}
	return nil
}

// Closes tells whether the utility's word closes the supply by itself (modes 2 and 4); in
// the others it is ready, and somebody at home closes it.
func (m ControlMode) Closes() bool { return m == 2 || m == 4 }

// ControlState is the position as the attribute control_state of that object has it.
func (p Position) ControlState() int {
	switch p {
	case Connected:
		return 1
	case Ready:
		return 2
	case Undecided, Disconnected:
	}
	return 0
}
