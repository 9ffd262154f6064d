package planning

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// geyser is a load that needs so long a day, in some hours.
func geyser(need time.Duration, between ...loads.Window) loads.Document {
	none := time.Duration(0)
	return loads.Document{ID: "geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, MinOff: &none, Need: &loads.NeedDocument{For: need, Between: between}}
}

// on is when the plan has the load run, by its slots.
func on(plan Plan, id string) (out []time.Time) {
	for _, l := range plan.Loads {
		for t, kw := range l.Power {
			if l.ID == id && kw > 0 {
				out = append(out, plan.Start.Add(time.Duration(t)*plan.Slot))
			}
		}
	}
	return out
}

func demandTariff(t *testing.T, zone string, d tariffs.DemandCharge) *tariffs.Tariff {
	t.Helper()
	d.Name, d.Price = "max", 100*units.One
	tariff, err := tariffs.New(tariffs.Document{
		Name: "demand", Currency: "ZAR", Zone: zone,
		Versions: []tariffs.Version{{Energy: []tariffs.EnergyCharge{{Name: "energy", Price: 1_000_000}}, Demand: []tariffs.DemandCharge{d}}},
	})
	must(t, err)
	return tariff
}

func TestDemandIntervalsLieOnTheClockWhateverTheSlots(t *testing.T) {
	for name, c := range map[string]struct {
		slot, interval, at time.Duration
		zone               string
		slots, phase       int
	}{
		"slots as long":                                 {30 * time.Minute, 30 * time.Minute, 0, "Africa/Johannesburg", 1, 0},
		"two slots, from the first":                     {15 * time.Minute, 30 * time.Minute, 0, "Africa/Johannesburg", 2, 0},
		"two slots, from the second":                    {15 * time.Minute, 30 * time.Minute, 15 * time.Minute, "Africa/Johannesburg", 2, 1},
		"an hour, from its half":                        {30 * time.Minute, time.Hour, 30 * time.Minute, "Africa/Johannesburg", 2, 1},
		"a slot has several":                            {30 * time.Minute, 15 * time.Minute, 0, "Africa/Johannesburg", 1, 0},
		"the local hour begins at half past one of UTC": {30 * time.Minute, time.Hour, 0, "Asia/Kolkata", 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			zone, err := time.LoadLocation(c.zone)
			must(t, err)
			b := newBenchIn(t, zone, false, geyser(2*time.Hour))
			b.rules.Slot, b.rules.Tariff = c.slot, demandTariff(t, c.zone, tariffs.DemandCharge{Interval: c.interval})
			b.now = b.now.Add(c.at)
			_, _, p := b.problem()
			if d := p.Demand[0]; d.Interval != c.slots || d.Phase != c.phase {
				t.Errorf("%d slots an interval, of which %d are gone; want %d and %d", d.Interval, d.Phase, c.slots, c.phase)
			}
			if faults := p.Check(); len(faults) > 0 {
				t.Error(faults)
			}
		})
	}
}

// drawn books power of some minutes up to now.
func (b *bench) drawn(kw float64, minutes int, reactive float64) {
	from := b.now
	b.now = b.now.Add(time.Duration(minutes) * time.Minute)
	h := float64(minutes) / 60
	b.account, _ = b.rules.Tariff.ConsumeReading(b.account, tariffs.Reading{From: from, To: b.now, Energy: units.FromKWh(kw * h), Reactive: units.FromKWh(reactive * h)})
}

