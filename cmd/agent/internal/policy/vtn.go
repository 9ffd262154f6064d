package policy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// served is the audience of what a server lists: it has chosen for whom it is itself.
const served = "openadr"

// LimitSource is whose the limits are that these rules let hold.
func (r Rules) LimitSource() Source {
	if r.VTN {
		return Served
	}
	return Signed
}

// AskSource is whose the events are that the household may opt out of.
func (r Rules) AskSource() Source {
	if r.VTN {
		return ServedAsks
	}
	return Asked
}

// ServedStreams are the streams that a server may be listened to for.
func ServedStreams() []Stream { return []Stream{Tariff, Message, Limit, Demand} }

// VTNEvent is an event as a server lists it.
type VTNEvent struct {
	ADREvent
	// Reports are what the server asks to hear of it.
	Reports []ReportDescriptor `json:"reportDescriptors"`
}

// ReportDescriptor asks for a report of an event (openadr3.yaml, "reportDescriptor").
type ReportDescriptor struct {
	PayloadType     string `json:"payloadType"`
	ReadingType     string `json:"readingType"`
	Units           string `json:"units"`
	Aggregate       bool   `json:"aggregate"`
	StartInterval   *int   `json:"startInterval"`
	NumIntervals    *int   `json:"numIntervals"`
	Historical      *bool  `json:"historical"`
	Frequency       *int   `json:"frequency"`
	Repeat          *int   `json:"repeat"`
	ReportIntervals string `json:"reportIntervals"`
}

// MostListed is how many of a server's events are looked at, and MostEventBytes how long one
// may be.
const (
	MostListed     = 128
	MostEventBytes = 256 << 10
)

