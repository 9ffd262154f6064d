package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// TestMain makes the test's program the agent that is killed, too.
func TestMain(m *testing.M) {
	if dir := os.Getenv("KEEPLIT_TEST_VICTIM"); dir != "" {
		victim(dir)
		return
	}
	os.Exit(m.Run())
}

// victim goes on from what the store has, for ever: batch n holds ledger entry
// n, one part of an interval, a message and a checkpoint that says n.  It
// prints n once Commit has returned.
func victim(dir string) {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	s, err := Open(ctx, dir, Options{Ballast: -1})
	fail(err)
	snap, err := s.Load(ctx)
	fail(err)
	go func() { // the forwarder's part
		for {
			rows, err := s.Outbox(MQTT).Next(ctx, 3)
			fail(err)
			for _, r := range rows {
				fail(s.Outbox(MQTT).Done(ctx, r.ID))
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	go func() { // the clock's part
		for {
			fail(errors.Join(s.MoveIntervals(ctx), s.Maintain(ctx, t0)))
			time.Sleep(3 * time.Millisecond)
		}
	}()
	for head := snap.Head; ; {
		e := next(head, units.Money(head.Seq%7)-3)
		n := strconv.FormatUint(e.Seq, 10)
		fail(s.Commit(ctx, Batch{
			At: t0, Checkpoint: document(e.Seq), Ledger: []credit.Entry{e},
			Tokens:    []SeenToken{{"t" + n, t0, e.Seq}},
			Intervals: []Interval{interval("site", int(e.Seq/4), 1)}, // four parts a slot
			Outbox:    []Message{{Channel: MQTT, Key: n, Dest: "a", At: t0, Ledger: true}},
		}))
		fmt.Println(e.Seq)
		head = e
	}
}

// memDir is a directory in memory where there is one: these tests are about
// order and not about the disk.
func memDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "keeplit-test-") //nolint:usetesting // not where the disk is
	if err != nil {
		dir, err = os.MkdirTemp("", "keeplit-test-") //nolint:usetesting // as above
	}
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func TestKilledAtAnyMoment(t *testing.T) {
	dir := memDir(t)
	r := rand.New(rand.NewPCG(1, 2))
	var acked uint64
	const kills = 30
	for range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "KEEPLIT_TEST_VICTIM="+dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		after := time.Duration(r.IntN(150)) * time.Millisecond
		lines := make(chan string)
		go func() {
			defer close(lines)
			for sc := bufio.NewScanner(out); sc.Scan(); {
				lines <- sc.Text()
			}
		}()
		first, ok := <-lines // it works now
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		for ; ok; first, ok = <-lines {
			n, err := strconv.ParseUint(first, 10, 64)
			if err != nil {
				t.Fatalf("the agent says %q", first)
			}
			acked = n
		}
		timer.Stop()
		_ = cmd.Wait() // killed

		s := open(t, dir, Options{Ballast: -1})
		checkVictim(t, s, acked)
		must(t, s.Close()) // and the intervals move
		s = open(t, dir, Options{Ballast: -1})
		checkVictim(t, s, acked)
		must(t, s.Close())
	}
	t.Logf("%d entries over %d kills", acked, kills)
}

// checkVictim checks that the store holds all that was acknowledged, nothing
// twice, and that its parts agree.
func checkVictim(t *testing.T, s *Store, acked uint64) {
	t.Helper()
	ctx := context.Background()
	snap, err := s.Load(ctx)
	must(t, err)
	n := snap.Head.Seq
	if n < acked || n > acked+1 {
		t.Fatalf("%d entries, %d were acknowledged", n, acked)
	}
	if n > 0 && (string(snap.Checkpoint) != string(document(n)) || snap.Changed) || snap.Tokens != int64(n) {
		t.Fatalf("checkpoint %.40s and %d tokens at entry %d", snap.Checkpoint, snap.Tokens, n)
	}
	v := credit.NewVerifier()
	for e, err := range s.Ledger(ctx, 0) {
		must(t, errors.Join(err, v.Next(e)))
	}
	if v.Head().Seq != n {
		t.Fatalf("the ledger ends at %d, its head is %d", v.Head().Seq, n)
	}
	parts := int64(0)
	for i, err := range s.Intervals(ctx, "site", time.Time{}, t0.AddDate(1, 0, 0)) {
		must(t, err)
		parts += int64(i.Import / units.KilowattHour)
	}
	if parts != int64(n) {
		t.Fatalf("%d kWh in the intervals, %d were charged", parts, n)
	}
	c, err := s.Outbox(MQTT).Counts(ctx)
	must(t, err)
	rows, err := s.Outbox(MQTT).Next(ctx, 1<<20)
	must(t, err)
	if c.Added != int64(n) || c.Pending != int64(len(rows)) || c.Sent != c.Added-c.Pending || c.Dropped+c.Quarantined+c.Doubled != 0 {
		t.Fatalf("%+v with %d rows and %d added", c, len(rows), n)
	}
}

// TestFullDisk fills a real disk where it may mount one, and caps the file
// where it may not.
func TestFullDisk(t *testing.T) {
	unraced.Only(t)
	t.Run("the file may not grow", func(t *testing.T) {
		s := open(t, memDir(t), Options{MaxPages: 200, Ballast: 1 << 20})
		fillUp(t, s)
		c := s.Condition()
		if !c.DiskFull || c.Reserve {
			t.Errorf("%+v", c)
		}
	})
	t.Run("the disk is full", func(t *testing.T) {
		dir := t.TempDir()
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", dir).CombinedOutput(); err != nil {
			t.Skipf("no mount here: %s", out)
		}
		defer func() {
			if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
				t.Errorf("%s", out)
			}
		}()
		s := open(t, dir, Options{Ballast: 512 << 10})
		if c := s.Condition(); !c.Reserve || c.DiskFull || c.Free <= 0 {
			t.Fatalf("%+v", c)
		}
		must(t, s.Close())
		junk := filepath.Join(dir, "junk")
		for { // somebody else fills the disk
			f, err := os.OpenFile(junk, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			must(t, err)
			_, err = f.Write(make([]byte, 16<<10))
			must(t, f.Close())
			if err != nil {
				break
			}
		}
		s = open(t, dir, Options{Ballast: 512 << 10}) // by the reserve
		if c := s.Condition(); !c.DiskFull || c.Reserve {
			t.Fatalf("%+v", c)
		}
		n := fillUp(t, s)
		if n < 200 {
			t.Errorf("the reserve held only %d entries", n)
		}
		if c := s.Condition(); !c.DiskFull || c.Reserve {
			t.Errorf("%+v", c)
		}
		must(t, os.Remove(junk))
		snap, err := s.Load(context.Background())
		must(t, err)
		must(t, s.Commit(context.Background(), Batch{Ledger: []credit.Entry{next(snap.Head, 1)}})) // at once
		if c := s.Condition(); c.DiskFull || !c.Reserve {
			t.Errorf("%+v", c)
		}
		must(t, s.Close())
		s = open(t, dir, Options{Ballast: 512 << 10})
		snap, err = s.Load(context.Background())
		must(t, err)
		if snap.Head.Seq != uint64(n)+1 {
			t.Errorf("%d entries", snap.Head.Seq)
		}
		must(t, s.Close())
	})
}