func TestTheDemandIntervalUnderWayCountsWhatItHoldsAndTheMonthsPeakIsFree(t *testing.T) {
	b := newBench(t, false, geyser(2*time.Hour))
	b.rules.Tariff = demandTariff(t, "Africa/Johannesburg", tariffs.DemandCharge{Interval: time.Hour})
	b.unlocked = true
	b.drawn(5, 60, 0)
	b.drawn(4, 30, 0)
	_, _, p := b.problem()
	d := p.Demand[0]
	if math.Abs(d.FloorKW-5) > 1e-6 || math.Abs(d.HeldKW-4) > 1e-6 || d.Phase != 1 {
		t.Errorf("%+v, want a floor of 5 kW, 4 kW in the half hour that is gone", d)
	}
	// 2.5 kW on top of the half hour's 4 stay below 5 in the mean; 7 do not.
	plan := b.planAt(b.now)
	for _, at := range on(plan, "geyser") {
		if !at.After(b.now) {
			t.Log("it runs at once: 3 kW in the second half of the hour are free")
		}
	}
}

func TestDemandInKVAIsPricedByTheMeasuredPowerFactor(t *testing.T) {
	for name, c := range map[string]struct {
		charge   tariffs.DemandCharge
		reactive float64
		price    float64 // of a kW
	}{
		"kW":           {tariffs.DemandCharge{Interval: 30 * time.Minute}, 3, 100},
		"as measured":  {tariffs.DemandCharge{Interval: 30 * time.Minute, Unit: tariffs.KVA}, 3, 125}, // 4 kW and 3 kvar are 5 kVA
		"as assumed":   {tariffs.DemandCharge{Interval: 30 * time.Minute, Unit: tariffs.KVA, AssumeFactor: 500_000}, 0, 200},
		"nothing told": {tariffs.DemandCharge{Interval: 30 * time.Minute, Unit: tariffs.KVA}, 0, 100},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false, geyser(2*time.Hour))
			b.rules.Tariff = demandTariff(t, "Africa/Johannesburg", c.charge)
			b.drawn(4, 30, c.reactive)
			_, _, p := b.problem()
			if d := p.Demand[0]; math.Abs(d.PricePerKW-c.price) > 1e-6 || math.Abs(d.FloorKW-4) > 1e-6 {
				t.Errorf("a kW costs %v above %v kW, want %v above 4", d.PricePerKW, d.FloorKW, c.price)
			}
		})
	}
}

// hourly is a tariff of a price for each hour of the day.
func hourly(t *testing.T, in func(hour int) units.Price, out units.Price) *tariffs.Tariff {
	t.Helper()
	d := tariffs.Document{Name: "hours", Currency: "ZAR", Zone: "Africa/Johannesburg"}
	v := tariffs.Version{}
	for h := range 24 {
		name := time.Date(2026, 1, 1, h, 0, 0, 0, time.UTC).Format("h15")
		span := tariffs.Span{From: tariffs.TimeOfDay(h * 60), To: tariffs.TimeOfDay((h + 1) % 24 * 60)}
		d.Calendar.Periods = append(d.Calendar.Periods, tariffs.Period{Name: name, Times: []tariffs.Span{span}})
		v.Energy = append(v.Energy, tariffs.EnergyCharge{Name: name, Periods: []string{name}, Price: in(h)})
	}
	if out != 0 {
		v.Export = []tariffs.EnergyCharge{{Name: "fed in", Price: out}}
	}
	d.Versions = []tariffs.Version{v}
	tariff, err := tariffs.New(d)
	must(t, err)
	return tariff
}

// paidForAtOne is a home with an hour of a geyser and prices of which that at 13 o'clock is
// the furthest below zero.
func paidForAtOne(t *testing.T) *bench {
	b := newBench(t, false, geyser(time.Hour))
	b.rules.Tariff = hourly(t, func(h int) units.Price {
		switch h {
		case 11, 12, 14:
			return -100_000
		case 13:
			return -900_000
		}
		return 1_000_000
	}, 0)
	return b
}

// runsAtOne holds that the geyser runs when most is paid for it.
func (b *bench) runsAtOne(t *testing.T) {
	t.Helper()
	for _, at := range on(b.planAt(b.now), "geyser") {
		if h := at.In(b.rules.Zone).Hour(); h != 13 {
			t.Errorf("it runs at %d o'clock, and at 13 most is paid for it", h)
		}
	}
}

