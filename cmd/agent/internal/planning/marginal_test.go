package planning

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// What a run is said to cost at an hour is by how much more the ledger is charged with
// it, whatever the tariff is made of that the table can say.
func TestWhatARunCostsAtAnHourIsWhatTheLedgerIsChargedForIt(t *testing.T) {
	all := kinds()
	for _, names := range [][]string{
		nil,
		{"hours", "taxes", "standing charges"},
		{"blocks", "taxes"},
		{"blocks a day"},
		{"blocks of each day"},
		{"blocks of some hours", "hours"},
		{"hours", "demand"},
		{"export", "hours"},
		{"bill credit"},
	} {
		t.Run(fmt.Sprint(names), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				b := priced(t, rt, all, names...)
				brief := b.brief(b.now)
				v := b.vista(&brief)
				planned := make([]float64, len(v.slots))
				for i := range planned {
					planned[i] = float64(rapid.IntRange(0, 3).Draw(rt, "planned")) / 2
				}
				starts := b.rules.hoursAhead(v)
				extras := b.rules.extras(v, v.with(planned), newMargins(v, planned, len(v.slots)), starts)
				m := newMargins(v, planned, 0)
				used := make([]units.Energy, len(v.slots))
				for i := range used {
					used[i] = units.FromKWh(m.kwh[i])
				}
				tariff := b.rules.Tariff
				alone := tariff.Cost(b.account, v.slots, used)
				x := rapid.IntRange(0, len(extras)-1).Draw(rt, "of")
				k := rapid.IntRange(0, len(starts)-1).Draw(rt, "hour")
				use := b.rules.spread(units.Kilowatt, time.Hour)
				if x > 0 {
					l := b.rules.Loads[x-1]
					use = b.rules.spread(l.Power, oneRun(l))
				}
				for i, kwh := range use {
					used[starts[k]+i] = units.FromKWh(m.kwh[starts[k]+i] + kwh)
				}
				want := tariff.Cost(b.account, v.slots, used) - alone
				// What it makes dearer afterwards is what the slots after it are charged more.
				end := starts[k] + len(use)
				later := units.Money(0)
				for _, upTo := range []int{len(v.slots), end} {
					with := tariff.Cost(b.account, v.slots[:upTo], used[:upTo]) - tariff.Cost(b.account, v.slots[:upTo], alike(m, upTo))
					if later = with - later; upTo == end {
						later = -later
					}
				}
				if got := extras[x].Later; len(got) > 0 && len(v.table.Demands) == 0 && max(got[k]-later, later-got[k]) > 100 {
					rt.Fatalf("%s in %s: said to cost %s later, the ledger is charged %s more", extras[x].ID, v.slots[starts[k]].Start, got[k], later)
				}
				if d := extras[x].Cost[k] - want; d < -100 || d > 100 { // roundings
					rt.Fatalf("%s in %s: said to cost %s, the ledger is charged %s more", extras[x].ID, v.slots[starts[k]].Start, extras[x].Cost[k], want)
				}
			})
		})
	}
}

// alike is what is used in the first slots without the run.
func alike(m *margins, n int) []units.Energy {
	out := make([]units.Energy, n)
	for i := range out {
		out[i] = units.FromKWh(m.kwh[i])
	}
	return out
}

func TestARunIsSaidToCostLessInTheCheapHours(t *testing.T) {
	b := newBench(t, false)
	b.Learn(b.habits(b.now.AddDate(0, 0, -7), b.now))
	b.now = b.now.Add(18*time.Hour + 10*time.Minute) // 18:10
	o := b.planAt(b.now).Outlook
	if len(o.Starts) != 24 || !o.Starts[0].Equal(b.now.Truncate(30*time.Minute)) || o.Starts[1].In(b.rules.Zone).Format("15:04") != "19:00" || len(o.Extra) != 3 {
		t.Fatalf("%d hours from %v, of %d", len(o.Starts), o.Starts, len(o.Extra))
	}
	for i, id := range []string{"", "geyser", "washer"} {
		x := o.Extra[i]
		if x.ID != id || len(x.Cost) != 24 || len(x.Sooner) != 24 {
			t.Fatalf("%+v", x)
		}
		for k, at := range o.Starts {
			h := at.In(b.rules.Zone).Hour()
			price := 3.45 // with the tax
			if night := h >= 22 || h < 6; night {
				price = 1.15
			}
			if over := h == 21 || h == 5; over && id != "" {
				continue // the run goes over the change
			}
			if want := units.FromFloat(price * x.Energy.KWh()); max(x.Cost[k]-want, want-x.Cost[k]) > 20 {
				t.Errorf("%q at %d h: %s, want %s", id, h, x.Cost[k], want)
			}
			if x.Light(k) > x.Light(0)*2 || price < 3 && k < 8 && x.Light(k) >= x.Light(0) {
				t.Errorf("%q at %d h takes %s of light, now %s", id, h, x.Light(k), x.Light(0))
			}
		}
	}
	if o.PerKWh != o.Extra[0].Light(0) || o.Runs[1].Sooner != o.Extra[2].Light(0) {
		t.Errorf("now is not now: %+v", o)
	}
}

func TestWhatEnergyCostsAnAccountInKWhIsItself(t *testing.T) {
	b := newBench(t, false)
	b.rules.InKWh = true
	b.Planner.rules.InKWh = true
	for _, x := range b.planAt(b.now).Outlook.Extra {
		for k, cost := range x.Cost {
			if want := units.FromFloat(x.Energy.KWh()); max(cost-want, want-cost) > 2 {
				t.Errorf("%q at hour %d costs %s kWh, want %s", x.ID, k, cost, want)
			}
		}
	}
}

func TestAPlanWithoutCreditSaysNothingOfLight(t *testing.T) {
	b := newBench(t, false, loads.Document{ID: "meter", Name: "Fridge", Power: 100 * units.Watt})
	b.left = 0
	o := b.planAt(b.now).Outlook
	if len(o.Extra) != 2 || len(o.Extra[0].Sooner) > 0 || len(o.Extra[0].Cost) == 0 || o.PerKWh != 0 || len(o.Runs) != 0 {
		t.Errorf("%+v", o)
	}
}

func BenchmarkPlan(b *testing.B) {
	x := newBench(b, false)
	x.rules.RunOutOver = 14 * 24 * time.Hour
	x.Planner.rules = x.rules
	x.Learn(x.habits(x.now.AddDate(0, 0, -30), x.now))
	for name, left := range map[string]units.Money{"plenty": 300 * units.One, "scarce": 60 * units.One} {
		x.left = left
		brief := x.brief(x.now)
		plan := x.planAt(x.now)
		b.Run("futures, "+name, func(b *testing.B) {
			for b.Loop() {
				x.vista(&brief)
			}
		})
		v := x.vista(&brief)
		b.Run("futures, run-out and extras, "+name, func(b *testing.B) {
			for b.Loop() {
				x.runOut(&brief, plan, x.vista(&brief), nil)
			}
		})
		b.Run("whole, "+name, func(b *testing.B) {
			for b.Loop() {
				x.planAt(x.now)
			}
		})
		x.until = x.now.Add(100 * time.Hour)
		wish := x.brief(x.now)
		_, o := x.look(&wish)
		_, jobs := x.rules.problem(&wish, o)
		b.Run("last until, "+name, func(b *testing.B) {
			for b.Loop() {
				x.rules.outlast(&wish, o, jobs, v)
			}
		})
		x.until = time.Time{}
	}
}
