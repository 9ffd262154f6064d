package tariffs

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"pgregory.net/rapid"
)

// tableCost is what a table says an import in each slot costs.
func tableCost(tab *Table, e []units.Energy) float64 {
	var cost float64
	for i, x := range e {
		cost += tab.Import[i].Float()*x.KWh() + tab.Fixed[i].Float()
	}
	for i := range tab.Ladders {
		l := &tab.Ladders[i]
		var sum float64
		for j := l.First; j < l.Last; j++ {
			if len(l.Applies) == 0 || l.Applies[j-l.First] {
				sum += e[j].KWh()
			}
		}
		for _, r := range l.Rungs {
			cost += r.Adder.Float() * max(0, sum-r.At.KWh())
		}
	}
	for i := range tab.Demands {
		d := &tab.Demands[i]
		highest := d.Highest.KW()
		for j := d.First; j < d.Last; j++ {
			if len(d.Applies) == 0 || d.Applies[j-d.First] {
				highest = max(highest, e[j].KWh()*float64(time.Hour)/float64(d.Interval))
			}
		}
		cost += d.Price.Float() * (highest - d.Highest.KW())
	}
	return cost
}

// TestTableIsTheBill: where the tariff is convex, the table's cost of any plan
// is what the ledger will charge for it.
func TestTableIsTheBill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := drawDocument(t, kinds{classes: true, carry: true})
		doc.Zone = rapid.SampledFrom([]string{"UTC", "Europe/London", "Africa/Johannesburg", "Asia/Kathmandu"}).Draw(t, "zone")
		doc.Versions = doc.Versions[:1] // a table goes by the version of its first slot in each month
		if rapid.Bool().Draw(t, "demand") {
			c := drawDemand(t, "demand")
			// What is paid in any case is charged at the month's end, and the table has it as
			// paid from the beginning; and it only stands for a staircase and a cap.
			c.MeanOf, c.MostPerKWh, c.AtLeast, c.Ratchet, c.EachKW = 0, 0, 0, 0, len(c.Steps) > 0
			if c.EachKW {
				c.MeanMonths = 0 // before the month's end its part is priced by the first steps
			}
			doc.Versions[0].Demand = []DemandCharge{c}
		}
		for i := range doc.Versions[0].Charges {
			doc.Versions[0].Charges[i].Prorate = false
		}
		tar := mustNew(t, doc)
		start := units.SlotAt(begin(t), 15*time.Minute).Start
		acc, _ := tar.Consume(Account{}, start.Add(-40*time.Hour), start, units.Energy(rapid.Int64Range(0, 200).Draw(t, "before"))*kWh)
		acc, _ = tar.Elapse(acc, start.Add(-40*time.Hour), start)
		slots := units.Slots(start, 15*time.Minute, rapid.IntRange(1, 192).Draw(t, "slots"))
		e := make([]units.Energy, len(slots))
		for i := range e {
			e[i] = units.Energy(rapid.Int64Range(0, 3_000_000).Draw(t, "mWh")) * units.WattHour / 1000
		}
		tab := tar.Table(acc, slots, e)
		crosses := tar.carries && tar.dayOf(slots[len(slots)-1].Start) >= tar.segment(start).next
		if tab.Approximate != crosses {
			t.Fatal("a convex tariff is called approximate, or a month that hangs on the one before exact")
		}
		var sum, along units.Money
		path, foreseen := tab.Path(slots), tar.Cost(acc, slots, e)
		for i, s := range slots {
			along += path.Cost(i, e[i])
			var items []Item
			acc, items = tar.Consume(acc, s.Start, s.End(), e[i])
			sum += Sum(items)
			acc, items = tar.Elapse(acc, s.Start, s.End())
			sum += Sum(items)
		}
		if foreseen != sum {
			t.Fatalf("the ledger charges %s, %s was foreseen", sum, foreseen)
		}
		want, got := sum.Float(), tableCost(&tab, e)
		if math.Abs(want-along.Float()) > 0.002 {
			t.Fatalf("the ledger charges %.6f, along the path it is %s", want, along)
		}
		if math.Abs(want-got) > 0.002 {
			t.Fatalf("the ledger charges %.6f, the table says %.6f", want, got)
		}
	})
}

// Where a tariff does not expect anything, its prices and ladders are the same whatever is.
func TestPricesHangOnWhatIsExpectedOnlyWhereTheTariffSaysSo(t *testing.T) {
	told := 0
	rapid.Check(t, func(t *rapid.T) {
		tar := mustNew(t, drawDocument(t, kinds{classes: rapid.Bool().Draw(t, "classes at all"), cliffs: true, carry: true}))
		if tar.Expects() {
			return
		}
		told++
		start := units.SlotAt(begin(t), 15*time.Minute).Start
		acc, _ := tar.Consume(Account{}, start.Add(-40*time.Hour), start, units.Energy(rapid.Int64Range(0, 200).Draw(t, "before"))*kWh)
		slots := units.Slots(start, 15*time.Minute, 192)
		e := make([]units.Energy, len(slots))
		for i := range e {
			e[i] = units.Energy(rapid.Int64Range(0, 30).Draw(t, "kWh")) * kWh
		}
		with, without := tar.Table(acc, slots, e), tar.Table(acc, slots, nil)
		if !slices.Equal(with.Import, without.Import) || !slices.Equal(with.Export, without.Export) || len(with.Ladders) != len(without.Ladders) {
			t.Fatalf("%v and %v", with, without)
		}
	})
	if told == 0 {
		t.Error("no tariff was one that does not expect anything")
	}
}

