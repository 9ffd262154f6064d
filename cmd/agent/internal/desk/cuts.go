package desk

import (
	"context"
	"slices"

	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
)

// Cuts are the stretches in which the supply was not on, by cause, newest first, as the ledger's n
// newest entries of the supply have them.  Nothing is known of those before.
func (d *Desk) Cuts(ctx context.Context, n int) ([]web.Cut, error) {
	entries, err := d.records.LedgerFind(ctx, store.Find{Kinds: []credit.Kind{credit.Supply}, Causes: true}, n)
	if err != nil {
		return nil, err
	}
	var out []web.Cut
	for _, e := range slices.Backward(entries) {
		if last := len(out) - 1; last >= 0 && out[last].To.IsZero() {
			out[last].To = e.At
		}
		switch credit.Position(e.Name) {
		case credit.Disconnected:
			out = append(out, web.Cut{From: e.At, Cause: e.Ref, Says: e.Cause, Seq: e.Seq})
		case credit.Ready:
			out = append(out, web.Cut{From: e.At, Cause: web.CutWaits, Says: e.Cause, Seq: e.Seq})
		case credit.Connected, credit.Undecided:
		}
	}
	slices.Reverse(out)
	return out, nil
}
