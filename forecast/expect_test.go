package forecast

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/unraced"
)

// absence is a home that is lived in for so many days, then left, and come back to: what was used
// in each hour, and what it would have used had nobody left.
func absence(home uint64, before, gone, after int) (used, usual []float64) {
	usual = changingHome(home, before+gone+after, 11, 0.15)
	used = slices.Clone(usual)
	rng := rand.New(rand.NewPCG(home, 9))
	for i := before * 24; i < (before+gone)*24; i++ {
		used[i] = 0.11 * (0.7 + 0.6*rng.Float64()) // its night's use is 0.1
	}
	return used, usual
}

// hourOf is an hour of the tests' homes.
func hourOf(i int) time.Time { return monday.Add(time.Duration(i) * time.Hour) }

// learnHours has a forecaster know hours, of which some are told of.
func learnHours(t *testing.T, f *Forecaster, v []float64, from, to int, told Told) {
	t.Helper()
	for i := from; i < to; i++ {
		feed(t, f, []Observation{{Slot: units.Slot{Start: hourOf(i), Len: time.Hour}, Energy: units.FromKWh(v[i]), Told: told}})
	}
}

// Two weeks away, told beforehand: what is foreseen falls at once, and on the day of the return the
// credit is said to last as long as it would without them, within 15 %.  Untold it is taken for the usual.
func TestTwoWeeksAway(t *testing.T) {
	unraced.Only(t)
	const before, gone, after = 60, 14, 14
	for home := uint64(1); home <= 3; home++ {
		used, usual := absence(home, before, gone, after)
		leave, back := before*24, (before+gone)*24
		entry := []Expected{{Told: Away, From: hourOf(leave), To: hourOf(back)}}
		lasts := func(f *Forecaster, at int) time.Duration {
			return f.Scenarios(hourOf(at), 14*day, 200, 1).RunOut(Credit{Balance: 50}).Q50
		}
		said := map[string]time.Duration{}
		for _, c := range []struct {
			name string
			v    []float64
			told Told
		}{{"nobody left", usual, Usual}, {"told", used, Away}, {"untold", used, Usual}} {
			f := mustNew(t, Options{Step: time.Hour, Seed: 1})
			learnHours(t, f, c.v, 0, leave, Usual)
			if c.told == Away {
				f.Expect(entry)
				foreseen, truth := 0.0, 0.0
				for i, s := range f.Forecast(hourOf(leave), 14*day).Slots {
					foreseen, truth = foreseen+s.Mean, truth+used[leave+i]
				}
				if r := foreseen / truth; r < 0.65 || r > 1.4 {
					t.Errorf("home %d: before it is left %.2f of what it will use is foreseen", home, r)
				}
				r := f.Scenarios(hourOf(leave), 30*day, 200, 1).RunOut(Credit{Balance: 100})
				ends := hourOf(leave).Add(r.Q10)
				if !ends.After(hourOf(back)) {
					t.Errorf("home %d: credit for nine days is said to end on %s while nobody is there", home, ends)
				}
			}
			learnHours(t, f, c.v, leave, back, c.told)
			said[c.name] = lasts(f, back)
		}
		t.Logf("home %d: on the day of the return 50 kWh last %.0f h had nobody left, %.0f h told, %.0f h untold", home, said["nobody left"].Hours(), said["told"].Hours(), said["untold"].Hours())
		if r := said["told"].Hours() / said["nobody left"].Hours(); math.Abs(r-1) > 0.15 {
			t.Errorf("home %d: on the day of the return it is %.2f of what it would be", home, r)
		}
	}
}

// Who says that nobody is there, and uses what is usual, is not believed: what is foreseen is what is
// used, within a day, and those hours are learned as any others.
func TestAHouseThatIsNotEmptyIsNotForeseenEmpty(t *testing.T) {
	const before = 60
	v := changingHome(2, before+10, 11, 0.15)
	leave := before * 24
	f := mustNew(t, Options{Step: time.Hour, Seed: 1})
	learnHours(t, f, v, 0, leave, Usual)
	f.Expect([]Expected{{Told: Away, From: hourOf(leave), To: hourOf(leave + 240)}})
	at := leave
	for ; !f.NotEmpty(hourOf(at)); at++ {
		if at > leave+24 {
			t.Fatal("a day later it is still taken for empty")
		}
		learnHours(t, f, v, at, at+1, Away)
	}
	t.Logf("seen after %d hours", at-leave)
	learnHours(t, f, v, at, leave+72, Away)
	sum, truth := 0.0, 0.0
	for i, s := range f.Forecast(hourOf(leave+72), 2*day).Slots {
		sum, truth = sum+s.Mean, truth+v[leave+72+i]
	}
	if r := sum / truth; r < 0.7 || r > 1.5 {
		t.Errorf("%.2f of what it uses is foreseen", r)
	}
	if y, n := f.daysAt(f.hist.first+int64(leave+72), math.MaxFloat32).mean(leave+24, leave+72); n != 48 || y < 0.3 {
		t.Errorf("%d hours of it are learned", n)
	}
	empty, _ := absence(2, before, 10, 0)
	g := mustNew(t, Options{Step: time.Hour, Seed: 1})
	learnHours(t, g, empty, 0, leave, Usual)
	g.Expect([]Expected{{Told: Away, From: hourOf(leave), To: hourOf(leave + 240)}})
	for at := leave; at < leave+240; at++ {
		learnHours(t, g, empty, at, at+1, Away)
		if g.NotEmpty(hourOf(at + 1)) {
			t.Fatalf("an empty house is not taken for empty %d h after it was left", at-leave)
		}
	}
}