func TestALoadRunsWhereEnergyIsPaidForMost(t *testing.T) {
	b := paidForAtOne(t)
	b.unlocked = true
	b.runsAtOne(t)
	b.unlocked = false // a price below zero is none where credit is counted
	_, _, p := b.problem()
	if faults := p.Check(); len(faults) > 0 {
		t.Error(faults)
	}
}

func TestALoadLeavesTheSunThatIsPaidMoreThanEnergyCosts(t *testing.T) {
	b := newBench(t, false, geyser(time.Hour))
	b.unlocked = true
	b.rules.Tariff = hourly(t, func(int) units.Price { return 1_000_000 }, 1_500_000)
	var past []Interval
	for d := -14; d < 0; d++ {
		for _, slot := range units.Slots(b.now.AddDate(0, 0, d), b.rules.Interval, 48) {
			iv := metering.Interval{Slot: slot, Import: units.FromKWh(0.25), Covered: slot.Len}
			if h := slot.Start.In(b.rules.Zone).Hour(); h >= 10 && h < 14 {
				iv.Import, iv.Export = 0, units.FromKWh(2)
			}
			past = append(past, Interval{Series: SiteSeries, Interval: iv})
		}
	}
	b.Learn(past)
	for _, at := range on(b.planAt(b.now), "geyser") {
		if h := at.In(b.rules.Zone).Hour(); h >= 10 && h < 14 {
			t.Errorf("it takes the sun at %d o'clock, which is worth more fed in", h)
		}
	}
	b.rules.Tariff = hourly(t, func(int) units.Price { return 1_000_000 }, 500_000)
	for _, at := range on(b.planAt(b.now), "geyser") {
		if h := at.In(b.rules.Zone).Hour(); h < 10 || h >= 14 {
			t.Errorf("it runs at %d o'clock, and the sun is worth less fed in", h)
		}
	}
}

func TestAStartCostsTheSameShareOfEnergyInEveryCurrency(t *testing.T) {
	share := func(scale float64) (start, short float64) {
		b := newBench(t, false, geyser(time.Hour))
		b.rules.Tariff = hourly(t, func(h int) units.Price { return units.Price(float64(1_000_000+100_000*h) * scale) }, 0)
		_, _, p := b.problem()
		o := p.Loads[0].OnOff
		slot := o.KW * p.Hours() * p.ImportPrice[0]
		return o.StartCost / slot, o.ShortPenalty / slot
	}
	start, short := share(1)
	if start <= 0 || start > 0.05 || short < 5 {
		t.Errorf("a start costs %v and a missing slot %v slots of energy", start, short)
	}
	for _, scale := range []float64{0.001, 1000} {
		if a, b := share(scale); math.Abs(a-start) > 0.001*start || math.Abs(b-short) > 0.001*short {
			t.Errorf("where a kWh costs %v times as much, a start costs %v and a missing slot %v slots of energy; want %v and %v", scale, a, b, start, short)
		}
	}
}

