package policy

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// OptOut is what a household has opted out of.  The words are those of Matter's device energy
// management.
type OptOut string

// What may be opted out of.
const (
	OptNone  OptOut = "none"  // of nothing: the plan shifts loads, and a utility's events are obeyed
	OptLocal OptOut = "local" // of the home's own plan: loads run as soon as they may
	OptGrid  OptOut = "grid"  // of a utility's events
	OptBoth  OptOut = "both"
)

// OptOuts are all that there are.
func OptOuts() []OptOut { return []OptOut{OptNone, OptLocal, OptGrid, OptBoth} }

// Opted is what the household has said.
type Opted struct {
	Of    OptOut    `json:"of"` // none where nobody is out
	By    string    `json:"by"`
	Since time.Time `json:"since"`
}

// Local tells whether the home's own plan is to shift nothing.
func (o *Opted) Local() bool { return o != nil && (o.Of == OptLocal || o.Of == OptBoth) }

// Grid tells whether a utility's events are not obeyed.
func (o *Opted) Grid() bool { return o != nil && (o.Of == OptGrid || o.Of == OptBoth) }

// Nothing is what loads that are to hold off may draw: the guard knows no limit of 0.
const Nothing = units.Watt

// Levels of SIMPLE, as this site takes them.
const (
	levelWait = 1 // what is not on yet is planned around the event
	levelHold = 2 // what can wait goes off, too
	levelMost = 3
)

// demands is the event as one that asks the household to draw less.
func (r Rules) demands(e Envelope, adr *ADREvent, now time.Time) (Event, *RefusedError) {
	l, out, bad := r.layPower(e, adr, now, "an event")
	if bad != nil {
		return Event{}, bad
	}
	for _, s := range l.spans {
		if len(s.payloads) != 1 || len(s.payloads[0].Values) != 1 {
			return Event{}, &RefusedError{Unreadable, "an interval of an event holds one value of " + TypeSimple + " or " + TypeLimit}
		}
		step, p := Step{Offset: s.offset, Length: s.length, Kind: s.payloads[0].Type}, s.payloads[0]
		switch p.Type {
		case TypeSimple:
			level, err := number(p.Values[0], 0)
			if err != nil || level < 0 || level > levelMost {
				return Event{}, &RefusedError{Unreadable, fmt.Sprintf("%s is %.40s; it is 0 to %d", TypeSimple, p.Values[0], levelMost)}
			}
			step.Level = int(level)
		case TypeLimit:
			if step.Limit, bad = r.power(p.Values[0]); bad != nil {
				return Event{}, bad
			}
		default:
			return Event{}, &RefusedError{Unreadable, fmt.Sprintf("%.40q asks for nothing that is known here", p.Type)}
		}
		out.Steps = append(out.Steps, step)
	}
	return out, nil
}

// strict is how little a part of an event leaves: what is asked for most strictly counts.
func (s Step) strict() units.Power {
	switch {
	case s.Limit > 0:
		return s.Limit
	case s.Level >= levelHold:
		return Nothing
	case s.Level == levelWait:
		return math.MaxInt64 - 1
	}
	return math.MaxInt64
}

// asking is the event that asks something of the same targets now (nil: the site): the one of
// the highest priority, and among equals the strictest.
func (s State) asking(now time.Time, targets []string) (best Event, at Step, ok bool) {
	for _, e := range s.Events {
		step, holds := e.At(now)
		if e.Of.Stream != Demand || !holds || !slices.Equal(e.Targets, targets) {
			continue
		}
		if !ok || e.Priority < best.Priority || e.Priority == best.Priority && step.strict() < at.strict() {
			best, at, ok = e, step, true
		}
	}
	return best, at, ok
}

// targets are the different targets of the events of a stream, that of the site first.
func (s State) targets(of Stream) (out [][]string) {
	for _, e := range s.Events {
		if e.Of.Stream == of && !slices.ContainsFunc(out, func(t []string) bool { return slices.Equal(t, e.Targets) }) {
			out = append(out, e.Targets)
		}
	}
	slices.SortFunc(out, slices.Compare)
	return out
}

// Wanted is what an event asks for now.
type Wanted struct {
	Event  Event
	Level  int         // of SIMPLE; 0 where Limit is given
	Limit  units.Power // 0: none
	Loads  []string    // of whom; nil: of all that the site draws
	Until  time.Time   // zero: until it is taken back
	Refuse bool        // the household has opted out
}

// Wants is what the utility's events ask for now, whether or not the household is out.
func (r Rules) Wants(s State, now time.Time) (out []Wanted) {
	if !r.Listens(Demand) {
		return nil
	}
	for _, t := range s.targets(Demand) {
		e, step, ok := s.asking(now, t)
		if !ok || step.Level == 0 && step.Limit == 0 {
			continue
		}
		w := Wanted{Event: e, Level: step.Level, Limit: step.Limit, Until: e.until(now), Refuse: s.Opted.Grid()}
		if t != nil || step.Limit == 0 || r.Limit.Devices {
			w.Loads = r.controllable(t)
		}
		if w.Loads == nil || len(w.Loads) > 0 {
			out = append(out, w)
		}
	}
	return out
}

// Asks are the limits that hold because an event asks for them and the household is not out.
func (r Rules) Asks(s State, now time.Time) (out []InForce) {
	for _, w := range r.Wants(s, now) {
		limit := w.Limit
		if w.Level >= levelHold {
			limit = Nothing
		}
		if limit > 0 && !w.Refuse {
			out = append(out, InForce{
				Source: r.AskSource(), Phase: Limited, Limit: limit, Event: w.Event.ID, Issuer: w.Event.Of.Issuer, From: w.Event.Start, Until: w.Until, Loads: w.Loads,
			})
		}
	}
	return out
}

// asksAhead is what events ask for between two instants, as a plan is to know it.
func (r Rules) asksAhead(s State, now, to time.Time) (out []Span) {
	if s.Opted.Grid() || !r.Listens(Demand) {
		return nil
	}
	for at, n := now, 0; at.Before(to) && n < mostSpans; n++ {
		next := to
		for _, e := range s.Events {
			if t := e.changes(at); e.Of.Stream == Demand && t.After(at) && t.Before(next) {
				next = t
			}
		}
		for _, w := range r.Wants(s, at) {
			x := Span{From: at, To: next, Limit: w.Limit, Loads: w.Loads}
			if w.Limit == 0 {
				x.Limit = Nothing
			}
			if w.Event.Targets == nil && w.Loads != nil { // all that can wait
				x.Devices, x.Loads = true, nil
			}
			out = append(out, x)
		}
		at = next
	}
	return out
}

// passDemand says of an event of this stream that it is obeyed, or that the household is out.
func (r Rules) passDemand(s *State, e *Event, now time.Time) (changed bool) {
	_, holds := e.At(now)
	best, at, _ := s.asking(now, e.Targets)
	switch {
	case !holds:
	case s.Opted.Grid():
		if e.OptedOut.IsZero() {
			e.OptedOut, e.Applied, changed = now, time.Time{}, true
			if e.Ack != "" && e.Ack != AckNone {
				s.ack(Ack{Of: e.Of, State: OptedOut, At: now})
			}
		}
	case e.Applied.IsZero() && best.ID == e.ID && best.Of.Audience == e.Of.Audience:
		e.Applied, e.OptedOut, changed = now, time.Time{}, true
		if e.Ack == AckApplied {
			s.ack(Ack{Of: e.Of, State: Applied, Limit: at.Limit, At: now})
		}
	}
	return changed
}
