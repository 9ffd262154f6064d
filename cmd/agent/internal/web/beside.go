package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/beside"
)

// Beside is the utility's meter held against ours, in words.
func (m *model) Beside() present.BesideText {
	return present.Phrases{Format: m.Format}.Beside(m.V.Beside.Account)
}

// readingsShown is how many of the readings the page lists.
const readingsShown = 6

// ReadingsTold are the newest readings, the newest first.
func (m *model) ReadingsTold() []beside.Reading {
	all := slices.Clone(m.V.Beside.Readings)
	slices.Reverse(all)
	return all[:min(len(all), readingsShown)]
}

// ReadingAt is the latest time that the field for it takes: the page may stay open for long.
func (m *model) ReadingAt() string { return m.Now.AddDate(0, 0, 1).Format(inputTime) }

// Shown is what stood on the display, with the digits that were told.
func (m *model) Shown(r beside.Reading) string {
	decimals := 0
	for step := r.Step; step > 0 && step < units.KilowattHour && decimals < 6; step *= 10 {
		decimals++
	}
	return m.Number(r.Shown.KWh(), decimals) + present.NoBreak + "kWh"
}

func (s *Server) meterReading(w http.ResponseWriter, r *http.Request) {
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	reading := MeterReading{
		Shown: field("shown"), At: field("at"), Bought: field("bought"),
		Sure: field("sure") != "", Anew: field("anew") != "", Turned: field("turned") != "", Left: field("left") != "",
	}
	err := s.agent.MeterReading(r.Context(), reading, "page")
	v := s.agent.View()
	s.done(w, r, err, s.model(&v, "system").Beside().Lines, "beside.done")
}

func (s *Server) withdrawReading(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		s.fail(w, r, http.StatusNotFound, "error.not_found")
		return
	}
	s.done(w, r, s.agent.WithdrawReading(r.Context(), n, "page"), nil, "beside.withdrawn")
}

func (s *Server) apiMeterReading(w http.ResponseWriter, r *http.Request) {
	var q api.MeterReading
	if !s.wants(w, r, &q, "error.json_reading") {
		return
	}
	s.apiBeside(w, r, s.agent.MeterReading(r.Context(), MeterReading{
		Shown: q.Shown, At: strings.TrimSpace(q.At), Bought: q.Bought, Sure: q.Sure, Anew: q.Anew, Turned: q.Turned, Left: q.Left,
	}, way(r)))
}

func (s *Server) apiWithdrawReading(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		s.fail(w, r, http.StatusNotFound, "error.not_found")
		return
	}
	s.apiBeside(w, r, s.agent.WithdrawReading(r.Context(), n, way(r)))
}

// apiBeside answers with the two meters as they are after it.
func (s *Server) apiBeside(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		s.apiDone(w, r, err)
		return
	}
	v := s.agent.View()
	s.writeJSON(w, r, http.StatusOK, api.BesideAnswer{Beside: s.wire(&v).Beside})
}
