package openpaygo

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Document is the OpenPAYGO part of the configuration.
type Document struct {
	Key          string `yaml:"key"`           // 32 hex digits, shared with the vendor; a secret
	StartingCode uint32 `yaml:"starting_code"` // 9 digits
	Count        int    `yaml:"count"`         // the count that a new account starts from
	Restricted   bool   `yaml:"restricted"`    // tokens of digits 1 to 4
	Extended     bool   `yaml:"extended"`      // tokens of 12 digits (20 restricted) as well
	// ValueDivider: a token's value divided by this is Units.  0 is 1.
	ValueDivider int64 `yaml:"value_divider"`
	Unit         Unit  `yaml:"unit"` // money or kwh: what the value is
}

// Unit is what a token's value counts.
type Unit string

// The units.
const (
	Money Unit = "money"
	KWh   Unit = "kwh"
)

// SetText reads "money" or "kwh", also as "kWh".
func (u *Unit) SetText(s string) error {
	switch v := Unit(strings.ToLower(s)); v {
	case Money, KWh:
		*u = v
		return nil
	}
	return fmt.Errorf("%q is not a unit; write money or kwh", s)
}

// Defaults is a document with the values that hold where a file says nothing.
func Defaults() Document { return Document{ValueDivider: 1, Unit: KWh} }

// Form is how the document's tokens of credit are written.
func (d Document) Form() Form { return Form{Extended: d.Extended, Restricted: d.Restricted} }

// formOf is the form that digits are in.  A device of extended tokens takes
// standard ones too: they are what disables it and moves its counter.
func (d Document) formOf(digits string) (Form, uint64, bool) {
	f := Form{Restricted: d.Restricted}
	if code, ok := read(digits, f); ok {
		return f, code, true
	}
	if f.Extended = true; d.Extended {
		if code, ok := read(digits, f); ok {
			return f, code, true
		}
	}
	return f, 0, false
}

// Check names everything wrong with the document.
func (d Document) Check() fault.List {
	var l fault.List
	if k, err := hex.DecodeString(d.Key); err != nil || len(k) != len(Key{}) {
		l.Add("key", "give the device's key as 32 hex digits", "it is not a key of 16 bytes")
	}
	if d.StartingCode > 999_999_999 {
		l.Add("starting_code", "write the 9 digits that the vendor has for the device", "%d has more than 9 digits", d.StartingCode)
	}
	if d.Count < 0 || d.Count > maxCount {
		l.Add("count", "write the count of the last token made for the device, 0 for a new one", "%d is not a count", d.Count)
	}
	if d.ValueDivider < 0 || d.ValueDivider > 1_000_000 {
		l.Add("value_divider", "write 1 to 1000000", "%d is not a divider", d.ValueDivider)
	}
	if d.Unit != Money && d.Unit != KWh {
		l.Add("unit", "write money or kwh", "%q is not a unit", d.Unit)
	}
	return l
}

// Scheme reads the tokens of one device.  It implements credit.Scheme.
type Scheme struct {
	doc Document
	key Key
}

// New is the scheme for a document that Check finds nothing wrong with.
func New(doc Document) (*Scheme, error) {
	if err := doc.Check().Err(); err != nil {
		return nil, fmt.Errorf("openpaygo: %w", err)
	}
	if doc.ValueDivider == 0 {
		doc.ValueDivider = 1
	}
	key, err := hex.DecodeString(doc.Key)
	if err != nil {
		return nil, fmt.Errorf("openpaygo: key: %w", err)
	}
	return &Scheme{doc: doc, key: Key(key)}, nil
}

var _ credit.Scheme = (*Scheme)(nil)

// Name is "openpaygo".
func (s *Scheme) Name() string { return "openpaygo" }

// Fits tells whether digits have the length and the digits of the form.
func (s *Scheme) Fits(digits string) bool {
	_, _, ok := s.doc.formOf(digits)
	return ok
}

// State is which counts have been taken.
type State struct {
	Count int   `json:"count"`          // the greatest count taken
	Taken []int `json:"used,omitempty"` // counts taken within the window of older ones, ascending
	// Last is the codes of the last tokens taken, the oldest first.  The same
	// digits may stand for several counts: rarely by chance, again and again
	// where the chain of a value runs into a loop.  A token that was taken is
	// used, whatever other count it would fit.
	Last []uint64 `json:"last,omitempty"`
}

// memory is how many codes State.Last holds.
const memory = 100

// taken tells whether a count can no longer be used.
func (s State) taken(count int) bool {
	return count <= s.Count-older || slices.Contains(s.Taken, count)
}

// with is s after the token count was taken.  A token that does not add makes
// all before it void: an old ADD must not come back on top of a SET.
func (s State) with(count int, adds bool) State {
	next := State{Count: max(s.Count, count), Last: s.Last}
	for c := max(0, next.Count-older+1); c <= next.Count; c++ {
		if c == count || !adds && c < count || slices.Contains(s.Taken, c) {
			next.Taken = append(next.Taken, c)
		}
	}
	return next
}

