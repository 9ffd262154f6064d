package control

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// garage is a bench of a house with a car that is told 6 to 32 A, and a geyser that is more
// important.  The car is planned at 7360 W.
func garage(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	none := time.Duration(0)
	car, err := loads.Compile(loads.Document{
		ID: "car", Name: "Car", Kind: loads.Varies, Priority: 5, MinOff: &none,
		Range: &loads.RangeDocument{Min: loads.Level{Current: 6_000}, Max: loads.Level{Current: 32_000}, Step: loads.Level{Current: 1_000}},
		Need:  &loads.NeedDocument{Energy: 30 * units.KilowattHour}, Switch: loads.SwitchDocument{Driver: "house"},
	}, b.site.Zone)
	must(t, err)
	b.site.Loads = []loads.Load{b.site.Loads[0], car}
	guard := loads.DefaultGuard()
	guard.GapMin, guard.GapMax, guard.Spread = 0, 0, 0
	guard.Supply, guard.SupplyFeedback = true, true
	b.site.Guard = loads.NewGuard(guard, b.site.Loads, b.site.Zone)
	b.st, err = b.site.Resume(b.st)
	must(t, err)
	b.planner, b.sets, b.gone, b.deaf = nil, map[string]loads.Setpoint{}, map[string]bool{}, map[string]units.Power{}
	power := slices.Repeat([]units.Power{7360 * units.Watt}, 8)
	b.st.Plan = &planning.Plan{
		MadeAt: b.now, Start: b.now, Slot: 30 * time.Minute, Prices: make([]units.Price, 8),
		Loads: []planning.LoadPlan{{ID: "geyser", Power: make([]units.Power, 8)}, {ID: "car", Power: power}},
	}
	b.run(10*time.Second, time.Second)
	if got := b.sets["car"]; got.Power != 7360*units.Watt {
		t.Fatalf("told %v", got)
	}
	b.events = nil
	return b
}

// plans has the plan in force give a load one power.
func (b *bench) plans(id string, p units.Power) {
	plan := *b.st.Plan
	plan.Loads = slices.Clone(plan.Loads)
	for i := range plan.Loads {
		if plan.Loads[i].ID == id {
			plan.Loads[i].Power = slices.Repeat([]units.Power{p}, len(plan.Prices))
		}
	}
	b.st.Plan = &plan
}

func (b *bench) told(id string) string { return b.sets[id].String() }

func (b *bench) happened(code string) bool {
	return slices.ContainsFunc(b.events, func(e Event) bool { return e.Code == code })
}

func TestTheLimitLowersACarBeforeItIsSwitchedOff(t *testing.T) {
	b := garage(t)
	b.site.Power = 6 * units.Kilowatt // a limit comes: 500 W are drawn besides
	b.reading(time.Second)
	if got := b.told("car"); got != "on 5290 W" || !b.happened("load_lowered") {
		t.Errorf("told %s at the first reading above the limit", got)
	}
	b.run(20*time.Second, time.Second)
	if got := b.told("car"); got != "on 5290 W" {
		t.Errorf("then %s: it was below the limit", got)
	}
	b.site.Power = 2 * units.Kilowatt
	b.reading(time.Second)
	if got := b.told("car"); got != "on 1380 W" {
		t.Errorf("the limit falls: %s", got)
	}
	b.run(20*time.Second, time.Second)
	b.site.Power = 1500 * units.Watt
	b.reading(time.Second)
	if got := b.told("car"); got != "off" {
		t.Errorf("the limit is below its least: %s", got)
	}
	if n := b.st.Guard.Unit("car").Starts; n != 1 {
		t.Errorf("%d starts", n)
	}
	b.site.Power = 0
	b.run(shedFor+3*time.Minute, 10*time.Second)
	if got := b.told("car"); got != "on 7360 W" {
		t.Errorf("the limit is gone: %s", got)
	}
}

func TestACarThatDoesNotFollowIsSwitchedOff(t *testing.T) {
	b := garage(t)
	b.site.Power = 6 * units.Kilowatt
	b.deaf["car"] = 7300 * units.Watt
	b.run(5*time.Second, time.Second)
	if got := b.told("car"); got != "off" {
		t.Errorf("it draws 7.3 kW whatever it is told, and is told %s", got)
	}
}

func TestAfterARestartTheSetpointIsSaidAgainAndNothingStarts(t *testing.T) {
	b := garage(t)
	st := b.restarted()
	st, eff := b.site.Step(st, Input{Now: b.now.Add(2 * time.Second), Fresh: true, Facts: b.facts()})
	said := ""
	for _, c := range eff.Commands {
		if c.ID == "car" {
			said += c.Set.String()
		}
	}
	if u := st.Guard.Unit("car"); said != "on 7360 W" || u.Starts != 1 {
		t.Errorf("said %q, %d starts", said, u.Starts)
	}
	// The plan was made anew while it was away.
	st = b.restarted()
	st.Plan.Loads[1].Power[0] = 2300 * units.Watt
	b.now = b.now.Add(10 * time.Second)
	st, _ = b.site.Step(st, Input{Now: b.now, Fresh: true, Facts: b.facts()})
	b.now = b.now.Add(3 * time.Second)
	st, eff = b.site.Step(st, Input{Now: b.now, Facts: b.facts()})
	if !slices.ContainsFunc(eff.Commands, func(c loads.Command) bool { return c.Set.Power == 2300*units.Watt }) || st.Guard.Unit("car").Starts != 1 {
		t.Errorf("%+v", eff.Commands)
	}
}

