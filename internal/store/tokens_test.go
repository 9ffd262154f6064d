package store

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

func TestUsedTokensThatTheLedgerNamesAreRememberedAgain(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	first, second := credit.Fingerprint("sts", "1"), credit.Fingerprint("sts", "2")
	var entries []credit.Entry
	var head credit.Head
	for _, e := range []credit.Entry{
		{Kind: credit.Opening, Ref: ""},
		{Kind: credit.Topup, Ref: first, Amount: 10 * units.One},
		{Kind: credit.Levy, Ref: first, Amount: -units.One},                             // paid from it
		{Kind: credit.Consumption, Ref: "2026-03-02T12:00:00.000Z", Amount: -units.One}, // as long as a fingerprint
		{Kind: credit.Notice, Ref: second},
	} {
		e.Seq, e.At, e.Prev, e.Balance = head.Seq+1, at, head.Hash, head.Balance+e.Amount
		e.Hash = e.Sum()
		head = credit.Head{Seq: e.Seq, Hash: e.Hash, Balance: e.Balance}
		entries = append(entries, e)
	}
	batch := Batch{At: at, Ledger: entries, Tokens: []SeenToken{{Fingerprint: first, At: at, Seq: 2}}}
	if err := s.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{1, 0} { // the notice's token was not among them; then all are
		if n, err := s.MendTokens(t.Context()); n != want || err != nil {
			t.Errorf("%d were put back (%v), want %d", n, err, want)
		}
	}
	if _, err := s.main.ExecContext(t.Context(), "DELETE FROM token"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.MendTokens(t.Context()); n != 2 || err != nil {
		t.Errorf("%d were put back (%v), want 2", n, err)
	}
	for _, f := range []string{first, second} {
		if seen, err := s.TokenSeen(t.Context(), f); !seen || err != nil {
			t.Errorf("%s is not remembered (%v)", f, err)
		}
	}
}
