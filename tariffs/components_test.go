package tariffs

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// month settles a load within April 2024 and closes the month; it returns what
// each component comes to before taxes, and the total with them.
func month(t *testing.T, v Version, load ...Reading) (map[string]string, string) {
	t.Helper()
	if len(v.Energy) == 0 {
		v.Energy = []EnergyCharge{{Name: "energy", Price: perKWh(10000)}}
	}
	tar := mustNew(t, Document{Currency: "EUR", Zone: "UTC", Contracted: 5 * units.Kilowatt, Versions: []Version{v}})
	from, to := at(t, "2024-04-01T00:00:00Z"), at(t, "2024-05-01T00:00:00Z")
	var acc Account
	var sum units.Money
	parts := map[string]units.Money{}
	book := func(items []Item) {
		sum += Sum(items)
		for _, i := range items {
			parts[i.Name] += i.Amount
		}
	}
	for _, r := range load {
		var items []Item
		acc, items = tar.ConsumeReading(acc, r)
		book(items)
	}
	_, items := tar.Elapse(acc, from, to)
	book(items)
	out := map[string]string{}
	for name, m := range parts {
		out[name] = m.Decimal(4)
	}
	return out, sum.Decimal(4)
}

// hours is n hours of constant energy an hour from the first of April.
func hours(from, n int, e, q units.Energy) []Reading {
	start := time.Date(2024, 4, 1, from, 0, 0, 0, time.UTC)
	var load []Reading
	for i := range n {
		load = append(load, Reading{From: start.Add(time.Duration(i) * time.Hour), To: start.Add(time.Duration(i+1) * time.Hour), Energy: e, Reactive: q})
	}
	return load
}

