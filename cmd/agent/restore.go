package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/backup"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/durable"
	"github.com/keeplit/keeplit/internal/fault"
)

// restoreCmd brings the account back from a backup.
type restoreCmd struct {
	File    string `arg:"" help:"What \"agent backup\" or \"agent replace\" has written." type:"path"`
	Config  string `arg:"" default:"keeplit.yaml" help:"Configuration file; where there is none, it is written from the backup. The agent must be stopped." type:"path"`
	Look    bool   `help:"Only say what is in the backup, and whether it is whole."`
	Discard bool   `help:"Set records aside that hold what the backup does not."`
	Reason  string `help:"Who decided it and why; it stands in the ledger for ever."`
	passphrase
}

// Run brings the records back, and before them what of the configuration is missing.  The
// configuration itself comes last: with it and without the records an agent would begin a new account.
func (c restoreCmd) Run(e *env) error {
	secret, err := c.get(e)
	if err != nil {
		return err
	}
	man, files, sealed, err := c.look(secret)
	if err != nil {
		return refused(err)
	}
	if c.Look && len(man.Parts) == 1 {
		_, err := fmt.Fprintf(e.Stdout, "%s is a copy of the ledger alone; agent ledger verify says what is in it, in a folder where it is called %s.\n", c.File, backup.Ledger)
		return err
	}
	if c.Look {
		how := "not enciphered"
		if sealed {
			how = "enciphered"
		}
		if _, err := fmt.Fprintf(e.Stdout, "%s is whole, and %s.\n", c.File, how); err != nil {
			return err
		}
		return describe(e.Stdout, man)
	}
	text, brought, err := c.configuration(files)
	if err != nil {
		return err
	}
	if err := c.place(e, man, files); err != nil {
		return err
	}
	cfg, faults := c.parse(e, text)
	if err := c.sameKeys(man); err != nil {
		return &exitError{exitInvalid, err}
	}
	if len(faults) > 0 {
		return &exitError{exitInvalid, fmt.Errorf("the configuration has %s, so nothing was restored yet:\n%w\n%s", count(len(faults), "fault"), faults, c.missing(man))}
	}
	m := service.Moves{Orders: service.Orders{Config: cfg, Log: newLog(e, cfg.Log)}, File: c.Config, Version: version}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := backup.Open(f, secret)
	if err != nil {
		return refused(err)
	}
	done, err := m.Restore(e.Ctx, r, files, c.Discard, c.Reason)
	if err != nil {
		return refused(err)
	}
	if brought {
		if err := placed(c.Config, text); err != nil {
			return err
		}
	}
	return c.say(e, done.Manifest, done)
}

// look reads the whole backup once: what is damaged shows before anything is touched.
func (c restoreCmd) look(secret string) (backup.Manifest, map[string][]byte, bool, error) {
	f, err := os.Open(c.File)
	if err != nil {
		return backup.Manifest{}, nil, false, err
	}
	defer f.Close()
	r, err := backup.Open(f, secret)
	if err != nil {
		return backup.Manifest{}, nil, false, fmt.Errorf("%s: %w", c.File, err)
	}
	files, err := r.Files()
	if err != nil {
		return backup.Manifest{}, nil, false, fmt.Errorf("%s: %w", c.File, err)
	}
	return r.Manifest, files, r.Sealed, nil
}

// refused gives what the backup or the records have against it the exit code of that.
func refused(err error) error {
	var (
		newer   *backup.NewerError
		damaged *backup.DamagedError
		order   *service.OrderError
		here    *service.NewerHereError
	)
	for _, is := range []bool{
		errors.As(err, &newer), errors.As(err, &damaged), errors.As(err, &order), errors.As(err, &here),
		errors.Is(err, backup.ErrNone), errors.Is(err, backup.ErrWrong), errors.Is(err, backup.ErrPassphrase),
	} {
		if is {
			return &exitError{exitInvalid, err}
		}
	}
	return err
}

// configuration is this box's own, or the backup's where it has none.
func (c restoreCmd) configuration(files map[string][]byte) (text []byte, brought bool, err error) {
	text, err = os.ReadFile(c.Config)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, false, err
	}
	text, ok := files[backup.Configuration]
	if !ok {
		return nil, false, &exitError{exitInvalid, fmt.Errorf("there is no %s here and none in the backup; write one with agent init", c.Config)}
	}
	return text, true, nil
}

