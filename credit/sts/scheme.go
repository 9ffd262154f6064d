package sts

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/form"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// memory is how many identifiers of taken tokens are kept: the 50 that the
// standard asks for and that vendors reckon with.
const memory = 50

// setTimeout is how long the words of one key change may be apart.
const setTimeout = 24 * time.Hour

// Scheme reads the tokens of one meter.  It implements credit.Scheme.
type Scheme struct {
	doc   Document
	start State
}

// State is what the meter remembers.  It holds the decoder key once a key
// change has replaced that of the document, so it is as secret as the key.
type State struct {
	Version  int      `json:"version"`  // of its form as it is stored
	Key      string   `json:"key"`      // decoder key in hex; "" is that of the document
	Previous string   `json:"previous"` // the one before the last key change
	BaseDate int      `json:"base_date"`
	Revision int      `json:"revision"`
	Type     KeyType  `json:"type"`
	Expiry   int      `json:"expiry"`
	Tariff   int      `json:"tariff"`
	SGC      int      `json:"sgc"`
	Floor    uint32   `json:"floor"` // tokens issued before this minute are old
	Seen     []uint32 `json:"seen"`  // identifiers of the last tokens taken, ascending
	Words    []Word   `json:"words"` // of a key change under way
}

// stateForm is the numbered form of State as it is stored.
func stateForm() form.Form {
	return form.Form{Name: "the stored sts state", Steps: []form.Step{state2}, Unnumbered: true}
}

// state2 makes form 2 of form 1, which left out what was zero.
func state2(doc map[string]any) error {
	form.Fill(doc, map[string]any{"key": "", "previous": "", "floor": 0, "seen": nil, "words": nil})
	return nil
}

// Word is one token of a key change.
type Word struct {
	Sub  int       `json:"sub"`
	Data uint64    `json:"data"` // 44 bits
	At   time.Time `json:"at"`
}

