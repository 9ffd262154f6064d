package tariffs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// use settles one reading after another with what falls due, and returns what all of it
// comes to; the account goes on.
func use(tar *Tariff, acc *Account, load ...Reading) (sum units.Money) {
	for _, r := range load {
		var items []Item
		*acc, items = tar.ConsumeReading(*acc, r)
		sum += Sum(items)
		*acc, items = tar.Elapse(*acc, r.From, r.To)
		sum += Sum(items)
	}
	return sum
}

// steady is so much used evenly from one local time to another.
func steady(t *testing.T, tar *Tariff, from, to string, e units.Energy) Reading {
	t.Helper()
	at := func(s string) time.Time {
		x, err := time.ParseInLocation("2006-01-02T15:04", s, tar.Location())
		if err != nil {
			t.Fatal(err)
		}
		return x.UTC()
	}
	return Reading{From: at(from), To: at(to), Energy: e}
}

// TestAHomeIsProtectedWhileEachOfItsMonthsIsBelowTheLimit: the published rates of 2025/26 of
// Pakistan; one month of 201 kWh among the last six costs the protection.
func TestAHomeIsProtectedWhileEachOfItsMonthsIsBelowTheLimit(t *testing.T) {
	doc := Document{Currency: "PKR", Zone: "Asia/Karachi", Versions: []Version{{
		Classes: &Classes{By: ByPastMaximum, Months: 6, Initial: "unprotected", List: []Class{{Name: "protected", To: 200 * kWh}, {Name: "unprotected"}}},
		Energy: []EnergyCharge{
			{Name: "protected", Classes: []string{"protected"}, Steps: []Step{{To: 100 * kWh, Price: 10_540_000}, {Price: 13_010_000}}},
			{Name: "unprotected", Classes: []string{"unprotected"}, Steps: []Step{{To: 100 * kWh, Price: 22_440_000}, {To: 200 * kWh, Price: 28_910_000}, {Price: 33_100_000}}},
		},
	}}}
	for _, c := range []struct {
		what  string
		this  bool
		month []int64
		last  string // what the last month comes to
	}{
		{"one of six months above", false, []int64{150, 150, 150, 150, 150, 201, 180}, "4556.80"},
		{"six months below", false, []int64{150, 150, 150, 150, 150, 150, 180}, "2094.80"},
		{"the month above is more than six ago", false, []int64{201, 150, 150, 150, 150, 150, 150, 180}, "2094.80"},
		{"fewer than six months are known", false, []int64{150, 150, 150, 180}, "4556.80"},
		{"protected, and this month is above", false, []int64{150, 150, 150, 150, 150, 150, 201}, "2368.01"},
		{"the same where this month counts too", true, []int64{150, 150, 150, 150, 150, 150, 201}, "5168.10"},
	} {
		doc.Versions[0].Classes.ThisMonth = c.this
		tar := mustNew(t, doc)
		var acc Account
		var last units.Money
		for i, n := range c.month {
			from := DateOf(2025, time.January+time.Month(i), 1)
			to := DateOf(2025, time.January+time.Month(i)+1, 1)
			last = use(tar, &acc, Reading{From: from.Start(tar.loc), To: to.Start(tar.loc), Energy: units.Energy(n) * kWh})
		}
		if got := last.Decimal(2); got != c.last {
			t.Errorf("%s: %s, want %s", c.what, got, c.last)
		}
	}
}

func TestACreditFromAThousandKWhOn(t *testing.T) {
	tar := mustNew(t, Document{Currency: "USD", Zone: "America/Chicago", Versions: []Version{{
		Classes: &Classes{List: []Class{{Name: "less", To: 999*kWh + 999*units.WattHour}, {Name: "enough"}}},
		Energy:  []EnergyCharge{{Name: "energy", Price: 140_000}},
		Charges: []FixedCharge{{Name: "usage credit", Classes: []string{"enough"}, Amount: -100 * units.One}, {Name: "meter", Amount: cents(423)}},
	}}})
	for _, c := range []struct {
		kWh  units.Energy
		want string
	}{{999, "144.09"}, {1000, "44.23"}, {2000, "184.23"}} {
		var acc Account
		if got := use(tar, &acc, steady(t, tar, "2026-05-01T00:00", "2026-06-01T00:00", c.kWh*kWh)).Decimal(2); got != c.want {
			t.Errorf("%d kWh cost %s, want %s", c.kWh, got, c.want)
		}
	}
}

