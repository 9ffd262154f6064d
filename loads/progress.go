package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Progress is what a load was given in its present need-day.  The zero value
// is a load never seen.  It is stored as JSON and reads back the same.
type Progress struct {
	From      time.Time     `json:"from,omitzero"`       // the present need-day, half-open, UTC
	To        time.Time     `json:"to,omitzero"`         //
	Delivered time.Duration `json:"delivered,omitempty"` // running time given in it
	Energy    units.Energy  `json:"energy,omitempty"`    // energy given in it, measured where the device measures
	Runs      int           `json:"runs,omitempty"`      // kind cycle: programmes finished in it
	Starts    int           `json:"starts,omitempty"`    // starts in it
	Carry     time.Duration `json:"carry,omitempty"`     // owed from the day before (negative: ahead)
	Missed    time.Duration `json:"missed,omitempty"`    // what the last finished need-day fell short by: the page's shortfall
	On        bool          `json:"on,omitempty"`        // it was running at Until
	Since     time.Time     `json:"since,omitzero"`      // since when On is so
	Until     time.Time     `json:"until,omitzero"`      // account is kept up to here
	Programme time.Duration `json:"programme,omitempty"` // kind cycle: how far the running programme is
	Idle      time.Duration `json:"idle,omitempty"`      // how long it has been on and drawn next to nothing
	Satisfied bool          `json:"satisfied,omitempty"` // it takes no more in this need-day (a thermostat is open, a battery full)
	Override  *Override     `json:"override,omitempty"`
}

// Override is a person's wish that goes before the plan until it expires.
type Override struct {
	Run   bool      `json:"run"` // true: run now; false: skip
	Until time.Time `json:"until"`
	By    string    `json:"by,omitempty"` // who asked, for the record
}

// Wanted is the override in force at now; ok is false where there is none.
func (p Progress) Wanted(now time.Time) (run, ok bool) {
	if p.Override == nil || !now.Before(p.Override.Until) {
		return false, false
	}
	return p.Override.Run, true
}

// Taken is what one load did in a stretch of time: the input of Load.Account.
type Taken struct {
	From, To time.Time    // half-open; a gap between two calls stays a gap
	On       bool         // observed (or, without feedback, commanded) in the stretch
	Energy   units.Energy // measured, where HasEnergy; else the load's power counts
	// HasEnergy is set where the device measures.
	HasEnergy bool
}
