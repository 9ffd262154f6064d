package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

func TestTheVoltageIsReported(t *testing.T) {
	monday := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	known := &api.Quality{Sampled: true, Says: "It was as it was. It <was>.", Weeks: []api.QualityWeek{{
		From: monday, To: monday.AddDate(0, 0, 7), Is: "broken", Values: 1000, Of: 1008, Flagged: 3, Short: 5, Nominal: 220,
		Phases: []api.QualityPhase{{Low: 198.3, High: 241, LowAt: monday.Add(19 * time.Hour), HighAt: monday.Add(3 * time.Hour)}}, Promises: []api.QualityPromise{{Promise: "harmonics", Is: "broken", Phase: 1, Order: 15, Values: 1000, Beyond: 100, Of: 1008}},
		Dips: [5][5]int{{7}}, Interruptions: [2]int{1, 2},
	}}}
	for _, c := range []struct {
		situation string
		quality   *api.Quality
		args      []string
		code      int
		want      []string
	}{
		{"a week", known, nil, exitOK, []string{"It was as it was.", "Mon 2 Mar 2026 to Sun 8 Mar 2026: broken", "1000 of 1008, 3 flagged, 5 hardly measured", "198.3 to 241.0 V", "100 of 1000 beyond (order 15)", "1 to 3 minutes, 2 longer"}},
		{"as JSON", known, []string{"--json"}, exitOK, []string{`"is":"broken"`, `"low_v":198.3`}},
		{"as a page", known, []string{"--html", "-"}, exitOK, []string{
			"<!doctype html>", "width=device-width", "Mon 2 Mar 2026 to Sun 8 Mar 2026", "What EN 50160 promises was not kept.", "Declared voltage 220 V", "198.3 V (Mon 19:00) to 241.0 V",
			"Beyond it: harmonics.", "Each harmonic up to its own limit", "100 of 1000 beyond (10.0\u00a0%), most often order 15", "<td>7</td>", "The voltage of a&lt;b", "against another declared voltage",
		}},
		{"as a page and as JSON", known, []string{"--html", "-", "--json"}, exitUsage, []string{"can't be used together"}},
		{"nothing is known", nil, nil, exitFailure, []string{"nothing is known of the voltage yet"}},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			json.NewEncoder(w).Encode(api.View{Site: "a<b", Zone: "Africa/Johannesburg", Quality: c.quality}) //nolint:errcheck // a test's server
		}))
		stdout, stderr, code := agentOn(t, "", append([]string{"quality", "--url", s.URL}, c.args...)...)
		s.Close()
		for _, want := range c.want {
			if code != c.code || !strings.Contains(stdout+stderr, want) {
				t.Errorf("%s: code %d, %q is not in %s%s", c.situation, code, want, stdout, stderr)
			}
		}
	}
}
