package control

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// LastUntil is a person's wish that the credit lasts until an instant, in words:
// "Fri 18:00".  It is for the plan alone: nothing that protects asks for it.
type LastUntil struct {
	Text string // see civil.Moment; UntilOff takes the wish back
	By   string // who asks, for the record
}

// UntilOff takes a LastUntil back.
const UntilOff = "off"

// UntilState is a wish in force.
type UntilState struct {
	At    time.Time `json:"at"`
	By    string    `json:"by"`
	Since time.Time `json:"since"`
}

func (LastUntil) asks() bool  { return true }
func (LastUntil) spare() bool { return false }

// held refuses it while the records are held: what credit there is is not known.
func (LastUntil) held(p *step) { p.eff.Reply.Err = ErrHeld }

// happen takes the wish, or the wish back.
func (u LastUntil) happen(p *step) {
	was := p.st.Until
	if u.Text == UntilOff {
		if was == nil {
			return
		}
		p.st.Until, p.st.WantPlan, p.eff.Durable = nil, true, true
		p.event("last_until_off", health.Info, said.Of("asked", said.Text("by", u.By)))
		return
	}
	at, err := civil.Moment(u.Text, p.now, p.Zone)
	switch {
	case err != nil:
		p.eff.Reply.Err = &NotTakenError{said.Of("until.unreadable", said.Repeated("text", u.Text))}
	case p.st.Credit.Unlocked:
		p.eff.Reply.Err = &NotTakenError{said.Of("until.paid_off")}
	case !at.After(p.now):
		p.eff.Reply.Err = &NotTakenError{said.Of("until.past", said.Time("at", at))}
	case at.After(p.now.Add(p.RunOutOver)):
		p.eff.Reply.Err = &NotTakenError{said.Of("until.far", said.Time("at", at), said.Time("most", p.now.Add(p.RunOutOver).Add(-time.Hour)))}
	case was != nil && was.At.Equal(at) && was.By == u.By:
	default:
		p.st.Until = &UntilState{At: at, By: u.By, Since: p.now}
		p.st.WantPlan, p.eff.Durable = true, true
		p.event("last_until", health.Info, said.Of("until.asked", said.Time("at", at), said.Text("by", u.By)))
	}
}

// until ends a wish whose time has come, or that has no meaning any more.
func (p *step) until() {
	u := p.st.Until
	if u == nil {
		return
	}
	says := said.Of("until.lasted", said.Time("at", u.At))
	switch {
	case u.At.After(p.now.Add(p.RunOutOver + 24*time.Hour)):
		says = said.Of("until.clock", said.Time("at", u.At)) // it was said by a clock that was wrong
	case p.now.Before(u.At) && !p.st.Credit.Unlocked:
		return
	case p.st.Credit.Left() <= 0 && !p.st.Credit.Unlocked:
		says = said.Of("until.ended", said.Time("at", u.At))
	}
	p.st.Until, p.st.WantPlan, p.eff.Durable = nil, true, true
	p.event("last_until_over", health.Info, says)
}

// Lasting is what becomes of the wish in force.
type Lasting struct {
	UntilState
	// Known: the plan in force knows of it; else the rest is not known yet.
	Known bool
	planning.Outlast
	// Buy is the least top-up with which the credit lasts as planned, Keep that with
	// which it lasts with nothing given up; 0 where none is needed.  A false says
	// that no one top-up that may be made now is enough.
	Buy, Keep       units.Money
	BuyMay, KeepMay bool
}

// Lasting is what becomes of the wish in force; ok is false where there is none.
func (s *Site) Lasting(st *State) (l Lasting, ok bool) {
	if st.Until == nil {
		return Lasting{}, false
	}
	l.UntilState = *st.Until
	if !st.Foresees() || st.Plan.Outlast == nil || !st.Plan.Outlast.Until.Equal(l.At) || st.Hold != nil {
		return l, true
	}
	l.Known, l.Outlast = true, *st.Plan.Outlast
	a, undated := st.AccountState, st.undated()
	if l.BuyMay = l.Lasts; !l.Lasts {
		l.Buy, l.BuyMay = s.accounting().Smallest(a, st.Now, l.Need, s.Coin(), undated)
	}
	if l.KeepMay = len(l.Given) == 0 && l.Lasts; !l.KeepMay {
		l.Keep, l.KeepMay = s.accounting().Smallest(a, st.Now, l.Whole, s.Coin(), undated)
	}
	return l, true
}

// buyAhead is how long before a shop closes for the last time before the credit may
// end it is told so.
const buyAhead = 24 * time.Hour

// buyEach is how often it is looked at anew, besides at each plan and request.
const buyEach = 5 * time.Minute

// buyBefore warns while credit can still be bought: where the credit will not last as
// long as somebody asks, or may end while the shop is closed.
func (p *step) buyBefore() {
	st := &p.st
	off := p.Contactor && st.Credit.Supply.Position != credit.Connected
	if off || st.Credit.Unlocked || st.Credit.Left() <= 0 || !st.Foresees() || !st.Plan.RunOut.Known || st.Until == nil && len(p.Vendor) == 0 {
		p.clear(health.BuyBefore, "")
		return
	}
	if _, reading := p.in.What.(Reading); (reading || p.in.What == nil) && p.now.Truncate(buyEach).Equal(st.Now.Truncate(buyEach)) {
		return
	}
	cause, holds := p.ToBuy(st, p.now)
	p.when(holds, health.BuyBefore, "", cause)
}

// ToBuy is why credit should be bought now, and by when.
func (s *Site) ToBuy(st *State, now time.Time) (said.Said, bool) {
	out := st.Plan.RunOut
	if out.Beyond && !out.Early.Before(out.Mid) {
		return nil, false // it does not end as far as anybody sees
	}
	_, closes, shop := s.Vendor.Before(out.Early, s.Zone)
	last := said.Said(nil)
	switch {
	case shop && now.Before(closes):
		last = said.Of("buy.before", said.Time("at", closes))
	case len(s.Vendor) > 0:
		last = said.Of("buy.closed")
	}
	if l, ok := s.Lasting(st); ok && l.Known && !l.Lasts {
		cause := said.Of("until.short", said.Time("until", l.At), said.Time("ends", out.Early))
		if l.Buy > 0 && l.BuyMay {
			cause = cause.Then(said.Of("until.buy", said.Money("amount", l.Buy)))
		}
		return cause.Then(last), true
	}
	left := closes.Sub(now)
	if !shop || left <= 0 || left > buyAhead || !closes.Before(out.Early) {
		return nil, false
	}
	return last.Then(said.Of("buy.ends", said.Time("ends", out.Early))), true
}
