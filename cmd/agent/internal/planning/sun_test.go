package planning

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// roof is a load of kind sun of 4 kW.
func roof() loads.Document {
	return loads.Document{ID: "roof", Kind: loads.Sun, Power: 4 * units.Kilowatt}
}

// sunlit are days up to an instant, of a house that draws 1 kW always and a roof that gives at most
// 4 kW; told changes what is told of it in a slot.
func sunlit(zone *time.Location, to time.Time, days int, told func(hour float64, roof *metering.Interval)) (out []Interval) {
	const half = 30 * time.Minute
	for at := to.Add(-time.Duration(days) * 24 * time.Hour); at.Before(to); at = at.Add(half) {
		local := at.In(zone)
		hour := float64(local.Hour()) + float64(local.Minute())/60
		made := 0.0
		if x := (hour + 0.25 - 12) / 6; math.Abs(x) < 1 {
			made = 2 * math.Cos(x*math.Pi/2)
		}
		slot := units.Slot{Start: at, Len: half}
		site := metering.Interval{Slot: slot, Import: units.FromKWh(max(0, 0.5-made)), Export: units.FromKWh(max(0, made-0.5)), Covered: half}
		sun := metering.Interval{Slot: slot, Export: units.FromKWh(made), Covered: half}
		told(hour, &sun)
		out = append(out, Interval{SiteSeries, site})
		if sun.Covered > 0 {
			out = append(out, Interval{"roof", sun})
		}
	}
	return out
}

// What the sun gives is foreseen from what it gave, the house without it, and what is drawn at the
// meter is the difference: a load that may run at any time runs on what is left over.
func TestTheSunIsForeseenAndTheHouseWithoutIt(t *testing.T) {
	none := time.Duration(0)
	b := newBench(t, false, roof(), loads.Document{ID: "pump", Power: units.Kilowatt, MinOff: &none, Need: &loads.NeedDocument{For: 2 * time.Hour}})
	b.unlocked = true
	b.Learn(sunlit(b.rules.Zone, b.now, 30, func(float64, *metering.Interval) {}))
	plan := b.planAt(b.now)
	at := func(hour int) int {
		return int(b.rules.hoursTo(plan.Start, hour) / b.rules.Slot)
	}
	if noon := plan.Mid[at(12)].KW(); math.Abs(noon+3) > 0.4 {
		t.Errorf("at noon %.2f kW are foreseen at the meter, and 3 kW are over", noon)
	}
	if night := plan.Mid[at(2)].KW(); math.Abs(night-1) > 0.2 {
		t.Errorf("at night %.2f kW are foreseen, and the house draws 1", night)
	}
	for _, start := range on(plan, "pump") {
		if h := start.In(b.rules.Zone).Hour(); h < 8 || h > 15 {
			t.Errorf("the pump runs at %d o'clock, without sun", h)
		}
	}
	// And so in the futures by which the end of the credit is told.
	futures, noon, mean := b.futures(b.now, 24*time.Hour), int(b.rules.hoursTo(b.now, 12)/b.rules.Interval), 0.0
	for _, path := range futures.Paths {
		mean += path[noon] / float64(len(futures.Paths))
	}
	if len(futures.Paths) == 0 || math.Abs(mean+1.5) > 0.2 {
		t.Errorf("of %d futures the mean at noon is %.2f kWh at the meter, and 1.5 kWh are over", len(futures.Paths), mean)
	}
}

// An inverter that is taken out of the configuration leaves its history: the house is known from it as
// before, and nothing is taken to be over at noon that nobody gives any more.
func TestTheHouseIsKnownAfterItsPanelsAreGone(t *testing.T) {
	b := newBench(t, false)
	b.Learn(sunlit(b.rules.Zone, b.now, 30, func(float64, *metering.Interval) {}))
	b.catchUp(b.now)
	house := b.forecast.Forecast(b.now, 24*time.Hour)
	for _, hour := range []int{2, 9, 12} {
		if got := house.Slots[b.rules.hoursTo(b.now, hour)/b.rules.Slot].Q50; math.Abs(got-0.5) > 0.05 {
			t.Errorf("the house at %d o'clock: %.2f kWh, and it uses 0.5", hour, got)
		}
	}
}

// hoursTo is how long it is from an instant to an hour of the zone's day.
func (s *Rules) hoursTo(from time.Time, hour int) time.Duration {
	for d := time.Duration(0); ; d += s.Slot {
		if l := from.Add(d).In(s.Zone); l.Hour() == hour && l.Minute() == 0 {
			return d
		}
	}
}

