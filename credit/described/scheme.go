package described

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/form"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// Document is a description with what one meter adds to it.
type Document struct {
	Description Description
	Meter       string // the number that tokens are bought for
	Keys        []Key  // the one in use first; then older ones, whose tokens are still about
	// UnlockTokens: tokens that switch prepayment off for good are honoured.  One is
	// worth more than all others together, so they are refused where nobody asked.
	UnlockTokens bool
}

// Key is a secret that the meter shares with the vendor.
type Key struct {
	Key  string // hex digits, or base32 after "base32:"
	Next int64  // counter of the vendor's next token, of an account that has none of this key yet
}

const (
	mostKeys = 4
	// mostCounter is the greatest counter: a token's count is told in 31 bits.
	mostCounter = 2_000_000_000
	// lookBack is how far behind a token is looked for, so that one that comes again
	// is never taken for a later one that has its digits by chance.  More were never
	// sold to one meter: two a day for 27 years.
	lookBack = 20_000
	// remembered is how many taken tokens below the window are still told as used.
	remembered = 50
	// mostMemories is how many keys a meter remembers the tokens of.
	mostMemories = 20
)

// CheckKeys names what is wrong with the keys.
func (d Document) CheckKeys() fault.List {
	var l fault.List
	if len(d.Keys) == 0 || len(d.Keys) > mostKeys {
		l.Add("keys", "write keys: [{key: {file: FILE}}]", "there are %d keys; 1 to %d are taken", len(d.Keys), mostKeys)
	}
	seen := map[string]bool{}
	for i, k := range d.Keys {
		at := fmt.Sprintf("keys[%d]", i)
		key, err := ReadKey(k.Key)
		switch {
		case err != nil:
			l.Add(at+".key", "write the meter's key, shared with the vendor: 32 to 256 hex digits, or base32: and base32 digits", "%v", err)
		case seen[tag(key)]:
			l.Add(at+".key", "leave one of them out", "the key stands there twice")
		case k.Next < 0 || k.Next > mostCounter:
			l.Add(at+".next", "write the counter of the vendor's next token, 0 for a new meter", "%d is not a counter", k.Next)
		}
		if err == nil {
			seen[tag(key)] = true
		}
	}
	return l
}

// Check names everything wrong with the document.
func (d Document) Check() fault.List {
	l := d.Description.Check()
	l = append(l, d.CheckKeys()...)
	if odds := d.Description.Odds() * float64(len(d.Keys)); len(l) == 0 && odds > credit.Weakest {
		l.Add("keys", "take older keys out, or give the code more digits", "with %d keys %s", len(d.Keys), weak(odds))
	}
	return l
}

// Scheme reads the tokens of one meter.  It implements credit.Scheme.
type Scheme struct {
	doc   Document
	keys  []secret
	len   int
	spent *int // codes made, for a test
}

// secret is a key as it is used.
type secret struct {
	key  []byte
	tag  string
	next int64
}

var (
	_ credit.Scheme   = (*Scheme)(nil)
	_ credit.Numbered = (*Scheme)(nil)
)

// New is the scheme for a document that Check finds nothing wrong with.
func New(doc Document) (*Scheme, error) {
	if err := doc.Check().Err(); err != nil {
		return nil, fmt.Errorf("described: %w", err)
	}
	s := &Scheme{doc: doc, len: doc.Description.Len()}
	for _, k := range doc.Keys {
		key, err := ReadKey(k.Key)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, secret{key, tag(key), k.Next})
	}
	return s, nil
}

// Name is "described".
func (s *Scheme) Name() string { return "described" }

// MeterNumber is the number that tokens are bought for; see credit.Numbered.
func (s *Scheme) MeterNumber() string { return s.doc.Meter }

// Fits tells whether digits are as many as a token has.
func (s *Scheme) Fits(digits string) bool {
	return len(digits) == s.len && !slices.ContainsFunc([]byte(digits), func(r byte) bool { return r < '0' || r > '9' })
}

// Odds is the greatest chance that a guess is taken: see Description.Odds.
func (s *Scheme) Odds() float64 { return s.doc.Description.Odds() * float64(len(s.keys)) }

// State is which tokens were taken, by key.
type State struct {
	Version int      `json:"version"` // of its form as it is stored
	Keys    []Memory `json:"keys"`    // the one used last at the end
}

