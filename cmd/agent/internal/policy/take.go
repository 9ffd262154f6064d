package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
)

// In is an envelope that came.
type In struct {
	Text []byte
	Now  time.Time
	// Dateless: nobody knows what time it is, so that nothing can be told to be in time.
	Dateless bool
	// Held: the records are held, so that nothing can be charged or credited.
	Held bool
	// NoCut is why the supply cannot be cut now.
	NoCut Bar
}

// Outcome is what became of an envelope.
type Outcome struct {
	Code     Code
	Detail   string
	Envelope Envelope // where a known key signed it
	Genuine  bool     // a known key signed it
	Keys     *KeySet  // new keys are in force
	Prices   []byte   // to be put in force, as tariffs.ParsePrices reads them
	Rates    *Ordered // a tariff document to be put in force, or taken back
	Tokens   []string // to be entered
	// Ahead is by how much the utility's clock is ahead of ours; nil: it says nothing of it.
	Ahead   *time.Duration
	Changes bool // something is to be remembered that must not be lost

	signers int  // that signed it
	applied bool // it has its effect already
}

// skew is how far the utility's clock may be ahead of ours.
const skew = 2 * time.Minute

// Take takes one envelope: what is remembered after it, and what follows.  What the
// caller could not do of it, it says with Failed.
func (r Rules) Take(s State, in In) (State, Outcome) {
	s = r.Anchored(s, in.Now).clone()
	out := r.take(&s, in)
	s.count(out.Code)
	if out.Genuine && !out.Code.Repeats() && out.Keys == nil && out.Envelope.Seq > 0 {
		out.Changes = s.acknowledge(out, in.Now) || out.Changes
		if out.applied && out.Envelope.Ack == AckApplied {
			s.ack(Ack{Of: out.Envelope.ref(), State: Applied, At: in.Now})
		}
	}
	return s, out
}

