package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// noise is what cannot be packed.
func noise(n int) []byte {
	r, out := rand.New(rand.NewPCG(1, 2)), make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func rowsOf(t testing.TB, s *Store) (n int) {
	t.Helper()
	must(t, s.readers.QueryRow("SELECT count(*) FROM outbox").Scan(&n))
	return n
}

func ids(t testing.TB, o *Outbox) (out []int64) {
	t.Helper()
	rows, err := o.Next(context.Background(), 1<<20)
	must(t, err)
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

func TestTelemetryThatIsTakenIsNeverWritten(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, dir, Options{Ballast: -1, Linger: true})
	o := s.Outbox(Influx)
	must(t, s.Commit(ctx, Batch{Outbox: []Message{message("ledger", 1, t0, true), message("a", 1, t0, false), message("b", 2, t0, false), message("b", 2, t0, false)}}))
	if d := cmp.Diff([]string{"ledger", "a", "b"}, keys(t, o)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Counts{Pending: 3, Bytes: 4, Added: 3, Doubled: 1}, counts(t, o)); d != "" {
		t.Error(d)
	}
	if n := rowsOf(t, s); n != 1 {
		t.Errorf("%d rows are written before they were offered", n)
	}
	first := ids(t, o)
	must(t, o.Done(ctx, first[1]))
	must(t, o.Done(ctx, first[1])) // removed before
	must(t, s.Commit(ctx, Batch{Outbox: []Message{message("c", 1, t0, false)}}))
	if n := rowsOf(t, s); n != 2 { // the ledger's, and b
		t.Errorf("%d rows", n)
	}
	if d := cmp.Diff([]string{"ledger", "b", "c"}, keys(t, o)); d != "" {
		t.Error(d)
	}
	must(t, o.Done(ctx, first[2])) // handed out before it was written
	if d := cmp.Diff([]string{"ledger", "c"}, keys(t, o)); d != "" {
		t.Error(d)
	}
	must(t, o.Quarantine(ctx, ids(t, o)[1], "bad"))
	if d := cmp.Diff(Counts{Pending: 1, Bytes: 1, Added: 4, Doubled: 1, Sent: 2, Quarantined: 1}, counts(t, o)); d != "" {
		t.Error(d)
	}
	must(t, s.Commit(ctx, Batch{Outbox: []Message{message("d", 1, t0, false)}}))
	must(t, s.Close())
	s = open(t, dir, Options{Ballast: -1, Linger: true}) // an orderly end loses nothing
	if d := cmp.Diff([]string{"ledger", "d"}, keys(t, s.Outbox(Influx))); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Counts{Pending: 2, Bytes: 2, Added: 5, Doubled: 1, Sent: 2, Quarantined: 1}, counts(t, s.Outbox(Influx))); d != "" {
		t.Error(d)
	}
}

// TestLingeringFigures: whatever is added, taken, refused, written and opened again,
// each message is met until it is done, and the figures account for all.
func TestLingeringFigures(t *testing.T) {
	ctx := context.Background()
	mem := memDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(mem, "store") //nolint:usetesting // one a check
		must(t, err)
		defer os.RemoveAll(dir)
		opt := Options{Ballast: -1, Linger: true}
		s, err := Open(ctx, dir, opt)
		must(t, err)
		defer func() { must(t, s.Close()) }()
		waiting := map[string]bool{}
		var handed []Message // at some time, done or not
		n, gone := 0, 0
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			o := s.Outbox(Influx)
			switch step := rapid.IntRange(0, 6).Draw(rt, "step"); {
			case step <= 1 && len(handed) > 0:
				m := handed[rapid.IntRange(0, len(handed)-1).Draw(rt, "which")]
				if step == 0 {
					must(t, o.Done(ctx, m.ID))
				} else {
					must(t, o.Quarantine(ctx, m.ID, "bad"))
				}
				// An ID of before the message was written twice over is known no more: it is sent again.
				left, err := o.Next(ctx, 1000)
				must(t, err)
				still := false
				for _, x := range left {
					still = still || x.Key == m.Key
				}
				if waiting[m.Key] && !still {
					delete(waiting, m.Key)
					gone++
				}
			case step == 2:
				must(t, s.Close())
				s, err = Open(ctx, dir, opt)
				must(t, err)
				handed = nil
			default:
				n++
				key := fmt.Sprint(n)
				must(t, s.Commit(ctx, Batch{Outbox: []Message{message(key, n, t0, rapid.Bool().Draw(rt, "ledger"))}}))
				waiting[key] = true
			}
			o = s.Outbox(Influx)
			got, err := o.Next(ctx, 1000)
			must(t, err)
			seen := map[string]bool{}
			for _, m := range got {
				if seen[m.Key] {
					rt.Fatalf("%s is handed out twice at once", m.Key)
				}
				seen[m.Key] = true
			}
			if d := cmp.Diff(waiting, seen); d != "" {
				rt.Fatal(d)
			}
			if rapid.Bool().Draw(rt, "remember") {
				handed = append(handed, got...)
			}
			c := counts(t, o)
			if c.Added != int64(n) || c.Pending != int64(len(waiting)) || c.Sent+c.Quarantined != int64(gone) || c.Dropped != 0 {
				rt.Fatalf("%+v of %d added, %d waiting, %d gone", c, n, len(waiting), gone)
			}
		}
	})
}