// What is told lies on the hours that it holds in, and on no others.
func TestWhatIsToldLiesOnItsHours(t *testing.T) {
	v := changingHome(1, 40, 11, 0.15)
	f := mustNew(t, Options{Step: time.Hour, Seed: 1})
	learnHours(t, f, v, 0, 40*24, Usual)
	at := hourOf(40 * 24)
	plain := f.Forecast(at, 2*day).Slots
	paths := f.Scenarios(at, 2*day, 50, 1)
	hours := func(told Told, from, to float64, kwh float64) Expected {
		return Expected{Told: told, From: at.Add(time.Duration(from * float64(time.Hour))), To: at.Add(time.Duration(to * float64(time.Hour))), KWh: kwh}
	}
	for _, c := range []struct {
		situation string
		told      []Expected
		is        func(i int, s, was Slot) bool
	}{
		{"nothing", nil, func(_ int, s, was Slot) bool { return s == was }},
		{"it is over", []Expected{hours(Away, -48, 0, 0)}, func(_ int, s, was Slot) bool { return s == was }},
		{"nobody is there for some hours", []Expected{hours(Away, 18, 22, 0)}, func(i int, s, was Slot) bool {
			return s == was && (i < 18 || i >= 22) || s.Mean < was.Mean/2 && s.Q90 < was.Q90 && s.Q10 <= s.Q50 && s.Q50 <= s.Q90
		}},
		{"twice the same is once", []Expected{hours(Away, 18, 20.5, 0), hours(Away, 18, 20.5, 0)}, func(i int, s, was Slot) bool {
			return i != 20 || s.Mean > was.Mean/2 && s.Mean < 0.8*was.Mean
		}},
		{"guests for a day", []Expected{hours(Guests, 0, 24, 0)}, func(i int, s, was Slot) bool {
			return s == was && i >= 24 || math.Abs(s.Mean-1.3*was.Mean) < 1e-9 && s.Q10 == was.Q10 && s.Q90 > 1.3*was.Q90
		}},
		{"guests while nobody is there: they are there", []Expected{hours(Away, 0, 48, 0), hours(Guests, 18, 22, 0)}, func(i int, s, was Slot) bool {
			return i < 18 || i >= 22 || s.Mean > was.Mean
		}},
		{"a roast", []Expected{hours(Extra, 11, 13, 3)}, func(i int, s, was Slot) bool {
			return s == was && i != 11 && i != 12 || math.Abs(s.Mean-was.Mean-1.5) < 1e-9 && s.Q10 == was.Q10
		}},
		{"of no length", []Expected{hours(Extra, 11, 11, 3)}, func(_ int, s, was Slot) bool { return s == was }},
	} {
		f.Expect(c.told)
		for i, s := range f.Forecast(at, 2*day).Slots {
			if !c.is(i, s, plain[i]) {
				t.Errorf("%s: hour %d: %+v; usual is %+v", c.situation, i, s, plain[i])
			}
		}
		mean, was := make([]float64, 48), make([]float64, 48)
		told := f.Scenarios(at, 2*day, 50, 1)
		for p, path := range told.Paths {
			for i, x := range path {
				if x < 0 || x != x {
					t.Fatalf("%s: a path uses %g", c.situation, x)
				}
				if fc := f.Forecast(at, 2*day).Slots[i]; p == 0 && fc == plain[i] && x != paths.Paths[p][i] {
					t.Errorf("%s: hour %d of the first path has changed", c.situation, i)
				}
				mean[i] += x / 50
				was[i] += paths.Paths[p][i] / 50
			}
		}
		for i, s := range f.Forecast(at, 2*day).Slots {
			if d := (mean[i] - was[i]) - (s.Mean - plain[i].Mean); math.Abs(d) > 0.15*(plain[i].Mean+math.Abs(s.Mean-plain[i].Mean))+0.15 {
				t.Errorf("%s: hour %d: the paths change by %.2f, the mean by %.2f", c.situation, i, mean[i]-was[i], s.Mean-plain[i].Mean)
			}
		}
	}
}

