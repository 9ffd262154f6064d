package house

import (
	"math/rand/v2"
	"time"

	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/internal/civil"
)

// mix makes a seed for one part of the house out of the house's.
func mix(seed uint64, name string) uint64 {
	return seed ^ backoff.Seed(name)
}

// dayRand is the source of everything random in one day of one part.
func dayRand(seed uint64, day int64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(day)))
}

// dayNumber counts local days.
func dayNumber(t time.Time, zone *time.Location) int64 {
	return int64(civil.DateIn(t, zone))
}

func isWeekend(t time.Time, zone *time.Location) bool {
	w := t.In(zone).Weekday()
	return w == time.Saturday || w == time.Sunday
}

// clock is a time of day.
func clock(h, m int) time.Duration {
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
}

// atClock is when t's local day shows a time of day, in UTC to the millisecond.
func atClock(t time.Time, zone *time.Location, of time.Duration) time.Time {
	y, m, d := t.In(zone).Date()
	at := time.Date(y, m, d, 0, 0, int(of/time.Second), 0, zone)
	return at.Add(of % time.Second).UTC().Truncate(time.Millisecond)
}
