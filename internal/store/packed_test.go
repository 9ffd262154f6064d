package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// document is a checkpoint as a loop makes it: a register that moves each time, a plan that is
// another now and then, and more that stays.
func document(n uint64) []byte {
	text := func(seed uint64, long int) string {
		r, out := rand.New(rand.NewPCG(seed, 1)), make([]byte, long/2)
		for i := range out {
			out[i] = byte(r.Uint32())
		}
		return hex.EncodeToString(out)
	}
	return fmt.Appendf(nil, `{"n":%d,"plan":%q,"meter":{"import":%d,"at":"%08d"},"site":%q,"last":{"a":null}}`,
		n, text(n/20, 3000), n*977, n, text(0, 1500))
}

func TestACheckpointIsStoredByWhatDiffers(t *testing.T) {
	ctx := context.Background()
	s := open(t, memDir(t), Options{Ballast: -1})
	bases, bytes, last := 0, 0, ""
	for n := range uint64(100) {
		must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: document(n)}))
		var sum string
		var size, whole int
		must(t, s.readers.QueryRowContext(ctx, "SELECT length(c.data), c.base, length(b.data) FROM checkpoint c JOIN checkpoint_base b").Scan(&size, &sum, &whole))
		bytes += size
		if sum != last {
			bases, bytes, last = bases+1, bytes+whole, sum
		}
		snap, err := s.Load(ctx)
		must(t, err)
		if string(snap.Checkpoint) != string(document(n)) || snap.Changed {
			t.Fatalf("%d: %s", n, snap.Checkpoint)
		}
	}
	packed, err := pack(document(0))
	must(t, err)
	if whole := 100 * len(packed); bases < 3 || bases > 30 || bytes > whole/2 {
		t.Errorf("%d bases, %d bytes where whole ones take %d", bases, bytes, whole)
	}
}

// However a state changes, it is read as it was.
func TestAnyCheckpointIsReadToTheByte(t *testing.T) {
	value := rapid.OneOf(
		rapid.Map(rapid.StringN(0, 30, -1), quote),
		rapid.Map(rapid.Int64(), func(n int64) string { return fmt.Sprint(n) }),
		rapid.Map(rapid.IntRange(1, 20_000), func(n int) string { return `["` + strings.Repeat("on ", n) + `",{"a":{}}]` }),
		rapid.SampledFrom([]string{"null", "{}", "[]", "1e3", "-0", `"\u0041\ud83d\ude00"`, `"<&>"`}),
	)
	name := rapid.SampledFrom([]string{"version", "now", "meter", "plan", "credit", "", "ä", `a"b`, `c\d`, "<&>"})
	document := rapid.Custom(func(t *rapid.T) []byte {
		if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
			return []byte(rapid.SampledFrom([]string{"null", "[]", "1", ` {"a": 1}`, "{", `{"a":1}x`, `{"a":}`, strings.Repeat("no JSON ", 100)}).Draw(t, "odd"))
		}
		var members []member
		for range rapid.IntRange(0, 9).Draw(t, "members") {
			members = append(members, member{name.Draw(t, "name"), json.RawMessage(value.Draw(t, "value"))})
		}
		return join(members) // a name may stand there twice
	})
	rapid.Check(t, func(t *rapid.T) {
		b, err := newBase(document.Draw(t, "base"))
		if err != nil {
			t.Fatal(err)
		}
		doc := document.Draw(t, "next")
		if b == nil {
			return
		}
		data, err := b.differs(doc)
		if _, whole := membersOf(doc); err != nil || (data != nil) != whole {
			t.Fatalf("%q, %v", data, err)
		}
		if data == nil {
			return
		}
		if is, err := Unpack(data, b.sum, b.packed); err != nil || !bytes.Equal(is, doc) {
			t.Fatalf("%q is read as %q: %v", doc, is, err)
		}
	})
}

func TestABaseThatIsNotItsOwnIsKnown(t *testing.T) {
	ctx := context.Background()
	other, err := pack(document(99))
	must(t, err)
	for situation, change := range map[string]string{
		"the base is another":                "UPDATE checkpoint_base SET data = x'" + hex.EncodeToString(other) + "'",
		"another, with its sum":              "UPDATE checkpoint_base SET data = x'" + hex.EncodeToString(other) + "', sum = '" + sumOf(document(99)) + "'",
		"the base is gone":                   "DELETE FROM checkpoint_base",
		"the base is damaged":                "UPDATE checkpoint_base SET data = x'1f8b0800000000'",
		"the base is no object":              "UPDATE checkpoint_base SET data = x'31', sum = '" + sumOf([]byte("1")) + "'",
		"the difference is damaged":          "UPDATE checkpoint SET data = x'0102030405'",
		"the difference is empty":            "UPDATE checkpoint SET data = x''",
		"the difference is taken for whole":  "UPDATE checkpoint SET base = ''",
		"the difference is of another state": "UPDATE checkpoint SET sum = '" + sumOf(document(99)) + "'",
	} {
		t.Run(situation, func(t *testing.T) {
			dir := memDir(t)
			s := open(t, dir, Options{Ballast: -1})
			for n := range uint64(3) {
				must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: document(n)}))
			}
			must(t, s.Close())
			sqlOn(change)(t, filepath.Join(dir, mainFile))
			s = open(t, dir, Options{Ballast: -1})
			if snap, err := s.Load(ctx); err != nil || !snap.Changed {
				t.Errorf("it is believed: %v, %s", err, snap.Checkpoint)
			}
			must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: document(4)}))
			if snap, err := s.Load(ctx); err != nil || snap.Changed || string(snap.Checkpoint) != string(document(4)) {
				t.Errorf("the next is not as it was: %v", err)
			}
		})
	}
}

