package optimizer

import (
	"context"
	"testing"
)

// flat is n times x.
func flat(n int, x float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = x
	}
	return out
}

func TestSolvePutsACycleIntoTheCheapHours(t *testing.T) {
	p := &Problem{Name: "one cycle", SlotMinutes: 30, N: 8, BaseKW: flat(8, 0.3), ImportPrice: []float64{.4, .4, .4, .4, .1, .1, .1, .4},
		Loads: []Load{{ID: "washer", Cycle: &Cycle{ProfileKW: []float64{2, 1}, LatestFinish: 8, SkipPenalty: 5}}}}
	plan := Solve(context.Background(), p, Options{})
	if bad := Check(p, plan); len(bad) > 0 {
		t.Fatal(bad)
	}
	if r := spans(plan.Loads["washer"].KW); len(r) != 1 || r[0].from < 4 || r[0].to > 7 {
		t.Errorf("the washer runs in %v, the cheap slots are 4 to 6", r)
	}
}
