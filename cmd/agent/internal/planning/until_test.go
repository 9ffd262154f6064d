package planning

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// wishing is a home that has been learned for a month, with a geyser that matters
// most, a pool pump and a washing machine, which asks that its credit lasts so long.
func wishing(t testing.TB, until time.Duration, left units.Money) *bench {
	t.Helper()
	none := time.Duration(0)
	b := newBench(t, false,
		loads.Document{ID: "pool", Name: "Pool", Kind: loads.OnOff, Power: units.Kilowatt, Priority: 2, Need: &loads.NeedDocument{For: 3 * time.Hour}, MinOff: &none},
		loads.Document{ID: "geyser", Name: "Geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, Priority: 0, Need: &loads.NeedDocument{For: time.Hour}, MinOff: &none},
		loads.Document{ID: "washer", Name: "Washer", Kind: loads.Cycle, Power: units.Kilowatt, Priority: 5, Cycle: 90 * time.Minute, Need: &loads.NeedDocument{Runs: 1}},
	)
	b.rules.RunOutOver = 7 * 24 * time.Hour
	b.Planner.rules = b.rules
	b.now = b.now.Add(9 * time.Hour)
	b.Learn(b.habits(b.now.AddDate(0, 0, -28), b.now))
	b.left, b.until = left, b.now.Add(until)
	return b
}

// given is the hours that each load gives up.
func (o *Outlast) given() map[string]float64 {
	out := map[string]float64{}
	for _, g := range o.Given {
		if !g.Later {
			out[g.ID] += g.Time.Hours()
		}
	}
	return out
}

func TestTheCreditIsMadeToLastByGivingUpTheLeastImportantFirst(t *testing.T) {
	ask := wishing(t, 3*24*time.Hour, 1000*units.One)
	all := ask.planAt(ask.now)
	if o := all.Outlast; o == nil || !o.Lasts || len(o.Given) > 0 || o.Sure < 0.99 || o.Need > o.Whole+o.Whole/50 {
		t.Fatalf("with plenty of credit: %+v", o)
	}
	whole := all.Outlast.Whole
	for name, c := range map[string]struct {
		left  units.Money
		want  func(o *Outlast, g map[string]float64) bool
		lasts bool
	}{
		"just enough for all": {whole + units.One/10, func(_ *Outlast, g map[string]float64) bool { return len(g) == 0 }, true},
		"a little less: the last washes are given up": {whole - units.One, func(_ *Outlast, g map[string]float64) bool {
			return g["washer"] > 0 && g["washer"] <= 3 && g["pool"] == 0 && g["geyser"] == 0
		}, true},
		"much less: no wash, and some of the pool": {whole - 14*units.One, func(_ *Outlast, g map[string]float64) bool {
			return g["washer"] >= 4 && g["pool"] > 0 && g["geyser"] == 0
		}, true},
		"not enough for the lights": {5 * units.One, func(o *Outlast, g map[string]float64) bool {
			return g["geyser"] >= 3 && g["pool"] >= 8 && o.Ends.After(ask.now) && o.Ends.Before(ask.until) && o.Whole == whole
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := wishing(t, 3*24*time.Hour, c.left)
			plan := b.planAt(b.now)
			o := plan.Outlast
			if o.Lasts != c.lasts || c.lasts && o.Sure < 0.89 || !c.want(o, o.given()) {
				t.Fatalf("of %v, all needs %v: %v given up, %+v", c.left, whole, o.given(), *o)
			}
			if c.lasts && plan.RunOut.Early.Before(b.until.Add(-time.Hour)) {
				t.Errorf("it is to last until %s and may end %s", b.until, plan.RunOut.Early)
			}
			if len(plan.Short) > 0 && c.lasts {
				t.Errorf("what is given up is told as a shortfall too: %+v", plan.Short)
			}
		})
	}
}

func TestAWishWithinTheHorizonMovesLoadsBeyondIt(t *testing.T) {
	b := wishing(t, 8*time.Hour, 1000*units.One)
	whole := b.planAt(b.now).Outlast
	alone := wishing(t, 8*time.Hour, units.One/100)
	all := alone.planAt(alone.now)
	if all.Outlast.Lasts || len(whole.Given) > 0 {
		t.Fatalf("%+v", all.Outlast)
	}
	for _, l := range all.Loads {
		ran := 0
		for k, p := range l.Power {
			if p == 0 {
				continue
			}
			if ran++; all.Start.Add(time.Duration(k) * all.Slot).Before(alone.until) {
				t.Errorf("%s runs before the credit is to have lasted", l.ID)
			}
		}
		if ran == 0 {
			t.Errorf("%s could run after it, and does not", l.ID)
		}
	}
	for _, g := range all.Outlast.Given {
		if !g.Later {
			t.Errorf("%+v is given up although it could wait", g)
		}
	}
}

func TestWhatIsNeverShedIsKeptWhateverIsAsked(t *testing.T) {
	b := wishing(t, 2*24*time.Hour, units.One)
	b.rules.Loads[2].Essential = true
	o := b.planAt(b.now).Outlast
	if g := o.given(); g["washer"] > 0 || g["geyser"] == 0 || o.Lasts {
		t.Errorf("%+v", o)
	}
}

func TestNoWishNoAnswer(t *testing.T) {
	for name, change := range map[string]func(*bench){
		"none":                      func(b *bench) { b.until = time.Time{} },
		"it is over":                func(b *bench) { b.until = b.now },
		"the account is paid off":   func(b *bench) { b.unlocked = true },
		"further than anybody sees": func(b *bench) { b.until = b.now.AddDate(0, 0, 9) },
	} {
		b := wishing(t, 24*time.Hour, 50*units.One)
		change(b)
		if o := b.planAt(b.now).Outlast; o != nil {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// More credit never keeps less, and never makes it less sure than nine of ten.
func TestMoreCreditNeverGivesUpMore(t *testing.T) {
	b := wishing(t, 60*time.Hour, units.One)
	first := b.brief(b.now)
	_, look := b.look(&first)
	v := b.vista(&first)
	kept := func(hours time.Duration, left units.Money) (ids []string, o *wish, sure float64) {
		b.left, b.until = left, b.now.Add(hours)
		brief := b.brief(b.now)
		v.credit.Balance = left.Float()
		_, jobs := b.rules.problem(&brief, look)
		w := b.rules.outlast(&brief, look, jobs, v)
		for _, x := range w.pieces {
			if !x.given {
				ids = append(ids, b.rules.Loads[x.load].ID+x.spans[0].Start.String())
			}
		}
		use := w.use(slices.Clone(v.ours), len(ids), v, b.rules.Interval)
		return ids, w, v.paths.Lasts(v.with(use), w.mark)
	}
	rapid.Check(t, func(rt *rapid.T) {
		hours := time.Duration(rapid.IntRange(1, 150).Draw(rt, "hours")) * time.Hour
		left := units.Money(rapid.IntRange(1, 200).Draw(rt, "tenths")) * units.One / 10 * 10
		more := left + units.Money(rapid.IntRange(0, 50).Draw(rt, "more"))*units.One
		a, w, before := kept(hours, left)
		c, w2, after := kept(hours, more)
		if len(c) < len(a) || !slices.Equal(a, c[:len(a)]) {
			rt.Fatalf("%v keeps %v, %v keeps %v", left, a, more, c)
		}
		if w.whole != w2.whole || after < min(before, nineOfTen)-1e-9 {
			rt.Fatalf("all needs %v and %v; sure %v with %v and %v with %v", w.whole, w2.whole, before, left, after, more)
		}
		if given := len(w.pieces) - len(a); given > 0 && w.whole <= left.Float() {
			rt.Fatalf("%d pieces are given up for nothing", given)
		}
	})
}

// On the days on which the clock is changed the wish is met to the hour, and each day's
// need is one day's.
func TestAWishOverAChangeOfTheClock(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	must(t, err)
	for name, c := range map[string]struct {
		from civil.Date
		want time.Duration // from noon to the next day's 18:00
	}{
		"a day of 23 hours": {civil.DateOf(2026, 3, 28), 29 * time.Hour},
		"a day of 25 hours": {civil.DateOf(2026, 10, 24), 31 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBenchIn(t, zone, false)
			b.rules.RunOutOver = 4 * 24 * time.Hour
			b.Planner.rules = b.rules
			b.now = c.from.At(12*60, zone)
			b.Learn(b.habits(b.now.AddDate(0, 0, -8), b.now))
			at, err := civil.Moment("tomorrow 18:00", b.now, zone)
			must(t, err)
			if got := at.Sub(b.now); got != c.want {
				t.Fatalf("%s ahead, want %s", got, c.want)
			}
			b.until, b.left = at, 10*units.One
			plan := b.planAt(b.now)
			o := plan.Outlast
			if o == nil || !o.Until.Equal(at) || o.Lasts {
				t.Fatalf("%+v", o)
			}
			hours := o.given()
			for _, g := range o.Given { // what waits until after it counts too
				if g.Later {
					hours[g.ID] += g.Time.Hours()
				}
			}
			if hours["geyser"] < 2 || hours["geyser"] > 4 || hours["washer"] < 1.5 || hours["washer"] > 3 {
				t.Errorf("in two days %v hours are given up: %+v", hours, o.Given)
			}
		})
	}
}

// A load of two windows is asked for what lies in them, before and after the wish.
func TestAWishBetweenTheWindowsOfALoad(t *testing.T) {
	var morning, evening loads.Window
	must(t, morning.From.SetText("06:00"), morning.To.SetText("08:00"), evening.From.SetText("18:00"), evening.To.SetText("20:00"))
	b := newBench(t, false, loads.Document{ID: "geyser", Name: "Geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, Need: &loads.NeedDocument{For: 3 * time.Hour, Between: []loads.Window{morning, evening}}})
	b.Learn(b.habits(b.now.AddDate(0, 0, -8), b.now))
	b.until, b.left = b.now.Add(19*time.Hour), units.One
	plan := b.planAt(b.now)
	ran := 0
	for k, p := range plan.Loads[0].Power {
		h := plan.Start.Add(time.Duration(k) * plan.Slot).In(b.rules.Zone).Hour()
		if p == 0 {
			continue
		}
		if ran++; h != 19 {
			t.Errorf("it runs at %d h", h)
		}
	}
	later, lost := 0.0, 0.0
	for _, g := range plan.Outlast.Given {
		if g.Later {
			later += g.Time.Hours()
		} else {
			lost += g.Time.Hours()
		}
	}
	if ran != 2 || later+lost < 2 || plan.Outlast.Lasts { // of three hours one is left after it
		t.Errorf("%d slots, %v h wait and %v h are given up: %+v", ran, later, lost, plan.Outlast)
	}
}
