package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

// mostUse is the longest stretch whose use is taken apart, in days.
const mostUse = 31

// TipText is a tip in a sentence.
func (m *model) TipText(t Tip) string {
	name := t.Name
	if t.Kind == TipShift {
		name = m.PeriodName(name)
	}
	return m.Words.T("tip."+t.Kind, "name", name, "other", m.PeriodName(t.Other), "power", m.Power(t.Power), "energy", m.Energy(t.Energy), "saves", m.Money(t.Saves),
		"days", m.Words.N("duration.days", t.Days))
}

// PeriodName is a period of a tariff in the reader's language where it has one of the names that
// most tariffs use; else as the tariff calls it.
func (m *model) PeriodName(name string) string {
	if m.Words.Lang() == present.English {
		return name
	}
	return m.Words.Or("period."+strings.ToLower(name), name)
}

// StandbyText is what is always on in a sentence.
func (m *model) StandbyText(s *Standby) string {
	key, cost := "use.standby.energy", ""
	if s.Cost > 0 {
		key, cost = "use.standby.cost", m.Money(s.Cost)
	}
	return m.Words.T(key, "power", m.Power(s.Power), "energy", m.Energy(s.Energy), "of", m.Energy(s.Of), "cost", cost, "days", m.Words.N("duration.days", s.Days))
}

// ShareOf is a part of energy in percent, "" where there is no whole.
func (m *model) ShareOf(part, of units.Energy) string {
	if of <= 0 || part < 0 {
		return ""
	}
	return strconv.FormatInt(units.MulDiv(100, int64(part), int64(of)), 10) + present.NoBreak + "%"
}

// useOf is where the energy of as many days went; nil where it cannot be read.
func (s *Server) useOf(r *http.Request, days int) *Use {
	u, err := s.agent.Use(r.Context(), min(days, mostUse-1))
	if err != nil {
		s.log.Error("use", "error", err)
		return nil
	}
	return &u
}

// usePart is the same for a page that is open: it takes longer than the rest of it, which is not
// to wait.
func (s *Server) usePart(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	u := s.useOf(r, historyDays(r))
	if u == nil {
		s.fail(w, r, http.StatusServiceUnavailable, "ledger.failed")
		return
	}
	s.renderPart(w, r, "use", [2]any{s.model(&v, "account"), u})
}

func (s *Server) apiUse(w http.ResponseWriter, r *http.Request) {
	days, err := strconv.Atoi(orDefault(r.URL.Query().Get("days"), "7"))
	if err != nil || days < 1 || days > mostUse {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.use_query"))
		return
	}
	u, err := s.agent.Use(r.Context(), days)
	if err != nil {
		s.apiDone(w, r, err)
		return
	}
	v := s.agent.View()
	s.writeJSON(w, r, http.StatusOK, wireUse(s.model(&v, "account"), u))
}

// wireUse is where the energy went as it is sent.
func wireUse(m *model, u Use) api.Use {
	cost := func(c units.Money) *string {
		if !u.Costed {
			return nil
		}
		return new(c.String())
	}
	part := func(p UsePart) api.UsePart {
		return api.UsePart{ID: p.ID, Name: p.Name, KWh: p.Energy.KWh(), Cost: cost(p.Cost), Rated: p.Rated, Partly: p.Partly}
	}
	out := api.Use{
		From: u.From.UTC(), To: u.To.UTC(), Days: u.Days, KWh: u.Energy.KWh(), Cost: cost(u.Cost), Gaps: u.Gaps,
		Loads: []api.UsePart{}, Periods: []api.UsePart{}, Tips: []api.Tip{},
	}
	for _, l := range u.Loads {
		out.Loads = append(out.Loads, part(l))
	}
	for _, p := range u.Periods {
		out.Periods = append(out.Periods, part(p))
	}
	if u.Rest != nil {
		out.Rest = new(part(*u.Rest))
	}
	if s := u.Standby; s != nil {
		out.Standby = &api.Standby{W: s.Power.W(), KWh: s.Energy.KWh(), Of: s.Of.KWh(), Cost: cost(s.Cost), Days: s.Days}
	}
	for _, t := range u.Tips {
		out.Tips = append(out.Tips, api.Tip{Kind: t.Kind, Name: t.Name, Other: t.Other, W: t.Power.W(), KWh: t.Energy.KWh(), Saves: t.Saves.String(), Days: t.Days, Text: m.TipText(t)})
	}
	return out
}
