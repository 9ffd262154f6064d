package service

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units/unitstest"
)

// stored is a store with intervals of two series, one every step back from now.
func stored(t *testing.T, now time.Time, step, length time.Duration, n int) *store.Store {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(t.Context(), dir, store.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "intervals.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range []string{planning.SiteSeries, "geyser"} {
		if _, err := db.ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?)
			INSERT INTO interval SELECT ?, ? - i*?, ?, (i*7919%1000)*100000000, 0, 0, ?, 0, 0 FROM n`,
			n, series, now.UnixMilli(), step.Milliseconds(), int64(length), int64(length)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if st, err = store.Open(t.Context(), dir, store.Options{Ballast: -1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func TestAStartOnTenYearsOfIntervalsAsksOnlyForWhatTheForecasterKeeps(t *testing.T) {
	now := time.Now().UTC().Truncate(5 * time.Minute)
	s := &Service{store: stored(t, now, 24*time.Hour, 30*time.Minute, 3650)}
	got := map[string]int{}
	err := s.past(t.Context(), func(part []planning.Interval) error {
		for _, iv := range part {
			got[iv.Series]++
			if iv.Slot.Start.Before(now.Add(-forecast.Kept)) {
				t.Fatalf("%s of %s is read", iv.Series, iv.Slot.Start)
			}
		}
		return nil
	})
	want := int(forecast.Kept/(24*time.Hour)) - 1 // the oldest is some seconds too old by now
	if err != nil || got[planning.SiteSeries] != want || got["geyser"] != want {
		t.Errorf("%v days are read, want %d: %v", got, want, err)
	}
}

// What a planner has resident after a start on ten years of five-minute intervals.
func TestAPlannersMemoryAfterTenYears(t *testing.T) {
	if !unitstest.Long() {
		t.Skip("KEEPLIT_LONG=1 measures it")
	}
	now := time.Now().UTC().Truncate(5 * time.Minute)
	s := &Service{store: stored(t, now, 5*time.Minute, 5*time.Minute, 3652*288), log: slog.New(slog.DiscardHandler)}
	site := &control.Site{ID: "ten", Zone: time.UTC, Interval: 5 * time.Minute, PlanSlot: 30 * time.Minute, PlanAhead: 24 * time.Hour, RunOutOver: 7 * 24 * time.Hour}
	s.site = site
	debug.FreeOSMemory()
	before := resident(t, "VmRSS")
	began := time.Now()
	plans, err := s.plansOf(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %s: %d MB more resident, %d MB at the most", time.Since(began).Round(time.Millisecond), resident(t, "VmRSS")-before, resident(t, "VmHWM"))
	plans.Wait()
}

// resident is a figure of the process's memory, in MB.
func resident(t *testing.T, name string) (mb int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			if _, err := fmt.Sscan(rest, &mb); err != nil {
				t.Fatal(err)
			}
			return mb / 1024
		}
	}
	t.Fatalf("the kernel says no %s", name)
	return 0
}
