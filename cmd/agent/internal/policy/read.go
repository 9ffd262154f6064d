package policy

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// ReadRules are what a utility may read: what the household shares.
type ReadRules struct {
	Intervals bool     // consumption by interval
	Registers bool     // the registers as they stand
	Series    []string // that there are; nil: they are not known, and any may be asked for
}

// ReadRequest asks for readings.  It is remembered until it is answered.
type ReadRequest struct {
	ID        string    `json:"id"`
	From      time.Time `json:"from,omitzero"`
	To        time.Time `json:"to,omitzero"`
	Intervals []string  `json:"intervals,omitempty"` // series: site, or a load
	Registers bool      `json:"registers,omitempty"`
}

// AskedReading is a request that waits for its answer.
type AskedReading struct {
	ReadRequest
	Of    Ref       `json:"of"`
	Ack   AckWish   `json:"ack,omitempty"`
	Taken time.Time `json:"taken"`
	// Sent: it was answered, and is answered again until the utility has confirmed that it
	// knows so.
	Sent bool `json:"sent,omitempty"`
}

// Bounds of reading.
const (
	mostReads  = 4                   // that wait
	mostSeries = 16                  // of a request
	mostRead   = 31 * 24 * time.Hour // at once
	readLives  = 24 * time.Hour      // a request is answered so late, and no later
	// MostReadings is how many intervals stand in one answer.
	MostReadings = 300
)

// readBody is what the stream read holds.
type readBody struct {
	Read *ReadRequest `json:"read"`
}

// reads takes a request.
func (r Rules) reads(s *State, e Envelope, now time.Time) *RefusedError {
	var b readBody
	if err := read(e.Body, &b); err != nil {
		return &RefusedError{Unreadable, "body: " + err.Error()}
	}
	q := b.Read
	switch {
	case e.Audience != "site:"+r.Site:
		return &RefusedError{StreamNotAllowed, "readings are those of one site"}
	case q == nil || !idForm.MatchString(q.ID):
		return &RefusedError{Unreadable, "body holds read, with an id"}
	case len(q.Intervals) == 0 && !q.Registers:
		return &RefusedError{Unreadable, "read asks for neither intervals nor registers"}
	case len(q.Intervals) > mostSeries:
		return &RefusedError{Unsafe, fmt.Sprintf("read.intervals has %d elements; the most is %d", len(q.Intervals), mostSeries)}
	case len(q.Intervals) > 0 && !q.To.After(q.From):
		return &RefusedError{Unreadable, "read.to is not after read.from"}
	case len(q.Intervals) > 0 && q.To.Sub(q.From) > mostRead:
		return &RefusedError{Unsafe, fmt.Sprintf("it asks for more than %s at once", mostRead)}
	case len(q.Intervals) > 0 && !r.Reads.Intervals, q.Registers && !r.Reads.Registers:
		return &RefusedError{NotShared, "the household does not share that (telemetry.share)"}
	}
	for _, name := range q.Intervals {
		if !targetForm.MatchString(name) || r.Reads.Series != nil && !slices.Contains(r.Reads.Series, name) {
			return &RefusedError{Inapplicable, fmt.Sprintf("there are no intervals of %.40q", name)}
		}
	}
	s.Reads = slices.DeleteFunc(slices.Clone(s.Reads), func(x AskedReading) bool { return x.ID == q.ID })
	if len(s.Reads) >= mostReads {
		return &RefusedError{TooMany, fmt.Sprintf("%d requests wait to be answered already", mostReads)}
	}
	q.From, q.To = q.From.UTC(), q.To.UTC()
	s.Reads = append(s.Reads, AskedReading{ReadRequest: *q, Of: e.ref(), Ack: e.Ack, Taken: now})
	return nil
}

// passReads lets go of requests that nobody has answered in time, or that are not allowed
// any more.
func (r Rules) passReads(s *State, now time.Time) (changed bool) {
	var left []AskedReading
	for _, x := range s.Reads {
		switch {
		case x.Sent && !slices.ContainsFunc(s.Acks, func(a Ack) bool { return a.Of == x.Of && a.State == Applied }):
			changed = true // confirmed
		case now.Sub(x.Taken) < readLives && r.Listens(Read) && (len(x.Intervals) == 0 || r.Reads.Intervals) && (!x.Registers || r.Reads.Registers):
			left = append(left, x)
		default:
			if changed = true; x.Ack == AckApplied && !x.Sent {
				s.ack(Ack{Of: x.Of, State: Rejected, Code: Expired, Detail: "it was not answered in time", At: now})
			}
		}
	}
	s.Reads = left
	return changed
}

// Answered is the state after a request was answered; was: that is new.
func (s State) Answered(of Ref, now time.Time) (next State, was bool) {
	i := slices.IndexFunc(s.Reads, func(x AskedReading) bool { return x.Of == of })
	if i < 0 || s.Reads[i].Sent {
		return s, false
	}
	s = s.clone()
	s.Reads = slices.Clone(s.Reads)
	if s.Reads[i].Ack != AckApplied {
		s.Reads = tidy(slices.Delete(s.Reads, i, i+1))
		return s, true
	}
	s.Reads[i].Sent = true
	s.ack(Ack{Of: of, State: Applied, At: now})
	return s, true
}

// Readings is one part of an answer, as a site signs it.
type Readings struct {
	V         int            `json:"v"`
	Site      string         `json:"site"`
	ID        string         `json:"id"` // of the request
	Of        Ref            `json:"of"`
	At        time.Time      `json:"at"`
	Part      int            `json:"part"` // from 1
	Parts     int            `json:"parts"`
	Registers *ReadRegisters `json:"registers,omitempty"`
	Series    string         `json:"series,omitempty"`
	Intervals []ReadInterval `json:"intervals,omitempty"`
}

// ReadRegisters are the energies counted since the records began.
type ReadRegisters struct {
	At        time.Time `json:"at"`
	ImportKWh float64   `json:"import_kwh"`
	ExportKWh float64   `json:"export_kwh"`
}

// ReadInterval is one settled interval.
type ReadInterval struct {
	Start     time.Time `json:"start"`
	Seconds   int64     `json:"s"`
	ImportKWh float64   `json:"import_kwh"`
	ExportKWh float64   `json:"export_kwh"`
	CoveredS  int64     `json:"covered_s"` // so much of it was measured
	Quality   uint32    `json:"quality"`
}

// SignReadings signs the parts of an answer with the site's own key.
func SignReadings(parts []Readings, key ed25519.PrivateKey) ([]string, error) {
	out := make([]string, len(parts))
	for i, p := range parts {
		p.V, p.Part, p.Parts = version, i+1, len(parts)
		payload, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		if out[i], err = sign(kindReadings, payload, key); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// OpenReadings reads a part of an answer that a site's key has signed.
func OpenReadings(text []byte, public ed25519.PublicKey) (Readings, error) {
	var out Readings
	o, bad := open(text)
	if bad != nil {
		return out, bad
	}
	if o.kind != kindReadings {
		return out, &RefusedError{Unreadable, "it holds no readings"}
	}
	payload, ok := o.by(public)
	if !ok || len(o.kids) != 1 {
		return out, &RefusedError{Forged, "the site's key has not signed it"}
	}
	if err := read(payload, &out); err != nil {
		return out, &RefusedError{Unreadable, err.Error()}
	}
	return out, nil
}

// IsReadings tells whether a text claims to hold readings.
func IsReadings(text []byte) bool {
	o, bad := open(text)
	return bad == nil && o.kind == kindReadings
}
