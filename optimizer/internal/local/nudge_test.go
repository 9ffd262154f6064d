package local

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/optimizer/internal/effort"
	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// nudging is a nudger around a plan of a generated home in which each load in turn
// was put where it is cheapest; where its peak is charged it is held at a little less.
func nudging(seed uint64, class string) *Nudger {
	p := generate.Problem(seed, class)
	e := &effort.Effort{
		Rng: rand.New(rand.NewPCG(seed, 1)), Seed: seed, Over: func() bool { return false }, Progress: func() float64 { return 0 },
		GapOf: func(float64) float64 { return 1 }, Trace: func(string, ...any) {},
	}
	pricers := make(map[string]pricing.Pricer, len(p.Loads))
	var shared pricing.Scratch
	for i := range p.Loads {
		pricers[p.Loads[i].ID] = pricing.New(p, &p.Loads[i], &shared)
	}
	l := New(e, master.New(p, master.NewOutlook(p), 1000*p.ShedPenalty, pricers))
	plan := &model.Plan{Loads: make(map[string]model.LoadPlan, len(p.Loads))}
	for i := range p.Loads {
		plan.Loads[p.Loads[i].ID] = model.LoadPlan{KW: make([]float64, p.N)}
	}
	if p.Credit != nil {
		for t := range l.MuRow {
			l.MuRow[t] = 0.2
		}
	}
	l.Load(plan)
	for i := range l.Units {
		l.price(noUnit, 0)
		l.insert(i, false)
	}
	if l.store != nil {
		l.price(noUnit, 0)
		l.recharge()
	}
	l.Cost = l.Evaluate()
	if at := l.Peaks(nil); len(at) > 0 {
		for i := range at {
			at[i] = max(p.Demand[i].FloorKW, 0.8*at[i])
		}
		l.HoldPeaks(at)
	}
	g := NewNudger(l)
	g.free.choose(l)
	g.begin()
	return g
}

// Each step is costed as the whole state would be, breaks no load's own rules, and
// leaves nothing behind where it is undone.
func TestANudgeCostsWhatTheWholeStateDoes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		g := nudging(rapid.Uint64Range(0, 200).Draw(r, "seed"), rapid.SampledFrom([]string{"home", "peaks"}).Draw(r, "class"))
		l, p := g.Local, g.Local.p
		taken, refused := 0, 0
		var before Snapshot
		for range 400 {
			l.Save(&before)
			own, wear := g.own, g.wear
			g.slack = math.Inf(1)
			ok := g.propose()
			if ok {
				cost, short := g.total()
				if want := l.Evaluate(); math.Abs(cost+short*l.Penalty-want) > 1e-7*max(1, math.Abs(want)) {
					t.Fatalf("the step costs %v and falls %v short; the state costs %v", cost, short, want)
				}
				for i, u := range l.Units {
					if !u.Load.Permits(p, l.KW[i]) {
						t.Fatalf("%s may not run so: %v", u.Load.ID, l.KW[i])
					}
					if c := u.Pricer.Cost(l.KW[i]); math.Abs(c-l.own[i]) > 1e-7*max(1, math.Abs(c)) {
						t.Fatalf("%s is said to cost %v of its own; it costs %v", u.Load.ID, l.own[i], c)
					}
				}
				if e, bad := model.Evaluate(p, l.Plan()); e == nil {
					t.Fatalf("not a plan: %v", bad)
				}
				if l.s.Rng.IntN(2) == 0 {
					g.free.accept()
					taken++
					continue
				}
			}
			refused++
			g.own, g.wear = own, wear
			g.undo()
			for i := range l.KW {
				for slot, x := range l.KW[i] {
					if x != before.KW[i][slot] {
						t.Fatalf("unit %d draws %v in slot %d after a step undone, %v before", i, x, slot, before.KW[i][slot])
					}
				}
			}
			for slot, z := range l.z {
				if z != before.z[slot] || l.bat[slot] != before.bat[slot] {
					t.Fatalf("slot %d draws %v after a step undone, %v before", slot, z, before.z[slot])
				}
			}
		}
		if refused == 400 {
			r.Logf("no step of %d was possible", taken)
		}
	})
}

func TestANudgeLeavesNoPowerThatIsNeitherOnNorOff(t *testing.T) {
	for seed := range uint64(20) {
		g := nudging(seed, "home")
		for i, u := range g.Local.Units {
			v, ok := u.Pricer.(*pricing.Variable)
			if !ok {
				continue
			}
			kw := g.Local.KW[i]
			clear(kw)
			if _, ok := g.check(i); !ok {
				t.Fatal("it may not stay off")
			}
			kw[v.From] = model.OnFrom / 2
			if _, ok := g.check(i); ok {
				t.Fatalf("it may draw %v kW, at least %v where it is on", kw[v.From], v.Load.Variable.MinKW)
			}
			return
		}
	}
	t.Fatal("no home has a variable load")
}

func TestNudgingNeverEndsDearer(t *testing.T) {
	cheaper := 0
	for seed := range uint64(48) {
		g := nudging(seed, "home")
		l := g.Local
		l.Cost = l.Evaluate()
		before := l.Cost
		g.Run(5_000_000, 0.001*math.Abs(before), 1)
		if l.Cost > before+1e-9*math.Abs(before) {
			t.Errorf("seed %d: %v before, %v after", seed, before, l.Cost)
		}
		if l.Cost < before-1e-6*math.Abs(before) {
			cheaper++
		}
		plan := l.Plan()
		e, bad := model.Evaluate(l.p, plan)
		if e == nil {
			t.Fatalf("seed %d: not a plan: %v", seed, bad)
		}
		if model.Fill(plan, e); l.Short <= 0 && math.Abs(plan.Cost-l.Cost) > 1e-6*math.Abs(l.Cost) {
			t.Errorf("seed %d: the state costs %v, its plan %v", seed, l.Cost, plan.Cost)
		}
	}
	if cheaper < 16 {
		t.Errorf("only %d of 48 plans of a short search became cheaper", cheaper)
	}
}

// What room a slot has below the peaks that are held is known after every step.
func TestTheRoomBelowPeaksFollowsEachStep(t *testing.T) {
	above := 0
	for seed := range uint64(6) {
		g := nudging(seed, "peaks")
		for range 300 {
			own, wear := g.own, g.wear
			if !g.propose() || g.Local.s.Rng.IntN(2) == 0 {
				g.own, g.wear = own, wear
				g.undo()
			} else {
				g.free.accept()
			}
		}
		fresh := newAccount(g.Local)
		fresh.open()
		for slot := range g.Local.p.N {
			have, want := g.a.room(slot), fresh.room(slot)
			if have != want && math.Abs(have-want) > 1e-6 {
				t.Fatalf("seed %d, slot %d: room of %v kW, there is %v kW", seed, slot, have, want)
			}
			if want < 0 {
				above++
			}
		}
	}
	if above == 0 {
		t.Error("no group of slots was above its peak")
	}
}