// A limit of a load or a class is known to the plan: it goes around it, and whoever shares it
// goes one after another.
func TestALimitOfALoadOrAClassIsKnownToThePlan(t *testing.T) {
	none := time.Duration(0)
	car := loads.Document{ID: "car", Kind: loads.OnOff, Power: 2 * units.Kilowatt, MinOff: &none, Need: &loads.NeedDocument{For: 2 * time.Hour}}
	b := newBench(t, false, geyser(2*time.Hour), car)
	power := func(plan Plan, id string, at time.Time) (p units.Power) {
		for _, l := range plan.Loads {
			if i := int(at.Sub(plan.Start) / plan.Slot); l.ID == id && i >= 0 && i < len(l.Power) {
				p = l.Power[i]
			}
		}
		return p
	}
	free := b.planAt(b.now)
	began := on(free, "geyser")[0]
	brief := b.brief(b.now)
	brief.Limits = []Limit{{From: began, To: began.Add(3 * time.Hour), Power: 2500 * units.Watt, Of: []string{"geyser"}}}
	for _, at := range on(b.planOf(brief), "geyser") {
		if !at.Before(began) && at.Before(began.Add(3*time.Hour)) {
			t.Errorf("3 kW at %s, with a limit of 2.5", at)
		}
	}
	day := b.now.Add(24 * time.Hour)
	brief.Limits = []Limit{{From: b.now, To: day, Power: 4 * units.Kilowatt, Of: []string{"car", "geyser"}}}
	both := b.planOf(brief)
	for at := both.Start; at.Before(day); at = at.Add(both.Slot) {
		if sum := power(both, "geyser", at) + power(both, "car", at); sum > 4*units.Kilowatt {
			t.Errorf("%s of both at %s, with a limit of 4 kW", sum, at)
		}
	}
	if len(on(both, "geyser")) < 4 || len(on(both, "car")) < 4 {
		t.Errorf("geyser at %v, car at %v: both have room one after another", on(both, "geyser"), on(both, "car"))
	}
	// What runs whatever the plan says takes its part.
	for i := range brief.Loads {
		if brief.Loads[i].ID == "car" {
			brief.Loads[i].Committed = b.now.Add(2 * time.Hour)
		}
	}
	_, o := b.look(&brief)
	p, _ := b.rules.problem(&brief, o)
	if len(p.Circuits) != 1 || p.Circuits[0].At(1) != 2 || p.Circuits[0].At(10) != 4 {
		t.Errorf("%+v", p.Circuits)
	}
}

func TestALoadIsPlannedBesideWhatTheBaseLoadMayBe(t *testing.T) {
	b := newBench(t, false, geyser(time.Hour), loads.Document{ID: "pump", Kind: loads.OnOff, Power: units.Kilowatt, Need: &loads.NeedDocument{For: time.Hour}})
	b.rules.Power = 5 * units.Kilowatt
	brief, o, _ := b.problem()
	for i := range o.mid {
		o.mid[i], o.high[i] = 0.5, 1.5
	}
	p, _ := b.rules.problem(&brief, o)
	if got := p.SiteLimitKW[0]; math.Abs(got-4) > 1e-9 {
		t.Errorf("%v kW are left to base load and loads, want 5 less the 1 that the base load may be more", got)
	}
	b.rules.Power = 3600 * units.Watt // the geyser fits beside the mean only
	p, _ = b.rules.problem(&brief, o)
	if got := p.SiteLimitKW[0]; math.Abs(got-3.5) > 1e-9 {
		t.Errorf("%v kW are left, want the 3.5 with which the geyser can run at all", got)
	}
}

func TestANeedIsDividedOverItsWindowsByWhatThePlanCosts(t *testing.T) {
	night, noon := loads.Window{From: 1 * 60, To: 3 * 60}, loads.Window{From: 12 * 60, To: 15 * 60}
	b := newBench(t, false, geyser(2*time.Hour, night, noon), loads.Document{
		ID: "car", Kind: loads.OnOff, Power: 3 * units.Kilowatt, Priority: 1, Need: &loads.NeedDocument{For: 2 * time.Hour, Between: []loads.Window{night}},
	})
	b.unlocked = true
	b.rules.Power = 4 * units.Kilowatt // one of them at a time
	plan := b.planAt(b.now)
	if len(plan.Short) > 0 {
		t.Errorf("short: %+v; the geyser may run at noon", plan.Short)
	}
	for _, at := range on(plan, "geyser") {
		if h := at.In(b.rules.Zone).Hour(); h < 12 || h >= 15 {
			t.Errorf("the geyser runs at %d o'clock, beside the car or outside its windows", h)
		}
	}
	if n := len(on(plan, "geyser")); n != 4 {
		t.Errorf("the geyser has %d slots", n)
	}
}

