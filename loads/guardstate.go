package loads

import (
	"slices"
	"strings"
	"time"
)

// GuardState is what a guard must remember.  It is stored as JSON, and must be
// stored before its commands are sent: minimum times count across a restart.
type GuardState struct {
	Units    []UnitState `json:"units"`             // sorted by id
	NextOn   time.Time   `json:"next_on,omitzero"`  // no start before this
	Drawn    uint64      `json:"drawn,omitempty"`   // random numbers drawn so far
	SupplyUp bool        `json:"supply_up"`         // the loads had a supply at the last step
	LastNow  time.Time   `json:"last_now,omitzero"` // the time of the last step
}

// UnitState is the guard's memory of one switch.
type UnitState struct {
	ID    string    `json:"id"`
	Set   Setpoint  `json:"on"`             // what it is reckoned to do: the last one commanded, until feedback shows another
	Since time.Time `json:"since,omitzero"` // since when it is on, or off
	Prev  time.Time `json:"prev,omitzero"`  // since when it was in the state before, for a command that was never obeyed

	Commanded bool      `json:"commanded,omitempty"` // Set was commanded, not just seen
	Confirmed bool      `json:"confirmed,omitempty"` // feedback agrees with Set (without feedback: it was sent)
	Attempts  int       `json:"attempts,omitempty"`  // sends of the present command
	FirstSent time.Time `json:"first_sent,omitzero"` // of the present command
	SentAt    time.Time `json:"sent_at,omitzero"`    // the last send
	Spared    Setpoint  `json:"spared,omitzero"`     // it was on so and is off only to protect: without a wish it comes on again
	Told      Setpoint  `json:"told,omitzero"`       // what was last sent
	Former    Setpoint  `json:"former,omitzero"`     // what it was reckoned to do before the present command

	NotBefore time.Time   `json:"not_before,omitzero"` // no start before this: its turn after an outage
	Day       time.Time   `json:"day,omitzero"`        // the local midnight that Starts counts from
	Starts    int         `json:"starts,omitempty"`    // starts in that local day
	Hour      []time.Time `json:"hour,omitempty"`      // starts in the last hour

	Seen Observation `json:"seen,omitzero"` // the last feedback
}

// Unit is the guard's memory of one switch; a zero one with that id where it
// has none.
func (s GuardState) Unit(id string) UnitState {
	if i, ok := slices.BinarySearchFunc(s.Units, id, func(u UnitState, id string) int { return strings.Compare(u.ID, id) }); ok {
		return s.Units[i]
	}
	return UnitState{ID: id}
}