// Memory is which counters of a key were taken.
type Memory struct {
	Key     string  `json:"key"`     // names it: see tag
	Floor   int64   `json:"floor"`   // counters below it are old, whether they were taken or not
	High    int64   `json:"high"`    // the greatest that was taken, or the one before the first
	Entered []int64 `json:"entered"` // taken ones, ascending: all from Floor on, and the last below it
}

func stateForm() form.Form { return form.Form{Name: "the stored state of tokens by description"} }

func (st State) stored() (json.RawMessage, error) {
	st.Version = stateForm().Version()
	return json.Marshal(st)
}

// memory is what is known of a key.  A counter that the configuration says was the
// vendor's next is a floor, also where it says so later.
func (st State) memory(k secret) Memory {
	i := slices.IndexFunc(st.Keys, func(m Memory) bool { return m.Key == k.tag })
	if i < 0 {
		return Memory{Key: k.tag, Floor: k.next, High: k.next - 1}
	}
	m := st.Keys[i]
	m.Floor, m.High = max(m.Floor, k.next), max(m.High, k.next-1)
	return m
}

// ID is what makes a token unique: see credit.Token.
func ID(key string, counter int64) string { return fmt.Sprintf("key %s counter %d", key, counter) }

// Read decodes a token; see credit.Scheme.
func (s *Scheme) Read(raw json.RawMessage, digits string, _ time.Time) (credit.Token, json.RawMessage, error) {
	var st State
	if raw != nil {
		if err := stateForm().Read(raw, &st); err != nil {
			return credit.Token{}, nil, fmt.Errorf("described: %w", err)
		}
	}
	t, next := s.decode(st, digits)
	if t.Code != credit.Accept {
		return t, raw, nil
	}
	out, err := next.stored()
	if err != nil {
		return credit.Token{}, nil, fmt.Errorf("described: state: %w", err)
	}
	return t, out, nil
}

// hit is a counter whose token has the digits.
type hit struct {
	key     int
	counter int64
	code    credit.Code
}

// decode is Read with the state in the open.
//
// Every counter of every key that could be meant is tried, whatever was found
// before: how long it takes does not tell how near a guess was.
//
// A token that was taken, or may have been, comes before one to come that has the
// same digits by chance: nothing is ever credited twice.  The vendor does not sell
// that later one (see Issue).
func (s *Scheme) decode(st State, digits string) (credit.Token, State) {
	d := &s.doc.Description
	refuse := func(c credit.Code, why said.Said) (credit.Token, State) {
		return credit.Token{Scheme: s.Name(), Code: c, Detail: why}, st
	}
	if !s.Fits(digits) {
		return refuse(credit.Format, said.Of("described.digits", said.Count("n", int64(s.len))))
	}
	r := d.parse(digits)
	switch { // what everybody can see of a slip is no guess
	case !r.check:
		return refuse(credit.Format, said.Of("described.check"))
	case !r.fixed:
		return refuse(credit.Format, said.Of("described.fixed"))
	}
	row, means := d.row(r.value)
	best := hit{key: -1}
	for i, k := range s.keys {
		m := st.memory(k)
		c := s.coder(k.key)
		first, stride := m.High-lookBack, pow10(d.counterDigits())
		for n := around(max(0, first), r.low, stride); n <= min(m.High+d.Window.Ahead, mostCounter); n += stride {
			if subtle.ConstantTimeEq(int32(c.code(n, r.value)), int32(r.code)) == 1 { //nolint:gosec // both below 10^9
				if h := (hit{i, n, m.says(n, row)}); best.key < 0 || before(h, best) {
					best = h
				}
			}
		}
	}
	if best.key < 0 {
		return refuse(credit.Invalid, nil)
	}
	k := s.keys[best.key]
	t := credit.Token{Scheme: s.Name(), Code: best.code, ID: ID(k.tag, best.counter), Count: int(best.counter), Value: r.value}
	if !means {
		t.Code, t.Detail = credit.Function, said.Of("described.value")
		return t, st
	}
	t.Effect = row.Do.effect()
	switch row.Do {
	case Add, Set:
		if t.InMoney = d.Unit == credit.InMoney; t.InMoney {
			t.Money = row.of(r.value)
		} else {
			t.Energy = units.Energy(row.of(r.value)) * milli
		}
	case PowerLimit:
		t.Power = row.Power
	default:
	}
	if t.Code != credit.Accept {
		return t, st
	}
	if row.Do == Unlock && !s.doc.UnlockTokens {
		t.Code, t.Detail = credit.Function, said.Of("described.unlock")
		return t, st
	}
	return t, s.take(st, k, best.counter, row.Do)
}

