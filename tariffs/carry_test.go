package tariffs

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/keeplit/keeplit/internal/units"
	"pgregory.net/rapid"
)

// pilesUp is 50 kWh a month free, what is left carried over for some months and to some
// amount, 2.123457 above.
func pilesUp(zone string, months int, most units.Energy) Document {
	return Document{Currency: "ZAR", Zone: zone, Versions: []Version{{
		Energy: []EnergyCharge{{
			Name: "free basic", Steps: []Step{{To: 50 * kWh}, {Price: 2_123_457}}, CarryOver: true, CarryOverMonths: months, CarryOverMost: most,
		}},
		Charges: []FixedCharge{{Name: "meter", Amount: 10_000_001}},
	}}}
}

// back is an account as it comes back from storage.
func back(t interface{ Fatal(...any) }, acc Account) Account {
	text, err := json.Marshal(acc)
	if err != nil {
		t.Fatal(err)
	}
	var out Account
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestWhatAMonthLeavesIsFreeLater: by hand, to the millionth, by month; 10.000001 of each is
// the meter.
func TestWhatAMonthLeavesIsFreeLater(t *testing.T) {
	for _, c := range []struct {
		what   string
		months int
		most   units.Energy
		use    []float64 // kWh of each month from January on
		want   string    // what each comes to
		left   float64   // found by the month after the last one
	}{
		{"nothing is left", 0, 0, []float64{50, 60}, "10.000001 31.234571", 0},
		// 20 left, then 50+20-65 = 5, then 55+... : 50+5-60 = -5: 5 x 2.123457.
		{"what is left is used up", 0, 0, []float64{30, 65, 60}, "10.000001 10.000001 20.617286", 0},
		{"for ever", 0, 0, []float64{0, 0, 0, 0, 260}, "10.000001 10.000001 10.000001 10.000001 31.234571", 0},
		// Of January's 50 nothing is left in March: 50 of February and 50 of its own.
		{"for one month", 1, 0, []float64{0, 0, 110}, "10.000001 10.000001 31.234571", 0},
		{"the oldest is used first", 2, 0, []float64{0, 60, 10, 10}, "10.000001 10.000001 10.000001 10.000001", 50 + 50}, // 20 of February lapse with April
		{"at most 30 kWh", 0, 30 * kWh, []float64{0, 0, 90}, "10.000001 10.000001 31.234571", 0},
		// 50 of January, 40 of February: 30 of the two, the newest.
		{"of what is too much the oldest lapses", 1, 30 * kWh, []float64{0, 10, 0}, "10.000001 10.000001 10.000001", 30},
		{"a Wh is a Wh", 0, 0, []float64{49.999, 50.002}, "10.000001 10.002124", 0}, // 0.001 x 2.123457 = 0.002123457
	} {
		t.Run(c.what, func(t *testing.T) {
			tar := mustNew(t, pilesUp("Africa/Johannesburg", c.months, c.most))
			var acc Account
			var got []string
			end := DateOf(2026, 1, 1).Start(tar.loc)
			for i, x := range c.use {
				from := end
				end = DateOf(2026, time.January+time.Month(i)+1, 1).Start(tar.loc)
				got = append(got, use(tar, &acc, Reading{From: from, To: end, Energy: units.FromKWh(x)}).String())
				acc = back(t, acc)
			}
			if g := strings.Join(got, " "); g != c.want {
				t.Errorf("%s, want %s", g, c.want)
			}
			left, _ := tar.CarriedOver(acc, end)
			if left != units.FromKWh(c.left) {
				t.Errorf("the next month finds %s, want %g kWh", left, c.left)
			}
			// The first kWh beyond what is free is the first that costs.
			free := 50*kWh + left
			at := end.Add(time.Hour)
			acc, _ = tar.Consume(acc, end, at, free-1)
			if p, _ := tar.PriceAt(acc, at); p != 0 {
				t.Errorf("before %s of the month are used the next kWh costs %s", free, p)
			}
			acc, _ = tar.Consume(acc, at, at, 1)
			if p, _ := tar.PriceAt(acc, at); p != 2_123_457 {
				t.Errorf("after it %s", p)
			}
		})
	}
}

// A month that ends on a day of 23 or 25 hours, and months that went by without power, leave
// the same as any other: all at once after the outage, or day by day.
func TestWhatPilesUpOverChangesOfTheClockAndOutages(t *testing.T) {
	for _, c := range []struct {
		zone     string
		reset    int
		from, to Date // of use, and of the return
	}{
		{"Europe/London", 31, DateOf(2024, 1, 10), DateOf(2024, 6, 3)},     // the bill begins on 31 March, the day of 23 hours
		{"Europe/London", 27, DateOf(2024, 7, 1), DateOf(2025, 1, 2)},      // and on 27 October, the day of 25
		{"America/Havana", 1, DateOf(2024, 2, 20), DateOf(2024, 12, 25)},   // its midnight is the hour that is gone
		{"Australia/Lord_Howe", 7, DateOf(2024, 3, 1), DateOf(2026, 5, 9)}, // half an hour; more than two years
	} {
		doc := pilesUp(c.zone, 0, 0)
		doc.ResetDay = c.reset
		tar := mustNew(t, doc)
		from, to := c.from.Start(tar.loc), c.to.Start(tar.loc)
		start := func() Account {
			acc, _ := tar.Consume(Account{}, from, from.Add(time.Hour), 20*kWh)
			return acc
		}
		months := 0
		for at := from; tar.MonthEnd(at).Compare(to) <= 0; at = tar.MonthEnd(at) {
			months++
		}
		want := units.Energy(months)*50*kWh - 20*kWh
		daily := start()
		for at := from; at.Before(to); {
			next := units.NextLocalMidnight(at, tar.loc)
			daily, _ = tar.Elapse(daily, at, next)
			daily, at = back(t, daily), next
		}
		once, _ := tar.Elapse(start(), from, to)
		skipped := start() // nobody let the time elapse
		for name, acc := range map[string]Account{"day by day": daily, "at once": once, "never": skipped} {
			if got, _ := tar.CarriedOver(acc, to); got != want {
				t.Errorf("%s, %s: %d months leave %s, want %s", c.zone, name, months, got, want)
			}
			after, items := tar.Consume(acc, to, to.Add(time.Hour), want+50*kWh+kWh)
			if got := Sum(items); got < 2_123_457 || name != "never" && got != 2_123_457 {
				t.Errorf("%s, %s: the kWh above comes to %s", c.zone, name, got)
			}
			if got, _ := tar.CarriedOver(after, to); got != 0 {
				t.Errorf("%s, %s: all is used and %s is left", c.zone, name, got)
			}
		}
	}
}

// A reading of last month that comes late takes from what this month found, and what was
// free in it is charged now.
func TestALateReadingTakesFromWhatWasCarriedOver(t *testing.T) {
	tar := mustNew(t, pilesUp("UTC", 0, 0))
	jan, feb := DateOf(2026, 1, 20).Start(tar.loc), DateOf(2026, 2, 10).Start(tar.loc)
	acc, _ := tar.Consume(Account{}, jan, jan.Add(time.Hour), 10*kWh)
	acc, items := tar.Consume(acc, feb, feb.Add(time.Hour), 85*kWh)
	if got := Sum(items); got != 0 {
		t.Errorf("85 of 90 kWh come to %s", got)
	}
	acc, items = tar.Consume(acc, jan.Add(time.Hour), jan.Add(2*time.Hour), 15*kWh)
	if got := Sum(items); got != 21_234_570 {
		t.Errorf("15 kWh late leave 75 of 85, which come to %s", got)
	}
	if left, _ := tar.CarriedOver(acc, feb); left != 0 {
		t.Errorf("%s is left", left)
	}
}

func TestWhatLapsesIsTold(t *testing.T) {
	tar := mustNew(t, pilesUp("UTC", 2, 0))
	var acc Account
	at := DateOf(2026, 1, 1).Start(tar.loc)
	acc, _ = tar.Elapse(acc, at, DateOf(2026, 3, 5).Start(tar.loc))
	left, lapses := tar.CarriedOver(acc, DateOf(2026, 3, 5).Start(tar.loc))
	if left != 100*kWh || lapses != 50*kWh {
		t.Errorf("%s are left, %s lapse; want 100 kWh, January's 50", left, lapses)
	}
	acc, _ = tar.Consume(acc, DateOf(2026, 3, 5).Start(tar.loc), DateOf(2026, 3, 6).Start(tar.loc), 30*kWh)
	left, lapses = tar.CarriedOver(acc, DateOf(2026, 3, 6).Start(tar.loc))
	if left != 70*kWh || lapses != 20*kWh {
		t.Errorf("after 30 kWh %s are left, %s lapse", left, lapses)
	}
}

// What was found and what is left are what was granted: no kWh appears, none is lost but by
// the rules, whatever is used and however it comes.
func TestNothingIsFoundThatWasNotLeft(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		doc := pilesUp(rapid.SampledFrom(zones()).Draw(r, "zone"), rapid.SampledFrom([]int{0, 1, 3}).Draw(r, "months"), units.Energy(rapid.SampledFrom([]int64{0, 70}).Draw(r, "most"))*kWh)
		doc.ResetDay = rapid.SampledFrom([]int{1, 15, 31}).Draw(r, "reset")
		tar := mustNew(r, doc)
		at := begin(r)
		var acc Account
		granted, used := 50*kWh, units.Energy(0) // the month under way has 50
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			next := at.Add(time.Duration(rapid.IntRange(1, 40*86_400).Draw(r, "seconds")) * time.Second)
			for end := tar.MonthEnd(at); !end.After(next); end = tar.MonthEnd(end) {
				granted += 50 * kWh
			}
			e := units.Energy(rapid.Int64Range(0, 120_000).Draw(r, "Wh")) * units.WattHour
			used += e
			use(tar, &acc, Reading{From: at, To: next, Energy: e})
			acc, at = back(r, acc), next
		}
		left, lapses := tar.CarriedOver(acc, at)
		if left < 0 || lapses < 0 || lapses > left || left > granted || doc.Versions[0].Energy[0].CarryOverMost > 0 && left > 70*kWh {
			r.Fatalf("%s are left, of it %s lapse; %s granted, %s used", left, lapses, granted, used)
		}
		// Without an end and a limit what is charged is what is above all that was granted so
		// far: never more than all that was used above the last month's 50.
		if free := doc.Versions[0].Energy[0]; free.CarryOverMonths == 0 && free.CarryOverMost == 0 {
			m, _ := tar.monthAt(&acc, tar.segment(at).month)
			own := tar.energyBefore(&m, &tar.versions[0].energy[0], nil)
			if rest := left + max(0, 50*kWh-max(0, own-m.found(&tar.versions[0].energy[0]))); used-(granted-rest) < 0 {
				r.Fatalf("%s granted, %s used, %s still free", granted, used, rest)
			}
		}
	})
}

