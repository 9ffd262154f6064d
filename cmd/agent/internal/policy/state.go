package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rules are what a site's configuration says of its utility.
type Rules struct {
	Site      string
	Groups    []string
	Issuer    string
	Roots     []string // public keys
	Threshold int
	Streams   []Stream // that are listened to
	Limit     LimitRules
	// Devices are the loads that a limit may name; nil: they are not known, and it may name any.
	Devices []Device
	// Reads is what a utility may read.
	Reads ReadRules
	// Disconnect is how the utility may disconnect the site; nil: not at all.
	Disconnect *DisconnectRules
	// VTN: it is an OpenADR 3.1 server (a VTN) that speaks, as its configuration names it.
	// Nobody signs what it says: it can ask, limit, price and tell, as Streams let it, and
	// never disconnect, credit or ask for readings here.
	VTN bool
}

// Listens tells whether the site's configuration allows a stream.
func (r Rules) Listens(s Stream) bool { return slices.Contains(r.Streams, s) }

// Limits tells whether a utility may limit the site.
func (r Rules) Limits() bool { return r.Listens(Limit) }

// Audiences are the names that the site answers to.
func (r Rules) Audiences() []string {
	if r.VTN {
		return []string{served}
	}
	out := []string{"site:" + r.Site}
	for _, g := range r.Groups {
		out = append(out, "group:"+g)
	}
	return out
}

// anchor names the root keys of the configuration: where they change, what was
// learnt from the ones before is forgotten.
func (r Rules) anchor() string {
	roots := slices.Clone(r.Roots)
	slices.Sort(roots)
	sum := sha256.Sum256([]byte(r.Issuer + "\n" + strconv.Itoa(r.Threshold) + "\n" + strings.Join(roots, "\n")))
	return hex.EncodeToString(sum[:16])
}

// State is what is remembered of a utility's word.  It is stored.
type State struct {
	Anchor  string         `json:"anchor,omitempty"`
	Keys    *KeySet        `json:"keys,omitempty"`     // nil: none so far, only the configured root keys are heard
	KeySets []string       `json:"key_sets,omitempty"` // digests of those that were taken
	Seen    []Seen         `json:"seen,omitempty"`
	Events  []Event        `json:"events,omitempty"`
	Limit   LimitState     `json:"limit,omitzero"`
	Supply  SupplyState    `json:"supply,omitzero"`
	Opted   *Opted         `json:"opted,omitempty"`   // what the household has opted out of; nil: nobody has said anything
	Reads   []AskedReading `json:"reads,omitempty"`   // that wait for their answer
	Acks    []Ack          `json:"acks,omitempty"`    // that the utility has not confirmed yet
	AckSeq  uint64         `json:"ack_seq,omitempty"` // acknowledgements made so far
	// AckSince is when their count began.
	AckSince time.Time    `json:"ack_since,omitzero"`
	Dropped  uint64       `json:"dropped,omitempty"` // acknowledgements given up: too many waited
	Refused  []Count      `json:"refused,omitempty"` // by code
	Served   *ServerState `json:"served,omitempty"`  // what an OpenADR server has listed; never changed in place
}

// Count is how often something was refused.
type Count struct {
	Code Code   `json:"code"`
	N    uint64 `json:"n"`
}

// Seen is what was heard of one stream.
type Seen struct {
	Audience string  `json:"aud"`
	Stream   Stream  `json:"stream"`
	Last     uint64  `json:"last"`             // the highest number that was taken
	Window   uint64  `json:"window"`           // bit i: Last-i was heard
	Recent   []Heard `json:"recent,omitempty"` // the last ones, oldest first
}

// Heard is one envelope that used up its number.
type Heard struct {
	Seq    uint64 `json:"seq"`
	Digest string `json:"digest"`
}

// Bounds of what is remembered.
const (
	mostRecent = 32
	mostJump   = 1_000_000
	mostEvents = 32
	mostAcks   = 128
	mostSets   = 64
	windowSize = 64
)

// clone copies what is changed in place.
func (s State) clone() State {
	s.KeySets = slices.Clone(s.KeySets)
	s.Seen = slices.Clone(s.Seen)
	s.Events = slices.Clone(s.Events)
	s.Acks = slices.Clone(s.Acks)
	s.Refused = slices.Clone(s.Refused)
	return s
}

