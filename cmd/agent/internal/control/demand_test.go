package control

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

func TestIntervalsHoldMaximumDemand(t *testing.T) {
	for _, row := range []struct {
		name   string
		charge []tariffs.DemandCharge
		want   units.Power // of a half hour with 1 kW in its first quarter, 3 kW in its second
	}{
		{"no demand charge: half hours", nil, 2 * units.Kilowatt},
		{"a demand charge by quarter hours", []tariffs.DemandCharge{{Name: "demand", Price: units.One, Interval: 15 * time.Minute}}, 3 * units.Kilowatt},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t)
			doc := b.site.Tariff.Document()
			doc.Versions = slices.Clone(doc.Versions)
			doc.Versions[0].Demand = row.charge
			tariff, err := tariffs.New(doc)
			must(t, err)
			b.site.Tariff = tariff
			b.st, err = b.site.Resume(b.st)
			must(t, err)
			for _, l := range b.site.Loads {
				b.states[l.ID] = false
			}
			var stored []planning.Interval
			for i := range 60 {
				b.power = units.Kilowatt
				if i%30 >= 15 {
					b.power = 3 * units.Kilowatt
				}
				// The loads stay off, whatever they are told.
				for _, l := range b.site.Loads {
					b.states[l.ID] = false
				}
				eff := b.reading(time.Minute)
				stored = append(stored, eff.Intervals...)
			}
			n := 0
			for _, iv := range stored {
				if iv.Series != planning.SiteSeries {
					continue
				}
				if n++; iv.MaxDemand != row.want {
					t.Errorf("%s: maximum demand %s, want %s", iv.Slot.Start, iv.MaxDemand, row.want)
				}
			}
			if n != 2 {
				t.Fatalf("%d intervals in an hour", n)
			}
		})
	}
}

// A box that lay in a drawer for a year begins its month anew, and not in the month of
// that name.
func TestTheGreatestDemandBeginsAnewInTheSameMonthOfAnotherYear(t *testing.T) {
	b := newBench(t)
	b.planner = nil
	alone(b)
	b.power = 5 * units.Kilowatt
	b.run(time.Hour, 5*time.Minute)
	if most := b.st.Meter.Sliding.Max; most < 4*units.Kilowatt {
		t.Fatalf("the greatest demand is %s", most)
	}
	from := b.now.AddDate(1, 0, 0)
	meter, _ := b.site.watching().Count(b.st.Meter, metering.Consumption{From: from, To: from.Add(time.Minute), Import: units.WattHour})
	if most := meter.Sliding.Max; most >= 4*units.Kilowatt {
		t.Errorf("a year later the month's greatest demand is still %s", most)
	}
}

