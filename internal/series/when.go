package series

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// stamp is a time as the file shows it: an instant, or the wall clock of the file's zone
// as if that were UTC.
type stamp struct {
	ms   int64
	wall bool
}

var (
	errTime  = errors.New("not a time")
	errOrder = errors.New("day or month may be first")
)

// A recording may be of the years 1970 to 2199.
const lastMilli = 7_258_118_400_000 // of 2199

// parseTime reads a time; layout is that of the time before, which is tried first.
func parseTime(s string, layout *string, order slashes) (stamp, error) {
	if len(s) > 0 && strings.Trim(s, "0123456789") == "" && len(s) >= 9 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return stamp{}, errTime
		}
		if n < 100_000_000_000 { // seconds; as milliseconds it would be 1973
			n *= 1000
		}
		return inYears(stamp{ms: n})
	}
	if *layout != "" {
		if t, err := time.Parse(*layout, s); err == nil {
			return inYears(stamp{t.UnixMilli(), !zoned(*layout)})
		}
	}
	for _, l := range []string{
		time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05-0700", "2006-01-02 15:04:05 -0700", "2006-01-02T15:04:05-0700",
		"2006-01-02 15:04:05-07", "2006-01-02 15:04:05 UTC", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00",
		"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04",
		"2006/01/02 15:04:05", "2006/01/02 15:04", "02.01.2006 15:04:05", "02.01.2006 15:04", "2006-01-02 3:04:05 PM", "2006-01-02 3:04 PM",
	} {
		if t, err := time.Parse(l, s); err == nil {
			*layout = l
			return inYears(stamp{t.UnixMilli(), !zoned(l)})
		}
	}
	if order == notSeen {
		return stamp{}, errTime
	}
	for _, clock := range []string{" 15:04:05", " 15:04", " 3:04:05 PM", " 3:04 PM"} {
		day, month := "2/1/2006"+clock, "1/2/2006"+clock
		l := day
		if order == monthFirst {
			l = month
		}
		t, err := time.Parse(l, s)
		if order == either {
			if _, other := time.Parse(month, s); err == nil || other == nil {
				return stamp{}, errOrder
			}
		}
		if err == nil {
			*layout = l
			return inYears(stamp{t.UnixMilli(), true})
		}
	}
	return stamp{}, errTime
}

func zoned(layout string) bool {
	return strings.Contains(layout, "07") || strings.HasSuffix(layout, "UTC")
}

func inYears(s stamp) (stamp, error) {
	if s.ms < 0 || s.ms >= lastMilli {
		return s, errors.New("not of a year of electricity metering")
	}
	return s, nil
}

// instants are the instants at which a zone's clock shows a wall time: none where the
// clock skips it, two where it shows it twice.
func instants(wall int64, zone *time.Location) (out []int64) {
	offset := func(ms int64) int64 {
		_, s := time.UnixMilli(ms).In(zone).Zone()
		return int64(s) * 1000
	}
	const day = 26 * 3600 * 1000
	a, b := offset(wall-day), offset(wall+day)
	for _, o := range []int64{max(a, b), min(a, b)} {
		if at := wall - o; offset(at) == o && (len(out) == 0 || out[0] != at) {
			out = append(out, at)
		}
	}
	return out
}