func allowance(reset Per) Document {
	var window Span
	_, _ = window.From.SetText("11:00"), window.To.SetText("02:00")
	return Document{
		Currency: "AUD", Zone: "Australia/Sydney", Calendar: Calendar{Periods: []Period{{Name: "free", Times: []Span{window}}, {Name: "other"}}},
		Versions: []Version{{TaxIncluded: true, Energy: []EnergyCharge{
			{Name: "window", Periods: []string{"free"}, Per: PerDay, Reset: reset, Steps: []Step{{To: 24 * kWh}, {Price: 350_000}}},
			{Name: "rest", Periods: []string{"other"}, Price: 400_000},
		}}},
	}
}

// TestAnAllowanceOfTheDayIsGoneWithTheDay: 24 kWh a day are free between 11:00 and 02:00.
func TestAnAllowanceOfTheDayIsGoneWithTheDay(t *testing.T) {
	for _, c := range []struct {
		what       string
		reset      Per
		days       []units.Energy // of each, from noon to six
		want, next string         // what it comes to, and the price then
	}{
		{"48 kWh on one day and none on the next", "", []units.Energy{48, 0}, "8.40", "0.000000"},
		{"24 kWh on each", "", []units.Energy{24, 24}, "0.00", "0.000000"},
		{"a day that is used up", "", []units.Energy{0, 30}, "2.10", "0.000000"},
		{"kept for the month where the document says so", PerMonth, []units.Energy{48, 0}, "0.00", "0.000000"},
	} {
		tar := mustNew(t, allowance(c.reset))
		var acc Account
		var sum units.Money
		for i, e := range c.days {
			day := fmt.Sprintf("2026-03-%02d", 10+i)
			sum += use(tar, &acc, steady(t, tar, day+"T12:00", day+"T18:00", e*kWh), steady(t, tar, day+"T18:00", fmt.Sprintf("2026-03-%02dT12:00", 11+i), 0))
		}
		if got := sum.Decimal(2); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
		if next, _ := tar.PriceAt(acc, steady(t, tar, "2026-03-12T12:00", "2026-03-12T13:00", 0).From); next.String() != c.next {
			t.Errorf("%s: the next kWh costs %s, want %s", c.what, next, c.next)
		}
	}
	// On the day itself the next kWh is not free any more, and the table says for how long.
	tar := mustNew(t, allowance(""))
	var acc Account
	_ = use(tar, &acc, steady(t, tar, "2026-03-10T11:00", "2026-03-10T13:00", 24*kWh))
	now := steady(t, tar, "2026-03-10T13:00", "2026-03-10T14:00", 0).From
	if p, _ := tar.PriceAt(acc, now); p != 350_000 {
		t.Errorf("after 24 kWh the next one costs %s", p)
	}
	tab := tar.Table(acc, units.Slots(now, time.Hour, 36), nil)
	if tab.Import[0] != 350_000 || tab.Import[12] != 0 || len(tab.Ladders) != 2 || tab.Ladders[0].First != 11 || tab.Ladders[0].Rungs[0].At != 24*kWh {
		t.Errorf("%v, %+v", tab.Import, tab.Ladders)
	}
}

