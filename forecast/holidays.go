package forecast

import (
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
)

// A holidayRule is a day of every year: a date, a day counted from Easter
// Sunday, or a weekday of a month.
type holidayRule struct {
	month   time.Month // zero: day is counted from Easter Sunday
	day     int        // of the month; or the first date that weekday can fall on
	weekday int        // 1 Monday to 7 Sunday: the first such day from day on; zero: the date itself
	moves   uint8      // what is done where it falls on a weekend
	since   int        // first year; zero is ever
}

const (
	stays       = iota
	sundayMoves // from Sunday to Monday
	weekendMoves
	nearest // Saturday to Friday, Sunday to Monday
)

// HolidaysIn are the national public holidays where a time zone is, for
// Options.Holiday, or nil where they are not known.  Holidays of a region or of
// one year only and those that follow the moon are not among them.  Only
// habits hang on them, never a price: those are in the tariff's own calendar.
func HolidaysIn(zone string) func(year int, month time.Month, day int) bool {
	rules := holidayRules(zone)
	if rules == nil {
		return nil
	}
	// The days of the year asked for last; a forecaster asks in order of time.
	// A fork of it may ask at the same time.
	var mu sync.Mutex
	known, of := 0, map[int64]bool{}
	return func(year int, month time.Month, d int) bool {
		mu.Lock()
		defer mu.Unlock()
		if year != known {
			known, of = year, holidaysOf(rules, year)
		}
		return of[int64(civil.DateOf(year, month, d))]
	}
}

func holidaysOf(rules []holidayRule, year int) map[int64]bool {
	of := map[int64]bool{}
	for _, r := range rules {
		if year < r.since {
			continue
		}
		n := int64(civil.Easter(year)) + int64(r.day)
		if r.month != 0 {
			n = int64(civil.DateOf(year, r.month, r.day))
		}
		if r.weekday != 0 {
			n += floorMod(int64(r.weekday-1-weekday(n)), 7)
		}
		of[n] = true
		switch wd := weekday(n); {
		case r.moves == nearest && wd == 5:
			of[n-1] = true
		case r.moves == nearest && wd == 6, r.moves == sundayMoves && wd == 6:
			of[n+1] = true
		case r.moves == weekendMoves && wd >= 5:
			// To the next working day that is not one of them already.
			for n++; weekday(n) >= 5 || of[n]; {
				n++
			}
			of[n] = true
		}
	}
	return of
}

// What many countries share.
const (
	holyThursday = -3
	goodFriday   = -2
	easterMonday = 1
	ascension    = 39
	whitMonday   = 50
	corpus       = 60
)

