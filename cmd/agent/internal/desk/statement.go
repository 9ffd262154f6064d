package desk

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/statement"
	"github.com/keeplit/keeplit/internal/store"
)

// Ledger are the entries that are asked for, newest first.
func (d *Desk) Ledger(ctx context.Context, q web.LedgerQuery) ([]web.LedgerRow, error) {
	entries, err := d.records.LedgerFind(ctx, store.Find{
		Before: q.Before, From: q.From, To: q.To, Kinds: q.Kinds, Text: q.Text, Causes: !q.Guest, Also: q.Also,
	}, q.N)
	if err != nil {
		return nil, err
	}
	rows := make([]web.LedgerRow, 0, len(entries))
	for _, e := range entries {
		row := web.LedgerRow{
			Seq: e.Seq, At: e.At, Kind: string(e.Kind), Amount: e.Amount, Balance: e.Balance, Tax: e.Tax, Energy: e.Energy, Cause: e.Cause,
			Guest: strings.ReplaceAll(e.Cause, d.site.Meter, masked(d.site.Meter)),
		}
		if statement.Charge(e.Kind) || e.Kind == credit.Debt {
			row.Name = e.Name // of others it is the way, or the meter's number
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// masked is a meter's number of which a guest may know the end.
func masked(number string) string {
	const shown = 3
	if len(number) <= 2*shown {
		return "…"
	}
	return "…" + number[len(number)-shown:]
}

// settledBy is how long after its end a month is looked at anew: what was used while
// nobody could read the meter is posted late.
const settledBy = 40 * 24 * time.Hour

// months are the sums of months that are over, which do not change.
type months struct {
	mu   sync.Mutex
	sums map[time.Time]statement.Span
}

// Statement is the billing month that an instant lies in, by days up to now.
func (d *Desk) Statement(ctx context.Context, at time.Time) (web.Statement, error) {
	now := d.loop.Snapshot().State.Now
	if at.IsZero() || at.After(now) {
		at = now
	}
	from, to := d.site.Tariff.MonthOf(at)
	out := web.Statement{Month: statement.Span{From: from, To: to}}
	until := to
	if now.Before(until) {
		until = now
	}
	if !until.After(from) {
		until = from.Add(1)
	}
	bounds := statement.Days(from, until, d.site.Zone)
	bounds[0] = from // a month begins by the tariff's own clock
	if last := len(bounds) - 1; bounds[last].After(to) {
		bounds[last] = to
	}
	spans, err := d.cut(ctx, bounds)
	if err != nil {
		return out, err
	}
	out.Days, out.Month = spans, statement.Whole(spans)
	out.Month.To = to
	if !now.Before(to) {
		return out, nil
	}
	for iv, err := range d.records.Intervals(ctx, planning.SiteSeries, now.Add(-4*d.site.Interval), now) {
		if err != nil {
			return out, err
		}
		out.Counted = iv.Slot.End()
	}
	return out, nil
}

// Hours is the local day that an instant lies in, by the hours of the clock.
func (d *Desk) Hours(ctx context.Context, day time.Time) ([]statement.Span, error) {
	return d.cut(ctx, statement.Hours(day, d.site.Zone))
}

// cut folds what lies between bounds.
func (d *Desk) cut(ctx context.Context, bounds []time.Time) ([]statement.Span, error) {
	first, last := bounds[0], bounds[len(bounds)-1]
	before, err := d.records.LedgerAhead(ctx, first)
	if err != nil {
		return nil, err
	}
	// An interval is posted by the time of its end and belongs to its beginning; one
	// may lie across a midnight that is no half hour of UTC.
	return statement.Cut(before, d.records.LedgerBetween(ctx, first, last.Add(d.site.Interval)), bounds)
}

// Months are at most n billing months back from now, newest first, as far as the
// ledger goes.
func (d *Desk) Months(ctx context.Context, n int) ([]statement.Span, error) {
	now := d.loop.Snapshot().State.Now
	var begun time.Time
	for e, err := range d.records.Ledger(ctx, 1) {
		if err != nil {
			return nil, err
		}
		begun = e.At
		break
	}
	var out []statement.Span
	for at := now; len(out) < n && !begun.IsZero() && !at.Before(begun); {
		from, to := d.site.Tariff.MonthOf(at)
		span, err := d.month(ctx, from, to, now)
		if err != nil {
			return out, err
		}
		out = append(out, span)
		at = from.Add(-1)
	}
	return out, nil
}

func (d *Desk) month(ctx context.Context, from, to, now time.Time) (statement.Span, error) {
	d.months.mu.Lock()
	span, known := d.months.sums[from]
	d.months.mu.Unlock()
	if known && span.To.Equal(to) {
		return span, nil
	}
	spans, err := d.cut(ctx, []time.Time{from, to})
	if err != nil {
		return statement.Span{}, err
	}
	if now.After(to.Add(settledBy)) {
		d.months.mu.Lock()
		defer d.months.mu.Unlock()
		if d.months.sums == nil {
			d.months.sums = map[time.Time]statement.Span{}
		}
		d.months.sums[from] = spans[0]
	}
	return spans[0], nil
}

// Purchases are the n newest top-ups with a smaller seq than before, newest first;
// before 0 is from the newest.
func (d *Desk) Purchases(ctx context.Context, before uint64, n int) ([]statement.Purchase, error) {
	found, err := d.records.LedgerFind(ctx, store.Find{Before: before, Kinds: []credit.Kind{credit.Topup}}, n)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	all, err := statement.Purchases(upTo(d.records.Ledger(ctx, found[len(found)-1].Seq), before))
	slices.Reverse(all)
	return all, err
}

// Receipt is the top-up with a seq, with its entries.
func (d *Desk) Receipt(ctx context.Context, seq uint64) (web.Receipt, error) {
	var out web.Receipt
	for e, err := range d.records.Ledger(ctx, max(1, seq)) {
		switch {
		case err != nil:
			return out, err
		case len(out.Entries) == 0 && (e.Seq != seq || e.Kind != credit.Topup):
			return out, web.ErrUnknown
		case len(out.Entries) > 0 && (e.Kind == credit.Topup || e.Ref != out.Entries[0].Ref || !statement.Charge(e.Kind) && e.Kind != credit.Debt):
			return out, nil
		}
		out.Entries, out.Balance = append(out.Entries, e), e.Balance
		list, err := statement.Purchases(func(yield func(credit.Entry, error) bool) {
			for _, e := range out.Entries {
				if !yield(e, nil) {
					return
				}
			}
		})
		if err != nil {
			return out, err
		}
		out.Purchase = list[0]
	}
	if len(out.Entries) == 0 {
		return out, web.ErrUnknown
	}
	return out, nil
}

// upTo are entries up to the one that ends what is before it: seq; 0: all.
func upTo(entries iter.Seq2[credit.Entry, error], seq uint64) iter.Seq2[credit.Entry, error] {
	return func(yield func(credit.Entry, error) bool) {
		for e, err := range entries {
			if err == nil && seq > 0 && e.Seq >= seq || !yield(e, err) {
				return
			}
		}
	}
}
