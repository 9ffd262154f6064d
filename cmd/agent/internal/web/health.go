package web

import (
	"fmt"
	"net/http"
	"time"
)

// healthz answers a container's or a supervisor's question: is the process
// serving, is the control loop alive, and does the storage take what it must?  A house without power or credit is
// no reason to restart the agent, so it is not asked here.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if quiet := time.Since(time.Unix(0, s.lastNews.Load())); quiet > stallAfter {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "the control loop has been silent for %s\n", quiet.Round(time.Second))
		return
	}
	if s.cfg.Behind != nil {
		if since := s.cfg.Behind(); !since.IsZero() && time.Since(since) > s.cfg.Patience {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, "nothing could be stored for %s\n", time.Since(since).Round(time.Second))
			return
		}
	}
	writeBody(w, r, []byte("ok\n"))
}
