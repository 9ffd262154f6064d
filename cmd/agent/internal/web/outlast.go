package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

// lasts is what the top-up page says of a date.
type lasts struct {
	Until    string // as the date field has it: 2026-12-24
	From, To string // of the dates that can be asked for
	Need     *TopUpNeed
	Problem  string // why there is no answer, in words
}

// ahead is the date that is asked for where the reader has not chosen one.
const ahead = 7 * 24 * time.Hour

// lastsFor answers for a date of the reader's calendar; "" is a week ahead, or as
// far as the forecast reaches.
func (s *Server) lastsFor(m *model, date string) lasts {
	reach := m.V.RunOut.Reach
	if m.V.Supply.PaidOff {
		return lasts{Problem: s.texts.T("lasts.paid_off")}
	}
	if reach.IsZero() {
		return lasts{Problem: s.texts.T("lasts.unknown")}
	}
	last := reach.Add(-time.Second).In(m.Zone)
	l := lasts{Until: date, From: m.Now.Format(time.DateOnly), To: last.Format(time.DateOnly)}
	if date == "" {
		l.Until = l.To
		if week := m.Now.Add(ahead); week.Before(last) {
			l.Until = week.Format(time.DateOnly)
		}
	}
	day, err := time.ParseInLocation(time.DateOnly, l.Until, m.Zone)
	if err != nil {
		l.Until, l.Problem = "", s.texts.T("lasts.date")
		return l
	}
	// Noon: midnight may not exist on a day of a clock change.
	need, err := s.agent.TopUpFor(day.Add(12 * time.Hour))
	switch {
	case errors.Is(err, ErrUnknown):
		l.Problem = s.texts.T("lasts.beyond", "from", m.Date(m.Now), "to", m.Date(last))
	case err != nil:
		s.log.Error("top-up for a date", "error", err)
		l.Problem = s.texts.T("error.command")
	default:
		l.Need = &need
	}
	return l
}

// DayBefore is the day that ends at t, in words.
func (m *model) DayBefore(t time.Time) string { return m.Date(t.Add(-time.Second)) }

func (s *Server) apiTopUpFor(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	m := s.model(&v, "topup")
	l := s.lastsFor(m, r.URL.Query().Get("until"))
	if l.Need == nil {
		apiError(w, r, http.StatusNotFound, "unknown", l.Problem)
		return
	}
	a := api.TopUpNeed{Until: l.Need.Until.UTC()}
	if l.Need.SafeMay {
		text := l.Need.Safe.String()
		a.Safe = &text
	}
	if l.Need.EvenMay {
		text := l.Need.Even.String()
		a.Even = &text
	}
	s.writeJSON(w, r, http.StatusOK, a)
}
