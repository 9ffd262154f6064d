package control

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// stateVersion is the form of State.  A stored State of an older one is brought
// to it by the steps of migrate.go, one of a newer form is refused.
const stateVersion = 3

// State is all that the loop remembers from one step to the next.  It is a
// value, is stored as JSON in the transaction of what it led to, and reads back
// the same.
type State struct {
	Version int       `json:"version"`
	Now     time.Time `json:"now"` // the instant of the last step

	Meter   MeterState      `json:"meter"`
	Tariff  tariffs.Account `json:"tariff"`
	Elapsed time.Time       `json:"elapsed"` // charges by time are taken up to here
	Prices  *Prices         `json:"prices,omitempty"`
	// TariffSeen is the local day on which the tariff's figures were last looked
	// at for what is doubtful.
	TariffSeen time.Time      `json:"tariff_seen,omitzero"`
	Credit     credit.Account `json:"credit"`

	Loads    []LoadState      `json:"loads"` // in the order of Site.Loads
	LoadsAt  time.Time        `json:"loads_at,omitzero"`
	Guard    loads.GuardState `json:"guard"`
	Held     []loads.Hold     `json:"held,omitempty"`
	Next     time.Time        `json:"next,omitzero"` // the guard wants a step by then
	Decision credit.Decision  `json:"decision"`
	// SupplySeen is what the contactor's feedback told last.
	SupplySeen loads.Observation `json:"supply_seen"`
	Shed       ShedState         `json:"shed,omitzero"`
	Supply     SupplyState       `json:"supply"`
	Ladder     LadderState       `json:"ladder,omitzero"`
	Clock      ClockState        `json:"clock,omitzero"`

	Plan     *Plan     `json:"plan,omitempty"`
	AskedAt  time.Time `json:"asked_at,omitzero"`   // when a plan was last asked for
	Asking   bool      `json:"asking,omitempty"`    // and the answer has not come yet
	WantPlan bool      `json:"want_plan,omitempty"` // something changed that the plan does not know

	// Hold is set while the records do not agree and a person has to decide.
	Hold *Hold `json:"hold,omitempty"`
	// HoldTokens: a person has decided to go on without the schemes' memory of
	// used tokens; the ledger's is there all the same.
	HoldTokens bool `json:"hold_tokens,omitempty"`

	// Plant is a simulated plant's own state, so that a run that is broken off
	// goes on as if it had not been.
	Plant json.RawMessage `json:"plant,omitempty"`

	Health  health.State `json:"health"`
	PointAt time.Time    `json:"point_at,omitzero"` // telemetry was written up to here
	Days    []DayTotal   `json:"days,omitempty"`    // the last days, today last
	Said    []Saying     `json:"said,omitempty"`    // events told in the last hour
	// OpeningTaken: the ledger was begun anew, and got no opening credit.
	OpeningTaken bool `json:"opening_taken"`
	// EventSeq counts the events: see Event.Seq.
	EventSeq uint64 `json:"event_seq"`

	priced *priced // nil where Prices is, or where it has to be made again
}

// MeterState is the metering part of State.
type MeterState struct {
	Registers metering.Registers `json:"registers"`
	Intervals metering.Intervals `json:"intervals"`
	// Sliding is the month's greatest demand over a window that slides by the
	// minute; that of the fixed blocks is kept with the intervals.
	Sliding    metering.Demand `json:"sliding,omitzero"`
	DemandFrom time.Time       `json:"demand_from,omitzero"` // when the newest consumption in it began
	// Last is the last good sample, without what the supply cannot carry.
	Last metering.Sample `json:"last"`
	// Blind is since when nothing tells the power although a limit must be kept.
	Blind time.Time `json:"blind"`
	// Import and Export are the registers as the meter showed them last, for a
	// driver that counts by itself to go on from.
	Import    units.Energy `json:"import"`
	Export    units.Energy `json:"export"`
	HeardAt   time.Time    `json:"heard_at,omitzero"`   // when it came, by the loop's clock
	StartedAt time.Time    `json:"started_at,omitzero"` // when the loop began to wait for one
	Watch     WatchState   `json:"watch,omitzero"`      // what goes on besides consumption
	// Calibration is the signature of the constants last in force.
	Calibration string `json:"calibration,omitempty"`
	// Held is when not all could be used that was wanted, in the intervals that
	// are not closed yet.
	Held []Held `json:"held,omitempty"`
}

