package credit

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// chained is a sound ledger of the given entries.
func chained(entries ...Entry) []Entry {
	var last Entry
	for i := range entries {
		e := &entries[i]
		e.Seq, e.Prev, e.Balance, e.Debt = last.Seq+1, last.Hash, last.Balance+e.Amount, last.Debt+e.Owed
		e.At = time.Date(2026, 3, 2, 12, i, 0, 0, time.UTC)
		e.Hash = e.Sum()
		last = *e
	}
	return entries
}

func TestATokenThatHadItsEffectTwiceIsNamed(t *testing.T) {
	used, other := Fingerprint("sts", "1"), Fingerprint("sts", "2")
	sound := chained(
		Entry{Kind: Topup, Ref: used, Amount: 10 * units.One}, Entry{Kind: Debt, Name: "old", Owed: units.One},
		Entry{Kind: Debt, Name: "old", Ref: used, Amount: -units.One, Owed: -units.One}, // taken from the same token
		Entry{Kind: Topup, Ref: other, Amount: units.One},
		Entry{Kind: Consumption, Ref: "token"}, Entry{Kind: Consumption, Ref: "token"},
	)
	if err := Verify(sound); err != nil {
		t.Errorf("a sound ledger: %v", err)
	}
	twice := chained(Entry{Kind: Topup, Ref: used, Amount: 10 * units.One}, Entry{Kind: Topup, Ref: other, Amount: units.One}, Entry{Kind: Topup, Ref: used, Amount: 10 * units.One})
	var broken *Break
	if err := Verify(twice); !errors.As(err, &broken) || broken.Seq != 3 || !strings.Contains(err.Error(), "had its effect before, in entry 1") {
		t.Errorf("a token credited twice: %v", err)
	}
}

func TestTheAccountIsHeldAgainstTheLedgersEnd(t *testing.T) {
	doc := Defaults()
	doc.Opening = 100 * units.One
	e, err := New(doc, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	a, entries := e.Open("1", at)
	a, more, err := e.Owe(a, at, "old", 5*units.One, true, "r")
	if err != nil {
		t.Fatal(err)
	}
	entries = append(entries, more...)
	last := entries[len(entries)-1]
	if why := a.Differs(last); why != nil {
		t.Fatalf("it agrees, and is said to differ: %v", why)
	}
	for _, c := range []struct {
		name   string
		change func(a *Account, last *Entry)
		says   string
	}{
		{"a balance by hand", func(a *Account, _ *Entry) { a.Balance += 900 * units.One }, "it remembers a balance of 1000.00, the ledger says 100.00"},
		{"a debt forgotten", func(a *Account, _ *Entry) { a.Debts = nil }, "it remembers debts of 0.00, the ledger says 5.00"},
		{"a ledger cut short", func(_ *Account, last *Entry) { *last = entries[0] }, "ends at entry 2 of the ledger, which ends at 1"},
		{"another last entry", func(_ *Account, last *Entry) { last.Cause = "x"; last.Hash = last.Sum() }, "entry 2 of the ledger is not the one"},
		{"a last entry changed by hand", func(_ *Account, last *Entry) { last.Cause = "x" }, "its content does not match its hash"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, last := a, last
			c.change(&a, &last)
			if why := strings.Join(a.Differs(last), "; "); !strings.Contains(why, c.says) {
				t.Errorf("it says %q, not %q", why, c.says)
			}
		})
	}
	// The ledger's word, taken: its balance and debts, and how they are recovered.
	v := NewVerifier()
	for _, entry := range entries {
		if err := v.Next(entry); err != nil {
			t.Fatal(err)
		}
	}
	wrong := a
	wrong.Balance, wrong.Head = 900*units.One, Head{}
	adopted, notice := e.Adopt(wrong, at, v.Last(), v.Debts(), "r")
	if err := Verify(append(entries, notice...)); err != nil || adopted.Balance != 100*units.One || len(adopted.Debts) != 1 || !adopted.Debts[0].Share {
		t.Errorf("adopted: %+v, %v", adopted, err)
	}
}