// objectForm is how OpenADR names its objects.
var objectForm = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`) //nolint:gochecknoglobals // compiled once, never changed

// ReadVTNEvent reads an event as a server lists it.  Members that are not known are passed
// over: servers are of many makers, and a newer form adds members.
func ReadVTNEvent(text []byte) (e VTNEvent, err error) {
	if len(text) > MostEventBytes {
		return e, fmt.Errorf("it has %d bytes; the most is %d", len(text), MostEventBytes)
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("%s", short(err))
	}
	if !objectForm.MatchString(e.ID) {
		return e, fmt.Errorf("id is %.80q", e.ID)
	}
	// A period without a start begins now, or right after the one before it.
	for _, p := range append([]*ADRPeriod{e.IntervalPeriod}, periods(e.Intervals)...) {
		if p != nil && p.Start == "" {
			p.Start = "0001-01-01"
		}
	}
	return e, nil
}

func periods(all []ADRInterval) (out []*ADRPeriod) {
	for _, iv := range all {
		out = append(out, iv.Period)
	}
	return out
}

// Interval is the place in time of one interval of an event.
type Interval struct {
	N          int // counts them from the event's first on, also where they come again
	ID         int32
	Start, End time.Time
}

// Places are the event's intervals as it gives them, without what a site draws of
// randomizeStart; of an event that comes again those between two instants.  issued is when it
// was said, for what begins now.
func (e VTNEvent) Places(issued, from, to time.Time) (out []Interval) {
	adr := e.ADREvent
	adr.of = func(string) bool { return true }
	ids := map[time.Duration]int32{}
	if len(adr.Intervals) > mostIntervals {
		return nil
	}
	adr.Intervals = slices.Clone(adr.Intervals)
	for i := range adr.Intervals { // none is left out for having no payload
		adr.Intervals[i].Payloads = []ADRPayload{{Type: "none", Values: []json.RawMessage{json.RawMessage("0")}}}
	}
	if len(adr.Intervals) == 0 { // they are implied by the event's own period
		adr.Intervals = []ADRInterval{{Payloads: []ADRPayload{{Type: "none", Values: []json.RawMessage{json.RawMessage("0")}}}}}
		adr.Duration = "P9999Y"
	}
	l, err := adr.lay(issued, func(time.Duration) time.Duration { return 0 })
	if err != nil || l.start.IsZero() {
		return nil
	}
	for i, s := range l.spans {
		ids[s.offset] = adr.Intervals[i].ID
	}
	n, first := 0, l.start
	if l.period > 0 && from.After(first) { // a late reader skips ahead
		rounds := int(from.Sub(first) / l.period)
		n, first = rounds*len(l.spans), first.Add(time.Duration(rounds)*l.period)
	}
	for round := first; round.Before(to); round = round.Add(l.period) {
		for _, s := range l.spans {
			iv := Interval{N: n, ID: ids[s.offset], Start: round.Add(s.offset)}
			if len(e.ADREvent.Intervals) == 0 {
				iv.ID = int32(n) //nolint:gosec // so many hours have not passed
			}
			if iv.End = iv.Start.Add(s.length); s.length >= Forever/2 || !l.ends.IsZero() && iv.End.After(l.ends) {
				iv.End = l.ends
			}
			if iv.End.IsZero() || !iv.End.After(iv.Start) {
				return out
			}
			n++
			out = append(out, iv)
		}
		if l.period <= 0 || len(out) >= mostIntervals || !l.ends.IsZero() && !round.Add(l.period).Before(l.ends) {
			break
		}
	}
	return out
}

// Issued is when what the server says in an event was said: that which begins now begins
// then.  first is when it was first seen, and by our clock no event is said after that.
func (e VTNEvent) Issued(first time.Time) time.Time {
	if at := e.modified(); !at.IsZero() && at.Before(first) {
		return at
	}
	return first.UTC().Truncate(time.Second)
}

func (e VTNEvent) modified() time.Time {
	for _, text := range []string{e.Modified, e.Created} {
		if at, err := time.Parse(time.RFC3339, text); err == nil && inTime(at) {
			return at.UTC()
		}
	}
	return time.Time{}
}

// kinds are the types of the event's payloads, each once.
func (e VTNEvent) kinds() (out []string) {
	for _, iv := range e.ADREvent.Intervals {
		for _, p := range iv.Payloads {
			if !slices.Contains(out, p.Type) && len(out) < mostPayloads {
				out = append(out, p.Type)
			}
		}
	}
	return out
}

// serves says which stream a payload's type is of, or why it does nothing here.
func (r Rules) serves(kind string) (Stream, string) {
	switch {
	case kind == TypePrice || kind == TypeGrossPrice || kind == TypeExportPrice:
		return Tariff, ""
	case kind == TypeSimple:
		return Demand, ""
	case kind == TypeLimit && r.Limits():
		return Limit, ""
	case kind == TypeLimit:
		return Demand, ""
	case isAlert(kind):
		return Message, ""
	case kind == TypeToken || kind == TypeMessage || strings.HasPrefix(kind, "X_PREPAY_"):
		return "", "it is taken signed, and in no other way"
	}
	if why := nothing(kind); why != "" {
		return "", why
	}
	return "", "it asks for nothing that is known here"
}

// nothing says why a type of OpenADR does nothing here; "" where it is none of these.
func nothing(kind string) string {
	switch kind {
	case "GHG":
		return "loads are laid by what they cost, and not by what is emitted"
	case "PRICE_ALTERNATE":
		return "only electricity is charged here"
	case "CHARGE_STATE_SETPOINT":
		return "how full a battery is to be, those decide whose it is"
	case "DISPATCH_SETPOINT", "DISPATCH_SETPOINT_RELATIVE":
		return "a home is not told what to draw: it can be asked to draw no more than IMPORT_CAPACITY_LIMIT"
	case "DISPATCH_INSTRUCTION", "CONTROL_SETPOINT":
		return "what it means is agreed with nobody"
	case "CONTROL_LEVEL_OFFSET", "CONTROL_LEVEL_OFFSET_PERCENT":
		return "a load is on or off, or told a power: it has no level that could be shifted"
	case "CURVE":
		return "there is no inverter that could follow it"
	case "OLS":
		return "a home's use is not laid along a shape"
	case "CTA2045_REBOOT", "CTA2045_SET_OVERRIDE_STATUS":
		return "there is no CTA-2045 module"
	case "EXPORT_CAPACITY_LIMIT":
		return "what is exported is not controlled here"
	}
	if strings.HasPrefix(kind, "IMPORT_CAPACITY_") || strings.HasPrefix(kind, "EXPORT_CAPACITY_") {
		switch _, what, _ := strings.Cut(kind, "_CAPACITY_"); what {
		case "SUBSCRIPTION", "RESERVATION", "RESERVATION_FEE", "AVAILABLE", "AVAILABLE_PRICE":
			return "no capacity is bought or reserved here; what limits is IMPORT_CAPACITY_LIMIT"
		}
	}
	return ""
}

// descriptors are the event's own, and the program's for what it does not describe.
func (e VTNEvent) descriptors(programs map[string][]ADRDescriptor) []ADRDescriptor {
	out := slices.Clone(e.PayloadDescriptor)
	for _, d := range programs[e.ProgramID] {
		if !slices.ContainsFunc(out, func(x ADRDescriptor) bool { return x.PayloadType == d.PayloadType }) {
			out = append(out, d)
		}
	}
	return out
}
