package forecast

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/internal/units"
)

func TestMixIsTheWeightedDistribution(t *testing.T) {
	for _, c := range []struct {
		name    string
		samples []sample
		days    []float32
		want    quad
	}{
		{"one sample is every quantile", []sample{{3, 0, 1}}, []float32{1}, quad{3, 3, 3, 3}},
		{"even weights", []sample{{1, 0, 1}, {2, 0, 1}, {3, 0, 1}}, []float32{1}, quad{2, 1, 2, 3}},
		{"a day without weight is not there", []sample{{1, 0, 1}, {9, 1, 1}}, []float32{1, 0}, quad{1, 1, 1, 1}},
		{"the heavy day has the median", []sample{{1, 0, 1}, {5, 1, 1}}, []float32{1, 9}, quad{4.6, 1.0 + 4*0.1, 5, 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g gatherer
			g.unsort = c.samples
			g.sort()
			got, ok := g.mix(g.all, c.days)
			if !ok || math.Abs(float64(got.mean-c.want.mean)) > 1e-6 || got.q50 < got.q10 || got.q90 < got.q50 {
				t.Fatalf("got %+v, want %+v", got, c.want)
			}
			if c.name != "the heavy day has the median" && got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if math.Abs(float64(got.q50-c.want.q50)) > 0.5 {
				t.Errorf("median %v, want about %v", got.q50, c.want.q50)
			}
		})
	}
	var g gatherer
	if _, ok := g.mix(nil, nil); ok {
		t.Error("nothing was mixed to something")
	}
}

func TestRidgeFindsTheCoefficients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	r := newRidge(2)
	if r.solve(1) {
		t.Error("solved without rows")
	}
	for range 2000 {
		x := []float64{rng.NormFloat64(), rng.NormFloat64()}
		r.add(x, 3*x[0]-2*x[1]+0.5+0.1*rng.NormFloat64())
	}
	if !r.solve(1) {
		t.Fatal("not solved")
	}
	for i, want := range []float64{3, -2, 0.5} {
		if math.Abs(r.beta[i]-want) > 0.02 {
			t.Errorf("coefficient %d is %v, want %v", i, r.beta[i], want)
		}
	}
	// A constant feature must not break it: its coefficient is simply free.
	c := newRidge(2)
	for i := range 50 {
		c.add([]float64{float64(i % 7), 0}, float64(i%7))
	}
	if !c.solve(1) || math.Abs(c.answer([]float64{6, 0})-6) > 0.3 {
		t.Errorf("with a feature that is always zero: %v", c.beta)
	}
}

func TestBoosterFindsQuantilesThatMove(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const n = 6000
	x := make([]float32, 0, 2*n)
	y := make([]float32, n)
	for i := range n {
		a, b := rng.Float64(), rng.Float64()
		x = append(x, float32(a), float32(b))
		spread := 1.0
		if a > 0.5 {
			spread = 3
		}
		y[i] = float32(10*b + spread*rng.NormFloat64())
	}
	o := defaultBoost()
	o.trees = 200
	ds := newDataset(x, 2, o.bins)
	start := make([]float32, n)
	for _, c := range []struct{ tau, z float64 }{{0.1, -1.2816}, {0.5, 0}, {0.9, 1.2816}} {
		b := fitBooster(ds, y, start, c.tau, o, rand.New(rand.NewPCG(5, 6)))
		off := 0.0
		for k := range 40 {
			a, bb := 0.25, (float64(k%20)+0.5)/20
			spread := 1.0
			if k >= 20 {
				a, spread = 0.75, 3
			}
			off += math.Abs(float64(b.corrections([]float32{float32(a), float32(bb)}, 2)[0]) - (10*bb + spread*c.z))
		}
		if off/40 > 0.45 {
			t.Errorf("quantile %v is off by %.2f on average", c.tau, off/40)
		}
	}
}

