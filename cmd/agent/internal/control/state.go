package control

import (
	"encoding/json"
	"iter"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/clock"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/dark"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/days"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/ladder"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/limit"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/supply"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/watch"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering/beside"
	"github.com/keeplit/keeplit/metering/quality"
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

	Meter watch.State `json:"meter"`
	// Quality is what was measured of the voltage, this week and the last.
	Quality quality.State `json:"quality,omitzero"`
	// Beside is what was read on the utility's meter.
	Beside       beside.State `json:"beside,omitzero"`
	AccountState              // tariff, elapsed, prices, tariff_seen, credit

	Loads    []LoadState      `json:"loads"` // in the order of Site.Loads
	LoadsAt  time.Time        `json:"loads_at,omitzero"`
	Guard    loads.GuardState `json:"guard"`
	Held     []loads.Hold     `json:"held,omitempty"`
	Next     time.Time        `json:"next,omitzero"` // the guard wants a step by then
	Decision credit.Decision  `json:"decision"`
	// SupplySeen is what the contactor's feedback told last.
	SupplySeen loads.Observation `json:"supply_seen"`
	Shed       ShedState         `json:"shed,omitzero"`
	Supply     supply.State      `json:"supply"`
	Ladder     ladder.State      `json:"ladder,omitzero"`
	Clock      clock.State       `json:"clock,omitzero"`

	// Policy is what is remembered of the utility's signed word.
	Policy policy.State `json:"policy,omitzero"`
	// VTN is what is remembered of an OpenADR server's word.
	VTN policy.State `json:"vtn,omitzero"`
	// Limits is what is remembered of others who limit what is drawn.
	Limits limit.State `json:"limits,omitzero"`

	// Feeder is the hour under way of what is told without a name.
	Feeder FeederState `json:"feeder,omitzero"`

	// Purchases is how credit is bought here.
	Purchases planning.Purchases `json:"purchases,omitzero"`

	Plan     *planning.Plan `json:"plan,omitempty"`
	AskedAt  time.Time      `json:"asked_at,omitzero"`   // when a plan was last asked for
	Asking   bool           `json:"asking,omitempty"`    // and the answer has not come yet
	WantPlan bool           `json:"want_plan,omitempty"` // something changed that the plan does not know
	// Until is set while a person asks that the credit lasts so long.
	Until *UntilState `json:"until,omitempty"`
	// Expected is what people have told of the use in times to come, under way, or over not long ago.
	Expected []ExpectState `json:"expected,omitempty"`

	// Hold is set while the records do not agree and a person has to decide.
	Hold *Hold `json:"hold,omitempty"`
	// Pasted is the tokens of a text that have not been entered yet; nil: all have.
	Pasted *Pasted `json:"pasted,omitempty"`
	// HoldTokens: a person has decided to go on without the schemes' memory of
	// used tokens; the ledger's is there all the same.
	HoldTokens bool `json:"hold_tokens,omitempty"`

	// Plant is a simulated plant's own state, so that a run that is broken off
	// goes on as if it had not been.
	Plant json.RawMessage `json:"plant,omitempty"`

	Health  health.State `json:"health"`
	PointAt time.Time    `json:"point_at,omitzero"` // telemetry was written up to here
	Days    days.List    `json:"days,omitempty"`    // the last days, today last
	Said    []Saying     `json:"said,omitempty"`    // events told in the last hour
	// OpeningTaken: the ledger was begun anew, and got no opening credit.
	OpeningTaken bool `json:"opening_taken"`
	// EventSeq counts the events: see Event.Seq.
	EventSeq uint64 `json:"event_seq"`
}

// LoadState is what the loop remembers of one load.
type LoadState struct {
	ID       string            `json:"id"`
	Progress loads.Progress    `json:"progress"`
	Open     []SlotUse         `json:"slots,omitempty"` // used in slots that are not closed yet
	Total    units.Energy      `json:"total,omitempty"`
	Seen     loads.Observation `json:"seen"`
	Gave     Gave              `json:"gave,omitzero"`  // kind sun
	Takes    loads.Capability  `json:"takes,omitzero"` // what its switch can be told besides on and off
	// Held is since when the load was held off, or had no power, in the intervals
	// that are not closed yet.
	Held []dark.Held `json:"held,omitempty"`
}

// ShedState is the loads held off, or held to less, because the site drew too much.
type ShedState struct {
	Until  time.Time `json:"until,omitzero"`
	IDs    []string  `json:"ids,omitempty"`
	Bounds []Bound   `json:"bounds,omitempty"`
}

// Bound is the most that a load may draw.
type Bound struct {
	ID    string      `json:"id"`
	Power units.Power `json:"power"`
}

// bound is what a load is held to; false where it is to nothing.
func (s ShedState) bound(id string) (units.Power, bool) {
	for _, b := range s.Bounds {
		if b.ID == id {
			return b.Power, true
		}
	}
	return 0, false
}

// Lowered tells whether a load is held to less.
func (s ShedState) Lowered(id string) bool {
	_, ok := s.bound(id)
	return ok
}

// lower holds a load to no more than p.
func (s ShedState) lower(id string, p units.Power) ShedState {
	s.Bounds = slices.DeleteFunc(slices.Clone(s.Bounds), func(b Bound) bool { return b.ID == id })
	s.Bounds = append(s.Bounds, Bound{id, p})
	return s
}

// Planned tells whether the plan in force knows of the last top-up: the one
// before it says nothing of the credit that there is now.
func (st *State) Planned() bool {
	return st.Plan != nil && st.Ladder.Knows()
}

// Short is what the plan does without, as far as it is so: a load that took no power when it was on
// last is not said to lack what it seems not to need.
func (st *State) Short() iter.Seq[planning.Shortfall] {
	return func(yield func(planning.Shortfall) bool) {
		if st.Plan == nil {
			return
		}
		for _, f := range st.Plan.Short {
			if l := st.load(f.Load); f.Load != "" && l != nil && l.Progress.TookNothing() && f.At.Before(l.Progress.To) {
				continue
			}
			if !yield(f) {
				return
			}
		}
	}
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
	Intervals []planning.Interval
	Events    []Event
	Limits    []LimitRecord // that are over
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

// Reply answers the one who caused the step.
type Reply struct {
	TopUp  *credit.Result  // of a Token
	Policy *policy.Outcome // of a PolicyEnvelope
	VTN    *policy.Poll    // of a VTNList
	Err    error           // of a Request that is refused, or of prices that are not taken
}
