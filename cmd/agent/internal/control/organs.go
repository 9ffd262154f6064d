package control

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/account"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/clock"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/days"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/proof"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/supply"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/watch"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// What the organs remember and say, under the names by which the other rooms of
// the agent know it.
type (
	// ClockState is what is remembered of the machine's clock.
	ClockState = clock.State
	// AccountState is what is remembered of the account.
	AccountState = account.State
	// MeterState is what is remembered of the meter.
	MeterState = watch.State
	// Calibration names the constants with which a converter is measured.
	Calibration = watch.Calibration
	// SupplyRules are how the supply is cut and what is known of its contactor.
	SupplyRules = supply.Rules
	// ShedRule holds loads off while little credit is left.
	ShedRule = supply.ShedRule
	// SupplyState is what is remembered of the supply besides the account.
	SupplyState = supply.State
	// DayTotal is what one local day came to.
	DayTotal = days.Total
)

// Buzzes tells whether the buzzer is to sound at an instant: it does for a
// while after a late rung, and stops when the warning is acknowledged.
func (st *State) Buzzes(now time.Time) bool {
	if !st.Ladder.Sounds(now) {
		return false
	}
	for _, w := range st.Health.Active {
		if w.Code == health.CreditEnds {
			return !w.Acknowledged
		}
	}
	return false
}

// Usual is the mean of the last whole local days before the one that now lies
// in, and of how many; days on which the supply was off say nothing.
func (st *State) Usual(zone *time.Location) (energy units.Energy, spent units.Money, days int) {
	return st.Days.Usual(st.Now, zone)
}

// Flows is the power that proves a current behind the contactor: more than what
// a meter or a filter draws by itself.
const Flows = proof.Flows

// watching is how the site's meter is watched.
func (s *Site) watching() watch.Rules {
	return watch.Rules{Limits: s.Limits, SilentAfter: s.SilentAfter, Interval: s.Interval, Zone: s.Zone, Declared: s.Declared}
}

// Drawn is what is known at now of the power at the meter.
func (s *Site) Drawn(st *State, now time.Time) metering.Drawn {
	return s.watching().Drawn(st.Meter, now)
}
