package tariffs

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

func flatDocument(name string, price units.Price) Document {
	return Document{
		Name: name, Currency: "ZAR", Zone: "Africa/Johannesburg",
		Versions: []Version{{Energy: []EnergyCharge{{Name: "energy", Price: price}}}},
	}
}

// However documents follow each other, each hour costs what the document of its day alone
// would charge: those before it and after it have no part in it.
func TestDocumentsFollowEachOther(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		first := DateOf(2026, time.November, 1)
		base := flatDocument("base", units.Price(rapid.Int64Range(1, 9).Draw(rt, "price")*1_000_000))
		base.Versions[0].From = first - 40
		price := map[Date]units.Price{}
		for d := first; d < first+40; d++ {
			price[d] = base.Versions[0].Energy[0].Price
		}
		var by []Successor
		for from := first; ; {
			from += Date(rapid.IntRange(1, 15).Draw(rt, "days"))
			if from >= first+40 {
				break
			}
			next := flatDocument("next", units.Price(rapid.Int64Range(1, 9).Draw(rt, "next")*1_000_000))
			if rapid.Bool().Draw(rt, "versions") { // one that has begun long ago, and another that comes later
				next.Versions[0].From = from - 300
				later := flatDocument("", units.Price(rapid.Int64Range(1, 9).Draw(rt, "later")*1_000_000)).Versions[0]
				later.From = from + Date(rapid.IntRange(-3, 9).Draw(rt, "after"))
				next.Versions = append(next.Versions, later)
			}
			by = append(by, Successor{from, next})
			for d := from; d < first+40; d++ {
				for _, v := range next.Versions {
					if v.From <= d {
						price[d] = v.Energy[0].Price
					}
				}
			}
		}
		doc, err := base.Followed(by...)
		if err != nil {
			rt.Fatal(err)
		}
		tariff, err := New(doc)
		if err != nil {
			rt.Fatal(err)
		}
		acc, sum, want := Account{}, units.Money(0), units.Money(0)
		at := first.Start(tariff.Location())
		for d := first; d < first+40; d++ {
			end := (d + 1).Start(tariff.Location())
			if p, _ := tariff.PriceAt(acc, end.Add(-time.Second)); p != price[d] {
				rt.Fatalf("on %s a kWh costs %s in place of %s", d, p, price[d])
			}
			want += price[d].Cost(units.KilowattHour)
			var items []Item
			acc, items = tariff.Consume(acc, at, end, units.KilowattHour)
			sum, at = sum+Sum(items), end
		}
		if sum != want {
			rt.Fatalf("%s is charged in place of %s", sum, want)
		}
	})
}