func (r Rules) take(s *State, in In) Outcome {
	o, bad := open(in.Text)
	if bad != nil {
		return Outcome{Code: bad.Code, Detail: bad.Detail}
	}
	switch o.kind {
	case kindKeys:
		return r.takeKeys(s, o)
	case kindPolicy:
	default:
		return Outcome{Code: Unreadable, Detail: "it is an acknowledgement"}
	}
	keys := r.KeysInForce(*s)
	signers, payload, ok := o.signers(keys)
	if !ok {
		return Outcome{Code: Forged, Detail: fmt.Sprintf("no key of key set %d has signed it (kid %.40q)", keys.Version, o.kids)}
	}
	var e Envelope
	if err := read(payload, &e); err != nil {
		return Outcome{Code: Unreadable, Detail: err.Error()}
	}
	if err := e.Check(); err != nil {
		return Outcome{Code: Unreadable, Detail: err.Error()}
	}
	out := Outcome{Envelope: e, Genuine: true, signers: len(signers)}
	allowed := !slices.ContainsFunc(signers, func(s Signer) bool { return !s.allows(e.Stream, e.Audience, in.Now) })
	refuse := func(c Code, format string, args ...any) Outcome {
		out.Code, out.Detail = c, fmt.Sprintf(format, args...)
		return out
	}
	switch {
	case e.Issuer != r.Issuer:
		out.Genuine = false
		return refuse(OtherIssuer, "it is of %s", e.Issuer)
	case !slices.Contains(r.Audiences(), e.Audience):
		out.Genuine = false // others answer it
		return refuse(OtherAudience, "it is for %s", e.Audience)
	case !r.Listens(e.Stream):
		return refuse(StreamNotAllowed, "policy.streams does not list %s", e.Stream)
	case len(signers) > 1 && e.Stream != Supply:
		return refuse(Forged, "%d keys have signed it, and one may", len(signers))
	case !allowed:
		return refuse(StreamNotAllowed, "its key may not sign %s for %s now", e.Stream, e.Audience)
	case e.Stream == Supply && e.Audience != "site:"+r.Site:
		return refuse(StreamNotAllowed, "the supply is that of one site")
	case e.Stream == Token && e.Audience != "site:"+r.Site:
		return refuse(StreamNotAllowed, "tokens are for one site")
	}
	restores := s.restores(e)
	switch {
	case restores:
	case e.Epoch < keys.Epoch:
		return refuse(RolledBack, "it is of epoch %d and %d is in force", e.Epoch, keys.Epoch)
	case e.Epoch > keys.Epoch:
		return refuse(FastForwarded, "it is of epoch %d and %d is in force: send the key set first", e.Epoch, keys.Epoch)
	}
	seen, sum := s.seen(e.Audience, e.Stream), digest(payload)
	order := seen.order(e.Seq, sum)
	if restores && order != FastForwarded {
		// Its number is higher than the order's.  Had it been heard before, the order would not
		// have counted; and the numbers of another epoch are not those that are remembered.
		order = Taken
	}
	if order.Repeats() || order == Reused {
		return refuse(order, "number %d of %s for %s; the last is %d", e.Seq, e.Stream, e.Audience, seen.Last)
	}
	switch {
	case restores && order == Taken && in.Now.Before(keys.Expires):
	case e.Stream == Clock && in.Now.Before(keys.Expires):
		// To a clock that is wrong all else would be early, or over: this one says so.
		if order != Taken {
			return refuse(order, "number %d of %s for %s; the last is %d", e.Seq, e.Stream, e.Audience, seen.Last)
		}
	case in.Dateless:
		return refuse(NoClock, "the site's clock is not set")
	case !in.Now.Before(keys.Expires):
		return refuse(KeysExpired, "key set %d was good until %s", keys.Version, keys.Expires.Format(time.RFC3339))
	case e.Issued.After(in.Now.Add(skew)) || e.NotBefore.After(in.Now.Add(skew)):
		return refuse(Early, "it is not good before %s", civil.Later(e.Issued, e.NotBefore).Format(time.RFC3339))
	case !in.Now.Before(e.Expires):
		return refuse(Expired, "it was good until %s", e.Expires.Format(time.RFC3339))
	case in.Held && (e.Stream == Token || e.Stream == Tariff || e.Stream == Rates):
		return refuse(Held, "the site's records are being put right: send it again after that, as it is or with the next number")
	case order != Taken:
		return refuse(order, "number %d of %s for %s; the last is %d", e.Seq, e.Stream, e.Audience, seen.Last)
	}
	// From here on the number is used up, whatever is inside.
	if e.Epoch == keys.Epoch {
		s.use(seen, e.Seq, sum)
	}
	out.Changes = e.Stream != Heartbeat && e.Stream != Clock
	if bad := r.apply(s, e, &out, in); bad != nil {
		return refuse(bad.Code, "%s", bad.Detail)
	}
	if e.Stream == Limit { // whatever it says of the limit: the utility has spoken
		s.Limit.Wrote = civil.Later(s.Limit.Wrote, e.Issued.UTC())
	}
	return out
}

