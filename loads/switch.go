package loads

import (
	"context"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Switch is one relay, plug or contactor.
//
// Set asks for a state and returns when the request has left this machine; it
// does not wait for the device to obey.  It may be called again with the same
// state: that is harmless, and it renews the dead-man timer where the device
// has one.  An error means that the request surely did not get out.
//
// Observed is what is known of the real state, by feedback; never what was
// commanded.  It answers at once from what has been heard so far (or from a
// feedback pin), and with Known false where nothing was heard, where what was
// heard is too old, or where the device is said to be offline.  An error means
// that the feedback itself is broken.
//
// Both may be called from several goroutines.  A switch that needs a goroutine
// of its own is a Runner too.
type Switch interface {
	Set(ctx context.Context, on bool) error
	Observed(ctx context.Context) (Observation, error)
}

// Runner is a switch that must be run: it listens to its device until ctx is
// done and returns when all its goroutines have.
type Runner interface {
	Run(ctx context.Context) error
}

// Observation is what feedback tells of a switch.
type Observation struct {
	On       bool        `json:"on"`                  // meaningful where Known
	Known    bool        `json:"known"`               // feedback says so, and freshly
	At       time.Time   `json:"at,omitzero"`         // when that was heard or read
	Power    units.Power `json:"power,omitempty"`     // what the load draws, where HasPower
	HasPower bool        `json:"has_power,omitempty"` // the device measures power and said so
}

// Bus is what a driver needs of an MQTT session.  Handlers run one at a time for
// a subscription, over all reconnections; retained tells that the broker kept the
// message and sends it because of the subscription.
type Bus interface {
	Publish(ctx context.Context, topic string, qos byte, retained bool, payload []byte) error
	Subscribe(filter string, handler func(topic string, payload []byte, retained bool)) (unsubscribe func(), err error)
}
