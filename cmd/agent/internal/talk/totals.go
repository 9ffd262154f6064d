package talk

import (
	"context"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/statement"
	"github.com/keeplit/keeplit/internal/units"
)

// account is the ledger added up from its beginning.  Only Publish uses it.
type account struct {
	seq   uint64    // as far as it goes
	since time.Time // of the first entry
	cost  units.Money
	fixed units.Money
	paid  units.Money
}

// foldAtOnce is how many entries are added up in one go: the ledger of ten years has hundreds
// of thousands, and the states are not to wait for it.
const foldAtOnce = 20_000

// follow adds up what the ledger has up to seq, and tells whether it got there.
func (a *account) follow(ctx context.Context, r Records, seq uint64) bool {
	if a.seq >= seq {
		return a.seq == seq
	}
	n := 0
	for e, err := range r.Ledger(ctx, a.seq+1) {
		if err != nil || e.Seq > seq || n == foldAtOnce {
			break // the rest another time
		}
		a.add(e)
		n++
	}
	return a.seq == seq
}

func (a *account) add(e credit.Entry) {
	a.seq = e.Seq
	if a.since.IsZero() {
		a.since = e.At
	}
	switch {
	case statement.Charge(e.Kind):
		a.cost -= e.Amount
		if e.Kind == credit.Standing {
			a.fixed -= e.Amount
		}
	case e.Kind == credit.Debt && e.Owed > 0 && e.Ref != "":
		a.cost += e.Owed // a charge that there was no credit for; a debt that was taken on has no Ref
	case e.Kind == credit.Refund:
		a.cost -= e.Amount
	case e.Kind == credit.Topup:
		a.paid += e.Amount
	}
}

// totals is what is kept of a site; nil where it is not known yet, or the records do not agree:
// what was said before then stays.
func (a *account) totals(ctx context.Context, r Records, site *control.Site, snap *control.Snapshot) *api.Totals {
	k := snap.Kept
	if snap.State.Hold != nil || k.Seq == 0 || !a.follow(ctx, r, k.Seq) {
		return nil
	}
	money := func(m units.Money) *string { text := m.String(); return &text }
	out := api.Totals{
		At: k.At.UTC(), Since: a.since.UTC(), Cost: money(a.cost + k.Accrued), Fixed: money(a.fixed + k.Fixed), Bought: money(a.paid), Loads: map[string]api.LoadTotal{},
	}
	if k.Counted {
		in, sold := k.Import.KWh(), k.Export.KWh()
		out.ImportKWh, out.ExportKWh = &in, &sold
	}
	for i, l := range site.Loads {
		if i < len(k.Loads) {
			out.Loads[l.ID] = api.LoadTotal{KWh: k.Loads[i].KWh()}
		}
	}
	return &out
}