func TestSelectNth(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		v := make([]float32, 1+rng.IntN(30))
		for i := range v {
			v[i] = float32(rng.IntN(8))
		}
		k := rng.IntN(len(v))
		sorted := slices.Clone(v)
		slices.Sort(sorted)
		if got := selectNth(slices.Clone(v), k); got != sorted[k] {
			t.Fatalf("%d of %v is %v, want %v", k, v, got, sorted[k])
		}
	}
}

// A value that arrives late is used as if it had been on time.
func TestLateObservationsCount(t *testing.T) {
	obs := household(monday, time.Hour, 60, 9)
	plain, late := mustNew(t, Options{Step: time.Hour}), mustNew(t, Options{Step: time.Hour})
	feed(t, plain, obs)
	hole := obs[50*24 : 51*24]
	feed(t, late, obs[:50*24])
	feed(t, late, obs[51*24:])
	at := monday.Add(60 * day)
	late.Forecast(at, day)
	feed(t, late, hole)
	if !reflect.DeepEqual(plain.Forecast(at, day), late.Forecast(at, day)) {
		t.Error("the order of arrival matters")
	}
}

// A reading that comes after a forecast was asked for that should have known it, by minutes
// or by hours, is learned from at once: not only from the next refit on.
func TestReadingsAFewHoursLateAreLearnedFrom(t *testing.T) {
	unraced.Only(t)
	const days = 64
	obs := household(monday, time.Hour, days, 9)
	for _, c := range []struct {
		name string
		late int // slots
	}{{"after the forecast of its own slot", 1}, {"by three hours", 3}, {"by nineteen hours", 19}} {
		t.Run(c.name, func(t *testing.T) {
			plain, late := mustNew(t, Options{Step: time.Hour}), mustNew(t, Options{Step: time.Hour})
			feed(t, plain, obs)
			const from = 57 * 24
			feed(t, late, obs[:from-c.late])
			for i := from; i < len(obs); i++ {
				late.Forecast(obs[i].Slot.Start, day)
				feed(t, late, obs[i-c.late:i-c.late+1])
			}
			feed(t, late, obs[len(obs)-c.late:])
			at := monday.Add(days * day)
			if a, b := plain.Forecast(at, day), late.Forecast(at, day); !reflect.DeepEqual(a, b) {
				t.Errorf("in time %+v, late %+v", a.Slots[0], b.Slots[0])
			}
			if a, b := plain.Scenarios(at, day, 9, 2), late.Scenarios(at, day, 9, 2); !reflect.DeepEqual(a, b) {
				t.Error("paths differ")
			}
		})
	}
}

// Where the refit is made beside, what was learned before such a reading stands, and a booster
// that was fitted without it is fitted again.
func TestALateReadingDoesNotUnlearn(t *testing.T) {
	obs := household(monday, time.Hour, 70, 11)
	f := mustNew(t, Options{Step: time.Hour, Background: true})
	const refit = 66*24 + 2 // a new week has begun
	last := obs[66*24-1]    // the last reading of the week before it
	feed(t, f, obs[:66*24-1])
	feed(t, f, obs[66*24:refit])
	at := obs[refit].Slot.Start
	f.Refit(at)
	for i := refit; i < refit+9; i++ {
		feed(t, f, obs[i:i+1])
		f.Forecast(obs[i+1].Slot.Start, day)
	}
	at = obs[refit+9].Slot.Start
	if f.RefitDue(at) {
		t.Fatal("a refit is due in the week it was made in")
	}
	feed(t, f, []Observation{last})
	if !f.Learned(at) {
		t.Error("a reading late by hours has undone what was learned")
	}
	if !f.RefitDue(at) {
		t.Error("the booster that was fitted without the reading is not to be fitted again")
	}
	f.Refit(at)
	if f.RefitDue(at) {
		t.Error("the refit just made is due again")
	}
	fresh := mustNew(t, Options{Step: time.Hour})
	feed(t, fresh, obs[:refit+9])
	if !reflect.DeepEqual(f.Forecast(at, day), fresh.Forecast(at, day)) {
		t.Error("the refit answers otherwise than one made with the reading in time")
	}
	feed(t, f, obs[refit+9:])
	feed(t, f, obs[40*24:41*24]) // weeks late
	if f.Learned(obs[len(obs)-1].Slot.Start) {
		t.Error("what was learned from a day that has changed is said to stand")
	}
}