func TestFaultsOfCarryingOver(t *testing.T) {
	free := []Step{{To: 50 * kWh}, {Price: 2_000_000}}
	for _, c := range []struct {
		e          EnergyCharge
		path, says string
	}{
		{EnergyCharge{CarryOver: true, Price: 1}, "energy[0].carry_over", "it is the first step that is carried over"},
		{EnergyCharge{CarryOver: true, Steps: free, Whole: true}, "energy[0].carry_over", "nothing is left of a step"},
		{EnergyCharge{CarryOver: true, Steps: free, Per: PerDay, Reset: PerDay}, "energy[0].carry_over", "is gone with the day"},
		{EnergyCharge{CarryOver: true, Steps: []Step{{To: 50 * kWh, Price: 3_000_000}, {Price: 2_000_000}}}, "energy[0].carry_over", "nothing is won"},
		{EnergyCharge{CarryOver: true, Steps: free, CarryOverMonths: 25}, "energy[0].carry_over_months", "25 is out of range"},
		{EnergyCharge{CarryOver: true, Steps: free, CarryOverMost: -1}, "energy[0].carry_over_most", "out of range"},
		{EnergyCharge{Steps: free, CarryOverMonths: 3}, "energy[0].carry_over_months", "nothing is carried over"},
		{EnergyCharge{Steps: free, CarryOverMost: kWh}, "energy[0].carry_over_most", "nothing is carried over"},
	} {
		c.e.Name = "energy"
		d := Document{Currency: "EUR", Zone: "UTC", Versions: []Version{{Energy: []EnergyCharge{c.e}}}}
		faults := d.Check()
		if len(faults) != 1 || faults[0].Path != "versions[0]."+c.path || !strings.Contains(faults[0].Problem, c.says) {
			t.Errorf("%+v: %v", c.e, faults)
		}
	}
	d := Document{Currency: "EUR", Zone: "UTC", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy", Price: 1}}, Export: []EnergyCharge{{Name: "export", Steps: free, CarryOver: true}},
	}}}
	if faults := d.Check(); len(faults) != 1 || faults[0].Path != "versions[0].export[0].carry_over" {
		t.Error(faults)
	}
	words := mustNew(t, pilesUp("UTC", 3, 100*kWh)).Describe(DateOf(2026, 1, 1))
	if want := "energy: free basic: 0 per kWh up to 50 kWh a month, 2.123457 above; what a month leaves of the first 50 kWh is carried over for 3 months, at most 100 kWh"; words[0] != want {
		t.Errorf("%s", words[0])
	}
}