// A business pays for its highest half hour: what can wait is not run on top of more than was
// foreseen, nor is it left waiting when its hours end, or when somebody asks for it.
func TestWhatCanWaitMakesNoHigherDemand(t *testing.T) {
	charged := func(t *testing.T, charge tariffs.DemandCharge) *bench {
		b := newBench(t)
		b.planner = nil
		doc := b.site.Tariff.Document()
		doc.Versions = slices.Clone(doc.Versions)
		doc.Versions[0].Demand = []tariffs.DemandCharge{charge}
		var err error
		b.site.Tariff, err = tariffs.New(doc)
		must(t, err)
		b.st, err = b.site.Resume(b.st)
		must(t, err)
		flat := func(p units.Power) []units.Power { return slices.Repeat([]units.Power{p}, 8) }
		b.st.Plan = &planning.Plan{
			MadeAt: b.now, Start: b.now, Slot: 30 * time.Minute, Prices: make([]units.Price, 8), Low: flat(0),
			Mid: flat(500 * units.Watt), High: flat(units.Kilowatt),
			Loads: []planning.LoadPlan{{ID: "geyser", Power: flat(0)}, {ID: "washer", Power: flat(0)}},
		}
		b.st.Plan.Loads[0].Power[1] = 3 * units.Kilowatt // foreseen to come to 3.5 kW
		b.run(30*time.Minute, 10*time.Second)
		return b
	}
	workshop := func(t *testing.T) *bench {
		return charged(t, tariffs.DemandCharge{Name: "demand", Price: units.One, Unit: tariffs.KW, Interval: 30 * time.Minute})
	}
	t.Run("as foreseen it runs", func(t *testing.T) {
		b := workshop(t)
		b.run(10*time.Second, time.Second)
		if !b.states["geyser"] {
			t.Error("the geyser waits, and nothing is higher than was foreseen")
		}
	})
	t.Run("it does not start on top of more", func(t *testing.T) {
		b := workshop(t)
		b.power = 2 * units.Kilowatt
		b.run(20*time.Minute, 10*time.Second)
		if b.states["geyser"] || !slices.Contains(b.site.AbovePeak(&b.st, b.now), "geyser") {
			t.Errorf("the geyser runs in a half hour of %s besides", b.power)
		}
		b.power = 100 * units.Watt // the machine was switched off: there is room, also in what is left
		b.run(time.Minute, 10*time.Second)
		if !b.states["geyser"] {
			t.Error("there is room again, and the geyser waits")
		}
	})
	t.Run("it is paused, and not for a kettle", func(t *testing.T) {
		b := workshop(t)
		b.run(2*time.Minute, 10*time.Second)
		b.power = 2 * units.Kilowatt
		b.run(2*time.Minute, 10*time.Second)
		if !b.states["geyser"] {
			t.Error("the geyser was paused after two minutes of the half hour")
		}
		b.run(20*time.Minute, 10*time.Second)
		if b.states["geyser"] {
			t.Error("the geyser goes on")
		}
		most := units.Power(0)
		for _, p := range b.st.Tariff.Months[len(b.st.Tariff.Months)-1].Peaks {
			most = max(most, p.Highest)
		}
		if most > 3500*units.Watt {
			t.Errorf("charged for %s", most)
		}
	})
	t.Run("a power that is not known holds nothing", func(t *testing.T) {
		b := workshop(t)
		b.now = b.now.Add(10 * time.Minute) // nothing is heard
		b.step(Input{})
		if got := b.site.AbovePeak(&b.st, b.now); len(got) > 0 {
			t.Errorf("%v wait for a power of which nothing is known", got)
		}
	})
	t.Run("what somebody asks for runs", func(t *testing.T) {
		b := workshop(t)
		b.power = 2 * units.Kilowatt
		b.run(time.Minute, 10*time.Second)
		b.step(Input{What: Request{Kind: RunLoad, Load: "geyser"}})
		b.run(time.Minute, 10*time.Second)
		if !b.states["geyser"] {
			t.Error("the geyser waits although somebody asks for it")
		}
	})
	t.Run("who has no time left does not wait", func(t *testing.T) {
		b := workshop(t)
		l := b.site.Loads[0]
		progress := &b.st.Loads[0].Progress
		// Two hours are owed, and the need-day ends in two and a quarter.
		for b.now.Before(progress.To.Add(-135 * time.Minute)) {
			b.run(30*time.Minute, time.Minute)
			progress = &b.st.Loads[0].Progress
		}
		plan := *b.st.Plan
		plan.Start, plan.MadeAt = b.now, b.now
		plan.Loads = []planning.LoadPlan{{ID: "geyser", Power: slices.Repeat([]units.Power{l.Power}, 8)}}
		plan.Mid = make([]units.Power, 8)
		b.st.Plan = &plan
		progress.Delivered = 0
		b.power = 5 * units.Kilowatt
		b.run(2*time.Minute, 10*time.Second)
		if !b.states["geyser"] {
			t.Errorf("the geyser waits, and its day ends at %s", progress.To)
		}
	})
	t.Run("as foreseen it runs, where the plan begins in the middle of an interval", func(t *testing.T) {
		b := charged(t, tariffs.DemandCharge{Name: "demand", Price: units.One, Unit: tariffs.KW, Interval: time.Hour})
		plan := *b.st.Plan
		plan.Start, plan.MadeAt = b.now, b.now
		plan.Loads = []planning.LoadPlan{{ID: "geyser", Power: slices.Clone(plan.Loads[0].Power)}}
		plan.Loads[0].Power[0], plan.Loads[0].Power[1] = 3*units.Kilowatt, 0
		for name, p := range map[string]*planning.Plan{"a plan from before": b.st.Plan, "a new plan": &plan} {
			b.st.Plan = p
			if got := b.site.AbovePeak(&b.st, b.now.Add(time.Second)); len(got) > 0 {
				t.Errorf("%s: %v wait, and nothing is higher than was foreseen", name, got)
			}
		}
	})
	t.Run("who would be off for too long is not paused", func(t *testing.T) {
		for minOff, waits := range map[time.Duration]bool{0: true, time.Hour: false} {
			b := workshop(t)
			b.run(2*time.Minute, 10*time.Second)
			l, err := loads.Compile(loads.Document{
				ID: "geyser", Power: 3 * units.Kilowatt, MinOff: &minOff, Switch: loads.SwitchDocument{Driver: "house"},
				Need: &loads.NeedDocument{For: 2 * time.Hour, Between: []loads.Window{{From: 0, To: 3*60 + 30}}},
			}, b.site.Zone)
			must(t, err)
			b.site.Loads[0], b.st.Loads[0].Progress = l, l.Roll(loads.Progress{}, b.now)
			b.power = 2 * units.Kilowatt
			b.run(2*time.Minute+50*time.Second, 10*time.Second)
			if got := b.site.AbovePeak(&b.st, b.now.Add(20*time.Second)); slices.Contains(got, "geyser") != waits {
				t.Errorf("min_off %s, two hours in what is left of three and a half: %v wait", minOff, got)
			}
		}
	})
	t.Run("outside of the hours of the charge it runs", func(t *testing.T) {
		b := charged(t, tariffs.DemandCharge{Name: "demand", Price: units.One, Unit: tariffs.KW, Interval: 30 * time.Minute, Periods: []string{"night"}})
		plan := *b.st.Plan
		plan.Start = b.now.Add(5 * time.Hour)
		for b.now.Before(plan.Start.Add(30 * time.Minute)) { // to six
			b.run(time.Minute, time.Minute)
		}
		b.st.Plan = &plan
		b.power = 5 * units.Kilowatt
		b.run(time.Minute, 10*time.Second)
		if got := b.site.AbovePeak(&b.st, b.now); len(got) > 0 {
			t.Errorf("%v wait at %s, when no demand is charged for", got, b.now.In(b.site.Zone).Format("15:04"))
		}
	})
}