func TestRefitOfAForkIsAdopted(t *testing.T) {
	obs := household(monday, time.Hour, 70, 11)
	o := Options{Step: time.Hour, Background: true}
	f := mustNew(t, o)
	if f.RefitDue(monday) {
		t.Error("there is nothing to learn from yet")
	}
	feed(t, f, obs[:61*24])
	at := monday.Add(61 * day)
	check(t, f.Forecast(at, day), 24)
	if !f.RefitDue(at) {
		t.Fatal("nothing has been learned and no refit is due")
	}
	g := f.Fork()
	done := make(chan struct{})
	go func() { g.Refit(at); close(done) }()
	feed(t, f, obs[61*24:62*24]) // life goes on meanwhile
	check(t, f.Forecast(at, day), 24)
	<-done
	f.Adopt(g)
	at = monday.Add(62 * day)
	if f.RefitDue(at) {
		t.Error("the refit just adopted is due again")
	}
	o.Background = false
	fresh := mustNew(t, o)
	feed(t, fresh, obs[:62*24])
	if !reflect.DeepEqual(f.Forecast(at, day), fresh.Forecast(at, day)) {
		t.Error("the adopted refit answers otherwise than one made at once")
	}
}

func TestAwayRaisesTheAlarmAndBothCasesAreHeld(t *testing.T) {
	unraced.Only(t)
	obs := household(monday, 30*time.Minute, 66, 12)
	for i := 63 * 48; i < len(obs); i++ {
		obs[i].Energy = units.FromKWh(0.03) // the refrigerator alone
	}
	f := mustNew(t, Options{})
	feed(t, f, obs[:63*48])
	if fc := f.Forecast(monday.Add(63*day), 2*day); fc.Unusual != 0 {
		t.Fatalf("alarm in ordinary times: %d days", fc.Unusual)
	}
	usual := f.Forecast(monday.Add(63*day), day).Slots[38]
	feed(t, f, obs[63*48:])
	fc := f.Forecast(monday.Add(66*day), 2*day)
	check(t, fc, 96)
	if fc.Unusual < 2 || fc.UnusualRatio > 0.3 {
		t.Fatalf("three days away: %d unusual days of %.2f of the forecast", fc.Unusual, fc.UnusualRatio)
	}
	evening := fc.Slots[38]
	if evening.Q10 > 0.1 || evening.Q90 < 0.6*usual.Q50 {
		t.Errorf("the evening must hold both away and back: %+v, usually %+v", evening, usual)
	}
	// Some paths stay away for the two days, some come back.
	low, high := math.Inf(1), 0.0
	for _, p := range f.Scenarios(monday.Add(66*day), 2*day, 100, 1).Paths {
		sum := 0.0
		for _, x := range p {
			sum += x
		}
		low, high = math.Min(low, sum), math.Max(high, sum)
	}
	if low > 8 || high < 15 {
		t.Errorf("two days on the paths: %.1f to %.1f kWh", low, high)
	}
}