// A document that carries nothing over keeps nothing of it, and an account of one that did
// goes on where the charge is another.
func TestCarryingOverEndsWithTheDocument(t *testing.T) {
	tar := mustNew(t, pilesUp("UTC", 0, 0))
	acc, _ := tar.Elapse(Account{}, DateOf(2026, 1, 1).Start(tar.loc), DateOf(2026, 3, 5).Start(tar.loc))
	if len(acc.Months[1].Carried) != 1 {
		t.Fatalf("%+v", acc)
	}
	doc := pilesUp("UTC", 0, 0)
	doc.Versions[0].Energy[0].CarryOver = false
	plain := mustNew(t, doc)
	acc, items := plain.Consume(acc, DateOf(2026, 3, 5).Start(tar.loc), DateOf(2026, 3, 6).Start(tar.loc), 60*kWh)
	if got := Sum(items); got != 21_234_570 {
		t.Errorf("60 kWh come to %s", got)
	}
	acc, _ = plain.Elapse(acc, DateOf(2026, 3, 6).Start(tar.loc), DateOf(2026, 5, 5).Start(tar.loc))
	for _, m := range acc.Months {
		if len(m.Carried) > 0 {
			t.Errorf("%+v", m)
		}
	}
	fresh, _ := plain.Elapse(Account{}, DateOf(2026, 1, 1).Start(tar.loc), DateOf(2026, 6, 5).Start(tar.loc))
	if text, err := json.Marshal(fresh); err != nil || strings.Contains(string(text), "carried") {
		t.Errorf("%s, %v", text, err)
	}
}

