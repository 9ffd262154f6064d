package planning

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// What is optional below a price runs in no slot of another price, gets what it needs where there are enough of them,
// and is never short: shifted or not, with credit and without, asked to last and not.
func TestWhatIsOptionalRunsOnlyBelowItsPrice(t *testing.T) {
	kinds := map[string]func() loads.Document{
		"onoff": func() loads.Document { return geyser(3 * time.Hour) },
		"power": func() loads.Document {
			return charger(8*units.KilowattHour, func(d *loads.Document) { d.ReadyBy = nil })
		},
		"cycle": func() loads.Document {
			d := geyser(0)
			d.Kind, d.Cycle, d.Need = loads.Cycle, 90*time.Minute, &loads.NeedDocument{Runs: 1}
			return d
		},
	}
	for kind, doc := range kinds {
		d := doc()
		plain := newBench(t, false, d)
		plain.unlocked = true
		least, most := units.Price(1<<62), units.Price(0)
		for _, x := range plain.planAt(plain.now).Prices {
			least, most = min(least, x), max(most, x)
		}
		if least == most {
			t.Fatal("all hours cost the same")
		}
		for _, c := range []struct {
			situation string
			below     units.Price
			runs      bool
		}{
			{"below the dearest", most, true},
			{"below a little more than the least", least + 1, true},
			{"below the least, where no hour is", least, false},
			{"above all", most + 1, true},
		} {
			for _, left := range []units.Money{0, 5 * units.One, 80 * units.One} {
				for _, shift := range []bool{true, false} {
					d.Optional = &loads.OptionalDocument{Below: &c.below}
					b := newBench(t, false, d)
					b.unlocked, b.left, b.rules.Shift = left == 0, left, shift
					for _, until := range []time.Time{{}, b.now.Add(20 * time.Hour)} {
						if b.until = until; b.unlocked && !until.IsZero() {
							continue
						}
						plan := b.planAt(b.now)
						at := on(plan, d.ID)
						for _, x := range at {
							if i, ok := plan.At(x); !ok || plan.Prices[i] >= c.below {
								t.Errorf("%s, %s, %s left, shifted %v: it runs at %s for %s a kWh", kind, c.situation, left, shift, x, plan.Prices[i])
							}
						}
						if len(plan.Short) > 0 && plan.Short[0].Load == d.ID {
							t.Errorf("%s, %s, %s left, shifted %v: it is short: %+v", kind, c.situation, left, shift, plan.Short)
						}
						if b.unlocked && (len(at) > 0) != c.runs {
							t.Errorf("%s, %s, shifted %v: it runs in %d slots", kind, c.situation, shift, len(at))
						}
					}
				}
			}
		}
	}
}
