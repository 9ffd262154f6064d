package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/backup"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/durable"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/metering"
)

// Restored is what a restore has done.
type Restored struct {
	Manifest backup.Manifest // of the backup; of a bare copy what its ledger says
	Entries  []credit.Entry  // that it led to
	Aside    string          // the folder that the records which were there are in; "": there were none
	Counted  bool            // the meter's register says what was used since
	Behind   string          // how the head that is kept apart is further, in a sentence; "": it is not
}

// Restore brings the records of a backup back in place of those that are there.  Killed at any
// time it leaves the ones or the others.  files are the backup's: the site's own key and what was set on
// the page are put in place, and stay as they are here where they are not in it.
// Records that hold what the backup does not are only set aside where discard says so.
func (m Moves) Restore(ctx context.Context, r *backup.Reader, files map[string][]byte, discard bool, reason string) (out Restored, err error) {
	folder, man := m.Config.Path(m.Config.Data), r.Manifest
	swap, err := store.BeginSwap(folder)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, swap.Close()) }()
	if err := r.Extract(swap.Incoming(), func(p backup.Part) bool { return p.Name == backup.Ledger || p.Name == backup.History }); err != nil {
		return out, err
	}
	if err := store.TakeBack(ctx, swap.Incoming()); err != nil {
		return out, err
	}
	opt := store.Options{Log: m.Log, Ballast: -1} // the agent makes its reserve at the next start
	out.Entries, err = m.in(ctx, swap.Incoming(), opt, func(site *control.Site, st *store.Store) (control.State, control.Effects, error) {
		if r.Bare() {
			last, err := chained(ctx, st)
			if err != nil {
				return control.State{}, control.Effects{}, fmt.Errorf("the ledger in the copy is not sound: %w", err)
			}
			man.Head, man.Made = credit.Head{Seq: last.Seq, Hash: last.Hash, Balance: last.Balance}, last.At
		}
		if err := m.mayReplace(ctx, folder, st, man, discard); err != nil {
			return control.State{}, control.Effects{}, err
		}
		if m.Config.HeadFile != "" {
			if kept, ok, err := journal.ReadHead(m.Config.Path(m.Config.HeadFile)); err == nil && ok {
				if out.Behind, err = kept.Old(ctx, st, site.Meter); err != nil {
					return control.State{}, control.Effects{}, err
				}
			}
		}
		state, err := m.sound(ctx, site, st, man)
		if err != nil {
			return control.State{}, control.Effects{}, err
		}
		out.Counted = state.Meter.Registers.ImportCounter.Known && m.Config.Meter.Settings.Needs()&metering.NeedsMachine == 0
		state, eff := site.Restored(state, time.Now(), control.Backup{
			Made: man.Made, Seq: man.Head.Seq, Balance: man.Head.Balance, Program: man.Program, Transfer: man.Transfer != "", Counted: out.Counted,
		}, reason)
		return state, eff, nil
	}, nil)
	if err != nil {
		return out, err
	}
	if r.Bare() { // the history that is here stays: of the copy's there is none
		if err := os.Remove(filepath.Join(swap.Incoming(), backup.History)); err != nil {
			return out, err
		}
	}
	out.Manifest = man
	aside := "before-restore-" + time.Now().UTC().Format("20060102-150405.000")
	kept, err := swap.Commit(ctx, aside)
	if err != nil {
		return out, err
	}
	if kept {
		out.Aside = filepath.Join(folder, aside)
	}
	for _, f := range own() {
		if err := m.put(folder, out.Aside, f[1], files[f[0]]); err != nil {
			return out, err
		}
	}
	return out, nil
}

