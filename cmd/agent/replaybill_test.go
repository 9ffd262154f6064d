package main

import (
	"math/big"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
)

// checkAgainstIntervals works the bill out again from the stored intervals, by
// rational numbers and none of the agent's code, and compares every interval's
// charge to the millionth.
func checkAgainstIntervals(t *testing.T, rec recording, ledger []credit.Entry, site []store.Interval) {
	t.Helper()
	zone, err := time.LoadLocation(rec.zone)
	if err != nil {
		t.Fatal(err)
	}
	charged := map[string]units.Money{} // by interval start
	for _, e := range ledger {
		if e.Kind == credit.Consumption {
			charged[e.Ref] -= e.Amount
		}
	}
	month, total := monthBill{}, units.Money(0)
	for _, iv := range site {
		start := iv.Slot.Start.In(zone)
		if m := start.Format("2006-01"); m != month.name {
			month = monthBill{name: m, energy: map[string]*big.Int{}}
		}
		before := month.cost()
		month.add(period(start), int64(iv.Import))
		want := month.cost() - before
		total += want
		ref := iv.Slot.Start.UTC().Format(time.RFC3339)
		if charged[ref] != want {
			t.Fatalf("interval %s, %s: charged %s, worked out again %s", ref, iv.Import, charged[ref], want)
		}
		delete(charged, ref)
	}
	for ref, amount := range charged {
		if amount != 0 {
			t.Errorf("%s was charged for interval %s, which is not stored", amount, ref)
		}
	}
	// A standing charge for each local midnight within the recording.
	var standing units.Money
	for _, e := range ledger {
		if e.Kind == credit.Standing {
			standing -= e.Amount
		}
	}
	midnights := 0
	end := rec.from.AddDate(0, 0, rec.days)
	for at := units.NextLocalMidnight(rec.from, zone); !at.After(end); at = units.NextLocalMidnight(at, zone) {
		midnights++
	}
	perDay := units.Money(456700) + units.Money(22835)
	if standing != perDay*units.Money(midnights) {
		t.Errorf("standing charges come to %s, worked out again %d x %s", standing, midnights, perDay)
	}
	t.Logf("%d intervals agree to the millionth; energy %s GBP, standing %s GBP", len(site), total, standing)
}

// period is the trial's calendar, written again.
func period(local time.Time) string {
	weekend := local.Weekday() == time.Saturday || local.Weekday() == time.Sunday || local.Format(time.DateOnly) == "2026-03-27"
	switch h := local.Hour(); {
	case h < 6:
		return "night"
	case h >= 16 && h < 20 && !weekend:
		return "peak"
	}
	return "day"
}

// monthBill is one month's energy in microjoules by period.
type monthBill struct {
	name   string
	energy map[string]*big.Int
}

func (m *monthBill) add(period string, e int64) {
	if m.energy[period] == nil {
		m.energy[period] = new(big.Int)
	}
	m.energy[period].Add(m.energy[period], big.NewInt(e))
}

// cost is the month's energy charges with VAT in millionths, each component
// rounded once and its tax once.
func (m *monthBill) cost() units.Money {
	const kwh = 3_600_000_000_000
	sum := new(big.Int)
	gross := func(microPrice int64, e *big.Int) *big.Int {
		net := halfEven(new(big.Int).Mul(big.NewInt(microPrice), e), kwh)
		tax := halfEven(new(big.Int).Mul(net, big.NewInt(5)), 100)
		return net.Add(net, tax)
	}
	all := new(big.Int)
	for _, p := range []struct {
		name  string
		price int64
	}{{"peak", 412300}, {"day", 241700}, {"night", 95100}} {
		if e := m.energy[p.name]; e != nil {
			sum.Add(sum, gross(p.price, e))
			all.Add(all, e)
		}
	}
	// The block is one component: 60 kWh free, 240 kWh at the first adder, the
	// rest at the second; rounded as one sum of its steps.
	net := new(big.Int)
	for _, s := range []struct{ from, to, price int64 }{{60, 300, 33300}, {300, 1 << 40, 77700}} {
		part := new(big.Int).Sub(all, new(big.Int).Mul(big.NewInt(s.from), big.NewInt(kwh)))
		if top := new(big.Int).Mul(big.NewInt(s.to-s.from), big.NewInt(kwh)); part.Cmp(top) > 0 {
			part = top
		}
		if part.Sign() > 0 {
			net.Add(net, new(big.Int).Mul(part, big.NewInt(s.price)))
		}
	}
	net = halfEven(net, kwh)
	sum.Add(sum, net).Add(sum, halfEven(new(big.Int).Mul(net, big.NewInt(5)), 100))
	return units.Money(sum.Int64())
}

// halfEven is n/d rounded half to even; n >= 0.
func halfEven(n *big.Int, d int64) *big.Int {
	q, r := new(big.Int).QuoRem(n, big.NewInt(d), new(big.Int))
	switch twice := new(big.Int).Lsh(r, 1); twice.Cmp(big.NewInt(d)) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		q.Add(q, big.NewInt(int64(q.Bit(0))))
	}
	return q
}
