package talk

import (
	"context"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/internal/units"
)

// totalsOf is what is kept of a site; nil where it is not known yet, or the records do not agree:
// what was said before then stays.
func totalsOf(ctx context.Context, t *picture.Totals, r Records, site *control.Site, snap *control.Snapshot) *api.Totals {
	if snap.State.Hold != nil || !t.Follow(ctx, r, snap.Kept) {
		return nil
	}
	money := func(m units.Money) *string { text := m.String(); return &text }
	k := snap.Kept
	out := api.Totals{
		At: k.At.UTC(), Since: t.Since.UTC(), Cost: money(t.Cost + k.Accrued), Fixed: money(t.Fixed + k.Fixed), Bought: money(t.Bought), Loads: []api.LoadTotal{},
	}
	if k.Counted {
		in, sold := k.Import.KWh(), k.Export.KWh()
		out.ImportKWh, out.ExportKWh = &in, &sold
	}
	for i, l := range site.Loads {
		if i < len(k.Loads) {
			out.Loads = append(out.Loads, api.LoadTotal{ID: l.ID, KWh: k.Loads[i].KWh()})
		}
	}
	return &out
}
