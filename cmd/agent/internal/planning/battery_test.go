package planning

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// battery is one of 10 kWh.
func battery(change ...func(*loads.BatteryDocument)) loads.Document {
	d := loads.BatteryDocument{Capacity: 10 * units.KilowattHour, Charge: 3 * units.Kilowatt}
	for _, f := range change {
		f(&d)
	}
	return loads.Document{ID: "store", Kind: loads.Battery, Battery: &d}
}

// holding is a plan with so much in the battery.
func (b *bench) holding(kwh float64) Plan {
	brief := b.brief(b.now)
	for i := range brief.Loads {
		if brief.Loads[i].ID == "store" {
			brief.Loads[i].Stored = &Stored{Energy: units.FromKWh(kwh)}
		}
	}
	return b.planOf(brief)
}

// follow is what is in the battery after each slot of a plan.
func (b *bench) follow(p Plan, kwh float64) (out []float64) {
	each := math.Sqrt(0.85)
	for _, l := range p.Loads {
		if l.ID != "store" {
			continue
		}
		for _, power := range l.Power {
			if x := power.KW() * p.Slot.Hours(); x > 0 {
				kwh += x * each
			} else {
				kwh += x / each
			}
			out = append(out, kwh)
		}
	}
	return out
}

// A battery gives in dear hours what it took in cheap ones, keeps its reserve, gives nothing to the grid, and
// costs less than one that is left to itself.
func TestABatteryIsPlannedByWhatEnergyCosts(t *testing.T) {
	b := newBench(t, false, battery())
	b.unlocked = true
	var history []Interval
	for at := b.now.Add(-30 * 24 * time.Hour); at.Before(b.now); at = at.Add(30 * time.Minute) {
		slot := units.Slot{Start: at, Len: 30 * time.Minute}
		history = append(history,
			Interval{SiteSeries, metering.Interval{Slot: slot, Import: units.KilowattHour / 2, Covered: slot.Len}},
			Interval{"store", metering.Interval{Slot: slot, Covered: slot.Len}})
	}
	b.Learn(history)
	plan := b.holding(4)
	took, gave := 0.0, 0.0
	dearest, cheapest := units.Price(0), units.Price(math.MaxInt64)
	for _, x := range plan.Prices {
		dearest, cheapest = max(dearest, x), min(cheapest, x)
	}
	for k, p := range plan.Loads[0].Power {
		switch {
		case p > 0:
			took += p.KW() * plan.Slot.Hours()
			if plan.Prices[k] > cheapest+cheapest/10 {
				t.Errorf("it is charged at %v, and the cheapest hour is at %v", plan.Prices[k], cheapest)
			}
		case p < 0:
			gave -= p.KW() * plan.Slot.Hours()
			if -p > plan.Mid[k]+units.Watt*10 {
				t.Errorf("it gives %v to a house that draws %v", -p, plan.Mid[k])
			}
		}
	}
	if took < 1 || gave < 1 {
		t.Errorf("at %v and %v a kWh it takes %.1f kWh and gives %.1f", cheapest, dearest, took, gave)
	}
	if plan.Cost >= plan.Unshifted {
		t.Errorf("it costs %v, and left to itself %v", plan.Cost, plan.Unshifted)
	}
	for k, kwh := range b.follow(plan, 4) {
		if kwh < 2-0.01 || kwh > 10.01 {
			t.Errorf("after slot %d %.2f kWh are in it; of 10 kWh 2 are kept", k, kwh)
		}
	}
	if full := b.holding(10); b.follow(full, 10)[0] > 10.01 {
		t.Error("a full one is charged")
	}
	// Below its reserve it gives nothing, and is brought back.
	low := b.holding(1)
	if low.Loads[0].Power[0] < 0 {
		t.Errorf("of its reserve it gives %v", low.Loads[0].Power[0])
	}
	// Where it is not known what it holds, nothing is planned of it.
	if unknown := b.planAt(b.now); len(unknown.Loads) != 0 {
		t.Errorf("of a battery of which nothing is known %v is planned", unknown.Loads[0].Power)
	}
}

// With sun the battery takes what is over by day and gives it in the evening; with a flat price nothing is bought for it.
func TestABatteryTakesTheSun(t *testing.T) {
	b := newBench(t, false, roof(), battery())
	b.unlocked = true
	history := sunlit(b.rules.Zone, b.now, 30, func(float64, *metering.Interval) {})
	for _, iv := range history {
		if iv.Series == SiteSeries {
			history = append(history, Interval{"store", metering.Interval{Slot: iv.Slot, Covered: iv.Covered}})
		}
	}
	b.Learn(history)
	plan := b.holding(2)
	took := 0.0
	for k, p := range plan.Loads[len(plan.Loads)-1].Power {
		if over := -plan.Mid[k]; p > 0 && over > 0 {
			took += min(p, over).KW() * plan.Slot.Hours()
		}
	}
	if took < 6 {
		t.Errorf("of the sun that is over it takes %.1f kWh, and 8 kWh fit in", took)
	}
}

// The house is what the meter and the battery tell together: what a battery took is not the house's, what it gave is,
// and while nobody hears of it nothing is known.
func TestTheHouseIsKnownBesideABattery(t *testing.T) {
	for name, row := range map[string]struct {
		tell  func(hour int, store *metering.Interval) bool
		known bool
	}{
		"heard": {func(int, *metering.Interval) bool { return true }, true},
		"not heard": {func(_ int, store *metering.Interval) bool {
			store.Import, store.Export, store.Quality = 0, 0, metering.Gap
			return true
		}, false},
		"of before it was there": {func(int, *metering.Interval) bool { return false }, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false, battery())
			for at := b.now.Add(-20 * 24 * time.Hour); at.Before(b.now); at = at.Add(30 * time.Minute) {
				slot, hour := units.Slot{Start: at, Len: 30 * time.Minute}, at.In(b.rules.Zone).Hour()
				site := metering.Interval{Slot: slot, Import: units.KilowattHour / 2, Covered: slot.Len}
				store := metering.Interval{Slot: slot, Covered: slot.Len}
				switch {
				case hour < 5:
					site.Import, store.Import = 2*units.KilowattHour, 3*units.KilowattHour/2
				case hour >= 18 && hour < 22:
					site.Import, store.Export = 0, units.KilowattHour/2
				}
				if row.tell(hour, &store) {
					b.Learn([]Interval{{"store", store}})
				}
				b.Learn([]Interval{{SiteSeries, site}})
			}
			b.catchUp(b.now)
			fc := b.forecast.Forecast(b.now, 24*time.Hour)
			if got := fc.OwnDays > 5; got != row.known {
				t.Fatalf("%v days are known", fc.OwnDays)
			}
			if !row.known {
				return
			}
			for _, s := range fc.Slots {
				if math.Abs(s.Q50-0.5) > 0.05 {
					t.Errorf("at %s the house is foreseen to use %.2f kWh, and it uses 0.5 at any time", s.Start.In(b.rules.Zone).Format("15:04"), s.Q50)
				}
			}
		})
	}
}
