package policy

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Ref names an envelope.
type Ref struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Stream   Stream `json:"stream"`
	Epoch    uint64 `json:"epoch"`
	Seq      uint64 `json:"seq"`
	ID       string `json:"id"`
}

// AckState is what is said of an envelope.
type AckState string

// The states.
const (
	Received   AckState = "received"   // it was taken
	Applied    AckState = "applied"    // it has its effect
	Rejected   AckState = "rejected"   // it was refused, and why
	Superseded AckState = "superseded" // another one took its place, or took it back
	Completed  AckState = "completed"  // its effect is over
	OptedOut   AckState = "opted_out"  // the household has opted out of it
)

// Ack is what the utility is owed to hear of an envelope.  It is sent again until the
// utility says, signed, that it has it.
type Ack struct {
	N      uint64      `json:"n"`     // counts a site's acknowledgements: a gap is one that was lost
	Since  time.Time   `json:"since"` // when the count began: where a site's records were lost, it begins anew
	Of     Ref         `json:"of"`
	State  AckState    `json:"state"`
	Code   Code        `json:"code,omitempty"`
	Detail string      `json:"detail,omitempty"`
	Limit  units.Power `json:"limit_mw,omitempty"` // that came into force
	At     time.Time   `json:"at"`
}

// ack adds one.
func (s *State) ack(a Ack) {
	if s.AckSeq == 0 {
		s.AckSince = a.At.UTC().Truncate(time.Millisecond)
	}
	s.AckSeq++
	a.N, a.Since = s.AckSeq, s.AckSince
	a.Detail = fmt.Sprintf("%.200s", a.Detail)
	a.At = a.At.UTC().Truncate(time.Second)
	s.Acks = append(s.Acks, a)
	for len(s.Acks) > mostAcks {
		// What was refused goes first: whoever hands on old envelopes could have the rest forgotten.
		s.Acks = slices.Delete(slices.Clone(s.Acks), max(0, slices.IndexFunc(s.Acks, refused)), max(0, slices.IndexFunc(s.Acks, refused))+1)
		s.Dropped++
	}
}

// Old is what is left of a State that is an old one: others may have come after it.  What
// was numbered since is numbered anew, in a count of its own, and nobody stays disconnected
// by an order that may have been taken back.
func (s State) Old(now time.Time) State {
	s = s.clone()
	s.endCut(EndOld, now)
	s.Supply.Notice = nil
	acks := s.Acks
	s.Acks, s.AckSeq = nil, 0
	for _, a := range acks {
		at := a.At
		a.At = now
		s.ack(a)
		s.Acks[len(s.Acks)-1].At = at
	}
	if len(acks) == 0 {
		s.AckSince = time.Time{}
	}
	return s
}

func refused(a Ack) bool { return a.State == Rejected }

// acknowledge says what became of an envelope as far as it is asked for, and tells
// whether there is something new to say.
func (s *State) acknowledge(out Outcome, now time.Time) (added bool) {
	e := out.Envelope
	if e.Ack == "" || e.Ack == AckNone {
		return false
	}
	a := Ack{Of: e.ref(), State: Received, At: now}
	if out.Code != Taken {
		a.State, a.Code, a.Detail = Rejected, out.Code, out.Detail
	}
	// An envelope that is refused each time it comes is told once.
	if i := slices.IndexFunc(s.Acks, func(x Ack) bool { return x.Of == a.Of && x.State == a.State && x.Code == a.Code }); i >= 0 {
		return false
	}
	s.ack(a)
	return true
}

// Done says of an envelope whose effect the caller saw to (prices, tokens) that it has
// it, or why it has not.
func (r Rules) Done(s State, out Outcome, now time.Time, failed error) State {
	s = s.clone()
	e := out.Envelope
	a := Ack{Of: e.ref(), State: Applied, At: now}
	if failed != nil {
		code, detail := Why(failed)
		s.count(code)
		a.State, a.Code, a.Detail = Rejected, code, detail
	}
	if e.Ack == AckApplied || failed != nil && e.Ack == AckReceived {
		s.ack(a)
	}
	return s
}

// Why is the code of what the caller could not do, and what was wrong, in one line.
func Why(failed error) (Code, string) {
	var bad *RefusedError
	if errors.As(failed, &bad) {
		return bad.Code, short(errors.New(bad.Detail))
	}
	return Inapplicable, short(failed)
}

// Pass lets time pass: the limit's phase moves, and events come into force and end.
// changed: something of it must not be lost.
func (r Rules) Pass(s State, now time.Time) (next State, changed bool) {
	cut := s.Supply.Off != nil || s.Supply.Notice != nil
	s = r.Anchored(s, now).clone()
	cut = cut && s.Supply.Off == nil && s.Supply.Notice == nil
	phase := s.Limit.Phase
	if r.Limits() {
		s.Limit = r.Limit.Step(s.Limit, now, s.limited(now))
	}
	changed = phase != s.Limit.Phase || cut
	changed = r.passSupply(&s, now) || changed
	var left []Event
	for _, e := range s.Events {
		step, holds := e.At(now)
		force := r.InForce(s, now)
		if e.Targets != nil {
			_, best, _ := s.limiting(now, e.Targets)
			force = InForce{Limit: best.Limit}
		}
		if e.Of.Stream == Demand {
			changed = r.passDemand(&s, &e, now) || changed
		} else if holds && e.Applied.IsZero() && e.obeyed(step, force) {
			e.Applied, changed = now, true
			if e.Ack == AckApplied {
				a := Ack{Of: e.Of, State: Applied, At: now}
				if e.Of.Stream == Limit {
					a.Limit = force.Limit
				}
				s.ack(a)
			}
		}
		if e.over(now) {
			changed = true
			switch {
			case e.Ack != AckApplied, !e.OptedOut.IsZero():
			case e.Applied.IsZero():
				s.ack(Ack{Of: e.Of, State: Rejected, Code: Expired, Detail: "the event was over before it had an effect", At: now})
			default:
				s.ack(Ack{Of: e.Of, State: Completed, At: now})
			}
			continue
		}
		left = append(left, e)
	}
	s.Events = left
	return s, r.passReads(&s, now) || changed
}

// obeyed tells whether the event has its effect: of a limit, whether the site is held to as
// much or less, by whatever rules it.
func (e Event) obeyed(at Step, force InForce) bool {
	return e.Of.Stream != Limit || force.Limit > 0 && force.Limit <= at.Limit
}

// ackDocument is what a site signs.
type ackDocument struct {
	V    int    `json:"v"`
	Site string `json:"site"`
	Ack  Ack    `json:"ack"`
}

// SignAck signs an acknowledgement with the site's own key.
func SignAck(site string, a Ack, key ed25519.PrivateKey) (string, error) {
	payload, err := json.Marshal(ackDocument{V: version, Site: site, Ack: a})
	if err != nil {
		return "", err
	}
	return sign(kindAck, payload, key)
}

// OpenAck reads an acknowledgement that a site's key has signed.
func OpenAck(text []byte, public ed25519.PublicKey) (site string, a Ack, err error) {
	o, bad := open(text)
	if bad != nil {
		return "", a, bad
	}
	if o.kind != kindAck {
		return "", a, &RefusedError{Unreadable, "it is no acknowledgement"}
	}
	payload, ok := o.by(public)
	if !ok || len(o.kids) != 1 {
		return "", a, &RefusedError{Forged, "the site's key has not signed it"}
	}
	var d ackDocument
	if err := read(payload, &d); err != nil {
		return "", a, &RefusedError{Unreadable, err.Error()}
	}
	return d.Site, d.Ack, nil
}