// takeKeys takes a key set.
func (r Rules) takeKeys(s *State, o opened) Outcome {
	keys := r.KeysInForce(*s)
	payload, ok := o.signedBy(keys.Roots, keys.Threshold)
	if !ok {
		// One that is in force already may be signed by roots that are not any more.
		if old := digest(o.jws.UnsafePayloadWithoutVerification()); slices.Contains(s.KeySets, old) {
			return Outcome{Code: Duplicated, Detail: "this key set was taken before"}
		}
		return Outcome{Code: Forged, Detail: fmt.Sprintf("fewer than %d of the root keys in force have signed the key set", max(keys.Threshold, 1))}
	}
	if slices.Contains(s.KeySets, digest(payload)) {
		return Outcome{Code: Duplicated, Detail: "this key set was taken before"}
	}
	var d keysDocument
	if err := read(payload, &d); err != nil {
		return Outcome{Code: Unreadable, Detail: err.Error()}
	}
	if d.V != version {
		return Outcome{Code: Unreadable, Detail: fmt.Sprintf("v is %d; this program knows %d", d.V, version)}
	}
	if err := d.Keys.Check(); err != nil {
		return Outcome{Code: Unreadable, Detail: err.Error()}
	}
	n := d.Keys
	switch {
	case d.Issuer != r.Issuer:
		return Outcome{Code: OtherIssuer, Detail: "it is of " + fmt.Sprintf("%.80q", d.Issuer)}
	case n.Version <= keys.Version:
		return Outcome{Code: RolledBack, Detail: fmt.Sprintf("key set %d is in force and this is %d", keys.Version, n.Version)}
	case n.Version > keys.Version+1:
		return Outcome{Code: FastForwarded, Detail: fmt.Sprintf("key set %d is in force and this is %d: send those between first", keys.Version, n.Version)}
	case n.Epoch < keys.Epoch:
		return Outcome{Code: RolledBack, Detail: fmt.Sprintf("epoch %d is in force and this is of %d", keys.Epoch, n.Epoch)}
	}
	if _, ok := o.signedBy(n.Roots, n.Threshold); !ok {
		return Outcome{Code: Forged, Detail: fmt.Sprintf("fewer than %d of its own root keys have signed it", n.Threshold)}
	}
	if n.Epoch > keys.Epoch {
		s.Seen = nil
	}
	s.Anchor, s.Keys = r.anchor(), &n
	s.KeySets = append(s.KeySets, digest(payload))
	if len(s.KeySets) > mostSets {
		s.KeySets = s.KeySets[len(s.KeySets)-mostSets:]
	}
	return Outcome{Genuine: true, Keys: &n, Changes: true}
}

// apply does what is inside an envelope that is genuine, in order and in time.
func (r Rules) apply(s *State, e Envelope, out *Outcome, in In) *RefusedError {
	now := in.Now
	switch e.Stream {
	case Supply:
		return r.supply(s, e, out, in)
	case Heartbeat:
		return r.heartbeat(s, e, now)
	case Receipt:
		return r.receipt(s, e)
	case Read:
		return r.reads(s, e, now)
	case Clock:
		return r.clock(e, out, now)
	case Rates:
		var bad *RefusedError
		out.Rates, bad = e.rates()
		return bad
	case Tariff, Token, Message, Limit, Demand:
	}
	var b Body
	if err := read(e.Body, &b); err != nil {
		return &RefusedError{Unreadable, "body: " + err.Error()}
	}
	given := 0
	for _, is := range []bool{b.Event != nil, b.Cancel != "", b.Clear} {
		if is {
			given++
		}
	}
	if given != 1 || b.Clear && e.Stream != Limit {
		return &RefusedError{Unreadable, "body holds one of event, cancel and, in limit, clear"}
	}
	if b.Event != nil && b.Event.cancels() {
		if !idForm.MatchString(b.Event.ID) {
			return &RefusedError{Unreadable, fmt.Sprintf("event.id is %.80q", b.Event.ID)}
		}
		b.Cancel, b.Event = b.Event.ID, nil
	}
	switch {
	case b.Clear:
		r.drop(s, now, func(x Event) bool { return x.Of.Stream == Limit && x.Of.Audience == e.Audience })
		return nil
	case b.Event == nil:
		return r.cancel(s, e, b.Cancel, now)
	}
	var bad *RefusedError
	var kept Event
	switch e.Stream {
	case Tariff:
		out.Prices, bad = r.prices(e, b.Event, now)
		return bad
	case Token:
		out.Tokens, bad = r.tokens(e, b.Event)
		return bad
	case Message:
		kept, bad = r.messages(e, b.Event, now)
	case Demand:
		kept, bad = r.demands(e, b.Event, now)
	default:
		kept, bad = r.limits(e, b.Event, now)
	}
	switch {
	case bad != nil:
		return bad
	case kept.over(now):
		return &RefusedError{Expired, "the event is over"}
	}
	same := func(x Event) bool {
		return x.ID == kept.ID && x.Of.Stream == kept.Of.Stream && x.Of.Audience == kept.Of.Audience
	}
	// Alerts have room of their own: however much else is remembered, none that protects a
	// home is turned away for it.
	alike := 0
	for _, x := range s.Events {
		if x.alerts() == kept.alerts() {
			alike++
		}
	}
	if alike >= mostEvents && !slices.ContainsFunc(s.Events, func(x Event) bool { return same(x) && x.alerts() == kept.alerts() }) {
		return &RefusedError{TooMany, fmt.Sprintf("%d events are remembered already; take some back first", mostEvents)}
	}
	r.drop(s, now, same)
	s.Events = append(s.Events, kept)
	return nil
}