func TestTableOfACliff(t *testing.T) {
	tar := mustNew(t, Document{Currency: "GHS", Zone: "Africa/Accra", Versions: []Version{{
		Classes: &Classes{List: []Class{{Name: "lifeline", To: 30 * kWh}, {Name: "others"}}},
		Energy: []EnergyCharge{
			{Name: "lifeline", Classes: []string{"lifeline"}, Price: perKWh(7953)},
			{Name: "energy", Classes: []string{"others"}, Price: perKWh(18018)},
		},
		Charges: []FixedCharge{{Name: "service", Classes: []string{"others"}, Amount: cents(1073)}},
	}}})
	start := at(t, "2025-07-10T00:00:00Z")
	slots := units.Slots(start, time.Hour, 48)
	expected := make([]units.Energy, len(slots))
	acc, _ := tar.Consume(Account{}, start.Add(-9*24*time.Hour), start, 5*kWh)

	// Expected to stay below: the lifeline's price, and a steep rise at 30 kWh.
	for i := range expected {
		expected[i] = units.WattHour
	}
	if !tar.Expects() {
		t.Error("the prices do not hang on what is expected")
	}
	tab := tar.Table(acc, slots, expected)
	if !tab.Approximate || tab.Import[0] != perKWh(7953) || len(tab.Ladders) != 1 || len(tab.Cliffs) != 1 {
		t.Fatalf("%+v", tab)
	}
	if tab.Cliffs[0].At != 25*kWh || tab.Ladders[0].Rungs[0].At != 25*kWh {
		t.Errorf("the cliff is at %s, want 25 kWh from now", tab.Cliffs[0].At)
	}
	// 30 x (1.8018 - 0.7953) + 10.73, and the watt-hour beyond.
	if lump := tab.Cliffs[0].Lump.Decimal(2); lump != "40.93" {
		t.Errorf("lump %s", lump)
	}
	if a := tab.Ladders[0].Rungs[0].Adder; a < 13*1_000_000 {
		t.Errorf("a rise of only %s", a)
	}

	// Expected to be passed anyway: every kWh costs the price beyond it.
	for i := range expected {
		expected[i] = kWh / 2
	}
	tab = tar.Table(acc, slots, expected)
	if tab.Import[0] != perKWh(18018) || len(tab.Ladders) != 0 {
		t.Errorf("%+v", tab)
	}
}

func TestTableOfFallingSteps(t *testing.T) {
	tar := mustNew(t, Document{Currency: "EUR", Zone: "UTC", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy", Steps: []Step{{To: 10 * kWh, Price: perKWh(40000)}, {Price: perKWh(20000)}}}},
	}}})
	slots := units.Slots(at(t, "2025-07-10T00:00:00Z"), time.Hour, 20)
	expected := make([]units.Energy, len(slots))
	for i := range expected {
		expected[i] = kWh
	}
	if !tar.Expects() {
		t.Error("the prices do not hang on what is expected")
	}
	tab := tar.Table(Account{}, slots, expected)
	if !tab.Approximate || len(tab.Ladders) != 0 || tab.Import[9] != perKWh(40000) || tab.Import[10] != perKWh(20000) {
		t.Errorf("%+v", tab)
	}
}

