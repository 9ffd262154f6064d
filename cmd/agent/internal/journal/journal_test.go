package journal

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// journal is a Journal into a real store.
func journal(t *testing.T) (*Journal, *store.Store) {
	t.Helper()
	st, err := store.Open(t.Context(), t.TempDir(), store.Options{Ballast: -1})
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	s, err := broker.New(broker.Config{URL: "mqtt://127.0.0.1:1", Site: "home"})
	must(t, err)
	topics := s.Topics()
	return New(st, &topics, true, present.NewWords().Anywhere()), st
}

func opened(t *testing.T) (control.State, []credit.Entry) {
	t.Helper()
	engine, err := credit.New(credit.Defaults(), time.UTC)
	must(t, err)
	a, entries := engine.Open("1", t0)
	return control.State{Now: t0, AccountState: control.AccountState{Credit: a}}, entries
}

// What InfluxDB cannot hold, and a plan that is no number, are no reason to
// refuse the credit that is in the same batch.
func TestWhatTelemetryCannotHoldDoesNotRefuseTheCredit(t *testing.T) {
	far := time.Date(2299, 1, 1, 0, 0, 0, 0, time.UTC)
	point := func(at time.Time, v float64) control.Point {
		return control.Point{Measurement: control.SitePoint, At: at, Fields: []control.Field{{Key: "v", Value: v}}}
	}
	for _, row := range []struct {
		name    string
		spoil   func(b *control.Batch)
		added   int64
		dropped int64
	}{
		{"a point of the year 2299", func(b *control.Batch) { b.Effects.Points = []control.Point{point(far, 1), point(t0, 1)} }, 2, 1},
		{"a point without a figure", func(b *control.Batch) { b.Effects.Points = []control.Point{point(t0, math.NaN()), point(t0, 1)} }, 1, 0},
		{"a point of the ledger of the year 2299", func(b *control.Batch) {
			p := point(far, 1)
			p.Measurement = control.LedgerPoint
			b.Effects.Points = []control.Point{p, point(t0, 1)}
		}, 2, 1},
		{"a plan whose gap is no number", func(b *control.Batch) {
			b.State.Plan = &planning.Plan{Gap: math.NaN()}
			b.Effects.Points = []control.Point{point(t0, 1)}
		}, 1, 0},
		{"points that were given up before", func(b *control.Batch) {
			b.Thinned = control.Thinned{Points: 5, Events: 2}
			b.Effects.Points = []control.Point{point(t0, 1)}
		}, 6, 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			j, st := journal(t)
			b := control.Batch{}
			b.State, b.Effects.Entries = opened(t)
			row.spoil(&b)
			must(t, j.Commit(t.Context(), b))
			snap, err := st.Load(t.Context())
			must(t, err)
			if snap.Head.Seq != 1 {
				t.Errorf("the ledger ends at %d", snap.Head.Seq)
			}
			c, err := st.Outbox(store.Influx).Counts(t.Context())
			must(t, err)
			if c.Added != row.added || c.Dropped != row.dropped || c.Pending != row.added-row.dropped {
				t.Errorf("%+v", c)
			}
			if !json.Valid(snap.Checkpoint) {
				t.Errorf("the state is stored as %q", snap.Checkpoint)
			}
			if b.Thinned.Events > 0 {
				events, err := st.LastEvents(t.Context(), 0, 1)
				must(t, err)
				if len(events) != 1 || events[0].Code != "records_thinned" || !strings.Contains(events[0].Text, "2 events") {
					t.Errorf("%+v", events)
				}
			}
		})
	}
}

// Two events of one code in one millisecond, in two batches, are two messages.
func TestEventsOfOneMomentAreTold(t *testing.T) {
	j, st := journal(t)
	state, _ := opened(t)
	for i := range 2 {
		must(t, j.Commit(t.Context(), control.Batch{State: state, Effects: control.Effects{Events: []control.Event{
			{Seq: uint64(i + 1), At: t0, Code: "token_crc", Severity: health.Info, Says: said.Words("by page")},
		}}}))
	}
	rows, err := st.Outbox(store.MQTT).Next(t.Context(), 10)
	must(t, err)
	if len(rows) != 2 {
		t.Errorf("%d of 2 events are told", len(rows))
	}
}

// Programs of others read the messages that are told once: they stay as they
// are sent.
func TestMessagesToldOnceStayAsTheyAreSent(t *testing.T) {
	j, _ := journal(t)
	got, err := j.messages(nil, control.Effects{
		Entries: []credit.Entry{
			{Seq: 1, At: t0, Kind: credit.Opening, Amount: 60 * units.One, Balance: 60 * units.One, Cause: "opening credit", Hash: "aa"},
			{Seq: 2, At: t0.Add(time.Minute), Kind: credit.Consumption, Name: "day", Amount: -3_450_000, Tax: -450_000, Balance: 56_550_000, Energy: units.FromKWh(1.25), Cause: "1.25 kWh", Hash: "bb"},
		},
		Events: []control.Event{{Seq: 7, At: t0, Code: "meter_silent", Severity: health.Serious, Says: said.Words("no answer")}},
	})
	must(t, err)
	want := []string{
		`keeplit/home/ledger {"seq":1,"at":"2026-03-01T12:00:00Z","kind":"opening","amount":"60.000000","balance":"60.000000","cause":"opening credit","hash":"aa"}`,
		`keeplit/home/ledger {"seq":2,"at":"2026-03-01T12:01:00Z","kind":"consumption","name":"day","amount":"-3.450000","balance":"56.550000","tax":"-0.450000","kwh":1.25,"cause":"1.25 kWh","hash":"bb"}`,
		`keeplit/home/event {"id":"1772366400000-7-meter_silent","at":"2026-03-01T12:00:00Z","code":"meter_silent","severity":"serious","text":"no answer"}`,
	}
	for i, m := range got {
		if text := m.Dest + " " + string(m.Payload); i >= len(want) || text != want[i] {
			t.Errorf("is  %s\nwas %s", text, want[min(i, len(want)-1)])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d messages, want %d", len(got), len(want))
	}
}