// New is the scheme for a document that Check finds nothing wrong with.
func New(doc Document) (*Scheme, error) {
	if err := doc.Check().Err(); err != nil {
		return nil, fmt.Errorf("sts: %w", err)
	}
	key, err := doc.decoderKey()
	if err != nil {
		return nil, err
	}
	doc.DecoderKey, doc.VendingKey = hex.EncodeToString(key), ""
	s := &Scheme{doc: doc, start: State{
		BaseDate: doc.BaseDate, Revision: doc.KeyRevision, Type: doc.KeyType,
		Expiry: doc.KeyExpiry, Tariff: doc.TariffIndex, SGC: doc.SGC,
	}}
	if !doc.AcceptFrom.IsZero() {
		base, _ := baseOf(doc.BaseDate)
		if doc.AcceptFrom.After(base) {
			if s.start.Floor, err = tidAt(base, doc.AcceptFrom); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

var (
	_ credit.Scheme  = (*Scheme)(nil)
	_ credit.Starter = (*Scheme)(nil)
)

// Name is "sts".
func (s *Scheme) Name() string { return "sts" }

// Fits tells whether digits are 20 digits.
func (s *Scheme) Fits(digits string) bool {
	return len(digits) == tokenDigits && !slices.ContainsFunc([]byte(digits), func(r byte) bool { return r < '0' || r > '9' })
}

// Odds is the chance that a guess is taken for credit.  The class is in the open;
// of the sub-classes of credit one is energy, one more money where that is
// taken, and the checksum has 16 bits.  A token's minute says no more here: it
// may be any after those that the meter remembers.
func (s *Scheme) Odds() float64 {
	subclasses := 1.0
	if s.doc.Currency {
		subclasses = 2
	}
	return subclasses / 16 / (1 << 16)
}

// Start is the state of a new account.
func (s *Scheme) Start() State { return s.start }

// StartAt is the state of an account opened at an instant: where the document
// does not say from when tokens count, they count from then; see credit.Starter.
func (s *Scheme) StartAt(raw json.RawMessage, opening time.Time) (json.RawMessage, error) {
	state := s.start
	if raw != nil {
		if err := json.Unmarshal(raw, &state); err != nil || len(state.Seen) > 0 || len(state.Words) > 0 || state.Key != "" {
			return raw, err
		}
		state = s.start
	}
	if base, ok := baseOf(state.BaseDate); ok && s.doc.AcceptFrom.IsZero() && opening.After(base) {
		var err error
		if state.Floor, err = tidAt(base, opening); err != nil {
			return nil, err
		}
	}
	state.Version = stateForm().Version()
	return json.Marshal(state)
}

// Read decodes a token; see credit.Scheme.
func (s *Scheme) Read(raw json.RawMessage, digits string, at time.Time) (credit.Token, json.RawMessage, error) {
	state := s.Start()
	if raw != nil {
		if err := stateForm().Read(raw, &state); err != nil {
			return credit.Token{}, nil, fmt.Errorf("sts: %w", err)
		}
	}
	if base, ok := baseOf(state.BaseDate); ok && state.Floor > s.start.Floor {
		// A floor that is still to come was set by a clock that was wrong.
		if now, err := tidAt(base, at); err == nil && now < state.Floor {
			state.Floor = s.start.Floor
		}
	}
	t, next, err := s.Decode(state, digits, at)
	if err != nil || t.Code != credit.Accept {
		return t, raw, err
	}
	next.Version = stateForm().Version()
	out, err := json.Marshal(next)
	if err != nil {
		return credit.Token{}, nil, fmt.Errorf("sts: state: %w", err)
	}
	return t, out, nil
}

// cipher is the block cipher under a decoder key in hex, "" being that of the
// document.
func (s *Scheme) cipher(key string) (cipher, error) {
	if key == "" {
		key = s.doc.DecoderKey
	}
	b, err := hex.DecodeString(key)
	switch {
	case err != nil:
		return nil, fmt.Errorf("sts: stored key: %w", err)
	case s.doc.Algorithm == EA07 && len(b) == 8:
		return newSTA(binary.BigEndian.Uint64(b), s.doc.Tables), nil
	case s.doc.Algorithm == EA11 && len(b) == 16:
		return newMISTY1([16]byte(b)), nil
	}
	return nil, fmt.Errorf("sts: stored key has %d bytes", len(b))
}

// Decode is Read with the state in the open.
func (s *Scheme) Decode(state State, digits string, at time.Time) (credit.Token, State, error) {
	t := credit.Token{Scheme: s.Name(), Code: credit.CRC}
	if !s.Fits(digits) {
		t.Code, t.Detail = credit.Format, said.Of("sts.digits")
		return t, state, nil
	}
	class, data, in := parse(digits)
	if !in {
		t.Code = credit.Range
		return t, state, nil
	}
	t.Class = class
	if class == 3 {
		t.Detail = said.Of("sts.class3")
		return t, state, nil
	}
	c, err := s.cipher(state.Key)
	if err != nil {
		return t, state, err
	}
	b, ok := open(class, data, c)
	if !ok {
		return s.underPrevious(t, state, class, data)
	}
	t.SubClass = b.sub()
	switch {
	case b.class == 1:
		return s.test(t, b), state, nil
	case b.keyChange():
		return s.word(t, state, b, at)
	}
	t, state = s.timed(t, state, b)
	return t, state, nil
}

// underPrevious tells a token of the key before the last change from a wrong
// one: it does nothing any more, but it is no guess either.
func (s *Scheme) underPrevious(t credit.Token, state State, class int, data uint64) (credit.Token, State, error) {
	if state.Previous == "" || class == 1 {
		return t, state, nil
	}
	c, err := s.cipher(state.Previous)
	if err != nil {
		return t, state, err
	}
	b, ok := open(class, data, c)
	if !ok {
		return t, state, nil
	}
	t.SubClass = b.sub()
	if b.keyChange() {
		t.Code, t.Effect, t.Detail = credit.Used, credit.KeyChange, said.Of("sts.key_changed")
		return t, state, nil
	}
	t.Code, t.Detail = credit.Old, said.Of("sts.previous_key")
	return t, state, nil
}

// ID is what makes a token with an identifier unique: see credit.Token.  Two of
// one minute are one token, whatever they do.
func ID(baseDate int, tid uint32) string { return fmt.Sprintf("base %d minute %d", baseDate, tid) }

// test reads a class 1 token.  Anybody can make one; it only shows things.
func (s *Scheme) test(t credit.Token, b block) credit.Token {
	t.Effect = credit.SelfTest
	var maker int
	switch b.sub() {
	case 0:
		t.Value, maker = int64(b.data>>24&0xf_ffff_ffff), int(b.data>>16&0xff)
	case 1:
		t.Value, maker = int64(b.data>>32&0xfff_ffff), int(b.data>>16&0xffff)
	default:
		t.Code, t.Detail = credit.Function, said.Of("sts.reserved")
		return t
	}
	t.Code, t.Maker = credit.Accept, maker
	if s.doc.Maker != 0 && maker != 0 && maker != s.doc.Maker {
		t.Code, t.Detail = credit.Maker, said.Of("sts.maker", said.Count("maker", int64(maker)))
	}
	return t
}

// timed reads a token that carries an identifier: credit of class 0 and
// management of class 2.
func (s *Scheme) timed(t credit.Token, state State, b block) (credit.Token, State) {
	base, _ := baseOf(state.BaseDate)
	t.TID = b.tid()
	t.Issued = base.Add(time.Duration(t.TID) * time.Minute)
	t.ID, t.ByDigits = ID(state.BaseDate, t.TID), true
	s.meaning(&t, b)
	switch {
	case t.Effect == "":
		t.Code = credit.Function
	case b.class == 0 && state.Type == DDTK:
		t.Code, t.Detail = credit.Default, said.Of("sts.default_key")
	case int(t.TID>>16) > state.Expiry:
		t.Code = credit.Expired
	case slices.Contains(state.Seen, t.TID):
		t.Code = credit.Used
	case t.TID < state.Floor, len(state.Seen) >= memory && t.TID < state.Seen[0]:
		t.Code = credit.Old
	default:
		t.Code = credit.Accept
		return t, state.with(t.TID)
	}
	return t, state
}

// with is the state after a token was taken: its identifier in, the least out
// where there is no more room.
func (st State) with(tid uint32) State {
	i, _ := slices.BinarySearch(st.Seen, tid)
	st.Seen = slices.Insert(slices.Clone(st.Seen), i, tid)
	if more := len(st.Seen) - memory; more > 0 {
		st.Seen = st.Seen[more:]
	}
	return st
}

// meaning fills in what a token with an identifier does; a token that this
// meter has no use for keeps an empty effect.
func (s *Scheme) meaning(t *credit.Token, b block) {
	v := b.value()
	switch {
	case b.class == 0 && b.sub() == 0:
		t.Effect, t.Value = credit.AddCredit, amountUnits(v)
		t.Energy = units.Energy(t.Value) * tenth
	case b.class == 0 && b.sub() == 4 && s.doc.Currency:
		t.Value = currencyUnits(b)
		if t.Value < 0 {
			t.Detail = said.Of("sts.negative")
			return
		}
		t.Effect, t.InMoney = credit.AddCredit, true
		t.Money = units.Money(t.Value) * (units.One / 100_000)
	case b.class == 0:
		t.Detail = said.Of("sts.other_service")
	case b.sub() == 0:
		t.Effect, t.Value = credit.PowerLimit, amountUnits(v)
		t.Power = units.Power(t.Value) * units.Watt
	case b.sub() == 1 && (v == 0 || v == 0xffff):
		t.Effect, t.Value = credit.ClearCredit, int64(v)
	case b.sub() == 2:
		t.Effect, t.Value = credit.TariffRate, int64(v)
	case b.sub() == 5:
		t.Effect = credit.ClearTamper
	case b.sub() == 6:
		t.Effect, t.Value = credit.PhaseLimit, amountUnits(v)
		t.Power = units.Power(t.Value) * units.Watt
	default:
		t.Detail = said.Of("sts.no_function")
	}
}

// currencyUnits is a currency amount in 1e-5 of the unit: the RND field holds
// the sign and the three upper bits of a five-bit exponent.  Experimental.
// Beyond what fits an account it is held to the greatest.
func currencyUnits(b block) int64 {
	exponent := b.rnd()&7<<2 | int(b.value()>>14)
	if exponent > 11 {
		exponent = 11 // more than 10^14 of any currency
	}
	v := floatUnits(exponent, int64(b.value()&0x3fff))
	if b.rnd()&8 != 0 {
		return -v
	}
	return v
}

// word takes one token of a key change.  The words may come in any order; the
// key changes when the last one is in.
func (s *Scheme) word(t credit.Token, state State, b block, at time.Time) (credit.Token, State, error) {
	need := []int{3, 4, 8, 9}
	if s.doc.Algorithm == EA07 {
		need = need[:2]
	}
	t.Effect, t.Of = credit.KeyChange, int64(len(need))
	if !slices.Contains(need, b.sub()) {
		t.Code, t.Detail = credit.Function, said.Of("sts.fewer_words")
		return t, state, nil
	}
	in := Word{Sub: b.sub(), Data: b.word(), At: at.UTC().Truncate(time.Second)}
	var words []Word
	for _, w := range state.Words {
		// A word that came too long ago, or that this one contradicts, is of
		// another key change: a key made of both would lock the meter out.
		age := at.Sub(w.At)
		if age > setTimeout || w.Sub == in.Sub && w.Data != in.Data {
			words = nil
			break
		}
		if age < 0 {
			w.At = in.At // the clock was set back; its age starts again
		}
		if w.Sub == in.Sub {
			// The same word again, by another way or by a customer in doubt.
			t.Code, t.Value = credit.Used, int64(len(state.Words))
			return t, state, nil
		}
		words = append(words, w)
	}
	words = append(words, in)
	t.Value = int64(len(words))
	if len(words) < len(need) {
		state.Words = words
		t.Code = credit.Accept
		return t, state, nil
	}
	next, code, detail := state.change(words, s.doc)
	t.Code, t.Detail = code, detail
	if code != credit.Accept {
		return t, state, nil
	}
	return t, next, nil
}

// change is the state under the key that the words make.
func (st State) change(words []Word, doc Document) (State, credit.Code, said.Said) {
	of := func(sub int) uint64 {
		for _, w := range words {
			if w.Sub == sub {
				return w.Data
			}
		}
		return 0
	}
	// Word 3: KENHO4 KRN4 RO1 3KCT1 KT2 key32.  Word 4: KENLO4 TI8 key32.
	// Words 8 and 9: half of the SGC, key32.
	w3, w4, w8, w9 := of(3), of(4), of(8), of(9)
	key := binary.BigEndian.AppendUint32(nil, uint32(w3))
	if doc.Algorithm == EA11 {
		key = binary.BigEndian.AppendUint32(key, uint32(w8))
		key = binary.BigEndian.AppendUint32(key, uint32(w9))
	}
	key = binary.BigEndian.AppendUint32(key, uint32(w4))
	next := st
	next.Key = hex.EncodeToString(key)
	next.Previous = st.Key
	if next.Previous == "" {
		next.Previous = doc.DecoderKey
	}
	next.Words = nil
	next.Expiry = int(w3>>40&0xf)<<4 | int(w4>>40&0xf)
	next.Revision = int(w3 >> 36 & 0xf)
	next.Type = KeyType(w3 >> 32 & 3)
	next.Tariff = int(w4 >> 32 & 0xff)
	if doc.Algorithm == EA11 {
		next.SGC = int(w9>>32&0xfff)<<12 | int(w8>>32&0xfff)
	}
	if next.Type == DITK && st.Type != DITK {
		return st, credit.KeyType, said.Of("sts.factory_key")
	}
	if rollover := w3>>35&1 == 1; rollover {
		if next.Key == next.Previous {
			return st, credit.KeyType, said.Of("sts.same_key")
		}
		switch st.BaseDate {
		case 1993:
			next.BaseDate = 2014
		case 2014:
			next.BaseDate = 2035
		default:
			return st, credit.KeyType, said.Of("sts.last_base")
		}
		next.Seen, next.Floor = nil, 0
	}
	return next, credit.Accept, nil
}
