package tariffs

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// flat is a tariff with one price and a standing charge a day.
func flat(zone string) Document {
	return Document{Currency: "EUR", Zone: zone, Versions: []Version{{
		Energy:  []EnergyCharge{{Name: "energy", Price: perKWh(10000)}},
		Charges: []FixedCharge{{Name: "standing", Amount: cents(50), Due: DueDay}},
	}}}
}

func TestHolidaysAreObserved(t *testing.T) {
	cal := touCalendar()
	c := compileCalendar(&cal)
	for day, want := range map[Date]bool{
		DateOf(2021, 12, 24): false,
		DateOf(2021, 12, 25): true, // a Saturday
		DateOf(2021, 12, 26): true, // a Sunday
		DateOf(2021, 12, 27): true, // for Christmas
		DateOf(2021, 12, 28): true, // for Boxing Day
		DateOf(2021, 12, 29): false,
		DateOf(2022, 12, 25): true, // a Sunday
		DateOf(2022, 12, 26): true, // Boxing Day itself
		DateOf(2022, 12, 27): true, // for Christmas
		DateOf(2022, 12, 28): false,
		DateOf(2022, 1, 3):   true, // New Year fell on a Saturday
		DateOf(2022, 1, 4):   false,
		DateOf(2024, 3, 29):  true, // Good Friday
		DateOf(2024, 5, 6):   true, // first Monday of May
		DateOf(2024, 5, 13):  false,
	} {
		if got := c.holidayOn(day) >= 0; got != want {
			t.Errorf("%s: holiday %t, want %t", day, got, want)
		}
	}
}

// TestDaysOf23And25Hours: a kilowatt all day, half-hour readings.
func TestDaysOf23And25Hours(t *testing.T) {
	for _, c := range []struct {
		what, zone string
		day        Date
		hours      int64
	}{
		{"London, clocks forward", "Europe/London", DateOf(2024, 3, 31), 23},
		{"London, clocks back", "Europe/London", DateOf(2024, 10, 27), 25},
		{"Beirut has no midnight", "Asia/Beirut", DateOf(2024, 3, 31), 23},
		{"Havana has midnight twice", "America/Havana", DateOf(2024, 11, 3), 25},
		{"Johannesburg never", "Africa/Johannesburg", DateOf(2024, 3, 31), 24},
		{"leap day", "Africa/Nairobi", DateOf(2024, 2, 29), 24},
	} {
		t.Run(c.what, func(t *testing.T) {
			tar := mustNew(t, flat(c.zone))
			from, to := c.day.Start(tar.loc), (c.day + 1).Start(tar.loc)
			var load []Reading
			for at := from; at.Before(to); at = at.Add(30 * time.Minute) {
				load = append(load, Reading{From: at, To: at.Add(30 * time.Minute), Energy: kWh / 2})
			}
			bill, _ := tar.Bill(Account{}, load)
			if want := units.Money(c.hours)*units.One + cents(50); bill.Total != want || bill.Import != units.Energy(c.hours)*kWh {
				t.Errorf("%s for %s, want %s for %d h", bill.Total, bill.Import, want, c.hours)
			}
			if len(bill.Days) != 1 || bill.Days[0].Day != c.day {
				t.Errorf("days %v", bill.Days)
			}
		})
	}
}

// TestPeriodsFollowTheClockOnTheWall: on the day the clocks go forward the
// morning peak still begins at six by the clock, and the night is an hour less.
func TestPeriodsFollowTheClockOnTheWall(t *testing.T) {
	doc := flat("Europe/London")
	doc.Calendar.Periods = []Period{{Name: "night", Times: []Span{{From: 22 * 60, To: 6 * 60}}}, {Name: "day"}}
	tar := mustNew(t, doc)
	for _, c := range []struct{ from, next string }{
		{"2024-03-30T22:00:00Z", "2024-03-31T05:00:00Z"}, // 06:00 BST: seven hours
		{"2024-10-26T21:00:00Z", "2024-10-27T06:00:00Z"}, // 06:00 GMT: nine hours
		{"2024-06-10T21:00:00Z", "2024-06-11T05:00:00Z"},
	} {
		if got := tar.NextChange(at(t, c.from)); !got.Equal(at(t, c.next)) {
			t.Errorf("after %s: %s, want %s", c.from, got, c.next)
		}
	}
	_, items := tar.Consume(Account{}, at(t, "2024-03-30T20:00:00Z"), at(t, "2024-03-31T08:00:00Z"), 12*kWh)
	var night units.Energy
	for _, i := range items {
		if i.Period == "night" {
			night += i.Energy
		}
	}
	if night != 7*kWh {
		t.Errorf("night %s, want 7 h of 1 kW", night)
	}
}

func TestMonthBeginsOnItsResetDay(t *testing.T) {
	for _, c := range []struct {
		reset      int
		day        Date
		start, end Date
	}{
		{1, DateOf(2024, 2, 29), DateOf(2024, 2, 1), DateOf(2024, 3, 1)},
		{15, DateOf(2024, 1, 3), DateOf(2023, 12, 15), DateOf(2024, 1, 15)},
		{31, DateOf(2024, 2, 28), DateOf(2024, 1, 31), DateOf(2024, 2, 29)},
		{31, DateOf(2024, 2, 29), DateOf(2024, 2, 29), DateOf(2024, 3, 31)},
		{30, DateOf(2023, 2, 28), DateOf(2023, 2, 28), DateOf(2023, 3, 30)},
		{29, DateOf(2023, 3, 1), DateOf(2023, 2, 28), DateOf(2023, 3, 29)},
		{1, DateOf(2024, 12, 31), DateOf(2024, 12, 1), DateOf(2025, 1, 1)},
	} {
		if s, e := (cycle{c.reset, 1, 1}).at(c.day); s != c.start || e != c.end {
			t.Errorf("reset %d, %s: %s to %s, want %s to %s", c.reset, c.day, s, e, c.start, c.end)
		}
	}
}

