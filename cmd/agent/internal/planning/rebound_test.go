package planning

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/units/unitstest"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// offPeak is a tariff that is cheap for eight hours from an hour on.
func offPeak(t testing.TB, zone *time.Location, from int) *tariffs.Tariff {
	t.Helper()
	night := tariffs.Span{From: tariffs.TimeOfDay(from * 60), To: tariffs.TimeOfDay((from + 8) % 24 * 60)}
	tariff, err := tariffs.New(tariffs.Document{
		Name: "off-peak", Currency: "ZAR", Zone: zone.String(),
		Calendar: tariffs.Calendar{Periods: []tariffs.Period{{Name: "night", Times: []tariffs.Span{night}}, {Name: "day"}}},
		Versions: []tariffs.Version{{Energy: []tariffs.EnergyCharge{
			{Name: "day energy", Periods: []string{"day"}, Price: 3_000_000}, {Name: "night energy", Periods: []string{"night"}, Price: 1_000_000},
		}}},
	})
	must(t, err)
	return tariff
}

// street is homes with a geyser each, and a car in one of two, drawn by a seed.
type street struct {
	t     testing.TB
	zone  *time.Location
	homes []Rules
}

func newStreet(t testing.TB, n int) street {
	t.Helper()
	zone, err := time.LoadLocation("Africa/Johannesburg")
	must(t, err)
	s := street{t: t, zone: zone}
	r := rand.New(rand.NewPCG(1, 2))
	none := time.Duration(0)
	for i := range n {
		id := fmt.Sprintf("home-%05d", i)
		all := []loads.Document{{
			ID: "geyser", Kind: loads.OnOff, Power: []units.Power{2 * units.Kilowatt, 3 * units.Kilowatt, 4 * units.Kilowatt}[r.IntN(3)], MinOff: &none,
			Need: &loads.NeedDocument{For: time.Duration(2+r.IntN(5)) * 30 * time.Minute, Between: []loads.Window{{From: 20 * 60, To: 7 * 60}}},
		}}
		if r.IntN(2) == 0 {
			all = append(all, loads.Document{
				ID: "car", Kind: loads.OnOff, Power: []units.Power{3700 * units.Watt, 7400 * units.Watt}[r.IntN(2)], MinOff: &none,
				Need: &loads.NeedDocument{For: time.Duration(2+r.IntN(9)) * 30 * time.Minute, Between: []loads.Window{{From: 18 * 60, To: 7 * 60}}},
			})
		}
		rules := Rules{
			ID: id, Zone: zone, Interval: 30 * time.Minute, Slot: 30 * time.Minute,
			Ahead: 24 * time.Hour, RunOutOver: 24 * time.Hour, Shift: true, Seed: backoff.Seed(id), unasked: true,
		}
		for _, d := range all {
			d.Switch = loads.SwitchDocument{Driver: "house"}
			l, err := loads.Compile(d, zone)
			must(t, err)
			rules.Loads = append(rules.Loads, l)
		}
		s.homes = append(s.homes, rules)
	}
	return s
}

// evening is when the homes plan their night.
func (s street) evening(day int) time.Time {
	return time.Date(2026, 11, 2+day, 17, 0, 0, 0, s.zone).UTC()
}

// night is how one home's loads are night.
type night struct {
	kw    []float64 // of all loads, in each slot
	cost  float64
	short int
	first []int // slot in which each load begins
}

func (s street) of(rules Rules, tariff *tariffs.Tariff, at time.Time, draws bool, lay func(*Planner, *optimizer.Problem, outlook) *optimizer.Plan) night {
	s.t.Helper()
	rules.Tariff, rules.ByLot = tariff, draws
	f, err := forecast.New(forecast.Options{Zone: s.zone, Step: rules.Interval})
	must(s.t, err)
	p := New(rules, f, nil)
	p.Within(2 * time.Millisecond)
	brief := Brief{Now: at, Left: 5000 * units.One, Unlocked: true}
	for _, l := range rules.Loads {
		brief.Loads = append(brief.Loads, Owed{ID: l.ID, Requests: l.Requests(loads.Progress{}, loads.UnitState{}, at, rules.Ahead)})
	}
	_, o := p.look(&brief)
	problem, _ := rules.problem(&brief, o)
	problem.Credit = nil
	plan := lay(p, problem, o)
	out := night{kw: make([]float64, problem.N), short: len(plan.Shortfalls)}
	for _, l := range problem.Loads {
		kw := plan.Loads[l.ID].KW
		out.first = append(out.first, slices.IndexFunc(kw, func(k float64) bool { return k > 0 }))
		for t, k := range kw {
			out.kw[t] += k
			out.cost += k * problem.Hours() * problem.ImportPrice[t]
		}
	}
	return out
}

