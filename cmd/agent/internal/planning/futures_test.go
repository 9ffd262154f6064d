package planning

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/optimizer"
)

// twoPumps are two equal loads of the given priorities.
func twoPumps(first, second int) []loads.Document {
	var out []loads.Document
	for i, priority := range []int{first, second} {
		out = append(out, loads.Document{
			ID: []string{"first", "second"}[i], Name: "Pump", Kind: loads.OnOff, Power: 2 * units.Kilowatt, Priority: priority,
			Need: &loads.NeedDocument{For: 12 * time.Hour},
		})
	}
	return out
}

func TestThePlanShortensTheLeastImportantLoad(t *testing.T) {
	for name, p := range map[string]struct {
		first, second int
		short         string
	}{
		"the second is more important":                  {3, 1, "first"},
		"the first is more important":                   {1, 3, "second"},
		"priorities far apart, as the document permits": {0, 1000, "second"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false, twoPumps(p.first, p.second)...)
			b.rules.Power = 2500 * units.Watt // one of them at a time, 12 h each, and a day of base load
			b.rules.Ahead = 20 * time.Hour
			b.unlocked = true
			b.now = b.now.Add(4 * time.Hour)
			// Of the day's 20 h that are left both have 12: four hours are missing.
			for _, l := range b.rules.Loads {
				b.progress[l.ID] = loads.Progress{To: b.now.Add(20 * time.Hour)}
			}
			plan := b.planAt(b.now)
			got := map[string]time.Duration{}
			for _, l := range plan.Loads {
				for _, kw := range l.Power {
					if kw > 0 {
						got[l.ID] += b.rules.Slot
					}
				}
			}
			other := map[string]string{"first": "second", "second": "first"}[p.short]
			if got[other] != 12*time.Hour || got[p.short] >= 12*time.Hour || got[p.short] == 0 {
				t.Errorf("%v, want the whole need for %s and what is left for %s", got, other, p.short)
			}
		})
	}
}

func TestASiteThatFeedsInPlansForTheSunThatIsOver(t *testing.T) {
	b := newBench(t, false)
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
	_, _, problem := b.problem()
	if problem.PVKW == nil || problem.PVKW[24] < 2 || problem.BaseKW[24] != 0 || problem.PVKW[2] != 0 || problem.BaseKW[2] <= 0 {
		t.Fatalf("noon %v of sun, night %v of load", problem.PVKW, problem.BaseKW)
	}
	plan := b.planAt(b.now)
	for _, l := range plan.Loads {
		for k, kw := range l.Power {
			if h := plan.Start.Add(time.Duration(k) * plan.Slot).In(b.rules.Zone).Hour(); kw > 0 && (h < 10 || h >= 14) {
				t.Errorf("%s runs at %d h, not in the sun", l.ID, h)
			}
		}
	}
}

func TestAnAccountInKWhIsPlannedByEnergy(t *testing.T) {
	b := newBench(t, false)
	b.rules.InKWh = true
	b.left = 15 * units.One
	_, _, problem := b.problem()
	if problem.Credit != nil || len(problem.Blocks) != 0 {
		t.Fatalf("credit %+v, blocks %v", problem.Credit, problem.Blocks)
	}
	for i, p := range problem.ImportPrice {
		if p != 1 {
			t.Fatalf("a kWh costs %v kWh in slot %d", p, i)
		}
	}
}

func TestASimulatedRunCountsTheTimeOfAPlanAsWork(t *testing.T) {
	for name, c := range map[string]struct {
		within time.Duration
		work   int64
	}{
		"the configuration's default is the optimizer's own bound": {2 * time.Second, optimizer.DefaultWorkLimit},
		"less than that": {50 * time.Millisecond, 7_500_000},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false)
			p := New(b.rules, b.forecast, nil)
			if p.Within(c.within); p.work != c.work {
				t.Errorf("%d units of work, want %d", p.work, c.work)
			}
		})
	}
}

func TestAPlanOfARealDayHasAMemoryAndATimeLimitAndASimulatedOneHasNeither(t *testing.T) {
	for name, real := range map[string]bool{"real": true, "simulated": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false)
			asked := 0
			var elapsed func() time.Duration
			if real {
				elapsed = func() time.Duration { asked++; return time.Duration(asked) * time.Millisecond }
			}
			p := New(b.rules, b.forecast, elapsed)
			for range 2 {
				plan, err := p.Plan(t.Context(), b.brief(b.now), 0)
				must(t, err)
				if len(plan.Loads) == 0 {
					t.Fatal("nothing is planned")
				}
				b.last = &plan
				b.now = b.now.Add(b.rules.Slot)
			}
			// The planner itself asks four times; the rest is the search's.
			if limited := asked > 4; limited != real {
				t.Errorf("the clock was asked %d times", asked)
			}
			o := outlook{slots: units.Slots(b.now, b.rules.Slot, 1)}
			opt := p.options(&optimizer.Problem{N: 1}, o)
			if has := opt.Memory == &p.memory && opt.TimeLimit > 0; has != real {
				t.Errorf("the search has a memory and a time limit: %v", has)
			}
			if laid := p.remembered.Equal(o.slots[0].Start); laid != real {
				t.Errorf("the memory is laid on the slots from %s", p.remembered)
			}
		})
	}
}
