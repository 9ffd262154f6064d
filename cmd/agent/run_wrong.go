package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/cmd/agent/internal/watchdog"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/fault"
)

// How often a configuration that is wrong is looked at again, and how long the start of the
// service behind it may take before the service manager hears nothing more.
const (
	lookEvery   = 2 * time.Second
	startWithin = 5 * time.Minute
)

// waiting is an agent whose configuration is wrong: it says so on its page and to the service
// manager, and does nothing else.  No device is opened, so none is switched.
type waiting struct {
	e    *env
	file string
	dog  watchdog.Config
	log  *slog.Logger

	met  atomic.Pointer[fault.List]
	page sync.WaitGroup
	stop context.CancelFunc // ends the page
	at   string             // where the page is
	hid  string             // why there is none, as it was logged last
}

// untilMended waits until the configuration is right, and answers with it; with an error only
// where it is asked to stop.
func (c runCmd) untilMended(e *env, cfg config.Config, faults fault.List) (config.Config, error) {
	log := newLog(e, config.Log{})
	w := &waiting{
		e: e, file: c.Config, log: log, stop: func() {},
		dog: watchdog.Config{Log: log}.FromSystemd(e.Getenv, os.Getpid()),
	}
	defer w.end()
	w.tell(cfg, faults)
	w.dog.Tell("READY=1")
	t := time.NewTicker(min(lookEvery, w.dog.Every()))
	defer t.Stop()
	last := sumOf(c.Config)
	for {
		select {
		case <-e.Ctx.Done():
			w.dog.Tell("STOPPING=1")
			return cfg, e.Ctx.Err()
		case <-t.C:
		}
		w.dog.Tell("WATCHDOG=1")
		next, err := loadConfig(c.Config, e)
		now := sumOf(c.Config)
		same := now == last // else somebody may be in the middle of writing it
		last = now
		if err == nil && same {
			log.Info("the configuration is right now", "file", c.Config)
			w.dog.Tell("STATUS=The configuration is right; starting.")
			return next, nil
		}
		var list fault.List
		if err == nil || !errors.As(err, &list) {
			continue
		}
		if list.Error() != w.met.Load().Error() {
			w.tell(next, list)
		}
		if w.stopped() {
			w.serve(next)
		}
	}
}

// sumOf is the sum of what a file holds; the zero sum where it cannot be read.
func sumOf(name string) (sum [sha256.Size]byte) {
	data, err := os.ReadFile(name)
	if err != nil {
		return sum
	}
	return sha256.Sum256(data)
}

// tell says what is wrong, in the log, to the service manager and on the page.
func (w *waiting) tell(cfg config.Config, faults fault.List) {
	w.met.Store(&faults)
	w.log.Error("the configuration is wrong; nothing runs until it is put right, and then everything starts by itself",
		"file", w.file, "faults", len(faults))
	fmt.Fprintln(w.e.Stderr, faults)
	w.dog.Tell(fmt.Sprintf("STATUS=The configuration has %s: see the page, or agent check.", count(len(faults), "fault")))
	w.serve(cfg)
}

// stopped tells whether there is no page.
func (w *waiting) stopped() bool { return w.at == "" }

// serve begins the page where the configuration has it, as far as that can be read, and moves it
// where that has changed.
func (w *waiting) serve(cfg config.Config) {
	faults := *w.met.Load()
	page := web.Config{Listen: config.Default().Web.Listen, Title: cfg.Web.Title, Hosts: cfg.Web.Hosts}
	if cfg.Web.Listen != "" && !faults.Touches("web.listen") {
		page.Listen = cfg.Web.Listen
	}
	if !faults.Touches("site.language") {
		page.Language = cfg.Site.Language
	}
	if !faults.Touches("web.tls") && !faults.Touches("data") {
		page.TLS = service.PageTLS(cfg)
	}
	if !faults.Touches("web.proxies") {
		page.Proxies = cfg.Web.Proxies
	}
	if page.Listen == w.at {
		return
	}
	w.end()
	l, err := (&net.ListenConfig{}).Listen(w.e.Ctx, "tcp", page.Listen)
	if err != nil {
		w.hidden(err)
		return
	}
	page.Listener = l
	file, err := filepath.Abs(w.file)
	if err != nil {
		file = w.file
	}
	p, err := web.NewHalted(func() web.Mistakes { return web.Mistakes{File: file, Faults: *w.met.Load()} }, page, w.log)
	if err != nil {
		w.hidden(errors.Join(err, l.Close()))
		return
	}
	w.hid = ""
	ctx, stop := context.WithCancel(w.e.Ctx)
	w.stop, w.at = stop, page.Listen
	w.page.Go(func() {
		if err := p.Run(ctx); err != nil {
			w.log.Error("page", "error", err)
		}
	})
}

// hidden says why there is no page, once: it is tried again and again.
func (w *waiting) hidden(why error) {
	if w.hid != why.Error() {
		w.log.Error("what is wrong cannot be shown on a page", "error", why)
	}
	w.hid = why.Error()
}

// end ends the page.
func (w *waiting) end() {
	w.stop()
	w.page.Wait()
	w.at = ""
}

// fed runs what takes long, and keeps the service manager from taking it for dead meanwhile.
func fed(e *env, do func()) {
	dog := watchdog.Config{Log: slog.New(slog.DiscardHandler)}.FromSystemd(e.Getenv, os.Getpid())
	ctx, stop := context.WithTimeout(e.Ctx, startWithin)
	var feeding sync.WaitGroup
	defer feeding.Wait()
	defer stop()
	feeding.Go(func() {
		t := time.NewTicker(dog.Every())
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				dog.Tell("WATCHDOG=1")
			}
		}
	})
	do()
}
