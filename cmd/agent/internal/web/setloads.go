package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/loads"
)

// wrongAppliance is what was entered for an appliance, and why it cannot be.
type wrongAppliance struct {
	ID, Name string
	Entered  ApplianceSet
	Faults   fault.List // as agent check names them
}

// Of are the faults of one key, or, with "", those of none that has a field.
func (w *wrongAppliance) Of(key string) (out []fault.Fault) {
	for _, f := range w.Faults {
		of := ""
		for _, k := range []string{"need.between", "ready_by", "class", "order"} {
			if _, rest, ok := strings.Cut(f.Path, "]."); ok && (rest == k || strings.HasPrefix(rest, k+"[")) {
				of = k
			}
		}
		if of == key {
			out = append(out, f)
		}
	}
	return out
}

// appliance is an appliance of the page of settings with what its fields are filled with.
type appliance struct {
	Appliance
	Fields ApplianceSet
	Wrong  *wrongAppliance
	// Turn is as which of Turns appliances it is given up where credit or power is short, 1 is the first; 0: never.
	Turn, Turns int
}

// rank is where it stands among all: the greatest is given up first; below zero: it never is.
func (a Appliance) rank() int {
	class := loads.Class(a.Set.Class)
	if class == "" || class == loads.AlwaysOn || a.Set.Out {
		return -1
	}
	order, err := strconv.Atoi(a.Set.Order)
	if err != nil {
		return -1
	}
	return class.Rank(order)
}

// Editable are the appliances as they are shown.
func (b settingsBody) Editable() (out []appliance) {
	for _, a := range b.Appliances {
		x := appliance{Appliance: a, Fields: a.Set}
		if mine := a.rank(); mine >= 0 {
			x.Turn = 1
			for _, o := range b.Appliances {
				if of := o.rank(); of >= 0 {
					if x.Turns++; of > mine {
						x.Turn++
					}
				}
			}
		}
		if b.Wrong != nil && b.Wrong.ID == a.ID {
			x.Wrong, x.Fields = b.Wrong, b.Wrong.Entered
		}
		out = append(out, x)
	}
	return out
}

// Bad are the faults of a field.
func (a appliance) Bad(key string) []fault.Fault {
	if a.Wrong == nil {
		return nil
	}
	return a.Wrong.Of(key)
}

// setAppliance keeps what is entered for an appliance, or says beside each field what is wrong with it.
func (s *Server) setAppliance(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Set == nil || s.cfg.Box == nil {
		s.refuse(w, r, errNotSet)
		return
	}
	id := r.PostFormValue("id")
	a, ok := s.applianceOf(id)
	if !ok {
		s.refuse(w, r, ErrUnknown)
		return
	}
	field := func(name, otherwise string) string {
		if _, there := r.PostForm[name]; there {
			return strings.TrimSpace(r.PostFormValue(name))
		}
		return otherwise
	}
	x := ApplianceSet{
		Hours: field("hours", a.Set.Hours), Ready: field("ready", a.Set.Ready), Class: field("class", a.Set.Class), Order: field("order", a.Set.Order),
		Out: r.PostFormValue("use") == "",
	}
	faults, err := s.cfg.Box.SetAppliance(id, x)
	switch {
	case err != nil:
		s.refuse(w, r, err)
		return
	case len(faults) > 0:
		s.showSettings(w, r, nil, &wrongAppliance{id, a.Name, x, faults})
		return
	}
	s.record(r, said.Of("setting.load", said.Text("name", a.Name), said.Text("by", s.wayOf(r))).Then(x.says()))
	s.answer(w, r, "/settings#row-"+id, &notice{Level: "good", Title: s.texts.T("set.loads.done", "name", a.Name), Lines: []string{s.texts.T("set.loads.start")}})
}

// says is what was set, for the record.
func (x ApplianceSet) says() said.Said {
	var out said.Said
	if out = said.Of("setting.any_hour"); x.Hours != "" {
		out = said.Of("setting.hours", said.Text("hours", x.Hours))
	}
	if x.Ready != "" {
		out = out.Then(said.Of("setting.ready", said.Text("when", x.Ready)))
	}
	if x.Class != "" {
		out = out.Then(said.Of("setting.class", said.Text("class", x.Class)), said.Of("setting.order", said.Text("order", x.Order)))
	}
	if x.Out {
		out = out.Then(said.Of("setting.out"))
	}
	return out
}

func (s *Server) applianceOf(id string) (Appliance, bool) {
	for _, a := range s.cfg.Box.Appliances() {
		if a.ID == id {
			return a, true
		}
	}
	return Appliance{}, false
}

// resetAppliance has the configuration hold again for an appliance.
func (s *Server) resetAppliance(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Set == nil || s.cfg.Box == nil {
		s.refuse(w, r, errNotSet)
		return
	}
	a, ok := s.applianceOf(r.PostFormValue("id"))
	if !ok {
		s.refuse(w, r, ErrUnknown)
		return
	}
	if err := s.cfg.Box.ResetAppliance(a.ID); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.record(r, said.Of("setting.load", said.Text("name", a.Name), said.Text("by", s.wayOf(r))).Then(said.Of("setting.configured")))
	n := &notice{Level: "good", Title: s.texts.T("set.loads.undone", "name", a.Name)}
	if now, ok := s.applianceOf(a.ID); ok && now.Waits() {
		n.Lines = []string{s.texts.T("set.loads.start")}
	}
	s.answer(w, r, "/settings#row-"+a.ID, n)
}
