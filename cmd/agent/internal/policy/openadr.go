package policy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Body is what the envelopes of tariff, token, message, limit and event hold: one of the
// three.
type Body struct {
	Event  *ADREvent `json:"event,omitempty"`
	Cancel string    `json:"cancel,omitempty"` // the id of an event of this audience and stream
	Clear  bool      `json:"clear,omitempty"`  // stream limit: there is no limit any more
}

// ADREvent is an event of OpenADR 3.1.1 (openadr3.yaml, "event").
type ADREvent struct {
	ID                string          `json:"id"`
	Created           string          `json:"createdDateTime,omitempty"`
	Modified          string          `json:"modificationDateTime,omitempty"`
	ObjectType        string          `json:"objectType,omitempty"`
	ProgramID         string          `json:"programID"`
	EventName         string          `json:"eventName,omitempty"`
	Duration          string          `json:"duration,omitempty"` // longer than the intervals: they come again and again; shorter: they are cut
	Priority          *int            `json:"priority,omitempty"` // 0 is the highest
	Targets           []string        `json:"targets,omitempty"`
	PayloadDescriptor []ADRDescriptor `json:"payloadDescriptors,omitempty"`
	IntervalPeriod    *ADRPeriod      `json:"intervalPeriod,omitempty"`
	Intervals         []ADRInterval   `json:"intervals"`

	// of are the payloads that count, where an event that nobody has signed holds several kinds;
	// nil: all of them.
	of func(kind string) bool
}

// ADRDescriptor says in what a payload is counted.
type ADRDescriptor struct {
	ObjectType  string `json:"objectType,omitempty"`
	PayloadType string `json:"payloadType"`
	Units       string `json:"units,omitempty"`
	Currency    string `json:"currency,omitempty"`
}

// ADRPeriod is when.
type ADRPeriod struct {
	Start          string `json:"start"`
	Duration       string `json:"duration,omitempty"`
	RandomizeStart string `json:"randomizeStart,omitempty"`
}

// ADRInterval is one part of an event.
type ADRInterval struct {
	ID       int32        `json:"id"`
	Payloads []ADRPayload `json:"payloads"`
	Period   *ADRPeriod   `json:"intervalPeriod,omitempty"`
}

// ADRPayload is what holds in it.
type ADRPayload struct {
	Type   string            `json:"type"`
	Values []json.RawMessage `json:"values"`
}

// Types of payloads that have an effect.  What begins with X_ is ours: OpenADR knows
// no prepayment.
const (
	TypePrice       = "PRICE"
	TypeExportPrice = "EXPORT_PRICE"
	TypeGrossPrice  = "X_PRICE_WITH_TAX" // as PRICE, with all taxes in it
	TypeLimit       = "IMPORT_CAPACITY_LIMIT"
	TypeSimple      = "SIMPLE"
	TypeToken       = "X_PREPAY_TOKEN"
	TypeMessage     = "X_PREPAY_MESSAGE"
	alertPrefix     = "ALERT_"
)

// Bounds of an event.
const (
	mostIntervals = 1500 // as many prices as are kept
	mostPayloads  = 8    // of an interval
	mostSteps     = 96   // of a limit: a day of quarter hours
	mostText      = 400  // characters of a message
	mostTexts     = 8    // of an event
	mostTokens    = 20
	mostAhead     = 31 * 24 * time.Hour // prices are taken so far ahead
)

// span is one interval of an event, with its place in time.
type span struct {
	offset, length time.Duration // from the event's start
	payloads       []ADRPayload
}

// laid is an event with its places in time.
type laid struct {
	*ADREvent
	start  time.Time
	spans  []span
	period time.Duration // after which the spans come again; 0: never
	ends   time.Time     // zero: never
}

