package planning

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
)

// charger is a car that is told 6 to 32 A of one phase and wants so much by 07:00; it may
// charge from 18:00 on.
func charger(need units.Energy, change ...func(d *loads.Document)) loads.Document {
	by, none := loads.TimeOfDay(7*60), time.Duration(0)
	d := loads.Document{
		ID: "car", Name: "Car", Kind: loads.Varies, MinOff: &none,
		Range:   &loads.RangeDocument{Min: loads.Level{Current: 6_000}, Max: loads.Level{Current: 32_000}, Step: loads.Level{Current: 1_000}},
		Need:    &loads.NeedDocument{Energy: need, Between: []loads.Window{{From: 18 * 60, To: 10 * 60}}},
		ReadyBy: &by,
	}
	for _, f := range change {
		f(&d)
	}
	return d
}

// given is what a plan gives a load between two instants, and holds its powers to those
// that it can be told.
func given(t testing.TB, b *bench, plan Plan, id string, from, to time.Time) units.Energy {
	t.Helper()
	var sum units.Energy
	for i, l := range plan.Loads {
		if l.ID != id {
			continue
		}
		for k, p := range l.Power {
			at := plan.Start.Add(time.Duration(k) * plan.Slot)
			if p != 0 && b.rules.Loads[i].Takes().Check(loads.Setpoint{On: true, Power: p}) != nil {
				t.Errorf("at %v it is to draw %v W, which it cannot be told", at, p.W())
			}
			if !at.Before(from) && at.Before(to) {
				sum += p.Over(plan.Slot)
			}
		}
	}
	return sum
}

const smallStep = 230 * units.Watt

func TestACarGetsItsEnergyByItsTimeInTheCheapHours(t *testing.T) {
	b := newBench(t, false, charger(20*units.KilowattHour))
	b.unlocked = true
	b.now = begin().Add(-5 * time.Hour) // 19:00
	plan := b.planAt(b.now)
	cheap, ready := begin().Add(-2*time.Hour), begin().Add(6*time.Hour)
	got := given(t, b, plan, "car", cheap, ready)
	if d := (got - 20*units.KilowattHour).KWh(); math.Abs(d) > smallStep.Over(plan.Slot).KWh() {
		t.Errorf("%v kWh between 22:00 and 06:00, want 20", got.KWh())
	}
	if other := given(t, b, plan, "car", b.now.Add(-time.Hour), begin().Add(9*time.Hour)) - got; other != 0 {
		t.Errorf("%v kWh at dear hours", other.KWh())
	}
	if len(plan.Short) > 0 {
		t.Errorf("short: %+v", plan.Short)
	}
	if set := plan.Setpoint("car", on(plan, "car")[0]); !set.On || set.Power < 1380*units.Watt {
		t.Errorf("it begins as %v", set)
	}
	// The next plan keeps what was announced.
	b.last, b.now = &plan, b.now.Add(30*time.Minute)
	next := b.planAt(b.now)
	if a, c := on(plan, "car"), on(next, "car"); !slices.EqualFunc(a, c, time.Time.Equal) {
		t.Errorf("announced for %v, moved to %v", a, c)
	}
}

func TestACarLeavesRoomBelowTheLimit(t *testing.T) {
	night := loads.Window{From: 0, To: 2 * 60}
	b := newBench(t, false, charger(8*units.KilowattHour, func(d *loads.Document) {
		d.Need.Between, d.ReadyBy = []loads.Window{night}, nil
	}), geyser(2*time.Hour, night))
	b.unlocked = true
	b.rules.Power = 8 * units.Kilowatt // the car at its greatest and the geyser are more
	plan := b.planAt(b.now)
	if len(plan.Short) > 0 {
		t.Errorf("short: %+v", plan.Short)
	}
	if got := given(t, b, plan, "car", b.now, b.now.Add(2*time.Hour)); math.Abs(got.KWh()-8) > 0.12 {
		t.Errorf("%v kWh, want 8", got.KWh())
	}
	for k := range 4 {
		sum := plan.Loads[0].Power[k] + plan.Loads[1].Power[k]
		if sum > 8*units.Kilowatt || plan.Loads[0].Power[k] >= 7360*units.Watt {
			t.Errorf("slot %d: %v W and %v W", k, plan.Loads[0].Power[k].W(), plan.Loads[1].Power[k].W())
		}
	}
}

func TestWhatIsLeftOfANeedIsASlotAtTheLeast(t *testing.T) {
	b := newBench(t, false, charger(300*units.WattHour))
	b.unlocked = true
	plan := b.planAt(b.now)
	if got := given(t, b, plan, "car", b.now, begin().Add(7*time.Hour)); got != (1380*units.Watt).Over(plan.Slot) || len(on(plan, "car")) < 1 {
		t.Errorf("%v kWh in %d slots", got.KWh(), len(on(plan, "car")))
	}
}

