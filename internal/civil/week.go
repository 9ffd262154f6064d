package civil

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Hours are hours of the local clock on some days of the week: "Mon-Fri 08:00-18:00".
// Where they end at or before they begin they end on the day after.
type Hours struct {
	On       Days
	From, To units.TimeOfDay
}

// SetText reads "Mon-Fri 08:00-18:00", "Sat 09:00-13:00", "Tue,Thu 10:00-12:00".
func (h *Hours) SetText(s string) error {
	bad := func(what string) error {
		return fmt.Errorf("%q %s: write days and hours like Mon-Fri 08:00-18:00 or Sat,Sun 09:00-13:00", s, what)
	}
	days, hours, ok := strings.Cut(strings.TrimSpace(s), " ")
	from, to, dash := strings.Cut(strings.TrimSpace(hours), "-")
	if !ok || !dash {
		return bad("is not days with hours")
	}
	out := Hours{}
	on, ok := parseDays(days)
	if !ok {
		return bad("names a day that is none")
	}
	out.On = on
	if err := out.From.SetText(strings.TrimSpace(from)); err != nil {
		return err
	}
	if err := out.To.SetText(strings.TrimSpace(to)); err != nil {
		return err
	}
	*h = out
	return nil
}

// String writes the hours as SetText reads them.
func (h Hours) String() string {
	return h.On.String() + " " + h.From.String() + "-" + h.To.String()
}

// MarshalText writes the hours as SetText reads them.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Week is the hours of a week in which something is open.
type Week []Hours

// Open tells whether it is open at a time of a day of the week; without any hours it
// always is.
func (w Week) Open(on time.Weekday, at units.TimeOfDay) bool {
	for _, h := range w {
		switch over := h.To <= h.From; {
		case h.On[on] && at >= h.From && (over || at < h.To), over && h.On[(on+6)%7] && at < h.To:
			return true
		}
	}
	return len(w) == 0
}

// Before is the last time at which it is open before an instant, from its opening to
// its closing or to the instant; ok is false where it is not open in the eight days
// before it.
func (w Week) Before(t time.Time, loc *time.Location) (open, closes time.Time, ok bool) {
	type span struct{ from, to time.Time }
	var spans []span
	if len(w) == 0 {
		return open, closes, false
	}
	today := DateIn(t, loc)
	for d := today - 8; d <= today; d++ {
		for _, h := range w {
			if !h.On[d.Weekday()] {
				continue
			}
			s := span{d.At(h.From, loc), d.At(h.To, loc)}
			if h.To <= h.From {
				s.to = (d + 1).At(h.To, loc)
			}
			if s.from.Before(t) && s.from.Before(s.to) {
				spans = append(spans, s)
			}
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	for _, s := range spans {
		if !ok || s.from.After(closes) {
			open, closes, ok = s.from, s.to, true
		} else if s.to.After(closes) {
			closes = s.to
		}
	}
	if closes.After(t) {
		closes = t
	}
	return open, closes, ok
}
