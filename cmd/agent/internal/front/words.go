package front

import (
	"cmp"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
)

// reason is why a load does what it does; the zero Reason where nothing is to
// be said.
func (a *Agent) reason(st *control.State, l loads.Load, v web.Load) present.Reason {
	for _, h := range st.Held {
		if h.ID == l.ID && h.On {
			return held(h)
		}
	}
	switch v.State {
	case web.LoadShed:
		return present.Reason{Code: present.WhyShed, Until: st.Shed.Until}
	case web.LoadDone:
		return present.Reason{Code: present.WhyFinished}
	case web.LoadFault, web.LoadSkipped:
		return present.Reason{}
	case web.LoadOff, web.LoadWaiting, web.LoadRunning:
	}
	if v.Override != web.NoOverride || st.Plan == nil || !l.Defer {
		return present.Reason{}
	}
	at := slices.IndexFunc(st.Plan.Loads, func(p control.LoadPlan) bool { return p.ID == l.ID })
	if at < 0 {
		return present.Reason{}
	}
	why := st.Plan.Loads[at].Why
	switch {
	case v.State == web.LoadRunning:
		price, _ := a.site.TariffOf(st).PriceAt(st.Tariff, st.Now)
		return present.Reason{Code: present.WhyRuns, Price: price}
	case v.NextStart.IsZero():
		return present.Reason{Code: present.WhyNone}
	case why != nil && why.Start.Equal(v.NextStart):
		r := present.Reason{Code: present.WhyWaits, Start: why.Start, Opens: why.Opens, Earlier: why.Earlier, EarlierSaves: why.EarlierExtra}
		if why.Possible {
			r.Saves, r.Sooner = why.Extra, why.Sooner
		}
		return r
	}
	return present.Reason{Code: present.WhyWaits, Start: v.NextStart}
}

func held(h loads.Hold) present.Reason {
	r := present.Reason{Code: present.WhyHeld, Until: h.Until}
	switch h.Reason {
	case loads.HeldSupply:
		r.Code = present.WhySupply
	case loads.HeldMinOff:
		r.Code = present.WhyMinOff
	case loads.HeldMinOn:
		r.Code = present.WhyMinOn
	case loads.HeldStagger:
		r.Code = present.WhyStagger
	case loads.HeldStarts, loads.HeldHour:
		r.Code = present.WhyStarts
	}
	return r
}

// short is what the plan does without, each thing once.
func (a *Agent) short(p *control.Plan, say present.Phrases) []string {
	var out []string
	for _, f := range p.Short {
		s := present.Shortfall{Code: present.ShortOther, Name: a.name(f.Load), Time: f.Time, At: f.At}
		switch {
		case f.Kind == optimizer.ShortSkip:
			s.Code = present.ShortRun
		case f.Kind == optimizer.ShortEnergy && f.Time > 0:
			s.Code = present.ShortTime
		case f.Kind == optimizer.ShortCredit, f.Kind == optimizer.ShortReserve:
			s.Code = present.ShortCredit
		case f.Kind == optimizer.ShortLimit, f.Kind == optimizer.ShortShed, f.Kind == optimizer.ShortCircuit:
			s.Code = present.ShortLimit
		}
		if text := say.Short(s); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// cause is what is behind a warning, as the State has it now.
func (a *Agent) cause(st *control.State, w health.Warning, say present.Phrases) string {
	x := present.Cause{Code: string(w.Code), Else: w.Cause}
	switch w.Code {
	case health.MeterSilent:
		x.At = st.Meter.HeardAt
		if x.At.IsZero() {
			x.Form = "never"
		}
	case health.CreditLow:
		x.Amount, _ = a.site.Credit.Low(st.Credit)
	case health.CreditSpent:
		x.Amount = st.Credit.Available()
	case health.EmergencyOffered:
		x.Amount = a.about.Emergency.Amount
	case health.EmergencyInUse:
		x.Amount = st.Credit.EmergencyUsed()
	case health.SupplyArmed:
		x.At = st.Decision.Since
	case health.PlanStale:
		if st.Plan != nil {
			x.At = st.Plan.MadeAt
		}
	case health.TariffStale:
		x.At, _ = a.site.PricesEnded(st)
	case health.TokenLocked:
		l := st.Credit.Lock(w.Subject)
		x.At, x.Name = st.Now.Add(l.Left), cmp.Or(l.By, l.Way)
	case health.LoadShort:
		if st.Plan != nil && len(st.Plan.Short) > 0 {
			return strings.Join(a.short(st.Plan, say), " ")
		}
	case health.SwitchSilent:
		x.Name, x.Form = a.name(w.Subject), "off"
		if st.Guard.Unit(w.Subject).On {
			x.Form = "on"
		}
	case health.SupplyWeld, health.SupplyCoil:
	default:
		x.Name = w.Subject
	}
	return say.Cause(x)
}
