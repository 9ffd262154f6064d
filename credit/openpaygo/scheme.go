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
	"github.com/keeplit/keeplit/internal/form"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// Document is the OpenPAYGO part of the configuration.
type Document struct {
	Key string `yaml:"key"` // 32 hex digits, shared with the vendor; a secret
	// The meter's starting code, 9 digits, as the vendor has it.
	// Example: 516959010
	StartingCode uint32 `yaml:"starting_code"`
	// The count that a new account begins with: that of the last token which the meter took before.
	// Example: 3
	Count int `yaml:"count"`
	// Whether tokens are typed on a keypad with the digits 1 to 4 alone.
	// Example: true
	Restricted bool `yaml:"restricted"`
	// Whether tokens of 12 digits (20 where restricted) are taken as well.
	// Example: true
	Extended bool `yaml:"extended"`
	// A token's value is divided by this, so that parts can be sold.
	// Example: 10
	ValueDivider int64 `yaml:"value_divider"`
	// What a token's value is: money or kwh.
	// Default: what the account can take
	// Example: money
	Unit Unit `yaml:"unit"`
	// Whether tokens are taken that switch prepayment off for good. One is worth more than all others
	// together.
	// Example: true
	DisableTokens bool `yaml:"disable_tokens"`
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

// State is which counts have been taken.  A count is taken once, and it is all
// that tells two tokens apart: the same digits may stand for several counts, by
// chance, or again and again where the chain of a value runs into a loop.
type State struct {
	Version int   `json:"version"` // of its form as it is stored
	Count   int   `json:"count"`   // the greatest count taken
	Taken   []int `json:"used"`    // counts taken or void within the window of older ones, ascending
	// Entered is those of Taken whose tokens were entered.
	Entered []int `json:"entered"`
	// Named is the count up to which the records of used tokens may have them by
	// their digits, as older versions wrote them.  Greater counts are there by
	// their count.  0, of a new account: nobody knows.
	Named int `json:"named"`
}

// Stored is s as it is stored.
func (s State) Stored() (json.RawMessage, error) {
	s.Version = stateForm().Version()
	return json.Marshal(s)
}

// stateForm is the numbered form of State as it is stored.
func stateForm() form.Form {
	return form.Form{Name: "the stored openpaygo state", Steps: []form.Step{state2}, Unnumbered: true}
}

// state2 makes form 2 of form 1, which left out what was zero and had the codes
// of the last tokens: the records then have the tokens by their digits.
func state2(doc map[string]any) error {
	if _, ok := doc["last"]; ok {
		doc["named"] = doc["count"]
		delete(doc, "last")
	}
	form.Fill(doc, map[string]any{"used": nil, "entered": nil, "named": 0})
	return nil
}

// near is how far ahead the vendor's next token is.
const near = 2

// taken tells whether a count can no longer be used.
func (s State) taken(count int) bool {
	return count <= s.Count-older || slices.Contains(s.Taken, count)
}

// with is s after the token count was taken.  A token that does not add makes
// all before it void: an old ADD must not come back on top of a SET.
func (s State) with(count int, adds bool) State {
	next := State{Count: max(s.Count, count), Named: s.Named}
	for c := max(0, next.Count-older+1); c <= next.Count; c++ {
		if c == count || slices.Contains(s.Entered, c) {
			next.Entered = append(next.Entered, c)
		}
		if c == count || !adds && c < count || slices.Contains(s.Taken, c) {
			next.Taken = append(next.Taken, c)
		}
	}
	return next
}

// Start is the state of a new account: nothing before the document's count is
// accepted.
func (s *Scheme) Start() State {
	state := State{Count: s.doc.Count}.with(s.doc.Count, false)
	state.Entered = nil
	return state
}

// Read decodes a token; see credit.Scheme.
func (s *Scheme) Read(raw json.RawMessage, digits string, _ time.Time) (credit.Token, json.RawMessage, error) {
	state := s.Start()
	if raw != nil {
		if err := stateForm().Read(raw, &state); err != nil {
			return credit.Token{}, nil, fmt.Errorf("openpaygo: %w", err)
		}
	}
	t, next := s.Decode(state, digits)
	if t.Code != credit.Accept {
		return t, raw, nil
	}
	out, err := next.Stored()
	if err != nil {
		return credit.Token{}, nil, fmt.Errorf("openpaygo: state: %w", err)
	}
	return t, out, nil
}

// ID is what makes the token of a count unique: see credit.Token.
func ID(count int) string { return fmt.Sprintf("count %d", count) }

// Odds is the chance that a guess is the token of a count that would be taken
// now and gives credit: six digits must be right, for each count ahead and for
// each older one to add.  Extended tokens leave as many.
func (s *Scheme) Odds() float64 { return (jump + older/2) / 1e6 }

// Decode is Read with the state in the open.
//
// Where the digits fit several counts, one that is not taken yet is meant: the
// customer has paid for it, and each is given once.  The exception is a token
// that was entered just now, and comes again by another way or from one in
// doubt: it is taken for another count only where that is the vendor's next.
func (s *Scheme) Decode(state State, digits string) (credit.Token, State) {
	f, code, ok := s.doc.formOf(digits)
	if !ok {
		return credit.Token{Scheme: s.Name(), Code: credit.Format, Detail: said.Of("openpaygo.digits", said.Count("n", int64(s.doc.Form().Len())))}, state
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

	again := false // the digits are those of a token entered within the window of older ones
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
		fits := credit.Accept
		switch {
		case count > state.Count && again && count > state.Count+near:
			return t, state
		case count > state.Count:
		case effect == credit.AddCredit && !state.taken(count):
		case slices.Contains(state.Taken, count):
			fits, again = credit.Used, again || slices.Contains(state.Entered, count)
		default:
			fits = credit.Old
		}
		t.Code, t.ID, t.Count, t.Value, t.Effect = fits, ID(count), count, int64(value), effect
		t.ByDigits = count <= state.Named || state.Named == 0
		s.worth(&t)
		if fits != credit.Accept {
			continue // another count may give the same digits
		}
		if effect == credit.Unlock && !s.doc.DisableTokens {
			t.Code, t.Detail = credit.Function, said.Of("openpaygo.disable")
			return t, state
		}
		return t, state.with(count, effect == credit.AddCredit)
	}
	return t, state
}

// worth fills in what the value stands for.
func (s *Scheme) worth(t *credit.Token) {
	t.InMoney, t.Money, t.Energy = false, 0, 0
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
