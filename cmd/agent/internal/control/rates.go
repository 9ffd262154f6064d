package control

import (
	"slices"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/account"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/watch"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/said"
)

// Rates is a tariff document that a utility has sent.
type Rates = account.Rates

// ratesAllowed forgets the documents of a utility that the configuration does not listen to
// any more: from then on the configuration's own tariff holds.
func (s *Site) ratesAllowed(st *State) {
	allowed := func(x Rates) bool {
		p := s.Policy
		return p != nil && p.Listens(policy.Rates) && p.Issuer == x.Of.Issuer && slices.Contains(p.Audiences(), x.Of.Audience)
	}
	if slices.ContainsFunc(st.Rates, func(x Rates) bool { return !allowed(x) }) {
		st.Rates = slices.DeleteFunc(slices.Clone(st.Rates), func(x Rates) bool { return !allowed(x) })
		st.WantPlan = true
	}
	if len(st.Rates) == 0 {
		st.Rates = nil
	}
}

// RatesOf are the utility's documents that count, by the days from which they hold.
func (s *Site) RatesOf(st *State) []Rates { return s.accounting().Counting(st.AccountState) }

// ratesAhead are those documents for the planner.
func (s *Site) ratesAhead(st *State) []planning.Rates { return account.Documents(s.RatesOf(st)) }

// follow takes in a tariff document, or takes one back.
func (p *step) follow(out policy.Outcome) error {
	e, o := out.Envelope, out.Rates
	x := o.Holds(e)
	next, taken, ended, err := p.accounting().Follow(p.st.AccountState, p.now, x, o.Cancel)
	if err != nil {
		return err
	}
	p.st.AccountState = next
	if o.Cancel {
		p.st.Policy = p.Policy.Tell(p.st.Policy, e.Ack, policy.Ack{Of: x.Of, State: policy.Applied, At: p.now})
	}
	for _, x := range ended {
		p.st.Policy = p.Policy.Tell(p.st.Policy, x.Ack, policy.Ack{Of: x.Of, State: policy.Superseded, At: p.now})
	}
	p.st.WantPlan, p.eff.Durable = true, true
	p.st.Meter = p.st.Meter.Measure(watch.DemandWindow(p.Documents(&p.st)))
	if o.Cancel {
		p.event("rates_taken_back", health.Info, said.Of("rates.taken_back", said.Text("by", e.Issuer), said.Text("id", o.ID)))
		return nil
	}
	p.event("rates_taken", health.Info, said.Of("rates.taken", said.Text("by", e.Issuer), said.Text("id", o.ID), said.Time("from", taken.From.Start(p.Tariff.Location()))))
	return nil
}

// rates puts documents in force whose day has come, and says so.  What is charged follows
// the document's day whenever this is said.
func (p *step) rates() {
	if p.st.Clock.Dateless() {
		return // nobody knows what day it is
	}
	next, begun, over := p.accounting().PassRates(p.st.AccountState, p.now)
	if len(begun) == 0 {
		return
	}
	p.st.AccountState, p.st.WantPlan, p.eff.Durable = next, true, true
	first := len(begun) - len(over) // the first of all has taken the place of none
	for i, x := range begun {       // in their order, where several days have passed: one that began may be over
		if i >= first {
			was := over[i-first]
			p.st.Policy = p.Policy.Tell(p.st.Policy, was.Ack, policy.Ack{Of: was.Of, State: policy.Completed, At: p.now})
		}
		p.st.Policy = p.Policy.Tell(p.st.Policy, x.Ack, x.Begun(p.now))
		p.event("rates_in_force", health.Info, said.Of("rates.in_force", said.Text("by", x.Of.Issuer), said.Text("id", x.ID)))
	}
}
