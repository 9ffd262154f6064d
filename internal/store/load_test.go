package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/credit"
)

func TestPages(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{Ballast: -1})
	var b Batch
	var head credit.Entry
	for i := range 5 {
		head = next(head, 1)
		b.Ledger = append(b.Ledger, head)
		b.Events = append(b.Events, Event{At: t0.Add(time.Duration(i) * time.Hour), Code: fmt.Sprint(i), Severity: "info"})
		b.Plans = append(b.Plans, Plan{At: t0.Add(time.Duration(i) * time.Hour), Data: fmt.Append(nil, i)})
	}
	if _, ok, err := s.LastPlan(ctx); ok || err != nil {
		t.Error("a plan in an empty store", err)
	}
	must(t, s.Commit(ctx, b))
	page := func(before uint64, n int) string {
		got, err := s.LedgerPage(ctx, before, n)
		must(t, err)
		var seqs []string
		for _, e := range got {
			seqs = append(seqs, fmt.Sprint(e.Seq))
		}
		return strings.Join(seqs, " ")
	}
	if got := page(0, 2) + "|" + page(4, 2) + "|" + page(2, 2) + "|" + page(1, 2); got != "5 4|3 2|1|" {
		t.Error(got)
	}
	events := func(from, to time.Duration) (out string) {
		for _, e := range list(t, s.Events(ctx, t0.Add(from), t0.Add(to))) {
			out += e.Code
		}
		return out
	}
	if got := events(0, 5*time.Hour) + " " + events(time.Hour, 2*time.Hour) + " " + events(1, time.Hour+1); got != "01234 1 1" {
		t.Error(got)
	}
	last, err := s.LastEvents(ctx, 4, 2)
	must(t, err)
	if len(last) != 2 || last[0].Code != "2" || last[1].Code != "1" {
		t.Errorf("%+v", last)
	}
	p, ok, err := s.LastPlan(ctx)
	if err != nil || !ok || string(p.Data) != "4" {
		t.Errorf("%+v %t %v", p, ok, err)
	}
	// A reader that stops early leaves nothing open.
	for range 20 {
		for range s.Ledger(ctx, 2) {
			break
		}
		for range s.Intervals(ctx, "site", t0, t0.AddDate(1, 0, 0)) {
			break
		}
	}
	must(t, s.MoveIntervals(ctx))
}

func TestOldPlansAndEventsGo(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{Ballast: -1, KeepPlans: time.Hour, KeepEvents: 2 * time.Hour})
	var b Batch
	for i := range 4 {
		at := t0.Add(time.Duration(i) * time.Hour)
		b.Events = append(b.Events, Event{At: at, Code: fmt.Sprint(i)})
		b.Plans = append(b.Plans, Plan{At: at, Data: []byte("{}")})
	}
	must(t, s.Commit(ctx, b))
	must(t, s.Maintain(ctx, t0.Add(3*time.Hour)))
	if e, p := len(list(t, s.Events(ctx, time.Time{}, t0.AddDate(1, 0, 0)))), len(list(t, s.Plans(ctx, time.Time{}, t0.AddDate(1, 0, 0)))); e != 3 || p != 2 {
		t.Errorf("%d events, %d plans", e, p)
	}
}

func TestIntervalsBecomeOldDayByDay(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{Ballast: -1, KeepIntervals: 24 * time.Hour})
	var b Batch
	for n := range 96 {
		b.Intervals = append(b.Intervals, interval("site", n, 1))
	}
	must(t, s.Commit(ctx, b))
	for _, at := range []struct{ hours, left int }{{25, 94}, {26, 94}, {49, 46}, {20, 46}, {60, 24}, {73, 24}, {85, 0}} {
		must(t, s.Maintain(ctx, t0.Add(time.Duration(at.hours)*time.Hour)))
		if got := list(t, s.Intervals(ctx, "site", time.Time{}, t0.AddDate(1, 0, 0))); len(got) != at.left {
			t.Errorf("after %d hours %d are left, want %d", at.hours, len(got), at.left)
		}
	}
}

