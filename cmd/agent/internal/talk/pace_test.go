package talk

import (
	"testing"
	"time"
)

// TestMessagesOfOneKindHaveAPace: what is obeyed is written to the disk, and
// whoever may write to a topic may do so a thousand times a second.
func TestMessagesOfOneKindHaveAPace(t *testing.T) {
	p := pace{burst: 20, every: time.Second}
	start := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	let := 0
	for ms := range 60_000 {
		if p.take(start.Add(time.Duration(ms)*time.Millisecond)) <= 0 {
			let++
		}
	}
	if let < 70 || let > 80 {
		t.Errorf("%d of 60,000 in a minute; 20 at once and one a second are 79", let)
	}
	later := start.Add(time.Hour)
	for i := range 20 {
		if wait := p.take(later); wait > 0 {
			t.Errorf("after a quiet hour the %d. waits %s", i+1, wait)
		}
	}
	var all paces
	all.init()
	told := 0
	for range 1000 {
		if all.mayTell("keeplit/home/token") {
			told++
		}
	}
	if told != badBurst {
		t.Errorf("of 1000 bad messages %d are told", told)
	}
}