// TestLimitsPerDayOverTwoSeasons: the baseline of each season counts on its own days of
// the billing month: 17 of winter, 14 of summer.
func TestLimitsPerDayOverTwoSeasons(t *testing.T) {
	tar := mustNew(t, Document{
		Currency: "USD", Zone: "America/Los_Angeles", ResetDay: 15,
		Calendar: Calendar{Seasons: []Season{{Name: "summer", From: MonthDay{6, 1}, To: MonthDay{9, 30}}, {Name: "winter"}}},
		Versions: []Version{{Energy: []EnergyCharge{
			{Name: "energy", Price: 0},
			{Name: "credit summer", Seasons: []string{"summer"}, Per: PerDay, Steps: []Step{{To: 9800 * units.WattHour, Price: -100_000}, {}}},
			{Name: "credit winter", Seasons: []string{"winter"}, Per: PerDay, Steps: []Step{{To: 9700 * units.WattHour, Price: -100_000}, {}}},
		}}},
	})
	var acc Account
	if got := use(tar, &acc, steady(t, tar, "2026-05-15T00:00", "2026-06-15T00:00", 900*kWh)).Decimal(2); got != "-30.21" {
		t.Errorf("the credit comes to %s, want -30.21", got)
	}
}

func TestBlocksOfTwoMonths(t *testing.T) {
	tar := mustNew(t, Document{Currency: "INR", Zone: "Asia/Kolkata", ResetMonths: 2, ResetMonth: 2, Versions: []Version{{
		Energy:  []EnergyCharge{{Name: "energy", Steps: []Step{{To: 100 * kWh}, {Price: 2_350_000}}}},
		Charges: []FixedCharge{{Name: "fixed", Amount: 30 * units.One}},
	}}})
	var acc Account
	// February and March are one bill, April begins another.
	sum := use(tar, &acc, steady(t, tar, "2026-02-01T00:00", "2026-03-01T00:00", 80*kWh), steady(t, tar, "2026-03-01T00:00", "2026-04-01T00:00", 80*kWh))
	if got := sum.Decimal(2); got != "171.00" {
		t.Errorf("two months of 80 kWh: %s, want 60 x 2.35 and 30", got)
	}
	if sum = use(tar, &acc, steady(t, tar, "2026-04-01T00:00", "2026-05-01T00:00", 80*kWh)); sum != 0 {
		t.Errorf("the first month of the next bill: %s", sum)
	}
	for _, c := range []struct {
		months, first int
		day           Date
		start, end    Date
	}{
		{2, 1, DateOf(2026, 3, 1), DateOf(2026, 3, 1), DateOf(2026, 5, 1)},
		{2, 2, DateOf(2026, 1, 31), DateOf(2025, 12, 1), DateOf(2026, 2, 1)},
		{3, 2, DateOf(2026, 1, 5), DateOf(2025, 11, 1), DateOf(2026, 2, 1)},
		{6, 7, DateOf(2026, 12, 31), DateOf(2026, 7, 1), DateOf(2027, 1, 1)},
		{12, 4, DateOf(2026, 3, 31), DateOf(2025, 4, 1), DateOf(2026, 4, 1)},
	} {
		if s, e := (cycle{1, c.months, c.first}).at(c.day); s != c.start || e != c.end {
			t.Errorf("%d months from %d, %s: %s to %s, want %s to %s", c.months, c.first, c.day, s, e, c.start, c.end)
		}
	}
}