func TestTemperatureIsUsedWhereItTells(t *testing.T) {
	unraced.Only(t)
	rng := rand.New(rand.NewPCG(13, 14))
	base := household(monday, time.Hour, 160, 13)
	celsius := make([]float64, 163*24)
	weather := 0.0
	for i := range celsius {
		if i%24 == 0 {
			weather = 0.8*weather + 3*rng.NormFloat64()
		}
		celsius[i] = 6 + weather + 3*math.Sin(float64(i%24-9)*math.Pi/12)
	}
	run := func(withTemperature bool) (loss float64) {
		f := mustNew(t, Options{Step: time.Hour})
		next, told := 0, 0
		for d := 150; d < 157; d++ { // within one week, and one refit
			for ; next < d*24; next++ {
				o := base[next]
				o.Energy += units.FromKWh(0.15 * math.Max(0, 15-celsius[next]))
				feed(t, f, []Observation{o})
			}
			for ; withTemperature && told < (d+3)*24; told++ {
				if err := f.UpdateTemperature(monday.Add(time.Duration(told)*time.Hour), celsius[told]); err != nil {
					t.Fatal(err)
				}
			}
			for i, s := range f.Forecast(monday.Add(time.Duration(d)*day), 2*day).Slots {
				y := base[next+i].Energy.KWh() + 0.15*math.Max(0, 15-celsius[next+i])
				loss += pinball(y, s.Q10, 0.1) + pinball(y, s.Q50, 0.5) + pinball(y, s.Q90, 0.9)
			}
		}
		return loss
	}
	without, with := run(false), run(true)
	t.Logf("loss %.1f without, %.1f with temperature", without, with)
	if with > 0.9*without {
		t.Errorf("loss %.1f with temperature, %.1f without", with, without)
	}
}

func TestRunOutQuantilesHoldWhatTheySay(t *testing.T) {
	unraced.Only(t)
	obs := household(monday, time.Hour, 220, 15)
	var before10, before90, n float64
	f := mustNew(t, Options{Step: time.Hour})
	next := 0
	for i := range 16 { // two in a week, which share its refit
		d := 59 + i/2*21 + i%2*4
		feed(t, f, obs[next:d*24])
		next = d * 24
		s := f.Scenarios(monday.Add(time.Duration(d)*day), 7*day, 200, 1)
		for _, kwh := range []float64{8, 16, 30} {
			left, h := kwh, 0.0
			for ; left > obs[next+int(h)].Energy.KWh(); h++ {
				left -= obs[next+int(h)].Energy.KWh()
			}
			h += left / obs[next+int(h)].Energy.KWh()
			r := s.RunOut(Credit{Balance: kwh})
			n++
			if h < r.Q10.Hours() {
				before10++
			}
			if h < r.Q90.Hours() {
				before90++
			}
		}
	}
	if a, b := before10/n, before90/n; a > 0.25 || b < 0.75 || a == 0 && b == 1 {
		t.Errorf("%.2f of run-outs came before q10, %.2f before q90", a, b)
	}
}

func TestBacktestScoresItself(t *testing.T) {
	unraced.Only(t)
	calls := 0
	rep, err := Backtest(t.Context(), Options{Step: time.Hour}, household(monday, time.Hour, 90, 16),
		BacktestOptions{Origins: 8, Progress: func(int, int) { calls++ }})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Origins != 8 || calls != 8 || len(rep.Weeks) != 8 || len(rep.Weeks[0].Actual) != 168 {
		t.Fatalf("%d origins, %d calls", rep.Origins, calls)
	}
	if rep.WQL >= rep.NaiveWQL || rep.WQL <= 0 {
		t.Errorf("wQL %.3f, as a week before %.3f", rep.WQL, rep.NaiveWQL)
	}
	if rep.Coverage < 0.65 || rep.Coverage > 0.92 {
		t.Errorf("coverage %.2f", rep.Coverage)
	}
	if _, err := Backtest(t.Context(), Options{Step: time.Hour}, household(monday, time.Hour, 30, 16), BacktestOptions{}); err == nil {
		t.Error("thirty days were enough to test on")
	}
}

