package optimizer

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// nudging is a nudger around a plan of a generated home in which each load in turn
// was put where it is cheapest.
func nudging(seed uint64) *nudger {
	p := generate(seed, "home")
	e := &effort{
		rng: rand.New(rand.NewPCG(seed, 1)), seed: seed, over: func() bool { return false }, progress: func() float64 { return 0 },
		gapOf: func(float64) float64 { return 1 }, trace: func(string, ...any) {},
	}
	pricers := make(map[string]pricer, len(p.Loads))
	var shared scratch
	for i := range p.Loads {
		pricers[p.Loads[i].ID] = newPricer(p, &p.Loads[i], &shared)
	}
	l := newLocal(e, newMaster(p, newOutlook(p), 1000*p.ShedPenalty, pricers))
	plan := &Plan{Loads: make(map[string]LoadPlan, len(p.Loads))}
	for i := range p.Loads {
		plan.Loads[p.Loads[i].ID] = LoadPlan{KW: make([]float64, p.N)}
	}
	if p.Credit != nil {
		for t := range l.muRow {
			l.muRow[t] = 0.2
		}
	}
	l.load(plan)
	for i := range l.units {
		l.price(0)
		l.insert(i, false)
	}
	if l.store != nil {
		l.price(0)
		l.recharge()
	}
	l.cost = l.evaluate()
	g := newNudger(l)
	g.free.choose(l)
	g.begin()
	return g
}

// Each step is costed as the whole state would be, breaks no load's own rules, and
// leaves nothing behind where it is undone.
func TestANudgeCostsWhatTheWholeStateDoes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		g := nudging(rapid.Uint64Range(0, 200).Draw(r, "seed"))
		l, p := g.l, g.l.p
		taken, refused := 0, 0
		var before snapshot
		for range 400 {
			l.save(&before)
			own, wear := g.own, g.wear
			g.slack = math.Inf(1)
			ok := g.propose()
			if ok {
				cost, short := g.total()
				if want := l.evaluate(); math.Abs(cost+short*l.penalty-want) > 1e-7*max(1, math.Abs(want)) {
					t.Fatalf("the step costs %v and falls %v short; the state costs %v", cost, short, want)
				}
				for i, u := range l.units {
					if !u.l.permits(p, l.kw[i]) {
						t.Fatalf("%s may not run so: %v", u.l.ID, l.kw[i])
					}
					if c := u.pricer.cost(l.kw[i]); math.Abs(c-l.own[i]) > 1e-7*max(1, math.Abs(c)) {
						t.Fatalf("%s is said to cost %v of its own; it costs %v", u.l.ID, l.own[i], c)
					}
				}
				if e, bad := evaluate(p, l.plan()); e == nil {
					t.Fatalf("not a plan: %v", bad)
				}
				if l.s.rng.IntN(2) == 0 {
					g.free.accept()
					taken++
					continue
				}
			}
			refused++
			g.own, g.wear = own, wear
			g.undo()
			for i := range l.kw {
				for slot, x := range l.kw[i] {
					if x != before.kw[i][slot] {
						t.Fatalf("unit %d draws %v in slot %d after a step undone, %v before", i, x, slot, before.kw[i][slot])
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
		g := nudging(seed)
		for i, u := range g.l.units {
			v, ok := u.pricer.(*variablePricer)
			if !ok {
				continue
			}
			kw := g.l.kw[i]
			clear(kw)
			if _, ok := g.check(i); !ok {
				t.Fatal("it may not stay off")
			}
			kw[v.from] = onFrom / 2
			if _, ok := g.check(i); ok {
				t.Fatalf("it may draw %v kW, at least %v where it is on", kw[v.from], v.l.Variable.MinKW)
			}
			return
		}
	}
	t.Fatal("no home has a variable load")
}

func TestNudgingNeverEndsDearer(t *testing.T) {
	cheaper := 0
	for seed := range uint64(48) {
		g := nudging(seed)
		l := g.l
		l.cost = l.evaluate()
		before := l.cost
		g.run(5_000_000, 0.001*math.Abs(before), 1)
		if l.cost > before+1e-9*math.Abs(before) {
			t.Errorf("seed %d: %v before, %v after", seed, before, l.cost)
		}
		if l.cost < before-1e-6*math.Abs(before) {
			cheaper++
		}
		plan := l.plan()
		e, bad := evaluate(l.p, plan)
		if e == nil {
			t.Fatalf("seed %d: not a plan: %v", seed, bad)
		}
		if fill(plan, e); l.short <= 0 && math.Abs(plan.Cost-l.cost) > 1e-6*math.Abs(l.cost) {
			t.Errorf("seed %d: the state costs %v, its plan %v", seed, l.cost, plan.Cost)
		}
	}
	if cheaper < 16 {
		t.Errorf("only %d of 48 plans of a short search became cheaper", cheaper)
	}
}
