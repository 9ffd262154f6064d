package web

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/forecast"
)

// ExpectField is the form in which somebody tells of the use in a time to come: two dates are enough.
type ExpectField struct{ From, Until, Min string }

// ExpectField is filled with today and the day a week ahead.
func (m *model) ExpectField() ExpectField {
	y, mo, d := m.Now.Date()
	return ExpectField{
		From: m.Now.Format(time.DateOnly), Min: m.Now.Format(time.DateOnly),
		Until: time.Date(y, mo, d+7, 0, 0, 0, 0, m.Zone).Format(time.DateOnly),
	}
}

// ExpectLine is one thing that is told.
type ExpectLine struct {
	N    int
	Says string
	Kept bool // it cannot be taken back
}

// outagesShown is how far ahead outages that are announced are shown.
const outagesShown = 24 * time.Hour

// Expecting is what is told.
func (m *model) Expecting() (out []ExpectLine) {
	for _, e := range m.V.Expected {
		if e.What == string(forecast.Outage) && e.From.After(m.V.At.Add(outagesShown)) {
			continue // a schedule of a week is no news of today
		}
		out = append(out, ExpectLine{e.N, m.Format.Sentence(e.Says), e.Kept})
	}
	return out
}

// expectText is what the form tells, in the words that all ways have.
func expectText(r *http.Request) string {
	if n := r.PostFormValue("withdraw"); n != "" {
		return "withdraw " + n
	}
	what, until := r.PostFormValue("what"), strings.TrimSpace(r.PostFormValue("until"))
	if what == "extra" {
		what = strings.TrimSpace(r.PostFormValue("kwh")) + " kWh"
	}
	text := what
	if from := strings.TrimSpace(r.PostFormValue("from")); from != "" {
		text += " from " + from
	}
	if until != "" {
		text += " until " + until
	}
	return text
}

func (s *Server) expect(w http.ResponseWriter, r *http.Request) {
	text := expectText(r)
	err := s.agent.Expect(r.Context(), text, "page")
	if strings.HasPrefix(text, "withdraw ") {
		s.done(w, r, err, nil, "until.off.done")
		return
	}
	told := ""
	since := time.Time{}
	for _, e := range s.agent.View().Expected {
		if e.Since.After(since) {
			told, since = e.Says, e.Since
		}
	}
	s.done(w, r, err, nil, "expect.done", "what", told)
}

func (s *Server) apiExpect(w http.ResponseWriter, r *http.Request) {
	var q api.Expect
	if !s.wants(w, r, &q, "error.json_expect") {
		return
	}
	if err := s.agent.Expect(r.Context(), q.Expect, way(r)); err != nil {
		s.apiDone(w, r, err)
		return
	}
	v := s.agent.View()
	s.writeJSON(w, r, http.StatusOK, api.ExpectAnswer{Expected: s.wire(&v).Expected})
}

// apiOutages takes a list of outages as those who announce them have it: keys that it has besides are passed over.
func (s *Server) apiOutages(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if text := bytes.TrimSpace(body); err != nil || !json.Valid(text) || text[0] != '[' && text[0] != '{' {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.json_outages"))
		return
	}
	if err := s.agent.Expect(r.Context(), string(body), way(r)); err != nil {
		s.apiDone(w, r, err)
		return
	}
	v := s.agent.View()
	s.writeJSON(w, r, http.StatusOK, api.ExpectAnswer{Expected: s.wire(&v).Expected})
}
