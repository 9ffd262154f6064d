// Package picture is one picture of the house: what is known of it, in units,
// codes and sentences.  It is made of the loop's state in this one place; the
// page draws it, and HTTP API and MQTT send it as package api writes it.
package picture

import (
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering/beside"
	"github.com/keeplit/keeplit/metering/quality"
)

// View is one picture of the agent, complete and never changed after it is
// handed out.  Times are UTC on the agent's own clock (which a demo may run
// fast); At is "now" for everything in it.  A zero time is "none" or "not
// known".
type View struct {
	Seq  uint64 // grows with each new picture
	At   time.Time
	Zone *time.Location // of the calendar and of every time shown; nil is UTC
	Unit present.Unit

	Site     string // the householder's name for the place, "Home"
	Supply   present.Supply
	Credit   Credit
	RunOut   RunOut
	Expected []present.Expected // what somebody has told of the use in times to come, the first first
	Until    present.Until      // how long a person asks that the credit lasts
	Opted    Opted
	Limited  Limited   // by a utility
	Limits   []Limited // all who may limit what is drawn, with what they have it held to
	Power    PowerNow
	Meter    Registers
	Quality  quality.State // of the voltage
	Beside   Beside        // the utility's meter beside ours
	Tariff   Tariff
	Plan     Plan
	Loads    []Load // in the order to show
	TopUp    TopUpGate
	Warnings []Warning // worst first
	System   System
	Demo     *Demo   // nil outside the demo
	Totals   *Totals // nil: not known
}

// UnitCode is what Money counts as programs know it: the currency by ISO 4217, or
// kWh.
func (v *View) UnitCode() string {
	if v.Unit.Energy {
		return "kWh"
	}
	return v.Unit.Code
}

// Opted is what the household has opted out of.
type Opted struct {
	Of    string // "": there is nothing that it could opt out of; else none, local, grid or both
	By    string
	Since time.Time
}

// Left is the median time until the credit ends, not below zero; it says nothing
// where that is not known.
func (v *View) Left() time.Duration {
	if !v.RunOut.Known {
		return 0
	}
	return max(0, v.RunOut.At.Sub(v.At))
}

// Limited is a limit of what may be drawn, and whose it is.
type Limited struct {
	Source string      // signed, contact or mqtt
	State  string      // "": nobody limits the site
	Limit  units.Power // 0: none
	By     string
	Event  string
	From   time.Time
	Until  time.Time // zero: until it is taken back
	Loads  []string  // of which the sum counts; nil: all that is drawn
}

// EmergencyState is where the emergency credit stands.
type EmergencyState string

// States of the emergency credit.
const (
	EmergencyNone    EmergencyState = ""        // not part of this account
	EmergencyIdle    EmergencyState = "idle"    // there, but credit is above its threshold
	EmergencyOffered EmergencyState = "offered" // may be accepted
	EmergencyInUse   EmergencyState = "in_use"
	EmergencySpent   EmergencyState = "spent" // used up, or to be paid back first
)

// Emergency is the emergency credit.
type Emergency struct {
	State     EmergencyState
	Amount    units.Money // of the offer
	Left      units.Money // of the credit accepted
	Owed      units.Money // to be paid back by the next top-up
	Threshold units.Money // offered below this balance
}

// Credit is the account.
type Credit struct {
	Balance     units.Money  // may be negative
	Energy      units.Energy // about what Balance buys at the prices ahead; 0 and EnergyKnown false where that is not known
	EnergyKnown bool
	Debt        units.Money // to clear, besides emergency credit
	Emergency   Emergency
	SpentToday  units.Money
	EnergyToday units.Energy
	SpentPerDay units.Money // mean of the last days; 0 not known yet
	// PerKWh is by how much sooner the credit ends where one kWh more is used
	// now; 0 not known.
	PerKWh time.Duration
	Ahead  []Start // what one kWh more costs, used from now or from a full hour on
}