// cancels tells whether the event is written as OpenADR writes that one is taken back:
// it begins now and has no length.
func (e *ADREvent) cancels() bool {
	if e.IntervalPeriod == nil {
		return false
	}
	_, now, err := parseStart(e.IntervalPeriod.Start)
	length := time.Duration(0)
	if err == nil && e.IntervalPeriod.Duration != "" {
		length, err = parseDuration(e.IntervalPeriod.Duration)
	}
	return err == nil && now && length == 0 && !slices.ContainsFunc(e.Intervals, func(i ADRInterval) bool { return i.Period != nil })
}

// check is what is wrong with the event as such.
func (e *ADREvent) check() error {
	switch {
	case e.of == nil && !idForm.MatchString(e.ID) || !objectForm.MatchString(e.ID):
		return fmt.Errorf("event.id is %.80q", e.ID)
	case e.of == nil && !idForm.MatchString(e.ProgramID) || !objectForm.MatchString(e.ProgramID):
		return fmt.Errorf("event.programID is %.80q", e.ProgramID)
	case e.ObjectType != "" && e.ObjectType != "EVENT":
		return fmt.Errorf("event.objectType is %.40q", e.ObjectType)
	case e.Priority != nil && (*e.Priority < 0 || *e.Priority > 1_000_000):
		return fmt.Errorf("event.priority is %d", *e.Priority)
	case len(e.Intervals) == 0 || len(e.Intervals) > mostIntervals:
		return fmt.Errorf("event.intervals has %d elements; 1 to %d may be", len(e.Intervals), mostIntervals)
	}
	for i, iv := range e.Intervals {
		if len(iv.Payloads) == 0 && e.of == nil || len(iv.Payloads) > mostPayloads {
			return fmt.Errorf("event.intervals[%d] has %d payloads", i, len(iv.Payloads))
		}
		for _, p := range iv.Payloads {
			if e.of != nil && !e.of(p.Type) {
				continue
			}
			if len(p.Values) == 0 || len(p.Values) > mostSteps {
				return fmt.Errorf("event.intervals[%d]: %.40q has %d values", i, p.Type, len(p.Values))
			}
		}
	}
	return nil
}

// lay gives the event's intervals their places in time.  What begins now begins when
// the envelope was signed, so that it is the same instant for every site.  shift is
// what of randomizeStart a site draws: see draw.
func (e *ADREvent) lay(issued time.Time, shift func(most time.Duration) time.Duration) (laid, error) {
	l := laid{ADREvent: e}
	if err := e.check(); err != nil {
		return l, err
	}
	random := time.Duration(0)
	usual := time.Duration(0)
	var err error
	if p := e.IntervalPeriod; p != nil {
		if l.start, usual, random, err = p.parse(issued); err != nil {
			return l, fmt.Errorf("event.intervalPeriod: %w", err)
		}
	}
	next := time.Duration(0)
	for i, iv := range e.Intervals {
		s := span{offset: next, length: usual, payloads: iv.Payloads}
		switch p := iv.Period; {
		case p == nil && e.IntervalPeriod == nil:
			return l, fmt.Errorf("event.intervals[%d]: neither it nor the event has an intervalPeriod", i)
		case p == nil:
		default:
			if p.RandomizeStart != "" && i > 0 {
				return l, fmt.Errorf("event.intervals[%d]: only the event's start is random", i)
			}
			start, length, r, err := p.parse(issued)
			if err != nil {
				return l, fmt.Errorf("event.intervals[%d].intervalPeriod: %w", i, err)
			}
			_, follows, _ := parseStart(p.Start)
			switch {
			case i == 0 && (l.start.IsZero() || !follows):
				l.start, random = start, max(random, r)
			case !follows: // else right after the one before it
				s.offset = start.Sub(l.start)
			}
			s.length = length
		}
		switch {
		case s.length <= 0:
			return l, fmt.Errorf("event.intervals[%d] has no length", i)
		case s.offset < next:
			return l, fmt.Errorf("event.intervals[%d] begins before the one before it ends", i)
		case s.offset > mostLength:
			return l, fmt.Errorf("event.intervals[%d] begins too late", i)
		}
		next = s.offset + s.length
		if s.length == Forever {
			next = Forever
		}
		l.spans = append(l.spans, s)
	}
	if e.of != nil {
		l.spans = of(l.spans, e.of)
	}
	l.start = l.start.Add(shift(random))
	if !inTime(l.start) {
		return l, fmt.Errorf("it begins in no year that there is")
	}
	total := next
	if e.Duration != "" {
		if total, err = parseDuration(e.Duration); err != nil {
			return l, fmt.Errorf("event.duration: %w", err)
		}
		if total <= 0 {
			return l, fmt.Errorf("event.duration is nothing")
		}
		if total > next {
			l.period = next
		}
	}
	if total < Forever {
		l.ends = l.start.Add(total)
	}
	return l, nil
}

