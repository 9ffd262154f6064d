package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/backup"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
)

// passphrase is what enciphers a backup.
type passphrase struct {
	PassphraseFile string `placeholder:"FILE" help:"File with a passphrase that enciphers the backup, with the keys in it; else KEEPLIT_BACKUP_PASSPHRASE. Without one keys stay out of it."`
}

// shortestPassphrase is the fewest characters that a backup on a lost stick holds out with.
const shortestPassphrase = 8

func (p passphrase) get(e *env) (string, error) {
	text := e.Getenv("KEEPLIT_BACKUP_PASSPHRASE")
	if p.PassphraseFile != "" {
		data, err := os.ReadFile(p.PassphraseFile)
		if err != nil {
			return "", err
		}
		if text = strings.TrimSpace(string(data)); text == "" {
			return "", fmt.Errorf("%s is empty; write the passphrase into it", p.PassphraseFile)
		}
	}
	if text != "" && len(text) < shortestPassphrase {
		return "", fmt.Errorf("a passphrase of %d characters is guessed at once; take %d or more", len(text), shortestPassphrase)
	}
	return text, nil
}

// backupCmd writes a backup.
type backupCmd struct {
	File   string `arg:"" help:"File to write, best on another disk; one that exists is left alone." type:"path"`
	Config string `arg:"" default:"keeplit.yaml" help:"Configuration file; the agent may run." type:"path"`
	passphrase
}

// Run writes the backup and says what is in it.
func (c backupCmd) Run(e *env) error {
	m, err := moves(e, c.Config, c.passphrase)
	if err != nil {
		return err
	}
	man, err := m.Backup(e.Ctx, c.File)
	if err != nil {
		return err
	}
	return tellWritten(e, c.File, man)
}

// replaceCmd hands the account over to another box.
type replaceCmd struct {
	File   string `arg:"" help:"File to write, for \"agent restore\" on the other box." type:"path"`
	Config string `arg:"" default:"keeplit.yaml" help:"Configuration file; the agent must be stopped." type:"path"`
	passphrase
}

// Run retires this box.
func (c replaceCmd) Run(e *env) error {
	m, err := moves(e, c.Config, c.passphrase)
	if err != nil {
		return err
	}
	man, err := m.Replace(e.Ctx, c.File)
	if refused := (*service.OrderError)(nil); errors.As(err, &refused) {
		return &exitError{exitInvalid, err}
	}
	if err != nil {
		return err
	}
	if err := tellWritten(e, c.File, man); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, `This box is retired: no agent runs on its records any more, and what hangs on its outputs is not driven.
On the other box: agent restore FILE CONFIG, then agent run.
Where that never comes to be, here: agent restore %s %s
`, c.File, c.Config)
	return err
}

// moves is what carries the account of a configuration.  A fault in it keeps nobody from
// saving what there is.
func moves(e *env, file string, p passphrase) (service.Moves, error) {
	secret, err := p.get(e)
	if err != nil {
		return service.Moves{}, err
	}
	if _, err := os.Stat(file); err != nil {
		return service.Moves{}, err
	}
	secrets := config.FromSystem()
	secrets.Getenv = e.Getenv
	cfg, faults := config.Load(file, secrets, drivers.All())
	if len(faults) > 0 {
		fmt.Fprintf(e.Stderr, "note: %s has %s; agent check names them\n", file, count(len(faults), "fault"))
	}
	return service.Moves{
		Orders: service.Orders{Config: cfg, Log: newLog(e, cfg.Log)}, File: file, Version: version, Passphrase: secret,
	}, nil
}

// tellWritten says what was written.
func tellWritten(e *env, file string, m backup.Manifest) error {
	if _, err := fmt.Fprintf(e.Stdout, "%s is written.\n", file); err != nil {
		return err
	}
	return describe(e.Stdout, m)
}

// describe says what a backup is of and what is in it.
func describe(w io.Writer, m backup.Manifest) error {
	kind := "backup"
	if m.Transfer != "" {
		kind = "last backup of a replaced box (" + m.Transfer + ")"
	}
	if m.Program == "" { // a bare copy of the ledger
		_, err := fmt.Fprintf(w, "copy of a ledger: %s, balance %s, head %d:%s\n", entries(m.Head.Seq), m.Head.Balance, m.Head.Seq, m.Head.Hash)
		return err
	}
	if _, err := fmt.Fprintf(w, "%s of %s by keeplit %s: site %s, meter %s, as of %s\nledger: %s, balance %s, head %d:%s\n",
		kind, m.Made.Format("2006-01-02 15:04 UTC"), m.Program, m.Site, m.Meter, m.Asof.UTC().Format(time.RFC3339),
		entries(m.Head.Seq), m.Head.Balance, m.Head.Seq, m.Head.Hash); err != nil {
		return err
	}
	for _, p := range m.Parts {
		if p.Path == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "with it: %s\n", p.Path); err != nil {
			return err
		}
	}
	for _, f := range m.LeftOut {
		if _, err := fmt.Fprintf(w, "not in it: %s; keep it in another safe place\n", f.Path); err != nil {
			return err
		}
	}
	return nil
}