// place writes the files that the configuration names and that are not there.
func (c restoreCmd) place(e *env, man backup.Manifest, files map[string][]byte) error {
	for _, p := range man.Parts {
		if p.Path == "" {
			continue
		}
		if !config.Beside(p.Path) {
			return &exitError{exitInvalid, fmt.Errorf("%s: %w", c.File, &backup.DamagedError{Err: fmt.Errorf("%q leads out of the configuration's folder", p.Path)})}
		}
		to := filepath.Join(filepath.Dir(c.Config), p.Path)
		old, err := os.ReadFile(to)
		switch {
		case err == nil && !bytes.Equal(old, files[p.Name]):
			fmt.Fprintf(e.Stdout, "left as it is, though the backup has another one: %s\n", to)
		case err == nil:
		case errors.Is(err, fs.ErrNotExist):
			if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
				return err
			}
			if err := placed(to, files[p.Name]); err != nil {
				return err
			}
			fmt.Fprintf(e.Stdout, "written: %s\n", to)
		default:
			return err
		}
	}
	return nil
}

// placed writes a file for its owner and its folder's group.
func placed(path string, data []byte) error {
	if err := durable.WriteFile(path, data); err != nil {
		return err
	}
	return os.Chmod(path, 0o640)
}

// parse reads the configuration as it will stand in its place.
func (c restoreCmd) parse(e *env, text []byte) (config.Config, fault.List) {
	secrets := config.FromSystem()
	secrets.Getenv = e.Getenv
	cfg, faults := config.Parse(text, filepath.Dir(c.Config), secrets, drivers.All())
	return cfg, cfg.Locate(faults, service.Faults(cfg, faults))
}

// sameKeys tells whether the keys of tokens that are here are those of the backup: with others the
// box would read other tokens.
func (c restoreCmd) sameKeys(man backup.Manifest) error {
	for _, f := range man.LeftOut {
		if f.Tag == "" || !config.Beside(f.Path) {
			continue
		}
		path := filepath.Join(filepath.Dir(c.Config), f.Path)
		key, err := os.ReadFile(path)
		if err != nil {
			continue // it is a fault of the configuration, where that names it
		}
		if backup.TagOf(man.Salt, key) != f.Tag {
			return fmt.Errorf("%s is not the key that the backup was made with: put the right one in its place; nothing was restored", path)
		}
	}
	return nil
}

// missing is what a person has to bring.
func (c restoreCmd) missing(man backup.Manifest) string {
	var lack []string
	for _, f := range man.LeftOut {
		path := f.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(c.Config), path)
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			lack = append(lack, path)
		}
	}
	if len(lack) == 0 {
		return "Correct it, then restore again."
	}
	return "Secrets are not in this backup. Put these in place, then restore again: " + strings.Join(lack, ", ")
}

// say tells what was done and what a person has to do.
func (c restoreCmd) say(e *env, man backup.Manifest, done service.Restored) error {
	out := &bytes.Buffer{}
	if err := describe(out, man); err != nil {
		return err
	}
	for _, entry := range done.Entries {
		fmt.Fprintf(out, "entry %d: %s\n", entry.Seq, entry.Cause)
	}
	if done.Aside != "" {
		fmt.Fprintf(out, "the records that were here: %s\n", done.Aside)
	}
	if done.Behind != "" {
		fmt.Fprintf(out, "the ledger went on after this backup: %s\n", done.Behind)
	}
	if done.Counted {
		fmt.Fprintln(out, "What was used since is charged by the meter's register at the first reading.")
	} else {
		fmt.Fprintln(out, "What was used since cannot be known: the meter has no register of its own. agent ledger adjust takes it from the balance.")
	}
	if man.Transfer == "" {
		fmt.Fprintln(out, "Whether tokens were entered after the backup cannot be known here: the old box must not run again, or a token counts on both.")
	}
	fmt.Fprintln(out, "No token is counted until somebody acknowledges the warning on the page. Then enter again those that were entered after the backup.")
	_, err := e.Stdout.Write(out.Bytes())
	return err
}
