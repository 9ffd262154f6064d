package control

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// believed is what a switch tells, without a power that no load of this supply
// can have.  A plug's own error below zero is nothing.
func (p *step) believed(o loads.Observation) loads.Observation {
	if !o.HasPower {
		return o
	}
	if o.Power < 0 && o.Power > -flows {
		o.Power = 0
	}
	if o.Power < 0 || !p.Limits.Believes(o.Power) {
		o.Power, o.HasPower = 0, false
	}
	return o
}

// doubtPower says that the power told cannot be true, or that it can again.
func (p *step) doubtPower(s metering.Sample) {
	switch d := p.drawn(); {
	case d.Denied:
		cause := said.Of("power.denied", said.Power("told", p.st.Meter.Registers.Power))
		if d.Known() {
			cause = cause.Then(said.Of("power.by_register", said.Power("power", d.Power)))
		}
		p.raise(health.PowerDoubtful, "", cause)
	case s.Gives(metering.HasPower) && !d.Doubted:
		p.clear(health.PowerDoubtful, "")
	}
}

// blindFor is how long no power is known before it is said that a limit cannot
// be kept.
const blindFor = 10 * time.Minute

// blind says that a limit cannot be kept because nobody tells the power.  A
// meter that is silent has a warning of its own.
func (p *step) blind(d metering.Drawn, allowed units.Power) {
	m := &p.st.Meter
	if d.Known() || allowed == 0 || m.HeardAt.IsZero() || !p.fresh() {
		m.Blind = time.Time{}
		if d.Known() || allowed == 0 {
			p.clear(health.PowerUnknown, "")
		}
		return
	}
	if m.Blind.IsZero() || m.Blind.After(p.now) {
		m.Blind = p.now
	}
	if p.now.Sub(m.Blind) >= blindFor {
		p.raise(health.PowerUnknown, "", said.Of("power.blind", said.Power("limit", allowed), said.Length("for", p.now.Sub(m.Blind))))
	}
}
