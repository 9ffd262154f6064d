package asked

import (
	"sync"
	"time"

	"github.com/keeplit/keeplit/loads"
)

// Heard is what a switch has said last, and what is wrong with it.  Its zero value has heard
// nothing; it may be used by several goroutines.
type Heard struct {
	mu    sync.Mutex
	heard loads.Observation // At is when it was asked: it was so then or later
	wrong string
}

// Keep has heard o.
func (h *Heard) Keep(o loads.Observation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = o
}

// Fresh is what was heard, where that is not older than stale by the clock, nor so far ahead
// of it; else nothing is known.
func (h *Heard) Fresh(now time.Time, stale time.Duration) loads.Observation {
	h.mu.Lock()
	defer h.mu.Unlock()
	if age := now.Sub(h.heard.At); age > stale || age < -stale {
		return loads.Observation{}
	}
	return h.heard
}

// Wrong keeps what is wrong ("" is nothing), and says whether that begins or ends, for both are
// logged once.
func (h *Heard) Wrong(what string) (begins, ends bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.wrong
	h.wrong = what
	return was == "" && what != "", was != "" && what == ""
}

// Trouble is what is wrong, as loads.Troubled says it.
func (h *Heard) Trouble() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wrong
}
