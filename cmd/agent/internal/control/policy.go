package control

import (
	"errors"
	"slices"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/contain"
	"github.com/keeplit/keeplit/internal/said"
)

// PolicyEnvelope is what a utility has signed: see package policy.
type PolicyEnvelope struct {
	Text []byte
	// Spent: the records have these of its tokens, by fingerprint, whatever the account's
	// memory says.
	Spent []string
}

func (PolicyEnvelope) asks() bool  { return true }
func (PolicyEnvelope) spare() bool { return false }

// held: what would be charged or credited is refused, and may come again; the rest is
// remembered.  It has its effect when the records are right.
func (e PolicyEnvelope) held(p *step) {
	if p.Policy == nil {
		p.eff.Reply.Err = ErrNoPolicy
		return
	}
	p.apart(func() { e.take(p, true) })
}

// ErrNoPolicy says that the configuration names no utility whose word counts.
var ErrNoPolicy = errors.New("the configuration has no policy")

// happen takes an envelope.  What fails at it is told, and leaves everything as it was.
func (e PolicyEnvelope) happen(p *step) {
	if p.Policy == nil {
		p.eff.Reply.Err = ErrNoPolicy
		return
	}
	p.apart(func() { e.take(p, false) })
}

// policyPart is the utility's word among the parts that may fail.
const policyPart = "policy"

// apart does what the utility's word asks for.  A fault in it must not take the step
// down: metering, credit and protection go on, and the State is as before.
func (p *step) apart(do func()) (ok bool) { return p.apartAs(policyPart, do) }

func (p *step) apartAs(part string, do func()) (ok bool) {
	st, eff := p.st.clone(), p.eff
	err := contain.Do(do)
	if err != nil {
		p.st, p.eff = st, eff
		p.eff.Reply.Err = err
		p.raise(health.PartFailed, part, said.Words(err.Error()))
	}
	return err == nil
}

func (e PolicyEnvelope) take(p *step, held bool) {
	next, out := p.Policy.Take(p.st.Policy, policy.In{Text: e.Text, Now: p.now, Dateless: p.st.Clock.Dateless(), Held: held, NoCut: p.noCut()})
	was := p.st.Policy.Supply
	p.st.Policy = next
	p.eff.Durable = p.eff.Durable || out.Changes
	p.eff.Reply.Policy = &out
	switch {
	case out.Code.Repeats():
		return
	case out.Code != policy.Taken:
		p.refused(out)
		return
	case out.Envelope.Stream == policy.Limit, out.Envelope.Stream == policy.Demand:
		p.st.WantPlan = true
	case out.Envelope.Stream == policy.Supply:
		p.disconnects(was)
	case out.Keys != nil:
		p.clear(health.PolicyRefused, string(policy.KeysExpired))
		p.event("policy_keys", health.Info, said.Of("policy.keys", said.Count("version", int64(out.Keys.Version)), said.Time("until", out.Keys.Expires))) //nolint:gosec // far below
	case out.Ahead != nil:
		p.clocksDiffer(*out.Ahead)
	case out.Rates != nil:
		if err := p.follow(out); err != nil {
			p.done(out, err)
		}
	case out.Prices != nil:
		reply := p.eff.Reply
		PriceDocument{Text: out.Prices}.happen(p)
		err := p.eff.Reply.Err
		p.eff.Reply = reply
		p.done(out, err)
	case len(out.Tokens) > 0:
		reply := p.eff.Reply
		var errs []error
		for _, t := range out.Tokens {
			p.eff.Reply.TopUp = nil
			e.token(p, t).happen(p)
			if r := p.eff.Reply.TopUp; r != nil && !r.Accepted() {
				errs = append(errs, errors.New(string(r.Token.Code)))
			}
		}
		p.eff.Reply = reply
		p.done(out, errors.Join(errs...))
	}
}

// token is one of the envelope's tokens.
func (e PolicyEnvelope) token(p *step, text string) Token {
	t := Token{Text: text, Source: "mqtt"}
	if len(e.Spent) > 0 {
		_, _, r := p.accounting().TopUp(p.st.AccountState, p.now, t.Text, t.Source, false, p.st.undated())
		t.Spent = slices.ContainsFunc(e.Spent, func(name string) bool { return name != "" && (name == r.Fingerprint || name == r.Former) })
	}
	return t
}

// done says of an envelope that it has had its effect, or why it has not.
func (p *step) done(out policy.Outcome, err error) {
	p.st.Policy = p.Policy.Done(p.st.Policy, out, p.now, err)
	if err != nil {
		out.Code, out.Detail = policy.Why(err)
		p.refused(out)
		p.eff.Reply.Policy = &out
	}
}