func TestEveryKindOfDemandByHand(t *testing.T) {
	hour := func(day, hour int, kW int64) Reading {
		from := time.Date(2026, 4, day, hour, 0, 0, 0, time.UTC)
		return Reading{From: from, To: from.Add(time.Hour), Energy: units.Energy(kW) * kWh}
	}
	rest := Reading{From: time.Date(2026, 4, 30, 23, 0, 0, 0, time.UTC), To: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	stairs := []DemandStep{{2 * units.Kilowatt, 210 * units.One}, {5 * units.Kilowatt, 290 * units.One}, {10 * units.Kilowatt, 370 * units.One}}
	for _, c := range []struct {
		what string
		d    DemandCharge
		load []Reading
		want string
	}{
		{"the mean of the three highest days, by steps", DemandCharge{MeanOf: 3, Steps: stairs}, []Reading{hour(1, 8, 4), hour(1, 18, 4), hour(2, 8, 3), hour(3, 8, 2), hour(4, 8, 1)}, "290.00"},
		{"two highest hours of one day count once", DemandCharge{MeanOf: 3, Price: 3 * units.One}, []Reading{hour(1, 8, 9), hour(1, 18, 9), hour(2, 8, 3), hour(3, 8, 3)}, "15.00"},
		{"a month with two days has a mean of two", DemandCharge{MeanOf: 3, Price: 3 * units.One}, []Reading{hour(1, 8, 4), hour(2, 8, 2)}, "9.00"},
		{"nothing is used: the first step", DemandCharge{MeanOf: 3, Steps: stairs}, nil, "210.00"},
		{"above the last step that is known", DemandCharge{Steps: stairs}, []Reading{hour(1, 8, 20)}, "370.00"},
		{"each kW at its own step's price", DemandCharge{EachKW: true, Steps: []DemandStep{{4 * units.Kilowatt, units.One}, {Price: 2 * units.One}}}, []Reading{hour(1, 8, 6)}, "8.00"},
		{"a price per kW and day", DemandCharge{Price: cents(50), Per: PerDay}, []Reading{hour(1, 8, 4)}, "60.00"},
		{"at most so much for each kWh", DemandCharge{Price: 10 * units.One, MostPerKWh: 500_000}, []Reading{hour(1, 8, 6), hour(2, 8, 2)}, "4.00"},
		{"the same where the kWh let it be whole", DemandCharge{Price: 1 * units.One, MostPerKWh: 9_000_000}, []Reading{hour(1, 8, 6), hour(2, 8, 2)}, "6.00"},
	} {
		c.d.Name, c.d.Interval = "demand", time.Hour
		tar := mustNew(t, Document{Currency: "EUR", Zone: "UTC", Versions: []Version{{Energy: []EnergyCharge{{Name: "energy"}}, Demand: []DemandCharge{c.d}}}})
		var acc Account
		if got := use(tar, &acc, append(c.load, rest)...).Decimal(2); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// TestTheMeanOfTwelveMonthsEachAtItsLeast: eleven months of less than 2.5 kW and one of 8.5 average 3 kW.
func TestTheMeanOfTwelveMonthsEachAtItsLeast(t *testing.T) {
	tar := mustNew(t, Document{Currency: "EUR", Zone: "Europe/Brussels", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy"}},
		Demand: []DemandCharge{{Name: "capacity", Price: 4 * units.One, Interval: 15 * time.Minute, AtLeast: units.Kilowatt * 5 / 2, MeanMonths: 12}},
	}}})
	var acc Account
	var last units.Money
	for i := range 13 {
		peak := units.KilowattHour / 4 // 1 kW over a quarter of an hour
		if i == 11 {
			peak = kWh * 85 / 40
		}
		from, to := DateOf(2025, time.January+time.Month(i), 1).Start(tar.loc), DateOf(2025, time.February+time.Month(i), 1).Start(tar.loc)
		last = use(tar, &acc, Reading{From: from, To: from.Add(15 * time.Minute), Energy: peak}, Reading{From: from.Add(15 * time.Minute), To: to})
		want := "10.00"
		if i >= 11 {
			want = "12.00"
		}
		if got := last.Decimal(2); got != want {
			t.Errorf("month %d: %s, want %s", i+1, got, want)
		}
	}
}

// TestTwoContractedPowers: Spain's peak and valley have a power term each.
func TestTwoContractedPowers(t *testing.T) {
	tar := mustNew(t, Document{Currency: "EUR", Zone: "Europe/Madrid", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy"}},
		Charges: []FixedCharge{
			{Name: "P1", Amount: 80_000, PerKW: true, KW: 3 * units.Kilowatt, Due: DueDay},
			{Name: "P2", Amount: 10_000, PerKW: true, KW: 5 * units.Kilowatt, Due: DueDay},
		},
	}}})
	var acc Account
	if got := use(tar, &acc, steady(t, tar, "2026-04-01T00:00", "2026-04-11T00:00", kWh)).Decimal(2); got != "2.90" {
		t.Errorf("ten days come to %s, want 2.90", got)
	}
}