// planned is as the planner lays them.
func planned(p *Planner, problem *optimizer.Problem, o outlook) *optimizer.Plan {
	return optimizer.Solve(context.Background(), problem, p.options(problem, o))
}

// timed is as a timer lays them, or a planner for which equal hours are equal: as soon as
// it is cheapest.
func timed(_ *Planner, problem *optimizer.Problem, _ outlook) *optimizer.Plan {
	plan := &optimizer.Plan{Loads: map[string]optimizer.LoadPlan{}}
	for _, l := range problem.Loads {
		kw, a := make([]float64, problem.N), askedBy(l, problem.Hours())
		best, first := -1.0, 0
		for t := a.from; t+len(a.kw) <= a.to; t++ {
			cost := 0.0
			for k := range a.kw {
				cost += a.kw[k] * problem.ImportPrice[t+k]
			}
			if best < 0 || cost < best-1e-9 {
				best, first = cost, t
			}
		}
		copy(kw[first:], a.kw)
		plan.Loads[l.ID] = optimizer.LoadPlan{KW: kw}
	}
	return plan
}

// peak is the greatest sum of all homes' loads.
func peak(all []night) (most float64) {
	for t := range all[0].kw {
		sum := 0.0
		for _, l := range all {
			sum += l.kw[t]
		}
		most = max(most, sum)
	}
	return most
}

// Homes with one cheap window do not all begin with it.  What a street's loads come to
// together, in figures: docs/fleet.md.
func TestAStreetWithOneCheapWindowMakesNoPeakOfItsOwn(t *testing.T) {
	n := 120
	if unitstest.Long() {
		n = 2000
	}
	s := newStreet(t, n)
	one := []*tariffs.Tariff{offPeak(t, s.zone, 22)}
	three := []*tariffs.Tariff{offPeak(t, s.zone, 21), one[0], offPeak(t, s.zone, 23)}
	all := func(groups []*tariffs.Tariff, draws bool, lay func(*Planner, *optimizer.Problem, outlook) *optimizer.Plan) (out []night) {
		for i, h := range s.homes {
			out = append(out, s.of(h, groups[i%len(groups)], s.evening(0), draws, lay))
		}
		return out
	}
	timer, timers := all(one, false, timed), all(three, false, timed)
	alike, drawn, groups := all(one, false, planned), all(one, true, planned), all(three, true, planned)
	energy := 0.0
	for i := range drawn {
		if drawn[i].cost > alike[i].cost+1e-6 || drawn[i].cost > timer[i].cost+1e-6 || drawn[i].short > alike[i].short {
			t.Errorf("home %d pays %.4f, and %d are short; %.4f and %d were it alone", i, drawn[i].cost, drawn[i].short, alike[i].cost, alike[i].short)
		}
		for _, kw := range drawn[i].kw {
			energy += kw / 2
		}
	}
	t.Logf("%d homes, kW at the most: as soon as it is cheap %.0f, planned alike %.0f, drawn %.0f, of three groups %.0f and drawn %.0f; even over the window it were %.0f",
		n, peak(timer), peak(alike), peak(drawn), peak(timers), peak(groups), energy/8)
	t.Logf("drawn is %.2f of planned alike, and of a timer; three groups of timers are %.2f of one", peak(drawn)/peak(alike), peak(timers)/peak(timer))
	if peak(drawn) > 0.7*peak(timer) || peak(drawn) > 0.7*peak(alike) || peak(groups) > 0.7*peak(timer) {
		t.Error("drawn by lot the peak is hardly lower")
	}
}

