package web

import (
	"net/http"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/internal/said"
)

func (s *Server) apiAppliances(w http.ResponseWriter, r *http.Request) {
	a := api.LoadSettings{Loads: []api.LoadSetting{}}
	if s.cfg.Box != nil {
		for _, x := range s.cfg.Box.Appliances() {
			a.Loads = append(a.Loads, x.wire())
		}
	}
	s.writeJSON(w, r, http.StatusOK, a)
}

// wire is an appliance as programs read it.
func (a Appliance) wire() api.LoadSetting {
	return api.LoadSetting{ID: a.ID, Name: a.Name, Now: a.Now.wire(), Next: a.Set.wire(), Laid: a.Laid}
}

func (x ApplianceSet) wire() api.LoadHolds {
	return api.LoadHolds{Hours: x.Hours, Ready: x.Ready, Class: x.Class, Order: x.Order, Used: !x.Out}
}

// apiSetAppliance keeps what is sent for an appliance, or says what agent check would.
func (s *Server) apiSetAppliance(w http.ResponseWriter, r *http.Request) {
	var q api.SetLoad
	if !s.wants(w, r, &q, "error.json_load") {
		return
	}
	if q == (api.SetLoad{}) {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.json_load"))
		return
	}
	a, ok := s.applianceFor(w, r)
	if !ok {
		return
	}
	x := a.Set
	for _, f := range []struct{ from, to *string }{{q.Hours, &x.Hours}, {q.Ready, &x.Ready}, {q.Class, &x.Class}, {q.Order, &x.Order}} {
		if f.from != nil {
			*f.to = strings.TrimSpace(*f.from)
		}
	}
	if q.Used != nil {
		x.Out = !*q.Used
	}
	faults, err := s.cfg.Box.SetAppliance(a.ID, x)
	if err != nil {
		s.apiNotSet(w, r, err)
		return
	}
	if len(faults) > 0 {
		var says []string
		for _, f := range faults {
			says = append(says, f.Path+": "+f.Problem+". "+f.Remedy)
		}
		apiError(w, r, http.StatusConflict, "refused", strings.Join(says, "; "))
		return
	}
	s.record(r, said.Of("setting.load", said.Text("name", a.Name), said.Text("by", way(r))).Then(x.says()))
	s.apiAppliance(w, r)
}

// apiResetAppliance has the configuration hold again for an appliance; where it holds already, it does.
func (s *Server) apiResetAppliance(w http.ResponseWriter, r *http.Request) {
	a, ok := s.applianceFor(w, r)
	if !ok {
		return
	}
	if a.Laid {
		if err := s.cfg.Box.ResetAppliance(a.ID); err != nil {
			s.apiNotSet(w, r, err)
			return
		}
		s.record(r, said.Of("setting.load", said.Text("name", a.Name), said.Text("by", way(r))).Then(said.Of("setting.configured")))
	}
	s.apiAppliance(w, r)
}

// applianceFor is the appliance that a request names; where there is none, it is answered.
func (s *Server) applianceFor(w http.ResponseWriter, r *http.Request) (Appliance, bool) {
	if s.cfg.Set == nil || s.cfg.Box == nil {
		s.apiNotSet(w, r, errNotSet)
		return Appliance{}, false
	}
	a, ok := s.applianceOf(r.PathValue("id"))
	if !ok {
		s.apiNotSet(w, r, ErrUnknown)
	}
	return a, ok
}

func (s *Server) apiAppliance(w http.ResponseWriter, r *http.Request) {
	if a, ok := s.applianceFor(w, r); ok {
		s.writeJSON(w, r, http.StatusOK, a.wire())
	}
}
