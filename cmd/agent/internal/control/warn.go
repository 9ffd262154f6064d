package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/ladder"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/loads"
)

func (p *step) raise(code health.Code, subject string, cause said.Said) {
	h, fresh := p.st.Health.Raise(p.now, code, subject, cause)
	p.st.Health = h
	if fresh {
		p.eventOf(subject, string(code), health.Of(code).Severity, cause)
	}
}

func (p *step) clear(code health.Code, subject string) {
	h, ended := p.st.Health.Clear(code, subject)
	p.st.Health = h
	if ended {
		p.eventOf(subject, string(code)+"_cleared", health.Info, nil)
	}
}

// when raises a warning while a condition holds and clears it after.
func (p *step) when(holds bool, code health.Code, subject string, cause said.Said) {
	if holds {
		p.raise(code, subject, cause)
	} else {
		p.clear(code, subject)
	}
}

// write writes down what an organ says.
func (p *step) write(notes note.Notes) {
	p.eff.Durable = p.eff.Durable || notes.Durable
	for _, n := range notes.All {
		switch code := health.Code(n.Code); n.What {
		case note.Raise:
			p.raise(code, n.Subject, n.Says)
		case note.Clear:
			p.clear(code, n.Subject)
		case note.Show:
			p.st.Health, _ = p.st.Health.Raise(p.now, code, n.Subject, n.Says)
		case note.Hide:
			p.st.Health, _ = p.st.Health.Clear(code, n.Subject)
		case note.Event:
			p.eventOf(n.Subject, n.Code, n.Severity, n.Says)
		case note.Once:
			if !slices.ContainsFunc(p.eff.Events, func(o Event) bool { return o.Code == n.Code && o.Subject == n.Subject && o.Says.Equal(n.Says) }) {
				p.eventOf(n.Subject, n.Code, n.Severity, n.Says)
			}
		}
	}
}

// event records something worth remembering.  Of one code it records so many in
// an hour and no more.
func (p *step) event(code string, severity health.Severity, says said.Said) {
	p.eventOf("", code, severity, says)
}

// eventOf is event of one of several: a load, a phase.
func (p *step) eventOf(subject, code string, severity health.Severity, says said.Said) {
	told, last := p.st.may(p.now, code)
	if !told {
		return
	}
	if last {
		says = says.Then(said.Of("event.no_more"))
	}
	p.st.EventSeq++
	p.eff.Events = append(p.eff.Events, Event{Seq: p.st.EventSeq, At: p.now, Code: code, Severity: severity, Subject: subject, Says: says})
}

func (p *step) acknowledge(code health.Code) {
	p.st.Health = p.st.Health.Acknowledge(code)
	p.st.Clock = p.st.Clock.Acknowledged(code)
	if is := health.Of(code); !is.Passing() && !is.Settled {
		return
	}
	for _, w := range p.st.Health.Active {
		if w.Code == code {
			p.clear(w.Code, w.Subject)
		}
	}
}

// warn brings the warnings that follow from the state up to date.
func (p *step) warn() {
	for _, w := range p.st.Health.Active {
		if is := health.Of(w.Code); is.Passing() && p.now.Sub(w.Since) > is.Lasts {
			p.clear(w.Code, w.Subject)
		}
	}
	if !p.fresh() && !p.st.Health.Has(health.MeterSilent, "") {
		p.raise(health.MeterSilent, "", p.watching().LastHeard(p.st.Meter))
	}
	a := p.st.Credit
	low, isLow := p.Credit.Low(a)
	spent := a.Supply.Cause == credit.ForNoCredit && a.Supply.Position != credit.Connected
	p.when(isLow && !spent && (a.Emergency.Stage == credit.NotTaken || a.Available() >= 0), health.CreditLow, "",
		said.Of("credit.low", said.Money("amount", low)))
	p.when(spent && a.Supply.Position == credit.Disconnected, health.CreditSpent, "", p.switched(p.st.Decision.Why))
	p.when(a.Supply.Spared && p.st.Decision.Close, health.CutWaits, "", p.st.Decision.Why)
	p.when(a.Supply.Position == credit.Ready && p.Contactor, health.SupplyArmed, "", p.st.Decision.Why)
	p.when(p.Credit.Offered(a), health.EmergencyOffered, "", said.Of("credit.offered"))
	p.when(a.Emergency.Stage != credit.NotTaken && a.Available() < 0, health.EmergencyInUse, "",
		said.Of("credit.lent", said.Money("amount", a.EmergencyUsed())))
	for _, way := range credit.Ways() {
		if a.Lock(way).Left <= 0 {
			p.clear(health.TokenLocked, way)
		}
	}
	p.ladder()
	p.write(p.st.Clock.Warn())
	p.planWarnings()
	p.sunWarnings()
	p.buyBefore()
	p.differ()
	var notes note.Notes
	p.st.AccountState, notes = p.accounting().Warn(p.st.AccountState, p.st.Now, p.now)
	p.write(notes)
}

// staleAfter is how many plan slots a plan may be old before it is called so.
const staleAfter = 4

func (p *step) planWarnings() {
	plan := p.st.Plan
	old := plan != nil && p.now.Sub(plan.MadeAt) > staleAfter*max(p.PlanSlot, 15*time.Minute)
	if old {
		p.raise(health.PlanStale, "", said.Of("plan.made", said.Time("at", plan.MadeAt)))
	} else {
		p.clear(health.PlanStale, "")
	}
	// While the supply is off nothing runs, and that has a warning of its own.
	off := p.Contactor && p.st.Credit.Supply.Position != credit.Connected
	var cause said.Said
	var told []said.Said
	if p.st.Planned() && !off {
		for f := range p.st.Short() {
			if t := p.shortfall(f, plan.RunOut); !slices.ContainsFunc(told[max(0, len(told)-1):], t.Equal) {
				told = append(told, t)
				cause = cause.Then(t)
			}
		}
	}
	p.when(len(told) > 0, health.LoadShort, "", cause)
}

// switchWarnings turns what the guard saw into warnings.
func (p *step) switchWarnings(standing []loads.Warning) {
	active := map[string]bool{}
	for _, w := range standing {
		code := health.SwitchSilent
		cause := said.Of("switch.off")
		if w.Want.On {
			cause = said.Of("switch.on")
		}
		if w.ID == loads.SupplyID {
			if p.st.SupplySeen.Known {
				continue // the contactor's own rules tell what is wrong with it
			}
			code = health.SupplySilent
		}
		active[string(code)+"/"+w.ID] = true
		p.raise(code, w.ID, cause)
	}
	for _, w := range p.st.Health.Active {
		switch w.Code {
		case health.SwitchSilent, health.SupplySilent:
			if !active[string(w.Code)+"/"+w.Subject] {
				p.clear(w.Code, w.Subject)
			}
		}
	}
}

// ladder warns before the credit ends.
func (p *step) ladder() {
	in := ladder.In{Now: p.now, Off: p.st.Credit.Supply.Position != credit.Connected}
	if out := p.st.Plan; p.st.Foresees() && out.RunOut.Known && !out.RunOut.Beyond && !p.st.Credit.Unlocked && p.st.Credit.Left() > 0 {
		in.Ends = out.RunOut.Mid
	}
	var notes note.Notes
	p.st.Ladder, notes = p.st.Ladder.Step(in)
	p.write(notes)
}