func TestACarThatTheCreditDoesNotAllowGetsLess(t *testing.T) {
	whole := units.Energy(0)
	for _, left := range []units.Money{1000 * units.One, 12 * units.One, units.One} {
		b := newBench(t, false, charger(20*units.KilowattHour))
		b.Learn(b.habits(b.now.AddDate(0, 0, -20), b.now))
		b.left = left
		plan := b.planAt(b.now)
		got := given(t, b, plan, "car", b.now, begin().Add(7*time.Hour))
		missing := units.Energy(0)
		for _, f := range plan.Short {
			if f.Load == "car" && f.Cause == ShortOfCredit {
				missing += f.Energy + b.rules.Loads[0].Power.Over(f.Time)
			}
		}
		switch left {
		case 1000 * units.One:
			whole = got
			if missing > 0 || got.KWh() < 19.8 {
				t.Errorf("with credit for months it gets %v kWh and lacks %v", got.KWh(), missing.KWh())
			}
		case units.One:
			if got > 0 || missing < 10*units.KilowattHour {
				t.Errorf("with no credit to speak of it gets %v kWh; missing are %v", got.KWh(), missing.KWh())
			}
		default:
			if got >= whole || got+missing < 19*units.KilowattHour {
				t.Errorf("with little credit it gets %v kWh; missing are %v", got.KWh(), missing.KWh())
			}
		}
	}
}

func TestACarIsGivenUpSoThatTheCreditLasts(t *testing.T) {
	b := newBench(t, false, charger(20*units.KilowattHour))
	b.Learn(b.habits(b.now.AddDate(0, 0, -20), b.now))
	b.left, b.until = 150*units.One, b.now.Add(40*time.Hour)
	free := b.planAt(b.now)
	b.left = 75 * units.One
	plan := b.planAt(b.now)
	if plan.Outlast == nil || len(plan.Outlast.Given) == 0 || !plan.Outlast.Lasts {
		t.Fatalf("%+v", plan.Outlast)
	}
	end := begin().Add(7 * time.Hour)
	if a, c := given(t, b, free, "car", b.now, end), given(t, b, plan, "car", b.now, end); c >= a {
		t.Errorf("%v kWh, and with less credit %v", a.KWh(), c.KWh())
	}
	sum := units.Energy(0)
	for _, g := range plan.Outlast.Given {
		sum += g.Energy
	}
	if sum <= 0 {
		t.Errorf("given up: %+v", plan.Outlast.Given)
	}
}

func TestBeingLateIsPricedAndBounded(t *testing.T) {
	morning := loads.Window{From: 4 * 60, To: 10 * 60} // cheap up to 06:00
	for name, c := range map[string]struct {
		late *loads.LateDocument
		last time.Duration // nothing runs from here on
	}{
		"not late":             {nil, 5 * time.Hour},
		"late where it saves":  {&loads.LateDocument{UpTo: 2 * time.Hour, PerHour: units.One}, 6*time.Hour + 30*time.Minute},
		"late at a high price": {&loads.LateDocument{UpTo: 2 * time.Hour, PerHour: 1000 * units.One}, 5 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false, charger(6*units.KilowattHour, func(d *loads.Document) {
				by := loads.TimeOfDay(5 * 60)
				d.ReadyBy, d.Late = &by, c.late
				d.Need.Between = []loads.Window{morning}
			}))
			b.unlocked = true
			b.rules.Power = 5 * units.Kilowatt // no more than 2.5 kWh a slot
			plan := b.planAt(b.now)
			got := given(t, b, plan, "car", begin().Add(5*time.Hour), begin().Add(10*time.Hour))
			if late := got > 0; late != (c.late != nil && c.late.PerHour == units.One) {
				t.Errorf("%v kWh after 05:00", got.KWh())
			}
			if after := given(t, b, plan, "car", begin().Add(c.last), begin().Add(12*time.Hour)); after > 0 {
				t.Errorf("%v kWh after it may run", after.KWh())
			}
		})
	}
}

// Whatever the optimizer answers, the powers are ones that can be told, and their energy is
// what was meant to within a step of one slot.
func TestPowersAreToldInStepsThatAddUp(t *testing.T) {
	b := newBench(t, false, charger(8*units.KilowattHour))
	rapid.Check(t, func(rt *rapid.T) {
		kw := rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(1.38, 7.36)), 1, 20).Draw(rt, "kw")
		j := job{hours: 0.5, job: optimizer.Load{Variable: &optimizer.Variable{MinKW: 1.38, MaxKW: 7.36}}}
		told := b.rules.told(j, kw, &optimizer.Problem{}, &optimizer.Plan{})
		var sum, want float64
		for i, p := range told {
			if (p > 0) != (kw[i] > 0) {
				rt.Fatalf("slot %d: %v kW became %v", i, kw[i], p.KW())
			}
			if p > 0 && b.rules.Loads[0].Takes().Check(loads.Setpoint{On: true, Power: p}) != nil {
				rt.Fatalf("slot %d: %v W cannot be told", i, p.W())
			}
			sum += p.KW()
			want += kw[i]
		}
		if math.Abs(sum-want) > 0.1151 {
			rt.Fatalf("%v kW in all became %v", want, sum)
		}
	})
}

func TestAPlanInForceIsCutToWhatIsStillOwed(t *testing.T) {
	j := job{hours: 0.5, job: optimizer.Load{Variable: &optimizer.Variable{MinKW: 1.4, MaxKW: 7, NeedKWh: 5}}}
	kw := []float64{0, 7, 7, 2, 0}
	j.within(kw)
	if want := []float64{0, 7, 3, 0, 0}; !slices.Equal(kw, want) {
		t.Errorf("%v, want %v", kw, want)
	}
	kw = []float64{7, 3.5}
	j.within(kw)
	if want := []float64{7, 3}; !slices.Equal(kw, want) {
		t.Errorf("%v, want %v", kw, want)
	}
}
