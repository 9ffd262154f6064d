package store

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func message(key string, size int, at time.Time, ledger bool) Message {
	return Message{Channel: Influx, Key: key, Payload: make([]byte, size), At: at, Ledger: ledger}
}

func keys(t testing.TB, o *Outbox) []string {
	t.Helper()
	rows, err := o.Next(context.Background(), 1<<20)
	must(t, err)
	var out []string
	for _, r := range rows {
		out = append(out, r.Key)
	}
	return out
}

func counts(t testing.TB, o *Outbox) Counts {
	t.Helper()
	c, err := o.Counts(context.Background())
	must(t, err)
	return c
}

func TestOutboxKeepsOrderAndDropsCounted(t *testing.T) {
	ctx := context.Background()
	limits := func(l Limit) Options { return Options{Ballast: -1, Limits: map[Channel]Limit{Influx: l}} }
	const hour = time.Hour
	for _, row := range []struct {
		name  string
		limit Limit
		rows  []Message
		now   time.Time // of Maintain; zero is none
		left  []string
		want  Counts
	}{
		{
			"under the limit",
			Limit{Rows: 3, Bytes: 100},
			[]Message{message("a", 1, t0, false), message("b", 2, t0, false)},
			time.Time{},
			[]string{"a", "b"},
			Counts{Pending: 2, Bytes: 3, Added: 2},
		},
		{
			"the same key again",
			Limit{Rows: 3, Bytes: 100},
			[]Message{message("a", 1, t0, false), message("a", 9, t0, false)},
			time.Time{},
			[]string{"a"},
			Counts{Pending: 1, Bytes: 1, Added: 1, Doubled: 1},
		},
		{
			"too many",
			Limit{Rows: 2, Bytes: 100},
			[]Message{message("a", 1, t0, false), message("b", 1, t0, false), message("c", 1, t0, false)},
			time.Time{},
			[]string{"b", "c"},
			Counts{Pending: 2, Bytes: 2, Added: 3, Dropped: 1},
		},
		{
			"too many bytes",
			Limit{Rows: 10, Bytes: 50},
			[]Message{message("a", 30, t0, false), message("b", 30, t0, false), message("c", 15, t0, false)},
			time.Time{},
			[]string{"b", "c"},
			Counts{Pending: 2, Bytes: 45, Added: 3, Dropped: 1},
		},
		{
			"the ledger's stay",
			Limit{Rows: 1, Bytes: 100},
			[]Message{message("a", 1, t0, true), message("b", 1, t0, false), message("c", 1, t0, true), message("d", 1, t0, false)},
			time.Time{},
			[]string{"a", "c"},
			Counts{Pending: 2, Bytes: 2, Added: 4, Dropped: 2},
		},
		{
			"too old",
			Limit{Rows: 10, Bytes: 100, Age: hour},
			[]Message{message("a", 1, t0, false), message("b", 1, t0, true), message("c", 2, t0.Add(hour), false)},
			t0.Add(hour + time.Millisecond),
			[]string{"b", "c"},
			Counts{Pending: 2, Bytes: 3, Added: 3, Dropped: 1},
		},
		{
			"clock went back",
			Limit{Rows: 10, Bytes: 100, Age: hour},
			[]Message{message("a", 1, t0, false)},
			t0.Add(-100 * hour),
			[]string{"a"},
			Counts{Pending: 1, Bytes: 1, Added: 1},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, limits(row.limit))
			for _, m := range row.rows {
				must(t, s.Commit(ctx, Batch{Outbox: []Message{m}}))
			}
			if !row.now.IsZero() {
				must(t, s.Maintain(ctx, row.now))
			}
			must(t, s.Close())
			s = open(t, dir, limits(row.limit)) // the figures are those of the file
			if d := cmp.Diff(row.left, keys(t, s.Outbox(Influx))); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(row.want, counts(t, s.Outbox(Influx))); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestOutboxFigures compares with a list in memory; all that was added is
// accounted for at any time.
func TestOutboxFigures(t *testing.T) {
	ctx := context.Background()
	mem := memDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(mem, "store") //nolint:usetesting // one a check
		must(t, err)
		defer os.RemoveAll(dir)
		s, err := Open(ctx, dir, Options{Ballast: -1, Limits: map[Channel]Limit{Influx: {Rows: 8, Bytes: 1000}}})
		must(t, err)
		defer func() { must(t, s.Close()) }()
		o := s.Outbox(Influx)
		var model []Message
		n, id := 0, int64(0)
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				if len(model) > 0 {
					i := rapid.IntRange(0, len(model)-1).Draw(rt, "which")
					must(t, o.Done(ctx, model[i].ID, model[i].ID, 1<<40))
					model = slices.Delete(model, i, i+1)
				}
			case 1:
				if len(model) > 0 {
					i := rapid.IntRange(0, len(model)-1).Draw(rt, "which")
					must(t, o.Quarantine(ctx, model[i].ID, "bad"))
					must(t, o.Quarantine(ctx, model[i].ID, "bad"))
					model = slices.Delete(model, i, i+1)
				}
			default:
				n++
				m := message(fmt.Sprint(n), n, t0, rapid.Bool().Draw(rt, "ledger"))
				must(t, s.Commit(ctx, Batch{Outbox: []Message{m}}))
				id++
				m.ID = id
				model = append(model, m)
				for i := 0; len(model) > 8 && i < len(model); {
					if model[i].Ledger {
						i++
						continue
					}
					model = slices.Delete(model, i, i+1)
				}
			}
			got, err := o.Next(ctx, 100)
			must(t, err)
			if d := cmp.Diff(append([]Message{}, model...), append([]Message{}, got...)); d != "" {
				rt.Fatal(d)
			}
			c := counts(t, o)
			var size int64
			for _, m := range model {
				size += int64(len(m.Payload))
			}
			if c.Added != int64(n) || c.Pending != int64(len(model)) || c.Bytes != size || c.Added != c.Pending+c.Sent+c.Dropped+c.Quarantined {
				rt.Fatalf("%+v with %d added, %d waiting", c, n, len(model))
			}
		}
	})
}

