package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/setup"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
)

// How long the page stays after the last answer, for its reader to see how it ended, and then for what
// the browser still loads.
const (
	endWait  = time.Minute
	seenWait = 2 * time.Second
)

// page asks on a page what --ask asks at a terminal, and writes what came of it.
func (c initCmd) page(e *env, data string) error {
	l, err := (&net.ListenConfig{}).Listen(e.Ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("the page cannot be served: %w; name another port with --listen", err)
	}
	code, err := setupCode()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	hash, err := web.HashPIN(code)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	w := c.world(e)
	free, own := w.Free, l.Addr().(*net.TCPAddr).Port
	w.Free = func(port int) error { // this page's own port is free when the agent starts
		if port == own {
			return nil
		}
		return free(port)
	}
	wizard := setup.NewWizard(w, data)
	page, err := web.NewSetup(wizard, web.Config{Listener: l, PINHash: hash}, newLog(e, config.Log{Level: "warn"}))
	if err != nil {
		return errors.Join(err, l.Close())
	}
	fmt.Fprintf(e.Stdout, "On a phone or a computer in the same network, open one of\n")
	for _, a := range addresses(l.Addr()) {
		fmt.Fprintf(e.Stdout, "  http://%s\n", a)
	}
	fmt.Fprintf(e.Stdout, "and enter the code %s %s\n", code[:4], code[4:])

	ctx, stop := context.WithCancel(e.Ctx)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer stop()
	serving.Go(func() {
		if err := page.Run(ctx); err != nil {
			fmt.Fprintln(e.Stderr, err)
			stop()
		}
	})
	draft, err := wizard.Run(ctx)
	if ctx.Err() != nil {
		return errors.New("stopped; nothing is written")
	}
	if err == nil {
		err = c.write(draft)
	}
	if err != nil {
		wizard.End(err.Error(), "Nothing is written. Start setting up once more.")
	} else {
		lines := []string{c.File + " is written.", "Where setting up was started, give: " + c.start()}
		if cfg, faults := c.parse(e, draft); len(faults) == 0 {
			if page, ok := pageOf(cfg.Web.Listen); ok {
				_, port, _ := net.SplitHostPort(cfg.Web.Listen)
				lines = append(lines, "The page is then at port "+port+" of this box; on the box itself that is "+page+".")
			}
		}
		if how := c.issue(draft); how != "" {
			lines = append(lines, "A token by your own key: "+how)
		}
		fmt.Fprintln(e.Stdout, strings.Join(lines, "\n"))
		wizard.End(lines...)
	}
	select {
	case <-wizard.Seen():
		select {
		case <-ctx.Done():
		case <-time.After(seenWait):
		}
	case <-ctx.Done():
	case <-time.After(endWait):
	}
	return err
}

// setupCode is a code of eight digits that nobody can guess in the tries that there are.
func setupCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%08d", n), nil
}

// addresses are where a listener can be reached from other machines, or from this one alone.
func addresses(at net.Addr) []string {
	here := web.Here(at.String())
	if here == at.String() {
		return []string{here}
	}
	_, port, _ := net.SplitHostPort(here)
	var out []string
	all, err := net.InterfaceAddrs()
	if err != nil {
		all = nil
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() && n.IP.To4() != nil {
			out = append(out, net.JoinHostPort(n.IP.String(), port))
		}
	}
	return append(out, web.Shown(at.String()))
}
