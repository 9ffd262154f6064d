package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/limit"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/contain"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/loads"
)

// LimitRules are who may limit what is drawn without signing it.
type LimitRules = limit.Rules

// LimitWord is what a contact, or the household over MQTT, says of a limit.  It is said
// again and again: who is silent for policy.HeartbeatLost is lost.
type LimitWord limit.Word

func (w LimitWord) asks() bool { return w.From == policy.Own } // who sends a message hears of its refusal
func (LimitWord) spare() bool  { return false }

// held: nothing is switched while the records are held, and what was said is in force when
// they are right.
func (w LimitWord) held(p *step) { w.happen(p) }

func (w LimitWord) happen(p *step) {
	next, err := p.Curbs.Say(p.st.Limits, p.now, limit.Word(w))
	p.st.Limits = next
	if w.asks() {
		p.eff.Reply.Err = err
	}
}

// waiting are the loads that can wait, by id.
func (s *Site) waiting() []string {
	out := []string{}
	for _, l := range s.Loads {
		if !l.Essential {
			out = append(out, l.ID)
		}
	}
	return out
}

// limits lets time pass for those who limit the site, and says what holds of all of them.
func (p *step) limits() {
	if p.Curbs.None() {
		p.st.Limits = limit.State{Log: p.st.Limits.Log}
	} else {
		next, changed := p.Curbs.Pass(p.st.Limits, p.now)
		p.st.Limits, p.eff.Durable = next, p.eff.Durable || changed
	}
	p.curbs = p.inForce(&p.st, p.now)
	if p.policyFailed {
		p.doubt(p.Policy)
	}
	if p.vtnFailed {
		p.doubt(p.VTN)
	}
	p.tellLimits()
	p.logLimits()
	// Where one is eased loads come back one by one, and any change makes another plan.
	for _, was := range p.before {
		is := slices.IndexFunc(p.curbs, func(f policy.InForce) bool { return sameCurb(f, was) })
		if was.Limit > 0 && (is < 0 || p.curbs[is].Limit == 0 || p.curbs[is].Limit > was.Limit) {
			p.eased = true
		}
		p.st.WantPlan = p.st.WantPlan || is < 0 || p.curbs[is].Limit != was.Limit || p.curbs[is].Phase != was.Phase
	}
	for _, is := range p.curbs {
		p.st.WantPlan = p.st.WantPlan || !slices.ContainsFunc(p.before, func(f policy.InForce) bool { return sameCurb(f, is) })
	}
}

// doubt puts the fail-safe limit in the place of those of a voice of which nobody knows what
// holds.
func (p *step) doubt(r *policy.Rules) {
	if r.Limits() {
		p.curbs = slices.DeleteFunc(p.curbs, func(f policy.InForce) bool { return f.Source == r.LimitSource() })
		p.curbs = append(p.curbs, unsure(r))
	}
}

// logLimits writes down what held of limits and what was drawn meanwhile.
func (p *step) logLimits() {
	// While the agent was away, or its clock was wrong, nobody looked.
	away := p.now.Sub(p.st.Now) > mainsGone
	log, over := p.st.Limits.Log.Step(p.st.Now, p.now, p.curbs, func(ids []string, whole bool) limit.Drawn {
		if away {
			return limit.Drawn{}
		}
		if whole {
			d := p.drawn()
			return limit.Drawn{Power: d.Power, Known: d.Known()}
		}
		return p.drawnBy(ids)
	})
	p.st.Limits.Log = log
	p.eff.Limits = append(p.eff.Limits, over...)
}

// drawnBy is what some loads draw together: as is measured, else as they were told.
func (p *step) drawnBy(ids []string) limit.Drawn {
	out := limit.Drawn{Known: true}
	for _, l := range p.Loads {
		if !slices.Contains(ids, l.ID) {
			continue
		}
		seen, set := p.st.load(l.ID).Seen, p.st.Guard.Unit(l.ID).Set
		switch {
		case seen.Known && seen.HasPower:
			out.Power += max(0, seen.Power)
		default:
			out.Power += l.Draws(set)
			out.Told = true
		}
	}
	return out
}

// LimitRecord is the evidence of one limit.
type LimitRecord = limit.Record

// LimitsOpen are the records of the limits that hold.
func (st *State) LimitsOpen() []LimitRecord { return st.Limits.Log.Open }

// sameCurb tells whether two limits are of the same source and the same loads.
func sameCurb(a, b policy.InForce) bool {
	return a.Source == b.Source && (a.Loads == nil) == (b.Loads == nil) && slices.Equal(a.Loads, b.Loads)
}