// fillUp commits until the disk is full, checks what that looks like, and
// answers how many entries there are.
func fillUp(t *testing.T, s *Store) int {
	t.Helper()
	ctx := context.Background()
	var head credit.Entry
	for {
		e := next(head, 1)
		err := s.Commit(ctx, Batch{
			At: t0, Checkpoint: noise(2000), Ledger: []credit.Entry{e}, Intervals: []Interval{interval("site", int(e.Seq), 1)},
		})
		if err == nil {
			head = e
			if e.Seq > 20_000 {
				t.Fatal("the disk never becomes full")
			}
			continue
		}
		var full *DiskFullError
		if !errors.As(err, &full) || !strings.Contains(err.Error(), "free some space") || !strings.Contains(err.Error(), s.Dir()) {
			t.Fatalf("%T %v", err, err)
		}
		break
	}
	snap, err := s.Load(ctx) // what is there can still be read
	must(t, err)
	if d := cmp.Diff(head, snap.Head); d != "" || snap.Ledger != int64(head.Seq) {
		t.Fatalf("%s", d)
	}
	if err := s.Commit(ctx, Batch{Ledger: []credit.Entry{next(head, 1)}, Checkpoint: noise(20_000), At: t0}); err == nil {
		t.Fatal("there is room after all")
	}
	return int(head.Seq)
}