// cancel takes an event back.
func (r Rules) cancel(s *State, e Envelope, id string, now time.Time) *RefusedError {
	if e.Stream == Tariff || e.Stream == Token {
		return &RefusedError{Inapplicable, "what was charged or credited is not taken back: send other prices for that time"}
	}
	if !idForm.MatchString(id) {
		return &RefusedError{Unreadable, fmt.Sprintf("cancel is %.80q", id)}
	}
	same := func(x Event) bool { return x.ID == id && x.Of.Stream == e.Stream && x.Of.Audience == e.Audience }
	if !slices.ContainsFunc(s.Events, same) {
		return &RefusedError{Inapplicable, fmt.Sprintf("no event %s is remembered", id)}
	}
	r.drop(s, now, same)
	return nil
}

// drop forgets events that another one takes the place of.
func (r Rules) drop(s *State, now time.Time, which func(Event) bool) {
	for _, x := range s.Events {
		if which(x) && x.Ack == AckApplied {
			s.ack(Ack{Of: x.Of, State: Superseded, At: now})
		}
	}
	s.Events = tidy(slices.DeleteFunc(s.Events, which))
}

// heartbeatBody is nothing: that it came is all.
type heartbeatBody struct{}

func (r Rules) heartbeat(s *State, e Envelope, now time.Time) *RefusedError {
	var b heartbeatBody
	if err := read(e.Body, &b); err != nil {
		return &RefusedError{Unreadable, "body: " + err.Error()}
	}
	if e.Expires.Sub(e.Issued) > HeartbeatLives {
		return &RefusedError{Unsafe, fmt.Sprintf("a heartbeat is good for %s at the most", HeartbeatLives)}
	}
	s.Limit.Heard = now
	return nil
}

// clock takes the utility's word for what time it is.  It sets nothing: what our clock is
// believed for has rules of its own, and a message that was late says less than they do.
func (r Rules) clock(e Envelope, out *Outcome, now time.Time) *RefusedError {
	var b heartbeatBody
	if err := read(e.Body, &b); err != nil {
		return &RefusedError{Unreadable, "body: " + err.Error()}
	}
	if e.Expires.Sub(e.Issued) > HeartbeatLives {
		return &RefusedError{Unsafe, fmt.Sprintf("a word on the time is good for %s at the most", HeartbeatLives)}
	}
	ahead := e.Issued.Sub(now)
	out.Ahead, out.applied = &ahead, true
	return nil
}

// Differs tells whether the two clocks differ by more than is forgiven.
func Differs(ahead time.Duration) bool { return ahead.Abs() > skew }

// receiptBody names acknowledgements that were taken.
type receiptBody struct {
	Since time.Time `json:"since"` // of their count
	Taken []uint64  `json:"taken"` // their numbers
}

func (r Rules) receipt(s *State, e Envelope) *RefusedError {
	var b receiptBody
	if err := read(e.Body, &b); err != nil {
		return &RefusedError{Unreadable, "body: " + err.Error()}
	}
	if e.Audience != "site:"+r.Site {
		return &RefusedError{StreamNotAllowed, "acknowledgements are of one site"}
	}
	if !b.Since.Equal(s.AckSince) {
		return &RefusedError{Inapplicable, "it is of acknowledgements that were counted since " + b.Since.Format(time.RFC3339Nano) + ": the site's records were lost after that"}
	}
	s.Acks = tidy(slices.DeleteFunc(s.Acks, func(a Ack) bool { return slices.Contains(b.Taken, a.N) }))
	return nil
}

// HeartbeatBody is the body of a heartbeat.
func HeartbeatBody() json.RawMessage { return json.RawMessage(`{}`) }

// ReceiptBody is the body that says which acknowledgements of one count were taken.
func ReceiptBody(since time.Time, taken []uint64) (json.RawMessage, error) {
	return json.Marshal(receiptBody{since, taken})
}
