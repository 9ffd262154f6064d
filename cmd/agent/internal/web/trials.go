package web

import (
	"fmt"
	"sync"
	"time"
)

// What of trial messages may be sent: enough to put a way right, and not enough to have a mail
// server take the box for one that sends rubbish.
const (
	mostTrials   = 5
	trialsWithin = time.Hour
)

// trials are the presses of the last hour.
type trials struct {
	mu  sync.Mutex
	log []time.Time
}

// tooManyTrials is that no trial is sent now, and when the next one may be.
type tooManyTrials struct{ Wait time.Duration }

func (e *tooManyTrials) Error() string {
	return fmt.Sprintf("%d trials in an hour were sent: wait %s", mostTrials, e.Wait.Round(time.Second))
}

// take counts a press, or says how long to wait.
func (t *trials) take(now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.log) > 0 && now.Sub(t.log[0]) >= trialsWithin {
		t.log = t.log[1:]
	}
	if len(t.log) >= mostTrials {
		return &tooManyTrials{trialsWithin - now.Sub(t.log[0])}
	}
	t.log = append(t.log, now)
	return nil
}