func TestFullDiskAtTheStart(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no mount here: %s", out)
	}
	defer func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("%s", out)
		}
	}()
	_, err := Open(context.Background(), dir, Options{})
	var full *DiskFullError
	if !errors.As(err, &full) {
		t.Fatalf("%T %v", err, err)
	}
}

func TestBackupIsAStoreOfItsOwn(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{Ballast: -1})
	e := next(credit.Entry{}, 5)
	must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: []byte("1"), Ledger: []credit.Entry{e}, Intervals: []Interval{interval("site", 0, 1), interval("site", 1, 1)}}))
	must(t, s.MoveIntervals(ctx))
	must(t, s.Commit(ctx, Batch{Intervals: []Interval{interval("site", 2, 1)}}))
	copied := filepath.Join(t.TempDir(), mainFile)
	must(t, s.Backup(ctx, copied))
	if err := s.Backup(ctx, copied); err == nil {
		t.Error("a file was replaced")
	}
	st, err := os.Stat(copied)
	must(t, err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %o", st.Mode().Perm())
	}
	must(t, s.Commit(ctx, Batch{Intervals: []Interval{interval("site", 3, 1)}}))
	must(t, s.Close()) // all four have moved

	// The ledger's file is put back, beside the newer intervals.
	for _, f := range []string{mainFile + "-wal", mainFile + "-shm"} {
		if err := os.Remove(s.path(f)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	must(t, os.Rename(copied, s.path(mainFile)))
	s = open(t, s.Dir(), Options{Ballast: -1})
	snap, err := s.Load(ctx)
	must(t, err)
	if snap.Head.Seq != 1 || string(snap.Checkpoint) != "1" {
		t.Errorf("%+v", snap)
	}
	must(t, s.Commit(ctx, Batch{Intervals: []Interval{interval("site", 4, 1)}}))
	must(t, s.MoveIntervals(ctx))
	got := list(t, s.Intervals(ctx, "site", t0, t0.AddDate(0, 0, 1)))
	if len(got) != 5 {
		t.Fatalf("%d intervals", len(got))
	}
	for _, i := range got {
		if i.Import != units.KilowattHour {
			t.Errorf("%s has %s", i.Slot.Start, i.Import)
		}
	}
}

// TestIntervalsWhereverTheyAre compares with intervals kept in memory, while
// they come in parts, move, and are reopened.
func TestIntervalsWhereverTheyAre(t *testing.T) {
	ctx := context.Background()
	mem := memDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(mem, "store") //nolint:usetesting // one a check
		must(t, err)
		defer os.RemoveAll(dir)
		s, err := Open(ctx, dir, Options{Ballast: -1})
		must(t, err)
		defer func() { must(t, s.Close()) }()
		model := map[int]Interval{}
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0:
				must(t, s.MoveIntervals(ctx))
			case 1:
				must(t, s.Close())
				s, err = Open(ctx, dir, Options{Ballast: -1})
				must(t, err)
			default:
				var b Batch
				for range rapid.IntRange(1, 5).Draw(rt, "rows") {
					i := interval("site", rapid.IntRange(0, 9).Draw(rt, "slot"), rapid.Int64Range(0, 9).Draw(rt, "kwh"))
					i.Quality = 1 << rapid.IntRange(0, 4).Draw(rt, "quality")
					i.MaxDemand = units.Power(rapid.IntRange(0, 9).Draw(rt, "demand"))
					b.Intervals = append(b.Intervals, i, interval("pump", 0, 1))
					n := int(i.Slot.Start.Sub(t0) / i.Slot.Len)
					if old, ok := model[n]; ok {
						i.Interval = old.Merge(i.Interval)
					}
					model[n] = i
				}
				must(t, s.Commit(ctx, b))
			}
		}
		from, to := rapid.IntRange(0, 10).Draw(rt, "from"), rapid.IntRange(0, 10).Draw(rt, "to")
		var want []Interval
		for n := from; n < to; n++ {
			if i, ok := model[n]; ok {
				want = append(want, i)
			}
		}
		got, err := collect(s.Intervals(ctx, "site", t0.Add(time.Duration(from)*30*time.Minute), t0.Add(time.Duration(to)*30*time.Minute)))
		must(t, err)
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatal(d)
		}
	})
}