// A roof that is not heard is not night: what the house used then is not known, and neither is the
// sun.  One that was heard last giving nothing sleeps, where that is an hour without sun; the house is
// known then.
func TestARoofThatIsNotHeardIsNotNight(t *testing.T) {
	for name, c := range map[string]struct {
		told          func(hour float64, roof *metering.Interval)
		noon, night   float64 // foreseen of the house, kWh a slot
		sunny, lostBy float64 // of the sun at noon, and by how much it may be less
	}{
		"heard": {func(float64, *metering.Interval) {}, 0.5, 0.5, 2, 0.1},
		"asleep at night": {func(hour float64, roof *metering.Interval) {
			if hour < 6 || hour >= 18 {
				roof.Quality = metering.Estimated
			}
		}, 0.5, 0.5, 2, 0.1},
		"its network is gone on two noons of three": {func() func(float64, *metering.Interval) {
			day := 0
			return func(hour float64, roof *metering.Interval) {
				if hour == 0 {
					day++
				}
				if day%3 != 0 && hour >= 10 && hour < 15 {
					roof.Export, roof.Quality = 0, metering.Gap
				}
			}
		}(), 0.5, 0.5, 2, 0.3},
		"asleep all day, on two of three": {func() func(float64, *metering.Interval) {
			day := 0
			return func(hour float64, roof *metering.Interval) {
				if hour == 0 {
					day++
				}
				if day%3 != 0 {
					roof.Export, roof.Quality = 0, metering.Estimated
				}
			}
		}(), 0.5, 0.5, 2, 0.3},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false, roof())
			b.Learn(sunlit(b.rules.Zone, b.now, 30, c.told))
			b.catchUp(b.now)
			house, sun := b.forecast.Forecast(b.now, 24*time.Hour), b.solar.Forecast(b.now, 24*time.Hour)
			noon, night := int(b.rules.hoursTo(b.now, 12)/b.rules.Slot), int(b.rules.hoursTo(b.now, 2)/b.rules.Slot)
			if got := house.Slots[noon].Q50; math.Abs(got-c.noon) > 0.05 {
				t.Errorf("the house at noon: %.2f kWh", got)
			}
			if got := house.Slots[night].Q50; math.Abs(got-c.night) > 0.05 {
				t.Errorf("the house at night: %.2f kWh", got)
			}
			if got := sun[noon].Q50; got > c.sunny+0.01 || got < c.sunny-c.lostBy {
				t.Errorf("the sun at noon: %.2f kWh", got)
			}
			if got := sun[night].Q90; got != 0 {
				t.Errorf("the sun at night: %.2f kWh", got)
			}
		})
	}
	// Of a site with a roof that says nothing, beside one that does, nothing is learned: what the
	// meter shows is not the house.
	second := roof()
	second.ID = "shed"
	b := newBench(t, false, roof(), second)
	b.Learn(sunlit(b.rules.Zone, b.now, 30, func(float64, *metering.Interval) {}))
	b.catchUp(b.now)
	if days := b.forecast.Forecast(b.now, time.Hour).OwnDays; days != 0 {
		t.Errorf("%v days are learned of a house of which nothing is known", days)
	}
}

// A site that gets panels is known from before it had them; one that fed in before anybody told of its panels is not,
// for what was used is not known.
func TestASiteThatGetsPanelsDoesNotBeginAnew(t *testing.T) {
	site := func(b *bench, fedIn bool) (out []Interval) {
		for i, iv := range b.habits(b.now.AddDate(0, 0, -30), b.now) {
			if iv.Series != SiteSeries {
				continue
			}
			if fedIn && i == 0 {
				iv.Import, iv.Export = 0, units.FromKWh(1)
			}
			out = append(out, iv)
		}
		return out
	}
	for _, c := range []struct {
		name  string
		fedIn bool
		days  int // since the panels are known
		known float64
	}{
		{"at once", false, 0, 30},
		{"after two days", false, 2, 32},
		{"it had fed in before", true, 2, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, false, roof())
			b.Learn(site(b, c.fedIn))
			end := b.now.AddDate(0, 0, c.days)
			b.Learn(sunlit(b.rules.Zone, end, c.days, func(float64, *metering.Interval) {}))
			b.now = end
			if got := b.planAt(b.now).OwnDays; math.Abs(got-c.known) > 0.1 {
				t.Errorf("%.1f days are known, not %v", got, c.known)
			}
		})
	}
}
