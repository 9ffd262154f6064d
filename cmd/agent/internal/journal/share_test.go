package journal

import (
	"slices"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/store"
)

// What the owner does not share is not kept for sending, and is recorded at home all the same.
func TestWhatIsNotSharedIsNotKeptForSending(t *testing.T) {
	for _, c := range []struct {
		situation            string
		points, topics, want []string // of want each is in what waits
		waiting              int
	}{
		{"all", []string{"site", "ledger", "event"}, []string{"ledger", "event"}, []string{"site ", "ledger ", `"kind":"opening"`, `"code":"credit_low"`}, 5},
		{"nothing", nil, nil, nil, 0},
		{"the ledger to the broker alone", nil, []string{"ledger"}, []string{`"kind":"opening"`}, 1},
		{"the house to InfluxDB alone", []string{"site"}, nil, []string{"site "}, 1},
	} {
		t.Run(c.situation, func(t *testing.T) {
			j, st := journal(t)
			j.Share(func(m string) bool { return slices.Contains(c.points, m) }, func(m string) bool { return slices.Contains(c.topics, m) })
			state, entries := opened(t)
			point := func(m string) control.Point {
				return control.Point{Measurement: m, At: t0, Fields: []control.Field{{Key: "v", Value: 1}}}
			}
			must(t, j.Commit(t.Context(), control.Batch{State: state, Effects: control.Effects{
				Entries: entries, Events: []control.Event{{At: t0, Code: string(health.CreditLow), Severity: health.Caution, Says: said.Words("low")}},
				Points: []control.Point{point("site"), point("ledger"), point("event")},
			}}))
			text := ""
			n := 0
			for _, ch := range []store.Channel{store.Influx, store.MQTT} {
				rows, err := st.Outbox(ch).Next(t.Context(), 100)
				must(t, err)
				n += len(rows)
				for _, r := range rows {
					text += string(r.Payload) + "\n"
				}
			}
			for _, w := range c.want {
				if !strings.Contains(text, w) {
					t.Errorf("%q is missing in\n%s", w, text)
				}
			}
			if n != c.waiting {
				t.Errorf("%d rows wait:\n%s", n, text)
			}
			kept, err := st.LedgerPage(t.Context(), 0, 10)
			must(t, err)
			happened, err := st.LastEvents(t.Context(), 0, 10)
			must(t, err)
			if len(kept) != len(entries) || len(happened) != 1 {
				t.Errorf("%d entries and %d events are recorded", len(kept), len(happened))
			}
		})
	}
}
