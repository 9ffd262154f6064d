// Package unitstest has the years that tests walk through, half hour by half
// hour, to see that nothing takes the order of local time for the order of time.
package unitstest

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// Year is a year of one zone.
type Year struct {
	Name string // Europe/London 2025
	Loc  *time.Location
	From time.Time // the first instant of it, on a whole UTC hour
	To   time.Time
	// Changes are the instants at which the clock is put on or back, those of
	// the weeks after the year among them: a horizon reaches so far.
	Changes []time.Time
}

const ahead = 15 * 24 * time.Hour

// Years are of zones that are alike in nothing but that somebody lives there: ones
// that put their clocks back in autumn, one that began to do so again (Cairo, 2023),
// one that does it by half an hour (Lord Howe), one that left a day out (Apia, 30
// December 2011) and one that leaves its clocks alone.  Only those of which the
// machine has the rules are given.
func Years(t testing.TB) []Year {
	t.Helper()
	var out []Year
	for _, y := range []struct {
		zone string
		year int
	}{
		{"Europe/London", 2025},
		{"Europe/Berlin", 2026},
		{"America/New_York", 2026},
		{"Africa/Cairo", 2023},
		{"Australia/Lord_Howe", 2026},
		{"Pacific/Apia", 2011},
		{"Africa/Johannesburg", 2026},
	} {
		loc, err := time.LoadLocation(y.zone)
		if err != nil {
			t.Logf("no zone data on this machine: %v", err)
			continue
		}
		from := time.Date(y.year, 1, 1, 0, 0, 0, 0, loc).UTC().Truncate(time.Hour)
		w := Year{Name: y.zone + time.Date(y.year, 1, 1, 0, 0, 0, 0, time.UTC).Format(" 2006"), Loc: loc, From: from, To: from.AddDate(1, 0, 0)}
		for at := from; ; {
			_, end := at.In(loc).ZoneBounds()
			if end.IsZero() || end.After(w.To.Add(ahead)) {
				break
			}
			w.Changes = append(w.Changes, end.UTC())
			at = end
		}
		out = append(out, w)
	}
	if len(out) == 0 {
		t.Skip("no zone data on this machine")
	}
	return out
}

// Long tells whether tests are to take their time.
func Long() bool { return os.Getenv("KEEPLIT_LONG") != "" }

// Instants are the half hours to begin at, in order: those from which one of the horizons
// ends within an hour of a change, or that are as near to one themselves, and some
// others drawn by the seed.  Where tests take their time it is all of the year.
func (y Year) Instants(others int, seed uint64, horizons ...time.Duration) []time.Time {
	const half = 30 * time.Minute
	take := map[time.Time]bool{}
	for _, h := range append([]time.Duration{0}, horizons...) {
		for _, c := range y.Changes {
			for d := -time.Hour; d <= time.Hour; d += half {
				take[c.Add(d-h).Truncate(half)] = true
			}
		}
	}
	rng := rand.New(rand.NewPCG(seed, uint64(y.From.Unix())))
	n := int(y.To.Sub(y.From) / half)
	for range others {
		take[y.From.Add(time.Duration(rng.IntN(n))*half)] = true
	}
	var out []time.Time
	for at := y.From; at.Before(y.To); at = at.Add(half) {
		if Long() || take[at] {
			out = append(out, at)
		}
	}
	return out
}

// Horizons are those that are walked with.
func Horizons() []time.Duration {
	return []time.Duration{24 * time.Hour, 24*time.Hour + 30*time.Minute, 168 * time.Hour, 336 * time.Hour}
}
