package loads

import (
	"context"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Switch is one relay, plug or contactor.
//
// Set asks for a set-point and returns when the request has left this machine; it
// does not wait for the device to obey.  It may be called again with the same
// one: that is harmless, and it renews the dead-man timer where the device has
// one.  An error means that the request surely did not get out; it is a
// *RefusedError for a set-point that the switch does not take (CapabilityOf).
//
// Observed is what is known of the real state, by feedback; never what was
// commanded.  It answers at once from what has been heard so far (or from a
// feedback pin), and with Known false where nothing was heard, where what was
// heard is too old, or where the device is said to be offline.  An error means
// that the feedback itself is broken.
//
// Both may be called from several goroutines.  A switch that needs a goroutine
// of its own is a Runner too, one that takes more than on and off is Capable.
type Switch interface {
	Set(ctx context.Context, s Setpoint) error
	Observed(ctx context.Context) (Observation, error)
}

// Runner is a switch that must be run: it listens to its device until ctx is
// done and returns when all its goroutines have.
type Runner interface {
	Run(ctx context.Context) error
}

// Troubled is a switch that can say what keeps it from knowing its device: a sentence
// for people with what to do, and nothing where all is well.  It may be called from several goroutines.
type Troubled interface {
	Trouble() string
}

// Observation is what feedback tells of a switch.
type Observation struct {
	On       bool        `json:"on"`                  // meaningful where Known
	Known    bool        `json:"known"`               // feedback says so, and freshly
	At       time.Time   `json:"at,omitzero"`         // when that was heard or read
	Power    units.Power `json:"power,omitempty"`     // what the load draws, where HasPower
	HasPower bool        `json:"has_power,omitempty"` // the device measures power and said so
	// Set is the set-point that the device says it follows, where HasSet: what it
	// believes, as On is what it does.
	Set    Setpoint `json:"set,omitzero"`
	HasSet bool     `json:"has_set,omitempty"`
	// Charge is how full a battery is, in thousandths of its capacity, where HasCharge.
	Charge    int  `json:"charge,omitempty"`
	HasCharge bool `json:"has_charge,omitempty"`
}

// set is the set-point that a device runs at, as far as it tells.
func (o Observation) set() Setpoint {
	if o.HasSet && o.Set.On == o.On {
		return o.Set
	}
	return Setpoint{On: o.On}
}
