package catalogue_test

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

const kWh = units.KilowattHour

func money(t *testing.T, s string) units.Money {
	t.Helper()
	m, err := units.ParseMoney(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return x.UTC()
}

// halfHours is a load of total spread evenly over half hours.
func halfHours(from, to time.Time, total units.Energy) []tariffs.Reading {
	var load []tariffs.Reading
	n := int64(to.Sub(from) / (30 * time.Minute))
	for i := range n {
		start := from.Add(time.Duration(i) * 30 * time.Minute)
		load = append(load, tariffs.Reading{From: start, To: start.Add(30 * time.Minute), Energy: total.Part(i+1, n) - total.Part(i, n)})
	}
	return load
}

func component(b tariffs.Bill, name string) tariffs.ComponentSum {
	for _, c := range b.Components {
		if c.Name == name {
			return c
		}
	}
	return tariffs.ComponentSum{}
}

// TestJohannesburg: the utility's own figures, which are without VAT.
func TestJohannesburg(t *testing.T) {
	tariff := load(t, "za-johannesburg-prepaid-high")
	for _, c := range []struct {
		what       string
		month      string
		kwh        units.Energy
		net, gross string
	}{
		{"2023/24, the whole of the first block", "2023-09-01", 350, "733.85", "843.92"},
		{"2023/24, 24 kWh into the second", "2023-09-01", 374, "791.57", "910.30"},
		{"2023/24, the utility's typical customer", "2023-09-01", 800, "1916.76", "2204.27"},
		{"2024/25, the same with the basic charge", "2024-09-01", 800, "2360.57", "2714.66"},
	} {
		t.Run(c.what, func(t *testing.T) {
			from := at(t, c.month+"T00:00:00+02:00")
			bill, _ := tariff.Bill(tariffs.Account{}, halfHours(from, from.AddDate(0, 0, 30), c.kwh*kWh))
			var net units.Money
			for _, x := range bill.Components {
				net += x.Amount
			}
			if got := tariff.Show(net); got != c.net {
				t.Errorf("net %s (%s), want %s", got, net, c.net)
			}
			if got := tariff.Show(bill.Total); got != c.gross {
				t.Errorf("gross %s (%s), want %s", got, bill.Total, c.gross)
			}
			if bill.Import != c.kwh*kWh {
				t.Errorf("energy %s", bill.Import)
			}
		})
	}
}

// TestJohannesburgBasicChargeIsSplit: below R400 of purchases the R200 (R230
// with VAT) are taken in proportion, and never carried past the month.
func TestJohannesburgBasicChargeIsSplit(t *testing.T) {
	tariff := load(t, "za-johannesburg-prepaid-high")
	var acc tariffs.Account
	for _, c := range []struct {
		at, amount, charged string
	}{
		{"2024-09-02T08:00:00Z", "100", "57.50"},  // a quarter
		{"2024-09-05T08:00:00Z", "200", "115.00"}, // to three quarters
		{"2024-09-09T08:00:00Z", "500", "57.50"},  // the rest
		{"2024-09-20T08:00:00Z", "100", "0.00"},
		{"2024-10-01T08:00:00Z", "50", "28.75"},    // a new month
		{"2024-11-01T08:00:00Z", "1000", "230.00"}, // October's rest is forgiven
	} {
		var items []tariffs.Item
		acc, items = tariff.Purchase(acc, at(t, c.at), money(t, c.amount))
		if got := tariff.Show(tariffs.Sum(items)); got != c.charged {
			t.Errorf("%s of %s: charged %s, want %s", c.at, c.amount, got, c.charged)
		}
	}
}

// TestKenyanVend reproduces three receipts for KSh 250: units, and every
// component as the receipt shows it, cut off after the cent.
func TestKenyanVend(t *testing.T) {
	tariff := load(t, "ke-kplc-domestic")
	for _, c := range []struct {
		at, units string
		parts     map[string]string // net amount by component
		vat, rep  string
	}{
		{"2024-01-03T09:00:00Z", "8.87", map[string]string{"fuel energy cost": "35.31", "forex": "28.11", "EPRA levy": "0.70", "WRA levy": "0.14"}, "29.18", "7.35"},
		{"2024-01-11T09:00:00Z", "7.82", map[string]string{"fuel energy cost": "33.85", "forex": "50.53", "EPRA levy": "0.62", "WRA levy": "0.11"}, "26.15", "6.48"},
		{"2024-02-08T09:00:00Z", "8.77", map[string]string{"fuel energy cost": "36.30", "forex": "28.22", "EPRA levy": "0.70", "WRA levy": "0.11"}, "29.07", "7.27"},
	} {
		t.Run(c.at, func(t *testing.T) {
			_, vend := tariff.Vend(tariffs.Account{}, at(t, c.at), money(t, "250"))
			if got := units.Money(units.MulDiv(int64(vend.Energy), 1_000_000, int64(kWh))).Decimal(2); got != c.units {
				t.Errorf("%s units (%s), want %s", got, vend.Energy, c.units)
			}
			if paid := tariffs.Sum(vend.Items) + vend.Left; paid != money(t, "250") {
				t.Errorf("items and rest come to %s", paid)
			}
			bill, _ := tariff.Bill(tariffs.Account{}, []tariffs.Reading{{From: at(t, c.at), To: at(t, c.at).Add(time.Hour), Energy: vend.Energy}})
			for name, want := range c.parts {
				if got := tariff.Show(component(bill, name).Amount); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
			for i, want := range []string{c.rep, c.vat} {
				if got := tariff.Show(bill.Taxes[i].Amount); got != want {
					t.Errorf("%s: %s, want %s", bill.Taxes[i].Name, got, want)
				}
			}
		})
	}
}

// TestKenyanNovember2025: 50 kWh of an ordinary customer by the gazetted charges.
// (16.50 + 3.81) x 1.16 + 16.50 x 5 % + 0.9589 + 0.08 + 0.0129 = 25.4364 a kWh.
func TestKenyanNovember2025(t *testing.T) {
	tariff := load(t, "ke-kplc-domestic")
	from := at(t, "2025-11-01T00:00:00+03:00")
	bill, _ := tariff.BillWhole(tariffs.Account{}, halfHours(from, from.AddDate(0, 0, 30), 50*kWh))
	if got := bill.Total.Decimal(3); got != "1271.820" {
		t.Errorf("%s, want 1271.820", got)
	}
	if len(bill.Warnings) != 1 { // not known to be in force
		t.Errorf("warnings: %q", bill.Warnings)
	}
}

// TestKenyanClassFollowsPastMonths: the class of a month is set before it
// begins, whatever is used in it.
func TestKenyanClassFollowsPastMonths(t *testing.T) {
	tariff := load(t, "ke-kplc-domestic")
	var acc tariffs.Account
	for _, c := range []struct {
		month string
		kwh   units.Energy
		class string
	}{
		{"2025-08-01T00:00:00+03:00", 250, "ordinary 1"}, // none before: the initial class
		{"2025-09-01T00:00:00+03:00", 20, "ordinary 2"},  // mean 250
		{"2025-10-01T00:00:00+03:00", 10, "ordinary 2"},  // mean 135
		{"2025-11-01T00:00:00+03:00", 50, "ordinary 1"},  // mean 93.3
		{"2025-12-01T00:00:00+03:00", 400, "lifeline"},   // mean 26.7 of 20, 10, 50
		{"2026-01-01T00:00:00+03:00", 1, "ordinary 2"},   // mean 153
	} {
		from := at(t, c.month)
		var items []tariffs.Item
		acc, items = tariff.Consume(acc, from, from.Add(24*time.Hour), c.kwh*kWh)
		charged := map[string]bool{}
		for _, i := range items {
			if i.Energy > 0 {
				charged[i.Name] = true
			}
		}
		for _, class := range []string{"lifeline", "ordinary 1", "ordinary 2"} {
			if charged[class] != (class == c.class) {
				t.Errorf("%s: class %s charged: %t", c.month, class, charged[class])
			}
		}
	}
}

// TestGhanaAcrossTheCliff: 30 kWh are lifeline; what goes beyond prices the
// month anew, service charge and all.  By hand:
//
//	30:    30 x 0.795308 x 1.05 + 2.13       =  27.182202
//	30.001 30.001 x 1.801867 x 1.05 + 10.730886 = 67.491588
//	300:   300 x 1.801867 x 1.05 + 10.730886  = 578.318991
//	301:   542.940973 + 10.858819 + 16.288229 + 10.730886 = 580.818907, each levy rounded
func TestGhanaAcrossTheCliff(t *testing.T) {
	tariff := load(t, "gh-residential")
	from, to := at(t, "2025-07-01T00:00:00Z"), at(t, "2025-08-01T00:00:00Z")
	for _, c := range []struct {
		energy units.Energy
		want   string
	}{
		{30 * kWh, "27.182202"},
		{30*kWh + units.WattHour, "67.491588"},
		{300 * kWh, "578.318991"},
		{301 * kWh, "580.818907"},
	} {
		// In one go, by half hours, and by Consume and Elapse.
		bill, _ := tariff.Bill(tariffs.Account{}, []tariffs.Reading{{From: from, To: to, Energy: c.energy}})
		if bill.Total.String() != c.want {
			t.Errorf("%s: %s, want %s", c.energy, bill.Total, c.want)
		}
		bill, _ = tariff.Bill(tariffs.Account{}, halfHours(from, to, c.energy))
		if bill.Total.String() != c.want {
			t.Errorf("%s by half hours: %s, want %s", c.energy, bill.Total, c.want)
		}
		var acc tariffs.Account
		var sum units.Money
		for _, r := range halfHours(from, to, c.energy) {
			var items []tariffs.Item
			acc, items = tariff.ConsumeReading(acc, r)
			sum += tariffs.Sum(items)
			acc, items = tariff.Elapse(acc, r.From, r.To)
			sum += tariffs.Sum(items)
		}
		if sum.String() != c.want {
			t.Errorf("%s by items: %s, want %s", c.energy, sum, c.want)
		}
	}
}

// TestBangladesh: each slab by hand, without the fixed charges, with VAT of 5 %.
func TestBangladesh(t *testing.T) {
	tariff := load(t, "bd-residential-prepaid")
	for _, c := range []struct {
		kwh  units.Energy
		want string // before VAT
	}{
		{50, "231.50"},   // 50 x 4.63
		{51, "268.26"},   // 51 x 5.26: the whole month leaves the lifeline
		{75, "394.50"},   // 75 x 5.26
		{200, "1294.50"}, // + 125 x 7.20
		{300, "2053.50"}, // + 100 x 7.59
		{400, "2855.50"}, // + 100 x 8.02
		{600, "5389.50"}, // + 200 x 12.67
		{700, "6850.50"}, // + 100 x 14.61
	} {
		from := at(t, "2025-11-01T00:00:00+06:00")
		var net, tax units.Money
		acc := tariffs.Account{}
		for _, r := range halfHours(from, from.AddDate(0, 0, 30), c.kwh*kWh) {
			var items []tariffs.Item
			acc, items = tariff.ConsumeReading(acc, r)
			for _, i := range items {
				net, tax = net+i.Amount, tax+i.Tax
			}
		}
		if got := tariff.Show(net); got != c.want {
			t.Errorf("%d kWh: %s, want %s", c.kwh, got, c.want)
		}
		if want := net.Part(5, 100); tax != want {
			t.Errorf("%d kWh: VAT %s, want %s", c.kwh, tax, want)
		}
	}
}

// TestBangladeshFirstRecharge: 2 kW x 42 + 40 = 124, with VAT 130.20 a month,
// at the first recharge; months without one are caught up; 0.5 % comes back on
// what is left.
func TestBangladeshFirstRecharge(t *testing.T) {
	tariff := load(t, "bd-residential-prepaid")
	var acc tariffs.Account
	for _, c := range []struct {
		what, at, amount string
		charged, rebate  string
	}{
		{"first of September", "2025-09-03T10:00:00Z", "1000", "130.20", "-4.35"},
		{"second of September", "2025-09-20T10:00:00Z", "500", "0.00", "-2.50"},
		{"December catches up October and November", "2025-12-05T10:00:00Z", "2000", "390.60", "-8.05"},
		{"too small in January: all of it is taken", "2026-01-02T10:00:00Z", "100", "100.00", "0.00"},
		{"the rest of January", "2026-01-03T10:00:00Z", "1000", "30.20", "-4.85"},
	} {
		var items []tariffs.Item
		acc, items = tariff.Purchase(acc, at(t, c.at), money(t, c.amount))
		var charged, rebate units.Money
		for _, i := range items {
			if i.Kind == tariffs.KindRebate {
				rebate += i.Gross()
			} else {
				charged += i.Gross()
			}
		}
		if tariff.Show(charged) != c.charged || tariff.Show(rebate) != c.rebate {
			t.Errorf("%s: charged %s, rebate %s, want %s and %s", c.what, tariff.Show(charged), tariff.Show(rebate), c.charged, c.rebate)
		}
	}
}

// TestNigeria: 209.50 and 7.5 % VAT: a thousand naira buy 4.44 kWh.
func TestNigeria(t *testing.T) {
	_, vend := load(t, "ng-band-a").Vend(tariffs.Account{}, at(t, "2024-08-01T00:00:00Z"), money(t, "1000"))
	if got := vend.Energy.String(); got != "4.440 kWh" {
		t.Errorf("%s, want 4.440 kWh", got)
	}
}

// TestEconomy7: the night is seven hours of a clock that keeps winter time, the
// standing charge is per local day, and debt takes a tenth of a top-up, at most
// 5 a week from Monday to Sunday.
func TestEconomy7(t *testing.T) {
	tariff := load(t, "gb-economy7-prepay")
	for _, c := range []struct {
		at, period string
	}{
		{"2022-01-10T00:29:00Z", "day"},
		{"2022-01-10T00:30:00Z", "night"},
		{"2022-01-10T07:29:00Z", "night"},
		{"2022-01-10T07:30:00Z", "day"},
		{"2022-07-10T00:30:00Z", "night"},
		{"2022-07-10T07:30:00Z", "day"},
	} {
		if _, got := tariff.PriceAt(tariffs.Account{}, at(t, c.at)); got != c.period {
			t.Errorf("%s is %s, want %s", c.at, got, c.period)
		}
	}
	bill, _ := tariff.Bill(tariffs.Account{}, halfHours(at(t, "2022-04-30T23:00:00Z"), at(t, "2022-05-31T23:00:00Z"), 744*kWh))
	// 31 nights of 7 h at 1 kW, 31 x 17 h by day, 31 standing charges; VAT is inside.
	// 217 x 0.17181 + 527 x 0.3255 + 31 x 0.44836 = 222.72043
	if got := bill.Total.String(); got != "222.720430" {
		t.Errorf("bill %s, want 222.720430", got)
	}
	if got := bill.Taxes[0].Amount.Decimal(2); got != "10.61" { // 222.72 x 5/105
		t.Errorf("VAT %s, want 10.61", got)
	}
	acc := tariffs.Account{Debt: money(t, "100")}
	for day, want := range []string{"1.00", "1.00", "1.00", "1.00", "1.00", "0.00", "0.00", "1.00"} {
		var items []tariffs.Item
		acc, items = tariff.Purchase(acc, at(t, "2022-05-02T12:00:00Z").AddDate(0, 0, day), money(t, "10"))
		if got := tariff.Show(tariffs.Sum(items)); got != want {
			t.Errorf("day %d: %s taken, want %s", day, got, want)
		}
	}
	if acc.Debt != money(t, "94") {
		t.Errorf("debt left %s, want 94", acc.Debt)
	}
}

// TestBusiness: time of use with maximum demand in kVA.
func TestBusiness(t *testing.T) {
	tariff := load(t, "ke-kplc-ci1")
	from := at(t, "2018-02-01T00:00:00+03:00") // 28 days, 20 of them weekdays, no holiday
	var readings []tariffs.Reading
	for i := range 28 * 48 {
		start := from.Add(time.Duration(i) * 30 * time.Minute)
		r := tariffs.Reading{From: start, To: start.Add(30 * time.Minute), Energy: 5 * kWh}
		if i == 500 { // one half hour of 60 kW and 80 kvar: 100 kVA
			r.Energy, r.Reactive = 30*kWh, 40*kWh
		}
		readings = append(readings, r)
	}
	bill, acc := tariff.Bill(tariffs.Account{}, readings)
	if got := tariff.Show(component(bill, "maximum demand").Amount); got != "80000.00" {
		t.Errorf("demand %s, want 100 kVA x 800 = 80000.00", got)
	}
	// Off-peak hours: 20 weekdays x 8, 8 weekend days x 18 = 304; peak: 20 x 16 + 8 x 6 = 368.
	off, peak := component(bill, "off-peak energy"), component(bill, "peak energy")
	if off.Energy != 3040*kWh || peak.Energy != (3680+25)*kWh {
		t.Errorf("off-peak %s, peak %s", off.Energy, peak.Energy)
	}
	if got := tariff.Show(bill.Total); got != tariff.Show((off.Amount+peak.Amount+2500*units.One+80000*units.One).Part(116, 100)) {
		t.Errorf("total %s", got)
	}
	if !acc.Months[0].Closed {
		t.Error("February is not closed")
	}
	// Good Friday is off-peak all day.
	if _, period := tariff.PriceAt(tariffs.Account{}, at(t, "2018-03-30T12:00:00+03:00")); period != "off-peak" {
		t.Errorf("Good Friday noon is %s", period)
	}
}

// TestHomeflexHours: winter as published, and holidays as Sundays.
func TestHomeflexHours(t *testing.T) {
	tariff := load(t, "za-eskom-homeflex")
	for _, c := range []struct{ what, at, period string }{
		{"winter weekday morning", "2025-07-01T06:00:00+02:00", "peak"},
		{"winter weekday forenoon", "2025-07-01T09:00:00+02:00", "standard"},
		{"winter weekday evening", "2025-07-01T18:59:59+02:00", "peak"},
		{"winter weekday night", "2025-07-01T22:00:00+02:00", "off-peak"},
		{"Saturday morning", "2025-07-05T07:00:00+02:00", "standard"},
		{"Saturday afternoon", "2025-07-05T12:00:00+02:00", "off-peak"},
		{"Sunday", "2025-07-06T18:00:00+02:00", "off-peak"},
		{"Youth Day, a Monday", "2025-06-16T07:00:00+02:00", "off-peak"},
		{"Family Day", "2025-04-21T07:00:00+02:00", "off-peak"},
		{"Women's Day 2026 is a Sunday: the Monday after", "2026-08-10T07:00:00+02:00", "off-peak"},
	} {
		if _, got := tariff.PriceAt(tariffs.Account{}, at(t, c.at)); got != c.period {
			t.Errorf("%s: %s, want %s", c.what, got, c.period)
		}
	}
	price, _ := tariff.PriceAt(tariffs.Account{}, at(t, "2025-07-01T06:00:00+02:00"))
	if got := price.String(); got != "8.130040" {
		t.Errorf("winter peak with VAT %s", got)
	}
}

// TestBuyNowOrWait: at the end of a month the blocks are used up.
func TestBuyNowOrWait(t *testing.T) {
	tariff := load(t, "za-johannesburg-prepaid-high")
	var acc tariffs.Account
	acc, first := tariff.Vend(acc, at(t, "2023-09-02T08:00:00Z"), money(t, "2000"))
	a := tariff.BuyNowOrWait(acc, at(t, "2023-09-28T08:00:00Z"), money(t, "200"))
	if !a.Wait() || !a.Reset.Equal(at(t, "2023-10-01T00:00:00+02:00")) {
		t.Errorf("after %s: %+v", first.Energy, a)
	}
	// 200 / 1.15 / 2.74055 now, 200 / 1.15 / 2.0967 then.
	if a.Now.String() != "63.459 kWh" || a.Then.String() != "82.946 kWh" {
		t.Errorf("now %s, then %s", a.Now, a.Then)
	}
	if fresh := tariff.BuyNowOrWait(tariffs.Account{}, at(t, "2023-09-02T08:00:00Z"), money(t, "200")); fresh.Wait() {
		t.Errorf("a new month: %+v", fresh)
	}
}