func TestPushedPrices(t *testing.T) {
	doc := Document{Currency: "GBP", Zone: "Europe/London", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy", Price: perKWh(3000), Pushed: true}, {Name: "levy", Price: perKWh(100)}},
		Export: []EnergyCharge{{Name: "export", Price: perKWh(500)}},
		Taxes:  []Tax{{Name: "VAT", Rate: 50_000}},
	}}}
	start := at(t, "2025-07-10T00:00:00Z")
	var prices []SlotPrice
	for i, p := range []int64{2000, -500, 9000, 1000} {
		prices = append(prices, SlotPrice{Slot: units.Slot{Start: start.Add(time.Duration(i) * time.Hour), Len: time.Hour}, Import: perKWh(p)})
	}
	tar := mustNew(t, doc).WithPrices(Overlay{Received: start, MaxAge: 3 * time.Hour, Prices: prices})
	for _, c := range []struct {
		what, at, want string
		stale          bool
	}{
		{"before the first", "2025-07-09T23:30:00Z", "0.325500", true},
		{"first", "2025-07-10T00:30:00Z", "0.220500", false},
		{"negative", "2025-07-10T01:00:00Z", "-0.042000", false},
		{"third", "2025-07-10T02:59:00Z", "0.955500", false},
		{"begins when the set is stale: the document rules", "2025-07-10T03:00:00Z", "0.325500", true},
	} {
		p, _ := tar.PriceAt(Account{}, at(t, c.at))
		if p.String() != c.want || tar.Overlay().Stale(at(t, c.at)) != c.stale {
			t.Errorf("%s: %s, stale %t", c.what, p, tar.Overlay().Stale(at(t, c.at)))
		}
	}
	// 1 kW from half past eleven to half past three, by the hour and in one go.
	_, items := tar.Consume(Account{}, start.Add(-30*time.Minute), start.Add(210*time.Minute), 4*kWh)
	// (0.5x0.31 + 0.21 - 0.04 + 0.91 + 0.5x0.31) x 1.05
	if got := Sum(items).String(); got != "1.459500" {
		t.Errorf("four hours %s, want 1.459500", got)
	}
	tab := tar.Table(Account{}, units.Slots(start, time.Hour, 4), nil)
	if tab.Import[1].String() != "-0.042000" || !tab.Pushed[1] || tab.Pushed[3] || tab.Export[0] != perKWh(500) {
		t.Errorf("%+v", tab)
	}
	if next := tar.NextChange(start.Add(10 * time.Minute)); !next.Equal(start.Add(time.Hour)) {
		t.Errorf("next change %s", next)
	}
	if end := tar.Overlay().Ends(); !end.Equal(start.Add(3 * time.Hour)) {
		t.Errorf("prices end %s", end)
	}
	// A price that includes VAT is not taxed again.
	tar = mustNew(t, doc).WithPrices(Overlay{TaxIncluded: true, Prices: prices})
	if p, _ := tar.PriceAt(Account{}, start); p.String() != "0.210500" {
		t.Errorf("with VAT inside %s", p)
	}
}

// TestPushedPricesAreAdditive: pushed prices too cost the same however a load
// is divided.
func TestPushedPricesAreAdditive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := drawDocument(t, everything())
		from := begin(t)
		var prices []SlotPrice
		for i := range rapid.IntRange(1, 60).Draw(t, "prices") {
			prices = append(prices, SlotPrice{
				Slot:   units.Slot{Start: units.SlotAt(from, time.Hour).Start.Add(time.Duration(i) * time.Hour), Len: time.Hour},
				Import: units.Price(rapid.Int64Range(-500_000, 900_000).Draw(t, "import")),
				Export: units.Price(rapid.Int64Range(-500_000, 900_000).Draw(t, "export")), Priced: rapid.Bool().Draw(t, "priced"),
			})
		}
		tar := mustNew(t, doc).WithPrices(Overlay{TaxIncluded: rapid.Bool().Draw(t, "tax inside"), Prices: prices})
		load := drawLoad(t, from, rapid.IntRange(1, 6).Draw(t, "readings"), true)
		_, a := settle(t, tar, Account{}, load)
		_, b := settle(t, tar, Account{}, cut(t, load))
		bill, _ := tar.Bill(Account{}, load)
		if a != b || a != bill.Total {
			t.Fatalf("whole %s, in pieces %s, bill %s", a, b, bill.Total)
		}
	})
}

// TestPushedPricesHaveNoSteps: where pushed prices take the place of a charge
// with steps, its rise is not added to them.
func TestPushedPricesHaveNoSteps(t *testing.T) {
	start := at(t, "2025-07-10T00:00:00Z")
	tar := mustNew(t, Document{Currency: "EUR", Zone: "UTC", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy", Steps: []Step{{To: 10 * kWh, Price: perKWh(1000)}, {Price: perKWh(9000)}}}},
	}}}).WithPrices(Overlay{Prices: []SlotPrice{{Slot: units.Slot{Start: start.Add(time.Hour), Len: time.Hour}, Import: perKWh(500)}}})
	tab := tar.Table(Account{}, units.Slots(start, time.Hour, 3), nil)
	if l := tab.Ladders[0].Applies; len(l) != 3 || !l[0] || l[1] || !l[2] {
		t.Errorf("the steps apply to %v", l)
	}
	var acc Account
	var sum units.Money
	e := []units.Energy{20 * kWh, 100 * kWh, 5 * kWh}
	for i, s := range units.Slots(start, time.Hour, 3) {
		var items []Item
		acc, items = tar.Consume(acc, s.Start, s.End(), e[i])
		sum += Sum(items)
	}
	if got := tableCost(&tab, e); sum != cents(1950) || math.Abs(got-19.5) > 1e-9 { // 10 x 0.1 + 10 x 0.9 + 100 x 0.05 + 5 x 0.9
		t.Errorf("the ledger says %s, the table %.6f", sum, got)
	}
	// What was bought at pushed prices has not used the first step up.
	acc, _ = tar.Consume(Account{}, start.Add(time.Hour), start.Add(2*time.Hour), 100*kWh)
	if p, _ := tar.PriceAt(acc, start.Add(2*time.Hour)); p != perKWh(1000) {
		t.Errorf("the next kWh costs %s", p)
	}
}
