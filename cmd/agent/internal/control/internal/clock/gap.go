package clock

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/charges"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// Gap is a leap ahead of the clock that was followed: the agent was off, or the
// clock is wrong.  Charges by time for it are held until a time server or a
// person confirms the clock, and are taken anew from the beginning when it is
// found to be wrong: nobody pays, or is cut off, for time that has not passed.
type Gap struct {
	From    time.Time     `json:"from"`              // the agent's time before the leap
	To      time.Time     `json:"to"`                // and after it
	Powered time.Duration `json:"powered,omitempty"` // powered time since
	// Confirmed: the clock was right, or somebody says so.
	Confirmed bool `json:"confirmed,omitempty"`
	// Tariff and Elapsed are the tariff's account before the leap, and up to where
	// it had charged for time.
	Tariff  tariffs.Account `json:"tariff"`
	Elapsed time.Time       `json:"elapsed"`
	Held    []credit.Charge `json:"held,omitempty"`   // for the leap, not taken yet
	Posted  []credit.Charge `json:"posted,omitempty"` // taken since for time, the leap's own with it
}

// clone copies what a step may change in place.
func (s State) clone() State {
	if s.Gap != nil {
		gap := *s.Gap
		s.Gap = &gap
	}
	return s
}

// month is the first day of the last billing month that an account has come to.
func month(acc tariffs.Account) (start tariffs.Date) {
	if n := len(acc.Months); n > 0 {
		start = acc.Months[n-1].Start
	}
	return start
}

// NewMonth tells whether the month that an account has come to is one that only a
// clock which nothing has confirmed has begun.
func (s State) NewMonth(acc tariffs.Account) bool {
	g := s.Gap
	return g != nil && !g.Confirmed && month(g.Tariff) != month(acc)
}

// gapKept is the powered time after which a confirmed leap is forgotten.
const gapKept = 24 * time.Hour

// Accounts is what hangs on the clock: the tariff's account, and up to where its
// charges by time are taken.
type Accounts struct {
	Tariff  tariffs.Account
	Elapsed time.Time
}

// In is what a step tells the clock.
type In struct {
	Was, Now time.Time // of the step before and of this one
	Synced   bool      // a time server keeps the machine's clock
	Tariff   *tariffs.Tariff
	Accounts Accounts
	Zone     *time.Location
}

// Out is what follows from how the time has moved.
type Out struct {
	Accounts Accounts
	Take     []credit.Charge // to be taken now
	Back     []credit.Charge // and to be given back after that, for Reason
	Reason   string
	Notes    note.Notes
}

// Step takes note of how the time has moved from the step before: the charges
// that hang on it are held, taken, or given back.
func (s State) Step(in In) (State, Out) {
	c, out := s.clone(), Out{Accounts: in.Accounts}
	sure := c.Word || in.Synced
	c.Word = false
	switch {
	case in.Now.Sub(in.Was) > Leap:
		if g := c.Gap; g != nil && !g.Confirmed {
			g.To = in.Now // one leap after the other, none confirmed
		} else {
			c.Gap = &Gap{From: in.Was, To: in.Now, Tariff: in.Accounts.Tariff, Elapsed: in.Accounts.Elapsed}
		}
	case in.Was.Sub(in.Now) > Leap && c.Gap != nil:
		c.Gap, out = c.Gap.undo(in, sure)
	}
	g := c.Gap
	switch {
	case g == nil:
	case !g.Confirmed && sure:
		g.Confirmed = true
		out.Take = append(out.Take, g.Held...)
		g.Posted = charges.Merge(g.Posted, g.Held, 1)
		g.Held = nil
	case g.Confirmed && g.Powered > gapKept:
		c.Gap = nil
	}
	return c, out
}

// undo undoes a leap that the clock has come back from: what was charged by time
// since is worked out anew for the time that has passed by the clock as it is
// now, and what was too much is given back.  What is left of the leap waits on,
// unless the clock is sure, or as far as the agent has counted itself.
func (g *Gap) undo(in In, sure bool) (left *Gap, out Out) {
	acc, due := in.Tariff.Elapse(g.Tariff, g.Elapsed, in.Now)
	right := charges.Of(due, 0)
	out.Accounts = Accounts{acc, g.Elapsed}
	if in.Now.After(g.Elapsed) {
		out.Accounts.Elapsed = in.Now
	}
	if in.Now.Sub(g.From)-g.Powered > Leap && !sure {
		left = &Gap{From: g.From, To: in.Now, Powered: g.Powered, Tariff: g.Tariff, Elapsed: g.Elapsed, Held: right}
		right = nil
	}
	for _, c := range charges.Merge(g.Posted, right, -1) {
		if c.Amount > 0 {
			out.Back = append(out.Back, c)
		} else if c.Amount < 0 {
			c.Amount, c.Tax = -c.Amount, -c.Tax
			out.Take = append(out.Take, c)
		}
	}
	if left != nil && len(out.Take) > 0 {
		left.Posted = charges.Merge(nil, out.Take, 1)
	}
	if len(out.Back) > 0 {
		out.Reason = "was charged by a clock that was wrong and showed " + g.To.In(in.Zone).Format("Mon 2 Jan 15:04")
		out.Notes.Durable = true
	}
	out.Notes.Event("clock_put_right", health.Info, said.Of("clock.right", said.Time("from", g.From), said.Time("now", in.Now)))
	return left, out
}

// Charge is the tariff's items for the time up to to.  The part of a leap that
// nothing has confirmed is held.
func (s State) Charge(tariff *tariffs.Tariff, acc Accounts, now, to time.Time) (State, Accounts, []tariffs.Item) {
	c, from := s.clone(), acc.Elapsed
	// By a person's word a clock may go any way ahead.  Nobody pays for years at once.
	if first := now.Add(-Away); from.Before(first) {
		from = first
	}
	if g := c.Gap; g != nil && !g.Confirmed && from.Before(g.To) {
		until := g.To
		if to.Before(until) {
			until = to
		}
		var held []tariffs.Item
		acc.Tariff, held = tariff.Elapse(acc.Tariff, from, until)
		g.Held = charges.Merge(g.Held, charges.Of(held, 0), 1)
		from = until
	}
	var due []tariffs.Item
	acc.Tariff, due = tariff.Elapse(acc.Tariff, from, to)
	acc.Elapsed = to
	if g := c.Gap; g != nil {
		g.Posted = charges.Merge(g.Posted, charges.Of(due, 0), 1)
	}
	return c, acc, due
}

// warnOfGap says that charges wait for the clock to be confirmed.
func (s State) warnOfGap(n *note.Notes) {
	g := s.Gap
	waits := g != nil && !g.Confirmed && len(g.Held) > 0
	var cause said.Said
	if waits {
		sum := units.Money(0)
		for _, c := range g.Held {
			sum += c.Amount
		}
		cause = said.Of("clock.off", said.Time("from", g.From), said.Time("to", g.To), said.Money("amount", sum))
	}
	n.When(waits, health.ClockUnconfirmed, "", cause)
}
