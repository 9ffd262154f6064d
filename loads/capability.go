package loads

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Capability is what a switch can be told besides off and plain on, which every
// switch takes.  Its zero value is a switch that takes nothing else.  A power and
// a mode may be said together where it has both.
//
// In the words of S2 (EN 50491-12-2) Modes are its operation modes, Powers the
// power ranges of them, a power below zero the fill rate of a store that is
// emptied, the ends of Powers its power envelope, and Pause the blocking timer of
// a transition.
type Capability struct {
	Powers []PowerRange `json:"powers,omitempty"`
	Modes  []string     `json:"modes,omitempty"` // lower-case letters, digits, _ and -, at most 32, a letter first
	// ReadBack: the device tells the set-point that it follows (Observation.Set),
	// and a command is not confirmed until it does.  Otherwise that it is on
	// confirms any set-point, whatever it draws.
	ReadBack bool `json:"read_back,omitempty"`
	// Pause is the least time between two changes of the set-point while it is on.
	// Off never waits for it.
	Pause time.Duration `json:"pause,omitempty"`
}

// Proven is c of a device that tells the set-point that it follows.
func (c Capability) Proven() Capability {
	c.ReadBack = true
	return c
}

// PowerRange is From, From and Step, and so on, no further than To; any power
// between them where Step is 0.  Both ends are above zero, or both below, and From
// is the one nearer to it: 1380 W to 7360 W in steps of 230 W, or -500 W to
// -5000 W.  A single power is a range with two equal ends.
type PowerRange struct {
	From units.Power `json:"from"`
	To   units.Power `json:"to"`
	Step units.Power `json:"step,omitempty"` // above zero on either side
}

// Capable is a switch that takes more than on and off.  Takes answers at once, and
// may be called from several goroutines; what it answers may change with the
// device (a car is plugged in that takes less), but not because the device is gone.
type Capable interface {
	Takes() Capability
}

// CapabilityOf is what a switch can be told: on and off where it says nothing.
func CapabilityOf(s Switch) Capability {
	if c, ok := s.(Capable); ok {
		return c.Takes()
	}
	return Capability{}
}

// RefusedError says that a switch cannot be told a set-point.
type RefusedError struct {
	Set   Setpoint
	Takes Capability
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the set-point %q is refused; what the switch takes is %v", e.Set, e.Takes)
}

// String is the capability for people: off, on, 1380 W to 7360 W in steps of 230 W,
// boost.
func (c Capability) String() string {
	out := []string{"off", "on"}
	for _, r := range c.Powers {
		text := watts(r.From)
		if r.To != r.From {
			text += " to " + watts(r.To)
		}
		if r.Step != 0 {
			text += " in steps of " + watts(r.Step)
		}
		out = append(out, text)
	}
	return strings.Join(append(out, c.Modes...), ", ")
}

// Check is nil where the switch can be told s, and a *RefusedError where not.  Off
// is never refused.
func (c Capability) Check(s Setpoint) error {
	switch {
	case !s.On:
		return nil
	case s.Mode != "" && !slices.Contains(c.Modes, s.Mode):
	case s.Power != 0 && c.powerAtMost(s.Power) != s.Power:
	default:
		return nil
	}
	return &RefusedError{s, c}
}

// AtMost is what the switch can be told that comes nearest to s without asking for
// more: never more power, drawn or given, and off where even the least is more or
// the mode is not one of its own.  A switch that takes no power at all, or no mode,
// has no word for it: it is on without.
func (c Capability) AtMost(s Setpoint) Setpoint {
	if !s.On {
		return Setpoint{}
	}
	out := Setpoint{On: true}
	if s.Mode != "" && len(c.Modes) > 0 {
		if !slices.Contains(c.Modes, s.Mode) {
			return Setpoint{}
		}
		out.Mode = s.Mode
	}
	if s.Power != 0 && len(c.Powers) > 0 {
		if out.Power = c.powerAtMost(s.Power); out.Power == 0 {
			return Setpoint{}
		}
	}
	return out
}

// powerAtMost is the power of p's sign nearest to p that is not beyond it; 0 where
// there is none.
func (c Capability) powerAtMost(p units.Power) units.Power {
	best := units.Power(0)
	for _, r := range c.Powers {
		if x := r.atMost(p); p > 0 && x > best || p < 0 && x < best {
			best = x
		}
	}
	return best
}

func (r PowerRange) atMost(p units.Power) units.Power {
	from, to, sign := r.From, r.To, units.Power(1)
	if p < 0 {
		from, to, p, sign = -from, -to, -p, -1
	}
	if from <= 0 || to < from || p < from {
		return 0
	}
	p = min(p, to)
	if r.Step > 0 {
		p -= (p - from) % r.Step
	}
	return sign * p
}
