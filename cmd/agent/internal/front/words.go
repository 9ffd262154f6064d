package front

import (
	"cmp"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
)

// reason is why a load does what it does; the zero Reason where nothing is to
// be said.
func (a *Agent) reason(st *control.State, l loads.Load, v web.Load) web.Reason {
	for _, h := range st.Held {
		if h.ID == l.ID && h.On {
			return held(h)
		}
	}
	switch v.State {
	case web.LoadShed:
		return web.Reason{Code: web.WhyShed, Until: st.Shed.Until}
	case web.LoadDone:
		return web.Reason{Code: web.WhyFinished}
	case web.LoadFault, web.LoadSkipped:
		return web.Reason{}
	case web.LoadOff, web.LoadWaiting, web.LoadRunning:
	}
	if v.Override != web.NoOverride || st.Plan == nil || !l.Defer {
		return web.Reason{}
	}
	at := slices.IndexFunc(st.Plan.Loads, func(p control.LoadPlan) bool { return p.ID == l.ID })
	if at < 0 {
		return web.Reason{}
	}
	why := st.Plan.Loads[at].Why
	switch {
	case v.State == web.LoadRunning:
		price, _ := a.site.TariffOf(st).PriceAt(st.Tariff, st.Now)
		return web.Reason{Code: web.WhyRuns, Price: price}
	case v.NextStart.IsZero():
		return web.Reason{Code: web.WhyNone}
	case why != nil && why.Start.Equal(v.NextStart):
		r := web.Reason{Code: web.WhyWaits, Start: why.Start, Opens: why.Opens, Earlier: why.Earlier, EarlierSaves: why.EarlierExtra}
		if why.Possible {
			r.Saves, r.Sooner = why.Extra, why.Sooner
		}
		return r
	}
	return web.Reason{Code: web.WhyWaits, Start: v.NextStart}
}

func held(h loads.Hold) web.Reason {
	r := web.Reason{Code: web.WhyHeld, Until: h.Until}
	switch h.Reason {
	case loads.HeldSupply:
		r.Code = web.WhySupply
	case loads.HeldMinOff:
		r.Code = web.WhyMinOff
	case loads.HeldMinOn:
		r.Code = web.WhyMinOn
	case loads.HeldStagger:
		r.Code = web.WhyStagger
	case loads.HeldStarts, loads.HeldHour:
		r.Code = web.WhyStarts
	}
	return r
}

// short is what the plan does without, each thing once.
func (a *Agent) short(p *control.Plan, say web.Phrases) []string {
	var out []string
	for _, f := range p.Short {
		s := web.Shortfall{Code: web.ShortOther, Name: a.name(f.Load), Time: f.Time, At: f.At}
		switch {
		case f.Kind == optimizer.ShortSkip:
			s.Code = web.ShortRun
		case f.Kind == optimizer.ShortEnergy && f.Time > 0:
			s.Code = web.ShortTime
		case f.Kind == optimizer.ShortCredit, f.Kind == optimizer.ShortReserve:
			s.Code = web.ShortCredit
		case f.Kind == optimizer.ShortLimit, f.Kind == optimizer.ShortShed, f.Kind == optimizer.ShortCircuit:
			s.Code = web.ShortLimit
		}
		if text := say.Short(s); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// cause is what is behind a warning, as the State has it now.
func (a *Agent) cause(st *control.State, w health.Warning, say web.Phrases) string {
	x := web.Cause{Code: string(w.Code), Else: w.Cause}
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

// undecided tells whether the agent has yet to decide about the supply.
func undecided(st *control.State) bool { return st.Credit.Supply.Position == credit.Undecided }
