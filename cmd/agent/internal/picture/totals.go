package picture

import (
	"context"
	"iter"
	"maps"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/statement"
	"github.com/keeplit/keeplit/internal/units"
)

// Totals is what has come together since the records began, as it is stored.
type Totals struct {
	Seq   uint64    // the last entry of the ledger in it
	Since time.Time // of the first
	// Cost is all that was charged, less what energy sold earned and what was refunded; Fixed is
	// the part of it that time and purchases cost; Bought is the top-ups.  What is used up and not
	// posted yet is not in them: see Accrued.
	Cost, Fixed, Bought units.Money
	// Charged is what was charged by kind, and Earned what was not: both only grow.
	Charged map[credit.Kind]units.Money
	Earned  units.Money
	// Kept is what was counted; Kept.Accrued and Kept.Fixed are not posted yet.
	Kept control.Kept
}

// Ledger is the ledger from an entry on.
type Ledger interface {
	Ledger(ctx context.Context, from uint64) iter.Seq2[credit.Entry, error]
}

// foldAtOnce is how many entries are added up in one go: the ledger of ten years has hundreds
// of thousands, and nothing is to wait for it.
const foldAtOnce = 20_000

// Follow adds up what the ledger has up to what is kept, and tells whether it got there.
func (t *Totals) Follow(ctx context.Context, ledger Ledger, kept control.Kept) bool {
	t.Kept = kept
	if t.Seq >= kept.Seq {
		return t.Seq == kept.Seq && kept.Seq > 0
	}
	n := 0
	for e, err := range ledger.Ledger(ctx, t.Seq+1) {
		if err != nil || e.Seq > kept.Seq || n == foldAtOnce {
			break // the rest another time
		}
		t.Add(e)
		n++
	}
	return t.Seq == kept.Seq
}

// Add adds an entry.
func (t *Totals) Add(e credit.Entry) {
	t.Seq = e.Seq
	if t.Since.IsZero() {
		t.Since = e.At
	}
	if t.Charged == nil {
		t.Charged = map[credit.Kind]units.Money{}
	}
	switch {
	case statement.Charge(e.Kind):
		t.Cost -= e.Amount
		if e.Kind == credit.Standing {
			t.Fixed -= e.Amount
		}
		t.charge(e.Kind, -e.Amount)
	case e.Kind == credit.Debt && e.Owed > 0 && e.Ref != "":
		t.Cost += e.Owed // a charge that there was no credit for; a debt that was taken on has no Ref
		t.charge(credit.Debt, e.Owed)
	case e.Kind == credit.Refund:
		t.Cost -= e.Amount
		t.charge(credit.Refund, -e.Amount)
	case e.Kind == credit.Topup:
		t.Bought += e.Amount
	}
}

func (t *Totals) charge(k credit.Kind, cost units.Money) {
	if cost > 0 {
		t.Charged[k] += cost
	} else {
		t.Earned -= cost
	}
}

// Clone is a Totals that stays as it is.
func (t *Totals) Clone() *Totals {
	out := *t
	out.Charged = maps.Clone(t.Charged)
	return &out
}
