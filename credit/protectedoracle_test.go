package credit

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// easterSundays are those of an almanac.
var easterSundays = strings.Fields("2025-04-20 2026-04-05 2027-03-28 2028-04-16 2029-04-01 2030-04-21 2031-04-13 2032-03-28 2033-04-17 2034-04-09 2035-03-25")

// shownProtected is what docs/policy.md says of an instant, read from what a clock and a
// calendar on the wall show then: it shares nothing with the code that it judges.
func shownProtected(d ProtectedDocument, zone *time.Location, now time.Time, alerts []string) Shield {
	shown := strings.Fields(now.In(zone).Format("2006-01-02 15:04 Mon"))
	date, clock, day := shown[0], shown[1], strings.ToLower(shown[2])
	// The days before and after, by a calendar that has no hours.
	plain, err := time.Parse("2006-01-02", date)
	if err != nil {
		panic(err)
	}
	dayAt := func(later int) (date, day string) {
		x := plain.AddDate(0, 0, later)
		return x.Format("2006-01-02"), strings.ToLower(x.Format("Mon"))
	}
	if d.AtRisk != "" && date <= d.AtRisk {
		return ByRisk
	}
	for _, a := range d.Alerts {
		for _, in := range alerts {
			if a == in {
				return ByAlert
			}
		}
	}
	isHoliday := func(date string) bool {
		for _, h := range d.Holidays {
			switch {
			case h == date, len(h) == 5 && date[5:] == h:
				return true
			case strings.HasPrefix(h, "easter"):
				days := 0
				if h != "easter" {
					if _, err := fmt.Sscanf(h, "easter%d", &days); err != nil {
						panic(err)
					}
				}
				for _, sunday := range easterSundays {
					s, _ := time.Parse("2006-01-02", sunday)
					if s.AddDate(0, 0, days).Format("2006-01-02") == date {
						return true
					}
				}
			}
		}
		return false
	}
	tomorrow, _ := dayAt(1)
	if isHoliday(date) || d.Eves && isHoliday(tomorrow) {
		return ByHoliday
	}
	for _, span := range d.Dates {
		first, last := span[:5], span[9:]
		md := date[5:]
		if first <= last && first <= md && md <= last || first > last && (md >= first || md <= last) {
			return ByDate
		}
	}
	_, yesterday := dayAt(-1)
	for _, w := range d.Windows {
		from, to := fmt.Sprintf("%02d:%02d", w.From/60, w.From%60), fmt.Sprintf("%02d:%02d", w.To/60, w.To%60)
		for _, begins := range w.Days {
			over := to <= from // into the next day
			if begins == day && from <= clock && (over || clock < to) || begins == yesterday && over && clock < to {
				return ByHours
			}
		}
	}
	return NoShield
}

// TestWhatProtectsIsWhatTheDocumentsSay holds the rules of protection against an oracle of its
// own, at any instant of ten years, most of all where a clock is put forward or back.
func TestWhatProtectsIsWhatTheDocumentsSay(t *testing.T) {
	var zones []*time.Location
	for _, name := range []string{"UTC", "Africa/Johannesburg", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Beirut", "Africa/Cairo", "America/Santiago"} {
		z, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, z)
	}
	begin, end := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2035, 2, 1, 0, 0, 0, 0, time.UTC)
	changes := map[*time.Location][]time.Time{}
	for _, z := range zones {
		for at := begin; at.Before(end); {
			_, next := at.In(z).ZoneBounds()
			if next.IsZero() {
				break
			}
			changes[z], at = append(changes[z], next), next
		}
	}
	seen := map[Shield]int{}
	rapid.Check(t, func(rt *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(rt, "zone")
		now := begin.Add(time.Duration(rapid.Int64Range(0, int64(end.Sub(begin)/time.Minute)).Draw(rt, "minute")) * time.Minute)
		var change time.Time
		if all := changes[zone]; len(all) > 0 && rapid.Bool().Draw(rt, "near a change") {
			change = rapid.SampledFrom(all).Draw(rt, "change")
			now = change.Add(time.Duration(rapid.IntRange(-150, 150).Draw(rt, "by")) * time.Minute)
		}
		shown := now.In(zone)
		minute := rapid.Custom(func(rt *rapid.T) units.TimeOfDay {
			if rapid.Bool().Draw(rt, "near") {
				return units.TimeOfDay(min(1440, max(0, shown.Hour()*60+shown.Minute()+rapid.IntRange(-45, 45).Draw(rt, "by"))))
			}
			return units.TimeOfDay(rapid.IntRange(0, 1440).Draw(rt, "time of day"))
		})
		near := func(name string) time.Time { return shown.AddDate(0, 0, rapid.IntRange(-2, 2).Draw(rt, name)) }
		var d ProtectedDocument
		for range rapid.IntRange(0, 2).Draw(rt, "windows") {
			w := FriendlyWindow{From: minute.Draw(rt, "from"), To: minute.Draw(rt, "to")}
			for _, day := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
				if rapid.Bool().Draw(rt, day) {
					w.Days = append(w.Days, day)
				}
			}
			if len(w.Days) == 0 {
				w.Days = []string{"sun"}
			}
			d.Windows = append(d.Windows, w)
		}
		if rapid.IntRange(0, 3).Draw(rt, "dates") == 0 {
			d.Dates = []string{near("first").Format("01-02") + " to " + near("last").Format("01-02")}
		}
		switch rapid.IntRange(0, 6).Draw(rt, "holidays") {
		case 0:
			d.Holidays = []string{near("holiday").Format("2006-01-02")}
		case 1:
			d.Holidays = []string{near("holiday").Format("01-02")}
		case 2:
			d.Holidays = []string{"easter", "easter-2", "easter+1", "easter+39"}
		}
		d.Eves = rapid.Bool().Draw(rt, "eves")
		if rapid.IntRange(0, 5).Draw(rt, "at risk") == 0 {
			d.AtRisk = near("at risk to").Format("2006-01-02")
		}
		d.Alerts = rapid.SampledFrom([][]string{nil, {"FREEZING"}, {"FREEZING", "OTHER"}}).Draw(rt, "alerts that protect")
		alerts := rapid.SampledFrom([][]string{nil, {"WIND"}, {"OTHER"}, {"WIND", "FREEZING"}}).Draw(rt, "alerts in force")
		if l := d.Check(); len(l) > 0 {
			rt.Fatalf("%v", l)
		}
		got, want := ProtectedTimes{d, zone}.At(now, alerts), shownProtected(d, zone, now, alerts)
		seen[want]++
		switch {
		case got == want:
		case got == ByHours && want == NoShield && !change.IsZero() && now.Sub(change).Abs() < 3*time.Hour:
			// A window's end may be read in two ways near a change: the longer protects.
		default:
			rt.Fatalf("at %s (%s) with %+v and %v in force: %q, the documents say %q", now.In(zone), zone, d, alerts, got, want)
		}
	})
	for _, s := range []Shield{NoShield, ByRisk, ByAlert, ByHoliday, ByDate, ByHours} {
		if seen[s] == 0 && !t.Failed() {
			t.Errorf("nothing drawn was protected by %q", s)
		}
	}
}

