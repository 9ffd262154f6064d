package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/alert"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/store"
)

// Set is a configuration with what was set on the page laid over it.
type Set struct {
	Config  config.Config
	Book    *settings.Book
	Written map[settings.Key]string // what the configuration itself says
	Laid    []settings.Key          // what of it does not hold, because something else was set
	Err     error                   // why what was set cannot be read, or one of it cannot hold: the configuration does
}

// AsSet lays over a configuration what was set on its page.  What cannot hold is left out: a
// file beside the records must keep nobody's light off.
func AsSet(cfg config.Config) Set {
	s := Set{Config: cfg, Written: map[settings.Key]string{settings.PIN: cfg.Web.PIN, settings.Reading: cfg.Web.Reading, settings.Language: cfg.Site.Language}}
	s.Book, s.Err = settings.Open(filepath.Join(cfg.Path(cfg.Data), settings.File))
	s.layLoads()
	lay := func(k settings.Key, check func(string) error, to *string) {
		value := s.Book.Of(k, *to)
		if value == *to {
			return
		}
		if err := check(value); err != nil {
			s.Err = errors.Join(s.Err, fmt.Errorf("%s, as it was set on the page: %w", k, err))
			return
		}
		*to = value
		s.Laid = append(s.Laid, k)
	}
	lay(settings.PIN, web.CheckPIN, &s.Config.Web.PIN)
	lay(settings.Reading, func(v string) error {
		if v != "open" && (v != "closed" || s.Config.Web.PIN == "") {
			return fmt.Errorf("%q cannot hold", v)
		}
		return nil
	}, &s.Config.Web.Reading)
	lay(settings.Language, func(v string) error {
		if !slices.Contains(config.Languages(), v) {
			return fmt.Errorf("there are no texts in %q", v)
		}
		return nil
	}, &s.Config.Site.Language)
	return s
}

// theBox is the machine as the page of settings knows it.
type theBox struct {
	s       *Service
	file    string // of the configuration; "" there is none
	version string
}

// File implements web.Box.
func (b theBox) File() string { return b.file }

// Recipients implements web.Box.
func (b theBox) Recipients() []web.Recipient {
	if b.s.cfg.Alerts == nil {
		return nil
	}
	var out []web.Recipient
	for i, to := range b.s.cfg.Alerts.To {
		r := web.Recipient{Name: to.Name, Least: to.Least, Line: b.s.cfg.Line("alerts.to[" + strconv.Itoa(i) + "]"), Way: "mqtt"}
		switch {
		case to.Mail != nil:
			r.Way = "mail"
		case to.Ntfy != nil:
			r.Way = "ntfy"
		case to.Telegram != nil:
			r.Way = "telegram"
		case to.Webhook != nil:
			r.Way = "webhook"
		}
		out = append(out, r)
	}
	return out
}

// Quiet implements web.Box.
func (b theBox) Quiet() string {
	if b.s.cfg.Alerts == nil {
		return ""
	}
	var hours []string
	for _, h := range b.s.cfg.Alerts.Quiet {
		hours = append(hours, h.String())
	}
	return strings.Join(hours, "; ")
}

// Try implements web.Box: by the very ways that alerts go.
func (b theBox) Try(ctx context.Context, name string) error {
	for _, r := range alert.Recipients(b.s.cfg, b.s.publishAlert) {
		if r.Name == name {
			return r.Way.Send(ctx, alert.Trial(b.s.cfg.Site.ID, b.s.cfg.Site.Name, b.s.speaks.words(), b.s.now()))
		}
	}
	return web.ErrUnknown
}

// utilityClass is a utility's name of a kind of load with its key, as the file has it.
func utilityClass(name string) string {
	if name == "" {
		return ""
	}
	return "utility_class: " + name
}

// Examine implements web.Box.
func (b theBox) Examine(ctx context.Context) []web.Finding {
	var out []web.Finding
	for _, f := range Examine(ctx, Orders{Config: b.s.cfg, Log: b.s.log}) {
		level := map[Grade]string{Fine: "good", Note: "low", Bad: "bad"}[f.Grade]
		out = append(out, web.Finding{Level: level, What: f.What, Where: f.Where, Says: f.Says, Next: f.Next})
	}
	return out
}

// backupMark begins the folders that backups are made in for the page.
const backupMark = ".page-backup-"

// Backup implements web.Box.  It is made in the data folder, which can be written, and is gone after done; what
// a power cut leaves is swept with the next one.
func (b theBox) Backup(ctx context.Context, passphrase string) (file string, done func(), err error) {
	folder := b.s.cfg.Path(b.s.cfg.Data)
	if err := sweep(folder); err != nil {
		return "", nil, err
	}
	// The copies, the file made of them, and what top-ups live on.
	if free, ok := store.FreeBytes(folder); ok && int64(free) < 3*sizeOf(folder)+littleRoom { //nolint:gosec // no disk is so large
		return "", nil, fmt.Errorf("there is too little room in %s to make one; agent backup writes it to another disk", folder)
	}
	work, err := os.MkdirTemp(folder, backupMark)
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(work) } // what is left is swept with the next one
	file = filepath.Join(work, "keeplit.backup")
	m := Moves{Orders: Orders{Config: b.s.cfg, Log: b.s.log}, File: b.file, Version: b.version, Passphrase: passphrase}
	if _, err := m.Backup(ctx, file); err != nil {
		done()
		return "", nil, err
	}
	return file, done, nil
}

// sweep takes away what backups left that were broken off.
func sweep(folder string) error {
	left, err := filepath.Glob(filepath.Join(folder, backupMark+"*"))
	for _, name := range left {
		err = errors.Join(err, os.RemoveAll(name))
	}
	return err
}

// sizeOf is how large the records in a folder are.
func sizeOf(folder string) (n int64) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return 0
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Mode().IsRegular() && strings.Contains(f.Name(), ".db") {
			n += info.Size()
		}
	}
	return n
}

// Changed implements web.Box.
func (b theBox) Changed(ctx context.Context, says said.Said) {
	_, _ = b.s.loop.Feed(ctx, control.Input{What: control.Setting{Says: says}})
}