func TestEveryComponentByHand(t *testing.T) {
	energy := []EnergyCharge{{Name: "energy", Price: perKWh(10000)}}
	for _, c := range []struct {
		what  string
		v     Version
		load  []Reading
		parts map[string]string
		total string
	}{
		{
			"a free allowance of 50 kWh",
			Version{Energy: []EnergyCharge{{Name: "energy", Steps: []Step{{To: 50 * kWh}, {Price: perKWh(20000)}}}}},
			hours(0, 60, kWh, 0),
			map[string]string{"energy": "20.0000"},
			"20.0000",
		},
		{
			"steps per day: 2 kWh a day of April are 60 kWh",
			Version{Energy: []EnergyCharge{{Name: "energy", Per: PerDay, Steps: []Step{{To: 2 * kWh, Price: perKWh(5000)}, {Price: perKWh(10000)}}}}},
			hours(0, 100, kWh, 0),
			map[string]string{"energy": "70.0000"},
			"70.0000",
		},
		{
			"a cliff: 101 kWh reprice all",
			Version{Energy: []EnergyCharge{{Name: "energy", Whole: true, Steps: []Step{{To: 100 * kWh, Price: perKWh(5000)}, {Price: perKWh(10000)}}}}},
			hours(0, 101, kWh, 0),
			map[string]string{"energy": "101.0000"},
			"101.0000",
		},
		{
			"on the cliff's edge: 100 kWh",
			Version{Energy: []EnergyCharge{{Name: "energy", Whole: true, Steps: []Step{{To: 100 * kWh, Price: perKWh(5000)}, {Price: perKWh(10000)}}}}},
			hours(0, 100, kWh, 0),
			map[string]string{"energy": "50.0000"},
			"50.0000",
		},
		{
			"charges: 30 days, a month, per contracted kW",
			Version{Energy: energy, Charges: []FixedCharge{
				{Name: "day", Amount: cents(50), Due: DueDay}, {Name: "month", Amount: cents(700)}, {Name: "kw", Amount: cents(42), PerKW: true, Due: DueMonthStart},
			}},
			nil,
			map[string]string{"day": "15.0000", "month": "7.0000", "kw": "2.1000"},
			"24.1000",
		},
		{
			"demand in kW by half hours: one of 3 kWh is 6 kW",
			Version{Energy: energy, Demand: []DemandCharge{{Name: "demand", Price: cents(1000)}}},
			append(hours(0, 2, kWh, 0), Reading{From: at(t, "2024-04-02T10:15:00Z"), To: at(t, "2024-04-02T10:45:00Z"), Energy: 6 * kWh}),
			map[string]string{"energy": "8.0000", "demand": "60.0000"},
			"68.0000",
		},
		{
			"demand in kVA: 3 kWh and 4 kvarh an hour are 5 kVA, of which 2 are free",
			Version{Energy: energy, Demand: []DemandCharge{{Name: "demand", Unit: KVA, Price: cents(1000), Free: 2 * units.Kilowatt}}},
			hours(0, 1, 3*kWh, 4*kWh),
			map[string]string{"energy": "3.0000", "demand": "30.0000"},
			"33.0000",
		},
		{
			"at least 4 kW are charged",
			Version{Energy: energy, Demand: []DemandCharge{{Name: "demand", Price: cents(1000), AtLeast: 4 * units.Kilowatt}}},
			hours(0, 1, kWh, 0),
			map[string]string{"energy": "1.0000", "demand": "40.0000"},
			"41.0000",
		},
		{
			"reactive above 30 % of active",
			Version{Energy: energy, Reactive: []Reactive{{Name: "reactive", Price: perKWh(2000), Free: 300_000}}},
			hours(0, 10, kWh, kWh/2),
			map[string]string{"energy": "10.0000", "reactive": "0.4000"},
			"10.4000",
		},
		{
			"power factor 0.8 against 0.95: 15 steps of 1 %",
			Version{Energy: energy, Factor: &PowerFactor{Name: "factor", Threshold: 950_000, Surcharge: 10_000}},
			hours(0, 10, 4*kWh, 3*kWh),
			map[string]string{"energy": "40.0000", "factor": "6.0000"},
			"46.0000",
		},
		{
			"power factor good enough",
			Version{Energy: energy, Factor: &PowerFactor{Name: "factor", Threshold: 800_000, Surcharge: 10_000}},
			hours(0, 10, 4*kWh, 3*kWh),
			map[string]string{"energy": "40.0000"},
			"40.0000",
		},
		{
			"a minimum bill",
			Version{Energy: energy, Minimum: &Minimum{Name: "minimum", Amount: cents(1200)}, Charges: []FixedCharge{{Name: "month", Amount: cents(300)}}},
			hours(0, 4, kWh, 0),
			map[string]string{"energy": "4.0000", "month": "3.0000", "minimum": "5.0000"},
			"12.0000",
		},
		{
			"a minimum bill that is passed",
			Version{Energy: energy, Minimum: &Minimum{Name: "minimum", Amount: cents(1200)}},
			hours(0, 13, kWh, 0),
			map[string]string{"energy": "13.0000"},
			"13.0000",
		},
		{
			"export is credited and not taxed",
			Version{Energy: energy, Export: []EnergyCharge{{Name: "export", Price: perKWh(4000)}}, Taxes: []Tax{{Name: "VAT", Rate: 200_000}}},
			append(hours(0, 10, kWh, 0), hours(10, 5, -kWh, 0)...),
			map[string]string{"energy": "10.0000", "export": "-2.0000"},
			"10.0000",
		},
		{
			"a tax on a tax: 10 %, then 20 % over both",
			Version{Energy: energy, Taxes: []Tax{{Name: "levy", Rate: 100_000}, {Name: "VAT", Rate: 200_000, Over: []string{"levy"}}}},
			hours(0, 100, kWh, 0),
			map[string]string{"energy": "100.0000"},
			"132.0000",
		},
		{
			"prices that hold 25 % of tax",
			Version{Energy: energy, TaxIncluded: true, Taxes: []Tax{{Name: "VAT", Rate: 250_000}}},
			hours(0, 100, kWh, 0),
			map[string]string{"energy": "80.0000"},
			"100.0000",
		},
		{
			"a rebate on energy as a negative tax, before VAT",
			Version{Energy: energy, Taxes: []Tax{{Name: "rebate", Rate: -5_000}, {Name: "VAT", Rate: 50_000, Over: []string{"rebate"}}}},
			hours(0, 100, kWh, 0),
			map[string]string{"energy": "100.0000"},
			"104.4750",
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			parts, total := month(t, c.v, c.load...)
			if total != c.total {
				t.Errorf("total %s, want %s", total, c.total)
			}
			for name, want := range c.parts {
				if parts[name] != want {
					t.Errorf("%s: %s, want %s", name, parts[name], want)
				}
			}
			for name, got := range parts {
				if _, ok := c.parts[name]; !ok && got != "0.0000" {
					t.Errorf("%s: %s was not expected", name, got)
				}
			}
		})
	}
}

