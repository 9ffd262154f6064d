package control

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
)

// LadderState is what has been said of the end of the credit since the last
// top-up.
type LadderState struct {
	Told  time.Duration `json:"told,omitempty"` // the last rung said, 0: none
	Since time.Time     `json:"since,omitzero"` // the last top-up: plans made before it do not count
	Seen  bool          `json:"seen,omitempty"` // a plan has come since then
	Sound time.Time     `json:"sound,omitzero"` // the buzzer sounds until then
}

// sounds is how long the buzzer goes on for one rung.
const sounds = time.Minute

// planAwaited is how long a plan is waited for after a top-up.
const planAwaited = 2 * time.Minute

// newLadder begins the ladder anew: each rung is said once a top-up.
func (p *step) newLadder(effect credit.Effect) {
	switch effect {
	case credit.AddCredit, credit.SetCredit, credit.Unlock:
		p.st.Ladder = LadderState{Since: p.now}
	default:
	}
}

// ladder warns before the credit ends: 3 days, 1 day, 4 h, 1 h and 10 min
// before the median of the futures.
func (p *step) ladder() {
	st := &p.st
	off := st.Credit.Supply.Position != credit.Connected
	ends := st.Foresees() && st.Ladder.Seen &&
		st.Plan.RunOut.Known && !st.Plan.RunOut.Beyond && !st.Credit.Unlocked && st.Credit.Left() > 0
	if off || !ends {
		st.Ladder.Sound = time.Time{}
		// The plan that knows of the top-up is waited for a little; where none comes
		// nothing is said of the credit that was.
		if off || st.Ladder.Seen || p.now.Sub(st.Ladder.Since) >= planAwaited {
			p.clear(health.CreditEnds, "")
		}
		return
	}
	rung, reached := credit.RungAt(st.Plan.RunOut.Mid.Sub(p.now))
	if !reached {
		p.clear(health.CreditEnds, "")
		return
	}
	cause := rung.Says().Then(said.Of("credit.until", said.Time("at", st.Plan.RunOut.Mid)))
	st.Health, _ = st.Health.Raise(p.now, health.CreditEnds, "", cause)
	if st.Ladder.Told != 0 && rung.Before >= st.Ladder.Told {
		return // said already: the forecast has only moved a little
	}
	st.Ladder.Told = rung.Before
	if rung.Buzz {
		st.Ladder.Sound = p.now.Add(sounds)
	}
	p.eff.Durable = true // once a top-up, also across a restart
	p.event(string(health.CreditEnds), severityOf(rung), cause)
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

// Buzzes tells whether the buzzer is to sound at an instant: it does for a
// while after a late rung, and stops when the warning is acknowledged.
func (st *State) Buzzes(now time.Time) bool {
	if !now.Before(st.Ladder.Sound) || st.Ladder.Sound.Sub(now) > sounds {
		return false
	}
	for _, w := range st.Health.Active {
		if w.Code == health.CreditEnds {
			return !w.Acknowledged
		}
	}
	return false
}
