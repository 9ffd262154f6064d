package control

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
)

// cutByUtility tells whether the utility has the supply off, and whether it closes by itself
// after that.  It looks at what is remembered and works nothing out: a fault in the policy
// cuts nobody off, and keeps nobody off for longer than was ordered.
func (p *step) cutByUtility() (off, closes bool) {
	if p.Policy == nil || !p.Contactor {
		return false, false
	}
	closes = p.Policy.Disconnect != nil && p.Policy.Disconnect.Mode.Closes()
	cut := p.st.Policy.Supply.Off
	return p.Policy.Disconnects() && cut != nil && p.now.Before(cut.Until), closes
}

// noCut is why the utility may not cut the supply now, whatever it has signed; Free where
// nothing is against it.  It is for now: whoever wants it later signs it anew.
func (p *step) noCut() policy.Bar {
	d := p.drawn()
	switch {
	case !p.Contactor:
		return policy.NoSwitch
	case p.Wall && (!p.in.Synced || p.st.Clock.Young || p.st.Clock.Skew != 0 || p.st.Health.Has(health.ClockUnconfirmed, "")), p.now.Before(p.st.Elapsed):
		return policy.NoTime
	case p.Supply.Breaks > 0 && (!d.Known() || d.Power > p.Supply.Breaks):
		return policy.TooMuch
	case p.st.Old():
		return policy.Unsettled
	}
	return policy.Free
}

// disconnects writes down that a disconnection was announced, ordered or ended since was.
func (p *step) disconnects(was policy.SupplyState) {
	is := p.st.Policy.Supply
	if n := is.Notice; n != nil && (was.Notice == nil || was.Notice.Of != n.Of) {
		p.event("disconnection_announced", health.Serious, p.saysOf(is))
	}
	switch {
	case is.Off != nil && (was.Off == nil || was.Off.Of != is.Off.Of):
		p.event("disconnection_ordered", health.Critical, p.saysOf(is))
		p.st.WantPlan, p.eff.Durable = true, true
	case is.Off == nil && was.Off != nil:
		p.event("disconnection_ended", health.Info, ended(is.Ended, *was.Off))
		p.st.WantPlan, p.eff.Durable = true, true
	}
}

// ended is what has ended a disconnection.
func ended(why policy.CutEnd, off policy.CutOff) said.Said {
	id, by := said.Text("id", off.ID), said.Text("by", off.Of.Issuer)
	switch why {
	case policy.EndReady:
	case policy.EndUntil:
		return said.Of("policy.cut_ended_until", id, by)
	case policy.EndClock:
		return said.Of("policy.cut_ended_clock", id, by)
	case policy.EndOld:
		return said.Of("policy.cut_ended_old", id, by)
	case policy.EndRules:
		return said.Of("policy.cut_ended_rules", id, by)
	case policy.CutEnd(credit.ByAlert):
		return said.Of("policy.cut_ended_alert", id, by)
	case policy.CutEnd(credit.ByRisk):
		return said.Of("policy.cut_ended_at_risk", id, by)
	}
	return said.Of("policy.cut_ended_ready", by)
}

// saysOf is who disconnects the home or is about to, why, and when.
func (p *step) saysOf(s policy.SupplyState) said.Said {
	switch off, n := s.Off, s.Notice; {
	case off != nil:
		return said.Of("policy.cut", said.Text("by", off.Of.Issuer), said.Text("why", off.Why), said.Time("until", off.Until))
	case n != nil:
		return said.Of("policy.cut_announced", said.Text("by", n.Of.Issuer), said.Text("why", n.Why), said.Time("from", n.From))
	}
	return nil
}

// seenOpenAfter is how long nothing is seen of a contactor that was told to open, and it is
// taken to have done so.
const seenOpenAfter = 10 * time.Second

// opened notes that the supply is off because of the utility: told so, and seen so where
// anybody sees it.
func (p *step) opened() {
	s, c := p.st.Credit.Supply, p.st.Supply.Contactor
	if s.Position != credit.Disconnected || s.Cause != credit.ByUtility || c.Told != credit.SaysOpen || c.Fault != credit.Sound ||
		!c.Proven && p.now.Sub(c.At) < seenOpenAfter {
		return
	}
	next, changed := p.Policy.Opened(p.st.Policy, p.now)
	p.st.Policy = next
	p.eff.Durable = p.eff.Durable || changed
}

// tellSupply keeps the warnings of a disconnection.
func (p *step) tellSupply() {
	s := p.st.Policy.Supply
	p.when(s.Off == nil && s.Notice != nil, health.DisconnectionNear, "", p.saysOf(s))
	p.when(s.Off != nil, health.DisconnectedByUtility, "", p.saysOf(s))
}