// devices are the limits of loads, as the guard keeps them: of the circuits that they hang on, and
// by others' word.
func (p *step) devices() (out []loads.Curb) {
	for _, c := range p.Circuits {
		out = append(out, c.Curbs...)
	}
	for _, f := range p.curbs {
		if f.Loads != nil && f.Limit > 0 {
			out = append(out, loads.Curb{Of: f.Loads, Allowed: f.Limit})
		}
	}
	return out
}

// ofSource tells whether a warning is of one who limits the site without a signature.
func ofSource(w health.Warning) bool {
	return (w.Code == health.LimitInForce || w.Code == health.LimitFailSafe) && slices.Contains([]policy.Source{policy.Contact, policy.Own, policy.Served}, policy.Source(w.Subject))
}

// tellLimits keeps the warnings of those who limit without a signature.
func (p *step) tellLimits() {
	for _, from := range []policy.Source{policy.Contact, policy.Own} {
		f := policy.InForce{}
		if i := slices.IndexFunc(p.curbs, func(f policy.InForce) bool { return f.Source == from }); i >= 0 {
			f = p.curbs[i]
		}
		most := said.Power("limit", f.Limit)
		lost, cause := f.Phase == policy.Init || f.Phase == policy.FailSafe, said.Of("limit.contact", most)
		switch {
		case from == policy.Contact && lost:
			cause = said.Of("limit.lost_contact", most)
		case lost:
			cause = said.Of("limit.lost_mqtt", most)
		case from == policy.Own:
			cause = said.Of("limit.mqtt", most)
		}
		p.when(f.Limit > 0 && f.Phase != policy.FailSafe, health.LimitInForce, string(from), cause)
		p.when(f.Phase == policy.FailSafe, health.LimitFailSafe, string(from), cause)
	}
}

// Limited is the utility's signed limit of the site that holds; none where there is no policy.
func (s *Site) Limited(st *State) policy.InForce {
	if s.Policy == nil {
		return policy.InForce{}
	}
	return s.Policy.InForce(st.Policy, st.Now)
}

// LimitsInForce are all who may limit the site, with what they have it held to.
func (s *Site) LimitsInForce(st *State) []policy.InForce { return s.inForce(st, st.Now) }

func (s *Site) inForce(st *State, now time.Time) (out []policy.InForce) {
	for _, v := range s.voices(st) {
		if v.rules.Limits() {
			var of []policy.InForce
			err := contain.Do(func() {
				of = v.rules.Curbs(v.of, now)
				if f := v.rules.InForce(v.of, now); f.Limit == 0 && f.Phase != policy.NotLimited {
					of = append([]policy.InForce{f}, of...)
				}
			})
			if err != nil { // as in policy
				of = []policy.InForce{unsure(v.rules)}
			}
			out = append(out, of...)
		}
		_ = contain.Do(func() { out = append(out, v.rules.Asks(v.of, now)...) }) // told by policy
	}
	return append(out, s.Curbs.Curbs(st.Limits, s.waiting())...)
}

// unsaidFor is how long a limit of which nobody has said when it ends is reckoned to last
// on, in plans.
const unsaidFor = time.Hour

// LimitsAhead is what may be drawn from now up to an instant, as far as it is known.
func (s *Site) LimitsAhead(st *State, to time.Time) (out []planning.Limit) {
	for _, v := range s.voices(st) {
		var of []planning.Limit
		err := contain.Do(func() {
			for _, x := range v.rules.Ahead(v.of, st.Now, to) {
				of = append(of, planning.Limit{From: x.From, To: x.To, Power: x.Limit, Loads: x.Devices, Of: x.Loads})
			}
		})
		if err != nil && v.rules.Limits() { // as in policy
			of = []planning.Limit{{From: st.Now, To: to, Power: v.rules.Limit.FailSafe}}
		}
		out = append(out, of...)
	}
	for _, f := range s.Curbs.Curbs(st.Limits, nil) {
		until := to
		if f.Phase != policy.FailSafe && st.Now.Add(unsaidFor).Before(to) {
			until = st.Now.Add(unsaidFor)
		}
		if f.Limit > 0 {
			out = append(out, planning.Limit{From: st.Now, To: until, Power: f.Limit, Loads: f.Loads != nil})
		}
	}
	slices.SortStableFunc(out, func(a, b planning.Limit) int { return a.From.Compare(b.From) })
	return out
}
