package policy

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Span is a time in which a limit holds.
type Span struct {
	From, To time.Time
	Limit    units.Power
	Devices  bool // it is of what the loads that can wait draw together
	// Loads are those of which an event limits the sum; nil: it limits the site, or Devices.
	Loads []string
}

// mostSpans bounds what is foretold of an event whose parts are of seconds.
const mostSpans = 500

// Ahead is the limits between two instants as far as they are known at the first: the site's,
// those of single loads and classes, and what events ask for, each in order of time.
func (r Rules) Ahead(s State, now, to time.Time) (out []Span) {
	out = append(r.Limit.ahead(s, now, to, nil), r.asksAhead(s, now, to)...)
	var done [][]string
	for _, e := range s.Events {
		if e.Of.Stream != Limit || e.Targets == nil || slices.ContainsFunc(done, func(t []string) bool { return slices.Equal(t, e.Targets) }) {
			continue
		}
		done = append(done, e.Targets)
		which := r.controllable(e.Targets)
		for _, x := range r.Limit.ahead(s, now, to, e.Targets) {
			if x.Devices, x.Loads = false, which; len(which) > 0 {
				out = append(out, x)
			}
		}
	}
	return out
}

// ahead is the limits of some targets; nil: the site's.  There fail-safe lasts for all of it:
// nobody knows when the utility is heard again.
func (r LimitRules) ahead(s State, now, to time.Time, targets []string) (out []Span) {
	if s.Limit.Phase == NotLimited {
		return nil
	}
	for at := now; at.Before(to) && len(out) < mostSpans; {
		next := to
		sooner := func(t time.Time) {
			if t.After(at) && t.Before(next) {
				next = t
			}
		}
		limit := units.Power(0)
		switch waits := s.Limit.Since.Add(limitWait); {
		case targets != nil:
		case s.Limit.Phase == FailSafe:
			limit = r.FailSafe
		case s.Limit.Phase == Init && at.Before(waits):
			limit = r.FailSafe
			sooner(waits)
		}
		if _, step, ok := s.limiting(at, targets); ok && (limit == 0 || step.Limit < limit) {
			limit = step.Limit
		}
		for _, e := range s.Events {
			if e.Of.Stream == Limit && slices.Equal(e.Targets, targets) {
				sooner(e.changes(at))
			}
		}
		n := len(out)
		switch {
		case limit == 0:
		case n > 0 && out[n-1].Limit == limit && out[n-1].To.Equal(at):
			out[n-1].To = next
		default:
			out = append(out, Span{From: at, To: next, Limit: limit, Devices: r.Devices})
		}
		at = next
	}
	return out
}

// changes is the first instant after another at which one of the event's parts begins or
// ends; zero: there is none.
func (e Event) changes(after time.Time) time.Time {
	if after.Before(e.Start) {
		return e.Start
	}
	if !e.Ends.IsZero() && !after.Before(e.Ends) {
		return time.Time{}
	}
	at := after.Sub(e.Start)
	if e.Period > 0 {
		at %= e.Period
	}
	first := e.Period
	for _, s := range e.Steps {
		for _, edge := range []time.Duration{s.Offset, s.Offset + s.Length} {
			if edge > at && edge < Forever/2 && (first <= at || edge < first) {
				first = edge
			}
		}
	}
	if first <= at {
		return e.Ends
	}
	next := after.Add(first - at)
	if !e.Ends.IsZero() && e.Ends.Before(next) {
		return e.Ends
	}
	return next
}
