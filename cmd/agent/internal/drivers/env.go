// Package drivers is the list of what the agent can speak to: meters and
// switches.  A driver is one value of the list; what it needs of the agent it is
// given as an Env.
package drivers

import (
	"log/slog"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Env is what the agent gives a driver.
type Env struct {
	Now     func() time.Time
	Log     *slog.Logger
	Bus     *broker.Session          // nil without a broker: check refuses drivers that need one
	Machine *board.Machine           // its hardware, opened when it is asked for
	Path    func(name string) string // of a file that the configuration names
	House   House                    // nil without a simulated house
	// A meter without a register of its own goes on from what was counted last.
	Import, Export units.Energy
	Since          time.Time   // when that was; zero: never
	Stored         func() bool // tells whether all energy that the meter has given away is stored
}

// House is a simulated house: its appliances and its supply are switches.
type House interface {
	Supply() loads.Switch
	Switch(id string) (s loads.Switch, ok bool)
}
