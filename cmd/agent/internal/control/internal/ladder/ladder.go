// Package ladder warns before the credit ends, each rung once a top-up: 3 days,
// 1 day, 4 h, 1 h and 10 min before the median of the futures.
package ladder

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
)

// State is what has been said of the end of the credit since the last
// top-up.
type State struct {
	Told  time.Duration `json:"told,omitempty"` // the last rung said, 0: none
	Since time.Time     `json:"since,omitzero"` // the last top-up: plans made before it do not count
	Seen  bool          `json:"seen,omitempty"` // a plan has come since then
	Sound time.Time     `json:"sound,omitzero"` // the buzzer sounds until then
}

// sounds is how long the buzzer goes on for one rung.
const sounds = time.Minute

// planAwaited is how long a plan is waited for after a top-up.
const planAwaited = 2 * time.Minute

// TopUp begins the ladder anew after a token with that effect: each rung is said
// once a top-up.
func (s State) TopUp(now time.Time, effect credit.Effect) State {
	switch effect {
	case credit.AddCredit, credit.SetCredit, credit.Unlock:
		return State{Since: now}
	default:
	}
	return s
}

// Planned takes note of a plan: one that was under way when the top-up came does
// not know of it.
func (s State) Planned(madeAt time.Time) State {
	if !madeAt.Before(s.Since) {
		s.Seen = true
	}
	return s
}

// Knows tells whether a plan knows of the last top-up: the one before it says
// nothing of the credit that there is now.
func (s State) Knows() bool { return s.Since.IsZero() || s.Seen }

// In is what a step tells the ladder.
type In struct {
	Now time.Time
	Off bool // the supply is off already
	// Ends is when the credit is expected to end; zero where that is not known, or
	// it does not.
	Ends time.Time
}

// Step warns where a rung is reached.
func (s State) Step(in In) (State, note.Notes) {
	var n note.Notes
	if in.Off || in.Ends.IsZero() || !s.Seen {
		s.Sound = time.Time{}
		// The plan that knows of the top-up is waited for a little; where none comes
		// nothing is said of the credit that was.
		if in.Off || s.Seen || in.Now.Sub(s.Since) >= planAwaited {
			n.Clear(health.CreditEnds, "")
		}
		return s, n
	}
	rung, reached := credit.RungAt(in.Ends.Sub(in.Now))
	if !reached {
		n.Clear(health.CreditEnds, "")
		return s, n
	}
	cause := rung.Says().Then(said.Of("credit.until", said.Time("at", in.Ends)))
	n.Show(health.CreditEnds, "", cause)
	if s.Told != 0 && rung.Before >= s.Told {
		return s, n // said already: the forecast has only moved a little
	}
	s.Told = rung.Before
	if rung.Buzz {
		s.Sound = in.Now.Add(sounds)
	}
	n.Durable = true // once a top-up, also across a restart
	n.Event(string(health.CreditEnds), severityOf(rung), cause)
	return s, n
}

// Sounds tells whether the buzzer is to sound at an instant, where nobody has
// read the warning: it does for a while after a late rung.
func (s State) Sounds(now time.Time) bool {
	return now.Before(s.Sound) && s.Sound.Sub(now) <= sounds
}

// severityOf is how loud a rung is said.
func severityOf(r credit.Rung) health.Severity {
	switch {
	case r.Before > 24*time.Hour:
		return health.Info
	case r.Before > 4*time.Hour:
		return health.Caution
	case r.Before > time.Hour:
		return health.Serious
	}
	return health.Critical
}