// How much guests use is learned from guests.
func TestWhatGuestsUseIsLearned(t *testing.T) {
	v := changingHome(1, 60, 11, 0.1)
	for i := 40 * 24; i < 44*24; i++ {
		v[i] *= 1.9
	}
	f := mustNew(t, Options{Step: time.Hour, Seed: 1})
	learnHours(t, f, v, 0, 40*24, Usual)
	before, _ := f.guests(f.hist.end())
	learnHours(t, f, v, 40*24, 44*24, Guests)
	learnHours(t, f, v, 44*24, 60*24, Usual)
	share, doubt := f.guests(f.hist.end())
	if before != guestShare || share < 0.45 || share > 0.8 || doubt >= guestDoubt {
		t.Errorf("guests use %.2f more, of a doubt of %.2f; before any came it was %.2f", share, doubt, before)
	}
	if y, n := f.daysAt(f.hist.end(), math.MaxFloat32).mean(40*24, 44*24); n != 0 {
		t.Errorf("%d of their hours are learned as usual, of %.2f kWh", n, y)
	}
}

// Days on which the clock is changed are away as any others, in half hours of a zone with both.
func TestAwayOverDaysOf23And25Hours(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range []time.Time{time.Date(2026, 3, 29, 0, 0, 0, 0, zone), time.Date(2026, 10, 25, 0, 0, 0, 0, zone)} {
		f := mustNew(t, Options{Zone: zone, Step: 30 * time.Minute, Seed: 1})
		for at := on.AddDate(0, 0, -30); at.Before(on.AddDate(0, 0, -1)); at = at.Add(30 * time.Minute) {
			kwh := 0.1
			if h := at.In(zone).Hour(); h >= 6 {
				kwh = 0.6
			}
			feed(t, f, []Observation{{Slot: units.Slot{Start: at.UTC(), Len: 30 * time.Minute}, Energy: units.FromKWh(kwh)}})
		}
		f.Expect([]Expected{{Told: Away, From: on, To: on.AddDate(0, 0, 1)}})
		sum, n := 0.0, 0
		for _, s := range f.Forecast(on.AddDate(0, 0, -1), 3*day).Slots {
			if !s.Start.Before(on) && s.Start.Before(on.AddDate(0, 0, 1)) {
				sum, n = sum+s.Mean, n+1
			} else if h := s.Start.In(zone).Hour(); h >= 7 && s.Mean < 0.4 {
				t.Errorf("%s: %.2f kWh at %s", on.Format(time.DateOnly), s.Mean, s.Start.In(zone))
			}
		}
		if want := int(on.AddDate(0, 0, 1).Sub(on) / (30 * time.Minute)); n != want || sum > 0.13*float64(n) {
			t.Errorf("%s: %d slots of %d use %.2f kWh", on.Format(time.DateOnly), n, want, sum)
		}
	}
}

// What is known of an empty house, and of guests, is the same whoever was told of it in what order, and from when on: who
// is started anew is given less than who has run for years.
func TestWhoIsStartedAnewKnowsTheSameOfWhatWasTold(t *testing.T) {
	v := changingHome(1, 960, 11, 0.1)
	told := func(h int) Told {
		switch d := h / 24; {
		case d%100 < 4:
			return Away
		case d%100 < 8:
			return Guests
		}
		return Usual
	}
	know := func(f *Forecaster, from, to, by int) {
		for i := from; i != to; i += by {
			x := v[i]
			if told(i) == Away {
				x = 0.1
			}
			feed(t, f, []Observation{{Slot: units.Slot{Start: hourOf(i), Len: time.Hour}, Energy: units.FromKWh(x), Told: told(i)}})
		}
	}
	const at = 950 * 24
	long, anew, back := mustNew(t, Options{Step: time.Hour, Seed: 1}), mustNew(t, Options{Step: time.Hour, Seed: 1}), mustNew(t, Options{Step: time.Hour, Seed: 1})
	know(long, 0, at, 1)
	know(anew, at-int(Kept/time.Hour), at, 1)
	know(back, at-1, at-int(Kept/time.Hour), -1)
	g := int64(hourOf(at).Unix()) / 3600
	is, _ := long.empty(g)
	share, doubt := long.guests(g)
	for name, f := range map[string]*Forecaster{"started anew": anew, "told backwards": back} {
		is2, _ := f.empty(g)
		share2, doubt2 := f.guests(g)
		if is2 != is || share2 != share || doubt2 != doubt {
			t.Errorf("%s: %+v and %g, %g; it was %+v and %g, %g", name, is2, share2, doubt2, is, share, doubt)
		}
	}
}
