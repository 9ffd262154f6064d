package desk

import (
	"context"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// fewest is how many whole days of a month are compared at the least.
const fewest = 3

// Insight is what the statement means: why the month costs more or less than the
// one before, what limits lie ahead, and what money buys.
func (d *Desk) Insight(ctx context.Context, at time.Time) (web.Insight, error) {
	st := d.loop.Snapshot().State
	if at.IsZero() || at.After(st.Now) {
		at = st.Now
	}
	from, to := d.site.Tariff.MonthOf(at)
	var out web.Insight
	if st.Now.Before(to) {
		out.Limit, out.Expected = d.limit(&st)
		out.Carried, out.Lapses = d.site.Documents(&st).CarriedOver(st.Tariff, st.Now)
		out.Until = to
		out.Buys = d.buys(&st)
	}
	if d.site.InKWh {
		return out, nil // the ledger counts kWh, and a tariff's money is the vendor's
	}
	var err error
	out.Compared, err = d.compared(ctx, &st, from, to)
	return out, err
}

// compared is a month beside the one before it, by as many whole days; nil where
// there is nothing to compare.
func (d *Desk) compared(ctx context.Context, st *control.State, from, to time.Time) (*web.Compared, error) {
	t := d.site.Documents(st)
	loc := t.Location()
	end := to
	if st.Now.Before(to) {
		end = units.LocalMidnight(st.Now, loc)
	}
	days := daysBetween(from, end, loc)
	before, _ := t.MonthOf(from.Add(-1))
	if days < fewest {
		return nil, nil
	}
	for e, err := range d.records.Ledger(ctx, 1) {
		if err != nil {
			return nil, err
		}
		if e.At.After(before.Add(24 * time.Hour)) {
			return nil, nil // the account did not see the whole of it
		}
		break
	}
	y, m, day := before.In(loc).Date()
	beforeEnd := units.DayStart(y, m, day+days, loc)
	if beforeEnd.After(from) || end.Equal(to) {
		beforeEnd = from
	}
	old, err := d.stretch(ctx, st, before, beforeEnd)
	if err != nil {
		return nil, err
	}
	now, err := d.stretch(ctx, st, from, end)
	if err != nil {
		return nil, err
	}
	c := &web.Compared{Change: t.Compare(old, now), From: from, To: end, Before: before, BeforeTo: beforeEnd, Days: days, Whole: end.Equal(to)}
	// What the ledger charged in them: purchases and corrections, prices that were
	// sent, and what was held back are in no tariff's document.
	for _, x := range []struct {
		from, to time.Time
		model    units.Money
		ledger   *units.Money
	}{{before, beforeEnd, c.Change.Before, &c.ChargedBefore}, {from, end, c.After, &c.Charged}} {
		spans, err := d.cut(ctx, []time.Time{x.from, x.to})
		if err != nil {
			return nil, err
		}
		*x.ledger = spans[0].Charged
		if off := spans[0].Charged - x.model; max(off, -off) > max(x.model.Part(2, 100), units.Money(days)*d.site.Coin()) {
			c.Unexplained = true
		}
	}
	return c, nil
}

// daysBetween is how many local midnights lie after from up to to.
func daysBetween(from, to time.Time, loc *time.Location) int {
	n := 0
	for at := units.NextLocalMidnight(from, loc); !at.After(to); at = units.NextLocalMidnight(at, loc) {
		n++
	}
	return n
}

// stretch is the measured use of the site within [from, to).
func (d *Desk) stretch(ctx context.Context, st *control.State, from, to time.Time) (tariffs.Stretch, error) {
	y, m, day := from.In(d.site.Tariff.Location()).Date()
	s := tariffs.Stretch{Account: st.Tariff.AsOf(tariffs.DateOf(y, m, day)), From: from, To: to}
	for iv, err := range d.records.Intervals(ctx, planning.SiteSeries, from, to) {
		if err != nil {
			return s, err
		}
		s.Load = append(s.Load, tariffs.Reading{From: iv.Slot.Start, To: iv.Slot.End(), Energy: iv.Import})
		if iv.Export > 0 {
			s.Load = append(s.Load, tariffs.Reading{From: iv.Slot.Start, To: iv.Slot.End(), Energy: -iv.Export})
		}
	}
	return s, nil
}

// limit is the next limit of the month that use as usual may come to, and what is
// expected to be used to its end.
func (d *Desk) limit(st *control.State) (*tariffs.Limit, units.Energy) {
	day, _, _ := st.Usual(d.site.Zone)
	if day <= 0 {
		return nil, 0
	}
	from, to := d.site.Tariff.MonthOf(st.Now)
	rest := day.Part(int64(to.Sub(st.Now)), int64(24*time.Hour))
	l, ok := d.site.Documents(st).NextLimit(st.Tariff, st.Now, day.Part(int64(to.Sub(from)), int64(24*time.Hour)))
	if !ok || l.Left > rest.Part(3, 2) {
		return nil, rest
	}
	return &l, rest
}

// buys is what three amounts buy, small, middle and large by what is spent here.
func (d *Desk) buys(st *control.State) []web.Bought {
	_, spent, _ := st.Usual(d.site.Zone)
	if spent <= 0 {
		return nil
	}
	var out []web.Bought
	for _, days := range []units.Money{2, 7, 30} {
		amount := present.RoundAmount(spent * days)
		if amount <= 0 || len(out) > 0 && out[len(out)-1].Amount == amount {
			continue
		}
		b := web.Bought{Amount: amount, Credit: amount}
		if next := d.site.Credit.Foretell(st.Credit, st.Now, amount, 1); len(next) > 0 {
			b.ToDebt = next[0]
			b.Credit = max(0, b.Credit-b.ToDebt)
		}
		bought, foreseen := d.site.Buys(st, amount)
		switch {
		case d.site.InKWh:
			b.Energy = units.KilowattHour.Part(int64(b.Credit), int64(units.One))
		case foreseen:
			b.Credit, b.Energy, b.Foreseen = bought.Credit, bought.Energy, true
		default:
			tariff := d.site.TariffOf(st)
			_, items := tariff.Purchase(st.Tariff, st.Now, amount)
			b.Credit = max(0, b.Credit-tariffs.Sum(items))
			price, _ := tariff.PriceAt(st.Tariff, st.Now)
			b.Energy = price.Buys(b.Credit)
		}
		if b.Lasts = bought.Lasts; !foreseen {
			b.Lasts = time.Duration(units.MulDiv(int64(b.Credit), int64(24*time.Hour), int64(spent)))
		}
		out = append(out, b)
	}
	return out
}
