package policy

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Forever is a length that does not end: OpenADR writes P9999Y.
const Forever = time.Duration(math.MaxInt64 / 4)

// mostLength is the longest other length: an event is an order, and no law.
const mostLength = 10 * 366 * 24 * time.Hour

// parseDuration reads an ISO 8601 duration of weeks, days, hours, minutes and
// seconds.  Months and years have no length of their own, and are refused but for
// P9999Y.
func parseDuration(text string) (time.Duration, error) {
	if text == "P9999Y" {
		return Forever, nil
	}
	bad := fmt.Errorf("%.40q is no duration such as PT30M, P1D or P9999Y", text)
	rest, ok := strings.CutPrefix(text, "P")
	if !ok || rest == "" || strings.HasSuffix(rest, "T") {
		return 0, bad
	}
	day, clock, _ := strings.Cut(rest, "T")
	total := time.Duration(0)
	for _, part := range []struct{ text, units string }{{day, "WD"}, {clock, "HMS"}} {
		left, units := part.text, part.units
		for left != "" {
			at := strings.IndexAny(left, units)
			if at < 1 || at > 9 {
				return 0, bad
			}
			n, err := strconv.ParseUint(left[:at], 10, 32)
			if err != nil {
				return 0, bad
			}
			length := map[byte]time.Duration{'W': 7 * 24 * time.Hour, 'D': 24 * time.Hour, 'H': time.Hour, 'M': time.Minute, 'S': time.Second}[left[at]]
			if time.Duration(n) > mostLength/length {
				return 0, fmt.Errorf("%.40q is longer than ten years; for ever is P9999Y", text)
			}
			total += time.Duration(n) * length
			units = units[strings.IndexByte(units, left[at])+1:]
			left = left[at+1:]
		}
	}
	if total > mostLength {
		return 0, fmt.Errorf("%.40q is longer than ten years; for ever is P9999Y", text)
	}
	return total, nil
}

// parseStart reads a date and time; now is OpenADR's 0001-01-01.
func parseStart(text string) (at time.Time, now bool, err error) {
	switch text {
	case "0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z":
		return time.Time{}, true, nil
	}
	at, err = time.Parse(time.RFC3339, text)
	if err != nil || !inTime(at) {
		return time.Time{}, false, fmt.Errorf("%.60q is no time such as 2026-12-01T18:00:00Z, nor 0001-01-01 for now", text)
	}
	return at.UTC(), false, nil
}
