package planning

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// steppedDay is a tariff whose day energy has steps that the night's does not
// climb; the billing month begins on the day given.
func steppedDay(t testing.TB, reset int) *tariffs.Tariff {
	t.Helper()
	var night tariffs.Span
	must(t, night.From.SetText("22:00"), night.To.SetText("06:00"))
	var vat tariffs.Rate
	must(t, vat.SetText("15 %"))
	tariff, err := tariffs.New(tariffs.Document{
		Name: "stepped day", Currency: "ZAR", Zone: "Africa/Johannesburg", ResetDay: reset,
		Calendar: tariffs.Calendar{Periods: []tariffs.Period{{Name: "night", Times: []tariffs.Span{night}}, {Name: "day"}}},
		Versions: []tariffs.Version{{
			Energy: []tariffs.EnergyCharge{
				{Name: "day energy", Periods: []string{"day"}, Steps: []tariffs.Step{
					{To: 5 * units.KilowattHour, Price: 1_000_000}, {To: 20 * units.KilowattHour, Price: 2_000_000}, {Price: 4_000_000},
				}},
				{Name: "night energy", Periods: []string{"night"}, Price: 500_000},
			},
			Charges: []tariffs.FixedCharge{{Name: "service", Amount: 2 * units.One, Due: tariffs.DueDay}},
			Taxes:   []tariffs.Tax{{Name: "VAT", Rate: vat}},
		}},
	})
	must(t, err)
	return tariff
}

// What the run-out takes a path to cost is what the ledger would be charged.
func TestRunOutCostIsTheLedgers(t *testing.T) {
	for name, reset := range map[string]int{"within a month": 1, "over a month's end": 4} {
		t.Run(name, func(t *testing.T) {
			tariff := steppedDay(t, reset)
			rapid.Check(t, func(rt *rapid.T) {
				start := begin().Add(time.Duration(rapid.IntRange(0, 47).Draw(rt, "half hours")) * 30 * time.Minute)
				acc, _ := tariff.Consume(tariffs.Account{}, start.Add(-12*time.Hour), start, units.FromKWh(float64(rapid.IntRange(0, 25).Draw(rt, "used"))))
				slots := units.Slots(start, 30*time.Minute, 96)
				table := tariff.Table(acc, slots, nil)
				cost := purse{tariff, acc, slots}.path(&table)
				for range 2 { // a second path begins anew
					charged, expected, cumulative, a := units.Money(0), 0.0, 0.0, acc
					for i, slot := range slots {
						kwh := float64(rapid.IntRange(0, 3000).Draw(rt, "Wh")) / 1000
						var items, due []tariffs.Item
						a, items = tariff.Consume(a, slot.Start, slot.End(), units.FromKWh(kwh))
						a, due = tariff.Elapse(a, slot.Start, slot.End())
						charged += tariffs.Sum(items) + tariffs.Sum(due)
						expected += cost(i, cumulative, kwh)
						cumulative += kwh
					}
					if d := math.Abs(charged.Float() - expected); d > 1e-3 {
						rt.Fatalf("charged %s, foreseen %.6f", charged, expected)
					}
				}
			})
		})
	}
}

func TestLaddersOfSomeHoursAsBlocks(t *testing.T) {
	b := newBench(t, false)
	s := &b.rules
	s.Tariff = steppedDay(t, 1)
	slots := units.Slots(begin(), s.Slot, 48) // from local midnight
	o := outlook{slots: slots, purse: purse{s.Tariff, tariffs.Account{}, slots}, mid: make([]float64, len(slots)), table: s.Tariff.Table(tariffs.Account{}, slots, nil)}
	for i := range o.mid {
		o.mid[i] = 1
	}
	if len(o.table.Ladders) != 1 {
		t.Fatalf("%d ladders", len(o.table.Ladders))
	}
	got := s.blocks(&o.table.Ladders[0], o)
	if len(got) != 1 || got[0].From != 12 || got[0].To != 44 || got[0].MTD != 0 || len(got[0].Steps) != 3 {
		t.Fatalf("one day's stretch became %+v", got)
	}
	// From noon: the rest of the day and the next morning.
	slots = units.Slots(begin().Add(12*time.Hour), s.Slot, 48)
	o.slots, o.table = slots, s.Tariff.Table(tariffs.Account{}, slots, nil)
	got = s.blocks(&o.table.Ladders[0], o)
	if len(got) != 2 || got[0].From != 0 || got[0].To != 20 || got[1].From != 36 || got[1].MTD != 10 {
		t.Fatalf("two stretches became %+v", got)
	}
	brief := b.brief(begin().Add(12 * time.Hour))
	p, _ := s.problem(&brief, o)
	if err := p.Check().Err(); err != nil {
		t.Fatalf("the optimizer refuses it: %v", err)
	}
	// The base alone costs the same either way: what the blocks leave out is the
	// loads' share alone.
	table := s.Tariff.Table(tariffs.Account{}, slots, nil)
	cost, want := purse{s.Tariff, tariffs.Account{}, slots}.path(&table), 0.0
	for i := range slots {
		want += cost(i, 0, o.mid[i]*s.Slot.Hours())
	}
	p.Loads = nil
	if is := optimizer.Solve(t.Context(), p, optimizer.Options{}).Parts; math.Abs(is.Energy+is.Blocks+is.Fixed-want) > 1e-6 {
		t.Errorf("the base costs %.6f by the blocks, %.6f by the table", is, want)
	}
}
