package credit

import (
	"fmt"
	"math"

	"github.com/keeplit/keeplit/internal/units"
)

// Head is the end of a ledger: how far it goes and the hash that says so.  A
// copy of it kept away from the ledger shows a cut tail and an old copy put
// back, which no chain can show by itself.
type Head struct {
	Seq     uint64      `json:"seq"`
	Hash    string      `json:"hash"`
	Balance units.Money `json:"balance"`
}

// Break is the first thing wrong with a ledger.
type Break struct {
	Seq  uint64 // of the entry at fault; for a cut tail, of the first one missing
	What string // what is wrong, in words
	Hint string // what to do next
}

func (b *Break) Error() string {
	return fmt.Sprintf("ledger entry %d: %s; %s", b.Seq, b.What, b.Hint)
}

// Verifier checks a ledger entry by entry, so that a million of them need no
// memory.
type Verifier struct {
	last  Entry
	heads []Head
}

// NewVerifier checks entries from the first one on, against the given heads.
// A head whose Seq is 0 says nothing and is skipped.
func NewVerifier(heads ...Head) *Verifier { return &Verifier{heads: heads} }

// Next checks one more entry.
func (v *Verifier) Next(e Entry) error {
	const restore = "restore the ledger from a backup taken after this entry, and ask who could write the file"
	if want := v.last.Seq + 1; e.Seq != want {
		if e.Seq > want {
			return &Break{want, fmt.Sprintf("missing (the next one stored is %d)", e.Seq), restore}
		}
		return &Break{e.Seq, fmt.Sprintf("out of order or doubled (expected %d)", want), restore}
	}
	if e.Hash != e.Sum() {
		return &Break{e.Seq, "its content does not match its hash", restore}
	}
	if e.Prev != v.last.Hash {
		return &Break{e.Seq, "it does not follow the entry before (that one was replaced)", restore}
	}
	balance, ok := add(v.last.Balance, e.Amount)
	if !ok || balance != e.Balance {
		return &Break{e.Seq, fmt.Sprintf("balance %s is not %s %+d", e.Balance, v.last.Balance, e.Amount), restore}
	}
	debt, ok := add(v.last.Debt, e.Owed)
	if !ok || debt != e.Debt || debt < 0 {
		return &Break{e.Seq, fmt.Sprintf("debt %s is not %s %+d", e.Debt, v.last.Debt, e.Owed), restore}
	}
	for _, h := range v.heads {
		if h.Seq == e.Seq && h.Hash != e.Hash {
			return &Break{e.Seq, "it is not the entry that the head kept apart names (the ledger was rewritten)", restore}
		}
	}
	v.last = e
	return nil
}

// End checks that nothing is missing after the last entry.
func (v *Verifier) End() error {
	for _, h := range v.heads {
		if h.Seq > v.last.Seq {
			return &Break{
				v.last.Seq + 1,
				fmt.Sprintf("missing: the ledger ends at %d but the head kept apart is at %d (its tail was cut, or an old copy was put back)", v.last.Seq, h.Seq),
				"restore a newer copy; do not go on from this one",
			}
		}
	}
	return nil
}

// Head is the end of what was checked.
func (v *Verifier) Head() Head {
	return Head{Seq: v.last.Seq, Hash: v.last.Hash, Balance: v.last.Balance}
}

// Verify checks a whole ledger against heads kept apart from it.  The error is
// a *Break that names the exact entry.
func Verify(entries []Entry, heads ...Head) error {
	v := NewVerifier(heads...)
	for _, e := range entries {
		if err := v.Next(e); err != nil {
			return err
		}
	}
	return v.End()
}

// add is a+b, and whether it fits.
func add(a, b units.Money) (units.Money, bool) {
	s := a + b
	if (b > 0 && s < a) || (b < 0 && s > a) {
		if b > 0 {
			return math.MaxInt64, false
		}
		return math.MinInt64, false
	}
	return s, true
}