// sound is the state of a backup, where its records are those that its manifest says, agree with
// each other, and are of this site's meter and keys.
func (m Moves) sound(ctx context.Context, site *control.Site, st *store.Store, man backup.Manifest) (control.State, error) {
	last, err := chained(ctx, st)
	if err != nil {
		return control.State{}, fmt.Errorf("the ledger in the backup is not sound: %w", err)
	}
	if last.Seq != man.Head.Seq || last.Hash != man.Head.Hash {
		return control.State{}, fmt.Errorf("the ledger in the backup ends at entry %d, and the backup says %d: it was put together by hand", last.Seq, man.Head.Seq)
	}
	state, ok, err := journal.Resume(ctx, st)
	if err == nil && !ok {
		err = errors.New("there is no account in it")
	}
	if err != nil {
		return state, fmt.Errorf("the records in the backup, made by keeplit %s, cannot be used by this program, %s: %w", cmp.Or(man.Program, "an unknown version"), m.Version, err)
	}
	if state, err = site.Resume(state); err != nil {
		return state, err
	}
	if _, err := st.MendTokens(ctx); err != nil {
		return state, err
	}
	return state, site.Credit.Readable(state.Credit)
}

// NewerHereError says that the records of a box hold what a backup does not.
type NewerHereError struct {
	Folder string
	What   string
}

func (e *NewerHereError) Error() string {
	return fmt.Sprintf("the records in %s %s; nothing was changed. To set them aside, in a folder beside them, and go on from the backup all the same: --discard", e.Folder, e.What)
}

// mayReplace tells whether the records that are there may be set aside for those of a backup.
func (m Moves) mayReplace(ctx context.Context, folder string, incoming *store.Store, man backup.Manifest, discard bool) (err error) {
	if _, err := os.Stat(filepath.Join(folder, backup.Ledger)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	present, err := store.Open(ctx, folder, store.Options{ReadOnly: true, Log: m.Log})
	var (
		damaged *store.CorruptError
		foreign *store.ForeignError
		empty   *store.EmptyError
	)
	switch {
	case errors.As(err, &damaged):
		return nil // the backup is for this
	case errors.As(err, &foreign):
		return err
	case errors.As(err, &empty) && filepath.Base(empty.File) == backup.Ledger:
		return nil // a first start that was broken off
	case err != nil && discard:
		return nil
	case err != nil:
		return &NewerHereError{folder, "cannot be compared with the backup (" + err.Error() + ")"}
	}
	defer func() { err = errors.Join(err, present.Close()) }() //nolint:contextcheck // it closes whatever ctx says
	snap, err := present.Load(ctx)
	if errors.As(err, &damaged) {
		return nil
	}
	if err != nil {
		return err
	}
	retired, is, err := present.Retired(ctx)
	switch {
	case err != nil:
		return err
	case discard || snap.Head.Seq == 0 && snap.Checkpoint == nil:
		return nil
	case is && retired.Transfer == man.Transfer:
		return nil // they are those of the backup, and go on here after all
	}
	same, err := entry(ctx, incoming, snap.Head.Seq)
	if err != nil {
		return err
	}
	if same.Hash == snap.Head.Hash {
		return nil // the backup has them all
	}
	earlier, err := entry(ctx, present, man.Head.Seq)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("are those of another account (they end at entry %d with %s)", snap.Head.Seq, snap.Head.Balance)
	if earlier.Hash == man.Head.Hash {
		what = fmt.Sprintf("are newer than the backup: they go on from its entry %d to entry %d with %s, and what was entered since would be lost", man.Head.Seq, snap.Head.Seq, snap.Head.Balance)
	}
	return &NewerHereError{folder, what}
}

// entry is one entry of a ledger, zero where there is none.
func entry(ctx context.Context, st *store.Store, seq uint64) (credit.Entry, error) {
	page, err := st.LedgerPage(ctx, seq+1, 1)
	if err != nil || len(page) == 0 || page[0].Seq != seq {
		return credit.Entry{}, err
	}
	return page[0], nil
}

// put has a file of the backup's in the folder; another one that was there goes aside.
func (m Moves) put(folder, aside, file string, data []byte) error {
	if data == nil {
		return nil
	}
	name := filepath.Join(folder, file)
	if old, err := os.ReadFile(name); err == nil && string(old) != string(data) && aside != "" {
		if err := durable.WriteFile(filepath.Join(aside, file), old); err != nil {
			return err
		}
	}
	if err := durable.WriteFile(name, data); err != nil {
		return err
	}
	return store.Give(folder, name)
}
