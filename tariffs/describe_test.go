package tariffs

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// TestDescribe: every sort of component in words.
func TestDescribe(t *testing.T) {
	percent := func(n int64) Rate { return Rate(n) * hundred / 100 }
	tar := mustNew(t, Document{
		Currency: "EUR", Zone: "UTC", Contracted: 2 * units.Kilowatt,
		Calendar: Calendar{Seasons: []Season{{Name: "all year"}}, Periods: []Period{{Name: "night", Times: []Span{{From: 22 * 60, To: 6 * 60}}}, {Name: "day"}}},
		Versions: []Version{
			{Energy: []EnergyCharge{{Name: "old", Price: perKWh(100)}}},
			{
				From: DateOf(2024, time.July, 1), TaxIncluded: true,
				Classes: &Classes{List: []Class{{Name: "small", To: 30 * kWh}, {Name: "large"}}},
				Energy: []EnergyCharge{
					{Name: "night energy", Periods: []string{"night"}, Seasons: []string{"all year"}, Price: perKWh(15000), Pushed: true},
					{Name: "blocks", Classes: []string{"large"}, Steps: []Step{{To: 50 * kWh}, {To: 350 * kWh, Price: perKWh(20967)}, {Price: perKWh(24050)}}},
					{Name: "cliff", Whole: true, Per: PerDay, Steps: []Step{{To: kWh / 2, Price: perKWh(100)}, {Price: perKWh(200)}}},
				},
				Export: []EnergyCharge{{Name: "feed", Price: perKWh(8000)}},
				Charges: []FixedCharge{
					{Name: "standing", Amount: cents(123), Due: DueDay},
					{Name: "service", Amount: 70 * units.One, Prorate: true},
					{Name: "start", Amount: 5 * units.One, Due: DueMonthStart, Classes: []string{"small"}},
					{Name: "basic", Amount: 130 * units.One, PerKW: true, Due: DueFirstPurchase, SplitOver: 400 * units.One},
					{Name: "rent", Amount: 40 * units.One, Due: DueFirstPurchase, CatchUp: true, MaxMonths: 3},
					{Name: "fee", Amount: units.One, Share: percent(1), Due: DuePurchase},
				},
				Demand:   []DemandCharge{{Name: "peak", Price: 91 * units.One, Unit: KVA, Interval: 15 * time.Minute, Free: units.Kilowatt, AtLeast: 3 * units.Kilowatt, Ratchet: percent(70)}},
				Reactive: []Reactive{{Name: "kvarh", Price: perKWh(1900), Free: percent(30)}},
				Factor:   &PowerFactor{Name: "factor", Threshold: percent(95), Surcharge: percent(2)},
				Minimum:  &Minimum{Name: "least", Amount: 50 * units.One, On: []string{"blocks"}},
				Taxes:    []Tax{{Name: "levy", Rate: percent(3), On: []string{"blocks"}}, {Name: "VAT", Rate: percent(15), Except: []string{"feed"}, Over: []string{"levy"}}},
				Rebate:   &Rebate{Name: "back", Rate: hundred / 200},
				Debt:     &Debt{Name: "arrears", Share: percent(10), Cap: 5 * units.One, Per: PerWeek},
			},
		},
	})
	want := []string{
		"energy: night energy: 1.5 per kWh (season all year; period night; prices sent at run time take its place)",
		"energy: blocks: 0 per kWh up to 50 kWh a month, 2.0967 up to 350, 2.405 above (class large)",
		"energy: cliff: 0.01 per kWh up to 0.5 kWh a day, times the days of the month, 0.02 above, all of it at the price the month reaches",
		"export: feed: credit of 0.8 per kWh",
		"fixed: standing: 1.23 a day",
		"fixed: service: 70 a month, by days in a month begun late",
		"fixed: start: 5 at the month's start (class small)",
		"fixed: basic: 130 per contracted kW with the month's first purchase, in proportion until 400 are bought, forgiven with the month",
		"fixed: rent: 40 with the month's first purchase, past months caught up (at most 3)",
		"fixed: fee: 1 and 1 % of every purchase",
		"demand: peak: 91 per kVA of the month's highest mean over 15 minutes, 1 kVA free, at least 3 kVA, at least 70 % of the highest of the 11 months before",
		"reactive: kvarh: 0.19 per kvarh above 30 % of the kWh",
		"power_factor: factor: 2 % for each 1 % of power factor below 95 %",
		"minimum: least: 50 a month (of blocks)",
		"tax: levy: 3 % on blocks",
		"tax: VAT: 15 % on everything but export except feed (over levy)",
		"tax: the prices above hold the taxes",
		"rebate: back: 0.5 % of what is left of each purchase",
		"debt: arrears: 10 % of each purchase, at most 5 a week",
	}
	got := tar.Describe(DateOf(2024, time.July, 1))
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("line %d:\n got %q\nwant %q", i, slices.Concat(got, make([]string, len(want)))[i], slices.Concat(want, make([]string, len(got)))[i])
		}
	}
	if before := tar.Describe(DateOf(2024, time.June, 30)); len(before) != 1 || before[0] != "energy: old: 0.01 per kWh" {
		t.Errorf("the day before: %q", before)
	}
}

// TestBuyNowOrWaitComparesLikeHours: in the evening peak on a weekday the first
// of the month is a Sunday, with its cheap midnight; that is no reason to wait.
func TestBuyNowOrWaitComparesLikeHours(t *testing.T) {
	tar := mustNew(t, Document{Currency: "ZAR", Zone: "Africa/Johannesburg", Calendar: touCalendar(), Versions: []Version{{Energy: []EnergyCharge{
		{Name: "peak", Periods: []string{"peak"}, Price: perKWh(60000)},
		{Name: "else", Periods: []string{"standard", "off-peak"}, Price: perKWh(15000)},
		{Name: "blocks", Steps: []Step{{To: 100 * kWh}, {Price: perKWh(4000)}}},
	}}}})
	evening := at(t, "2024-08-28T18:00:00+02:00") // 1 September is a Sunday
	if a := tar.BuyNowOrWait(Account{}, evening, 60*units.One); a.Wait() || a.Now != a.Then || a.After != a.Price || !a.Reset.Equal(at(t, "2024-09-01T00:00:00+02:00")) {
		t.Errorf("%+v", a)
	}
	acc, _ := tar.Consume(Account{}, evening.Add(-time.Hour), evening, 200*kWh)
	if a := tar.BuyNowOrWait(acc, evening, 64*units.One); a.Now.String() != "10.000 kWh" || a.Then.String() != "10.667 kWh" || a.Price-a.After != perKWh(4000) {
		t.Errorf("with the blocks used up: %+v", a)
	}
}
