package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// calendar lays a load's need-days.  A need-day begins where the first window
// begins (without windows: when it is too late to be ready, or else at midnight) and lasts
// until the same local time of the next day, so that a night from 22:00 to 06:00
// is one need-day and not halves of two.
type calendar struct {
	zone    *time.Location
	start   TimeOfDay // begin of the need-day
	windows [][2]int  // minutes from midnight of the day the need-day begins on; sorted, apart
	by      int       // minutes, as windows: the end of what may be used
	late    int       // minutes before by at which it should be done; 0: at by
	on      civil.Days
	byReady bool // on are the days on which it is to be ready, not those on which its hours begin
}

const dayMinutes = 24 * 60

// late is how long after readyBy the load may still run.
func newCalendar(windows []Window, readyBy *TimeOfDay, late time.Duration, zone *time.Location) calendar {
	c := calendar{zone: zone}
	switch {
	case len(windows) > 0:
		c.start = windows[0].From
	case readyBy != nil:
		c.start = TimeOfDay(mod(int(*readyBy) + int(late/time.Minute)))
	}
	start := int(c.start)
	if len(windows) == 0 {
		c.windows = [][2]int{{start, start + dayMinutes}}
	}
	for _, w := range windows {
		from := start + mod(int(w.From)-start)
		length := mod(int(w.To) - int(w.From))
		if length == 0 {
			length = dayMinutes
		}
		at := len(c.windows)
		for at > 0 && c.windows[at-1][0] > from {
			at--
		}
		c.windows = append(c.windows[:at], append([][2]int{{from, from + length}}, c.windows[at:]...)...)
	}
	c.by = c.windows[len(c.windows)-1][1]
	if readyBy != nil {
		by := start + mod(int(*readyBy)-start)
		if by == start {
			by += dayMinutes
		}
		end := min(c.by, by+int(late/time.Minute))
		c.by, c.late = end, max(0, end-by)
	}
	return c
}

func mod(minutes int) int { return ((minutes % dayMinutes) + dayMinutes) % dayMinutes }

// overlap tells whether two windows overlap, or the windows do not fit into
// one day.
func (c calendar) overlap() bool {
	end := int(c.start)
	for _, w := range c.windows {
		if w[0] < end {
			return true
		}
		end = w[1]
	}
	return end > int(c.start)+dayMinutes
}

// usable is the time in the windows before by, on a day of 24 hours.
func (c calendar) usable() time.Duration {
	total := 0
	for _, w := range c.windows {
		total += max(0, min(w[1], c.by)-w[0])
	}
	return time.Duration(total) * time.Minute
}

// needDay is one need-day of a load.
type needDay struct {
	from, to time.Time    // half-open
	by       time.Time    // end of what may be used
	off      bool         // it is no day of the week on which anything is needed: there are no spans
	ready    time.Time    // by when it should be done: by, or before it
	spans    []units.Slot // where the load may run
}

// day is the need-day that holds t, or the n-th after it.
func (c calendar) day(t time.Time, n int) needDay {
	y, m, d := t.In(c.zone).Date()
	if t.Before(wallClock(y, m, d, int(c.start), c.zone)) {
		d--
	}
	// A clock put back over the begin of a day shows the day before again.
	for !t.Before(wallClock(y, m, d+1, int(c.start), c.zone)) {
		d++
	}
	d += n
	at := func(minute int) time.Time { return wallClock(y, m, d, minute, c.zone) }
	nd := needDay{from: at(int(c.start)), to: at(int(c.start) + dayMinutes), by: at(c.by), ready: at(c.by - c.late)}
	if c.on != (civil.Days{}) {
		at := nd.from
		if c.byReady {
			at = nd.ready.Add(-1) // 24:00 is of the day that ends
		}
		if nd.off = !c.on[at.In(c.zone).Weekday()]; nd.off {
			return nd
		}
	}
	for _, w := range c.windows {
		from, to := at(w[0]), civil.Earlier(at(w[1]), nd.by)
		if from.Before(to) {
			nd.spans = append(nd.spans, units.Slot{Start: from, Len: to.Sub(from)})
		}
	}
	return nd
}