// In the hour that is shown twice both are protected, and a window that ends in the hour that
// is left out ends when that would have ended.
func TestAWindowNearAChangeOfTheClockProtectsInBothReadings(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		x, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	window := func(from, to string) ProtectedTimes {
		minutes := func(s string) units.TimeOfDay {
			var h, m int
			if _, err := fmt.Sscanf(s, "%d:%d", &h, &m); err != nil {
				t.Fatal(err)
			}
			return units.TimeOfDay(h*60 + m)
		}
		return ProtectedTimes{ProtectedDocument{Windows: []FriendlyWindow{{Days: []string{"sun"}, From: minutes(from), To: minutes(to)}}}, zone}
	}
	for _, c := range []struct {
		from, to, now string
		want          Shield
	}{
		{"02:00", "03:00", "2026-10-25T00:30:00Z", ByHours}, // 02:30, the first time
		{"02:00", "03:00", "2026-10-25T01:30:00Z", ByHours}, // and the second
		{"02:00", "03:00", "2026-10-25T02:00:00Z", NoShield},
		{"01:00", "02:30", "2026-10-25T01:29:00Z", ByHours}, // 02:29, the second time
		{"02:30", "04:00", "2026-10-25T00:30:00Z", ByHours}, // 02:30, the first time
		{"22:00", "02:30", "2026-10-25T21:30:00Z", ByHours},
		{"01:00", "02:30", "2026-03-29T00:59:00Z", ByHours},
		{"02:30", "04:00", "2026-03-29T01:59:00Z", ByHours},
		{"02:30", "04:00", "2026-03-29T02:00:00Z", NoShield},
	} {
		if got := window(c.from, c.to).At(at(c.now), nil); got != c.want {
			t.Errorf("%s to %s at %s: %q, want %q", c.from, c.to, at(c.now).In(zone).Format("15:04 MST"), got, c.want)
		}
	}
}

// Every window of half hours, at every quarter of an hour around two changes of each clock.
func TestNoWindowHasAHoleWhereAClockIsChanged(t *testing.T) {
	instants, protected := 0, 0
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "America/Santiago"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range 2 {
			_, change := at.In(zone).ZoneBounds()
			at = change
			for now := change.Add(-2 * time.Hour); now.Before(change.Add(3 * time.Hour)); now = now.Add(15 * time.Minute) {
				for from := units.TimeOfDay(0); from <= 1440; from += 30 {
					for to := from + 30; to <= from+300; to += 30 {
						d := ProtectedDocument{Windows: []FriendlyWindow{{Days: []string{"sat", "sun"}, From: from, To: to % 1440}}}
						got, want := ProtectedTimes{d, zone}.At(now, nil), shownProtected(d, zone, now, nil)
						instants++
						if want == ByHours {
							protected++
						}
						if want == ByHours && got != ByHours {
							t.Fatalf("%s at %s: %s to %s is not protected", name, now.In(zone), from, to%1440)
						}
					}
				}
			}
		}
	}
	if protected < instants/20 {
		t.Errorf("of %d instants %d are protected", instants, protected)
	}
}
