package web

import (
	"context"
	"errors"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/statement"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// Agent is what the page needs of the control loop.  Every method may be called
// from many goroutines at once and returns soon after its context ends.
//
// An error of a command is one of: ErrUnknown (no such load or warning),
// *Refusal (understood, but will not; it says why and what to do), a context
// error, or anything else, which the page calls "could not be done" with the
// error in the log.
type Agent interface {
	// View is the latest picture: never nil parts that the page must guess, never
	// changed after it is handed out, cheap to ask for.
	View() picture.View

	// In is the same agent that speaks another language; where it has no words in it,
	// English.
	In(lang string) Agent

	// Changes signals that a newer View is there.  Signals coalesce: a slow reader
	// gets one for many.  The agent publishes at least once a minute, even where
	// nothing happens, so that silence means a stuck loop.  The channel is closed
	// when ctx ends or the agent stops.
	Changes(ctx context.Context) <-chan struct{}

	// TopUp offers a token, or a text that holds some, and returns when the outcome
	// is durable.  It is idempotent: the same token twice is credited once.  A
	// non-nil error means that the outcome is not known; the result is then ignored.
	// source says by which way it came: "page" or "api".
	TopUp(ctx context.Context, text, source string) (TopUpResult, error)

	LoadRun(ctx context.Context, id string) error  // start now, ahead of the plan
	LoadSkip(ctx context.Context, id string) error // leave out the run under way or the next one
	LoadAuto(ctx context.Context, id string) error // take back LoadRun or LoadSkip

	AcceptEmergency(ctx context.Context) error // take the emergency credit on offer
	Reconnect(ctx context.Context) error       // close the supply that is ready for reconnection

	// Expect tells of the use in a time to come, or takes back what was told; the text is as control.Expect has
	// it, and way as of LastUntil.
	Expect(ctx context.Context, text, way string) error
	// LastUntil asks that the credit lasts until an instant, which is written as a
	// person writes it; "off" takes that back.  way is "page" or "api".
	LastUntil(ctx context.Context, text, way string) error

	// OptOut opts out of the home's own plan ("local"), a utility's events ("grid"), "both",
	// or of nothing any more ("none"); way is "page" or "api".
	OptOut(ctx context.Context, of, way string) error

	// MeterReading takes what a person has read on the utility's meter; way is "page" or
	// "api".
	MeterReading(ctx context.Context, r MeterReading, way string) error
	// WithdrawReading takes a reading back by its number.
	WithdrawReading(ctx context.Context, n int, way string) error

	// TariffDetail is the tariff in full, for the page about it.
	TariffDetail() picture.TariffDetail

	// TopUpFor is the least top-up with which the credit lasts to the end of the
	// local day that day lies in; ErrUnknown where the forecast does not reach it.
	TopUpFor(day time.Time) (TopUpNeed, error)
	// WhatBuys is what an amount of money, above 0, buys, and where credit is energy what
	// it buys when the next billing month begins.
	WhatBuys(amount units.Money) picture.Advice

	// Ledger are the rows that are asked for, newest first.
	Ledger(ctx context.Context, q LedgerQuery) ([]LedgerRow, error)

	// Statement is the billing month that at lies in, by days up to now; at zero, or
	// ahead, is now.
	Statement(ctx context.Context, at time.Time) (Statement, error)
	// Hours is the local day that at lies in, by the hours of the clock.
	Hours(ctx context.Context, at time.Time) ([]statement.Span, error)
	// Months are at most n billing months back from now, newest first.
	Months(ctx context.Context, n int) ([]statement.Span, error)
	// Purchases are the n newest top-ups with a smaller seq than before, newest
	// first; before 0 is from the newest.
	Purchases(ctx context.Context, before uint64, n int) ([]statement.Purchase, error)

	// Insight is what the month that at lies in means; at zero, or ahead, is now.
	Insight(ctx context.Context, at time.Time) (Insight, error)

	// Receipt is a top-up with its entries of the ledger; ErrUnknown where seq is
	// none.
	Receipt(ctx context.Context, seq uint64) (Receipt, error)

	// Cuts are the stretches in which the supply was not on, newest first, as the n newest
	// entries about it have them; n is 1 to 500.
	Cuts(ctx context.Context, n int) ([]Cut, error)
	// Use is where the energy of the last days went; days is 1 to 31.
	Use(ctx context.Context, days int) (Use, error)
	// Log is the n newest events with ID < before, newest first; before 0 is from
	// the newest.  n is 1 to 500.
	Log(ctx context.Context, before int64, n int) ([]picture.LogRow, error)
	// Limits are the limits that held at some time in [from, to), the oldest first.
	Limits(ctx context.Context, from, to time.Time) ([]api.LimitRow, error)

	// History is measured use in [from, to), oldest first, in intervals that the
	// agent chooses (some hundreds at the most).
	History(ctx context.Context, from, to time.Time) ([]HistoryPoint, error)

	// Acknowledge says that a person has seen the warning; it stays until its cause
	// is gone, but quietly.
	Acknowledge(ctx context.Context, code string) error
}

// ErrUnknown is returned for a load or a warning that the agent does not have.
var ErrUnknown = errors.New("unknown")

// Refusal is a command that the agent understood and will not carry out now.
type Refusal struct {
	Reason string // why, one sentence for the householder
	Remedy string // what to do next; "" where there is nothing
}

func (r *Refusal) Error() string {
	if r.Remedy == "" {
		return r.Reason
	}
	return r.Reason + " " + r.Remedy
}

// MeterReading is what a person has read on the utility's meter, as it was written.
type MeterReading struct {
	Shown, At, Bought        string // in kWh, when ("" is now), in kWh
	Anew, Turned, Sure, Left bool   // see control.MeterReading
}

// Outcome is what became of a token.
type Outcome string

// Outcomes of a top-up.
const (
	Accepted    Outcome = "accepted"     // credited, or its effect applied (see TopUpResult.Effect)
	AlreadyUsed Outcome = "already_used" // this very token was credited before; costs no try
	TooOld      Outcome = "too_old"      // a genuine token, but overtaken by newer ones or expired; costs no try
	Wrong       Outcome = "wrong"        // not a token of this meter; costs a try
	Malformed   Outcome = "malformed"    // not even the form of a token (length, characters); costs no try
	Locked      Outcome = "locked"       // too many wrong tries; the token was not looked at
	Refused     Outcome = "refused"      // genuine, but not allowed now (a limit on credit, a function not carried out here)
	NotRecorded Outcome = "not_recorded" // cannot be stored now (disk full, say); the token is NOT spent
	NotKnown    Outcome = "not_known"    // the storage failed in the middle: the balance will show whether it counts
	Waiting     Outcome = "waiting"      // one of several, not looked at: one before it must be put right first
)

// TopUpResult answers one token, or several together.
type TopUpResult struct {
	// Outcome of several is that of the one that the list ended at; Accepted where
	// none is left to enter and one was accepted.
	Outcome Outcome
	// Each is what became of each of several, in the order of the text; nil where
	// there was one.
	Each   []TopUpResult
	N      int    // its place among several, from 1
	Digits string // of one of several
	Slip   string // Malformed: "short", "long", "letter", "unclear" or "form"
	Off    int    // how many digits are missing or too many; 0: it is not known
	Later  bool   // Refused: it is good, of no use yet, and stays to be entered again
	// KeyWords of KeyOf tokens of a change of the key are in; 0: there was none.
	KeyWords, KeyOf int

	Amount  units.Money // what the token was worth (Accepted); also what it was worth at the time (AlreadyUsed), 0 unknown
	Paid    []Part      // what the amount paid first, in order (debt, emergency credit); what is left went to the balance
	Balance units.Money // after it
	Effect  string      // for a token that is not an amount, what it did, in words; else ""
	At      time.Time   // AlreadyUsed: when it was credited, UTC; zero unknown

	TriesLeft int       // Wrong: tries before the lock-out
	Until     time.Time // Wrong, Locked: no token is looked at before this time, UTC; zero: at once

	// NextToDebt is what each of the next top-ups of NextAmount will pay of the debts;
	// nil: there are none.
	NextAmount units.Money
	NextToDebt []units.Money

	Reason string // Refused, NotRecorded, NotKnown: one sentence, in words; "" for a general text
	Remedy string
	// Restored tells that the supply is on again, or ReadyToRestore that it waits
	// for the householder to close it.
	Restored, ReadyToRestore bool
}

// Part is a named share of an amount.
type Part struct {
	Name   string // in words: "Debt", "Emergency credit paid back"
	Amount units.Money
}

// TopUpNeed is the least top-up that lasts.
type TopUpNeed struct {
	Until time.Time   // the end of the day
	Safe  units.Money // lasts in nine of ten futures; 0: the credit lasts without one
	Even  units.Money // in half of them
	// False says that no one top-up that the account may take now is enough.
	SafeMay, EvenMay bool
}

// LedgerQuery says which rows of the ledger are asked for; what is zero does not
// matter.
type LedgerQuery struct {
	Before   uint64    // rows with a smaller Seq; 0 is from the newest
	From, To time.Time // [From, To)
	N        int       // 1 to 500
	Kinds    []credit.Kind
	Text     string        // found in names and causes
	Also     []credit.Kind // whose word in the reader's language holds Text
	Guest    bool          // who asks may not look into causes
}

// LedgerRow is one entry of the account.
type LedgerRow struct {
	Seq     uint64
	At      time.Time    // UTC
	Kind    string       // a code: "opening", "topup", "consumption", "standing", "debt", "emergency", "adjustment", ... (text/en.json, ledger.*)
	Name    string       // of the charge or the debt; "" of others
	Amount  units.Money  // + credit, - charge; 0 where no money moved
	Balance units.Money  // after it
	Tax     units.Money  // the part of Amount that is tax
	Energy  units.Energy // of a charge for consumption; else 0
	Cause   string       // one line in words; never a whole token
	Guest   string       // the same for who has not signed in: without the meter's number
}

// Insight is what a month of the statement means.
type Insight struct {
	Compared *Compared      // nil: there is nothing to compare
	Limit    *tariffs.Limit // of the month under way; nil: none is near
	Expected units.Energy   // to be used to its end, as is usual
	Carried  units.Energy   // of earlier months' allowances, still unused
	Lapses   units.Energy   // of Carried, with the month's end
	Until    time.Time      // which that is
	Buys     []Bought       // what money buys now; nil: it is not known yet, or the month is over
}

// Compared is a month beside the one before it.
type Compared struct {
	tariffs.Change
	From, To         time.Time
	Before, BeforeTo time.Time
	Days             int  // that are compared
	Whole            bool // both are whole months
	Charged          units.Money
	ChargedBefore    units.Money
	// Unexplained tells that the ledger charged something else than the tariff's
	// document says, so that use and prices cannot be told apart.
	Unexplained bool
}

// More is by how much more was charged than before.
func (c *Compared) More() units.Money { return c.Charged - c.ChargedBefore }

// Bought is what an amount buys.
type Bought struct {
	Amount units.Money
	ToDebt units.Money   // of it, to debts
	Credit units.Money   // what is left of it as credit
	Energy units.Energy  // of Credit
	Lasts  time.Duration // of Credit
	// Foreseen: Energy goes by the use that is foreseen; false: by the price of this moment.
	Foreseen bool
}

// Receipt is a top-up as it stands in the ledger.
type Receipt struct {
	statement.Purchase
	Entries []credit.Entry // the top-up and what it paid, with their hashes
	Balance units.Money    // after them
}

// Statement is a billing month of the account.
type Statement struct {
	Month statement.Span
	Days  []statement.Span // up to now, oldest first
	// Counted is up to when use is in it, where the month is under way: what was used since then
	// is recorded when its interval is over.  Zero of a month that is over.
	Counted time.Time
}

// HistoryPoint is measured use in one interval.
type HistoryPoint struct {
	Slot   units.Slot
	Energy units.Energy
	Cost   units.Money // 0 where it is not known
	Gap    bool        // nothing, or not all of it, was measured: Energy is what is known
	Held   bool        // the supply was off, or something held back, for part of it: more may have been wanted
}

// CutWaits is the cause of a supply that might be on and waits for somebody to switch it on.
const CutWaits = "waits"

// Cut is a stretch without supply, of one cause.
type Cut struct {
	From, To time.Time // To is zero: it goes on
	Cause    string    // of the credit package, or CutWaits
	Says     string    // in the ledger's words
	Seq      uint64    // of the entry
}

// Use is where a stretch's energy went.
type Use struct {
	From, To time.Time
	Days     int
	Energy   units.Energy
	Cost     units.Money // of the energy; what falls due by time is not in it
	Costed   bool        // false: credit is energy, and no cost is known
	Gaps     bool        // a part was not measured
	Loads    []UsePart   // by appliance, the most first; one of which nothing is recorded is left out
	Rest     *UsePart    // what no appliance took; nil where that is not known
	Periods  []UsePart   // by the tariff's periods, the dearest first; nil where it has one price for all

	Standby *Standby // of four weeks; nil: it is not known
	Tips    []Tip    // of four weeks, what saves most first
}

// UsePart is a part of it.
type UsePart struct {
	ID, Name string
	Energy   units.Energy
	Cost     units.Money
	Rated    bool // nobody measures it: worked out from what it is to draw
	Partly   bool // nothing is recorded of some of the time
}

// PerKWh is what a kWh of it cost on average; 0 where nothing was used.
func (p UsePart) PerKWh() units.Money {
	if p.Energy <= 0 {
		return 0
	}
	return p.Cost.Part(int64(units.KilowattHour), int64(p.Energy))
}

// Standby is what is drawn nine tenths of the time or more.
type Standby struct {
	Power  units.Power
	Energy units.Energy // what lay below that line
	Of     units.Energy // all that was used
	Cost   units.Money
	Days   int
}

// What a tip is about.
const (
	TipShift   = "shift"   // a tenth of the use at the dearest price, at the cheapest instead
	TipStandby = "standby" // 10 W less all the time
	TipLoad    = "load"    // a tenth less of the appliance that takes most
)

// Tip is what would have cost less in the days that are over, charged again by the tariff.
type Tip struct {
	Kind        string
	Name, Other string // of shift: the dearest and the cheapest period; of load: the appliance
	Power       units.Power
	Energy      units.Energy // moved, or less
	Saves       units.Money
	Days        int
}
