package forecast

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// netMetered is a made-up home with a roof of which nobody tells: at noon more is fed in than drawn on clear
// days, and a day uses about 4 kWh in all.
func netMetered(days int) []Observation {
	out := Made(Home, time.Hour, days, 6)
	cloud := 1.0
	for i := range out {
		if i%24 == 0 {
			cloud = 0.35 + 0.65*math.Abs(math.Sin(float64(i/24)*2.3))
		}
		if x := (float64(i%24) + 0.5 - 12) / 6; math.Abs(x) < 1 {
			out[i].Energy -= units.FromKWh(1.2 * cloud * math.Cos(x*math.Pi/2))
		}
	}
	return out
}

// Where the meter counts back at noon the base load is below zero there: what is foreseen is too, its range
// holds, and so does that of when the credit ends, which noon may put off.
func TestANetMeteredHomeIsForeseenBelowZero(t *testing.T) {
	history := netMetered(130)
	r, err := Backtest(context.Background(), Options{Step: time.Hour}, history, BacktestOptions{Origins: 24})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("within %.3f, before q10 %.3f", r.Coverage, r.RunOutLate)
	if r.Coverage < 0.74 || r.Coverage > 0.9 || r.RunOutLate > 0.2 {
		t.Errorf("within 10-90 %% are %.3f, before q10 ended %.3f", r.Coverage, r.RunOutLate)
	}
	f := mustNew(t, Options{Step: time.Hour})
	feed(t, f, history)
	at := history[len(history)-1].Slot.End()
	fc := f.Forecast(at, day)
	check(t, fc, 24)
	if noon, evening := fc.Slots[12], fc.Slots[19]; noon.Mean > -0.1 || noon.Q10 > noon.Mean || evening.Q10 < 0 {
		t.Errorf("noon %+v, evening %+v", noon, evening)
	}
	sum, mean := 0.0, total(f.Forecast(at, 7*day))
	paths := f.Scenarios(at, 7*day, 200, 1)
	for _, p := range paths.Paths {
		for _, x := range p {
			sum += x / 200
		}
	}
	if math.Abs(sum-mean) > 0.1*7*10 {
		t.Errorf("paths use %.1f kWh in the mean, the forecast %.1f", sum, mean)
	}
	// What noon gives back lets a credit last that an evening nearly used up.
	ends := paths.RunOut(Credit{Balance: 3 * mean / 7})
	if h := ends.Q50.Hours(); h < 24 || h > 24*5 {
		t.Errorf("credit of three days' use ends after %.0f h", h)
	}
}
