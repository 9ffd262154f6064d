package credit_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// written is a ledger of a few days.
func written(t *testing.T) *site {
	s := open(t, func(d *credit.Document) { d.Opening = 5 * one; d.Debt.SharePercent = 10 })
	s.owe("old bill", 20*one, true)
	for day := range 4 {
		s.now = noon().AddDate(0, 0, day)
		s.topUp(3 * one)
		s.charge(credit.Charge{Name: "energy", Kind: credit.Consumption, Amount: 2 * one, Tax: one / 4, Energy: units.KilowattHour})
		s.lit(true, credit.NoCause)
		s.settle()
	}
	s.sound()
	return s
}

// Each field of each entry changed by a little, with and without the hash made
// to fit: named by its number.
func TestAnyChangeOfTheLedgerIsFoundAndNamed(t *testing.T) {
	s := written(t)
	changes := map[string]func(*credit.Entry){
		"seq":     func(e *credit.Entry) { e.Seq++ },
		"at":      func(e *credit.Entry) { e.At = e.At.Add(time.Millisecond) },
		"kind":    func(e *credit.Entry) { e.Kind += "x" },
		"name":    func(e *credit.Entry) { e.Name += "x" },
		"amount":  func(e *credit.Entry) { e.Amount++ },
		"balance": func(e *credit.Entry) { e.Balance-- },
		"tax":     func(e *credit.Entry) { e.Tax++ },
		"energy":  func(e *credit.Entry) { e.Energy++ },
		"owed":    func(e *credit.Entry) { e.Owed++ },
		"debt":    func(e *credit.Entry) { e.Debt++ },
		"cause":   func(e *credit.Entry) { e.Cause += " " },
		"ref":     func(e *credit.Entry) { e.Ref += "0" },
		"prev":    func(e *credit.Entry) { e.Prev += "0" },
		"hash":    func(e *credit.Entry) { e.Hash = e.Hash[1:] + "0" },
	}
	for i := range s.ledger {
		for name, change := range changes {
			for _, forged := range []bool{false, true} {
				bad := slices.Clone(s.ledger)
				change(&bad[i])
				if forged && name != "hash" {
					bad[i].Hash = bad[i].Sum()
				}
				err := credit.Verify(bad, s.a.Head)
				var b *credit.Break
				if !errors.As(err, &b) {
					t.Fatalf("entry %d, %s changed (hash made to fit: %v): not found", i+1, name, forged)
				}
				// A forged entry is whole in itself; the next one, or the head
				// kept apart, tells on it.
				if at := uint64(i + 1); b.Seq != at && (!forged || b.Seq != at+1) {
					t.Errorf("entry %d, %s changed (hash made to fit: %v): named %d", i+1, name, forged, b.Seq)
				}
				if b.Hint == "" || b.What == "" {
					t.Errorf("a break without a reason or a remedy: %+v", b)
				}
			}
		}
	}
}

// Every bit of the canonical form counts.
func TestNoTwoEntriesHaveOneForm(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		draw := func(label string) credit.Entry {
			text := rapid.SampledFrom([]string{"", "a", "ab", "b", "ba"})
			number := rapid.Int64Range(-2, 2)
			return credit.Entry{
				Seq: rapid.Uint64Range(0, 2).Draw(r, label), Kind: credit.Kind(text.Draw(r, label)), Name: text.Draw(r, label),
				Amount: units.Money(number.Draw(r, label)), Balance: units.Money(number.Draw(r, label)), Tax: units.Money(number.Draw(r, label)),
				Energy: units.Energy(number.Draw(r, label)), Owed: units.Money(number.Draw(r, label)), Debt: units.Money(number.Draw(r, label)),
				Cause: text.Draw(r, label), Ref: text.Draw(r, label), Prev: text.Draw(r, label),
			}
		}
		a, b := draw("a"), draw("b")
		if (a == b) != (string(a.Canonical()) == string(b.Canonical())) {
			r.Fatalf("%+v and %+v", a, b)
		}
	})
}

// The documented form, byte by byte, so that a program in another language can
// check a ledger.
func TestCanonicalFormIsTheDocumentedOne(t *testing.T) {
	e := credit.Entry{Seq: 1, At: time.UnixMilli(1000), Kind: "k", Amount: -1, Balance: 2, Cause: "é", Prev: "ab"}
	want := "keeplit ledger entry 1\n" +
		"\x00\x00\x00\x00\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x03\xe8" +
		"\x00\x00\x00\x01k" + "\x00\x00\x00\x00" +
		"\xff\xff\xff\xff\xff\xff\xff\xff" + "\x00\x00\x00\x00\x00\x00\x00\x02" +
		"\x00\x00\x00\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x02\xc3\xa9" + "\x00\x00\x00\x00" + "\x00\x00\x00\x02ab"
	if got := string(e.Canonical()); got != want {
		t.Errorf("canonical form\n%q, want\n%q", got, want)
	}
}

