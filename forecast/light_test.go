package forecast

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// someFutures are futures of some days at random, a credit that may or may not last, and a
// price by slot without blocks.
func someFutures(rt *rapid.T) (Scenarios, Credit, []float64) {
	n := rapid.IntRange(4, 60).Draw(rt, "slots")
	price := rapid.SliceOfN(rapid.Float64Range(0.1, 4), n, n).Draw(rt, "prices")
	s := Scenarios{Start: monday, Step: 30 * time.Minute}
	for range rapid.IntRange(1, 12).Draw(rt, "paths") {
		s.Paths = append(s.Paths, rapid.SliceOfN(rapid.Float64Range(0.01, 2), n, n).Draw(rt, "path"))
	}
	cost := func(slot int, _, kwh float64) float64 { return price[slot] * kwh }
	return s, Credit{Balance: rapid.Float64Range(0.1, 100).Draw(rt, "balance"), Cost: cost}, price
}

// What is known to cost so much makes the credit end as much sooner as the energy that
// costs it, whenever it begins.
func TestWhatIsUsedOnTopCostsTheLightThatItsEnergyDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, c, price := someFutures(rt)
		n := len(s.Paths[0])
		from := rapid.IntRange(0, n-1).Draw(rt, "from")
		kwh := rapid.Float64Range(0.01, 3).Draw(rt, "kWh")
		extra := make([]float64, n)
		extra[from] = kwh
		want := s.Sooner(c, extra)
		got := s.Light(c, []Run{{From: from, To: from + 1, Cost: kwh * price[from]}, {From: from, To: from + 1}})
		if (want == nil) != (got == nil) {
			rt.Fatalf("%v and %v", got, want)
		}
		if want == nil {
			return
		}
		if d := (got[0] - want[0]).Abs(); d > time.Second+want[0]/1000 || got[1] != 0 {
			rt.Fatalf("%v sooner, want %v; nothing costs %v", got[0], want[0], got[1])
		}
	})
}

func TestARunWhileTheCreditEndsCountsWhatItTakesUpToThen(t *testing.T) {
	s := steady(24, 1) // 1 kWh an hour, 10 kWh of credit: it ends after 10 h
	c := Credit{Balance: 10}
	for name, w := range map[string]struct {
		run  Run
		want time.Duration
	}{
		"before it":                     {Run{0, 2, 2}, 2 * time.Hour},
		"it ends while the run is on":   {Run{8, 12, 4}, time.Hour}, // 1 kW more from 8:00: 2 kWh are gone at 9:00
		"in the hour in which it ends":  {Run{9, 10, 1}, 30 * time.Minute},
		"after it":                      {Run{11, 12, 1}, 0},
		"all of it at once":             {Run{0, 1, 100}, 10*time.Hour - time.Hour*10/101},
		"nothing":                       {Run{3, 4, 0}, 0},
		"something that is paid for it": {Run{3, 4, -1}, 0},
	} {
		if got := s.Light(c, []Run{w.run})[0]; (got - w.want).Abs() > time.Second {
			t.Errorf("%s: %v sooner, want %v", name, got, w.want)
		}
	}
	if got := s.Light(Credit{}, []Run{{0, 1, 1}}); got != nil {
		t.Errorf("without credit: %v", got)
	}
	// Credit that outlasts the futures: by what is spent on the whole.
	if got := s.Light(Credit{Balance: 1000}, []Run{{5, 6, 3}})[0]; got != 3*time.Hour {
		t.Errorf("beyond the horizon: %v", got)
	}
}

// What Needs calls safe lasts with a chance of nine in ten, and more credit is never less
// sure.
func TestTheChanceThatACreditLasts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, c, _ := someFutures(rt)
		if rapid.Bool().Draw(rt, "calibrated") {
			s.read = readings{short: [3]float64{0.06, 0.47, 0.93}, long: [3]float64{0.06, 0.47, 0.93}}
		}
		until := rapid.IntRange(1, len(s.Paths[0])).Draw(rt, "until")
		need := s.Needs(c, []int{until})[0]
		at := func(balance float64) float64 {
			c.Balance = balance
			return s.Lasts(c, until)
		}
		if safe, even := at(need.Safe), at(need.Even); safe < 0.9-1e-9 || even < 0.5-1e-9 {
			rt.Fatalf("%v lasts with %v, %v with %v", need.Safe, safe, need.Even, even)
		}
		a, b := rapid.Float64Range(0, 200).Draw(rt, "a"), rapid.Float64Range(0, 50).Draw(rt, "b")
		if less, more := at(a), at(a+b); less > more+1e-9 || less < 0 || more > 1 || math.IsNaN(less) {
			rt.Fatalf("%v lasts with %v, %v with %v", a, less, a+b, more)
		}
		if at(need.Safe*1e-3) >= 0.9 && need.Safe > 0 && len(s.Paths) > 10 && need.Safe*1e-3 < s.Needs(c, []int{until})[0].Even/2 {
			rt.Fatalf("a thousandth of %v lasts as surely", need.Safe)
		}
	})
	if got := steady(3, 1).Lasts(Credit{Balance: 100}, 4); got != 0 {
		t.Errorf("beyond the futures: %v", got)
	}
}