// TestChangeOfTariffInMidMonth: prices from the 16th; the blocks go on counting
// and the month's charge is divided by days.
func TestChangeOfTariffInMidMonth(t *testing.T) {
	steps := func(a, b int64) []EnergyCharge {
		return []EnergyCharge{{Name: "energy", Steps: []Step{{To: 100 * kWh, Price: perKWh(a)}, {Price: perKWh(b)}}}}
	}
	tar := mustNew(t, Document{Currency: "EUR", Zone: "Africa/Nairobi", Versions: []Version{
		{Energy: steps(10000, 20000), Charges: []FixedCharge{{Name: "service", Amount: cents(3000)}}},
		{From: DateOf(2024, 4, 16), Energy: steps(30000, 50000), Charges: []FixedCharge{{Name: "service", Amount: cents(6000)}}},
	}})
	from, to := DateOf(2024, 4, 1).Start(tar.loc), DateOf(2024, 5, 1).Start(tar.loc)
	// 240 kWh evenly: 120 before the 16th (100 x 1 + 20 x 2), 120 after, all above the block (x 5).
	acc, items := tar.Consume(Account{}, from, to, 240*kWh)
	if got, want := Sum(items), (140+600)*units.One; got != want {
		t.Errorf("energy %s, want %s", got, want)
	}
	_, items = tar.Elapse(acc, from, to)
	if got, want := Sum(items), cents(1500+3000); got != want {
		t.Errorf("service %s, want %s: half a month of each", got, want)
	}
	// The second half alone begins in the lower block.
	_, items = tar.Consume(Account{}, DateOf(2024, 4, 16).Start(tar.loc), to, 120*kWh)
	if got, want := Sum(items), (300+100)*units.One; got != want {
		t.Errorf("second half alone %s, want %s", got, want)
	}
}

// TestChangeOfZoneByConfiguration: the account names days, not instants, so a
// site whose zone is corrected goes on in the same month with the same blocks,
// and no day is charged twice or left out.
func TestChangeOfZoneByConfiguration(t *testing.T) {
	before, after := mustNew(t, flat("UTC")), mustNew(t, flat("Asia/Kathmandu"))
	mid := at(t, "2024-06-15T20:00:00Z") // 01:45 of the 16th in Kathmandu
	acc, a := before.Elapse(Account{}, at(t, "2024-06-01T00:00:00Z"), mid)
	acc, _ = before.Consume(acc, mid.Add(-time.Hour), mid, 30*kWh)
	acc, b := after.Elapse(acc, mid, at(t, "2024-06-30T18:15:00Z"))
	acc, _ = after.Consume(acc, mid, mid.Add(time.Hour), 5*kWh)
	if len(acc.Months) != 1 || acc.MonthToDate() != 35*kWh {
		t.Errorf("months %+v", acc.Months)
	}
	if days := len(a) + len(b); days != 29 { // 14 of UTC to the 14th; 16th to 30th of Kathmandu
		t.Errorf("%d days charged", days)
	}
	// A clock that is taken back over the month's edge leaves the month as it is.
	back := mustNew(t, flat("America/Havana"))
	acc, _ = back.Consume(acc, at(t, "2024-06-01T02:00:00Z"), at(t, "2024-06-01T03:00:00Z"), kWh)
	if len(acc.Months) != 1 || acc.MonthToDate() != 36*kWh {
		t.Errorf("after the clock went back: %+v", acc.Months)
	}
}

func TestMonthWithoutReadingsStillFallsDue(t *testing.T) {
	doc := flat("UTC")
	doc.Versions[0].Charges = append(doc.Versions[0].Charges, FixedCharge{Name: "service", Amount: cents(1000)})
	tar := mustNew(t, doc)
	acc, items := tar.Elapse(Account{}, at(t, "2024-01-01T00:00:00Z"), at(t, "2025-01-01T00:00:00Z"))
	if got, want := Sum(items), cents(366*50+12*1000); got != want {
		t.Errorf("a leap year: %s, want %s", got, want)
	}
	if len(acc.Months) > 2 || len(acc.Past) < 10 {
		t.Errorf("%d months open, %d past", len(acc.Months), len(acc.Past))
	}
	// The same when a reading far on comes first: nothing of the gap is lost.
	acc, x := tar.Consume(Account{}, at(t, "2024-01-01T00:00:00Z"), at(t, "2024-01-01T01:00:00Z"), kWh)
	acc, y := tar.Consume(acc, at(t, "2024-12-31T00:00:00Z"), at(t, "2024-12-31T01:00:00Z"), kWh)
	_, z := tar.Elapse(acc, at(t, "2024-01-01T00:00:00Z"), at(t, "2025-01-01T00:00:00Z"))
	if got, want := Sum(x)+Sum(y)+Sum(z), cents(366*50+12*1000+200); got != want {
		t.Errorf("after a gap: %s, want %s", got, want)
	}
}
