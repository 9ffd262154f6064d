package config

import "github.com/keeplit/keeplit/internal/fault"

// Keep is for how many days what tells of a household's habits is kept in the records.
// The ledger and the tokens that were taken are kept for ever: they are the credit.
type Keep struct {
	// Days for which is kept what was used, by intervals of settlement and by load: 70 or more, which
	// forecasts learn from, or 0 for ever.
	// Example: 400
	HalfHours int `yaml:"half_hours"`
	// Days for which is kept what happened: 7 or more.
	// Example: 90
	Events int `yaml:"events"`
	// Days for which is kept when loads were to run, and why: 2 or more.
	// Example: 14
	Plans int `yaml:"plans"`
}

// leastHalfHours is what forecasts learn from.
const leastHalfHours = 70

func keepDefaults() Keep { return Keep{HalfHours: 1096, Events: 400, Plans: 60} }

func (k Keep) check(l *fault.List) {
	const most = 36_500
	for _, f := range []struct {
		key         string
		days, least int
		remedy      string
	}{
		{"keep.half_hours", k.HalfHours, leastHalfHours, "write 70 or more days, or 0 to keep them for ever"},
		{"keep.events", k.Events, 7, "write 7 or more days"},
		{"keep.plans", k.Plans, 2, "write 2 or more days"},
	} {
		if f.key == "keep.half_hours" && f.days == 0 {
			continue
		}
		if f.days < f.least || f.days > most {
			l.Add(f.key, f.remedy, "%d days are not from %d to %d", f.days, f.least, most)
		}
	}
}
