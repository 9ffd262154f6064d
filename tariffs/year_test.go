package tariffs

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/units/unitstest"
)

// yearTariff has all that goes by the local clock: seasons, weekends, periods, one of
// them over midnight, a month's blocks and charges, and one by the day.
func yearTariff(t *testing.T, zone string) *Tariff {
	t.Helper()
	var night, peak Span
	var summer Season
	for _, x := range []struct {
		to   interface{ SetText(string) error }
		text string
	}{{&night.From, "23:30"}, {&night.To, "01:30"}, {&peak.From, "17:00"}, {&peak.To, "20:00"}, {&summer.From, "10-01"}, {&summer.To, "03-31"}} {
		if err := x.to.SetText(x.text); err != nil {
			t.Fatal(err)
		}
	}
	summer.Name, peak.Days = "summer", []string{"weekday"}
	weekday, weekend := DayType{Name: "weekday"}, DayType{Name: "weekend", Days: []Weekday{Weekday(6), Weekday(7)}}
	for d := 1; d <= 5; d++ {
		weekday.Days = append(weekday.Days, Weekday(d))
	}
	return mustNew(t, Document{
		Currency: "ZAR", Zone: zone,
		Calendar: Calendar{
			Seasons: []Season{summer, {Name: "winter"}}, DayTypes: []DayType{weekday, weekend},
			Periods: []Period{{Name: "night", Times: []Span{night}}, {Name: "peak", Times: []Span{peak}}, {Name: "day"}},
		},
		Versions: []Version{{
			Energy: []EnergyCharge{
				{Name: "night", Periods: []string{"night"}, Price: perKWh(10000)},
				{Name: "peak", Periods: []string{"peak"}, Price: perKWh(50000)},
				{Name: "day", Periods: []string{"day"}, Price: perKWh(30000)},
				{Name: "winter", Seasons: []string{"winter"}, Price: perKWh(1000)},
				{Name: "blocks", Steps: []Step{{To: 100 * kWh, Price: perKWh(500)}, {Price: perKWh(2500)}}},
			},
			Charges: []FixedCharge{
				{Name: "service", Amount: cents(200), Due: DueDay},
				{Name: "network", Amount: cents(9000)},
				{Name: "meter", Amount: cents(700), Due: DueMonthStart},
			},
		}},
	})
}

// What a table says of a horizon is what the tariff says of each of its instants and
// what the ledger charges in it, whatever the clock does meanwhile.
func TestEveryHalfHourOfTheYearIsPriced(t *testing.T) {
	const half = 30 * time.Minute
	horizons := unitstest.Horizons()
	longest := int(horizons[len(horizons)-1] / half)
	tried := 0
	for _, y := range unitstest.Years(t) {
		tar := yearTariff(t, y.Loc.String())
		prices := map[int64]units.Price{}
		priceAt := func(at time.Time) units.Price {
			p, known := prices[at.Unix()]
			if !known {
				p, _ = tar.PriceAt(Account{}, at)
				prices[at.Unix()] = p
			}
			return p
		}
		for _, at := range y.Instants(8, 2, horizons...) {
			acc, _ := tar.Elapse(Account{}, at.Add(-half), at) // the month's begin is charged
			slots := units.Slots(at, half, longest)
			e := make([]units.Energy, longest)
			for i := range e {
				e[i] = units.Energy(i%7) * 100 * units.WattHour
			}
			tables := make([]Table, len(horizons))
			for k, h := range horizons {
				tables[k] = tar.Table(acc, slots[:h/half], e[:h/half])
			}
			var sum units.Money
			k := 0
			for i, s := range slots {
				tab := &tables[len(tables)-1]
				if tab.Import[i] != priceAt(s.Start) {
					t.Fatalf("%s: from %v: slot %d (%v) costs %s by the table, %s by the tariff", y.Name, at, i, s.Start.In(y.Loc), tab.Import[i], priceAt(s.Start))
				}
				var items []Item
				acc, items = tar.Consume(acc, s.Start, s.End(), e[i])
				sum += Sum(items)
				acc, items = tar.Elapse(acc, s.Start, s.End())
				sum += Sum(items)
				if i+1 != int(horizons[k]/half) {
					continue
				}
				tried++
				if got := tableCost(&tables[k], e[:i+1]); math.Abs(got-sum.Float()) > 0.005 {
					t.Fatalf("%s: from %v over %v: the table says %.4f, the ledger charges %.4f", y.Name, at.In(y.Loc), horizons[k], got, sum.Float())
				}
				k++
			}
		}
		t.Logf("%s: %d tables up to here", y.Name, tried)
	}
}

// A year's bill is the same in one piece and by half hours, and has each day once.
func TestAYearsBillIsWhole(t *testing.T) {
	for _, y := range unitstest.Years(t) {
		tar := yearTariff(t, y.Loc.String())
		var load []Reading
		want := units.Energy(0)
		for at := y.From; at.Before(y.To); at = at.Add(30 * time.Minute) {
			r := Reading{From: at, To: at.Add(30 * time.Minute), Energy: units.Energy(at.Unix()/1800%5) * 100 * units.WattHour}
			load, want = append(load, r), want+r.Energy
		}
		b, _ := tar.Bill(Account{}, load)
		if b.Import != want {
			t.Errorf("%s: %s billed of %s", y.Name, b.Import, want)
		}
		var acc Account
		var sum units.Money
		services := 0
		for _, r := range load {
			var used, due []Item
			acc, used = tar.Consume(acc, r.From, r.To, r.Energy)
			acc, due = tar.Elapse(acc, r.From, r.To)
			sum += Sum(used) + Sum(due)
			for _, it := range due {
				if it.Name == "service" {
					services++
				}
			}
		}
		if sum != b.Total {
			t.Errorf("%s: %s by half hours, the bill is %s", y.Name, sum, b.Total)
		}
		days := 0
		for at := units.NextLocalMidnight(y.From, y.Loc); !at.After(y.To); at = units.NextLocalMidnight(at, y.Loc) {
			days++
		}
		if services != days {
			t.Errorf("%s: %d days charged of %d", y.Name, services, days)
		}
	}
}

// Where a zone skips the last day of a billing month, the month ends all the same.
func TestAMonthWhoseLastDayIsSkippedIsCharged(t *testing.T) {
	loc, err := time.LoadLocation("Pacific/Apia")
	if err != nil {
		t.Skip("no zone data on this machine: ", err)
	}
	tar := mustNew(t, Document{Currency: "WST", Zone: "Pacific/Apia", ResetDay: 31, Versions: []Version{{
		Energy:  []EnergyCharge{{Name: "energy", Price: perKWh(1000)}},
		Charges: []FixedCharge{{Name: "network", Amount: cents(9000)}},
	}}})
	from := time.Date(2011, 12, 28, 0, 0, 0, 0, loc) // the 30th is not there, the new month begins on the 31st
	_, items := tar.Elapse(Account{}, from, from.Add(5*24*time.Hour))
	if Sum(items) != cents(9000) {
		t.Errorf("%s charged at the month's end, want 90.00: %v", Sum(items), items)
	}
}
