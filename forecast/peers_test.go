package forecast

import (
	"context"
	"math"
	"testing"
	"time"
)

// A peer that is asked of a series that repeats itself is right, and no peer knows what comes.
func TestPeersForecastWhatRepeatsItself(t *testing.T) {
	const perDay = 24
	v := make([]float64, 60*perDay)
	for i := range v {
		v[i] = 1 + 0.5*math.Sin(2*math.Pi*float64(i)/perDay) + 0.3*float64(i/perDay%7)
	}
	v[50*perDay+3] = math.NaN()
	for _, p := range peers() {
		origin := 55*perDay + 5
		known := append([]float64(nil), v...)
		for i := origin; i < len(known); i++ {
			known[i] = math.Inf(1)
		}
		off := 0.0
		for i, x := range p.ask(known, perDay, []int{origin}, perDay)[0] {
			off = math.Max(off, math.Abs(x-v[origin+i]))
		}
		// The day before is another weekday.
		if most := map[bool]float64{true: 2, false: 0.02}[p.name == peers()[1].name]; !(off < most) {
			t.Errorf("%s is off by up to %.3f", p.name, off)
		}
	}
}

// Bench says of this forecaster what Backtest says.
func TestBenchIsTheBacktestOfMore(t *testing.T) {
	o := Options{Step: time.Hour, Seed: 1}
	history := Made(Home, time.Hour, 45, 3)
	b := BacktestOptions{Origins: 2}
	want, err := Backtest(context.Background(), o, history, b)
	if err != nil {
		t.Fatal(err)
	}
	spent := time.Duration(0)
	rows, err := Bench(context.Background(), o, history, b, func() time.Duration { spent += time.Second; return spent })
	if err != nil {
		t.Fatal(err)
	}
	if r := rows[0]; r.WQL != want.WQL || r.RunOutLoss != want.RunOutLoss || r.Origins != want.Origins {
		t.Errorf("%+v, the backtest says %+v", r, want)
	}
	for _, r := range rows {
		if r.CPU != 2*time.Second || r.Origins != 2 || !(r.WQL > 0) || !(r.RunOutLoss > 0) || r.Coverage < 0.4 {
			t.Errorf("%+v", r)
		}
	}
	if len(rows) != 4 {
		t.Errorf("%d methods", len(rows))
	}
}
