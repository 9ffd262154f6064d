package tariffs

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// daily is a load of e each local day, at ten in the forenoon.
func daily(t *testing.T, tar *Tariff, from string, days int, e units.Energy) []Reading {
	t.Helper()
	at, err := time.ParseInLocation(time.DateOnly, from, tar.loc)
	if err != nil {
		t.Fatal(err)
	}
	var load []Reading
	for d := range days {
		start := at.AddDate(0, 0, d).Add(10 * time.Hour)
		load = append(load, Reading{From: start, To: start.Add(time.Hour), Energy: e})
	}
	return load
}

// TestBillOfManyMonths: a bill reckons the charges on purchases, the rebate and
// the least bill of every month it touches, not only of those an account keeps.
func TestBillOfManyMonths(t *testing.T) {
	tar := mustNew(t, Document{Currency: "BDT", Zone: "Asia/Dhaka", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy", Price: perKWh(10000)}},
		Charges: []FixedCharge{
			{Name: "rent", Amount: 40 * units.One, Due: DueFirstPurchase},
			{Name: "late", Amount: 31 * units.One, Due: DueFirstPurchase, Prorate: true},
			{Name: "month", Amount: 6 * units.One},
			{Name: "day", Amount: units.One, Due: DueDay},
		},
		Minimum: &Minimum{Name: "minimum", Amount: 200 * units.One},
		Rebate:  &Rebate{Name: "rebate", Rate: hundred / 100},
		Taxes:   []Tax{{Name: "VAT", Rate: 5 * hundred / 100, Except: []string{"rent", "late"}}},
	}}})
	// From 17 January to 19 May 2025: 15, 28, 31, 30 and 19 days.
	bill, acc := tar.BillWhole(Account{}, daily(t, tar, "2025-01-17", 123, kWh))
	want := map[string]string{
		"energy": "123.00", "day": "123.00", "month": "30.00",
		"rent": "200.00",
		"late": "139.00", // 15 of January's 31 days, then whole months
		// each month lacks 200 less 40, its part of late, 6 and twice its days:
		// 109, 67, 61, 63, 85
		"minimum": "385.00",
		// of what purchases must leave, 661 with VAT: 694.05 / 101
		"rebate": "-6.87",
	}
	for _, c := range bill.Components {
		if got := c.Amount.Decimal(2); got != want[c.Name] {
			t.Errorf("%s: %s, want %s", c.Name, got, want[c.Name])
		}
		delete(want, c.Name)
	}
	if len(want) > 0 {
		t.Errorf("not billed: %v", want)
	}
	if !acc.Months[len(acc.Months)-1].Closed {
		t.Error("May is not closed")
	}
	if len(bill.Warnings) != 3 { // two months are not whole, and nothing says the figures are in force
		t.Errorf("warnings: %q", bill.Warnings)
	}
	var days, months, periods units.Money
	for _, d := range bill.Days {
		days += d.Amount
	}
	for _, m := range bill.Months {
		months += m.Amount
	}
	for _, p := range bill.Periods {
		periods += p.Amount
	}
	if days != bill.Total || months != bill.Total || periods != bill.Total {
		t.Errorf("total %s, days %s, months %s, periods %s", bill.Total, days, months, periods)
	}
	if first := bill.Days[0].Day.String(); first != "2025-01-17" {
		t.Errorf("something is booked on %s, before the load begins", first)
	}
}

// TestWholeBillEndsWithItsLastDay: where the load ends within a day that day is
// charged, where it ends at midnight no other one is.
func TestWholeBillEndsWithItsLastDay(t *testing.T) {
	tar := mustNew(t, Document{Currency: "ZAR", Zone: "Africa/Johannesburg", Versions: []Version{{
		Energy:  []EnergyCharge{{Name: "energy"}},
		Charges: []FixedCharge{{Name: "day", Amount: units.One, Due: DueDay}, {Name: "month", Amount: 100 * units.One}},
	}}})
	for _, c := range []struct{ what, from, to, want string }{
		{"a week of local days", "2024-07-01T00:00:00+02:00", "2024-07-08T00:00:00+02:00", "107.000000"},
		{"a week of UTC days touches eight local ones", "2024-07-01T00:00:00Z", "2024-07-08T00:00:00Z", "108.000000"},
		{"a month", "2024-07-01T00:00:00+02:00", "2024-08-01T00:00:00+02:00", "131.000000"},
		{"into the next month", "2024-07-01T00:00:00+02:00", "2024-08-01T00:00:01+02:00", "232.000000"},
	} {
		bill, _ := tar.BillWhole(Account{}, []Reading{{From: at(t, c.from), To: at(t, c.to), Energy: kWh}})
		if got := bill.Total.String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// TestDemandIntervalsFollowTheLocalHour: in a zone a quarter of an hour off, an
// hour of 4 kW by the local clock is not spread over two.
func TestDemandIntervalsFollowTheLocalHour(t *testing.T) {
	tar := mustNew(t, Document{Currency: "NPR", Zone: "Asia/Kathmandu", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy"}},
		Demand: []DemandCharge{{Name: "demand", Price: units.One, Interval: time.Hour}},
	}}})
	start := at(t, "2024-07-01T08:00:00+05:45")
	bill, _ := tar.Bill(Account{}, []Reading{{From: start, To: start.Add(time.Hour), Energy: 4 * kWh}})
	if got := bill.Total.String(); got != "4.000000" {
		t.Errorf("demand %s, want 4 kW", got)
	}
}

// TestPowerFactorIsExact: on 20 000 even the sixth decimal of the factor shows.
func TestPowerFactorIsExact(t *testing.T) {
	_, total := month(t, Version{Factor: &PowerFactor{Name: "low", Threshold: 95 * hundred / 100, Step: hundred / 200, Surcharge: 2 * hundred / 100}},
		Reading{From: at(t, "2024-04-02T00:00:00Z"), To: at(t, "2024-04-02T01:00:00Z"), Energy: 20_000 * kWh, Reactive: 7_000 * kWh})
	// 20 / sqrt(449) = 0.943858356, 0.006141644 below; four times that of 20 000.
	if total != "20491.3315" {
		t.Errorf("%s, want 20491.3315", total)
	}
}
