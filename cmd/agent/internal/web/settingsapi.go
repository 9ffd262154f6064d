package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
	"github.com/keeplit/keeplit/internal/said"
)

func (s *Server) apiSettings(w http.ResponseWriter, r *http.Request) {
	a := api.Settings{Language: *s.language.Load(), Reading: "closed", Alerts: []api.AlertWay{}}
	if s.readingOpen() {
		a.Reading = "open"
	}
	if s.cfg.Box != nil {
		for _, x := range s.cfg.Box.Recipients() {
			a.Alerts = append(a.Alerts, api.AlertWay{Name: x.Name, Way: x.Way, Least: x.Least})
		}
	}
	s.writeJSON(w, r, http.StatusOK, a)
}

func (s *Server) apiSet(w http.ResponseWriter, r *http.Request) {
	var q api.Set
	if !s.wants(w, r, &q, "error.json_set") {
		return
	}
	if q.Language != "" && !spoken(q.Language) || q.Language == "" && q.Reading == "" || q.Reading != "" && q.Reading != "open" && q.Reading != "closed" {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.json_set"))
		return
	}
	if q.Reading != "" {
		if err := s.letRead(q.Reading); err != nil {
			s.apiNotSet(w, r, err)
			return
		}
		s.record(r, said.Of("setting.reading", said.Text("to", q.Reading), said.Text("by", way(r))))
	}
	if q.Language != "" {
		if err := s.speak(q.Language); err != nil {
			s.apiNotSet(w, r, err)
			return
		}
		s.record(r, said.Of("setting.language", said.Text("to", q.Language), said.Text("by", way(r))))
	}
	s.apiSettings(w, r)
}

// apiNotSet says why something is not set.
func (s *Server) apiNotSet(w http.ResponseWriter, r *http.Request, err error) {
	n := s.whyNot(err)
	status, code := http.StatusConflict, "refused"
	switch {
	case errors.Is(err, settings.ErrUnknown), errors.Is(err, ErrUnknown):
		status, code = http.StatusNotFound, "unknown"
	case errors.Is(err, settings.ErrName), errors.Is(err, settings.ErrScope):
		status, code = http.StatusBadRequest, "malformed"
	case n.Level == "bad":
		status, code = http.StatusServiceUnavailable, "failed"
	}
	message := n.Title
	for _, l := range n.Lines {
		message += " " + l
	}
	apiError(w, r, status, code, message)
}

func (s *Server) apiTrial(w http.ResponseWriter, r *http.Request) {
	var q api.Trial
	if !s.wants(w, r, &q, "error.json_trial") {
		return
	}
	done, err := s.trial(r, q.To)
	if many := (*tooManyTrials)(nil); errors.As(err, &many) {
		w.Header().Set("Retry-After", strconv.Itoa(int(many.Wait.Seconds())+1))
		apiError(w, r, http.StatusTooManyRequests, "too_many", s.whyNot(err).Title)
		return
	}
	if len(done) == 0 {
		s.apiNotSet(w, r, ErrUnknown)
		return
	}
	a := api.Trials{}
	for _, x := range done {
		one := api.Tried{Name: x.Name, Sent: x.Err == nil}
		if x.Err != nil {
			one.Why = x.Err.Error()
		}
		a.Tried = append(a.Tried, one)
	}
	s.record(r, said.Of("setting.trial", said.Count("n", int64(len(done))), said.Text("by", way(r))))
	s.writeJSON(w, r, http.StatusOK, a)
}

func (s *Server) apiPrograms(w http.ResponseWriter, r *http.Request) {
	a := api.Programs{Programs: []api.Program{}}
	if s.cfg.Set != nil {
		for _, p := range s.cfg.Set.Programs() {
			a.Programs = append(a.Programs, api.Program{Name: p.Name, Scopes: words(p.Scopes), Made: p.Made, Used: api.At(p.Used)})
		}
	}
	s.writeJSON(w, r, http.StatusOK, a)
}

// words are scopes as they are sent.
func words(scopes []settings.Scope) []string {
	out := []string{}
	for _, x := range scopes {
		out = append(out, string(x))
	}
	return out
}

func (s *Server) apiLetIn(w http.ResponseWriter, r *http.Request) {
	var q api.LetIn
	if !s.wants(w, r, &q, "error.json_program") {
		return
	}
	var may []settings.Scope
	for _, x := range q.Scopes {
		may = append(may, settings.Scope(x))
	}
	token, err := s.admit(q.Name, may)
	if err != nil {
		s.apiNotSet(w, r, err)
		return
	}
	s.record(r, said.Of("setting.program", said.Text("name", q.Name), said.Text("scopes", joined(may)), said.Text("by", way(r))))
	w.Header().Set("Cache-Control", "no-store")
	s.writeJSON(w, r, http.StatusOK, api.Admitted{Name: q.Name, Scopes: words(may), Token: token})
}

func (s *Server) apiWithdraw(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if err := s.dismiss(name); err != nil {
		s.apiNotSet(w, r, err)
		return
	}
	s.record(r, said.Of("setting.program_out", said.Text("name", name), said.Text("by", way(r))))
	w.WriteHeader(http.StatusNoContent)
}
