package control

import (
	"fmt"
	"slices"
	"time"

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
func (c ClockState) clone() ClockState {
	if c.Gap != nil {
		gap := *c.Gap
		c.Gap = &gap
	}
	return c
}

// month is the first day of the last billing month that an account has come to.
func month(acc tariffs.Account) (start tariffs.Date) {
	if n := len(acc.Months); n > 0 {
		start = acc.Months[n-1].Start
	}
	return start
}

// newMonth tells whether the month is one that only a clock which nothing has
// confirmed has begun.
func (st *State) newMonth() bool {
	g := st.Clock.Gap
	return g != nil && !g.Confirmed && month(g.Tariff) != month(st.Tariff)
}

// gapKept is the powered time after which a confirmed leap is forgotten.
const gapKept = 24 * time.Hour

// leapt takes note of how the time moved from the step before, which was at was:
// the charges that hang on it are held, taken, or given back.
func (p *step) leapt(was time.Time) {
	c := &p.st.Clock
	sure := c.Word || p.in.Synced
	c.Word = false
	switch {
	case p.now.Sub(was) > leap:
		if g := c.Gap; g != nil && !g.Confirmed {
			g.To = p.now // one leap after the other, none confirmed
		} else {
			c.Gap = &Gap{From: was, To: p.now, Tariff: p.st.Tariff, Elapsed: p.st.Elapsed}
		}
	case was.Sub(p.now) > leap && c.Gap != nil:
		p.ungap(sure)
	}
	g := c.Gap
	switch {
	case g == nil:
	case !g.Confirmed && sure:
		g.Confirmed = true
		p.accrueTime(g.Held)
		g.Held = nil
	case g.Confirmed && g.Powered > gapKept:
		c.Gap = nil
	}
}

// accrueTime takes charges by time and remembers them with the leap, if any.
func (p *step) accrueTime(charges []credit.Charge) {
	if len(charges) == 0 {
		return
	}
	if g := p.st.Clock.Gap; g != nil {
		g.Posted = merge(g.Posted, charges, 1)
	}
	a, entries := p.Credit.Accrue(p.st.Credit, p.now, charges...)
	p.st.Credit = a
	p.eff.Entries = append(p.eff.Entries, entries...)
}

// ungap undoes a leap that the clock has come back from: what was charged by time
// since is worked out anew for the time that has passed by the clock as it is
// now, and what was too much is given back.  What is left of the leap waits on,
// unless the clock is sure, or as far as the agent has counted itself.
func (p *step) ungap(sure bool) {
	g := p.st.Clock.Gap
	acc, due := p.TariffOf(&p.st).Elapse(g.Tariff, g.Elapsed, p.now)
	right := chargesOf(due, 0)
	p.st.Tariff, p.st.Elapsed = acc, g.Elapsed
	if p.now.After(g.Elapsed) {
		p.st.Elapsed = p.now
	}
	taken := g.Posted
	p.st.Clock.Gap = nil
	if p.now.Sub(g.From)-g.Powered > leap && !sure {
		p.st.Clock.Gap = &Gap{From: g.From, To: p.now, Powered: g.Powered, Tariff: g.Tariff, Elapsed: g.Elapsed, Held: right}
		right = nil
	}
	var back, more []credit.Charge
	for _, c := range merge(taken, right, -1) {
		if c.Amount > 0 {
			back = append(back, c)
		} else if c.Amount < 0 {
			c.Amount, c.Tax = -c.Amount, -c.Tax
			more = append(more, c)
		}
	}
	p.accrueTime(more)
	if len(back) > 0 {
		a, entries := p.Credit.GiveBack(p.st.Credit, p.now, back, fmt.Sprintf("was charged by a clock that was wrong and showed %s", g.To.In(p.Zone).Format("Mon 2 Jan 15:04")))
		p.st.Credit = a
		p.eff.Entries = append(p.eff.Entries, entries...)
		p.eff.Durable = true
	}
	p.event("clock_put_right", health.Info, said.Of("clock.right", said.Time("from", g.From), said.Time("now", p.now)))
}

// chargeTime charges for the time up to to.  The part of a leap that nothing has
// confirmed is held.
func (p *step) chargeTime(tariff *tariffs.Tariff, acc tariffs.Account, to time.Time) (tariffs.Account, []tariffs.Item) {
	from := p.st.Elapsed
	// By a person's word a clock may go any way ahead.  Nobody pays for years at once.
	if first := p.now.Add(-away); from.Before(first) {
		from = first
	}
	if g := p.st.Clock.Gap; g != nil && !g.Confirmed && from.Before(g.To) {
		until := g.To
		if to.Before(until) {
			until = to
		}
		var held []tariffs.Item
		acc, held = tariff.Elapse(acc, from, until)
		g.Held = merge(g.Held, chargesOf(held, 0), 1)
		from = until
	}
	acc, due := tariff.Elapse(acc, from, to)
	p.st.Elapsed = to
	if g := p.st.Clock.Gap; g != nil {
		g.Posted = merge(g.Posted, chargesOf(due, 0), 1)
	}
	return acc, due
}

// merge adds sign times the charges of b to those of a, one a name and kind.
func merge(a, b []credit.Charge, sign units.Money) []credit.Charge {
	out := slices.Clone(a)
	for _, c := range b {
		c.Amount, c.Tax, c.Energy = sign*c.Amount, sign*c.Tax, 0
		i := slices.IndexFunc(out, func(o credit.Charge) bool { return o.Name == c.Name && o.Kind == c.Kind })
		if i < 0 {
			out = append(out, c)
			continue
		}
		out[i].Amount += c.Amount
		out[i].Tax += c.Tax
	}
	return out
}

// gapWarning says that charges wait for the clock to be confirmed.
func (p *step) gapWarning() {
	g := p.st.Clock.Gap
	waits := g != nil && !g.Confirmed && len(g.Held) > 0
	var cause said.Said
	if waits {
		sum := units.Money(0)
		for _, c := range g.Held {
			sum += c.Amount
		}
		cause = said.Of("clock.off", said.Time("from", g.From), said.Time("to", g.To), said.Money("amount", sum))
	}
	p.when(waits, health.ClockUnconfirmed, "", cause)
}