func TestACheckpointIsStoredPackedAndReadAsItWas(t *testing.T) {
	ctx := context.Background()
	for name, data := range map[string][]byte{"short": []byte(`{"a":1}`), "long": []byte(fmt.Sprintf(`{"a":"%0100000d"}`, 7)), "noise": noise(5000)} {
		dir := t.TempDir()
		s := open(t, dir, Options{Ballast: -1})
		must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: data}))
		var size int
		must(t, s.readers.QueryRow("SELECT length(data) FROM checkpoint").Scan(&size))
		if name == "long" && size > len(data)/20 {
			t.Errorf("%d bytes of %d are stored", size, len(data))
		}
		must(t, s.Close())
		s = open(t, dir, Options{Ballast: -1})
		snap, err := s.Load(ctx)
		must(t, err)
		if string(snap.Checkpoint) != string(data) || snap.Changed {
			t.Errorf("%s: not as it was", name)
		}
	}
	// One that was stored plain by an older program is read, and one that is damaged is told.
	dir := t.TempDir()
	s := open(t, dir, Options{Ballast: -1})
	must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: []byte(fmt.Sprintf(`{"a":"%01000d"}`, 7))}))
	must(t, s.Close())
	plain := fmt.Sprintf(`{"b":"%01000d"}`, 8)
	sqlOn("UPDATE checkpoint SET data = CAST('"+plain+"' AS BLOB), base = '', sum = '"+sumOf([]byte(plain))+"'")(t, filepath.Join(dir, mainFile))
	s = open(t, dir, Options{Ballast: -1})
	snap, err := s.Load(ctx)
	must(t, err)
	if string(snap.Checkpoint) != plain || snap.Changed {
		t.Errorf("%s, changed %v", snap.Checkpoint, snap.Changed)
	}
	must(t, s.Close())
	sqlOn("UPDATE checkpoint SET data = x'1f8b0800000000', base = '', sum = 'x'")(t, filepath.Join(dir, mainFile))
	s = open(t, dir, Options{Ballast: -1})
	if snap, err = s.Load(ctx); err != nil || !snap.Changed {
		t.Errorf("damaged: changed %v, %v", snap.Changed, err)
	}
}

func TestWhatLingersIsWrittenWithinABatch(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{Ballast: -1, Linger: true})
	for i := range 5 {
		must(t, s.Commit(ctx, Batch{At: t0.Add(time.Duration(i) * time.Minute), Outbox: []Message{message(fmt.Sprint(i), 1, t0, false)}}))
	}
	if n := rowsOf(t, s); n != 4 {
		t.Errorf("%d of 5 are written", n)
	}
	var many []Message
	for i := range lingerMost + 1 {
		many = append(many, message(fmt.Sprint("m", i), 1, t0, false))
	}
	must(t, s.Commit(ctx, Batch{Outbox: many}))
	if n := rowsOf(t, s); n != 5+len(many) {
		t.Errorf("a replay's batch lingers: %d", n)
	}
}
