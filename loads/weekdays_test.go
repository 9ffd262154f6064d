package loads

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
)

// needs is a load's need-days in a week from Monday, 2026-03-02: of each that is owed
// anything, when it begins and when it is done.
func needs(t *testing.T, zone *time.Location, d Document) string {
	t.Helper()
	l, err := Compile(d, zone)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, zone)
	var out []string
	for _, r := range l.Requests(Progress{}, UnitState{}, now, 7*24*time.Hour) {
		out = append(out, r.Spans[0].Start.In(zone).Format("Mon 15:04")+"-"+r.By.In(zone).Format("Mon 15:04"))
	}
	return strings.Join(out, ", ")
}

func TestALoadIsNeededOnItsDaysOfTheWeek(t *testing.T) {
	days := func(s string) (d civil.Days) {
		if err := d.SetText(s); err != nil {
			t.Fatal(err)
		}
		return d
	}
	zone := zoneOf(t, "Europe/Paris")
	ready := func(h int) *TimeOfDay { at := TimeOfDay(h * 60); return &at }
	for _, row := range []struct {
		name    string
		days    string
		between []Window
		ready   *TimeOfDay
		want    string
	}{
		{"of the day", "Sat,Sun", nil, nil, "Sat 00:00-Sun 00:00, Sun 00:00-Mon 00:00"},
		{"a night is of the day on which it begins", "Fri", []Window{{22 * 60, 6 * 60}}, nil, "Fri 22:00-Sat 06:00"},
		{"by a time it is of the day of that time", "Mon,Wed", []Window{{18 * 60, 9 * 60}}, ready(7), "Mon 00:00-Mon 07:00, Tue 18:00-Wed 07:00, Sun 18:00-Mon 07:00"},
		{"by 24:00 it is of the day that ends", "Tue", nil, ready(24), "Tue 00:00-Wed 00:00"},
		{"two stretches", "Thu", []Window{{6 * 60, 8 * 60}, {20 * 60, 22 * 60}}, nil, "Thu 06:00-Thu 22:00"},
	} {
		d := Document{ID: "pump", Power: 1_000_000, Need: &NeedDocument{For: time.Hour, Between: row.between, Weekdays: days(row.days)}, ReadyBy: row.ready, Switch: SwitchDocument{Driver: "house"}}
		if got := needs(t, zone, d); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// On the day on which the clock is set, and about it, days of the week are those of the wall clock.
func TestDaysOfTheWeekAboutAClockChange(t *testing.T) {
	zone := zoneOf(t, "Europe/Paris")
	for _, sunday := range []time.Time{time.Date(2026, 3, 29, 0, 0, 0, 0, zone), time.Date(2026, 10, 25, 0, 0, 0, 0, zone)} {
		d := Document{ID: "pump", Power: 1_000_000, Need: &NeedDocument{For: time.Hour, Weekdays: civil.Days{time.Sunday: true}}, Switch: SwitchDocument{Driver: "house"}}
		l, err := Compile(d, zone)
		if err != nil {
			t.Fatal(err)
		}
		rs := l.Requests(Progress{}, UnitState{}, sunday.AddDate(0, 0, -2), 5*24*time.Hour)
		if len(rs) != 1 || !rs[0].Spans[0].Start.Equal(sunday) || !rs[0].By.Equal(sunday.AddDate(0, 0, 1)) {
			t.Errorf("%v: %+v", sunday, rs)
		}
	}
}

// On a day off nothing is owed and nothing is missed; what is carried over waits for the next day.
func TestOnADayOffNothingIsMissed(t *testing.T) {
	d := Document{ID: "pump", Power: 1_000_000, Switch: SwitchDocument{Driver: "house"}, Need: &NeedDocument{
		For: 2 * time.Hour, Weekdays: civil.Days{time.Monday: true, time.Thursday: true}, CarryOver: true,
	}}
	l, err := Compile(d, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	p := l.Account(Progress{}, Taken{From: monday, To: monday.Add(30 * time.Minute), On: true})
	if l.DayOff(p) || l.Missing(p) != 90*time.Minute {
		t.Errorf("on Monday %v is missing", l.Missing(p))
	}
	p = l.Roll(p, monday.AddDate(0, 0, 1))
	if p.Missed != 90*time.Minute || !l.DayOff(p) || l.Missing(p) != 0 || l.Due(p) != 0 || l.NeededAt(monday.AddDate(0, 0, 1)) {
		t.Errorf("on Tuesday %+v", p)
	}
	for n := 2; n < 4; n++ {
		if p = l.Roll(p, monday.AddDate(0, 0, n)); p.Missed != 0 {
			t.Errorf("on day %d %v was missed", n, p.Missed)
		}
	}
	if l.Missing(p) != 210*time.Minute {
		t.Errorf("on Thursday %v is missing, with Monday's 1h30m", l.Missing(p))
	}
	// Begun on a day off it is not ahead of anything.
	if p := l.Roll(l.Roll(Progress{}, monday.AddDate(0, 0, 2)), monday.AddDate(0, 0, 3)); l.Missing(p) != 2*time.Hour {
		t.Errorf("begun on Wednesday, %v is missing on Thursday", l.Missing(p))
	}
}
