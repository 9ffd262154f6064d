package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Check says everything that is wrong with d.
func (d Document) Check() fault.List { return nil }

func compile(d Document, zone *time.Location) (Load, error) { panic("pending") }

// Requests is what the load is owed at now, one request a need-day, for every
// need-day that begins before now+ahead.  The first is what is left of the
// present one.  A load that is not deferrable, needs nothing or has an override
// of skip for the whole day has none.
func (l Load) Requests(p Progress, u UnitState, now time.Time, ahead time.Duration) []Request {
	panic("pending")
}

// Account adds what the load took in a stretch of time.  It first moves p to
// the need-day of the stretch.
func (l Load) Account(p Progress, t Taken) Progress { panic("pending") }

// Roll moves p to the need-day that holds now, carrying over what is owed, and
// drops an expired override.
func (l Load) Roll(p Progress, now time.Time) Progress { panic("pending") }

// NewGuard builds a guard for the site's loads; zone is the site's, for the
// starts of a local day.
func NewGuard(c GuardConfig, ls []Load, zone *time.Location) *Guard { panic("pending") }

// Step takes the wishes and what was observed, and says what to send.
func (g *Guard) Step(s GuardState, in GuardInput) (GuardState, Verdict) { panic("pending") }

// Unit is the guard's memory of one switch; the zero value where it has none.
func (s GuardState) Unit(id string) UnitState { panic("pending") }

// Shed picks the loads to switch off so that at least excess is freed, the
// least important first, those that are on only.
func Shed(ls []Load, s GuardState, excess units.Power) []string { panic("pending") }
