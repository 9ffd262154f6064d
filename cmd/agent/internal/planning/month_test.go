package planning

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// What the plans of a whole billing month say that it costs is what the ledger is charged
// for it, ten minutes by ten minutes, to the millionth of each charge and slot; under the tariffs
// that are hardest to plan for, after months that decide classes and demands.
func TestAMonthOfPlansCostsWhatTheLedgerIsCharged(t *testing.T) {
	files, err := filepath.Glob("../../../../tariffs/testdata/kinds/*.yaml")
	must(t, err)
	if len(files) < 7 {
		t.Fatalf("there are %d documents", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			must(t, err)
			doc, faults := config.Decode[tariffs.Document](text)
			must(t, faults.Err())
			tariff, err := tariffs.New(doc)
			must(t, err)
			zone := tariff.Location()
			b := newBenchIn(t, zone, false)
			b.paths = 4
			b.Within(time.Millisecond)
			b.rules.Tariff = tariff
			b.left = 5000 * units.One
			from, to := tariff.BillingMonth(2026, time.May) // with June's first days where the month begins on the 15th
			for m := -7; m < 0; m++ {
				a, e := from.AddDate(0, m, 0), from.AddDate(0, m+1, 0)
				b.account, _ = tariff.Consume(b.account, a, e, units.Energy(150+10*m%31)*units.KilowattHour)
				b.account, _ = tariff.Elapse(b.account, a, e)
			}
			ledger := b.account
			var said, charged units.Money
			for b.now = from; b.now.Before(to); {
				plan := b.planAt(b.now)
				said += plan.Cost
				used := make([]units.Energy, len(plan.Mid))
				_, o := b.look(&Brief{Now: b.now, Account: b.account})
				for i := range used {
					kw := o.mid[i]
					for _, l := range plan.Loads {
						kw += l.Power[i].KW()
					}
					used[i] = units.FromKW(kw).Over(plan.Slot)
				}
				for i, e := range used {
					start := plan.Start.Add(time.Duration(i) * plan.Slot)
					for m := range int64(3) { // the ledger's intervals are not the plan's
						at := start.Add(time.Duration(m) * 10 * time.Minute)
						var items, due []tariffs.Item
						ledger, items = tariff.Consume(ledger, at, at.Add(10*time.Minute), e.Part(m+1, 3)-e.Part(m, 3))
						ledger, due = tariff.Elapse(ledger, at, at.Add(10*time.Minute))
						charged += tariffs.Sum(items) + tariffs.Sum(due)
					}
				}
				b.account = ledger
				b.now = b.now.Add(time.Duration(len(used)) * plan.Slot)
			}
			if d := said - charged; d < -2000 || d > 2000 { // a milliwatt's rounding in each of 1,440 slots
				t.Errorf("the plans say %s, the ledger is charged %s", said, charged)
			}
			if charged <= 0 {
				t.Errorf("the month costs %s", charged)
			}
		})
	}
}
