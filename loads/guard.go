package loads

import (
	"time"
)

// SupplyID is the name of the supply contactor among the guarded switches.
const SupplyID = "supply"

// GuardConfig is how careful the guard is.  Defaults are DefaultGuard's.
type GuardConfig struct {
	GapMin, GapMax time.Duration // pause between any two starts: at least GapMin, drawn up to GapMax
	Spread         time.Duration // after the supply is back each load waits a random time up to this
	PerHour        int           // most starts of one load in an hour; 0: no limit
	RetryFirst     time.Duration // an unconfirmed command is repeated after this, then after twice as long, ...
	RetryMax       time.Duration // ... but at least this often
	WarnAfter      int           // unconfirmed sends before the warning switch_unconfirmed
	Seed           uint64        // of the random waits; differs from site to site
	Supply         bool          // there is a supply contactor
	SupplyFeedback bool          // and it can tell its real state
}

// DefaultGuard is staggered by 1 to 10 s plus up to 30 s after an outage, 30
// starts an hour, first repeat after 2 s, at the latest every 5 min, warning
// after 3 sends.
func DefaultGuard() GuardConfig {
	return GuardConfig{
		GapMin: time.Second, GapMax: 10 * time.Second, Spread: 30 * time.Second, PerHour: 30,
		RetryFirst: 2 * time.Second, RetryMax: 5 * time.Minute, WarnAfter: 3,
	}
}

// Wish is what is wanted of one load.
type Wish struct {
	ID      string
	Set     Setpoint
	Protect bool   // an off that protects (shed, over the limit, supply off): now, whatever the minimum on-time; so for a lower set-point of what is on
	Reason  string // plan, run now, skip, shed, limit, ...; carried to the command
}

// Fact is what was observed of one switch since the last step.
type Fact struct {
	ID string
	Observation
	Takes Capability // what it can be told
}

// GuardInput is all that a step of the guard depends on besides its state.
type GuardInput struct {
	Now          time.Time
	SupplyOn     bool     // the state the credit rules want of the contactor; ignored where there is none
	SupplyReason string   // why
	Wishes       []Wish   // loads without a wish are left as they are
	Facts        []Fact   // of loads and of SupplyID
	Failed       []string // switches whose last Set returned an error
	Fresh        bool     // the switches were opened just now and may not be as they were told: every command is said once more
	Hold         bool     // a start could not be recorded yet: what is off stays off, and repeats go on
	PowerBack    bool     // the mains came back since the last step: loads return one by one
	Eased        bool     // a limit, or want of credit, has ended since the last step: so do they then
	Limit        Limit    // beyond it nothing starts, and nothing is told more
	Curbs        []Curb   // nor beyond these
}

// Command is one switch command to be sent now.
type Command struct {
	ID      string    `json:"id"`
	Set     Setpoint  `json:"on"`
	Reason  string    `json:"reason"`
	Attempt int       `json:"attempt"` // 1: the first; more: it was not confirmed so far
	Renew   bool      `json:"renew,omitempty"`
	At      time.Time `json:"at"`
}

// Hold is a wish the guard does not grant now.
type Hold struct {
	ID     string    `json:"id"`
	Set    Setpoint  `json:"on"` // what is wanted
	Until  time.Time `json:"until,omitzero"`
	Reason HoldBack  `json:"reason"`
}

// HoldBack is why a wish is held.
type HoldBack string

// The reasons for which a wish is held.
const (
	HeldSupply  HoldBack = "supply_off" // the supply is off, or not yet known to be on
	HeldMinOn   HoldBack = "min_on"
	HeldMinOff  HoldBack = "min_off"
	HeldStagger HoldBack = "stagger"
	HeldStarts  HoldBack = "max_starts"
	HeldHour    HoldBack = "starts_per_hour"
	HeldChange  HoldBack = "set_point" // it runs, and its set-point was changed not long ago
	HeldRefused HoldBack = "refused"   // its switch does not take the set-point
	HeldLimit   HoldBack = "limit"     // the site would draw more than it may
	HeldApart   HoldBack = "not_with"  // one is on with which it is not to run
)

// Hand is what a person has set at a device itself: it was proven to be as it was
// told, and then it was otherwise.
type Hand struct {
	ID  string
	Set Setpoint
}

// Warning codes of the guard.
const (
	WarnUnconfirmed = "switch_unconfirmed" // a command is not confirmed by feedback
	WarnSupplyStuck = "supply_stuck"       // the contactor was told to open and is still closed: weld or bypass
)

// Warning is something the householder should know of.
type Warning struct {
	Code  string    `json:"code"`
	ID    string    `json:"id"`
	Since time.Time `json:"since"`
	Want  Setpoint  `json:"want"` // what was commanded
}

// Verdict is the outcome of a step.
type Verdict struct {
	Commands []Command // offs first, the supply's close last; in order to be sent
	Held     []Hold
	Warnings []Warning // standing ones, on every step until cleared
	Hands    []Hand    // seen in this step, of loads with Respect; nothing is told against them in it
	Next     time.Time // step again at this time at the latest; zero: only when something changes
}

// Guard decides which switch commands may be sent now.
type Guard struct {
	config GuardConfig
	loads  []Load // in the order in which they may start: by priority, then id
	zone   *time.Location
}