// What a month found is known when it is looked at later, so that two months are compared
// as they were charged.
func TestAMonthIsComparedWithWhatItFound(t *testing.T) {
	tar := mustNew(t, pilesUp("UTC", 0, 0))
	var acc Account
	day := func(m time.Month) time.Time { return DateOf(2026, m, 1).Start(tar.loc) }
	var charged []units.Money
	var load []Reading
	for m, e := range []float64{10, 80, 70, 20} {
		r := Reading{From: day(time.Month(m + 1)), To: day(time.Month(m + 2)), Energy: units.FromKWh(e)}
		load = append(load, r)
		charged = append(charged, use(tar, &acc, r))
	}
	for m := range load {
		y, mo, d := load[m].From.Date()
		bill, _ := tar.Bill(acc.AsOf(DateOf(y, mo, d)), load[m:m+1])
		if bill.Total != charged[m] {
			t.Errorf("month %d was charged %s, looked at again %s", m+1, charged[m], bill.Total)
		}
		if d := cmp.Diff(tar.monthCarried(acc, DateOf(y, mo, d)), acc.AsOf(DateOf(y, mo, d)).Carried); d != "" {
			t.Error(fmt.Sprint(m+1), d)
		}
	}
}

// monthCarried is what a month of the account found.
func (t *Tariff) monthCarried(acc Account, start Date) []Carried {
	for _, p := range acc.Past {
		if p.Start == start {
			return p.Carried
		}
	}
	m, _ := t.monthAt(&acc, start)
	return m.Carried
}

// TestATableOverTheMonthsEnd: what the table says of as much as is expected is what the
// ledger charges, though what the next month finds hangs on what this one uses.
func TestATableOverTheMonthsEnd(t *testing.T) {
	found := 0
	rapid.Check(t, func(r *rapid.T) {
		doc := pilesUp(rapid.SampledFrom([]string{"UTC", "Europe/London", "Africa/Johannesburg"}).Draw(r, "zone"), rapid.IntRange(0, 2).Draw(r, "months"), units.Energy(rapid.SampledFrom([]int64{0, 20}).Draw(r, "most"))*kWh)
		doc.Versions[0].Energy = append(doc.Versions[0].Energy, EnergyCharge{Name: "all", Price: 1_000_000})
		tar := mustNew(r, doc)
		end := DateOf(2024, time.Month(rapid.IntRange(1, 12).Draw(r, "month")), 1).Start(tar.loc)
		start := end.Add(-time.Duration(rapid.IntRange(1, 90).Draw(r, "quarters")) * 15 * time.Minute)
		begin := start.AddDate(0, -rapid.IntRange(0, 3).Draw(r, "months before"), -1)
		acc, _ := tar.Consume(Account{}, begin, start, units.Energy(rapid.Int64Range(0, 60).Draw(r, "before"))*kWh)
		acc, _ = tar.Elapse(acc, begin, start)
		slots := units.Slots(start, 15*time.Minute, 192)
		e := make([]units.Energy, len(slots))
		for i := range e {
			e[i] = units.Energy(rapid.Int64Range(0, 2000).Draw(r, "Wh")) * units.WattHour
		}
		tab := tar.Table(acc, slots, e)
		want, got := tar.Cost(acc, slots, e), units.Money(0)
		path := tab.Path(slots)
		for i := range e {
			got += path.Cost(i, e[i])
		}
		if d := got - want; d < -2000 || d > 2000 {
			r.Fatalf("the ledger charges %s, the table says %s", want, got)
		}
		if !tab.Approximate || !tar.Expects() {
			r.Fatal("it is called exact")
		}
		// The same where nobody expects anything: the next month finds no more than it would.
		if less := tar.Table(acc, slots, nil); less.Import[191] == 1_000_000 && tab.Import[191] == 1_000_000 {
			found++
		}
	})
	if found == 0 {
		t.Error("no next month began with free kWh")
	}
}
