package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/durable"
	"github.com/keeplit/keeplit/internal/store"
)

// KeptHead is the end of the ledger as it is kept where a copy of the records
// does not reach it: an old copy put back, a cut tail and records begun anew do
// not match it.
type KeptHead struct {
	Meter string `json:"meter"`
	Seq   uint64 `json:"seq"`
	Hash  string `json:"hash"`
	// First is the hash of the ledger's first entry: another one is another ledger.
	First string `json:"first"`
}

// ReadHead reads the head that is kept at path; ok is false where there is none.
func ReadHead(path string) (h KeptHead, ok bool, err error) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return h, false, nil
	case err != nil:
		return h, false, err
	}
	if err := json.Unmarshal(data, &h); err != nil || h.Seq == 0 || len(h.Hash) != 64 {
		return h, true, fmt.Errorf("%s holds no head of a ledger", path)
	}
	return h, true, nil
}

// writeHead puts h in the place of what path holds; after a crash there is the
// one or the other, whole.
func writeHead(path string, h KeptHead) error {
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(data, '\n'))
}

// Old tells, in a sentence, how the ledger is not the one whose head was kept;
// "" where it is that one, or has gone on from there.
func (h KeptHead) Old(ctx context.Context, st *store.Store, meter string) (string, error) {
	if h.Meter != meter {
		return fmt.Sprintf("the head kept apart is that of meter %s", h.Meter), nil
	}
	entries, err := st.LedgerPage(ctx, h.Seq+1, 1)
	if err != nil {
		return "", err
	}
	switch {
	case len(entries) == 0:
		return fmt.Sprintf("the records are gone; entry %d was published", h.Seq), nil
	case entries[0].Seq < h.Seq:
		return fmt.Sprintf("it ends at entry %d; entry %d was published", entries[0].Seq, h.Seq), nil
	case entries[0].Hash != h.Hash:
		return fmt.Sprintf("entry %d is not the one that was published", h.Seq), nil
	}
	return "", nil
}

// KeepHead has the head kept at path too, once it is durable.  It must be called
// before the first Commit.
func (j *Journal) KeepHead(path string) { j.headFile = path }

// HeadFault is why the head could not be kept; "" where it could.
func (j *Journal) HeadFault() string {
	if p := j.headFault.Load(); p != nil {
		return *p
	}
	return ""
}

// keepHead writes the head of what was stored just now.  While the ledger is
// known to be an old one, the head that proves it stays.  A failure is told, and
// refuses nothing: the ledger has it.
func (j *Journal) keepHead(ctx context.Context, b control.Batch) {
	head := b.State.Credit.Head
	if j.headFile == "" || head.Seq == 0 || head.Hash == j.kept || b.State.Health.Has(health.LedgerOld, "") || b.State.Health.Has(health.RecordsRestored, "") {
		return
	}
	err := func() error {
		if j.first == "" {
			entries, err := j.store.LedgerPage(ctx, 2, 1)
			if err != nil {
				return err
			}
			if len(entries) > 0 {
				j.first = entries[0].Hash
			}
		}
		return writeHead(j.headFile, KeptHead{Meter: b.State.Credit.Meter, Seq: head.Seq, Hash: head.Hash, First: j.first})
	}()
	fault := ""
	if err == nil {
		j.kept = head.Hash
	} else {
		fault = err.Error()
	}
	j.headFault.Store(&fault)
}