// TestPowerCutWhileIntervalsMove drops what intervals.db has not synced, which
// with synchronous NORMAL is all of its WAL, at each step of a move.
func TestPowerCutWhileIntervalsMove(t *testing.T) {
	ctx := context.Background()
	const n = 10
	for _, row := range []struct {
		name string
		move func(s *Store) error
		left int
		wal  bool // SQLite has synced the WAL: it does so before it copies anything out of it
	}{
		{"before", func(*Store) error { return nil }, n, false},
		{"after the copy, before its sync", func(s *Store) error { _, err := s.moveSome(ctx); return err }, n, false},
		{"after the move", func(s *Store) error { return s.MoveIntervals(ctx) }, n, false},
		{"twice", func(s *Store) error { return errors.Join(s.MoveIntervals(ctx), s.MoveIntervals(ctx)) }, n, false},
		{"with a reader in the way", func(s *Store) error {
			tx, err := s.hreaders.BeginTx(ctx, nil)
			must(t, err)
			defer func() { _ = tx.Rollback() }()
			var id int
			must(t, tx.QueryRow("SELECT id FROM moved").Scan(&id))
			must(t, s.MoveIntervals(ctx))
			snap, err := s.Load(ctx)
			if snap.Waiting != n {
				t.Errorf("%d intervals wait: the others were forgotten before their file was whole", snap.Waiting)
			}
			return err
		}, n, true},
		// The control: without the sync they are gone, so this test would see it.
		{"deleted without the sync", func(s *Store) error {
			_, err := s.moveSome(ctx)
			must(t, err)
			_, err = s.main.Exec("DELETE FROM pending_interval")
			return err
		}, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := open(t, memDir(t), Options{Ballast: -1})
			var b Batch
			for i := range n {
				b.Intervals = append(b.Intervals, interval("site", i, 1))
			}
			must(t, s.Commit(ctx, b))
			must(t, row.move(s))
			after := memDir(t)
			files := []string{mainFile, mainFile + "-wal", intervalsFile}
			if row.wal {
				files = append(files, intervalsFile+"-wal")
			}
			for _, f := range files {
				data, err := os.ReadFile(s.path(f))
				must(t, err)
				must(t, os.WriteFile(filepath.Join(after, f), data, 0o600))
			}
			s = open(t, after, Options{Ballast: -1})
			for range 2 {
				got := list(t, s.Intervals(ctx, "site", t0, t0.AddDate(1, 0, 0)))
				if len(got) != row.left {
					t.Fatalf("%d intervals are left, want %d", len(got), row.left)
				}
				for _, i := range got {
					if i.Import != units.KilowattHour {
						t.Errorf("%s has %s", i.Slot.Start, i.Import)
					}
				}
				must(t, s.MoveIntervals(ctx))
			}
		})
	}
}

func TestReadingWhileIntervalsMove(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{Ballast: -1})
	stop := make(chan struct{})
	errs := make(chan error, 2)
	n := 0
	for ; n < 100; n++ {
		must(t, s.Commit(ctx, Batch{Intervals: []Interval{interval("site", n, 1)}}))
	}
	go func() {
		for i := n; ; i++ {
			select {
			case <-stop:
				errs <- nil
				return
			default:
			}
			if err := errors.Join(s.Commit(ctx, Batch{Intervals: []Interval{interval("site", i, 1)}}), s.Maintain(ctx, t0)); err != nil {
				errs <- err
				return
			}
		}
	}()
	seen := 0
	for range 200 {
		got, err := collect(s.Intervals(ctx, "site", t0, t0.AddDate(1, 0, 0)))
		must(t, err)
		if len(got) < max(seen, n) {
			t.Fatalf("%d intervals after %d", len(got), seen)
		}
		for k, i := range got {
			if want := t0.Add(time.Duration(k) * 30 * time.Minute); !i.Slot.Start.Equal(want) || i.Import != units.KilowattHour {
				t.Fatalf("interval %d is %s with %s", k, i.Slot.Start, i.Import)
			}
		}
		seen = len(got)
	}
	close(stop)
	must(t, <-errs)
}
