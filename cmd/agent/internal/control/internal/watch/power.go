package watch

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/proof"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Believed is what a switch tells, without a power that no load of this supply
// can have.  A plug's own error below zero is nothing.
func (r Rules) Believed(o loads.Observation) loads.Observation {
	if !o.HasPower {
		return o
	}
	if o.Power < 0 && o.Power > -proof.Flows {
		o.Power = 0
	}
	if o.Power < 0 || !r.Limits.Believes(o.Power) {
		o.Power, o.HasPower = 0, false
	}
	return o
}

// MainsDown tells whether the meter shows no voltage, on one phase or on all.
func (r Rules) MainsDown(s State, now time.Time) bool {
	m := s.Last
	if !r.Fresh(s, now) {
		return false
	}
	if m.Gives(metering.HasVoltage) && m.Voltage < unlit {
		return true
	}
	return slices.ContainsFunc(m.Phases, func(f metering.Phase) bool { return f.Has&metering.HasVoltage != 0 && f.Voltage < unlit })
}

// doubt says that the power told cannot be true, or that it can again.
func (r Rules) doubt(s State, now time.Time, m metering.Sample, n *note.Notes) {
	switch d := r.Drawn(s, now); {
	case d.Denied:
		cause := said.Of("power.denied", said.Power("told", s.Registers.Power))
		if d.Known() {
			cause = cause.Then(said.Of("power.by_register", said.Power("power", d.Power)))
		}
		n.Raise(health.PowerDoubtful, "", cause)
	case m.Gives(metering.HasPower) && !d.Doubted:
		n.Clear(health.PowerDoubtful, "")
	}
}

// blindFor is how long no power is known before it is said that a limit cannot
// be kept.
const blindFor = 10 * time.Minute

// Blind says that a limit cannot be kept because nobody tells the power.  A
// meter that is silent has a warning of its own.
func (r Rules) Blind(s State, now time.Time, allowed units.Power) (State, note.Notes) {
	var n note.Notes
	d := r.Drawn(s, now)
	if d.Known() || allowed == 0 || s.HeardAt.IsZero() || !r.Fresh(s, now) {
		s.Blind = time.Time{}
		if d.Known() || allowed == 0 {
			n.Clear(health.PowerUnknown, "")
		}
		return s, n
	}
	if s.Blind.IsZero() || s.Blind.After(now) {
		s.Blind = now
	}
	if blind := now.Sub(s.Blind); blind >= blindFor { // in whole minutes: a warning is not renewed at each step
		n.Raise(health.PowerUnknown, "", said.Of("power.blind", said.Power("limit", allowed), said.Length("for", blind.Truncate(time.Minute))))
	}
	return s, n
}
