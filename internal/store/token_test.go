package store

import (
	"errors"
	"testing"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// A token is stored once, by whatever name: one that an older version stored by
// its digits is not stored again by its ID, and nothing of the batch is.
func TestATokenIsStoredOnceByItsNewNameAndByItsOldOne(t *testing.T) {
	s := open(t, t.TempDir(), Options{Ballast: -1})
	head := credit.Entry{}
	commit := func(name string, unseen ...string) error {
		e := next(head, units.One)
		err := s.Commit(t.Context(), Batch{
			At: t0, Checkpoint: []byte(name), Ledger: []credit.Entry{e}, Unseen: unseen,
			Tokens: []SeenToken{{Fingerprint: name, At: t0, Seq: e.Seq}},
		})
		if err == nil {
			head = e
		}
		return err
	}
	must(t, commit("by digits"))
	must(t, commit("by count", "digits of another"))
	for _, c := range []struct {
		situation, name string
		unseen          []string
		stored          bool
	}{
		{"the same name", "by count", nil, false},
		{"a new name, the old one is stored", "count 2", []string{"by digits"}, false},
		{"the same digits at a count that no old record can know", "count 4", nil, true},
		{"a new name after a refused one", "count 6", []string{"none"}, true},
	} {
		before, err := s.Load(t.Context())
		must(t, err)
		err = commit(c.name, c.unseen...)
		if double := (*DuplicateTokenError)(nil); c.stored && err != nil || !c.stored && !errors.As(err, &double) {
			t.Errorf("%s: %v", c.situation, err)
		}
		after, err := s.Load(t.Context())
		must(t, err)
		if grown := after.Ledger != before.Ledger || string(after.Checkpoint) != string(before.Checkpoint); grown != c.stored {
			t.Errorf("%s: the ledger went from %d to %d, the checkpoint from %q to %q", c.situation, before.Ledger, after.Ledger, before.Checkpoint, after.Checkpoint)
		}
	}
}
