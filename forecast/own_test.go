package forecast

import (
	"errors"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/unraced"
)

// schoolDays are the holidays of a made-up school, first and last day, from the week days of 2024 on.
func schoolDays() (out []NamedDays) {
	for _, of := range [][2]time.Time{
		{time.Date(2024, 3, 29, 0, 0, 0, 0, time.UTC), time.Date(2024, 4, 14, 0, 0, 0, 0, time.UTC)},
		{time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, 7, 21, 0, 0, 0, 0, time.UTC)},
		{time.Date(2024, 9, 28, 0, 0, 0, 0, time.UTC), time.Date(2024, 10, 9, 0, 0, 0, 0, time.UTC)},
	} {
		out = append(out, NamedDays{Name: "school holidays", From: civil.DateIn(of[0], time.UTC), To: civil.DateIn(of[1], time.UTC)})
	}
	return out
}

// school is the use of one: an office's, which in its holidays is a fifth of its nights' and a little more at noon.
func school(seed uint64) []Observation {
	out := Made(Office, time.Hour, 300, seed)
	holidays := schoolDays()
	for i := range out {
		at := out[i].Slot.Start
		if _, named := ownKind(holidays, civil.DateIn(at, time.UTC)); !named {
			continue
		}
		night := out[i-i%24+2].Energy / 5 // of the same day
		out[i].Energy = night
		if h := at.Hour(); h >= 10 && h < 13 {
			out[i].Energy += night / 4
		}
	}
	return out
}

// scoredDays is the loss of the forecasts of each day made the evening before, by which holiday it is in: 0 is none.
func scoredDays(t *testing.T, seeds uint64, told bool) (loss [4]float64) {
	t.Helper()
	var used [4]float64
	for seed := range seeds {
		all := school(seed)
		opt := Options{Step: time.Hour}
		if told {
			opt.Days = schoolDays()
		}
		f := mustNew(t, opt)
		for i := 0; i+30 < len(all); i += 24 {
			feed(t, f, all[i:min(i+18, len(all))])
			if at := all[i].Slot.Start; i > 60*24 {
				fc := f.Forecast(at.Add(18*time.Hour), 30*time.Hour).Slots[6:]
				k := 0
				for j, d := range schoolDays() {
					if on := civil.DateIn(at.Add(24*time.Hour), time.UTC); on >= d.From && on <= d.To {
						k = j + 1
					}
				}
				for j, q := range fc {
					if i+24+j >= len(all) {
						break
					}
					y := all[i+24+j].Energy.KWh()
					loss[k] += 2.0 / 3 * (pinball(y, q.Q10, 0.1) + pinball(y, q.Q50, 0.5) + pinball(y, q.Q90, 0.9))
					used[k] += y
				}
			}
			feed(t, f, all[i+18:min(i+24, len(all))])
		}
	}
	for k := range loss {
		loss[k] /= used[k]
	}
	return loss
}

// A school's holidays are forecast from the second ones on, and other days are the better for it.
func TestASchoolsHolidaysAreForecastFromTheSecondOnesOn(t *testing.T) {
	unraced.Only(t)
	without, with := scoredDays(t, 1, false), scoredDays(t, 1, true)
	t.Logf("wQL of the next day, without and with the holidays: other days %.4f, %.4f", without[0], with[0])
	for k := 1; k < 4; k++ {
		t.Logf("holidays %d: %.4f, %.4f", k, without[k], with[k])
	}
	// Were the level of other days told by them, the other days would be at 0.61 and the third ones at 0.045.
	if with[0] > 0.58*without[0] || with[1] > without[1] || with[2] > 0.05*without[2] || with[3] > 0.038*without[3] {
		t.Errorf("wQL %.4f with the holidays, %.4f without", with, without)
	}
}

// On a day with a name the clock may change: it has 23 hours, or 25, and is of its kind in all of them.
func TestNamedDaysWithAnHourLessOrMore(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		month      time.Month
		dom, hours int
	}{{3, 31, 23}, {10, 27, 25}} {
		on := civil.DateOf(2024, c.month, c.dom)
		begin, end := on.Start(zone), (on + 1).Start(zone)
		if got := int(end.Sub(begin).Hours()); got != c.hours {
			t.Fatalf("%s has %d hours", on, got)
		}
		f := mustNew(t, Options{Step: time.Hour, Zone: zone, Days: []NamedDays{{"feast", on - 7, on - 7}, {"feast", on, on}}})
		for at := begin.AddDate(0, 0, -28); at.Before(begin); at = at.Add(time.Hour) {
			kwh := 1.0
			if civil.DateIn(at, zone) == on-7 {
				kwh = 3
			}
			feed(t, f, []Observation{{Slot: units.Slot{Start: at, Len: time.Hour}, Energy: units.FromKWh(kwh)}})
		}
		slots := f.Forecast(begin, end.Sub(begin)+3*time.Hour).Slots
		for i, s := range slots {
			if feast := i < c.hours; feast != (s.Mean > 1.4) {
				t.Errorf("%s, hour %d of %d: %.2f kWh", on, i, c.hours, s.Mean)
			}
		}
	}
}

// Days with a name that are as all others are forecast as they were.
func TestANameAloneChangesLittle(t *testing.T) {
	unraced.Only(t)
	all := Made(Home, time.Hour, 120, 3)
	var loss [2]float64
	for k, days := range [2][]NamedDays{nil, {{"like all others", civil.DateIn(monday, time.UTC), 0}}} {
		for i := range days {
			days[i].From = civil.DateIn(all[0].Slot.Start, time.UTC) + 50
			days[i].To = days[i].From + 13
			days = append(days, NamedDays{days[i].Name, days[i].From + 35, days[i].From + 48})
		}
		f := mustNew(t, Options{Step: time.Hour, Days: days})
		for i := 0; i+48 <= len(all); i += 24 {
			feed(t, f, all[i:i+24])
			if i < 40*24 {
				continue
			}
			for j, q := range f.Forecast(all[i+24].Slot.Start, day).Slots {
				y := all[i+24+j].Energy.KWh()
				loss[k] += pinball(y, q.Q10, 0.1) + pinball(y, q.Q50, 0.5) + pinball(y, q.Q90, 0.9)
			}
		}
	}
	t.Logf("%.3f of what it was", loss[1]/loss[0])
	if loss[1] > 1.02*loss[0] {
		t.Errorf("the loss is %.3f of what it was", loss[1]/loss[0])
	}
}

func TestNamesOfDays(t *testing.T) {
	all := []NamedDays{{"b", 10, 19}, {"a", 15, 30}, {"b", 40, 40}}
	for on, want := range map[civil.Date]uint8{9: 0, 10: firstOwn + 1, 15: firstOwn + 1, 19: firstOwn + 1, 20: firstOwn, 30: firstOwn, 31: 0, 40: firstOwn + 1} {
		if kind, named := ownKind(all, on); kind != want || named != (want != 0) {
			t.Errorf("day %d is of kind %d, want %d", on, kind, want)
		}
	}
	for _, n := range "cde" {
		all = append(all, NamedDays{string(n), 1, 1})
	}
	if _, err := New(Options{Days: all}); !errors.Is(err, ErrNames) {
		t.Errorf("five names: %v", err)
	}
}