func TestQuarantineKeepsTheNewestAndAllOfTheLedger(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{Ballast: -1})
	o := s.Outbox(Influx)
	b := Batch{Outbox: []Message{message("ledger", 1, t0, true)}}
	for i := range quarantineKeeps + 2 {
		b.Outbox = append(b.Outbox, message(fmt.Sprint(i), 1, t0, false))
	}
	must(t, s.Commit(ctx, b))
	rows, err := o.Next(ctx, len(b.Outbox))
	must(t, err)
	// One transaction a row would take its time on a slow disk; the rule is the same.
	for _, r := range rows[:3] {
		must(t, o.Quarantine(ctx, r.ID, "early"))
	}
	_, err = s.main.Exec(`INSERT INTO quarantine SELECT id, channel, key, dest, payload, at, ledger, 'bulk' FROM outbox WHERE id < ?`, rows[len(rows)-1].ID)
	must(t, err)
	must(t, o.Quarantine(ctx, rows[len(rows)-1].ID, "late"))
	got, err := o.Quarantined(ctx, 1<<20)
	must(t, err)
	if len(got) != quarantineKeeps+1 || got[0].Reason != "late" || got[len(got)-1].Key != "ledger" {
		t.Errorf("%d kept, from %q to %q", len(got), got[0].Key, got[len(got)-1].Key)
	}
}

func TestWakeAfterEachCommit(t *testing.T) {
	s := open(t, t.TempDir(), Options{Ballast: -1})
	must(t, s.Commit(context.Background(), Batch{Outbox: []Message{message("a", 1, t0, false), message("b", 1, t0, false)}}))
	select {
	case <-s.Outbox(Influx).Wake():
	default:
		t.Error("nobody was woken")
	}
	select {
	case <-s.Outbox(Influx).Wake():
		t.Error("woken twice")
	case <-s.Outbox(MQTT).Wake():
		t.Error("the other channel was woken")
	default:
	}
}
