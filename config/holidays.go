package config

import (
	"fmt"
	"strings"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/fault"
)

// Holiday is a day, or days, that are not as usual at this site.
type Holiday struct {
	// What such days are called. Days of one name are taken to be alike; there may be four names.
	// Example: school holidays
	Name string `yaml:"name"`
	// The first day.
	// Example: 2026-12-11
	From civil.Date `yaml:"from"`
	// The last day. Left out, it is the first.
	// Example: 2027-01-12
	To civil.Date `yaml:"to"`
}

// longestHoliday is of how many days one may be: days that are most of a season are what is usual in it.
const longestHoliday = 100

// NamedDays are the site's holidays as the forecast is told them.
func (s Site) NamedDays() (out []forecast.NamedDays) {
	for _, h := range s.Holidays {
		if h.To == 0 {
			h.To = h.From
		}
		out = append(out, forecast.NamedDays{Name: h.Name, From: h.From, To: h.To})
	}
	return out
}

func (c *Config) checkHolidays(l *fault.List) {
	names := map[string]bool{}
	for i, h := range c.Site.Holidays {
		at := fmt.Sprintf("site.holidays[%d]", i)
		switch {
		case strings.TrimSpace(h.Name) == "":
			l.Add(at+".name", "write what such days are called, e.g. school holidays", "it has no name")
		case !names[h.Name] && len(names) == forecast.OwnKinds:
			l.Add(at+".name", "give days that are alike one name", "%q is a name more than the %d that are told apart", h.Name, forecast.OwnKinds)
		default:
			names[h.Name] = true
		}
		switch {
		case h.From == 0:
			l.Add(at+".from", "write the first day, e.g. 2026-12-11", "it has no first day")
		case h.To != 0 && h.To < h.From:
			l.Add(at+".to", "write the last day, or leave it out where there is but one", "%s is before the first day, %s", h.To, h.From)
		case h.To != 0 && h.To-h.From >= longestHoliday:
			l.Add(at+".to", fmt.Sprintf("write a day at most %d days after the first", longestHoliday-1), "from %s to %s are %d days: so many are what is usual", h.From, h.To, h.To-h.From+1)
		}
	}
}
