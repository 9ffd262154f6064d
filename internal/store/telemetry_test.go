package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// smallDisk is a real file system of so many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no mount here: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("%s", out)
		}
	})
	return dir
}

func TestWhatIsOnlyToldNeverRefusesTheCredit(t *testing.T) {
	ctx := context.Background()
	e1 := next(credit.Entry{}, 10*units.One)
	token := []SeenToken{{"abc", t0, 1}}
	far := time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	broken := sqlOn(`CREATE TRIGGER broken BEFORE INSERT ON outbox WHEN NEW.ledger = 0 BEGIN SELECT RAISE(ABORT, 'broken'); END`)
	good := Message{Channel: Influx, Key: "good", At: t0}
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		batch Batch
		left  []string
		want  Counts
	}{
		{"a point of a year that no file holds", nil, Batch{Outbox: []Message{{Channel: Influx, Key: "far", At: far}, good}}, []string{"good"}, Counts{Pending: 1, Added: 2, Dropped: 1}},
		{"a point without a key", nil, Batch{Outbox: []Message{{Channel: Influx, At: t0}, good}}, []string{"good"}, Counts{Pending: 1, Added: 2, Dropped: 1}},
		{"a message for nobody", nil, Batch{Outbox: []Message{{Channel: "post", Key: "k", At: t0}, good}}, []string{"good"}, Counts{Pending: 1, Added: 1}},
		{"points that could not be made", nil, Batch{Outbox: []Message{good}, Lost: map[Channel]int64{Influx: 3}}, []string{"good"}, Counts{Pending: 1, Added: 4, Dropped: 3}},
		{"an event without a time", nil, Batch{Events: []Event{{Code: "x"}}, Outbox: []Message{good}}, []string{"good"}, Counts{Pending: 1, Added: 1}},
		{"a plan without a time", nil, Batch{Plans: []Plan{{}}, Outbox: []Message{good}}, []string{"good"}, Counts{Pending: 1, Added: 1}},
		{"an interval within a millisecond", nil, Batch{Intervals: []Interval{{Series: "site", Interval: metering.Interval{
			Slot: units.Slot{Start: t0.Add(1), Len: time.Minute},
		}}}, Outbox: []Message{good}}, []string{"good"}, Counts{Pending: 1, Added: 1}},
		{"a table of telemetry that takes nothing", broken, Batch{Outbox: []Message{good}}, nil, Counts{Added: 1, Dropped: 1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, open(t, dir, Options{Ballast: -1}).Close())
			if row.spoil != nil {
				row.spoil(t, filepath.Join(dir, mainFile))
			}
			s := open(t, dir, Options{Ballast: -1})
			row.batch.At, row.batch.Checkpoint, row.batch.Ledger, row.batch.Tokens = t0, []byte("new"), []credit.Entry{e1}, token
			must(t, s.Commit(ctx, row.batch))
			snap, err := s.Load(ctx)
			must(t, err)
			if d := cmp.Diff(Snapshot{Head: e1, Ledger: 1, Tokens: 1, Checkpoint: []byte("new"), CheckpointAt: t0}, snap); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(row.left, keys(t, s.Outbox(Influx))); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(row.want, counts(t, s.Outbox(Influx))); d != "" {
				t.Error(d)
			}
		})
	}
}

// flood commits n times one entry of the ledger and what is told beside it, and
// answers how many commits went well before the first that did not.
func flood(t *testing.T, s *Store, n, points int) int {
	t.Helper()
	ctx := context.Background()
	snap, err := s.Load(ctx)
	must(t, err)
	head, state := snap.Head, noise(20_000)
	for i := range n {
		e := next(head, 1)
		b := Batch{At: t0, Checkpoint: state, Ledger: []credit.Entry{e}}
		for k := range points {
			b.Outbox = append(b.Outbox, Message{Channel: Influx, Key: fmt.Sprintf("%d/%d", e.Seq, k), Payload: state[:150], At: t0})
		}
		if err := s.Commit(ctx, b); err != nil {
			var full *DiskFullError
			if !errors.As(err, &full) {
				t.Fatalf("%T %v", err, err)
			}
			return i
		}
		head = e
	}
	return n
}

// A disk that is nearly full, a receiver that is away, and telemetry all the time:
// the reserve lasts for the ledger as if there were none.
func TestTelemetryDoesNotEatTheReserve(t *testing.T) {
	unraced.Only(t)
	const commits = 2000
	s := open(t, smallDisk(t, "12m"), Options{Ballast: 1 << 20})
	done := flood(t, s, commits, 30)
	c := counts(t, s.Outbox(Influx))
	t.Logf("%d commits went well; of %d points %d wait and %d were dropped; %+v", done, c.Added, c.Pending, c.Dropped, s.Condition())
	if done < commits {
		t.Errorf("after %d commits a token could not be recorded any more", done)
	}
	if c.Added != commits*30 || c.Dropped == 0 || c.Added != c.Pending+c.Dropped {
		t.Errorf("not every point is accounted for: %+v", c)
	}
}

// What waits in the outbox is worth less than one top-up.
func TestWaitingTelemetryIsGivenUpForTheLedger(t *testing.T) {
	unraced.Only(t)
	s := open(t, memDir(t), Options{Ballast: -1, MaxPages: 250})
	waits := flood(t, s, 10, 300)
	before := counts(t, s.Outbox(Influx))
	entries := flood(t, s, 2500, 0)
	after := counts(t, s.Outbox(Influx))
	t.Logf("%d commits with points, then %d entries; points waiting %d, then %d", waits, entries, before.Pending, after.Pending)
	if entries < 1000 || after.Pending >= before.Pending || after.Added != after.Pending+after.Dropped {
		t.Errorf("%d entries; before %+v, after %+v", entries, before, after)
	}
}

func TestASmallDiskHasTheReserveThatFits(t *testing.T) {
	s := open(t, smallDisk(t, "14m"), Options{})
	c := s.Condition()
	t.Logf("%+v", c)
	if c.Reserve || c.Kept < 4<<20 || c.Wanted != 8<<20 || c.Free < 4<<20 {
		t.Errorf("%+v", c)
	}
	st, err := os.Stat(s.path(ballastFile))
	must(t, err)
	if st.Size() != c.Kept {
		t.Errorf("%d bytes are kept, %d are told", st.Size(), c.Kept)
	}
}
