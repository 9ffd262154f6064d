package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Event is an event that is remembered until it is over: a limit, a wish, or words.
type Event struct {
	ID       string        `json:"id"` // of the event; the same one sent again takes its place
	Of       Ref           `json:"of"` // the envelope that brought it
	Ack      AckWish       `json:"ack,omitempty"`
	Issued   time.Time     `json:"issued"`
	Taken    time.Time     `json:"taken"`
	Priority int           `json:"priority"`
	Name     string        `json:"name,omitempty"`
	Start    time.Time     `json:"start"`
	Ends     time.Time     `json:"ends,omitzero"` // zero: until it is taken back
	Period   time.Duration `json:"period,omitempty"`
	Steps    []Step        `json:"steps"`
	Applied  time.Time     `json:"applied,omitzero"`   // when it first had its effect
	OptedOut time.Time     `json:"opted_out,omitzero"` // stream event: since when the household is out of it
	Targets  []string      `json:"targets,omitempty"`  // of a limit, sorted: load:<id>, class:<name>; none: the site
}

// Step is one part of an event.
type Step struct {
	Offset time.Duration `json:"offset,omitempty"` // from the event's start
	Length time.Duration `json:"length"`
	Limit  units.Power   `json:"limit,omitempty"` // streams limit and event
	Level  int           `json:"level,omitempty"` // stream event: of SIMPLE
	Kind   string        `json:"kind,omitempty"`  // streams message and event: the payload's type
	Text   string        `json:"text,omitempty"`
}

// At is the part of the event that holds at an instant.
func (e Event) At(now time.Time) (Step, bool) {
	if now.Before(e.Start) || !e.Ends.IsZero() && !now.Before(e.Ends) {
		return Step{}, false
	}
	at := now.Sub(e.Start)
	if e.Period > 0 {
		at %= e.Period
	}
	for _, s := range e.Steps {
		if at >= s.Offset && at-s.Offset < s.Length {
			return s, true
		}
	}
	return Step{}, false
}

// until is the end of the part that holds at an instant; zero: it has none.
func (e Event) until(now time.Time) time.Time {
	s, ok := e.At(now)
	if !ok {
		return time.Time{}
	}
	at := now.Sub(e.Start)
	if e.Period > 0 {
		at %= e.Period
	}
	end := e.Ends
	if left := s.Offset + s.Length - at; left < Forever/2 && (end.IsZero() || now.Add(left).Before(end)) {
		end = now.Add(left)
	}
	return end
}

// over tells whether the event will never hold again.
func (e Event) over(now time.Time) bool {
	if !e.Ends.IsZero() {
		return !now.Before(e.Ends)
	}
	last := e.Steps[len(e.Steps)-1]
	return e.Period == 0 && last.Length < Forever && !now.Before(e.Start.Add(last.Offset+last.Length))
}

// event makes what is remembered of an event that was laid.
func (l laid) event(e Envelope, now time.Time) Event {
	return Event{
		ID: l.ID, Of: e.ref(), Ack: e.Ack, Issued: e.Issued.UTC(), Taken: now, Priority: l.priority(), Name: l.EventName,
		Start: l.start, Ends: l.ends, Period: l.period,
	}
}

// layPower lays an event whose parts say what may be drawn, in kilowatts; what is its name. The
// event has no parts yet.
func (r Rules) layPower(e Envelope, adr *ADREvent, now time.Time, what string) (laid, Event, *RefusedError) {
	l, err := adr.lay(e.Issued, func(most time.Duration) time.Duration { return draw(r.Site, adr.ID, most, false) })
	if err != nil {
		return laid{}, Event{}, &RefusedError{Unreadable, err.Error()}
	}
	if _, err := adr.counts(TypeLimit, []string{"KW"}); err != nil {
		return laid{}, Event{}, &RefusedError{Unreadable, err.Error()}
	}
	if len(l.spans) > mostSteps {
		return laid{}, Event{}, &RefusedError{Unsafe, fmt.Sprintf("%s has %d intervals; the most is %d", what, len(l.spans), mostSteps)}
	}
	out := l.event(e, now)
	var bad *RefusedError
	out.Targets, bad = r.aims(adr.Targets)
	return l, out, bad
}

