package tariffs

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/keeplit/keeplit/internal/units"
	"pgregory.net/rapid"
)

func mustNew(t interface{ Fatalf(string, ...any) }, d Document) *Tariff {
	tar, err := New(d)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return tar
}

// begin is an instant near a change of the clock, a leap day or a month's end
// as often as not.
func begin(t *rapid.T) time.Time {
	base := rapid.SampledFrom([]time.Time{
		time.Date(2024, 2, 27, 0, 0, 0, 0, time.UTC), time.Date(2024, 3, 29, 0, 0, 0, 0, time.UTC),
		time.Date(2024, 10, 25, 0, 0, 0, 0, time.UTC), time.Date(2023, 12, 30, 0, 0, 0, 0, time.UTC),
		time.Date(2009, 10, 30, 0, 0, 0, 0, time.UTC), time.Date(2024, 4, 5, 0, 0, 0, 0, time.UTC),
	}).Draw(t, "base")
	return base.Add(time.Duration(rapid.IntRange(0, 20*86_400).Draw(t, "offset")) * time.Second)
}

// settle charges a load and all that falls due, and checks that items are what
// the account's lines rose by.
func settle(t *rapid.T, tar *Tariff, acc Account, load []Reading) (Account, units.Money) {
	var sum units.Money
	for _, r := range load {
		var items []Item
		acc, items = tar.ConsumeReading(acc, r)
		sum += Sum(items)
		acc, items = tar.Elapse(acc, r.From, r.To)
		sum += Sum(items)
	}
	return acc, sum
}

// booked is the sum of everything in the account's open and kept months.
func booked(acc Account) units.Money {
	var s units.Money
	for i := range acc.Months {
		s += acc.Months[i].Total()
	}
	return s
}

// strip leaves what does not depend on how a load was divided: the order in
// which lines and cells came to be, and the demand interval under way.
func totals(acc Account) map[string]units.Money {
	m := map[string]units.Money{}
	for i := range acc.Months {
		for _, l := range acc.Months[i].Lines {
			if l.Amount != 0 || l.Tax != 0 {
				m[acc.Months[i].Start.String()+" "+l.Version.String()+" "+l.Name] = l.Amount
				m[acc.Months[i].Start.String()+" "+l.Version.String()+" "+l.Name+" tax"] = l.Tax
			}
		}
	}
	return m
}

func everything() kinds {
	return kinds{cliffs: true, falling: true, demand: true, monthEnd: true, classes: true, carry: true}
}

func TestAnySplitOfALoadComesToTheSameBill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tar := mustNew(t, drawDocument(t, everything()))
		load := drawLoad(t, begin(t), rapid.IntRange(1, 12).Draw(t, "readings"), true)
		whole, a := settle(t, tar, Account{}, load)
		pieces, b := settle(t, tar, Account{}, cut(t, load))
		if a != b {
			t.Fatalf("whole %s, in pieces %s\n%s", a, b, cmp.Diff(totals(whole), totals(pieces)))
		}
		if d := cmp.Diff(totals(whole), totals(pieces)); d != "" {
			t.Fatal(d)
		}
		if len(whole.Past) == 0 && booked(whole) != a {
			t.Fatalf("items %s, account %s", a, booked(whole))
		}
	})
}

func TestAnyOrderOfSettlementComesToTheSameBill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := everything()
		k.demand = false // the mean of a demand interval needs its readings in order
		tar := mustNew(t, drawDocument(t, k))
		from := begin(t)
		load := drawLoad(t, from, rapid.IntRange(2, 7).Draw(t, "readings"), true)
		first, _ := tar.cycle.at(tar.dayOf(from))
		if _, next := tar.cycle.at(first); tar.dayOf(load[len(load)-1].To.Add(-1)) >= next+25 {
			t.Skip("only this month and the one before are kept open")
		}
		mixed := cut(t, load)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		run := func(load []Reading) (units.Money, Account) {
			// The account exists from the beginning; only readings come late.
			acc, items := tar.Consume(Account{}, from, from, 0)
			sum := Sum(items)
			for _, r := range load {
				acc, items = tar.ConsumeReading(acc, r)
				sum += Sum(items)
			}
			acc, items = tar.Elapse(acc, from, from.Add(29*24*time.Hour))
			return sum + Sum(items), acc
		}
		a, x := run(load)
		b, y := run(mixed)
		if a != b {
			t.Fatalf("in order %s, mixed %s\n%s", a, b, cmp.Diff(totals(x), totals(y)))
		}
	})
}

func TestReadingsAfterTheMonthWasClosedAreCharged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := everything()
		k.demand = false
		tar := mustNew(t, drawDocument(t, k))
		from := begin(t)
		load := drawLoad(t, from, 3, false)
		end := from.Add(25 * 24 * time.Hour)
		a, items := tar.Consume(Account{}, from, from, 0)
		late := Sum(items)
		a, items = tar.Elapse(a, from, end)
		late += Sum(items)
		for _, r := range load {
			a, items = tar.ConsumeReading(a, r)
			late += Sum(items)
		}
		b, items := tar.Consume(Account{}, from, from, 0)
		prompt := Sum(items)
		for _, r := range load {
			b, items = tar.ConsumeReading(b, r)
			prompt += Sum(items)
		}
		b, items = tar.Elapse(b, from, end)
		prompt += Sum(items)
		if late != prompt {
			t.Fatalf("late %s, prompt %s\n%s", late, prompt, cmp.Diff(totals(a), totals(b)))
		}
	})
}

func TestABillIsTheSumOfItsItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tar := mustNew(t, drawDocument(t, everything()))
		load := drawLoad(t, begin(t), rapid.IntRange(1, 10).Draw(t, "readings"), true)
		load = cut(t, load)
		bill, _ := tar.Bill(Account{}, load)
		_, sum := settle(t, tar, Account{}, load)
		if bill.Total != sum {
			t.Fatalf("bill %s, items %s", bill.Total, sum)
		}
		var parts, taxes, taxed, periods, days, months units.Money
		for _, c := range bill.Components {
			parts += c.Amount + c.Tax
			taxed += c.Tax
		}
		for _, x := range bill.Taxes {
			taxes += x.Amount
		}
		for _, p := range bill.Periods {
			periods += p.Amount
		}
		for _, d := range bill.Days {
			days += d.Amount
		}
		for _, m := range bill.Months {
			months += m.Amount
		}
		if parts != sum || periods != sum || days != sum || months != sum || taxes != taxed {
			t.Fatalf("total %s: components %s, periods %s, days %s, months %s; taxes %s of %s", sum, parts, periods, days, months, taxes, taxed)
		}
		var e units.Energy
		for _, r := range load {
			e += max(0, r.Energy)
		}
		if bill.Import != e {
			t.Fatalf("energy %s of %s", bill.Import, e)
		}
	})
}

func TestMoreEnergyNeverCostsLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tar := mustNew(t, drawDocument(t, kinds{cliffs: true, demand: true, classes: false, carry: true}))
		load := drawLoad(t, begin(t), rapid.IntRange(1, 6).Draw(t, "readings"), false)
		_, less := settle(t, tar, Account{}, load)
		more := append([]Reading(nil), load...)
		i := rapid.IntRange(0, len(more)-1).Draw(t, "which")
		more[i].Energy += units.Energy(rapid.Int64Range(0, int64(20*kWh)).Draw(t, "more"))
		_, sum := settle(t, tar, Account{}, more)
		if sum < less {
			t.Fatalf("%s with more, %s with less", sum, less)
		}
	})
}

func TestElapsedTimeMayBeDividedAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tar := mustNew(t, drawDocument(t, everything()))
		from := begin(t)
		to := from.Add(time.Duration(rapid.IntRange(1, 70*86_400).Draw(t, "seconds")) * time.Second)
		_, items := tar.Elapse(Account{}, from, to)
		var acc Account
		var sum units.Money
		days := 0
		for at := from; at.Before(to); {
			next := at.Add(time.Duration(rapid.IntRange(1, 5*86_400).Draw(t, "step")) * time.Second)
			if next.After(to) {
				next = to
			}
			var part []Item
			acc, part = tar.Elapse(acc, at, next)
			sum += Sum(part)
			at = next
		}
		if sum != Sum(items) {
			t.Fatalf("at once %s, divided %s", Sum(items), sum)
		}
		for d := tar.dayOf(from); d < tar.dayOf(to); d++ {
			days++
		}
		count := 0
		for i := range acc.Months {
			for _, l := range acc.Months[i].Lines {
				if l.Name == "standing" {
					count += l.Count
				}
			}
		}
		if len(acc.Past) == 0 && count != days {
			t.Fatalf("%d days charged of %d from %s to %s", count, days, from, to)
		}
	})
}

func TestAnAccountIsAPlainValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := drawDocument(t, everything())
		if rapid.Bool().Draw(t, "rich") {
			doc = rich()
		}
		tar := mustNew(t, doc)
		acc := Account{Debt: cents(5000)}
		stored := acc
		at := begin(t)
		for range rapid.IntRange(1, 12).Draw(t, "operations") {
			before, err := json.Marshal(acc)
			if err != nil {
				t.Fatal(err)
			}
			var a, b Account
			var x, y []Item
			next := at.Add(time.Duration(rapid.IntRange(1, 20*86_400).Draw(t, "seconds")) * time.Second)
			switch rapid.IntRange(0, 3).Draw(t, "operation") {
			case 0:
				r := Reading{From: at, To: next, Energy: units.Energy(rapid.Int64Range(-1e12, 1e13).Draw(t, "energy")), Reactive: 1e11}
				a, x = tar.ConsumeReading(acc, r)
				b, y = tar.ConsumeReading(stored, r)
			case 1:
				a, x = tar.Elapse(acc, at, next)
				b, y = tar.Elapse(stored, at, next)
			case 2:
				m := units.Money(rapid.Int64Range(0, 1e9).Draw(t, "amount"))
				a, x = tar.Purchase(acc, at, m)
				b, y = tar.Purchase(stored, at, m)
				if n := len(acc.Months); n > 0 && acc.Months[n-1].Start == a.Months[len(a.Months)-1].Start && Sum(x) > m {
					t.Fatalf("charged %s of %s", Sum(x), m)
				}
			default:
				a, b = acc.Clone(), stored.Clone()
			}
			if d := cmp.Diff(x, y); d != "" {
				t.Fatalf("a stored account goes on otherwise: %s", d)
			}
			if after, _ := json.Marshal(acc); string(after) != string(before) {
				t.Fatalf("the account given was changed:\n%s\n%s", before, after)
			}
			acc, at = a, next
			text, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			stored = Account{}
			if err := json.Unmarshal(text, &stored); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(acc, stored); d != "" {
				t.Fatalf("not the same after JSON: %s", d)
			}
		}
	})
}