// The scores of what came move the median half way, and the tails so that they
// hold what they say.
func TestCalibrationCorrectsWhatWasOff(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	const perDay = 24
	d := &days{perDay: perDay, v: make([]float32, 102*perDay)}
	for i := range d.v {
		d.v[i] = float32(10 + 2*rng.NormFloat64())
	}
	d.index()
	var c calibration
	if k := c.learned(perDay); k != (correction{low: 1, high: 1}) {
		t.Errorf("without scores: %+v", k)
	}
	raw := quad{10, 4, 9, 10} // too low, its lower tail too wide, its upper too narrow
	for i := range 100 {
		q := make([]quad, 2*perDay)
		for j := range q {
			q[j] = raw
		}
		c.learn(d, i*perDay, q)
	}
	q := []quad{raw}
	c.learned(perDay).apply(q)
	if a := q[0]; math.Abs(float64(a.q10)-7.4) > 0.3 || math.Abs(float64(a.q90)-12.6) > 0.3 || a.q50 < 9.3 || a.q50 > 9.7 {
		t.Errorf("%+v after correction; the outcomes' quantiles are 7.4, 10 and 12.6", a)
	}
}

func TestUpperTailsAreEvenedAndEdgesStay(t *testing.T) {
	for _, c := range []struct {
		name string
		up   []float32 // upper tails
		want []float32
	}{
		{"alike", []float32{2, 2, 2, 2}, []float32{2, 2, 2, 2}},
		{"one is told by chance", []float32{2, 2, 3, 2, 2}, []float32{2, 2.17, 2.66, 2.17, 2}},
		{"a load by the clock", []float32{1, 1, 20, 1, 1}, []float32{1, 1, 20, 1, 1}},
		{"never anything", []float32{0, 0, 0}, []float32{0, 0, 0}},
		{"one slot", []float32{3}, []float32{3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := make([]quad, len(c.up))
			for i, up := range c.up {
				q[i] = quad{2, 1, 1.5, 1.5 + up}
			}
			even(q, 48)
			for i := range q {
				if got := q[i].q90 - q[i].q50; math.Abs(float64(got-c.want[i])) > 0.005 || q[i].q10 != 1 || q[i].q50 != 1.5 {
					t.Errorf("slot %d: %+v, want an upper tail of %v", i, q[i], c.want[i])
				}
			}
		})
	}
}

// Short and long credits are read at their own shares, which pass over between them; after a change
// the least are not higher than what is careful, and a chance is that of the quantile read there.
func TestCreditsOfOtherLengthsAreReadAtOtherShares(t *testing.T) {
	r := readings{short: [3]float64{0.14, 0.5, 0.86}, long: [3]float64{0.06, 0.4, 0.95}}
	if r.at(1) != r.short || r.at(12) != r.long {
		t.Errorf("a day is read at %v and twelve at %v", r.at(1), r.at(12))
	}
	if between := r.at((shortCredit + longCredit) / 2)[0]; math.Abs(between-0.1) > 1e-12 {
		t.Errorf("half way between them is read at %v", between)
	}
	if got := (readings{}).at(12); got != levels() {
		t.Errorf("where nothing is learned it is read at %v", got)
	}
	for _, days := range []float64{1, 6, 12} {
		for k, tau := range levels() {
			if got := r.chance(days, r.at(days)[k]); math.Abs(got-tau) > 1e-12 {
				t.Errorf("%v days: behind the share of %v is a chance of %v", days, tau, got)
			}
		}
	}
	if w := r.wary(1); w.short[0] != carefulShare || w.long[0] != carefulShare || w.short[2] != r.short[2] {
		t.Errorf("after a change it is read at %v", w)
	}
	if r.wary(0) != r {
		t.Error("nothing has changed")
	}
}

// Credit for twelve days has the range of past errors over as many days: what was off for a day is not
// off for a fortnight, and a range in which it is was 203 h wide and held all of them.
func TestCreditForTwelveDaysHasARangeOfItsOwn(t *testing.T) {
	r, err := Backtest(context.Background(), Options{Step: time.Hour}, Made(Home, time.Hour, 170, 3), BacktestOptions{Origins: 30})
	if err != nil {
		t.Fatal(err)
	}
	long := r.RunOuts[len(r.RunOuts)-1]
	if long.Days != 12 || long.Cases < 20 || long.Before > 0.2 || long.Beyond > 0.3 || long.Wide > 130 {
		t.Errorf("%+v", long)
	}
}