func TestWhatAPersonSetsAtTheChargerGoesBeforeThePlanForAWhile(t *testing.T) {
	b := garage(t)
	b.sets["car"] = loads.Setpoint{On: true, Power: 2300 * units.Watt}
	b.reading(time.Second)
	if !b.happened("load_set") {
		t.Fatal("nothing is said of it")
	}
	o := b.st.load("car").Progress.Override
	if o == nil || !o.Run || o.By != loads.AtDevice || o.Set.Power != 2300*units.Watt {
		t.Fatalf("%+v", o)
	}
	b.run(50*time.Minute, time.Minute)
	if got := b.told("car"); got != "on 2300 W" {
		t.Errorf("within the hour it is told %s", got)
	}
	if brief := b.site.Brief(&b.st); !brief.Loads[1].Committed.Equal(o.Until) || brief.Loads[1].Power != 2300*units.Watt {
		t.Errorf("the plan is told of %+v", brief.Loads[1])
	}
	b.run(20*time.Minute, time.Minute)
	if got := b.told("car"); got != "on 7360 W" {
		t.Errorf("after it %s", got)
	}
	// Off is a wish too, and a person takes it back on the page.
	b.states["car"], b.sets["car"] = false, loads.Setpoint{}
	b.run(2*time.Minute, time.Minute)
	if got := b.told("car"); got != "off" {
		t.Errorf("switched off by hand it is told %s", got)
	}
	b.step(Input{What: Request{Kind: AutoLoad, Load: "car", By: "page"}})
	b.run(5*time.Minute, time.Minute)
	if got := b.told("car"); got != "on 7360 W" {
		t.Errorf("back to the plan: %s", got)
	}
	// Nobody at the device undoes what protects, or what spares the credit.
	b.site.Supply.Shed = []ShedRule{{Below: 1000 * units.One, Priority: 5}}
	b.run(2*time.Minute, time.Minute)
	b.states["car"], b.sets["car"] = true, loads.Setpoint{On: true, Power: 7360 * units.Watt}
	b.run(2*time.Minute, time.Minute)
	if got := b.told("car"); got != "off" {
		t.Errorf("while the credit is spared: %s", got)
	}
}

func TestACarRunNowRunsAtAllItMayDraw(t *testing.T) {
	b := garage(t)
	b.plans("car", 0)
	b.run(5*time.Minute, time.Minute)
	if got := b.told("car"); got != "off" {
		t.Fatalf("told %s", got)
	}
	b.step(Input{What: Request{Kind: RunLoad, Load: "car", By: "page"}})
	b.run(5*time.Second, time.Second)
	if got := b.told("car"); got != "on 7360 W" {
		t.Errorf("told %s", got)
	}
	if b.st.load("car").Progress.Override.By != "page" {
		t.Errorf("its own command is taken for a hand: %+v", b.st.load("car").Progress.Override)
	}
}

func TestAChargerThatIsGoneIsToldOfAndNotFlooded(t *testing.T) {
	b := garage(t)
	b.gone["car"] = true
	var said []string
	for range 60 {
		eff := b.reading(10 * time.Second)
		for _, c := range eff.Commands {
			if c.ID == "car" {
				said = append(said, c.Set.String())
			}
		}
		if b.now.Sub(begin()) > 5*time.Minute {
			b.plans("car", 2300*units.Watt) // wanted otherwise meanwhile
		}
	}
	if len(said) == 0 || len(said) > 12 {
		t.Errorf("told %d times in 10 minutes: %s", len(said), strings.Join(said, ", "))
	}
	if !b.st.Health.Has(health.SwitchSilent, "car") {
		t.Errorf("no warning: %+v", b.st.Health.Active)
	}
	b.gone["car"] = false
	b.run(time.Minute, 5*time.Second)
	if got := b.told("car"); got != "on 2300 W" || b.st.Health.Has(health.SwitchSilent, "car") {
		t.Errorf("it is back and is told %s", got)
	}
	if b.happened("load_set") {
		t.Error("what it did when it came back is taken for a person's hand")
	}
}

func TestACarStopsWhenItHasWhatItNeeds(t *testing.T) {
	b := garage(t)
	b.st.load("car").Progress.Energy = 29*units.KilowattHour + 900*units.WattHour
	b.run(2*time.Minute, 10*time.Second)
	if got := b.told("car"); got != "off" {
		t.Errorf("told %s", got)
	}
	if got := b.st.load("car").Progress.Energy.KWh(); got < 30 || got > 30.3 {
		t.Errorf("it got %v kWh, 30 are needed", got)
	}
}
