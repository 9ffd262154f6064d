package control

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/loads"
)

func (p *step) raise(code health.Code, subject, cause string) {
	h, fresh := p.st.Health.Raise(p.now, code, subject, cause)
	p.st.Health = h
	if fresh {
		text := cause
		if subject != "" {
			text = subject + ": " + cause
		}
		p.event(string(code), health.Of(code).Severity, text)
	}
}

func (p *step) clear(code health.Code, subject string) {
	h, ended := p.st.Health.Clear(code, subject)
	p.st.Health = h
	if ended {
		p.event(string(code)+"_cleared", health.Info, subject)
	}
}

// when raises a warning while a condition holds and clears it after.
func (p *step) when(holds bool, code health.Code, subject, cause string) {
	if holds {
		p.raise(code, subject, cause)
	} else {
		p.clear(code, subject)
	}
}

// event records something worth remembering.  Of one code it records so many in
// an hour and no more.
func (p *step) event(code string, severity health.Severity, text string) {
	told, last := p.st.may(p.now, code)
	if !told {
		return
	}
	if last {
		text += "; no more of these are recorded in this hour"
	}
	p.st.EventSeq++
	p.eff.Events = append(p.eff.Events, Event{Seq: p.st.EventSeq, At: p.now, Code: code, Severity: severity, Text: text})
}

// length is a duration in words: "1 h 45 min".
func length(d time.Duration) string {
	if d > 0 && d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d%time.Hour < time.Minute:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// local is an instant on the site's clock, for people.
func (s *Site) local(at time.Time) string { return at.In(s.Zone).Format("Mon 2 Jan 15:04") }

func (p *step) acknowledge(code health.Code) {
	p.st.Health = p.st.Health.Acknowledge(code)
	if code == health.ClockAhead || code == health.ClockBack {
		p.st.Clock.Skew, p.st.Clock.Left = 0, 0 // somebody says that the time is right
	}
	if code == health.ClockAhead || code == health.ClockBack || code == health.ClockUnconfirmed {
		p.st.Clock.Word = true
	}
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
		p.raise(health.MeterSilent, "", p.lastHeard())
	}
	a := p.st.Credit
	low, isLow := p.Credit.Low(a)
	spent := a.Supply.Cause == credit.ForNoCredit && a.Supply.Position != credit.Connected
	p.when(isLow && !spent && a.Emergency.Stage == credit.NotTaken, health.CreditLow, "",
		"no more than "+p.money(low)+" is left")
	p.when(spent && a.Supply.Position == credit.Disconnected, health.CreditSpent, "", p.switched(p.st.Decision.Why))
	p.when(a.Supply.Spared, health.CutWaits, "", p.st.Decision.Why)
	p.when(a.Supply.Position == credit.Ready && p.Contactor, health.SupplyArmed, "", p.st.Decision.Why)
	p.when(p.Credit.Offered(a), health.EmergencyOffered, "", "credit is low")
	p.when(a.Emergency.Stage != credit.NotTaken && a.Available() < 0, health.EmergencyInUse, "",
		fmt.Sprintf("%s is to be paid back", a.EmergencyUsed().Decimal(2)))
	for _, way := range credit.Ways() {
		if a.Lock(way).Left <= 0 {
			p.clear(health.TokenLocked, way)
		}
	}
	p.ladder()
	p.clockWarnings()
	p.gapWarning()
	p.planWarnings()
	p.priceWarnings()
}

// staleAfter is how many plan slots a plan may be old before it is called so.
const staleAfter = 4

func (p *step) planWarnings() {
	plan := p.st.Plan
	old := plan != nil && p.now.Sub(plan.MadeAt) > staleAfter*max(p.PlanSlot, 15*time.Minute)
	if old {
		p.raise(health.PlanStale, "", "made at "+plan.MadeAt.In(p.Zone).Format("Mon 15:04"))
	} else {
		p.clear(health.PlanStale, "")
	}
	// While the supply is off nothing runs, and that has a warning of its own.
	off := p.Contactor && p.st.Credit.Supply.Position != credit.Connected
	short := p.st.Planned() && len(plan.Short) > 0 && !off
	cause := ""
	if short {
		texts := make([]string, 0, len(plan.Short))
		for _, f := range plan.Short {
			texts = append(texts, p.shortfall(f, plan.RunOut))
		}
		cause = strings.Join(slices.Compact(texts), "; ")
	}
	p.when(short, health.LoadShort, "", cause)
}

// switchWarnings turns what the guard saw into warnings.
func (p *step) switchWarnings(standing []loads.Warning) {
	active := map[string]bool{}
	for _, w := range standing {
		code := health.SwitchSilent
		cause := "it was told to switch off and does not confirm"
		if w.Want.On {
			cause = "it was told to switch on and does not confirm"
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
