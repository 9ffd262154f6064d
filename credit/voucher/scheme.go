package voucher

import (
	"cmp"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/form"
	"github.com/keeplit/keeplit/internal/said"
)

// Document is whose vouchers a meter takes.
type Document struct {
	// The public keys of the operators whose vouchers are taken, as "agent voucher keygen" prints them.
	// Example: [cdxqyRqyrl-F0FBV7rEIW5f1xgTwEwbqlGHkf3VC3ZY]
	Keys []string `yaml:"keys"`
	// Vouchers issued before this are refused. Left out: those from before the account was opened.
	// Example: 2026-07-01T00:00:00Z
	AcceptFrom time.Time `yaml:"accept_from"`
	Meter      string    `yaml:"-"` // the number that vouchers are for
	Currency   string    `yaml:"-"` // of vouchers of money
}

// mostKeys is how many keys a meter knows.
const mostKeys = 8

// Check finds what is wrong with the document.
func (d Document) Check() (l fault.List) {
	if len(d.Keys) == 0 || len(d.Keys) > mostKeys {
		l.Add("keys", "list the public keys that \"agent voucher keygen\" printed", "there are %d keys; 1 to %d are taken", len(d.Keys), mostKeys)
	}
	tags := map[uint16]bool{}
	for i, text := range d.Keys {
		key, err := ReadKey(text)
		if err != nil {
			l.Add(fmt.Sprintf("keys[%d]", i), "copy the line that keygen printed", "%v", err)
			continue
		}
		if tags[KeyTag(key)] {
			l.Add(fmt.Sprintf("keys[%d]", i), "leave it out, or make another key", "the key stands there twice, or another one has the same short name")
		}
		tags[KeyTag(key)] = true
	}
	return l
}

// Scheme reads the vouchers of one meter.  It implements credit.Scheme.
type Scheme struct {
	doc   Document
	keys  map[uint16]ed25519.PublicKey
	floor int64 // minute of AcceptFrom
}

var (
	_ credit.Scheme  = (*Scheme)(nil)
	_ credit.Starter = (*Scheme)(nil)
)

// New is the scheme for a document that Check finds nothing wrong with.
func New(doc Document) (*Scheme, error) {
	if err := doc.Check().Err(); err != nil {
		return nil, fmt.Errorf("voucher: %w", err)
	}
	s := &Scheme{doc: doc, keys: map[uint16]ed25519.PublicKey{}}
	for _, text := range doc.Keys {
		key, err := ReadKey(text)
		if err != nil {
			return nil, err
		}
		s.keys[KeyTag(key)] = key
	}
	if !doc.AcceptFrom.IsZero() {
		s.floor = minute(doc.AcceptFrom)
	}
	return s, nil
}

func minute(t time.Time) int64 { return max(0, int64(t.Sub(epoch())/time.Minute)) }

// Name is "voucher".
func (s *Scheme) Name() string { return "voucher" }

// Fits tells whether digits are as long as a voucher.
func (s *Scheme) Fits(digits string) bool {
	return len(digits) == Digits && !slices.ContainsFunc([]byte(digits), func(r byte) bool { return r < '0' || r > '9' })
}

// Odds is 0: a signature is not guessed.
func (s *Scheme) Odds() float64 { return 0 }

// memory is how many vouchers are remembered one by one; those issued before the
// oldest of them are old.
const memory = 200

// mostVoid is how many stretches of serials can be taken back.
const mostVoid = 500

// State is which vouchers were taken, and which were taken back.
type State struct {
	Version int      `json:"version"` // of its form as it is stored
	Floor   int64    `json:"floor"`   // vouchers issued before this minute are old
	Taken   []Taken  `json:"taken"`   // by rising minute of issue
	Void    []Serial `json:"void"`    // by key and serial
}

// Taken is a voucher that was entered.
type Taken struct {
	Key    uint16 `json:"key"`
	Serial uint64 `json:"serial"`
	Issued int64  `json:"issued"` // minute
}