// power is what a part says may be drawn.
func (r Rules) power(value json.RawMessage) (units.Power, *RefusedError) {
	kw, err := reckoned(value, 6)
	if err != nil {
		return 0, &RefusedError{Unreadable, TypeLimit + ": " + err.Error()}
	}
	limit := units.Power(kw) // a millionth of a kilowatt is a milliwatt
	if err := r.Limit.Accepts(limit); err != nil {
		return 0, &RefusedError{Unsafe, err.Error()}
	}
	return limit, nil
}

// limits is the event as one that limits the site.
func (r Rules) limits(e Envelope, adr *ADREvent, now time.Time) (Event, *RefusedError) {
	l, out, bad := r.layPower(e, adr, now, "a limit")
	if bad != nil {
		return Event{}, bad
	}
	for _, s := range l.spans {
		if len(s.payloads) != 1 || s.payloads[0].Type != TypeLimit || len(s.payloads[0].Values) != 1 {
			return Event{}, &RefusedError{Unreadable, "an interval of a limit holds one value of " + TypeLimit}
		}
		limit, bad := r.power(s.payloads[0].Values[0])
		if bad != nil {
			return Event{}, bad
		}
		out.Steps = append(out.Steps, Step{Offset: s.offset, Length: s.length, Limit: limit})
	}
	return out, nil
}

// messages is the event as words to the customer.
func (r Rules) messages(e Envelope, adr *ADREvent, now time.Time) (Event, *RefusedError) {
	l, err := adr.lay(e.Issued, func(time.Duration) time.Duration { return 0 })
	if err != nil {
		return Event{}, &RefusedError{Unreadable, err.Error()}
	}
	if len(l.spans) > mostTexts {
		return Event{}, &RefusedError{Unsafe, fmt.Sprintf("a message has %d intervals; the most is %d", len(l.spans), mostTexts)}
	}
	out := l.event(e, now)
	for _, s := range l.spans {
		if len(s.payloads) != 1 || len(s.payloads[0].Values) != 1 {
			return Event{}, &RefusedError{Unreadable, "an interval of a message holds one text"}
		}
		p := s.payloads[0]
		if p.Type != TypeMessage && !isAlert(p.Type) {
			return Event{}, &RefusedError{Unreadable, fmt.Sprintf("%.40q is no kind of message", p.Type)}
		}
		words, err := text(p.Values[0])
		if err != nil {
			return Event{}, &RefusedError{Unreadable, err.Error()}
		}
		out.Steps = append(out.Steps, Step{Offset: s.offset, Length: s.length, Kind: p.Type, Text: words})
	}
	return out, nil
}

// alerts tells whether the event is, at some time, an alert.
func (e Event) alerts() bool {
	return slices.ContainsFunc(e.Steps, func(s Step) bool { return isAlert(s.Kind) })
}

// isAlert tells whether a payload's type is one of OpenADR's alerts.
func isAlert(kind string) bool {
	switch strings.TrimPrefix(kind, alertPrefix) {
	case "GRID_EMERGENCY", "BLACK_START", "POSSIBLE_OUTAGE", "FLEX_ALERT", "FIRE", "FREEZING", "WIND", "TSUNAMI", "AIR_QUALITY", "OTHER":
		return strings.HasPrefix(kind, alertPrefix)
	}
	return false
}

// tokens is the event as tokens to enter.
func (r Rules) tokens(e Envelope, adr *ADREvent) ([]string, *RefusedError) {
	if err := adr.check(); err != nil {
		return nil, &RefusedError{Unreadable, err.Error()}
	}
	var out []string
	for _, iv := range adr.Intervals {
		for _, p := range iv.Payloads {
			if p.Type != TypeToken {
				return nil, &RefusedError{Unreadable, fmt.Sprintf("%.40q is no token", p.Type)}
			}
			for _, v := range p.Values {
				token, err := text(v)
				if err != nil {
					return nil, &RefusedError{Unreadable, err.Error()}
				}
				out = append(out, token)
			}
		}
	}
	if len(out) > mostTokens {
		return nil, &RefusedError{Unsafe, fmt.Sprintf("it holds %d tokens; the most is %d", len(out), mostTokens)}
	}
	return out, nil
}
