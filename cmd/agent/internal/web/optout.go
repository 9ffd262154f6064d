package web

import (
	"net/http"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
)

// OptOuts are what may be chosen, where there is something to opt out of.
func (m *model) OptOuts() (out []string) {
	if m.V.Opted.Of == "" {
		return nil
	}
	for _, o := range policy.OptOuts() {
		out = append(out, string(o))
	}
	return out
}

func (s *Server) optOut(w http.ResponseWriter, r *http.Request) {
	s.done(w, r, s.agent.OptOut(r.Context(), r.PostFormValue("of"), "page"), nil, "opt_out.done")
}

func (s *Server) apiOptOut(w http.ResponseWriter, r *http.Request) {
	var q api.OptOut
	if !s.wants(w, r, &q, "error.json_opt_out") {
		return
	}
	if err := s.agent.OptOut(r.Context(), q.Of, way(r)); err != nil {
		s.apiDone(w, r, err)
		return
	}
	v := s.agent.View()
	s.writeJSON(w, r, http.StatusOK, api.OptOutAnswer{OptOut: s.wire(&v).OptOut})
}
