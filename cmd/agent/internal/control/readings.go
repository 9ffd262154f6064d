package control

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/said"
)

// ReadingsSent says that what a utility has asked to read has gone out.
type ReadingsSent struct{ Of policy.Ref }

func (ReadingsSent) asks() bool  { return false }
func (ReadingsSent) spare() bool { return false }

func (r ReadingsSent) held(p *step) { r.happen(p) }

func (r ReadingsSent) happen(p *step) {
	next, was := p.st.Policy.Answered(r.Of, p.now)
	if p.st.Policy = next; was {
		p.eff.Durable = true
		p.event("policy_read", health.Info, said.Of("policy.read", said.Text("by", r.Of.Issuer), said.Text("id", r.Of.ID)))
	}
}

// clocksDiffer warns where the utility's clock and ours do not agree.  Nothing else comes of
// it: whom our clock believes has rules of its own.
func (p *step) clocksDiffer(ahead time.Duration) {
	cause := said.Of("clock.utility_ahead", said.Length("by", ahead.Abs()))
	if ahead < 0 {
		cause = said.Of("clock.utility_behind", said.Length("by", ahead.Abs()))
	}
	p.when(policy.Differs(ahead), health.ClocksDiffer, "", cause)
}