// TestRatchet: 10 kW in January weigh on February at 80 %, and no longer after
// the months they are remembered for.
func TestRatchet(t *testing.T) {
	tar := mustNew(t, Document{Currency: "EUR", Zone: "UTC", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy"}},
		Demand: []DemandCharge{{Name: "demand", Price: cents(100), Ratchet: 800_000, RatchetOver: 3}},
	}}})
	acc, items := tar.Consume(Account{}, at(t, "2024-01-10T00:00:00Z"), at(t, "2024-01-10T00:30:00Z"), 5*kWh)
	if got := Sum(items); got != 10*units.One {
		t.Fatalf("January %s", got)
	}
	acc, items = tar.Elapse(acc, at(t, "2024-01-10T00:00:00Z"), at(t, "2024-02-01T00:00:00Z"))
	if got := Sum(items); got != 0 {
		t.Errorf("end of January %s", got)
	}
	for i, want := range []int64{8, 8, 8, 0} {
		from := time.Date(2024, time.Month(2+i), 1, 0, 0, 0, 0, time.UTC)
		acc, items = tar.Elapse(acc, from, from.AddDate(0, 1, 0))
		if got := Sum(items); got != units.Money(want)*units.One {
			t.Errorf("%s: %s, want %d", from.Month(), got, want)
		}
	}
}

// TestDebtIsCapped: a tenth of each purchase, at most 5 in a week from Monday,
// and never more than is owed.
func TestDebtIsCapped(t *testing.T) {
	tar := mustNew(t, Document{Currency: "EUR", Zone: "UTC", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy"}},
		Debt:   &Debt{Name: "debt", Share: 100_000, Cap: 5 * units.One, Per: PerWeek},
	}}})
	acc := Account{Debt: 12 * units.One}
	for _, c := range []struct {
		at     string
		amount int64
		want   int64
	}{{"2024-04-01T00:00:00Z", 30, 3}, {"2024-04-07T23:59:59Z", 30, 2}, {"2024-04-08T00:00:00Z", 100, 5}, {"2024-04-15T00:00:00Z", 100, 2}, {"2024-04-22T00:00:00Z", 100, 0}} {
		var items []Item
		acc, items = tar.Purchase(acc, at(t, c.at), units.Money(c.amount)*units.One)
		if got := Sum(items); got != units.Money(c.want)*units.One {
			t.Errorf("%s: %s, want %d", c.at, got, c.want)
		}
	}
}

func TestRounding(t *testing.T) {
	for _, c := range []struct {
		rule     Rounding
		decimals int
		amount   string
		want     string
	}{
		{"", 2, "733.845000", "733.85"},
		{"", 2, "-733.845000", "-733.85"},
		{"", 2, "0.004999", "0.00"},
		{RoundHalfEven, 2, "733.845000", "733.84"},
		{RoundHalfEven, 2, "733.855000", "733.86"},
		{RoundHalfEven, 2, "733.845001", "733.85"},
		{RoundUp, 2, "1.000001", "1.01"},
		{RoundDown, 2, "1.009999", "1.00"},
		{RoundDown, 0, "1.999999", "1"},
		{RoundUp, 6, "1.999999", "1.999999"},
	} {
		doc := flat("UTC")
		doc.Rounding, doc.Decimals = c.rule, &c.decimals
		if got := mustNew(t, doc).Show(money(t, c.amount)); got != c.want {
			t.Errorf("%s to %d decimals %s: %s, want %s", c.amount, c.decimals, c.rule, got, c.want)
		}
	}
}

