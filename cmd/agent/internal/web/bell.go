package web

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// bell is a notification that a browser shows, of a page that is open in it.  There is no push: that
// would take a service of the browser's maker, and a way out of the house.
type bell struct {
	ID    string `json:"id"` // of the cause, and of the rung of the ladder that it is on: shown once
	Title string `json:"title"`
	Text  string `json:"text"`
}

// bells are what is to be told of the credit now, and that nobody has acknowledged.
func (m *model) bells() []bell {
	out := []bell{}
	for _, w := range m.Warnings() {
		if !w.OfCredit || w.Seen || w.Grade < health.Serious {
			continue
		}
		id := w.Code + "/" + w.Subject + "/" + strconv.FormatInt(w.Since.Unix(), 10)
		if w.Rung > 0 {
			id += "/" + w.Rung.String()
		}
		out = append(out, bell{ID: id, Title: w.Title, Text: present.Sentences(w.Cause, w.Remedy)})
	}
	return out
}

// bellData is the same for a page that is open.
func (s *Server) bellData(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	b, err := json.Marshal(s.model(&v, "home").bells())
	if err != nil {
		s.fail(w, r, http.StatusInternalServerError, "error.page")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	writeBody(w, r, b)
}

// bellWorker is the script that shows notifications: telephones show none without.  It answers no
// request and keeps nothing, so that no page is ever an old one.
const bellWorker = `'use strict';
self.addEventListener('notificationclick', function (e) {
  e.notification.close();
  e.waitUntil(self.clients.matchAll({ type: 'window' }).then(function (open) {
    return open.length ? open[0].focus() : self.clients.openWindow('/');
  }));
});
`

func (s *Server) worker(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	writeBody(w, r, []byte(bellWorker))
}
