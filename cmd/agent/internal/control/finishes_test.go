package control

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Plans are made of half hours: what needs 100 minutes gets no 120, and what is a minute short
// of its hour, because it began a minute late, goes on for it and is not started again.
func TestALoadGetsTheTimeThatItNeedsAndNoWholeSlots(t *testing.T) {
	none := time.Duration(0)
	for _, need := range []time.Duration{time.Hour, 95 * time.Minute, 100 * time.Minute} {
		b := newBench(t)
		b.plain = true
		b.with(loads.Document{ID: "geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, Need: &loads.NeedDocument{For: need}, MinOff: &none})
		b.run(24*time.Hour-5*time.Minute, time.Minute)
		p := b.st.load("geyser").Progress
		if p.Delivered < need || p.Delivered > need+90*time.Second || p.Starts != 1 {
			t.Errorf("of %s it got %s in %d starts", need, p.Delivered, p.Starts)
		}
	}
}