func TestTheFilesAreMadePrivateAtAStartAndAnOpenFolderIsTold(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Ballast: 4096})
	must(t, s.Commit(context.Background(), Batch{Ledger: []credit.Entry{next(credit.Entry{}, 1)}}))
	must(t, s.Close())
	for _, name := range []string{mainFile, intervalsFile} {
		must(t, os.Chmod(s.path(name), 0o666))
	}
	must(t, os.Chmod(dir, 0o755))
	var log bytes.Buffer
	open(t, dir, Options{Ballast: 4096, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "open to everybody") || !strings.Contains(log.String(), "0755") {
		t.Errorf("the log says %q", log.String())
	}
	all, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range all {
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if len(all) < 5 {
		t.Errorf("only %d files", len(all))
	}
}

func TestOldIntervalsGoWhereTheyAreNotKeptForEver(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		situation string
		keep      time.Duration
		now       time.Time
		left      int
	}{
		{"kept for ever", 0, t0.AddDate(50, 0, 0), 10},
		{"none is old", 5 * time.Hour, t0.Add(5 * time.Hour), 10},
		{"some are old", 2 * time.Hour, t0.Add(4 * time.Hour), 6},
		{"all are", time.Hour, t0.AddDate(1, 0, 0), 0},
		{"no step was made, so it is not known what time it is", time.Hour, time.Time{}, 10},
	} {
		t.Run(c.situation, func(t *testing.T) {
			s := open(t, t.TempDir(), Options{Ballast: -1, KeepIntervals: c.keep})
			var b Batch
			for n := range 10 {
				b.Intervals = append(b.Intervals, interval("site", n, 1))
			}
			b.Ledger = []credit.Entry{next(credit.Entry{}, 1)}
			must(t, s.Commit(ctx, b))
			for range 2 {
				must(t, s.Maintain(ctx, c.now))
				if got := list(t, s.Intervals(ctx, "site", time.Time{}, t0.AddDate(100, 0, 0))); len(got) != c.left || len(got) > 0 && !got[len(got)-1].Slot.Start.Equal(t0.Add(270*time.Minute)) {
					t.Fatalf("%d are left, want %d", len(got), c.left)
				}
			}
			if snap, err := s.Load(ctx); err != nil || snap.Ledger != 1 {
				t.Errorf("%d entries of the ledger, %v", snap.Ledger, err)
			}
		})
	}
}

func TestSeries(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{Ballast: -1})
	must(t, s.Commit(ctx, Batch{Intervals: []Interval{interval("site", 0, 1), interval("pump", 0, 1)}}))
	must(t, s.MoveIntervals(ctx))
	must(t, s.Commit(ctx, Batch{Intervals: []Interval{interval("oven", 0, 1), interval("site", 1, 1)}}))
	got, err := s.Series(ctx)
	must(t, err)
	if d := cmp.Diff([]string{"oven", "pump", "site"}, got); d != "" {
		t.Error(d)
	}
}

func TestMigrationsRunOnceAndInOrder(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	path := dir + "/x.db"
	s := &Store{}
	steps := schema{"CREATE TABLE a(x); INSERT INTO a VALUES(1)", "INSERT INTO a VALUES(2)", "INSERT INTO a VALUES(3); broken"}
	rows := func() (n int) {
		db, err := s.connect(path, "FULL", 1)
		must(t, err)
		defer db.Close()
		must(t, db.QueryRow("SELECT count(*) FROM a").Scan(&n))
		return n
	}
	migrate := func(sc schema) error {
		db, err := s.connect(path, "FULL", 1)
		must(t, err)
		defer db.Close()
		return sc.migrate(ctx, db, path)
	}
	must(t, migrate(steps[:1]))
	must(t, migrate(steps[:2]))
	must(t, migrate(steps[:2]))
	if n := rows(); n != 2 {
		t.Errorf("%d rows after two steps", n)
	}
	if err := migrate(steps); err == nil || !strings.Contains(err.Error(), "format 3") {
		t.Error(err)
	}
	if n := rows(); n != 2 {
		t.Errorf("%d rows: half a step was kept", n)
	}
	var newer *SchemaError
	if err := migrate(steps[:1]); !errors.As(err, &newer) || newer.Found != 2 || newer.Known != 1 {
		t.Error(err)
	}
}