// Serial is serials of a key, both included.
type Serial struct {
	Key  uint16 `json:"key"`
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

func stateForm() form.Form { return form.Form{Name: "the stored voucher state"} }

func (s *Scheme) state(raw json.RawMessage) (State, error) {
	st := State{Floor: s.floor}
	if raw == nil {
		return st, nil
	}
	if err := stateForm().Read(raw, &st); err != nil {
		return st, fmt.Errorf("voucher: %w", err)
	}
	return st, nil
}

func (st State) stored() (json.RawMessage, error) {
	st.Version = stateForm().Version()
	return json.Marshal(st)
}

// StartAt is the state of an account opened at an instant: see credit.Starter.
func (s *Scheme) StartAt(raw json.RawMessage, opening time.Time) (json.RawMessage, error) {
	st, err := s.state(raw)
	if err != nil || len(st.Taken) > 0 {
		return raw, err
	}
	st.Floor = s.floor
	if s.doc.AcceptFrom.IsZero() {
		st.Floor = minute(opening)
	}
	return st.stored()
}

// ID is what makes a voucher unique: see credit.Token.
func ID(key uint16, serial uint64) string { return fmt.Sprintf("key %04x serial %d", key, serial) }

// Read decodes a voucher; see credit.Scheme.
func (s *Scheme) Read(raw json.RawMessage, digits string, at time.Time) (credit.Token, json.RawMessage, error) {
	st, err := s.state(raw)
	if err != nil {
		return credit.Token{}, nil, err
	}
	t, next := s.decode(st, digits, at)
	t.Scheme = s.Name()
	if t.Code != credit.Accept {
		return t, raw, nil
	}
	out, err := next.stored()
	if err != nil {
		return credit.Token{}, nil, fmt.Errorf("voucher: state: %w", err)
	}
	return t, out, nil
}

func (s *Scheme) decode(st State, digits string, at time.Time) (credit.Token, State) {
	refuse := func(c credit.Code, detail said.Said) (credit.Token, State) {
		return credit.Token{Code: c, Detail: detail}, st
	}
	b, ok := parse(digits)
	if !ok {
		return refuse(credit.Format, said.Of("voucher.digits")) // a slip of the finger is no try
	}
	v, ver := unpack(b[:saysBytes])
	everywhere := v.Kind == Revoke && v.Meter == [3]byte{}
	key, known := s.keys[v.Key]
	meter := s.doc.Meter
	if everywhere {
		meter = ""
	}
	switch {
	case ver != version || v.Kind > Revoke:
		return refuse(credit.Function, said.Of("voucher.version"))
	case !known:
		return refuse(credit.Invalid, said.Of("voucher.key"))
	case v.Meter != MeterTag(meter):
		return refuse(credit.Function, said.Of("voucher.meter")) // a neighbour's, entered by mistake, is no guess
	case !ed25519.Verify(key, message(b[:saysBytes], meter, v.Unit(s.doc.Currency)), b[saysBytes:size-checkBytes]):
		return refuse(credit.Invalid, nil)
	case v.Check() != nil:
		return refuse(credit.Function, said.Of("voucher.version"))
	}
	t := credit.Token{Code: credit.Accept, Issued: v.Issued, Value: v.Amount}
	if v.Kind == Revoke {
		t.Effect, t.Value, t.Of = credit.Revoke, int64(v.Serial), int64(v.Serial)+v.Amount-1
		next, fits := st.revoke(Serial{v.Key, v.Serial, v.Serial + uint64(v.Amount) - 1})
		if !fits {
			return refuse(credit.Function, said.Of("voucher.full"))
		}
		return t, next
	}
	t.Effect, t.ID, t.InMoney = credit.AddCredit, ID(v.Key, v.Serial), !v.InKWh
	if v.InKWh {
		t.Energy = v.Energy()
	} else {
		t.Money = v.Money()
	}
	now := Taken{v.Key, v.Serial, minute(v.Issued)}
	switch ends := v.Expires(); {
	case slices.Contains(st.Taken, now):
		t.Code = credit.Used
	case slices.ContainsFunc(st.Taken, func(x Taken) bool { return x.Key == v.Key && x.Serial == v.Serial }):
		t.Code = credit.Used // a serial is good once, whatever else it is signed for
	case slices.ContainsFunc(st.Void, func(r Serial) bool { return r.Key == v.Key && r.From <= v.Serial && v.Serial <= r.To }):
		t.Code, t.Detail = credit.Function, said.Of("voucher.revoked")
	case now.Issued < st.Floor:
		t.Code = credit.Old
	case !ends.IsZero() && at.After(ends):
		t.Code = credit.Expired
	}
	if t.Code != credit.Accept {
		return t, st
	}
	return t, st.take(now)
}

// take is st with a voucher taken.
func (st State) take(v Taken) State {
	st.Taken = append(slices.Clone(st.Taken), v)
	slices.SortStableFunc(st.Taken, func(a, b Taken) int { return cmp.Compare(a.Issued, b.Issued) })
	for len(st.Taken) > memory {
		st.Floor = max(st.Floor, st.Taken[0].Issued+1) // of its minute nothing is known any more
		st.Taken = st.Taken[1:]
	}
	st.Taken = slices.DeleteFunc(st.Taken, func(x Taken) bool { return x.Issued < st.Floor })
	return st
}

// revoke is st with serials taken back; false where no more can be remembered.
func (st State) revoke(r Serial) (State, bool) {
	all := append(slices.Clone(st.Void), r)
	slices.SortFunc(all, func(a, b Serial) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.From, b.From)) })
	var out []Serial
	for _, r := range all {
		if n := len(out) - 1; n >= 0 && out[n].Key == r.Key && r.From <= out[n].To+1 {
			out[n].To = max(out[n].To, r.To)
			continue
		}
		out = append(out, r)
	}
	if len(out) > mostVoid {
		return st, false
	}
	st.Void = out
	return st, true
}