// refused tells of an envelope that was not taken: of each code one warning, whoever
// sends how many.
func (p *step) refused(out policy.Outcome) {
	p.raise(health.PolicyRefused, string(out.Code), said.Of("policy.refused", said.Text("detail", out.Detail)))
}

// policy lets the utility's word pass on, and says what of it holds.
func (p *step) policy() {
	if p.Policy == nil {
		p.unheard()
		p.tellServed()
		return
	}
	well := p.apart(func() {
		next, changed := p.Policy.Pass(p.st.Policy, p.now)
		before := p.st.Policy.Supply
		p.st.Policy = next
		p.disconnects(before)
		p.opened()
		p.eff.Durable = p.eff.Durable || changed
		p.limited = p.Policy.InForce(next, p.now)
		p.tell()
		p.tellAsked()
		if !p.Policy.Listens(policy.Clock) {
			p.clear(health.ClocksDiffer, "")
		}
		p.tellSupply()
		p.rates()
		if p.in.What == nil {
			p.clear(health.PartFailed, policyPart)
		}
	})
	if p.policyFailed = !well; !well && p.Policy.Limits() {
		// Nobody knows what holds: the limit that is agreed for that.
		p.limited = unsure(p.Policy)
	}
}

// ofUtility are the warnings that say what a utility's word has come to.
func ofUtility() []health.Code {
	return []health.Code{
		health.LimitInForce, health.LimitFailSafe, health.UtilityMessage, health.UtilityAlert, health.UtilityEvent, health.ClocksDiffer, health.DisconnectionNear, health.DisconnectedByUtility,
	}
}

// unheard forgets what a utility had ordered that the configuration does not name any more.
func (p *step) unheard() {
	was := p.st.Policy.Supply
	next, changed := p.st.Policy.Unheard(p.now)
	if p.st.Policy = next; changed {
		p.disconnects(was)
		p.eff.Durable = true
	}
	for _, w := range p.st.Health.Active {
		if slices.Contains(ofUtility(), w.Code) && w.Subject != health.Others && !ofSource(w) && !p.ofServer(w.Code) {
			p.clear(w.Code, w.Subject)
		}
	}
}

// ofServer tells whether a warning may be what an OpenADR server has said.
func (p *step) ofServer(code health.Code) bool {
	return p.VTN != nil && (code == health.UtilityMessage || code == health.UtilityAlert || code == health.UtilityEvent)
}

// tell keeps the warnings that say what the utility's word has come to.
func (p *step) tell() {
	p.tellLimit(p.Policy, p.limited, "")
	p.tellSaid()
}

// tellLimit keeps the warnings of the limit of one voice.
func (p *step) tellLimit(r *policy.Rules, f policy.InForce, subject string) {
	var cause said.Said
	switch {
	case f.Limit == 0:
	case f.Event != "" && f.Until.IsZero():
		cause = said.Of("policy.limited", said.Power("limit", f.Limit), said.Text("by", f.Issuer))
	case f.Event != "":
		cause = said.Of("policy.limited_until", said.Power("limit", f.Limit), said.Text("by", f.Issuer), said.Time("until", f.Until))
	case f.Phase == policy.Init:
		cause = said.Of("policy.awaited", said.Power("limit", f.Limit), said.Text("by", r.Issuer))
	default:
		cause = said.Of("policy.unheard", said.Power("limit", f.Limit), said.Text("by", r.Issuer))
	}
	unheard := f.Phase == policy.FailSafe
	p.when(cause != nil && !unheard, health.LimitInForce, subject, cause)
	p.when(unheard, health.LimitFailSafe, subject, cause)
}

// tellSaid keeps the warnings that are words of a utility, or of an OpenADR server.
func (p *step) tellSaid() {
	holds := map[string]said.Said{}
	var told []policy.Event
	for _, v := range p.voices(&p.st) {
		told = append(told, v.of.Told(p.now)...)
	}
	for _, e := range told {
		s, _ := e.At(p.now)
		code := health.UtilityMessage
		if s.Kind != policy.TypeMessage {
			code = health.UtilityAlert
		}
		// The subject is no name that somebody outside makes up without end: so many
		// events are remembered and no more.
		subject := e.ID
		if holds[string(code)+"/"+subject] != nil { // the same name for the site and for a group
			subject += " " + e.Of.Audience
		}
		says := said.Of("policy.says", said.Text("by", e.Of.Issuer), said.Text("text", s.Text))
		holds[string(code)+"/"+subject] = says
		p.raise(code, subject, says)
	}
	for _, w := range p.st.Health.Active {
		if (w.Code == health.UtilityMessage || w.Code == health.UtilityAlert) && w.Subject != health.Others && holds[string(w.Code)+"/"+w.Subject] == nil {
			p.clear(w.Code, w.Subject)
		}
	}
}