func TestWordsReadBack(t *testing.T) {
	for _, s := range []string{"15 %", "0.5 %", "-1.25 %", "100 %", "0.0001 %"} {
		var r Rate
		if err := r.SetText(s); err != nil || r.String() != s {
			t.Errorf("%s reads as %s, %v", s, r, err)
		}
	}
	for _, s := range []string{"15", "0.15", "", "%", "0.00001 %"} {
		var r Rate
		if r.SetText(s) == nil {
			t.Errorf("%q is taken for %s", s, r)
		}
	}
	for _, s := range []string{"24:01", "7:00", "07:60", "0700", "-1:00", ""} {
		var x TimeOfDay
		if x.SetText(s) == nil {
			t.Errorf("%q is taken for %s", s, x)
		}
	}
	for _, s := range []string{"02-30", "13-01", "1-1", "00-10", "06/01"} {
		var m MonthDay
		if m.SetText(s) == nil {
			t.Errorf("%q is taken for %s", s, m)
		}
	}
	for _, s := range []string{"2023-02-29", "1969-12-31", "2024-7-1", "today"} {
		var d Date
		if d.SetText(s) == nil {
			t.Errorf("%q is taken for %s", s, d)
		}
	}
}

func TestPriceAtWithATaxOnATax(t *testing.T) {
	doc := flat("UTC")
	doc.Versions[0].Taxes = []Tax{{Name: "levy", Rate: 100_000}, {Name: "VAT", Rate: 200_000, Over: []string{"levy"}}}
	tar := mustNew(t, doc)
	if p, _ := tar.PriceAt(Account{}, at(t, "2024-04-01T00:00:00Z")); p.String() != "1.320000" {
		t.Errorf("%s, want 1 x 1.1 x 1.2", p)
	}
	doc.Versions[0].TaxIncluded = true
	if p, _ := mustNew(t, doc).PriceAt(Account{}, at(t, "2024-04-01T00:00:00Z")); p.String() != "1.000000" {
		t.Errorf("%s with the taxes inside", p)
	}
}

// TestAMonthBegunLateIsChargedByItsDays: a customer of the 16th of April.
func TestAMonthBegunLateIsChargedByItsDays(t *testing.T) {
	doc := flat("UTC")
	doc.Versions[0].Charges = []FixedCharge{
		{Name: "by days", Amount: cents(3000), Prorate: true},
		{Name: "at the start by days", Amount: cents(600), Due: DueMonthStart, Prorate: true},
		{Name: "whole", Amount: cents(100)},
		{Name: "first", Amount: cents(3000), Due: DueFirstPurchase, Prorate: true},
	}
	tar := mustNew(t, doc)
	acc, items := tar.Purchase(Account{}, at(t, "2024-04-16T00:00:00Z"), 100*units.One)
	if got := Sum(items); got != cents(1500) {
		t.Errorf("first purchase %s, want half of 30", got)
	}
	acc, items = tar.Elapse(acc, at(t, "2024-04-16T00:00:00Z"), at(t, "2024-05-01T00:00:00Z"))
	if got := Sum(items); got != cents(1500+300+100) {
		t.Errorf("April %s, want 15 + 3 + 1", got)
	}
	_, items = tar.Elapse(acc, at(t, "2024-05-01T00:00:00Z"), at(t, "2024-06-01T00:00:00Z"))
	if got := Sum(items); got != cents(3000+600+100) {
		t.Errorf("May %s, want 30 + 6 + 1", got)
	}
}

func TestASeasonOverTheNewYear(t *testing.T) {
	doc := flat("UTC")
	doc.Calendar.Seasons = []Season{{Name: "winter", From: MonthDay{time.November, 1}, To: MonthDay{time.February, 29}}, {Name: "summer", From: MonthDay{time.March, 1}, To: MonthDay{time.October, 31}}}
	doc.Versions[0].Energy = []EnergyCharge{{Name: "w", Seasons: []string{"winter"}, Price: perKWh(20000)}, {Name: "s", Seasons: []string{"summer"}, Price: perKWh(10000)}}
	tar := mustNew(t, doc)
	for day, want := range map[string]string{"2023-10-31": "1", "2023-11-01": "2", "2024-01-01": "2", "2024-02-29": "2", "2023-02-28": "2", "2024-03-01": "1"} {
		if p, _ := tar.PriceAt(Account{}, at(t, day+"T12:00:00Z")); p.String() != want+".000000" {
			t.Errorf("%s: %s, want %s", day, p, want)
		}
	}
}
