package credit

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

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
	last   Entry
	heads  []Head
	tokens map[string]uint64 // the entry that credits a token, by fingerprint
	twice  *Break            // the first token that had its effect twice
	debts  map[string]units.Money
}

// NewVerifier checks entries from the first one on, against the given heads.
// A head whose Seq is 0 says nothing and is skipped.
func NewVerifier(heads ...Head) *Verifier {
	return &Verifier{heads: heads, tokens: map[string]uint64{}, debts: map[string]units.Money{}}
}

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
	if e.NamesToken() {
		if first, seen := v.tokens[e.Ref]; seen && v.twice == nil {
			v.twice = &Break{
				e.Seq, fmt.Sprintf("the token %s had its effect before, in entry %d", e.Ref, first),
				"take back what it gave (agent ledger adjust), and ask how the memory of used tokens was lost",
			}
		}
		v.tokens[e.Ref] = e.Seq
	}
	if e.Owed != 0 {
		v.debts[e.Name] += e.Owed
	}
	v.last = e
	return nil
}

// Twice is the first token that had its effect twice, as a *Break; nil where
// none had.  The chain is none the worse for it.
func (v *Verifier) Twice() error {
	if v.twice == nil {
		return nil
	}
	return v.twice
}

// Debts are the debts at the end of what was checked, by name, without how they
// are recovered.
func (v *Verifier) Debts() []DebtState {
	var out []DebtState
	for _, name := range slices.Sorted(maps.Keys(v.debts)) {
		if amount := v.debts[name]; amount != 0 {
			out = append(out, DebtState{Name: name, Amount: amount})
		}
	}
	return out
}

// Last is the last entry checked.
func (v *Verifier) Last() Entry { return v.last }

// End checks that nothing is missing after the last entry, and that no token had
// its effect twice.
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
	return v.Twice()
}

// Head is the end of what was checked.
func (v *Verifier) Head() Head {
	return Head{Seq: v.last.Seq, Hash: v.last.Hash, Balance: v.last.Balance}
}

// Differs is how the account is not the one that the ledger's last entry leaves,
// in sentences with figures; nil where it is.
func (a Account) Differs(last Entry) []string {
	var out []string
	if a.Head.Seq != last.Seq || a.Head.Hash != last.Hash {
		out = append(out, fmt.Sprintf("what the agent remembers ends at entry %d of the ledger, which ends at %d", a.Head.Seq, last.Seq))
		if a.Head.Seq == last.Seq {
			out[0] = fmt.Sprintf("entry %d of the ledger is not the one that the agent remembers", last.Seq)
		}
	}
	if a.Balance != last.Balance || a.Head.Balance != last.Balance {
		found := a.Balance
		if found == last.Balance {
			found = a.Head.Balance
		}
		out = append(out, fmt.Sprintf("it remembers a balance of %s, the ledger says %s", found.Decimal(2), last.Balance.Decimal(2)))
	}
	var debt units.Money
	for _, d := range a.Debts {
		debt, _ = add(debt, d.Amount)
	}
	if debt != last.Debt {
		out = append(out, fmt.Sprintf("it remembers debts of %s, the ledger says %s", debt.Decimal(2), last.Debt.Decimal(2)))
	}
	if last.Hash != "" && last.Hash != last.Sum() {
		out = append(out, fmt.Sprintf("the ledger's last entry, %d, was changed: its content does not match its hash", last.Seq))
	}
	return out
}

// Adopt is a with what the ledger says of it: its last entry, its balance and its
// debts.  How a debt is recovered is taken from a where a knows it.  What was
// used up and not yet posted stays.
func (e *Engine) Adopt(a Account, at time.Time, last Entry, debts []DebtState, reason string) (Account, []Entry) {
	p := e.book(a, at)
	was := "nothing that could be read"
	if a.Head.Seq > 0 {
		was = fmt.Sprintf("a balance of %s and debts of %s at entry %d", a.Balance.Decimal(2), a.Debt().Decimal(2), a.Head.Seq)
	}
	p.Head = Head{Seq: last.Seq, Hash: last.Hash, Balance: last.Balance}
	p.Balance = last.Balance
	p.Debts = slices.Clone(debts)
	for i := range p.Debts {
		for _, d := range a.Debts {
			if d.Name == p.Debts[i].Name {
				p.Debts[i].Share = d.Share
			}
		}
	}
	p.post(Entry{Kind: Notice, Name: "adopt", Cause: fmt.Sprintf("the ledger's word was taken; the agent remembered %s: %s", was, reason)})
	return p.done()
}

// Restored posts that the records were brought back from a backup made then, which ends
// at entry seq.  It moves no money, and no time passes for it.
func (e *Engine) Restored(a Account, at, made time.Time, seq uint64, reason string) (Account, []Entry) {
	p := e.book(a, at)
	cause := fmt.Sprintf("brought back from the backup of %s, which ends at entry %d", made.UTC().Format(time.RFC3339), seq)
	if reason != "" {
		cause += ": " + reason
	}
	p.post(Entry{Kind: Notice, Name: "restored", Cause: cause})
	return p.done()
}

// HandOver posts that another box goes on from here; transfer names the handing over.
func (e *Engine) HandOver(a Account, at time.Time, transfer string) (Account, []Entry) {
	p := e.book(a, at)
	p.post(Entry{Kind: Notice, Name: "replaced", Cause: "handed over to another box (" + transfer + "); this one does nothing more"})
	return p.done()
}

// Readable tells whether what the account holds for each token scheme can be
// read; the error names the scheme.
func (e *Engine) Readable(a Account) error {
	for _, s := range e.schemes {
		if _, _, err := s.Read(a.scheme(s.Name()), "", a.Clock); err != nil {
			return fmt.Errorf("the memory of used tokens cannot be read: %w", err)
		}
	}
	return nil
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
