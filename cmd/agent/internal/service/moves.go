package service

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/backup"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
)

// Moves carries an account to where its box's end does not reach it, and back:
// docs/adr/0019-backup-and-restore.md.
type Moves struct {
	Orders
	File       string // of the configuration; it goes along where it can be read
	Version    string // of the program
	Passphrase string // "": secrets stay where they are
}

// own are the files of the data folder that go along under a passphrase: the part of the backup, and the
// name in the folder.
func own() [][2]string {
	return [][2]string{{"site.key", siteKeyFile}, {"site.settings", settings.File}}
}

// Backup writes a backup to a file that must not exist, while the agent runs or not.
func (m Moves) Backup(ctx context.Context, path string) (backup.Manifest, error) {
	work, err := workshop(path)
	if err != nil {
		return backup.Manifest{}, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	return m.backup(ctx, work, path)
}

// workshop is a folder beside path to make it in, so that most of what can go wrong with the place
// goes wrong before anything else is done.
func workshop(path string) (string, error) {
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s exists and is left as it is; name another file", path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(path), ".keeplit-backup-*")
	if err != nil {
		return "", fmt.Errorf("nothing can be written beside %s: %w", path, err)
	}
	return work, nil
}

func (m Moves) backup(ctx context.Context, work, path string) (backup.Manifest, error) {
	man := backup.Manifest{
		Made: time.Now().UTC().Truncate(time.Second), Program: m.Version, Site: m.Config.Site.ID, Salt: random(),
		Parts: []backup.Part{{Name: backup.Ledger}, {Name: backup.History}},
	}
	if err := m.copyRecords(ctx, work, &man); err != nil {
		return man, err
	}
	if err := m.addFiles(work, &man); err != nil {
		return man, err
	}
	made := filepath.Join(work, "made")
	f, err := os.OpenFile(made, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return man, err
	}
	err = backup.Write(f, man, work, m.Passphrase)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return man, fmt.Errorf("the backup could not be written: %w", err)
	}
	if err := os.Rename(made, path); err != nil {
		return man, err
	}
	return man, syncFolder(filepath.Dir(path))
}

// copyRecords copies the records as of one commit and reads from the copy what the manifest says:
// a backup that cannot be read again is none.
func (m Moves) copyRecords(ctx context.Context, work string, man *backup.Manifest) (err error) {
	st, err := store.Open(ctx, m.Config.Path(m.Config.Data), store.Options{ReadOnly: true, Log: m.Log})
	if err != nil {
		return err
	}
	// The ledger first: see store.BackupIntervals.
	err = st.Backup(ctx, filepath.Join(work, backup.Ledger))
	if err == nil {
		err = st.BackupIntervals(ctx, filepath.Join(work, backup.History))
	}
	if err = errors.Join(err, st.Close()); err != nil { //nolint:contextcheck // it closes whatever ctx says
		return err
	}
	copied, err := store.Open(ctx, work, store.Options{ReadOnly: true, Log: m.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, copied.Close()) }() //nolint:contextcheck // it closes whatever ctx says
	found, ok, err := journal.Find(ctx, copied)
	switch {
	case err != nil:
		return err
	case !ok || found.Last.Seq == 0:
		return fmt.Errorf("there is no account in %s yet; start the agent once", m.Config.Path(m.Config.Data))
	}
	if why := found.Disagrees(); why != "" { // a restore would refuse them
		return fmt.Errorf("the records cannot be used as they are, so this would be no backup: %s; restore the newest backup (agent restore), or take the ledger's word (agent ledger adopt)", why)
	}
	if _, err := chained(ctx, copied); err != nil {
		return fmt.Errorf("the ledger is not sound, so this would be no backup: %w", err)
	}
	man.Meter, man.Asof = found.State.Credit.Meter, found.State.Now
	man.Head = credit.Head{Seq: found.Last.Seq, Hash: found.Last.Hash, Balance: found.Last.Balance}
	if r, retired, err := copied.Retired(ctx); err != nil {
		return err
	} else if retired {
		man.Transfer = r.Transfer
	}
	return nil
}

// chained reads a whole ledger and answers its last entry.
func chained(ctx context.Context, st *store.Store) (credit.Entry, error) {
	v := credit.NewVerifier()
	for entry, err := range st.Ledger(ctx, 1) {
		if err != nil {
			return v.Last(), fmt.Errorf("after ledger entry %d: %w", v.Head().Seq, err)
		}
		if err := v.Next(entry); err != nil {
			return v.Last(), err
		}
	}
	return v.Last(), v.End()
}

// addFiles adds the configuration and what it names.  Secrets go along under a passphrase only.
func (m Moves) addFiles(work string, man *backup.Manifest) error {
	take := func(p backup.Part, from string) error {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		man.Parts = append(man.Parts, p)
		return os.WriteFile(filepath.Join(work, p.Name), data, 0o600)
	}
	if err := take(backup.Part{Name: backup.Configuration}, m.File); err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	for i, f := range m.Config.Files() {
		from := m.Config.Path(f.Path)
		if config.Beside(f.Path) && (!f.Secret || m.Passphrase != "") {
			if err := take(backup.Part{Name: fmt.Sprintf("file-%d", i+1), Path: f.Path, Secret: f.Secret}, from); err == nil || !errors.Is(err, fs.ErrNotExist) {
				if err != nil {
					return err
				}
				continue
			}
		}
		out := backup.LeftOut{Path: f.Path}
		if data, err := os.ReadFile(from); err == nil && m.Config.TokenKey(f.Path) {
			out.Tag = backup.TagOf(man.Salt, data)
		}
		man.LeftOut = append(man.LeftOut, out)
	}
	if m.Passphrase == "" {
		return nil
	}
	for _, f := range own() {
		err := take(backup.Part{Name: f[0], Secret: true}, filepath.Join(m.Config.Path(m.Config.Data), f[1]))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // nobody has asked for it yet
			return err
		}
	}
	return nil
}

// Replace hands the account over: this box does nothing more from the mark on, and the backup that
// is made then goes on elsewhere.  Where it ends in between, it is given again.
func (m Moves) Replace(ctx context.Context, path string) (backup.Manifest, error) {
	work, err := workshop(path)
	if err != nil {
		return backup.Manifest{}, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	transfer, folder := random(), m.Config.Path(m.Config.Data)
	_, err = m.in(ctx, folder, store.Options{Log: m.Log},
		func(site *control.Site, st *store.Store) (control.State, control.Effects, error) {
			return carry(ctx, site, st, control.HandOver(transfer))
		},
		func(st *store.Store, entries []credit.Entry) error {
			last := entries[len(entries)-1]
			return st.Retire(ctx, store.Retirement{At: last.At, Transfer: transfer, Seq: last.Seq, Hash: last.Hash})
		})
	if retired := (*store.RetiredError)(nil); err != nil && !errors.As(err, &retired) {
		return backup.Manifest{}, err
	}
	return m.backup(ctx, work, path)
}

// carry carries out an order on what a store holds.
func carry(ctx context.Context, site *control.Site, st *store.Store, order control.Order) (control.State, control.Effects, error) {
	state, resumed, err := journal.Resume(ctx, st)
	if err != nil {
		return state, control.Effects{}, err
	}
	if !resumed {
		return state, control.Effects{}, fmt.Errorf("there is no account in %s yet; start the agent once", st.Dir())
	}
	if state, err = site.Resume(state); err != nil {
		return state, control.Effects{}, err
	}
	return site.Carry(state, time.Now().UTC(), order)
}

// random names something that there is once.
func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