func TestTheMinimumOnAndOffTimesThatRunAreTheOptimizersHold(t *testing.T) {
	for name, c := range map[string]struct {
		on     bool
		locked time.Duration
		want   optimizer.Switching
	}{
		"on for a while yet":        {true, 70 * time.Minute, optimizer.Switching{InitOn: true, Hold: 3}},
		"on and free":               {true, 0, optimizer.Switching{InitOn: true}},
		"off for a while yet":       {false, 70 * time.Minute, optimizer.Switching{Hold: 2}},
		"off and free":              {false, 0, optimizer.Switching{}},
		"off, free within the slot": {false, 10 * time.Minute, optimizer.Switching{}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false, geyser(4*time.Hour))
			brief, o, _ := b.problem()
			r := &brief.Loads[0].Requests[0]
			r.On = c.on
			if c.locked > 0 {
				r.Locked = b.now.Add(c.locked)
			}
			p, _ := b.rules.problem(&brief, o)
			got := p.Loads[0].OnOff.Switching
			if got.InitOn != c.want.InitOn || got.Hold != c.want.Hold {
				t.Errorf("on %v, held for %d slots; want %v and %d", got.InitOn, got.Hold, c.want.InitOn, c.want.Hold)
			}
		})
	}
}

// Prices come, credit is bought, a person asks: plans are made at any minute of a slot.
func TestAPlanMadeWithinASlotMayUseWhatIsLeftOfIt(t *testing.T) {
	for name, c := range map[string]struct {
		gone time.Duration
		on   bool
		used bool
	}{
		"it runs, a minute is gone":            {time.Minute, true, true},
		"it runs, a minute is left":            {29 * time.Minute, true, true},
		"it is off, a minute is gone":          {time.Minute, false, true},
		"it is off, half of it is gone":        {15 * time.Minute, false, true},
		"it is off, less than half of it left": {16 * time.Minute, false, false},
	} {
		b := newBench(t, false, geyser(time.Hour))
		b.unlocked = true
		slot := b.now
		cheap := slot.Add(c.gone).In(b.rules.Zone).Hour()
		b.rules.Tariff = hourly(t, func(h int) units.Price {
			if h == cheap {
				return 500_000
			}
			return 1_000_000
		}, 0)
		brief := b.brief(slot.Add(c.gone))
		brief.Loads[0].Requests[0].On = c.on
		plan := b.planOf(brief)
		if first := plan.Loads[0].Power[0] > 0; first != c.used || !plan.Start.Equal(slot) {
			t.Errorf("%s: it runs in the slot under way: %t; the plan begins at %s", name, first, plan.Start)
		}
	}
}

func TestADaySeenInPartIsNotAskedForInFullAndNamesNoShortfall(t *testing.T) {
	for name, c := range map[string]struct {
		at   time.Duration // after midnight
		want int           // slots of the day after that are asked for
	}{
		"its first half hour is as cheap as those after": {30 * time.Minute, 1},
		"the day's cheap hours are seen":                 {8 * time.Hour, 4},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false, geyser(2*time.Hour))
			b.unlocked = true
			b.now = b.now.Add(c.at)
			_, _, p := b.problem()
			tomorrow := p.Loads[len(p.Loads)-1]
			if len(p.Loads) != 2 || tomorrow.OnOff.NeedSlots != c.want || tomorrow.PriceCap == 0 {
				t.Errorf("%d jobs, of tomorrow %+v at most at %v", len(p.Loads), tomorrow.OnOff, tomorrow.PriceCap)
			}
			if plan := b.planAt(b.now); len(plan.Short) > 0 {
				t.Errorf("it names %+v", plan.Short)
			}
		})
	}
}

