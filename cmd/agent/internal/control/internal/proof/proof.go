// Package proof is what a measurement says of the supply's contactor.
package proof

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Flows is the power that proves a current behind the contactor: more than what
// a meter or a filter draws by itself.
const Flows = 50 * units.Watt

// Lag is how long after a command a measurement may still be of before it.
const Lag = 15 * time.Second
