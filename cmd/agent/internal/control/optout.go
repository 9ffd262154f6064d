package control

import (
	"slices"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/said"
)

// OptOut is what a household opts out of: a utility's events, the home's own plan, both, or
// nothing any more.  Limits, prices and disconnections are no matter of it.
type OptOut struct {
	Of policy.OptOut
	By string // who asks, for the record
}

func (OptOut) asks() bool  { return true }
func (OptOut) spare() bool { return false }

// held: it is good for when the records are right.
func (o OptOut) held(p *step) { o.happen(p) }

func (o OptOut) happen(p *step) {
	switch {
	case !p.MayOptOut():
		p.eff.Reply.Err = &NotTakenError{said.Of("opt_out.nobody")}
	case !slices.Contains(policy.OptOuts(), o.Of):
		p.eff.Reply.Err = &NotTakenError{said.Of("opt_out.unknown", said.Repeated("text", string(o.Of)))}
	case p.st.OptedOut() == o.Of:
	default:
		p.st.Policy.Opted = &policy.Opted{Of: o.Of, By: o.By, Since: p.now}
		p.st.WantPlan, p.eff.Durable = true, true
		p.event("opt_out", health.Info, said.Of("opt_out.said", said.Text("of", string(o.Of)), said.Text("by", o.By)))
	}
}

// MayOptOut tells whether there is something that the household can opt out of: events of a
// utility that the configuration listens to.
func (s *Site) MayOptOut() bool {
	return s.Policy != nil && s.Policy.Listens(policy.Demand) || s.VTN != nil && s.VTN.Listens(policy.Demand)
}

// OptedOut is what the household has opted out of.
func (st *State) OptedOut() policy.OptOut {
	if st.Policy.Opted == nil {
		return policy.OptNone
	}
	return st.Policy.Opted.Of
}

// saysAsked is what an event asks for, and that the household is out of it.
func saysAsked(w policy.Wanted) said.Said {
	by, limit, until, ends := said.Text("by", w.Event.Of.Issuer), said.Power("limit", w.Limit), said.Time("until", w.Until), !w.Until.IsZero()
	switch {
	case w.Refuse && ends:
		return said.Of("event.out_until", by, until)
	case w.Refuse:
		return said.Of("event.out", by)
	case w.Limit > 0 && ends:
		return said.Of("event.limit_until", by, limit, until)
	case w.Limit > 0:
		return said.Of("event.limit", by, limit)
	case w.Level == 1 && ends:
		return said.Of("event.wait_until", by, until)
	case w.Level == 1:
		return said.Of("event.wait", by)
	case ends:
		return said.Of("event.hold_until", by, until)
	}
	return said.Of("event.hold", by)
}

// tellAsked keeps the warnings that say what a utility's events ask for.
func (p *step) tellAsked() {
	holds := map[string]bool{}
	var wanted []policy.Wanted
	for _, v := range p.voices(&p.st) {
		wanted = append(wanted, v.rules.Wants(v.of, p.now)...)
	}
	for _, w := range wanted {
		subject := w.Event.ID
		if holds[subject] { // the same name for the site and for a group
			subject += " " + w.Event.Of.Audience
		}
		holds[subject] = true
		p.raise(health.UtilityEvent, subject, saysAsked(w))
	}
	for _, w := range p.st.Health.Active {
		if w.Code == health.UtilityEvent && w.Subject != health.Others && !holds[w.Subject] {
			p.clear(w.Code, w.Subject)
		}
	}
}
