package effort

import (
	"math"
	"testing"
)

// Ties are told apart by every one of seed, load and slot, evenly, and always alike.
func TestTiesAreToldApart(t *testing.T) {
	seen := make(map[float64]bool)
	var sum float64
	for seed := range uint64(20) {
		e, again := Effort{Seed: seed}, Effort{Seed: seed}
		for load := range 10 {
			for slot := range 50 {
				x := e.Tie(load, slot)
				if x < 0 || x >= 1 || x != again.Tie(load, slot) {
					t.Fatalf("seed %d, load %d, slot %d: %v", seed, load, slot, x)
				}
				if seen[x] {
					t.Errorf("seed %d, load %d, slot %d: %v a second time", seed, load, slot, x)
				}
				seen[x] = true
				sum += x
			}
		}
	}
	if mean := sum / float64(len(seen)); math.Abs(mean-0.5) > 0.01 {
		t.Errorf("the mean is %v", mean)
	}
}
