package picture

import (
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// maxChanges is how far the next change of price is looked for.
const maxChanges = 20

func (m *Maker) tariff(st *control.State) Tariff {
	tariff := m.site.TariffOf(st)
	doc := tariff.Document()
	price, period := tariff.PriceAt(st.Tariff, st.Now)
	t := Tariff{Name: doc.Name, Known: true, Price: price, Period: period}
	if v := versionOn(doc, st.Now.In(tariff.Location())); v != nil {
		t.Version = v.Name
	}
	// A change of the calendar that changes neither price nor period is none.
	for next, n := tariff.NextChange(st.Now), 0; !next.IsZero() && n < maxChanges; next, n = tariff.NextChange(next), n+1 {
		p, name := tariff.PriceAt(st.Tariff, next)
		if p != price || name != period {
			t.NextAt, t.NextPrice, t.NextPeriod = next, p, name
			break
		}
	}
	if st.Prices != nil {
		t.PushedUntil = st.Prices.Overlay.Ends()
		_, t.Stale = m.site.PricesEnded(st)
	}
	t.Block = m.block(st, tariff, price)
	t.FixedPerDay, t.FixedPerMonth = m.fixed.of(m.site, st)
	return t
}

// block is where the month stands in the first charge with rising steps that
// applies now; nil where there is none.
func (m *Maker) block(st *control.State, tariff *tariffs.Tariff, price units.Price) *Block {
	doc := tariff.Document()
	v := versionOn(doc, st.Now.In(tariff.Location()))
	if v == nil {
		return nil
	}
	slots := units.Slots(st.Now, 15*time.Minute, 1)
	table := tariff.Table(st.Tariff, slots, nil)
	reset := resetAt(tariff, st.Now)
	for i := range v.Energy {
		c := &v.Energy[i]
		if len(c.Steps) == 0 || c.Whole {
			continue
		}
		at := slices.IndexFunc(table.Ladders, func(l tariffs.Ladder) bool { return l.Name == c.Name })
		if at < 0 {
			if len(c.Classes) > 0 || len(c.Periods) > 0 || len(c.Seasons) > 0 || table.Pushed[0] {
				continue // it may not apply here
			}
			return &Block{Number: len(c.Steps), Used: st.Tariff.MonthToDate(), ResetAt: reset}
		}
		l := table.Ladders[at]
		if len(l.Applies) > 0 && !l.Applies[0] {
			continue
		}
		return &Block{
			Number: len(c.Steps) - len(l.Rungs), Used: l.Position, UpTo: l.Position + l.Rungs[0].At,
			NextPrice: price + l.Rungs[0].Adder, ResetAt: reset,
		}
	}
	return nil
}

// resetAt is when the next billing month begins.
func resetAt(t *tariffs.Tariff, now time.Time) time.Time {
	local := now.In(t.Location())
	for n := -1; ; n++ {
		y, m, _ := time.Date(local.Year(), local.Month()+time.Month(n), 1, 12, 0, 0, 0, time.UTC).Date()
		if _, end := t.BillingMonth(y, m); end.After(now) {
			return end
		}
	}
}

// versionOn is the version of the document in force at a local time.
func versionOn(doc tariffs.Document, local time.Time) *tariffs.Version {
	day := dayOf(local)
	var in *tariffs.Version
	for i := range doc.Versions {
		if i == 0 || doc.Versions[i].From <= day {
			in = &doc.Versions[i]
		}
	}
	return in
}

// dayOf is the calendar day of a local time.
func dayOf(local time.Time) tariffs.Date { return tariffs.DateOf(local.Date()) }

// fixedCharges remembers what falls due by time, which changes with the day.
type fixedCharges struct {
	mu         sync.Mutex
	day        time.Time
	tariff     *tariffs.Tariff
	day1, rest units.Money
}

// of is what the standing charges come to on a day, and what the month takes
// besides.
func (f *fixedCharges) of(s *control.Site, st *control.State) (perDay, perMonth units.Money) {
	f.mu.Lock()
	defer f.mu.Unlock()
	tariff := s.Documents(st)
	day := units.LocalMidnight(st.Now, tariff.Location())
	if day.Equal(f.day) && tariff == f.tariff {
		return f.day1, f.rest
	}
	f.day, f.tariff, f.day1, f.rest = day, tariff, 0, 0
	local := st.Now.In(tariff.Location())
	v := versionOn(tariff.Document(), local)
	if v == nil {
		return 0, 0
	}
	due := map[string]tariffs.Due{}
	for i := range v.Charges {
		due[v.Charges[i].Name] = v.Charges[i].Due
	}
	_, today := tariff.Elapse(st.Tariff, day, units.NextLocalMidnight(day, tariff.Location()))
	for _, it := range today {
		if it.Kind == tariffs.KindFixed && due[it.Name] == tariffs.DueDay {
			f.day1 += it.Gross()
		}
	}
	_, month := tariff.Elapse(st.Tariff, day, resetAt(tariff, st.Now))
	for _, it := range month {
		if it.Kind == tariffs.KindFixed && (due[it.Name] == tariffs.DueMonth || due[it.Name] == "") {
			f.rest += it.Gross()
		}
	}
	if n := len(st.Tariff.Months); n > 0 {
		for _, l := range st.Tariff.Months[n-1].Lines {
			if l.Kind == tariffs.KindFixed && due[l.Name] == tariffs.DueMonthStart {
				f.rest += l.Amount + l.Tax
			}
		}
	}
	return f.day1, f.rest
}

// TariffDetail is the whole tariff for people: asked for when somebody looks.
func (m *Maker) TariffDetail(st *control.State) TariffDetail {
	tariff := m.site.Documents(st)
	doc := tariff.Document()
	d := TariffDetail{
		Name: doc.Name, Notes: doc.Notes, Doubts: tariff.Warnings(st.Now, st.Now.Add(24*time.Hour)), Advice: m.advice(st),
		Charges: tariff.Describe(dayOf(st.Now.In(tariff.Location()))),
	}
	for _, x := range m.site.RatesOf(st) {
		from := x.From.Start(tariff.Location())
		d.Sent = append(d.Sent, SentTariff{ID: x.ID, By: x.Of.Issuer, From: from, InForce: !st.Now.Before(from)})
	}
	for _, s := range doc.Sources {
		x := Source{Title: s.Title, URL: s.URL, Dated: s.Dated, For: s.For}
		if s.Read != 0 {
			x.Read = s.Read.String()
		}
		d.Sources = append(d.Sources, x)
	}
	for _, w := range tariff.Weeks(st.Now) {
		out := TariffWeek{Season: w.Season, Version: w.Version}
		for day := range w.Days {
			for h, m := range w.Days[day] {
				out.Days[day][h] = TariffMoment{Period: m.Period, Price: m.Price}
			}
		}
		d.Weeks = append(d.Weeks, out)
	}
	return d
}

// WhatBuys is what an amount buys: where credit is energy now and when the next billing month
// begins, else by the use that is foreseen.  Where none is foreseen it goes by the price of this
// moment.
func (m *Maker) WhatBuys(st *control.State, amount units.Money) Advice {
	t := m.site.TariffOf(st)
	b := t.BuyNowOrWait(st.Tariff, st.Now, amount)
	out := Advice{Reset: b.Reset, Price: b.Price, After: b.After, Amount: amount, Buys: b.Now, BuysThen: b.Then}
	if m.site.InKWh {
		return out
	}
	out.BuysThen = 0 // money does not become more by waiting
	if x, ok := m.site.Buys(st, amount); ok {
		out.Buys, out.Foreseen = x.Energy, true
	} else {
		out.Buys = b.Price.Buys(amount)
	}
	return out
}

// advice is what the coming month's blocks mean for the customer; nil where
// they mean nothing.
func (m *Maker) advice(st *control.State) *Advice {
	tariff := m.site.TariffOf(st)
	now, _ := tariff.PriceAt(st.Tariff, st.Now)
	fresh := st.Tariff
	fresh.Months = nil
	then, _ := tariff.PriceAt(fresh, st.Now)
	out := &Advice{Reset: resetAt(tariff, st.Now), Price: now, After: then}
	if !m.site.InKWh {
		if then >= now {
			return nil
		}
		return out
	}
	week := 50 * units.KilowattHour
	if used, _, _ := st.Usual(m.site.Zone); used > 0 {
		week = 7 * used
	}
	amount := now.Cost(week)
	amount -= amount % units.One
	b := tariff.BuyNowOrWait(st.Tariff, st.Now, max(units.One, amount))
	out.Amount, out.Buys, out.BuysThen = b.Amount, b.Now, b.Then
	if !out.Waits() {
		return nil
	}
	return out
}