// shows takes the registers that a sample gives.
func (m *MeterState) shows(s metering.Sample) {
	if s.Gives(metering.HasImport) {
		m.Import = s.Import
	}
	if s.Gives(metering.HasExport) {
		m.Export = s.Export
	}
}

// Shown are the registers as the meter showed them last.
func (m MeterState) Shown() (imported, exported units.Energy) {
	// A state stored by an older version has them in its last sample only.
	if m.Import == 0 && m.Export == 0 {
		return m.Last.Import, m.Last.Export
	}
	return m.Import, m.Export
}

// LoadState is what the loop remembers of one load.
type LoadState struct {
	ID       string            `json:"id"`
	Progress loads.Progress    `json:"progress"`
	Open     []SlotUse         `json:"slots,omitempty"` // used in slots that are not closed yet
	Total    units.Energy      `json:"total,omitempty"`
	Seen     loads.Observation `json:"seen"`
	Takes    loads.Capability  `json:"takes,omitzero"` // what its switch can be told besides on and off
	// Held is since when the load was held off, or had no power, in the intervals
	// that are not closed yet.
	Held []Held `json:"held,omitempty"`
}

// ShedState is the loads held off because the site drew too much.
type ShedState struct {
	Until time.Time `json:"until,omitzero"`
	IDs   []string  `json:"ids,omitempty"`
}

// Planned tells whether the plan in force knows of the last top-up: the one
// before it says nothing of the credit that there is now.
func (st *State) Planned() bool {
	return st.Plan != nil && (st.Ladder.Since.IsZero() || st.Ladder.Seen)
}

// Foresees tells whether what the plan in force says of the end of the credit may
// be believed: an old plan's word is no forecast any more.
func (st *State) Foresees() bool {
	return st.Planned() && !st.Health.Has(health.PlanStale, "")
}

func (st State) load(id string) *LoadState {
	for i := range st.Loads {
		if st.Loads[i].ID == id {
			return &st.Loads[i]
		}
	}
	return nil
}

// clone copies what a step may change in place.
func (st State) clone() State {
	st.Loads = slices.Clone(st.Loads)
	st.Days = slices.Clone(st.Days)
	return st
}

// Effects is what a step leads to.  Everything but Commands and Plan belongs in
// one transaction with the new State.
type Effects struct {
	Commands  []loads.Command // to be sent, in order; what they switch on once it is recorded
	Entries   []credit.Entry
	Credited  []Credited
	Intervals []Interval
	Events    []Event
	Points    []Point
	AskPlan   bool // make a plan from the new State
	Durable   bool // store soon, without waiting for more
	Owed      bool // energy that a meter has given away is in the State: see Loop.Stored
	Reply     Reply
}

// Credited is a token that had its effect in this step.
type Credited struct {
	Fingerprint string
	Former      string // the name that it may have in old records; "" where in none
	At          time.Time
	Seq         uint64
}

// Event is something worth remembering.
type Event struct {
	Seq      uint64 // of this site's events, so that two of one code and instant are two
	At       time.Time
	Code     string
	Severity health.Severity
	Subject  string // which load, phase or part; "" where there is one
	Says     said.Said
}

// same tells whether two are one event.
func (e Event) same(o Event) bool {
	return e.Seq == o.Seq && e.At.Equal(o.At) && e.Code == o.Code && e.Severity == o.Severity && e.Subject == o.Subject && e.Says.Equal(o.Says)
}

// Point is one telemetry record: fields are always floats, so that a series
// never changes its type.
type Point struct {
	Measurement string
	Tags        []Tag // sorted by key
	Fields      []Field
	At          time.Time
}

// Tag is a label of a Point.
type Tag struct{ Key, Value string }

// Field is a value of a Point.
type Field struct {
	Key   string
	Value float64
}

// Reply answers the one who caused the step.
type Reply struct {
	TopUp *credit.Result // of a Token
	Err   error          // of a Request that is refused, or of prices that are not taken
}