// holding is s with a code among the last ones.
func (s State) holding(code uint64) State {
	s.Last = append(slices.Clone(s.Last[max(0, len(s.Last)-memory+1):]), code)
	return s
}

// Start is the state of a new account: nothing before the document's count is
// accepted.
func (s *Scheme) Start() State { return State{Count: s.doc.Count}.with(s.doc.Count, false) }

// Read decodes a token; see credit.Scheme.
func (s *Scheme) Read(raw json.RawMessage, digits string, _ time.Time) (credit.Token, json.RawMessage, error) {
	state := s.Start()
	if raw != nil {
		if err := json.Unmarshal(raw, &state); err != nil {
			return credit.Token{}, nil, fmt.Errorf("openpaygo: stored state: %w", err)
		}
	}
	t, next := s.Decode(state, digits)
	if t.Code != credit.Accept {
		return t, raw, nil
	}
	out, err := json.Marshal(next)
	if err != nil {
		return credit.Token{}, nil, fmt.Errorf("openpaygo: state: %w", err)
	}
	return t, out, nil
}

// Decode is Read with the state in the open.
func (s *Scheme) Decode(state State, digits string) (credit.Token, State) {
	f, code, ok := s.doc.formOf(digits)
	if !ok {
		return credit.Token{Scheme: s.Name(), Code: credit.Format, Detail: fmt.Sprintf("an OpenPAYGO token of this meter has %d digits", s.doc.Form().Len())}, state
	}
	t := credit.Token{Scheme: s.Name(), Code: credit.Invalid}
	wrap := f.wrap()
	if code >= wrap*1_000_000 {
		t.Code = credit.Range // digits of a restricted token that no code is written in
		return t, state
	}
	low := code % wrap
	value := int((low + wrap - uint64(s.doc.StartingCode)%wrap) % wrap)
	special := !f.Extended && value > MaxValue
	if special && value != DisablePAYG && value != CounterSync {
		return t, state // 996 and 997 mean nothing
	}
	ahead := jump
	if !f.Extended && value == CounterSync {
		ahead = syncJump
	}

	name := code
	if f.Extended {
		name |= 1 << 40 // 000588224011 is not 588224011
	}
	c := newChain(s.key, s.doc.StartingCode, low, f)
	for count := 0; count <= state.Count+ahead; count++ {
		if count > 0 {
			c.next()
		}
		if c.code/wrap != code/wrap {
			continue
		}
		effect := credit.AddCredit
		switch {
		case special && count%2 == 0:
			continue // nobody issues these
		case special && value == DisablePAYG:
			effect = credit.Unlock
		case special:
			effect = credit.Sync
		case count%2 == 1:
			effect = credit.SetCredit
		}
		t.Count, t.Value, t.Effect = count, int64(value), effect
		t.Code = credit.Accept
		switch {
		case slices.Contains(state.Last, name):
			t.Code = credit.Used
			s.worth(&t)
			return t, state
		case count > state.Count:
		case effect == credit.AddCredit && !state.taken(count):
		case slices.Contains(state.Taken, count):
			t.Code = credit.Used
		default:
			t.Code = credit.Old
		}
		if t.Code != credit.Accept {
			continue // another count may give the same digits
		}
		s.worth(&t)
		return t, state.with(count, effect == credit.AddCredit).holding(name)
	}
	if t.Code != credit.Invalid {
		s.worth(&t)
	}
	return t, state
}

// worth fills in what the value stands for.
func (s *Scheme) worth(t *credit.Token) {
	if t.Effect != credit.AddCredit && t.Effect != credit.SetCredit {
		return
	}
	if s.doc.Unit == Money {
		t.InMoney = true
		t.Money = units.Money(t.Value) * units.One / units.Money(s.doc.ValueDivider)
		return
	}
	t.Energy = units.KilowattHour.Part(t.Value, s.doc.ValueDivider)
}

// Issue is the next token of a kind, and the state of the vendor's side after
// it.  value is the raw number that goes into the token.
func (s *Scheme) Issue(last int, effect credit.Effect, value int) (token string, count int, err error) {
	switch effect {
	case credit.AddCredit, credit.SetCredit:
	case credit.Unlock:
		value = DisablePAYG
	case credit.Sync:
		value = CounterSync
	default:
		return "", 0, fmt.Errorf("openpaygo: there is no token to %s", effect)
	}
	f := s.doc.Form()
	if effect == credit.Unlock || effect == credit.Sync {
		f.Extended = false // to an extended token 998 and 999 are amounts
	}
	count = NextCount(last, effect != credit.AddCredit)
	token, err = Encode(s.key, s.doc.StartingCode, count, value, f)
	return token, count, err
}
