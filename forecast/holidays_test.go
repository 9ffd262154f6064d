package forecast

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/internal/units"
)

func TestHolidaysOfCountries(t *testing.T) {
	for _, c := range []struct {
		name, zone, day string
		want            bool
	}{
		{"Easter Monday", "Europe/London", "2018-04-02", true},
		{"the day after it", "Europe/London", "2018-04-03", false},
		{"first Monday of May", "Europe/London", "2018-05-07", true},
		{"last Monday of May", "Europe/London", "2018-05-28", true},
		{"the last but one", "Europe/London", "2018-05-21", false},
		{"last Monday of August", "Europe/London", "2018-08-27", true},
		{"Christmas on a Saturday is kept on Monday", "Europe/London", "2021-12-27", true},
		{"and the second day on Tuesday", "Europe/London", "2021-12-28", true},
		{"New Year on a Sunday is kept on Monday", "Europe/London", "2023-01-02", true},
		{"Ascension", "Europe/Paris", "2024-05-09", true},
		{"Whit Monday", "Europe/Paris", "2024-05-20", true},
		{"no Boxing Day in France", "Europe/Paris", "2024-12-26", false},
		{"Good Friday is none in France", "Europe/Paris", "2024-03-29", false},
		{"Freedom Day", "Africa/Johannesburg", "2026-04-27", true},
		{"Women's Day on a Sunday", "Africa/Johannesburg", "2026-08-10", true},
		{"a Saturday does not move", "Africa/Johannesburg", "2022-12-19", false},
		{"Thanksgiving", "America/New_York", "2024-11-28", true},
		{"the fourth of July on a Saturday is kept on Friday", "America/Chicago", "2026-07-03", true},
		{"before Juneteenth was one", "America/New_York", "2019-06-19", false},
		{"Victoria Day", "America/Toronto", "2024-05-20", true},
		{"Easter at its latest", "Europe/Berlin", "2038-04-26", true},
		{"Midsummer Eve", "Europe/Stockholm", "2024-06-21", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := time.Parse(time.DateOnly, c.day)
			if err != nil {
				t.Fatal(err)
			}
			if got := HolidaysIn(c.zone)(d.Date()); got != c.want {
				t.Errorf("%s in %s: %v", c.day, c.zone, got)
			}
		})
	}
	if HolidaysIn("Antarctica/Troll") != nil {
		t.Error("there are holidays where nobody lives")
	}
}

// Every year has the holidays that do not hang on anything.
func TestHolidaysEveryYear(t *testing.T) {
	for _, zone := range []string{"Europe/London", "Africa/Nairobi", "Europe/Rome", "Pacific/Auckland"} {
		holiday := HolidaysIn(zone)
		for year := 2000; year < 2100; year++ {
			n := 0
			for d := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() == year; d = d.AddDate(0, 0, 1) {
				if holiday(d.Date()) {
					n++
				}
			}
			if !holiday(year, 1, 1) || !holiday(year, 12, 25) || n < 8 || n > 16 {
				t.Errorf("%s, %d: %d holidays", zone, year, n)
			}
		}
	}
}

// An office that is closed on holidays is forecast closed on the next one, and
// in the week after Christmas as in the year before.
func TestOfficeIsForecastClosedOnHolidays(t *testing.T) {
	unraced.Only(t)
	holiday := HolidaysIn("Europe/London")
	closed := func(at time.Time) bool {
		wd := at.Weekday()
		y, m, d := at.Date()
		return wd == time.Saturday || wd == time.Sunday || holiday(y, m, d) || m == time.December && d >= 24
	}
	start := time.Date(2017, 10, 2, 0, 0, 0, 0, time.UTC)
	f := mustNew(t, Options{Step: time.Hour, Holiday: holiday})
	next := start
	upTo := func(to time.Time) {
		for ; next.Before(to); next = next.Add(time.Hour) {
			kwh := 2.0
			if h := next.Hour(); !closed(next) && h >= 8 && h < 18 {
				kwh = 10
			}
			kwh += 0.3 * float64(next.Unix()/3600%7) / 7
			feed(t, f, []Observation{{Slot: units.Slot{Start: next, Len: time.Hour}, Energy: units.FromKWh(kwh)}})
		}
	}
	for _, c := range []struct {
		name string
		day  time.Time
		open bool
	}{
		{"a working Monday", time.Date(2018, 4, 23, 0, 0, 0, 0, time.UTC), true},
		{"a Monday that is a holiday", time.Date(2018, 5, 7, 0, 0, 0, 0, time.UTC), false},
		{"the Tuesday after it", time.Date(2018, 5, 8, 0, 0, 0, 0, time.UTC), true},
		{"Christmas Eve, closed a year ago", time.Date(2018, 12, 24, 0, 0, 0, 0, time.UTC), false},
		{"a Thursday between the years", time.Date(2018, 12, 27, 0, 0, 0, 0, time.UTC), false},
	} {
		upTo(c.day.Add(-6 * time.Hour)) // the evening before
		s := f.Forecast(c.day, day).Slots[12]
		if open := s.Q50 > 6; open != c.open {
			t.Errorf("%s: %.1f kWh at noon", c.name, s.Q50)
		}
	}
}