// milli is the energy that is one millionth of a kWh.
const milli = units.KilowattHour / units.Energy(units.One)

// around is the first counter from first on with the given low digits.
func around(first, low, stride int64) int64 {
	return first + ((low-first)%stride+stride)%stride
}

// says is what a counter's token is, as the memory has it.  What does not add is
// taken only in its turn: an old one must not undo what came after it.
func (m Memory) says(counter int64, row Value) credit.Code {
	switch {
	case slices.Contains(m.Entered, counter):
		return credit.Used
	case counter < m.Floor, counter <= m.High && row.Do != Add:
		return credit.Old
	}
	return credit.Accept
}

// before tells which of two counters with the same digits is meant.
func before(a, b hit) bool {
	rank := func(c credit.Code) int { return slices.Index([]credit.Code{credit.Used, credit.Old, credit.Accept}, c) }
	return rank(a.code) < rank(b.code)
}

// take is st with a counter taken.
func (s *Scheme) take(st State, k secret, counter int64, do Do) State {
	m := st.memory(k)
	m.Entered = append(slices.Clone(m.Entered), counter)
	slices.Sort(m.Entered)
	m.High = max(m.High, counter)
	m.Floor = max(m.Floor, m.High-s.doc.Description.Window.Behind+1)
	if do == Set || do == Clear || do == Unlock {
		m.Floor = max(m.Floor, counter+1) // what was sold before it must not come on top of it
	}
	above := slices.IndexFunc(m.Entered, func(n int64) bool { return n >= m.Floor })
	if above < 0 {
		above = len(m.Entered)
	}
	m.Entered = m.Entered[max(0, above-remembered):]
	keys := slices.DeleteFunc(slices.Clone(st.Keys), func(o Memory) bool { return o.Key == k.tag })
	for len(keys) >= mostMemories { // the ledger's list of used tokens knows them still
		i := slices.IndexFunc(keys, func(o Memory) bool {
			return !slices.ContainsFunc(s.keys, func(k secret) bool { return k.tag == o.Key })
		})
		keys = slices.Delete(keys, i, i+1)
	}
	st.Keys = append(keys, m)
	return st
}

// Issue is a token of a value at a counter from next on, for the key in use.
//
// A counter whose token has the digits of an earlier one is passed over: to the
// meter it would be that one.
func (s *Scheme) Issue(next, value int64) (token string, counter int64, err error) {
	d := &s.doc.Description
	if end := pow10(d.valueDigits()); value < 0 || value >= end {
		return "", 0, fmt.Errorf("described: value %d is not in 0 to %d", value, end-1)
	}
	if _, means := d.row(value); !means {
		return "", 0, fmt.Errorf("described: value %d means nothing in %q", value, d.Name)
	}
	c, stride := s.coder(s.keys[0].key), pow10(d.counterDigits())
	for counter = next; counter >= 0 && counter <= mostCounter; counter++ {
		code := c.code(counter, value)
		again := false
		for n := around(max(0, counter-lookBack), counter%stride, stride); n < counter; n += stride {
			again = again || c.code(n, value) == code
		}
		if !again {
			return d.spell(counter, value, code), counter, nil
		}
	}
	return "", 0, fmt.Errorf("described: counter %d is not in 0 to %d", next, mostCounter)
}

// ValueFor is the value of a token that does something; amount is that of a token
// that adds or sets, in the document's unit.
func (d *Description) ValueFor(do credit.Effect, amount units.Money) (int64, error) {
	for _, v := range d.Values {
		switch {
		case v.Do.effect() != do:
		case do != credit.AddCredit && do != credit.SetCredit:
			return v.From, nil
		case v.Each != 0:
			if n := int64(amount / v.Each); amount%v.Each == 0 && n >= v.From && n <= v.last() {
				return n, nil
			}
		case v.Amount == amount:
			return v.From, nil
		}
	}
	if do == credit.AddCredit || do == credit.SetCredit {
		return 0, fmt.Errorf("no value of %q stands for %s", d.Name, amount)
	}
	return 0, fmt.Errorf("%q has no token to %s", d.Name, do)
}

// Least is one guess in how many that is right, for people.
func (s *Scheme) Least() int64 { return int64(math.Floor(1 / s.Odds())) }
