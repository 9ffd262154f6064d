package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
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
}

// Expecting is what is told.
func (m *model) Expecting() (out []ExpectLine) {
	for _, e := range m.V.Expected {
		out = append(out, ExpectLine{e.N, m.Format.Sentence(e.Says)})
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
