package dark

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// TestASlotIsCensoredByWhatHeldInItAndNothingElse, however the steps lie.
func TestASlotIsCensoredByWhatHeldInItAndNothingElse(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		begin := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
		want := map[time.Time]metering.Quality{}
		mark := func(at time.Time, q metering.Quality) {
			want[units.SlotAt(at, 30*time.Minute).Start] |= q
		}
		var all []Held
		at := begin
		for range 40 {
			q := rapid.SampledFrom([]metering.Quality{0, metering.SupplyOff, metering.Shed, metering.SupplyOff | metering.Shed}).Draw(rt, "why")
			all = Hold(all, at, q)
			mark(at, q)
			next := at.Add(time.Duration(rapid.IntRange(1, 2000).Draw(rt, "seconds")) * time.Second)
			var held metering.Quality
			if all, held = On(all, at, next); held != q {
				rt.Fatalf("%v held and %v is told", q, held)
			}
			for s := at; s.Before(next); s = s.Add(time.Second) {
				mark(s, q)
			}
			at = next
		}
		for slot := units.SlotAt(begin, 30*time.Minute); slot.End().Before(at); slot = units.SlotAt(slot.End(), 30*time.Minute) {
			var got metering.Quality
			if got, all = In(all, slot); got != want[slot.Start] {
				rt.Fatalf("in %s: %v, want %v", slot.Start, got, want[slot.Start])
			}
		}
	})
}