// Start is what energy used on top costs where it begins at an instant.
type Start struct {
	At     time.Time
	Cost   units.Money
	Later  units.Money   // of Cost: what is used afterwards costs so much more, as it falls into dearer blocks
	Sooner time.Duration // by so much the credit ends sooner; 0 where not known
}

// Own is what is charged for it itself.
func (s Start) Own() units.Money { return s.Cost - s.Later }

// RunOut is when the credit ends.
type RunOut struct {
	Known bool // false: no forecast yet
	// Beyond tells that credit outlasts the forecast's horizon; At is then the
	// horizon's end: "more than".
	Beyond bool
	At     time.Time // median
	Early  time.Time // 10 % of futures have run out by then
	Late   time.Time // 90 %; zero: beyond the horizon
	Reach  time.Time // the end of the last day that TopUpFor answers for; zero: none
	With   []TopUp   // how long it lasts with a top-up now: a small one, a middle one, a large one
	// First is about when a new site's first forecast comes; zero: there is one, or was.
	First time.Time
	Moved Moved // that it was foreseen for another time, and why
}

// TopUp is a top-up that nobody has made.
type TopUp struct {
	Amount units.Money
	Until  time.Time // the credit ends then, in half of the futures
	Beyond bool      // it lasts longer than Until, to which the forecast reaches
}

// Freshness is how far a value can be trusted by its age.
type Freshness string

// Freshness of a meter or a link.
const (
	Fresh  Freshness = "fresh"
	Stale  Freshness = "stale"  // older than it should be
	Silent Freshness = "silent" // gone
	Never  Freshness = "never"  // nothing yet
)

// PowerNow is the site's power at the meter.
type PowerNow struct {
	Power       units.Power // last known; negative is export
	At          time.Time   // when it was told
	Untold      bool        // the meter answers and nothing tells the power: it is not known
	Derived     bool        // nobody told it; it is the mean by the meter's register
	Freshness   Freshness
	Limit       units.Power // of the site; 0 none
	CostPerHour units.Money // at this power and the price now
}

// Known tells whether there is a power, be it one of some time ago.
func (p PowerNow) Known() bool { return p.Freshness != Never && p.Freshness != "" && !p.Untold }

// Live tells whether the power is that of now.
func (p PowerNow) Live() bool { return p.Known() && p.Freshness != Silent }

// LogRow is something that happened.
type LogRow struct {
	ID       int64
	At       time.Time
	Severity Severity
	Code     string // stable, "voltage_sag"; with "_cleared" for its end
	Title    string // "The voltage is low"; "" where the code has none
	Over     bool   // it is the end of what Title says
	Text     string // the figures
}

// Registers is what the agent has counted since it began, whatever meters it
// read; it never goes down.
type Registers struct {
	Known          bool
	Device         string // the meter's own number; "" where it tells none
	Import, Export units.Energy
	Periods        []PeriodRegister // by tariff period; they add up to Import and Export
	Window         time.Duration    // of the demands; 0: there are none
	Block, Sliding Demand           // the greatest of the month
}

// Beside is the utility's meter beside ours.
type Beside struct {
	beside.Account
	Readings []beside.Reading // the oldest first
}

// PeriodRegister is what was counted while one tariff period was in force.
type PeriodRegister struct {
	Period         string
	Import, Export units.Energy
}

// Demand is a greatest mean power.
type Demand struct {
	Power units.Power
	End   time.Time // of its window; zero: no window is complete
}

// Tariff is the price now and the next change.
type Tariff struct {
	Name        string
	Known       bool        // false: no price for now
	Price       units.Price // the next kWh, taxes included
	Period      string      // "peak"; may be ""
	NextAt      time.Time   // of the next change; zero: none within the horizon
	NextPrice   units.Price
	NextPeriod  string
	Block       *Block      // nil where prices do not depend on the month so far
	FixedPerDay units.Money // standing charge; 0 none
	// FixedPerMonth is what the billing month takes besides; 0 none.
	FixedPerMonth units.Money
	Version       string    // of the figures, "2025/26"; may be ""
	PushedUntil   time.Time // prices sent at run time end then; zero: there are none
	Stale         bool      // pushed prices are too old: the document's prices rule
	Note          string    // one line, in words; may be ""
}

