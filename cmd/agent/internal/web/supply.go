package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
)

// cutsShown is how many entries of the supply the page looks back over.
const cutsShown = 40

// cutsBody is when the supply was off.
type cutsBody struct {
	Cuts   []Cut
	Failed bool
}

// cutRow is a cut in words.
type cutRow struct{ When, Cause, Lasted string }

// CutRows are the cuts in words.
func (m *model) CutRows(cuts []Cut) []cutRow {
	out := make([]cutRow, 0, len(cuts))
	for _, c := range cuts {
		row := cutRow{When: m.When(c.From), Cause: m.Words.Or("cut."+c.Cause, m.Words.T("cut.unknown")), Lasted: m.Words.T("cut.now")}
		if !c.To.IsZero() {
			row.Lasted = m.Duration(c.To.Sub(c.From))
		}
		out = append(out, row)
	}
	return out
}

// CutSums are the hours without supply of the last 30 days, by cause; none where the entries do
// not reach so far back.
func (m *model) CutSums(cuts []Cut) []string {
	from := m.V.At.Add(-30 * 24 * time.Hour)
	if len(cuts) == 0 || len(cuts) >= cutsShown/2 && cuts[len(cuts)-1].From.After(from) {
		return nil
	}
	var order []string
	sums, times := map[string]time.Duration{}, map[string]int{}
	for _, c := range cuts {
		to, begun := c.To, c.From
		if to.IsZero() {
			to = m.V.At
		}
		if begun.Before(from) {
			begun = from
		}
		if !to.After(begun) {
			continue
		}
		if times[c.Cause]++; times[c.Cause] == 1 {
			order = append(order, c.Cause)
		}
		sums[c.Cause] += to.Sub(begun)
	}
	var out []string
	for _, cause := range order {
		out = append(out, m.Words.N("cut.sum", times[cause], "cause", m.Words.Or("cut."+cause, m.Words.T("cut.unknown")), "time", m.Duration(sums[cause])))
	}
	return out
}

// LimitTexts are the limits that hold, and whose they are.
func (m *model) LimitTexts() []string {
	var out []string
	for _, l := range m.V.Limits {
		if l.Limit <= 0 {
			continue
		}
		out = append(out, m.limitText(l))
	}
	if m.V.Power.Limit > 0 {
		out = append(out, m.Words.T("limit.own", "power", m.Power(m.V.Power.Limit)))
	}
	return out
}

func (m *model) limitText(l picture.Limited) string {
	who := m.Words.Or("limit.by."+l.Source, l.Source)
	if l.By != "" {
		who = l.By
	}
	key := "limit.site"
	if len(l.Loads) > 0 {
		key = "limit.loads"
	}
	text := m.Words.T(key, "power", m.Power(l.Limit), "by", who, "loads", m.names(l.Loads))
	if !l.Until.IsZero() {
		text += " " + m.Words.T("limit.until", "when", m.When(l.Until))
	}
	return text
}

// names are what loads are called.
func (m *model) names(ids []string) string {
	text := ""
	for i, id := range ids {
		if i > 0 {
			text += ", "
		}
		name := id
		for _, l := range m.V.Loads {
			if l.ID == id {
				name = l.Name
			}
		}
		text += name
	}
	return text
}

func (s *Server) apiCuts(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(orDefault(r.URL.Query().Get("n"), "100"))
	if err != nil || n < 1 || n > 500 {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.ledger_query"))
		return
	}
	cuts, err := s.agent.Cuts(r.Context(), n)
	if err != nil {
		s.apiDone(w, r, err)
		return
	}
	out := api.Cuts{Cuts: []api.CutRow{}}
	for _, c := range cuts {
		out.Cuts = append(out.Cuts, api.CutRow{From: c.From.UTC(), To: api.At(c.To), Cause: c.Cause, Entry: c.Seq})
	}
	s.writeJSON(w, r, http.StatusOK, out)
}
