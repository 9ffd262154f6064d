package api

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
)

// LimitLog is the limits that held: GET /api/v1/limits.
type LimitLog struct {
	Limits []LimitRow `json:"limits"`
	Next   *time.Time `json:"next"` // ask on from here; null at the end
}

// LimitRow is the evidence of one limit.
type LimitRow struct {
	N         uint64     `json:"n"`      // counts them; a gap is those that were not written down
	Source    string     `json:"source"` // signed, event, contact, mqtt, openadr or openadr_event
	State     string     `json:"state"`  // init, limited, failsafe or autonomous
	By        string     `json:"by,omitempty"`
	Event     string     `json:"event,omitempty"`
	Of        string     `json:"of"`              // site, or loads
	Loads     []string   `json:"loads,omitempty"` // of which the sum counts
	LimitW    float64    `json:"limit_w"`
	From      time.Time  `json:"from"`
	To        *time.Time `json:"to"` // null: it holds
	MeasuredS float64    `json:"measured_s"`
	Told      bool       `json:"told,omitempty"` // some of it by what a load was told: nothing measures it
	EnergyKWh float64    `json:"energy_kwh"`
	MostW     float64    `json:"most_w"`
	AboveS    float64    `json:"above_s"` // so long more was drawn than allowed
	Met       *time.Time `json:"met"`     // when no more was drawn for the first time; null: never
}

// LimitRowOf is a record as it is sent.
func LimitRowOf(r control.LimitRecord) LimitRow {
	of := "loads"
	if r.Whole {
		of = "site"
	}
	return LimitRow{
		N: r.N, Source: string(r.Source), State: string(r.Phase), By: r.By, Event: r.Event, Of: of, Loads: r.Loads, LimitW: r.Limit.W(), From: r.From.UTC(), To: At(r.To),
		MeasuredS: r.Measured.Seconds(), Told: r.Told, EnergyKWh: r.Energy.KWh(), MostW: r.Most.W(), AboveS: r.Over.Seconds(), Met: At(r.Met),
	}
}

// LimitRowsOf are records as they are sent.
func LimitRowsOf(all []control.LimitRecord) []LimitRow {
	out := make([]LimitRow, len(all))
	for i, r := range all {
		out[i] = LimitRowOf(r)
	}
	return out
}

// WriteLimits writes rows as CSV with a line of names; what is null is empty.
func WriteLimits(out io.Writer, rows []LimitRow) error {
	w := csv.NewWriter(out)
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	instant := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.Format(time.RFC3339Nano)
	}
	all := [][]string{{"n", "source", "state", "by", "event", "of", "loads", "limit_w", "from", "to", "measured_s", "told", "energy_kwh", "most_w", "above_s", "met"}}
	for _, r := range rows {
		all = append(all, []string{
			strconv.FormatUint(r.N, 10), r.Source, r.State, r.By, r.Event, r.Of, strings.Join(r.Loads, " "), number(r.LimitW), r.From.Format(time.RFC3339Nano), instant(r.To),
			number(r.MeasuredS), strconv.FormatBool(r.Told), number(r.EnergyKWh), number(r.MostW), number(r.AboveS), instant(r.Met),
		})
	}
	return w.WriteAll(all)
}
