package control

import (
	"errors"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/contain"
	"github.com/keeplit/keeplit/internal/said"
)

// VTNList is the whole list of events that an OpenADR server has for this site.  That it
// comes is the server's heartbeat, and what it does not hold any more is taken back.
type VTNList struct{ List policy.List }

func (VTNList) asks() bool  { return true }
func (VTNList) spare() bool { return false }

// held: nothing is priced anew until the records are right; the rest is remembered.
func (v VTNList) held(p *step) { v.take(p, true) }

func (v VTNList) happen(p *step) { v.take(p, false) }

// Why a list is not taken.
var (
	ErrNoVTN    = errors.New("the configuration has no openadr")
	ErrDateless = errors.New("the site's clock is not set")
)

// vtnPart is the OpenADR server's word among the parts that may fail.
const vtnPart = "openadr"

func (v VTNList) take(p *step, held bool) {
	switch {
	case p.VTN == nil:
		p.eff.Reply.Err = ErrNoVTN
		return
	case p.st.Clock.Dateless():
		p.eff.Reply.Err = ErrDateless
		return
	}
	p.apartAs(vtnPart, func() {
		next, poll := p.VTN.Poll(p.st.VTN, v.List, p.now)
		p.st.VTN = next
		p.eff.Durable = p.eff.Durable || poll.Changed
		p.st.WantPlan = p.st.WantPlan || len(poll.Fresh) > 0
		switch {
		case !poll.Stale:
		case held:
			p.st.VTN.Served.Prices = "held" // and so stale when the records are right
		default:
			poll.Fresh = append(poll.Fresh, p.vtnPrices(poll)...)
		}
		for _, x := range poll.Fresh {
			if x.Code != policy.Taken && x.Code != policy.Expired {
				p.event("openadr_refused", health.Info, said.Of("policy.refused", said.Text("detail", x.Says())))
			}
		}
		p.eff.Reply.VTN = &poll
	})
}

// vtnPrices puts the server's prices in force.  Where an event with prices is new, changed or
// gone, what was said before of times to come does not hold any more.
func (p *step) vtnPrices(poll policy.Poll) (bad []policy.Verdict) {
	if poll.Repriced {
		if next, withdrawn := p.accounting().Withdraw(p.st.AccountState, p.now); withdrawn {
			p.st.AccountState, p.st.WantPlan, p.eff.Durable = next, true, true
		}
	}
	if poll.Prices == nil {
		return nil
	}
	reply := p.eff.Reply
	PriceDocument{Text: poll.Prices}.happen(p)
	if err := p.eff.Reply.Err; err != nil {
		code, detail := policy.Why(err)
		bad = append(bad, policy.Verdict{Code: code, Detail: detail})
	}
	p.eff.Reply = reply
	return bad
}

// voice is one whose word on limits, events and messages is remembered.
type voice struct {
	rules *policy.Rules
	of    policy.State
}

// voices are the utility that signs and the OpenADR server, as far as the configuration has
// them.  What the household has opted out of is kept once, for both.
func (s *Site) voices(st *State) (out []voice) {
	if s.Policy != nil {
		out = append(out, voice{s.Policy, st.Policy})
	}
	if s.VTN != nil {
		of := st.VTN
		of.Opted = st.Policy.Opted
		out = append(out, voice{s.VTN, of})
	}
	return out
}

// unsure is the limit where nobody can work out what holds of a voice.
func unsure(r *policy.Rules) policy.InForce {
	return policy.InForce{Source: r.LimitSource(), Phase: policy.FailSafe, Limit: r.Limit.FailSafe}
}

// vtn lets the server's word pass on.
func (p *step) vtn() {
	if p.VTN == nil {
		if s := p.st.VTN.Served; s != nil && s.Prices != "" {
			if next, withdrawn := p.accounting().Withdraw(p.st.AccountState, p.now); withdrawn {
				p.st.AccountState, p.st.WantPlan, p.eff.Durable = next, true, true
			}
		}
		p.st.VTN = policy.State{}
		return
	}
	well := p.apartAs(vtnPart, func() {
		st := p.st.VTN
		st.Opted = p.st.Policy.Opted
		next, changed := p.VTN.Pass(st, p.now)
		next.Opted = nil
		p.st.VTN = next
		p.eff.Durable = p.eff.Durable || changed
		p.tellLimit(p.VTN, p.VTN.InForce(next, p.now), string(policy.Served))
	})
	if p.vtnFailed = !well; well && p.in.What == nil {
		p.clear(health.PartFailed, vtnPart)
	}
}

// tellServed says what a server asks and tells where no utility signs anything.
func (p *step) tellServed() {
	if p.VTN != nil {
		_ = contain.Do(func() { p.tellSaid(); p.tellAsked() }) // a fault is told by vtn
	}
}
