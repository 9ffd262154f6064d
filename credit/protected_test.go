package credit

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

func TestWhatProtectsAHomeAtAnInstant(t *testing.T) {
	zone, err := time.LoadLocation("Africa/Johannesburg")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		t.Helper()
		x, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	night := []FriendlyWindow{{Days: []string{"fri"}, From: 16 * units.TimeOfDay(60), To: 10 * units.TimeOfDay(60)}}
	for _, c := range []struct {
		name string
		doc  ProtectedDocument
		now  string
		want Shield
	}{
		{"nothing", ProtectedDocument{Windows: night}, "2026-11-26 20:00", NoShield},
		{"a night that began yesterday", ProtectedDocument{Windows: night}, "2026-11-28 09:59", ByHours},
		{"and is over", ProtectedDocument{Windows: night}, "2026-11-28 10:00", NoShield},
		{"a winter over the new year", ProtectedDocument{Dates: []string{"11-15 to 03-31"}}, "2027-01-02 12:00", ByDate},
		{"its last day", ProtectedDocument{Dates: []string{"11-15 to 03-31"}}, "2027-03-31 23:59", ByDate},
		{"the day after", ProtectedDocument{Dates: []string{"11-15 to 03-31"}}, "2027-04-01 00:00", NoShield},
		{"Good Friday", ProtectedDocument{Holidays: []string{"easter-2"}}, "2027-03-26 12:00", ByHoliday},
		{"Easter itself", ProtectedDocument{Holidays: []string{"easter"}}, "2027-03-28 12:00", ByHoliday},
		{"no Good Friday", ProtectedDocument{Holidays: []string{"easter-2"}}, "2027-03-25 12:00", NoShield},
		{"the day before it", ProtectedDocument{Holidays: []string{"easter-2"}, Eves: true}, "2027-03-25 12:00", ByHoliday},
		{"a day of every year", ProtectedDocument{Holidays: []string{"12-25"}}, "2031-12-25 00:00", ByHoliday},
		{"the eve of the new year", ProtectedDocument{Holidays: []string{"01-01"}, Eves: true}, "2026-12-31 08:00", ByHoliday},
		{"29 February where there is one", ProtectedDocument{Holidays: []string{"02-29"}}, "2028-02-29 08:00", ByHoliday},
		{"and where there is none", ProtectedDocument{Holidays: []string{"02-29"}}, "2027-03-01 08:00", NoShield},
		{"one day only", ProtectedDocument{Holidays: []string{"2026-12-26"}}, "2027-12-26 08:00", NoShield},
		{"a person at risk, on the last day", ProtectedDocument{AtRisk: "2026-12-31"}, "2026-12-31 23:59", ByRisk},
		{"and after it", ProtectedDocument{AtRisk: "2026-12-31"}, "2027-01-01 00:00", NoShield},
	} {
		if l := c.doc.Check(); len(l) > 0 {
			t.Errorf("%s: %v", c.name, l)
		}
		if got := (ProtectedTimes{c.doc, zone}).At(at(c.now), nil); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	frost := ProtectedTimes{ProtectedDocument{Alerts: []string{"FREEZING"}}, zone}
	if frost.At(at("2026-11-26 20:00"), []string{"WIND"}) != NoShield || frost.At(at("2026-11-26 20:00"), []string{"FREEZING"}) != ByAlert {
		t.Error("an alert protects from another, or not at all")
	}
}

func TestRulesOfProtectionThatCannotBeRead(t *testing.T) {
	l := ProtectedDocument{
		Dates: []string{"11-15", "11-31 to 03-01"}, Holidays: []string{"easter-61", "easter+7days", "13-01", "Christmas", ""}, Alerts: []string{"COLD"},
		AtRisk: "soon", Notice: 91 * 24 * time.Hour,
	}.Check()
	var paths []string
	for _, f := range l {
		paths = append(paths, f.Path)
	}
	want := []string{"dates[0]", "dates[1]", "holidays[0]", "holidays[1]", "holidays[2]", "holidays[3]", "holidays[4]", "alerts[0]", "at_risk", "notice"}
	if !slices.Equal(paths, want) {
		t.Errorf("faults at %v, want %v", paths, want)
	}
}
