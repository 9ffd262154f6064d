package forecast

import (
	"math"
	"testing"
	"time"
)

// steady is paths that use so many kWh in every hour.
func steady(hours int, kwh ...float64) Scenarios {
	s := Scenarios{Start: monday, Step: time.Hour}
	for _, k := range kwh {
		path := make([]float64, hours)
		for i := range path {
			path[i] = k
		}
		s.Paths = append(s.Paths, path)
	}
	return s
}

func TestWhatACreditMustBeToLast(t *testing.T) {
	even := make([]float64, 100) // 0.01 to 1.00 kWh an hour
	for i := range even {
		even[i] = float64(i+1) / 100
	}
	blocks := func(_ int, used, kwh float64) float64 { // 1 a kWh, 3 beyond 10 kWh
		dear := math.Max(0, used+kwh-math.Max(used, 10))
		return kwh + 2*math.Min(kwh, dear)
	}
	standing := func(slot int, _, kwh float64) float64 {
		if slot%24 == 0 {
			return kwh + 5
		}
		return kwh
	}
	for _, c := range []struct {
		name       string
		s          Scenarios
		credit     Credit
		until      int
		even, safe float64
	}{
		{"credit in kWh, one future", steady(48, 2), Credit{}, 10, 20, 20},
		{"half and nine of ten", steady(48, even...), Credit{}, 10, 5.05, 9.05},
		{"a block that is left on the way", steady(48, 2), Credit{Cost: blocks}, 10, 10 + 30, 10 + 30},
		{"a standing charge a day", steady(48, 1), Credit{Cost: standing}, 30, 40, 40},
		{"planned loads on top", steady(48, 1), Credit{Planned: []float64{0, 3, 3}}, 10, 16, 16},
		{"what is sold back does not help before", func() Scenarios {
			s := steady(4, 5)
			s.Paths[0][2], s.Paths[0][3] = -20, 0
			return s
		}(), Credit{}, 4, 10, 10},
	} {
		got := c.s.Needs(c.credit, []int{c.until})[0]
		if math.Abs(got.Even-c.even) > 1e-9 || math.Abs(got.Safe-c.safe) > 1e-9 {
			t.Errorf("%s: %+v, want %v and %v", c.name, got, c.even, c.safe)
		}
		// What lasts is what RunOut says lasts.
		for _, credit := range []float64{got.Even, got.Safe} {
			c.credit.Balance = credit + 1e-6
			if r := c.s.RunOut(c.credit); credit == got.Safe && r.Q10 < time.Duration(c.until)*time.Hour || r.Q50 < time.Duration(c.until)*time.Hour {
				t.Errorf("%s: with %v the run-out is %+v", c.name, credit, r)
			}
		}
	}
	if got := steady(10, 1).Needs(Credit{}, []int{5, 11}); got[0].Even != 5 || !math.IsNaN(got[1].Even) {
		t.Errorf("beyond the paths: %+v", got)
	}
}

func TestWhatMoreEnergyCostsInTime(t *testing.T) {
	blocks := func(_ int, used, kwh float64) float64 {
		dear := math.Max(0, used+kwh-math.Max(used, 10))
		return kwh + 2*math.Min(kwh, dear)
	}
	for _, c := range []struct {
		name   string
		s      Scenarios
		credit Credit
		extra  []float64
		want   time.Duration
		known  bool
	}{
		{"a kWh where 0.5 kW is drawn", steady(100, 0.5), Credit{Balance: 10}, []float64{1}, 2 * time.Hour, true},
		{"the mean of two futures", steady(100, 0.5, 1), Credit{Balance: 10}, []float64{1}, 90 * time.Minute, true},
		{"a run of three hours", steady(100, 0.5), Credit{Balance: 10}, []float64{2, 2, 2}, 12 * time.Hour, true},
		// 20 kWh cost 10 + 30; one more now pushes a kWh of later into the dear block.
		{"a block is left sooner", steady(100, 1), Credit{Balance: 40, Cost: blocks}, []float64{1}, time.Hour, true},
		{"more than the credit: all that is left", steady(100, 1), Credit{Balance: 3}, []float64{50}, 3*time.Hour - 3*time.Hour/51, true},
		{"the credit outlasts the horizon", steady(100, 0.5), Credit{Balance: 1000}, []float64{1}, 2 * time.Hour, true},
		{"the credit reaches the horizon by less than that", steady(100, 0.5), Credit{Balance: 50.5}, []float64{1}, 2 * time.Hour, true},
		{"no credit", steady(100, 1), Credit{}, []float64{1}, 0, false},
		{"nothing is ever used", steady(100, 0), Credit{Balance: 1}, nil, 0, false},
	} {
		got := c.s.Sooner(c.credit, nil, c.extra)
		if (got != nil) != c.known || c.known && (got[0] != 0 || (got[1]-c.want).Abs() > time.Second) {
			t.Errorf("%s: %s, want %s, %v", c.name, got, c.want, c.known)
		}
	}
}

// The run-outs are those of the paths that Scenarios draws.
func TestRunOutsWithoutKeepingThePaths(t *testing.T) {
	obs := household(monday, 5*time.Minute, 9, 3)
	for _, c := range []struct {
		name    string
		days    int
		n       int
		horizon time.Duration
	}{
		{"nothing known", 0, 50, 3 * day},
		{"paths made up and past", 9, 50, 7 * day},
		{"a slot", 9, 50, 5 * time.Minute},
		{"no paths", 9, 0, day},
		{"no time", 9, 50, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := mustNew(t, Options{Step: 5 * time.Minute})
			feed(t, f, obs[:c.days*288])
			at := monday.Add(time.Duration(c.days) * day)
			credits := []Credit{
				{Balance: 0},
				{Balance: 6},
				{Balance: 5, Cost: func(_ int, _, kwh float64) float64 { return 0.3*kwh + 0.001 }},
				{Balance: 1e6},
				{Balance: 12, Planned: []float64{2, 0, 2}},
			}
			got := f.RunOuts(at, c.horizon, c.n, 7, credits...)
			paths := f.Scenarios(at, c.horizon, c.n, 7)
			for i, credit := range credits {
				if want := paths.RunOut(credit); got[i] != want {
					t.Errorf("credit %d: %+v, by the paths %+v", i, got[i], want)
				}
			}
		})
	}
}
