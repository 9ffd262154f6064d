package desk

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/internal/store"
)

// BenchmarkView is one picture of the loop, as the page and MQTT ask for it.
func BenchmarkView(b *testing.B) {
	site := testsite.New(b)
	at := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC)
	st, _ := site.Begin(at)
	st, _, _ = testsite.Drive(b, site, st, at, 2*time.Hour)
	a := shown(site, st, nil)
	for b.Loop() {
		a.View()
	}
}

// BenchmarkTariffDetail is the page about the tariff.
func BenchmarkTariffDetail(b *testing.B) {
	site := testsite.New(b)
	st, _ := site.Begin(time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC))
	a := shown(site, st, nil)
	for b.Loop() {
		a.TariffDetail()
	}
}

// BenchmarkHistory is 30 days with their costs, from a real store.
func BenchmarkHistory(b *testing.B) {
	site := testsite.New(b)
	s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "data"), store.Options{})
	must(b, err)
	defer func() { must(b, s.Close()) }()
	at := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC)
	st, first := site.Begin(at)
	const days = 30
	st, entries, intervals := testsite.Drive(b, site, st, at, days*24*time.Hour)
	batch := control.Batch{State: st, Effects: control.Effects{Entries: append(first.Entries, entries...), Intervals: intervals}, Unstored: 1}
	must(b, journal.New(s, nil, false, present.NewWords().Anywhere()).Commit(b.Context(), batch))
	a := shown(site, st, s)
	for b.Loop() {
		points, err := a.History(b.Context(), at, at.Add(days*24*time.Hour))
		if err != nil || len(points) < days*48-1 || points[100].Cost <= 0 {
			b.Fatalf("%d points, %v", len(points), err)
		}
	}
	b.ReportMetric(float64(len(entries)), "entries")
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