func TestCutTailsOldCopiesAndRewritingAreFound(t *testing.T) {
	s := written(t)
	n := len(s.ledger)
	head := s.a.Head
	middle := credit.Head{Seq: s.ledger[n/2].Seq, Hash: s.ledger[n/2].Hash}
	// A thief writes the whole ledger anew from the third entry.
	rewritten := slices.Clone(s.ledger)
	rewritten[2].Cause = "forged"
	for i := 2; i < n; i++ {
		rewritten[i].Prev = rewritten[i-1].Hash
		rewritten[i].Hash = rewritten[i].Sum()
	}
	for _, c := range []struct {
		name    string
		entries []credit.Entry
		heads   []credit.Head
		seq     uint64 // 0: nothing wrong
	}{
		{"whole", s.ledger, []credit.Head{head, middle}, 0},
		{"the last entry cut", s.ledger[:n-1], []credit.Head{head}, uint64(n)},
		{"an old copy", s.ledger[:n/2], []credit.Head{head}, uint64(n/2 + 1)},
		{"an old copy against a head kept apart earlier", s.ledger[:2], []credit.Head{middle}, 3},
		{"nothing left", nil, []credit.Head{head}, 1},
		{"an entry taken out", slices.Delete(slices.Clone(s.ledger), 4, 5), []credit.Head{head}, 5},
		{"an entry doubled", slices.Insert(slices.Clone(s.ledger), 4, s.ledger[3]), []credit.Head{head}, 4},
		{"two entries swapped", slices.Concat(s.ledger[:3], []credit.Entry{s.ledger[4], s.ledger[3]}, s.ledger[5:]), []credit.Head{head}, 4},
		{"the first one missing", s.ledger[1:], []credit.Head{head}, 1},
		{"rewritten, against the head", rewritten, []credit.Head{head}, uint64(n)},
		{"rewritten, against an earlier head", rewritten, []credit.Head{middle}, middle.Seq},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := credit.Verify(c.entries, c.heads...)
			var b *credit.Break
			switch {
			case c.seq == 0 && err != nil:
				t.Error(err)
			case c.seq > 0 && !errors.As(err, &b):
				t.Errorf("not found: %v", err)
			case c.seq > 0 && b.Seq != c.seq:
				t.Errorf("named entry %d, want %d: %v", b.Seq, c.seq, b)
			}
		})
	}
}

func BenchmarkLedgerEntries(b *testing.B) {
	s := open(b, func(d *credit.Document) { d.Opening = 900_000_000 * one })
	charge := credit.Charge{Name: "energy", Kind: credit.Consumption, Amount: 1234, Tax: 12, Energy: units.WattHour}
	a, now := s.a, s.now
	for b.Loop() {
		now = now.Add(30 * time.Minute)
		a, _ = s.engine.Accrue(a, now, charge)
		a, _ = s.engine.Settle(a, now, "2026-03-02T12:00:00Z")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkTopUp(b *testing.B) {
	s := open(b, nil)
	tokens := make([]string, 1000)
	for i := range tokens {
		tokens[i] = s.vend(credit.AddCredit, one)
	}
	a, i := s.a, 0
	for b.Loop() {
		if i%len(tokens) == 0 {
			a, i = s.a, 0
		}
		var r credit.Result
		if a, _, r = s.engine.TopUp(a, s.now, tokens[i], "page"); !r.Accepted() {
			b.Fatal(r)
		}
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}

// The balance is kept, so it costs nothing however long the ledger is; to
// verify one is what grows.
func BenchmarkMillionEntries(b *testing.B) {
	s := open(b, func(d *credit.Document) { d.Opening = 900_000_000 * one })
	charge := credit.Charge{Name: "energy", Kind: credit.Consumption, Amount: 1234, Energy: units.WattHour}
	ledger := slices.Clone(s.ledger)
	a, now := s.a, s.now
	for len(ledger) < 1_000_000 {
		now = now.Add(30 * time.Minute)
		var entries []credit.Entry
		a, _ = s.engine.Accrue(a, now, charge)
		a, entries = s.engine.Settle(a, now, "interval")
		ledger = append(ledger, entries...)
	}
	b.Run("balance", func(b *testing.B) {
		for b.Loop() {
			if a.Available() <= 0 {
				b.Fatal("no credit")
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if err := credit.Verify(ledger, a.Head); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*float64(len(ledger))/b.Elapsed().Seconds(), "entries/s")
	})
}

func ExampleVerify() {
	engine, err := credit.New(credit.Defaults(), time.UTC)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, ledger := engine.Open("meter 1", time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	ledger[0].Balance = 1_000_000
	fmt.Println(credit.Verify(ledger))
	// Output: ledger entry 1: its content does not match its hash; restore the ledger from a backup taken after this entry, and ask who could write the file
}