// A store as the program before this form has left it is read, goes on with its pages as they
// are, and is refused by that program from then on.
func TestAStoreOfBeforeThereWereBasesGoesOn(t *testing.T) {
	ctx, dir := context.Background(), storeOfForm(t, 4)
	doc := func(n int) []byte { return fmt.Appendf(nil, `{"n":%d,"plan":"%s"}`, n, strings.Repeat("on off ", 100)) }
	s := open(t, dir, Options{Ballast: -1})
	snap, err := s.Load(ctx)
	must(t, err)
	head := snap.Head
	if string(snap.Checkpoint) != string(doc(2)) || snap.Changed || snap.Ledger != 3 || snap.Tokens != 3 || head.Balance != 30*units.One || head.Hash != head.Sum() {
		t.Errorf("%+v", snap)
	}
	if n, e := len(list(t, s.Intervals(ctx, "site", t0, t0.AddDate(0, 0, 1)))), len(list(t, s.Events(ctx, t0, t0.AddDate(0, 0, 1)))); n != 3 || e != 3 {
		t.Errorf("%d intervals, %d events", n, e)
	}
	must(t, s.Commit(ctx, Batch{At: t0.Add(time.Hour), Checkpoint: doc(3), Ledger: []credit.Entry{next(head, units.One)}}))
	var page int
	must(t, s.readers.QueryRowContext(ctx, "PRAGMA page_size").Scan(&page))
	if snap, err := s.Load(ctx); err != nil || page != 4096 || string(snap.Checkpoint) != string(doc(3)) || snap.Ledger != 4 {
		t.Errorf("pages of %d: %+v, %v", page, snap, err)
	}
	var newer *SchemaError
	if err := mainSchema[:4].migrate(ctx, s.main, mainFile); !errors.As(err, &newer) || newer.Found != 5 {
		t.Errorf("the program before takes it: %v", err)
	}
	// A copy has the pages of a new store.
	copied := filepath.Join(t.TempDir(), mainFile)
	beside := open(t, dir, Options{ReadOnly: true})
	must(t, beside.Backup(ctx, copied))
	c := open(t, filepath.Dir(copied), Options{Ballast: -1})
	must(t, c.readers.QueryRowContext(ctx, "PRAGMA page_size").Scan(&page))
	was, err := s.Load(ctx)
	must(t, err)
	if is, err := c.Load(ctx); err != nil || page != pageSize || cmp.Diff(was, is) != "" {
		t.Errorf("pages of %d, %v: %s", page, err, cmp.Diff(was, is))
	}
}

// A base lies in the file for long.  Where it is changed there while an agent runs, the next
// checkpoint is stored by another, and the one after the next start is the newest.
func TestABaseThatIsChangedUnderARunningAgentIsWrittenAnew(t *testing.T) {
	ctx := context.Background()
	other, err := pack(document(99))
	must(t, err)
	for situation, change := range map[string]string{
		"a byte of it":            "UPDATE checkpoint_base SET data = CAST(substr(data, 1, 900) || x'00' || substr(data, 902) AS BLOB)",
		"its sum":                 "UPDATE checkpoint_base SET sum = 'x'",
		"it is gone":              "DELETE FROM checkpoint_base",
		"it is another, with sum": "UPDATE checkpoint_base SET data = x'" + hex.EncodeToString(other) + "', sum = '" + sumOf(document(99)) + "'",
	} {
		t.Run(situation, func(t *testing.T) {
			dir := memDir(t)
			s := open(t, dir, Options{Ballast: -1})
			head := credit.Entry{}
			for n := range uint64(6) {
				if n == 3 {
					sqlOn(change)(t, filepath.Join(dir, mainFile))
				}
				head = next(head, units.One)
				must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: document(n), Ledger: []credit.Entry{head}}))
				if snap, err := s.Load(ctx); err != nil || snap.Changed || string(snap.Checkpoint) != string(document(n)) {
					t.Fatalf("%d cannot be read again: %v", n, err)
				}
			}
			must(t, s.Close())
			s = open(t, dir, Options{Ballast: -1})
			if snap, err := s.Load(ctx); err != nil || snap.Changed || snap.Head != head || string(snap.Checkpoint) != string(document(5)) {
				t.Errorf("%+v, %v", snap, err)
			}
		})
	}
}

// A base whose page cannot be read refuses no token.
func TestABaseThatCannotBeReadKeepsNothingFromBeingStored(t *testing.T) {
	ctx, dir := context.Background(), memDir(t)
	s := open(t, dir, Options{Ballast: -1})
	e1 := next(credit.Entry{}, units.One)
	must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: document(1), Ledger: []credit.Entry{e1}}))
	var root, page int64
	must(t, s.main.QueryRowContext(ctx, "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema WHERE name = 'checkpoint_base'").Scan(&root, &page))
	for _, q := range []string{"PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA shrink_memory"} {
		_, err := s.main.ExecContext(ctx, q)
		must(t, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, mainFile), os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, int(page)), (root-1)*page)
	must(t, errors.Join(err, f.Close()))
	if _, _, err := storedBase(ctx, s.main); err == nil {
		t.Fatal("it can be read")
	}
	e2 := next(e1, units.One)
	e3 := next(e2, units.One)
	must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: document(2), Ledger: []credit.Entry{e2}}))
	s.known = false // as after a commit that failed
	must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: document(3), Ledger: []credit.Entry{e3}}))
	if last, err := lastEntry(ctx, s.readers); err != nil || last != e3 {
		t.Errorf("%+v, %v", last, err)
	}
	var data []byte
	var base string
	must(t, s.readers.QueryRowContext(ctx, "SELECT data, base FROM checkpoint").Scan(&data, &base))
	if is, err := Unpack(data, base, nil); err != nil || string(is) != string(document(3)) {
		t.Errorf("%v", err)
	}
}
