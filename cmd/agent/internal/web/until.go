package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// inputTime is how a date field with a time has it.
const inputTime = "2006-01-02T15:04"

// Until is the wish that the credit lasts, in words.
func (m *model) Until() present.UntilText { return present.Phrases{Format: m.Format}.Until(m.V.Until) }

// UntilField is what the field for it is filled with and may hold.
type UntilField struct{ Value, Min, Max string }

// UntilField is the field for it: as asked for, or three days ahead.
func (m *model) UntilField() UntilField {
	at := m.V.Until.At
	if at.IsZero() {
		y, mo, d := m.Now.Date()
		at = time.Date(y, mo, d+3, 18, 0, 0, 0, m.Zone)
	}
	f := UntilField{Value: at.In(m.Zone).Format(inputTime), Min: m.Now.Format(inputTime)}
	if reach := m.V.RunOut.Reach; !reach.IsZero() {
		f.Max = reach.In(m.Zone).Format(inputTime)
	}
	return f
}

func (s *Server) lastUntil(w http.ResponseWriter, r *http.Request) {
	text := strings.TrimSpace(r.PostFormValue("until"))
	err := s.agent.LastUntil(r.Context(), text, "page")
	if text == control.UntilOff {
		s.done(w, r, err, nil, "until.off.done")
		return
	}
	v := s.agent.View()
	s.done(w, r, err, nil, "until.done", "when", s.model(&v, "home").When(v.Until.At))
}

func (s *Server) apiUntil(w http.ResponseWriter, r *http.Request) {
	var q api.LastUntil
	if !s.wants(w, r, &q, "error.json_until") {
		return
	}
	if err := s.agent.LastUntil(r.Context(), q.Until, way(r)); err != nil {
		s.apiDone(w, r, err)
		return
	}
	v := s.agent.View()
	s.writeJSON(w, r, http.StatusOK, api.UntilAnswer{Until: s.wire(&v).Until})
}