func (p *ADRPeriod) parse(issued time.Time) (start time.Time, length, random time.Duration, err error) {
	start, now, err := parseStart(p.Start)
	if now {
		start = issued.UTC()
	}
	if err == nil && p.Duration != "" {
		length, err = parseDuration(p.Duration)
	}
	if err == nil && p.RandomizeStart != "" {
		if random, err = parseDuration(p.RandomizeStart); err == nil && random > 24*time.Hour {
			err = fmt.Errorf("randomizeStart is longer than a day")
		}
	}
	return start, length, random, err
}

// of leaves of an event's parts what counts, each in its place.
func of(all []span, kind func(string) bool) (out []span) {
	for _, s := range all {
		s.payloads = slices.DeleteFunc(slices.Clone(s.payloads), func(p ADRPayload) bool { return !kind(p.Type) })
		if len(s.payloads) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// draw is a site's part of randomizeStart: one draw for the whole event, the same
// however often it is read, between -most and most; the later half alone where the
// event may not begin early.
func draw(site, event string, most time.Duration, early bool) time.Duration {
	seconds := int64(most / time.Second)
	if seconds <= 0 {
		return 0
	}
	mac := hmac.New(sha256.New, []byte(site))
	mac.Write([]byte(event))
	n := binary.BigEndian.Uint64(mac.Sum(nil)[:8])
	if early {
		return time.Duration(int64(n%uint64(2*seconds+1))-seconds) * time.Second
	}
	return time.Duration(n%uint64(seconds+1)) * time.Second
}

// priority is the event's; what has none comes after all that have one.
func (e *ADREvent) priority() int {
	if e.Priority == nil {
		return 1_000_001
	}
	return *e.Priority
}

// counts checks what a payload is said to be counted in.
func (e *ADREvent) counts(payload string, units []string) (currency string, err error) {
	for _, d := range e.PayloadDescriptor {
		if d.PayloadType != payload {
			continue
		}
		if d.Units != "" && !slices.Contains(units, d.Units) {
			return "", fmt.Errorf("%s is in %.20q; write it in %s", payload, d.Units, strings.Join(units, " or "))
		}
		currency = d.Currency
	}
	return currency, nil
}

// number reads a plain decimal number.
func number(v json.RawMessage, places int) (int64, error) {
	n, err := units.ParseDecimal(string(v), places)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a plain number with at most %d decimals", string(v), places)
	}
	return n, nil
}

// reckoned reads a number that a program may have reckoned: what is beyond the places is
// rounded.
func reckoned(v json.RawMessage, places int) (int64, error) {
	n, err := units.ParseRounded(string(v), places)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a plain number", string(v))
	}
	return n, nil
}

// text reads words for a person: one line, no control characters.
func text(v json.RawMessage) (string, error) {
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return "", fmt.Errorf("%.40q is not a text", string(v))
	}
	s = strings.TrimSpace(s)
	if n := len([]rune(s)); n == 0 || n > mostText {
		return "", fmt.Errorf("a text has %d characters; 1 to %d may be", n, mostText)
	}
	if !sayable(s) {
		return "", fmt.Errorf("a text holds characters that cannot be shown")
	}
	return s, nil
}

// sayable tells whether words can be shown: one line, not too long, no control characters.
func sayable(s string) bool {
	return len([]rune(s)) <= mostText && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	})
}