// holidayRules are those of the country a zone is in.
func holidayRules(zone string) []holidayRule {
	on := func(month time.Month, day int) holidayRule { return holidayRule{month: month, day: day} }
	first := func(weekday int, month time.Month, from int) holidayRule {
		return holidayRule{month: month, day: from, weekday: weekday}
	}
	moved := func(how uint8, rules ...holidayRule) []holidayRule {
		for i := range rules {
			rules[i].moves = how
		}
		return rules
	}
	after := func(days ...int) (out []holidayRule) {
		for _, d := range days {
			out = append(out, holidayRule{day: d})
		}
		return out
	}
	newYear, labour, assumption, saints := on(1, 1), on(5, 1), on(8, 15), on(11, 1)
	christmas, second := on(12, 25), on(12, 26)
	join := func(a []holidayRule, more ...holidayRule) []holidayRule { return append(a, more...) }
	switch zone {
	case "Europe/London", "Europe/Belfast", "Europe/Jersey", "Europe/Guernsey", "Europe/Isle_of_Man":
		return join(moved(weekendMoves, newYear, christmas, second),
			append(after(goodFriday, easterMonday), first(1, 5, 1), first(1, 5, 25), first(1, 8, 25))...)
	case "Europe/Dublin":
		return join(after(easterMonday), newYear, holidayRule{month: 2, day: 1, weekday: 1, since: 2023}, on(3, 17),
			first(1, 5, 1), first(1, 6, 1), first(1, 8, 1), first(1, 10, 25), christmas, second)
	case "Europe/Paris":
		return join(after(easterMonday, ascension, whitMonday), newYear, labour, on(5, 8), on(7, 14), assumption, saints, on(11, 11), christmas)
	case "Europe/Berlin":
		return join(after(goodFriday, easterMonday, ascension, whitMonday), newYear, labour, on(10, 3), christmas, second)
	case "Europe/Amsterdam":
		return join(after(easterMonday, ascension, whitMonday), newYear, on(4, 27), christmas, second)
	case "Europe/Brussels", "Europe/Luxembourg":
		return join(after(easterMonday, ascension, whitMonday), newYear, labour, assumption, saints, christmas)
	case "Europe/Madrid":
		return join(after(goodFriday), newYear, on(1, 6), labour, assumption, on(10, 12), saints, on(12, 6), on(12, 8), christmas)
	case "Europe/Lisbon":
		return join(after(goodFriday, corpus), newYear, on(4, 25), labour, on(6, 10), assumption, on(10, 5), saints, on(12, 1), on(12, 8), christmas)
	case "Europe/Rome":
		return join(after(easterMonday), newYear, on(1, 6), on(4, 25), labour, on(6, 2), assumption, saints, on(12, 8), christmas, second)
	case "Europe/Vienna":
		return join(after(easterMonday, ascension, whitMonday, corpus), newYear, on(1, 6), labour, assumption, on(10, 26), saints, on(12, 8), christmas, second)
	case "Europe/Zurich":
		return join(after(goodFriday, easterMonday, ascension, whitMonday), newYear, on(8, 1), christmas, second)
	case "Europe/Warsaw":
		return join(after(easterMonday, corpus), newYear, on(1, 6), labour, on(5, 3), assumption, saints, on(11, 11), christmas, second)
	case "Europe/Prague":
		return join(after(goodFriday, easterMonday), newYear, labour, on(5, 8), on(7, 5), on(7, 6), on(9, 28), on(10, 28), on(11, 17), on(12, 24), christmas, second)
	case "Europe/Copenhagen":
		return join(after(holyThursday, goodFriday, easterMonday, ascension, whitMonday), newYear, on(6, 5), on(12, 24), christmas, second)
	case "Europe/Oslo":
		return join(after(holyThursday, goodFriday, easterMonday, ascension, whitMonday), newYear, labour, on(5, 17), christmas, second)
	case "Europe/Stockholm":
		return join(after(goodFriday, easterMonday, ascension), newYear, on(1, 6), labour, on(6, 6), first(5, 6, 19), on(12, 24), christmas, second, on(12, 31))
	case "Europe/Helsinki":
		return join(after(goodFriday, easterMonday, ascension), newYear, on(1, 6), labour, first(5, 6, 19), on(12, 6), on(12, 24), christmas, second)
	case "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix", "America/Detroit", "America/Anchorage", "Pacific/Honolulu":
		return join(moved(nearest, newYear, holidayRule{month: 6, day: 19, since: 2021}, on(7, 4), christmas),
			first(1, 1, 15), first(1, 2, 15), first(1, 5, 25), first(1, 9, 1), first(4, 11, 22))
	case "America/Toronto", "America/Vancouver", "America/Edmonton", "America/Winnipeg", "America/Halifax":
		return join(moved(weekendMoves, newYear, on(7, 1), christmas, second), append(after(goodFriday), first(1, 5, 18), first(1, 9, 1), first(1, 10, 8))...)
	case "Australia/Sydney", "Australia/Melbourne", "Australia/Brisbane", "Australia/Perth", "Australia/Adelaide", "Australia/Hobart":
		return join(moved(weekendMoves, newYear, on(1, 26), christmas, second), append(after(goodFriday, easterMonday), on(4, 25))...)
	case "Pacific/Auckland":
		return join(moved(weekendMoves, newYear, on(1, 2), on(2, 6), on(4, 25), christmas, second),
			append(after(goodFriday, easterMonday), first(1, 6, 1), first(1, 10, 22))...)
	case "Africa/Johannesburg":
		return join(moved(sundayMoves, newYear, on(3, 21), on(4, 27), labour, on(6, 16), on(8, 9), on(9, 24), on(12, 16), christmas, second),
			after(goodFriday, easterMonday)...)
	case "Africa/Nairobi":
		return join(moved(sundayMoves, newYear, labour, on(6, 1), on(10, 10), on(10, 20), on(12, 12), christmas, second), after(goodFriday, easterMonday)...)
	case "Africa/Accra":
		return join(moved(weekendMoves, newYear, on(3, 6), labour, christmas, second), append(after(goodFriday, easterMonday), first(5, 12, 1))...)
	case "Africa/Lagos":
		return join(moved(weekendMoves, newYear, labour, on(6, 12), on(10, 1), christmas, second), after(goodFriday, easterMonday)...)
	case "Africa/Kampala":
		return join(after(goodFriday, easterMonday), newYear, on(1, 26), on(3, 8), labour, on(6, 3), on(6, 9), on(10, 9), christmas, second)
	case "Africa/Dar_es_Salaam":
		return join(after(goodFriday, easterMonday), newYear, on(1, 12), on(4, 7), on(4, 26), labour, on(7, 7), on(8, 8), on(10, 14), on(12, 9), christmas, second)
	case "Asia/Kolkata":
		return []holidayRule{on(1, 26), on(8, 15), on(10, 2)}
	case "Asia/Dhaka":
		return []holidayRule{on(2, 21), on(3, 26), labour, on(12, 16)}
	}
	return nil
}
