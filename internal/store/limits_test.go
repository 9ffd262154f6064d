package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/internal/units"
)

// limitedColumns are the evidence of a limit as it is stored: a step of the schema, once
// released, is never edited.
const limitedColumns = "id n source state issuer event loads whole power start stop measured told energy most above met"

func TestTheEvidenceOfLimitsIsKeptAsItWas(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir, Options{Ballast: -1})
	ended := func(n uint64, from, to time.Duration) Limited {
		return Limited{N: n, Source: "contact", State: "limited", Loads: []string{"car", "geyser"}, Limit: 4200 * units.Watt, From: t0.Add(from), To: t0.Add(to)}
	}
	full := ended(2, time.Hour, 3*time.Hour)
	full.Issuer, full.Event, full.Measured, full.Told, full.Energy, full.Most, full.Above, full.Met = "utility", "e1", 7190*time.Second, true, 8*units.KilowattHour, 7*units.Kilowatt, 2*time.Second, t0.Add(time.Hour+2*time.Second)
	whole := ended(3, 3*time.Hour, 4*time.Hour)
	whole.Loads, whole.Whole = nil, true
	must(t, s.Commit(ctx, Batch{Limits: []Limited{ended(1, 0, time.Hour), full, whole}}))
	got := list(t, s.Limits(ctx, t0.Add(2*time.Hour), t0.Add(4*time.Hour)))
	if d := cmp.Diff([]Limited{full, whole}, got); d != "" {
		t.Error(d)
	}
	if n := len(list(t, s.Limits(ctx, t0.Add(-time.Hour), t0))); n != 0 {
		t.Errorf("%d of before there were any", n)
	}
	must(t, s.Maintain(ctx, t0.Add(keepLimits+2*time.Hour)))
	if n := len(list(t, s.Limits(ctx, t0, t0.Add(100*time.Hour)))); n != 2 {
		t.Errorf("%d are kept for three years of three", n)
	}
	names := []string{}
	for name, err := range stream(ctx, s, s.readers, mainFile, func(scan func(...any) error) (name string, err error) {
		return name, scan(&name)
	}, "SELECT name FROM pragma_table_info('limited') ORDER BY cid") {
		must(t, err)
		names = append(names, name)
	}
	if got := strings.Join(names, " "); got != limitedColumns {
		t.Errorf("it is stored as\n%s, and was as\n%s", got, limitedColumns)
	}
	must(t, s.Close())
}

// A file of before there was evidence of limits is brought to the present form, and all else in
// it is as it was.
func TestAFileOfBeforeThereWereLimitsIsTakenOver(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir, Options{Ballast: -1})
	must(t, s.Commit(ctx, Batch{Events: []Event{{At: t0, Code: "then", Severity: "info"}}}))
	must(t, s.Close())
	sqlOn("DROP TABLE limited; DROP TABLE checkpoint_base; ALTER TABLE checkpoint DROP COLUMN base; PRAGMA user_version=3")(t, dir+"/"+mainFile)
	s = open(t, dir, Options{Ballast: -1})
	must(t, s.Commit(ctx, Batch{Limits: []Limited{{N: 1, Source: "mqtt", State: "failsafe", Whole: true, Limit: units.Kilowatt, From: t0, To: t0.Add(time.Minute)}}}))
	if n, e := len(list(t, s.Limits(ctx, t0, t0.Add(time.Hour)))), len(list(t, s.Events(ctx, t0, t0.Add(time.Hour)))); n != 1 || e != 1 {
		t.Errorf("%d limits, %d events", n, e)
	}
	must(t, s.Close())
}