// count counts a refusal.
func (s *State) count(c Code) {
	if c == Taken {
		return
	}
	if i := slices.IndexFunc(s.Refused, func(x Count) bool { return x.Code == c }); i >= 0 {
		s.Refused[i].N++
		return
	}
	s.Refused = append(s.Refused, Count{c, 1})
}

// seen is what was heard of a stream.
func (s State) seen(audience string, st Stream) Seen {
	for _, x := range s.Seen {
		if x.Audience == audience && x.Stream == st {
			return x
		}
	}
	return Seen{Audience: audience, Stream: st}
}

// order tells whether a number is the next of its stream, or what it is instead.
func (x Seen) order(seq uint64, digest string) Code {
	if x.Last == 0 {
		return Taken
	}
	if i := slices.IndexFunc(x.Recent, func(h Heard) bool { return h.Seq == seq }); i >= 0 {
		switch {
		case x.Recent[i].Digest != digest:
			return Reused
		case seq == x.Last:
			return Duplicated
		}
		return Replayed
	}
	switch back := x.Last - seq; {
	case seq > x.Last+mostJump:
		return FastForwarded
	case seq > x.Last:
		return Taken
	case back < windowSize && x.Window>>back&1 == 0:
		return Reordered
	}
	return Replayed
}

// use uses up a number.
func (s *State) use(x Seen, seq uint64, digest string) {
	x.Recent = append(slices.Clone(x.Recent), Heard{seq, digest})
	if len(x.Recent) > mostRecent {
		x.Recent = x.Recent[len(x.Recent)-mostRecent:]
	}
	if back := x.Last - seq; seq < x.Last { // overtaken, and taken all the same
		if back < windowSize {
			x.Window |= 1 << back
		}
	} else if up := seq - x.Last; x.Last == 0 || up >= windowSize {
		x.Window = 1
		if x.Last == 0 {
			x.Window = ^uint64(0) // nobody knows what was before: it is not waited for
		}
	} else {
		x.Window = x.Window<<up | 1
	}
	x.Last = max(x.Last, seq)
	if i := slices.IndexFunc(s.Seen, func(o Seen) bool { return o.Audience == x.Audience && o.Stream == x.Stream }); i >= 0 {
		s.Seen[i] = x
		return
	}
	s.Seen = append(s.Seen, x)
}

// KeysInForce is the key set by which envelopes are judged: the one learnt last, or the
// configured roots alone.
func (r Rules) KeysInForce(s State) KeySet {
	if s.Keys != nil && s.Anchor == r.anchor() {
		return *s.Keys
	}
	return KeySet{Roots: r.Roots, Threshold: r.Threshold}
}

// Anchored is the state under the present configuration: what was learnt from other
// root keys, and what is remembered of groups and streams that are not the site's any
// more, is forgotten.  Signed rules of protection stay: they protect nobody less.
func (r Rules) Anchored(s State, now time.Time) State {
	if a := r.anchor(); s.Anchor != a {
		s = s.clone()
		s.undo(now)
		return State{Anchor: a, Acks: s.Acks, AckSeq: s.AckSeq, AckSince: s.AckSince, Dropped: s.Dropped, Limit: s.Limit, Supply: s.Supply, Opted: s.Opted}
	}
	s = s.clone()
	own := r.Audiences()
	s.Seen = tidy(slices.DeleteFunc(s.Seen, func(x Seen) bool { return !slices.Contains(own, x.Audience) || !r.Listens(x.Stream) }))
	s.Events = tidy(slices.DeleteFunc(s.Events, func(e Event) bool { return !slices.Contains(own, e.Of.Audience) || !r.Listens(e.Of.Stream) }))
	if !r.Limits() {
		s.Limit = LimitState{}
	}
	if !r.Disconnects() {
		s.undo(now)
	}
	return s
}

// tidy is nil for none, as it comes back from storage.
func tidy[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// Told is what holds now of what the utility has said to the customer.
func (s State) Told(now time.Time) []Event {
	var out []Event
	for _, e := range s.Events {
		if _, ok := e.At(now); ok && e.Of.Stream == Message {
			out = append(out, e)
		}
	}
	return out
}