// TestTheTableOfADaysPeakAmongThree: what a kW of today costs is a third of the price, and
// nothing until it is more than what today, or the third highest day, has been.
func TestTheTableOfADaysPeakAmongThree(t *testing.T) {
	tar := mustNew(t, Document{Currency: "NOK", Zone: "UTC", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy"}}, Demand: []DemandCharge{{Name: "peak", Price: 30 * units.One, Interval: time.Hour, MeanOf: 3}},
	}}})
	for _, c := range []struct {
		what    string
		days    []int64 // kW of the days before and of today, the last
		highest int64
	}{
		{"three higher days", []int64{5, 4, 3, 1}, 3},
		{"today is among them", []int64{5, 4, 3, 4}, 4},
		{"there are only two", []int64{5, 4, 1}, 1},
	} {
		var acc Account
		var now time.Time
		for i, kW := range c.days {
			from := time.Date(2026, 4, 1+i, 8, 0, 0, 0, time.UTC)
			_ = use(tar, &acc, Reading{From: from, To: from.Add(time.Hour), Energy: units.Energy(kW) * kWh}, Reading{From: from.Add(time.Hour), To: from.Add(4 * time.Hour)})
			now = from.Add(4 * time.Hour)
		}
		slots := units.Slots(now, time.Hour, 6)
		tab := tar.Table(acc, slots, nil)
		if len(tab.Demands) != 1 || tab.Demands[0].Price != 10*units.One || tab.Demands[0].Highest != units.Power(c.highest)*units.Kilowatt {
			t.Errorf("%s: %+v", c.what, tab.Demands)
			continue
		}
		// The table is the ledger's.
		for kW := int64(1); kW < 8; kW++ {
			used := make([]units.Energy, 6)
			used[2] = units.Energy(kW) * kWh
			want := tar.Cost(acc, slots, used)
			if got := units.Money(max(0, kW-c.highest)) * 10 * units.One; got-want > 20 || want-got > 20 { // the mean is of whole milliwatts
				t.Errorf("%s: %d kW cost %s, the table says %s", c.what, kW, want, got)
			}
		}
	}
}

func TestFaultsOfTheNewWords(t *testing.T) {
	for _, c := range []struct {
		want string
		set  func(*Version, *Document)
	}{
		{"reset", func(v *Version, _ *Document) { v.Energy[0].Reset = PerDay }},
		{"whole_month", func(v *Version, _ *Document) {
			v.Energy[0] = EnergyCharge{Name: "energy", Per: PerDay, Reset: PerDay, Whole: true, Steps: []Step{{To: kWh}, {}}}
		}},
		{"reset_months", func(_ *Version, d *Document) { d.ResetMonths = 5 }},
		{"amount", func(v *Version, _ *Document) {
			v.Charges = []FixedCharge{{Name: "c", Amount: -1, Due: DueFirstPurchase}}
		}},
		{"contracted", func(v *Version, _ *Document) { v.Charges = []FixedCharge{{Name: "c", KW: units.Kilowatt}} }},
		{"each_kw", func(v *Version, _ *Document) { v.Demand = []DemandCharge{{Name: "d", Price: 1, EachKW: true}} }},
		{"steps[1].to", func(v *Version, _ *Document) {
			v.Demand = []DemandCharge{{Name: "d", Steps: []DemandStep{{To: units.Kilowatt}, {To: units.Kilowatt}}}}
		}},
		{"mean_of", func(v *Version, _ *Document) { v.Demand = []DemandCharge{{Name: "d", MeanOf: 40}} }},
		{"average_months", func(v *Version, _ *Document) { v.Demand = []DemandCharge{{Name: "d", MeanMonths: 40}} }},
		{"initial", func(v *Version, _ *Document) {
			v.Classes = &Classes{By: ByPastMaximum, List: []Class{{Name: "a", To: kWh}, {Name: "b"}}}
		}},
	} {
		d := Document{Currency: "EUR", Zone: "UTC", Versions: []Version{{Energy: []EnergyCharge{{Name: "energy"}}}}}
		c.set(&d.Versions[0], &d)
		faults := d.Check()
		if len(faults) != 1 || !strings.Contains(faults[0].Path, c.want) {
			t.Errorf("%s: %v", c.want, faults)
		}
	}
}