func TestAfterClose(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{Ballast: -1})
	must(t, s.Close())
	must(t, s.Close())
	if err := s.Commit(ctx, Batch{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := s.Outbox(MQTT).Done(ctx, 1); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := s.Load(ctx); err == nil {
		t.Error("it still reads")
	}
}

func TestCancelledCommitStoresNothing(t *testing.T) {
	s := open(t, t.TempDir(), Options{Ballast: -1})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Commit(ctx, Batch{Ledger: []credit.Entry{next(credit.Entry{}, 1)}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	snap, err := s.Load(context.Background())
	if err != nil || snap.Ledger != 0 {
		t.Errorf("%+v %v", snap, err)
	}
}

func TestReportOnAStoppedAgent(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	if _, err := Open(ctx, dir, Options{ReadOnly: true}); err == nil || !strings.Contains(err.Error(), mainFile) {
		t.Errorf("a report on nothing: %v", err)
	}
	s := open(t, dir, Options{Ballast: -1})
	must(t, s.Commit(ctx, Batch{Ledger: []credit.Entry{next(credit.Entry{}, 1)}, Intervals: []Interval{interval("site", 0, 1)}}))
	must(t, s.Close())
	r := open(t, dir, Options{ReadOnly: true})
	if n, i := len(list(t, r.Ledger(ctx, 0))), len(list(t, r.Intervals(ctx, "site", t0, t0.AddDate(1, 0, 0)))); n != 1 || i != 1 {
		t.Errorf("%d entries, %d intervals", n, i)
	}
	must(t, r.Backup(ctx, dir+"/copy.db"))
	must(t, r.Close())
	open(t, dir, Options{Ballast: -1})
}

func TestEntriesAreFoundByTimeKindAndText(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{Ballast: -1})
	var b Batch
	head := credit.Entry{}
	for i, e := range []credit.Entry{
		{Kind: credit.Opening, Name: "37124567890", Cause: "account opened for meter 37124567890", Amount: 5},
		{Kind: credit.Consumption, Name: "Fuel energy", Cause: "Fuel energy: 1 kWh", Amount: -1},
		{Kind: credit.Topup, Name: "page", Cause: "sts token by page adds 50.00", Amount: 50},
		{Kind: credit.Standing, Name: "rent", Cause: "rent", Amount: -2},
		{Kind: credit.Consumption, Name: "levy", Cause: "levy", Amount: -1},
	} {
		e.Seq, e.At, e.Prev, e.Balance = head.Seq+1, t0.Add(time.Duration(i)*time.Hour), head.Hash, head.Balance+e.Amount
		e.Hash = e.Sum()
		b.Ledger, head = append(b.Ledger, e), e
	}
	must(t, s.Commit(ctx, b))
	for _, c := range []struct {
		what string
		find Find
		want string
	}{
		{"everything", Find{}, "5 4 3 2 1"},
		{"before one", Find{Before: 3}, "2 1"},
		{"from and to", Find{From: t0.Add(time.Hour), To: t0.Add(3 * time.Hour)}, "3 2"},
		{"kinds", Find{Kinds: []credit.Kind{credit.Topup, credit.Standing}}, "4 3"},
		{"a name, whatever its case", Find{Text: "fuel"}, "2"},
		{"a cause, where it may be looked into", Find{Text: "token", Causes: true}, "3"},
		{"a cause, where it may not", Find{Text: "token"}, ""},
		{"the meter's number by its owner", Find{Text: "37124", Causes: true}, "1"},
		{"the meter's number by a guest", Find{Text: "37124"}, ""},
		{"a kind by its word", Find{Text: "fixed charge", Also: []credit.Kind{credit.Standing}}, "4"},
		{"what SQL would read", Find{Text: "' OR 1=1 --", Causes: true}, ""},
	} {
		got, err := s.LedgerFind(ctx, c.find, 10)
		must(t, err)
		var seqs []string
		for _, e := range got {
			seqs = append(seqs, fmt.Sprint(e.Seq))
		}
		if have := strings.Join(seqs, " "); have != c.want {
			t.Errorf("%s: %q, want %q", c.what, have, c.want)
		}
	}
	if got, err := s.LedgerFind(ctx, Find{}, 2); err != nil || len(got) != 2 {
		t.Errorf("%d, %v", len(got), err)
	}
	between := list(t, s.LedgerBetween(ctx, t0.Add(time.Hour), t0.Add(2*time.Hour)))
	if len(between) != 2 || between[0].Seq != 2 || between[1].Seq != 3 {
		t.Errorf("%+v", between)
	}
	for at, want := range map[time.Duration]uint64{0: 0, time.Hour: 1, 9 * time.Hour: 5} {
		if e, err := s.LedgerAhead(ctx, t0.Add(at)); err != nil || e.Seq != want {
			t.Errorf("ahead of %s: %d, %v", at, e.Seq, err)
		}
	}
}
