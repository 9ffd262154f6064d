package house

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads/heat"
)

// lived is what came of a tank.
type lived struct {
	state       heat.State
	used        units.Energy // since counting began
	drawn       units.Energy // from the first day on
	draws, cold int          // since counting began
}

// live has a tank lived through for so many days, in steps of a minute, always on or
// switched by what is known of it alone: as late as what it needs can be had.  Counted is
// from a day on.
func live(t *testing.T, a Appliance, k heat.Tank, seed uint64, days, from int, switched bool) (out lived) {
	t.Helper()
	p := plant(t, Config{Loads: []Appliance{a}, Start: start, Zone: k.Zone, Seed: seed})
	sw := load(t, p, a.ID)
	set(t, sw, true)
	on, was, begun, full := true, p.State().Loads[0], units.Energy(0), time.Time{}
	for at := start; at.Before(start.AddDate(0, 0, days)); at = at.Add(time.Minute) {
		if at.Equal(start.AddDate(0, 0, from)) {
			begun, out.draws, out.cold = was.Used, 0, 0
		}
		to := at.Add(time.Minute)
		o, err := sw.Observed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.Advance(to)
		is := p.State().Loads[0]
		if took := is.Deficit - was.Deficit + is.Used - was.Used; took > 40*units.WattHour {
			out.drawn += took
			if out.draws++; is.Deficit > a.Water.Filled().Usable() {
				out.cold++
			}
		}
		was = is
		out.state = k.Take(out.state, heat.Seen{From: at, To: to, On: on, Energy: o.Power.Over(time.Minute), Measured: true})
		if !switched || to.Minute()%30 != 0 && out.state.Full.Equal(full) {
			continue
		}
		full = out.state.Full
		wants := false
		for _, n := range k.Needs(out.state, to, to.Add(24*time.Hour)) {
			long := time.Duration(n.Energy.KWh() / k.Element(out.state).KW() * float64(time.Hour))
			wants = wants || !to.Before(n.From) && (n.All || n.Soon || !to.Before(n.By.Add(-long-30*time.Minute)))
		}
		if wants != on {
			on = wants
			set(t, sw, on)
		}
	}
	out.used = was.Used - begun
	return out
}

// What is learned of tanks is held against what they are and what is drawn of them:
// twenty of 50 to 300 litres, whose people draw from half of the hot water to nearly twice
// of it a day, with KEEPLIT_LONG=1; else three of them, for fewer days.
func TestTwentyTanksAreLearned(t *testing.T) {
	tanks, days, from := 3, 30, 14
	if os.Getenv("KEEPLIT_LONG") != "" {
		tanks, days, from = 20, 84, 28
	}
	r := rand.New(rand.NewPCG(20, 26))
	var lost, daily float64
	var draws, cold, coldAlways int
	var used, usedAlways units.Energy
	for i := range tanks {
		litres := []int{50, 80, 100, 150, 200, 300}[r.IntN(6)]
		w := Water{
			Litres: litres, Degrees: 55 + r.IntN(16), Band: 3 + r.IntN(7),
			Early: time.Duration(r.IntN(120)-60) * time.Minute, Evening: 25 + r.IntN(50),
		}
		w.Loss = units.FromW((16.66 + 8.33*math.Pow(float64(litres), 0.4)) * (0.6 + 0.8*r.Float64()))
		a := Appliance{ID: fmt.Sprint("tank", i), Kind: Tank, Power: units.FromKW([]float64{1.5, 2, 3, 4}[min(3, litres/80)]), Water: w}
		a.Daily = w.Usable().Part(int64(50+r.IntN(120)), 100)
		k := heat.New(litres, w.Degrees, a.Power, []heat.Hours{{From: 5 * 60, To: 9 * 60}, {From: 17 * 60, To: 22 * 60}}, 7*24*time.Hour, time.UTC)
		always := live(t, a, k, uint64(i), days, from, false)
		ours := live(t, a, k, uint64(i), days, from, true)
		mean, _ := k.Daily(ours.state)
		truth := ours.drawn.KWh() / float64(days)
		le, de := k.Loses(ours.state).W()/w.Loss.W()-1, mean.KWh()/truth-1
		t.Logf("%3d l, loses %3.0f W, learned %3.0f (%+3.0f %%); %5.2f kWh a day, learned %5.2f (%+3.0f %%); %4.0f kWh always on, %4.0f switched; cold at last %d and %d of %d",
			litres, w.Loss.W(), k.Loses(ours.state).W(), 100*le, truth, mean.KWh(), 100*de, always.used.KWh(), ours.used.KWh(), always.cold, ours.cold, ours.draws)
		lost, daily = lost+math.Abs(le), daily+math.Abs(de)
		draws, cold, coldAlways = draws+ours.draws, cold+ours.cold, coldAlways+always.cold
		used, usedAlways = used+ours.used, usedAlways+always.used
	}
	lost, daily = lost/float64(tanks), daily/float64(tanks)
	t.Logf("mean error: loss %.0f %%, drawn a day %.0f %%; energy %+.1f %%; cold at last %d of %d, always on %d", 100*lost, 100*daily, 100*(used.KWh()/usedAlways.KWh()-1), cold, draws, coldAlways)
	if lost > 0.25 || daily > 0.15 {
		t.Error("what is learned is too far off")
	}
	if cold > coldAlways+draws/100 || used > usedAlways {
		t.Error("it is cold more often than always on and one in a hundred, or takes more")
	}
}

func TestATankLosesTheLessTheCoolerItIs(t *testing.T) {
	w := Water{}.Filled()
	day := w.after(0, 24*time.Hour, 0)
	if next := w.after(day, 24*time.Hour, 0) - day; day <= 0 || next >= day {
		t.Errorf("it lost %v on the first day and %v on the next", day, next)
	}
	halves := w.after(w.after(units.KilowattHour, time.Hour, 2*units.Kilowatt), time.Hour, 2*units.Kilowatt)
	if d := halves - w.after(units.KilowattHour, 2*time.Hour, 2*units.Kilowatt); d > units.Joule || d < -units.Joule {
		t.Errorf("in two steps it lacks %v more than in one", d)
	}
	long := w.until(2*units.KilowattHour, 0, 3*units.Kilowatt)
	if left := w.after(2*units.KilowattHour, long, 3*units.Kilowatt); left > 10*units.Joule || left < -10*units.Joule {
		t.Errorf("after %v it lacks %v", long, left)
	}
}