// TariffDetail is the whole tariff for people.
type TariffDetail struct {
	Name    string
	Notes   string
	Doubts  []string // what is not certain about the figures, one clause each
	Sources []Source
	Weeks   []TariffWeek // one a season, the one in force first
	Charges []string     // every component of the version in force, in words
	Advice  *Advice      // nil where the next billing month changes nothing
	Sent    []SentTariff // documents of the utility, in the order in which they hold
}

// SentTariff is a tariff document that the utility has sent.
type SentTariff struct {
	ID, By  string
	From    time.Time // the local midnight at which it begins
	InForce bool      // it, or another one after it, has begun
}

// Source is where figures come from.
type Source struct {
	Title, URL, Dated, Read, For string // each may be "" but Title
}

// TariffWeek is an ordinary week by half hours of the clock, from Monday.
type TariffWeek struct {
	Season, Version string
	Days            [7][48]TariffMoment
}

// TariffMoment is what holds in one half hour of a week.
type TariffMoment struct {
	Period string
	Price  units.Price // at the beginning of a month, taxes included
}

// Advice is what changes for the customer when the next billing month begins.
type Advice struct {
	Reset        time.Time
	Price, After units.Price // of the next kWh as the month stands, and as it would be in a fresh month
	// Amount of money buys so much energy now and at Reset; 0 where credit is not
	// kept in energy, so that it does not matter when it is bought.
	Amount         units.Money
	Buys, BuysThen units.Energy
	// Foreseen: Buys is what a top-up gives by the use that is foreseen; false: by the price of
	// this moment.
	Foreseen bool
}

// More is what waiting gains.
func (a Advice) More() units.Energy { return a.BuysThen - a.Buys }

// Same tells that waiting changes less than a hundredth, which is not worth a
// word.
func (a Advice) Same() bool { return max(a.More(), -a.More()) <= a.Buys/100 }

// Waits tells that waiting gains something worth a word.
func (a Advice) Waits() bool { return a.More() > 0 && !a.Same() }

// Block is where the month stands in rising blocks.
type Block struct {
	Number    int          // from 1
	Used      units.Energy // in the month so far
	UpTo      units.Energy // end of this block; 0: it has none
	NextPrice units.Price  // in the block after it
	ResetAt   time.Time
}

// Plan is the schedule ahead, at least 24 h where a forecast exists.
type Plan struct {
	MadeAt        time.Time // zero: none yet
	Slots         []PlanSlot
	Loads         []PlanLoad
	Cost          units.Money // of all use over Slots, as planned
	CostUnshifted units.Money // had each load run as soon as it could; 0 not known
	SolveTime     time.Duration
	Shortfalls    []Shortfall
}

// Shortfall is something that cannot be met.
type Shortfall struct {
	Text string // one sentence: what, and why
	Load string // that does without; "" where it is none
	At   time.Time
	Len  time.Duration // of running that is left out from At on; 0 not known
}

// PlanSlot is one step of the plan.
type PlanSlot struct {
	Slot  units.Slot
	Price units.Price // marginal, taxes included
	// Period is the tariff's name of its time; "" where it has none.
	Period string
	// Low, Mid and High are the forecast of everything that is not a planned load
	// (10, 50 and 90 %).
	Low, Mid, High units.Power
	Limit          units.Power // site limit in this slot; 0 none
}

// PlanLoad is a load's power in each slot of the plan (as many as Slots).
type PlanLoad struct {
	ID, Name string
	Power    []units.Power
}

// Override is what the householder asked for, against the plan.
type Override string

// Overrides.
const (
	NoOverride   Override = ""
	OverrideRun  Override = "run"
	OverrideSkip Override = "skip"
)

