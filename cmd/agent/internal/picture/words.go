package picture

import (
	"cmp"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
)

// short is what the plan does without, each thing once; nothing while the supply
// is off: then nothing runs, and that is told.
func (m *Maker) short(st *control.State, say present.Phrases) []Shortfall {
	if m.site.Contactor && st.Credit.Supply.Position != credit.Connected {
		return nil
	}
	var out []Shortfall
	if !st.Planned() {
		return nil
	}
	for f := range st.Short() {
		s := present.ShortOf(f, m.name(f.Load), st.Plan.RunOut)
		if s.Code == present.ShortCredit && st.Credit.Left() == 0 {
			continue // it has ended
		}
		text := say.Short(s)
		if slices.ContainsFunc(out, func(x Shortfall) bool { return x.Text == text }) {
			continue
		}
		x := Shortfall{Text: text, Load: f.Load, At: f.At, Len: f.Time}
		if i := slices.IndexFunc(m.site.Loads, func(l loads.Load) bool { return l.ID == f.Load }); i >= 0 && f.Kind == optimizer.ShortSkip {
			x.Len = m.site.Loads[i].Cycle
		}
		out = append(out, x)
	}
	return out
}

// form tells apart warnings of one code that are not told alike; mostly "".
func (m *Maker) form(st *control.State, w health.Warning) string {
	switch w.Code {
	case health.CreditSpent:
		switch {
		case !m.site.Contactor:
			return "unswitched"
		case m.site.Credit.Arms():
			return "armed"
		}
	case health.CreditLow:
		if st.Credit.Available() <= 0 {
			return "spent"
		}
	case health.EmergencyInUse:
		if st.Credit.Emergency.Stage == credit.Spent {
			return "spent"
		}
	case health.BuyBefore:
		if u := present.UntilOf(m.site, st); u.Known && !u.Lasts {
			return "asked"
		}
	case health.PlanStale:
		if st.Plan != nil && !st.Now.Before(st.Plan.Ends()) {
			return "ended"
		}
	default:
	}
	return ""
}

// cause is what is behind a warning, as the State has it now.
func (m *Maker) cause(st *control.State, w health.Warning, say present.Phrases) string {
	x := present.Cause{Code: string(w.Code), Else: m.plain.Say(w.Cause)}
	switch w.Code {
	case health.MeterSilent:
		x.At = st.Meter.HeardAt
		if x.At.IsZero() {
			x.Form = "never"
		}
	case health.CreditLow:
		x.Form = m.form(st, w)
		if x.Amount, _ = m.site.Credit.Low(st.Credit); x.Form != "" {
			x.Amount = st.Credit.Available()
		}
	case health.CreditSpent:
		x.Amount = st.Credit.Available()
		pay := "back"
		if !m.site.Contactor {
			pay = "owed"
		}
		return say.Cause(x) + " " + say.Pay(present.SupplyOf(m.site, st), pay)
	case health.EmergencyOffered:
		x.Amount = m.about.Emergency.Amount
	case health.EmergencyInUse:
		x.Amount = st.Credit.EmergencyUsed()
	case health.SupplyArmed:
		x.At = st.Decision.Since
	case health.PlanStale:
		if st.Plan != nil {
			x.At = st.Plan.MadeAt
		}
	case health.TariffStale:
		x.At, _ = m.site.PricesEnded(st)
	case health.TokenLocked:
		l := st.Credit.Lock(w.Subject)
		x.At, x.Name = st.Now.Add(l.Left), cmp.Or(l.By, l.Way)
	case health.LoadShort:
		if st.Plan != nil {
			var texts []string
			for _, f := range m.short(st, say) {
				texts = append(texts, f.Text)
			}
			if len(texts) == 0 {
				break
			}
			return strings.Join(texts, " ")
		}
	case health.SwitchSilent:
		x.Name, x.Form = m.name(w.Subject), "off"
		if st.Guard.Unit(w.Subject).Set.On {
			x.Form = "on"
		}
	case health.BuyBefore:
		if why, ok := m.site.ToBuy(st, st.Now); ok { // as the rest of the page has it at this instant
			x.Else = m.plain.Say(why)
		}
	case health.SunSilent:
		x.Name = m.name(w.Subject)
		if i := slices.IndexFunc(st.Loads, func(l control.LoadState) bool { return l.ID == w.Subject }); i >= 0 {
			x.At = st.Loads[i].Gave.At
		}
		if x.At.IsZero() {
			x.Form = "never"
		}
	case health.SupplyWeld, health.SupplyCoil:
	case health.UtilityMessage, health.UtilityAlert, health.UtilityEvent: // the event's id says nothing to a person
	default:
		if x.Name = w.Subject; health.Of(w.Code).About == health.Load {
			x.Name = m.name(w.Subject)
		}
	}
	return say.Cause(x)
}