func TestWhatCannotFollowIsSaid(t *testing.T) {
	day := DateOf(2026, time.December, 1)
	for name, x := range map[string]struct {
		change func(base, next *Document)
		says   string
	}{
		"another currency":          {func(_, n *Document) { n.Currency = "EUR" }, "currency is EUR"},
		"another zone":              {func(_, n *Document) { n.Zone = "Africa/Nairobi" }, "zone is Africa/Nairobi"},
		"a month of another day":    {func(_, n *Document) { n.ResetDay = 5 }, "reset_day is 5"},
		"two months":                {func(_, n *Document) { n.ResetMonths = 2 }, "billing month"},
		"two months the other way":  {func(b, n *Document) { b.ResetMonths, n.ResetMonths, n.ResetMonth = 2, 2, 2 }, "billing month"},
		"other decimals":            {func(_, n *Document) { n.Decimals = new(int) }, "decimals is 0"},
		"other rounding":            {func(_, n *Document) { n.Rounding = RoundUp }, "rounding is up"},
		"another contracted load":   {func(_, n *Document) { n.Contracted = units.Kilowatt }, "contracted load is 1000 W"},
		"before the site's begins":  {func(b, _ *Document) { b.Versions[0].From = day }, "not after 2026-12-01"},
		"nothing":                   {func(_, n *Document) { n.Versions = nil }, "no versions"},
		"the same month, otherwise": {func(b, n *Document) { b.ResetMonths, n.ResetMonths, n.ResetMonth, n.ResetDay = 2, 2, 3, 1 }, ""},
		"the same rounding written": {func(_, n *Document) { n.Rounding = RoundHalfUp }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			base, next := flatDocument("base", 1_000_000), flatDocument("next", 2_000_000)
			x.change(&base, &next)
			_, err := base.Followed(Successor{day, next})
			if (err == nil) != (x.says == "") || err != nil && !strings.Contains(err.Error(), x.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestATariffThatFollowsIsSane(t *testing.T) {
	day := DateOf(2026, time.December, 10)
	share := func(text string) (r Rate) {
		if err := r.SetText(text); err != nil {
			t.Fatal(err)
		}
		return r
	}
	for name, x := range map[string]struct {
		change func(next *Document)
		says   string
	}{
		"twice as dear":    {func(n *Document) {}, ""},
		"in cents":         {func(n *Document) { n.Versions[0].Energy[0].Price = 200_000_000 }, "comes to 62000.00 ZAR in place of 310.00"},
		"free for a while": {func(n *Document) { n.Versions[0].Energy[0].Price = 0 }, ""},
		"paid for":         {func(n *Document) { n.Versions[0].Charges = []FixedCharge{{Name: "gift", Amount: -1000 * units.One}} }, "comes to -380.00 ZAR: it would be paid for"},
		"a charge by the day": {func(n *Document) {
			n.Versions[0].Charges = []FixedCharge{{Name: "day", Amount: 500 * units.One, Due: DueDay}}
		}, "more than 10 times"},
		"all of a purchase": {func(n *Document) {
			n.Versions[0].Charges = []FixedCharge{{Name: "all", Share: share("95 %"), Due: DuePurchase}}
		}, "its charges leave"},
		"a second version in cents": {func(n *Document) {
			later := n.Versions[0]
			later.From, later.Energy = DateOf(2027, time.March, 1), []EnergyCharge{{Name: "energy", Price: 200_000_000}}
			n.Versions = append(n.Versions, later)
		}, "from 2027-03-01 on"},
		"a version after two years in cents": {func(n *Document) {
			later := n.Versions[0]
			later.From, later.Energy = DateOf(2029, time.March, 14), []EnergyCharge{{Name: "energy", Price: 200_000_000}}
			n.Versions = append(n.Versions, later)
		}, "from 2029-03-14 on"},
		"version by version much dearer": {func(n *Document) {
			n.Versions[0].Energy[0].Price = 9_000_000
			later := n.Versions[0]
			later.From, later.Energy = DateOf(2027, time.March, 1), []EnergyCharge{{Name: "energy", Price: 50_000_000}}
			n.Versions = append(n.Versions, later)
		}, ""},
		"the winter's price in cents": {func(n *Document) {
			n.Calendar.Seasons = []Season{{Name: "winter", From: MonthDay{time.June, 1}, To: MonthDay{time.August, 31}}, {Name: "summer"}}
			n.Versions[0].Energy = []EnergyCharge{{Name: "winter", Price: 200_000_000, Seasons: []string{"winter"}}, {Name: "summer", Price: 2_000_000, Seasons: []string{"summer"}}}
		}, "from 2027-06-01 on"},
		"the last block in cents": {func(n *Document) {
			n.Versions[0].Energy = []EnergyCharge{{Name: "energy", Steps: []Step{{To: 600 * units.KilowattHour, Price: 2_000_000}, {Price: 250_000_000}}}}
		}, "a month of 40 kWh a day"},
	} {
		t.Run(name, func(t *testing.T) {
			base, next := flatDocument("base", 1_000_000), flatDocument("next", 2_000_000)
			x.change(&next)
			was, err := New(base)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := base.Followed(Successor{day, next})
			if err != nil {
				t.Fatal(err)
			}
			is, err := New(doc)
			if err != nil {
				t.Fatal(err)
			}
			if err := is.Sane(was, day); (err == nil) != (x.says == "") || err != nil && !strings.Contains(err.Error(), x.says) {
				t.Errorf("%v", err)
			}
		})
	}
}