// Load is one thing the agent switches.
type Load struct {
	ID    string // of letters, digits, - and _
	Name  string
	Class loads.Class // how much it matters; "": it is only measured
	Order int         // within its class
	State present.LoadState
	On    bool        // as far as is known: by feedback, else as told
	Power units.Power // now, measured or rated; below zero: it gives
	Rated bool        // nobody measures it: Power is what it is to draw
	Told  units.Power // what it may draw while it is on, of a load that is told so; 0: it says nothing
	Why   string      // why it does what it does now, one sentence: "Waits for the cheap hours from 22:00: saves R 3.20"

	// Holds is how full a battery is, in per cent, where HoldsKnown.
	Holds      int
	HoldsKnown bool
	// Showers is for about how many the water of a water heater is hot enough, where HotKnown.
	Showers  float64
	HotKnown bool

	NextStart, NextEnd time.Time    // of the run under way or the next one
	Delivered, Wanted  units.Energy // of the present task; Wanted 0 where it is not counted
	Deadline           time.Time
	Cost               units.Money // of the run under way or the next one; 0 not known
	// RunEnergy is what one run uses, and RunSooner by how much sooner the credit
	// ends where one is begun now on top; 0 not known.
	RunEnergy units.Energy
	RunSooner time.Duration
	Ahead     []Start // what one run more costs, begun now or at a full hour of the plan

	Override        Override
	OverrideUntil   time.Time
	AtDevice        bool // Override was set at the device itself
	CanRun, CanSkip bool
}

// TopUpGate is whether a token would be looked at now.
type TopUpGate struct {
	Digits      []int // lengths a token may have, for the keypad: 20, or 15; empty: any
	TriesLeft   int
	LockedUntil time.Time // zero: open
	Closed      string    // why no top-up can be recorded now, in words; "" open
	Keypad      string    // what the keypad at the meter shows now; "" nothing
	Left        string    // which of several tokens entered together have not been taken, in words; "" none
}

// Severity orders warnings.
type Severity string

// Severities.
const (
	Info     Severity = "info"
	Caution  Severity = "caution"  // act within days
	Critical Severity = "critical" // act now
)

// Warning is something the householder can act on.
type Warning struct {
	Code     string // "meter_silent"
	Subject  string // what it is about, where a code can stand for several things
	Severity Severity
	Grade    health.Severity // Severity as the agent itself has it, in four steps
	Since    time.Time
	Title    string        // a few words
	Cause    string        // what is wrong, and why
	Remedy   string        // what to do next
	Seen     bool          // acknowledged
	OfCredit bool          // it is about the credit
	Rung     time.Duration // how long before the end of the credit it was said last; 0: it has no rungs
	Told     bool          // the front page has a card for it already: the supply, the emergency credit, the end of the credit
}

// System is the state of the agent itself.
type System struct {
	Version   string
	Started   time.Time
	Meter     Link
	Broker    Link // MQTT; Name "" where none is configured
	Telemetry Link // InfluxDB; Name "" where none is configured
	Outbox    Outbox
	Parts     []Link // everything else: buses, switches, store, clock
	LedgerSeq uint64 // newest entry
	DiskFree  int64  // bytes; -1 not known
}

// Link is one thing the agent talks to.
type Link struct {
	Name      string // "SDM120 on /dev/ttyUSB0"
	Freshness Freshness
	LastAt    time.Time // last word from it
	Detail    string    // what is wrong, or a figure; may be ""
}

// Shown is the link's name without a password that its address may hold: it drops
// "user:password@", also where the password holds characters that it should not.
func (l Link) Shown() string {
	scheme, rest, ok := strings.Cut(l.Name, "://")
	if !ok {
		return l.Name
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

// Outbox is what waits to be sent to InfluxDB.
type Outbox struct {
	Rows        int64
	Oldest      time.Time
	Dropped     int64 // ever, by the cap; never ledger rows
	Quarantined int64
}

// Demo is what a trial run tells the visitor.
type Demo struct {
	Speed float64 // simulated seconds a second
	Token string  // one that will be accepted; "" none
}
