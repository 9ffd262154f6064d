package web

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/statement"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// What the fake agent has on record: the account, the intervals, limits and the log.

func (f *fakeAgent) Ledger(_ context.Context, q LedgerQuery) ([]LedgerRow, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ledger != nil {
		return nil, f.ledger
	}
	var out []LedgerRow
	for _, r := range f.rows {
		if q.Before != 0 && r.Seq >= q.Before || len(out) == q.N || r.At.Before(q.From) || !q.To.IsZero() && !r.At.Before(q.To) {
			continue
		}
		if len(q.Kinds) > 0 && !slices.Contains(q.Kinds, credit.Kind(r.Kind)) {
			continue
		}
		r.Cause, r.Guest = r.Cause+" for meter 04123456789", r.Cause
		looked := r.Name
		if !q.Guest {
			looked += r.Cause
		}
		if q.Text != "" && !strings.Contains(strings.ToLower(looked), strings.ToLower(q.Text)) && !slices.Contains(q.Also, credit.Kind(r.Kind)) {
			continue
		}
		out = append(out, r)
	}
	return out, nil
}

// entries are the rows as a ledger has them, the oldest first.
func (f *fakeAgent) entries() iter.Seq2[credit.Entry, error] {
	return func(yield func(credit.Entry, error) bool) {
		f.mu.Lock()
		rows, err := slices.Clone(f.rows), f.ledger
		f.mu.Unlock()
		if err != nil {
			yield(credit.Entry{}, err)
			return
		}
		for _, r := range slices.Backward(rows) {
			e := credit.Entry{Seq: r.Seq, At: r.At, Kind: credit.Kind(r.Kind), Name: r.Name, Amount: r.Amount, Balance: r.Balance, Tax: r.Tax, Energy: r.Energy, Cause: r.Cause}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// zone is the home's, also before anything is known of it.
func (f *fakeAgent) zone() *time.Location { return cmp.Or(f.v.Zone, time.UTC) }

func (f *fakeAgent) Statement(_ context.Context, at time.Time) (Statement, error) {
	if at.IsZero() || at.After(fakeNow) {
		at = fakeNow
	}
	y, m, _ := at.In(f.zone()).Date()
	from, to := units.DayStart(y, m, 1, f.zone()), units.DayStart(y, m+1, 1, f.zone())
	until := to
	if fakeNow.Before(to) {
		until = fakeNow
	}
	days, err := statement.Cut(credit.Entry{}, f.entries(), statement.Days(from, until, f.zone()))
	st := Statement{Month: statement.Whole(days), Days: days}
	st.Month.From, st.Month.To, st.Counted = from, to, fakeNow.Truncate(30*time.Minute)
	return st, err
}

func (f *fakeAgent) Hours(_ context.Context, at time.Time) ([]statement.Span, error) {
	return statement.Cut(credit.Entry{}, f.entries(), statement.Hours(at, f.zone()))
}

func (f *fakeAgent) Months(ctx context.Context, n int) ([]statement.Span, error) {
	var out []statement.Span
	for i := range min(n, 2) {
		st, err := f.Statement(ctx, fakeNow.AddDate(0, -i, 0))
		if err != nil {
			return nil, err
		}
		out = append(out, st.Month)
	}
	return out, nil
}

func (f *fakeAgent) Purchases(_ context.Context, before uint64, n int) ([]statement.Purchase, error) {
	all, err := statement.Purchases(f.entries())
	slices.Reverse(all)
	all = slices.DeleteFunc(all, func(p statement.Purchase) bool { return before > 0 && p.Seq >= before })
	return all[:min(n, len(all))], err
}

func (f *fakeAgent) Insight(context.Context, time.Time) (Insight, error) {
	return Insight{
		Compared: &Compared{
			Change: tariffs.Change{Before: 300 * units.One, After: 420 * units.One, Use: 80 * units.One, Price: 40 * units.One, UsedBefore: units.FromKWh(120), UsedAfter: units.FromKWh(150)},
			From:   fakeNow.AddDate(0, 0, -21), To: fakeNow, Before: fakeNow.AddDate(0, -1, -21), BeforeTo: fakeNow.AddDate(0, -1, 0), Days: 21, Charged: 420 * units.One, ChargedBefore: 300 * units.One,
		},
		Limit:    &tariffs.Limit{Name: "large", Class: true, Left: units.FromKWh(3.2), Until: fakeNow.AddDate(0, 0, 9), Saves: 160 * units.One, Months: 3},
		Expected: units.FromKWh(40), Carried: units.FromKWh(70), Lapses: units.FromKWh(20), Until: fakeNow.AddDate(0, 0, 9),
		Buys: []Bought{{Amount: 50 * units.One, Credit: 50 * units.One, Energy: units.FromKWh(18), Lasts: 26 * time.Hour}, {Amount: 300 * units.One, ToDebt: 30 * units.One, Credit: 270 * units.One, Energy: units.FromKWh(105), Lasts: 140 * time.Hour}},
	}, nil
}

// Cuts are two that are over, one of which waited to be switched on.
func (f *fakeAgent) Cuts(context.Context, int) ([]Cut, error) {
	if f.ledger != nil {
		return nil, f.ledger
	}
	at := fakeNow.AddDate(0, 0, -3)
	return []Cut{
		{From: at.Add(90 * time.Minute), To: at.Add(100 * time.Minute), Cause: CutWaits, Seq: 9},
		{From: at, To: at.Add(90 * time.Minute), Cause: "credit", Seq: 8},
		{From: at.AddDate(0, 0, -5), To: at.AddDate(0, 0, -5).Add(5 * time.Minute), Cause: "overload", Seq: 5},
		{From: at.AddDate(0, 0, -9), To: at.AddDate(0, 0, -9).Add(30 * time.Minute), Cause: "credit", Seq: 2},
	}, nil
}

func (f *fakeAgent) Use(_ context.Context, days int) (Use, error) {
	if f.ledger != nil {
		return Use{}, f.ledger
	}
	n := units.Energy(days) * units.KilowattHour
	return Use{
		From: fakeNow.AddDate(0, 0, -days), To: fakeNow, Days: days, Energy: 14 * n, Cost: units.Money(days) * 40 * units.One, Costed: true,
		Loads: []UsePart{{ID: "geyser", Name: "Geyser", Energy: 6 * n, Cost: units.Money(days) * 16 * units.One, Rated: true}, {ID: "pool", Name: "Pool pump", Energy: 2 * n, Cost: units.Money(days) * 5 * units.One, Partly: true}},
		Rest:  &UsePart{Energy: 6 * n, Cost: units.Money(days) * 19 * units.One}, Periods: []UsePart{{Name: "peak", Energy: 4 * n, Cost: units.Money(days) * 18 * units.One}, {Name: "off-peak", Energy: 10 * n, Cost: units.Money(days) * 22 * units.One}},
		Standby: &Standby{Power: 180 * units.Watt, Energy: units.FromKWh(118), Of: units.FromKWh(392), Cost: 320 * units.One, Days: 28},
		Tips: []Tip{
			{Kind: TipShift, Name: "peak", Other: "off-peak", Energy: units.FromKWh(11.2), Saves: 26 * units.One, Days: 28},
			{Kind: TipLoad, Name: "Geyser", Energy: units.FromKWh(16.8), Saves: 24 * units.One, Days: 28},
			{Kind: TipStandby, Power: 10 * units.Watt, Energy: units.FromKWh(6.72), Saves: 18 * units.One, Days: 28},
		},
	}, nil
}

func (f *fakeAgent) Receipt(_ context.Context, seq uint64) (Receipt, error) {
	list, err := statement.Purchases(f.entries())
	for _, p := range list {
		if p.Seq == seq {
			e := credit.Entry{Seq: seq, At: p.At, Kind: credit.Topup, Name: "page", Amount: p.Amount, Balance: p.Amount, Cause: "sts token by page adds 200.00 </script><b>"}
			e.Hash = e.Sum()
			return Receipt{Purchase: p, Entries: []credit.Entry{e}, Balance: p.Amount}, nil
		}
	}
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{}, ErrUnknown
}

func (f *fakeAgent) History(_ context.Context, from, to time.Time) ([]HistoryPoint, error) {
	if !from.Before(to) {
		return nil, errors.New("from is not before to")
	}
	var out []HistoryPoint
	for s := units.SlotAt(from, 30*time.Minute); s.Start.Before(to); s.Start = s.End() {
		h := float64(s.Start.Hour()) + 2
		e := units.FromKWh(0.18 + 0.5*bump(h, 19, 2.5) + 0.1*math.Abs(math.Sin(float64(s.Start.YearDay()))))
		gap := s.Start.YearDay() == fakeNow.YearDay()-2 && s.Start.Hour() >= 8 && s.Start.Hour() < 13
		if gap {
			e = 0
		}
		out = append(out, HistoryPoint{Slot: s, Energy: e, Cost: units.Price(2_405_000).Cost(e), Gap: gap, Held: s.Start.YearDay() == fakeNow.YearDay()-3 && s.Start.Hour() == 4})
	}
	return out, nil
}

// Limits are one of a contact that is over, and one of the household's that holds.
func (f *fakeAgent) Limits(_ context.Context, from, to time.Time) ([]api.LimitRow, error) {
	if f.ledger != nil {
		return nil, f.ledger
	}
	end := to.Add(-time.Hour)
	return []api.LimitRow{
		{N: 3, Source: "contact", State: "limited", Of: "loads", Loads: []string{"car", "geyser"}, LimitW: 4200, From: from, To: &end, MeasuredS: 3600, EnergyKWh: 3.9, MostW: 7360, AboveS: 1.5, Met: &end},
		{N: 4, Source: "mqtt", State: "failsafe", Of: "site", LimitW: 8000, From: end},
	}, nil
}

// Log is a long history of two disturbances, the newest first.
func (f *fakeAgent) Log(_ context.Context, before int64, n int) ([]picture.LogRow, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ledger != nil {
		return nil, f.ledger
	}
	var out []picture.LogRow
	for id := int64(60); id > 0 && len(out) < n; id-- {
		if before != 0 && id >= before {
			continue
		}
		at := fakeNow.Add(-time.Duration(60-id) * time.Hour)
		r := picture.LogRow{ID: id, At: at, Severity: picture.Caution, Code: "voltage_sag", Title: "The voltage is low", Text: "phase 2: 184.0 V"}
		if id%2 == 0 {
			r = picture.LogRow{ID: id, At: at, Severity: picture.Info, Code: "voltage_sag_cleared", Title: "The voltage is low", Over: true, Text: "phase 2: from Sun 14:07 for 10 ms: 184.0 V"}
		}
		switch id {
		case 58:
			r = picture.LogRow{ID: id, At: at, Severity: picture.Info, Code: "setting_changed", Text: "Node-RED let in (read, control), by page, 192.168.1.23"}
		case 57:
			r = picture.LogRow{ID: id, At: at, Severity: picture.Info, Code: "load_run", Text: "Geyser: run by api: Home Assistant"}
		}
		out = append(out, r)
	}
	return out, nil
}