// Another day, another place; the same day planned anew, the same.
func TestNobodyIsAlwaysFirstAndAPlanMadeAnewDrawsTheSame(t *testing.T) {
	s := newStreet(t, 12)
	tariff := offPeak(t, s.zone, 22)
	other := 0
	for _, h := range s.homes {
		first := s.of(h, tariff, s.evening(0), true, planned)
		again := s.of(h, tariff, s.evening(0).Add(30*time.Minute), true, planned)
		for i := range first.first {
			if first.first[i] != again.first[i]+1 {
				t.Errorf("%s: load %d begins in slot %d, and half an hour later in slot %d", h.ID, i, first.first[i], again.first[i])
			}
		}
		if next := s.of(h, tariff, s.evening(1), true, planned); !slices.Equal(first.first, next.first) {
			other++
		}
	}
	if other < 8 {
		t.Errorf("only %d of %d homes begin at another time on the next day", other, len(s.homes))
	}
}

// Tiles: whatever the run and the slack, it stays within, and every start of each tile is drawn.
func TestARunIsDrawnWithinItsSlack(t *testing.T) {
	for length := 1; length <= 6; length++ {
		for slack := range 13 {
			seen := map[int]bool{}
			for i := range 400 {
				rules := Rules{ID: fmt.Sprint("home-", i)}
				at := drawnAt(rules.ticket("geyser#2026-11-02T22:00"), length, slack)
				if at < 0 || at > slack {
					t.Fatalf("a run of %d with a slack of %d is drawn at %d", length, slack, at)
				}
				seen[at] = true
			}
			if tiles := 1 + slack/length; len(seen) != tiles*(slack-(tiles-1)*length+1) {
				t.Errorf("a run of %d with a slack of %d has %d starts", length, slack, len(seen))
			}
		}
	}
}

// Credit that may not outlast the plan is not spent sooner for the neighbours' sake, and what
// is on stays on.
func TestWhatMayRunOutOrIsOnIsNotDrawn(t *testing.T) {
	h := newStreet(t, 1).homes[0]
	s := street{t: t, zone: h.Zone}
	for name, c := range map[string]struct {
		change func(*Brief, *Rules)
		drawn  bool
	}{
		"credit that outlasts it":             {func(*Brief, *Rules) {}, true},
		"credit that does not":                {func(b *Brief, _ *Rules) { b.Unlocked, b.Left = false, units.One }, false},
		"somebody asks that the credit lasts": {func(b *Brief, _ *Rules) { b.Until = b.Now.AddDate(0, 0, 1) }, false},
		"all hours cost the same": {func(_ *Brief, r *Rules) {
			r.Tariff = hourly(t, func(int) units.Price { return 1_000_000 }, 0)
		}, false},
		"it is on": {func(b *Brief, r *Rules) {
			b.Now = b.Now.Add(4 * time.Hour) // within its hours
			for i, l := range r.Loads {
				b.Loads[i].Requests = l.Requests(loads.Progress{}, loads.UnitState{}, b.Now, r.Ahead)
				b.Loads[i].Requests[0].On = true
			}
		}, false},
		"it is not asked for": {func(_ *Brief, r *Rules) { r.ByLot = false }, false},
	} {
		t.Run(name, func(t *testing.T) {
			rules := h
			rules.Tariff, rules.ByLot = offPeak(t, s.zone, 22), true
			f, err := forecast.New(forecast.Options{Zone: s.zone, Step: rules.Interval})
			must(t, err)
			b := Brief{Now: s.evening(0), Left: 5000 * units.One, Unlocked: true}
			for _, l := range rules.Loads {
				b.Loads = append(b.Loads, Owed{ID: l.ID, Requests: l.Requests(loads.Progress{}, loads.UnitState{}, b.Now, rules.Ahead)})
			}
			c.change(&b, &rules)
			costs := func() []float64 {
				_, o := New(rules, f, nil).look(&b)
				problem, _ := rules.problem(&b, o)
				return problem.Loads[0].SlotCost
			}
			got := costs()
			rules.ByLot = false
			if drawn := !slices.Equal(got, costs()); drawn != c.drawn {
				t.Errorf("drawn: %v", drawn)
			}
		})
	}
}