func TestAnAnnouncedStartThatIsNearMovesForMuchAndSaysWhatIsGained(t *testing.T) {
	price := func(dear int) func(int) units.Price {
		return func(h int) units.Price {
			if h == dear {
				return 3_000_000
			}
			return 1_000_000
		}
	}
	b := newBench(t, false, geyser(time.Hour))
	b.unlocked = true
	b.rules.Tariff = hourly(t, func(h int) units.Price {
		if h == 1 {
			return 900_000
		}
		return 1_000_000
	}, 0)
	first := b.planAt(b.now)
	start, _, _ := first.Run("geyser", b.now)
	if want := b.now.Add(time.Hour); !start.Equal(want) {
		t.Fatalf("it starts at %s, want %s", start, want)
	}
	b.last = &first
	b.rules.Tariff = hourly(t, func(h int) units.Price { // another hour is a little cheaper now
		if h == 3 {
			return 850_000
		}
		return 900_000
	}, 0)
	second := b.planAt(b.now)
	if got, _, _ := second.Run("geyser", b.now); !got.Equal(start) || second.Loads[0].Why == nil || !second.Loads[0].Why.Moved.IsZero() {
		t.Errorf("it starts at %s for so little, announced was %s", got, start)
	}
	b.last = &second
	b.rules.Tariff = hourly(t, price(1), 0) // its hour is dear now
	third := b.planAt(b.now)
	why := third.Loads[0].Why
	if got, _, _ := third.Run("geyser", b.now); got.Equal(start) || why == nil || !why.Moved.Equal(start) || why.Gain != 6*units.One {
		t.Errorf("it starts at %s, because %+v; want another hour than %s, for a gain of 6", got, why, start)
	}
}

// Planned before its prices were sent, a run goes where they are lowest, be it for little.
func TestWhatWasPlannedAtAPriceThatWasStillToBeSentIsNotHeldThere(t *testing.T) {
	for _, c := range []struct {
		situation string
		sent      bool // prices for the hours of the plan in force, before it was made
		moves     bool
	}{
		{"its price had been sent", true, false},
		{"its price is sent now", false, true},
	} {
		b := newBench(t, false, geyser(time.Hour))
		b.unlocked = true
		b.rules.Tariff = hourly(t, func(int) units.Price { return 1_000_000 }, 0)
		first := b.planAt(b.now)
		start, _, _ := first.Run("geyser", b.now)
		prices := func(h int) units.Price {
			if h == 9 {
				return 955_000
			}
			return 980_000
		}
		if c.sent {
			b.rules.Tariff = hourly(t, func(int) units.Price { return 980_000 }, 0)
			first = b.planAt(b.now)
			start, _, _ = first.Run("geyser", b.now)
		}
		b.last = &first
		b.rules.Tariff = hourly(t, prices, 0)
		second := b.planAt(b.now)
		if got, _, _ := second.Run("geyser", b.now); got.Equal(start) == c.moves {
			t.Errorf("%s: it was to start at %s, and starts at %s", c.situation, start, got)
		}
	}
}

func TestWhatCostsTheSameRunsBesideTheLeastBaseLoadThenEarlyAndInOnePiece(t *testing.T) {
	for name, c := range map[string]struct {
		quiet int // o'clock, from when on little is drawn for two hours
		want  int // o'clock
	}{
		"the base load is the same all day": {-1, 0},
		"two hours are quieter":             {10, 10},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false, geyser(2*time.Hour))
			b.unlocked = true
			b.rules.Tariff = hourly(t, func(int) units.Price { return 1_000_000 }, 0)
			brief, o, _ := b.problem()
			for i, slot := range o.slots {
				o.mid[i] = 1
				if h := slot.Start.In(b.rules.Zone).Hour(); h == c.quiet || h == c.quiet+1 {
					o.mid[i] = 0.2
				}
			}
			p, jobs := b.rules.problem(&brief, o)
			runs := optimizer.Solve(t.Context(), p, b.options(p, o)).Loads[jobs[0].job.ID].KW
			from := slices.IndexFunc(runs, func(kw float64) bool { return kw > 0 })
			if from != 2*c.want || runs[from+1] == 0 || runs[from+2] == 0 || runs[from+3] == 0 {
				t.Errorf("it runs at %v, want at %d o'clock and in one piece", runs, c.want)
			}
		})
	}
}
