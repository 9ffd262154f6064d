package web

import (
	"net/http"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

// limitsUsual is the time of which the limits are told where none is asked for.
const limitsUsual = 7 * 24 * time.Hour

// apiLimits answers with JSON, or with a table.
func (s *Server) apiLimits(w http.ResponseWriter, r *http.Request) {
	from, to, next, ok := s.asked(w, r, limitsUsual, historyPage)
	if !ok {
		return
	}
	rows, err := s.agent.Limits(r.Context(), from, to)
	switch {
	case err != nil:
		s.apiDone(w, r, err)
	case r.URL.Query().Get("format") == "csv":
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="limits.csv"`)
		if err := api.WriteLimits(w, rows); err != nil {
			s.log.DebugContext(r.Context(), "limits", "error", err)
		}
	default:
		s.writeJSON(w, r, http.StatusOK, api.LimitLog{Limits: rows, Next: next})
	}
}
