package tariffs

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Week is an ordinary week of one season: what a picture of a tariff shows.
type Week struct {
	Season  string
	Version string
	Monday  Date          // of the week that was looked up
	Days    [7][48]Moment // from Monday, by half hours of the clock
}

// Moment is what holds at one time of an ordinary week.
type Moment struct {
	Period string
	Price  units.Price // of the next kWh at the beginning of a month, with taxes
}

// Weeks are the ordinary weeks of the version in force at an instant, one for
// each season, from the first week after it that has no holiday, change of the
// clock or change of season.
func (t *Tariff) Weeks(at time.Time) []Week {
	first := t.dayOf(at)
	v := t.versionOn(first)
	monday := first - Date((first.Weekday()+6)%7)
	var weeks []Week
	for i := 0; i < 60 && len(weeks) < len(v.cal.seasons); i++ {
		w, ok := t.week(monday+Date(7*i), v)
		if !ok {
			continue
		}
		known := false
		for j := range weeks {
			known = known || weeks[j].Season == w.Season
		}
		if !known {
			weeks = append(weeks, w)
		}
	}
	return weeks
}

// week is the week from monday, charged by v; false where it is not ordinary.
func (t *Tariff) week(monday Date, v *version) (Week, bool) {
	w := Week{Version: v.label(), Monday: monday}
	plain := *t
	plain.overlay = Overlay{}
	for d := range w.Days {
		day := monday + Date(d)
		if v.cal.holidayOn(day) >= 0 || (day+1).Start(t.loc).Sub(day.Start(t.loc)) != 24*time.Hour {
			return w, false
		}
		for h := range w.Days[d] {
			s := plain.segment(day.Start(t.loc).Add(time.Duration(h) * 30 * time.Minute))
			if d == 0 && h == 0 {
				w.Season = s.season
			}
			if s.season != w.Season || s.v != v {
				return w, false
			}
			w.Days[d][h] = Moment{s.period, plain.priceIn(&s, &Account{}, &Month{Start: s.month})}
		}
	}
	return w, true
}
