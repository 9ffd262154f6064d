package web

import (
	"net/http"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

func (s *Server) apiTariff(w http.ResponseWriter, r *http.Request) {
	out := api.TariffOf(s.agent.TariffDetail())
	if asked := r.URL.Query().Get("amount"); asked != "" {
		amount, ok := amountAsked(asked, s.agent.View().Unit)
		if !ok {
			apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.amount_query"))
			return
		}
		out.Buys = api.AdviceOf(s.agent.WhatBuys(amount))
	}
	s.writeJSON(w, r, http.StatusOK, out)
}
