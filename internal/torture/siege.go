package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// ill is a fault that comes over a running agent, and goes again.
type ill struct {
	settings settings
	lasts    time.Duration                          // 6 s where it is zero
	before   func(r *room, h *site) error           // before the agent starts
	begin    func(r *room, h *site) (func(), error) // what it answers ends it
	after    func(r *room, h *site)                 // before the agent is ended
	sees     []string                               // warnings of which the householder must see one, where there are any
	never    []string                               // warnings that would not be true
	keeps    bool                                   // the supply must not be cut
	ends     bool                                   // the agent may end of it; it is started again
	least    int                                    // so many tokens must be taken in the time
}

// siege lets an ill come over an agent while tokens come by API and MQTT and energy is
// used, and judges when it is over.
func (i ill) siege(r *room) error {
	h, err := r.site(i.settings)
	defer h.close()
	if err != nil {
		return err
	}
	if i.before != nil {
		if err := i.before(r, h); err != nil {
			return err
		}
	}
	if err := r.opened(h, 1500); err != nil {
		return err
	}
	if !r.until(20*time.Second, func() bool { on, _ := h.house.is(supply); return on }) {
		return fmt.Errorf("the supply is not switched on\n%s", h.out.String())
	}
	c := &customers{ways: map[string]int{}}
	c.listen(h)
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	var people sync.WaitGroup
	rng := rand.New(rand.NewPCG(r.rng.Uint64(), 6)) // its own: what goes on beside it draws, too
	people.Go(func() {
		for ctx.Err() == nil {
			if c.mayBuy(2) {
				c.buy(h, 2, func() int { return 1 + rng.IntN(900) })
			}
			within, end := context.WithTimeout(ctx, time.Second)
			c.enter(within, h)
			end()
			if r.brief || ctx.Err() == nil {
				time.Sleep(50 * time.Millisecond)
			}
		}
	})
	time.Sleep(500 * time.Millisecond)
	over, err := i.begin(r, h)
	if err != nil {
		cancel()
		people.Wait()
		return err
	}
	r.tried++
	lasts := i.lasts
	if lasts == 0 {
		lasts = 6 * time.Second
	}
	known := len(c.all) - len(c.waiting())
	cut := time.Duration(0)
	for end := time.Now().Add(lasts); time.Now().Before(end) && !h.gone(); time.Sleep(300 * time.Millisecond) {
		r.saw(h.warnings()...)
		if on, since := h.house.is(supply); !on {
			cut = time.Since(since)
		}
	}
	known = len(c.all) - len(c.waiting()) - known
	over()
	if h.gone() {
		if !i.ends {
			r.lost("the agent ended by itself: " + h.out.String())
		}
		h.kill()
		if r.bad(h.start()) {
			cancel()
			people.Wait()
			return nil
		}
	}
	if cut > 0 && i.keeps {
		r.lost("the supply was cut with credit there")
	}
	if known < i.least {
		r.lost(fmt.Sprintf("%d tokens were taken while it lasted, %d at the least should be", known, i.least))
	}
	time.Sleep(time.Second)
	r.saw(h.warnings()...)
	cancel()
	people.Wait()
	ctx, cancel = context.WithTimeout(r.ctx, 40*time.Second)
	defer cancel()
	c.enter(ctx, h)
	r.settled(h)
	if i.after != nil {
		i.after(r, h)
	}
	r.bad(r.calm(h))
	rec := r.judge(h, c.said(), "when it was over")
	if left := len(c.waiting()); left > 0 {
		r.lost(fmt.Sprintf("of %d tokens nobody ever knew", left))
	}
	r.lost(c.strange...)
	r.count("tokens", len(c.all))
	if rec != nil {
		for _, code := range i.never {
			if r.seen[code] || rec.events[code] > 0 {
				r.lost("the householder was told what is not so: " + code)
			}
		}
		for _, code := range i.sees {
			if r.seen[code] || rec.events[code] > 0 {
				return nil
			}
		}
		if len(i.sees) > 0 {
			r.lost(fmt.Sprintf("the householder saw nothing of it: %v", names2(r.seen)))
		}
	}
	return nil
}

func names2(m map[string]bool) []string {
	n := map[string]int{}
	for k := range m {
		n[k] = 1
	}
	return names(n)
}

// settled waits until the agent has counted what the meter shows, with the house at rest.
func (r *room) settled(h *site) {
	h.house.use(0)
	h.house.rest()
	r.until(30*time.Second, func() bool {
		rec, err := read(filepath.Join(h.dir, "data"))
		return err == nil && rec.state.Meter.Import == h.house.shows()*microjoules && len(rec.against(h.begun, h.opens, nil)) <= 1
	})
}

// calls lets calls of the agent fail or wait.
func calls(what string, paths ...string) func(*room, *site) (func(), error) {
	return func(_ *room, h *site) (func(), error) {
		var in []string
		for _, p := range paths {
			in = append(in, filepath.Join(h.dir, "data", p))
		}
		t, err := troubled(h.pid(), what, in...)
		if err != nil {
			return nil, err
		}
		return t.calm, nil
	}
}

// small mounts a small disk for the records.
func small(size string) func(*room, *site) error {
	return func(r *room, h *site) error {
		at := filepath.Join(h.dir, "data")
		if err := os.MkdirAll(at, 0o700); err != nil {
			return err
		}
		if out, err := exec.CommandContext(r.ctx, "mount", "-t", "tmpfs", "-o", "mode=0700,size="+size, "tmpfs", at).CombinedOutput(); err != nil {
			return fmt.Errorf("mount: %w: %s", err, out)
		}
		h.closers = append(h.closers, func() error { return syscall.Unmount(at, syscall.MNT_DETACH) })
		return nil
	}
}

// filled fills the disk of the records to the last byte.
func filled(_ *room, h *site) (func(), error) {
	junk := filepath.Join(h.dir, "data", "junk")
	f, err := os.Create(junk)
	if err != nil {
		return nil, err
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // and whatever becomes free
		defer close(done)
		defer f.Close()
		for n := 1 << 20; ; {
			if _, err := f.Write(make([]byte, n)); err != nil {
				n = max(n/2, 1)
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
			}
		}
	}()
	return func() {
		close(stop)
		<-done
		_ = os.Remove(junk)
	}, nil
}

// moved moves the records away under the agent, and brings them back.
func moved(r *room, h *site) (func(), error) {
	return swapped(r, h, false)
}

// older puts a copy of before in their place.
func older(r *room, h *site) (func(), error) {
	return swapped(r, h, true)
}

func swapped(r *room, h *site, other bool) (func(), error) {
	at, aside := filepath.Join(h.dir, "data"), filepath.Join(h.dir, "aside")
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return nil, err
	}
	for _, name := range databases() {
		from, to := filepath.Join(at, name), filepath.Join(aside, name)
		data, err := os.ReadFile(from)
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.Rename(from, to)
		}
		if err == nil && other {
			err = os.WriteFile(from, data, 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	return func() { h.putBack(r, aside, at) }, nil
}

// putBack kills the agent, gives it the databases again that lie aside, and starts it.
func (h *site) putBack(r *room, aside, at string) {
	h.kill()
	for _, name := range databases() {
		_ = os.Remove(filepath.Join(at, name))
		if err := os.Rename(filepath.Join(aside, name), filepath.Join(at, name)); err != nil && !os.IsNotExist(err) {
			r.bad(err)
		}
	}
	r.bad(h.start())
}

// signalled sends the agent's broker a signal, and another when it is over.
func stopped(_ *room, h *site) (func(), error) {
	h.broker.signal(syscall.SIGSTOP)
	return func() { h.broker.signal(syscall.SIGCONT) }, nil
}

// brokerless ends the broker without warning.
func brokerless(r *room, h *site) (func(), error) {
	h.broker.end(os.Kill)
	return func() { r.bad(h.broker.start()) }, nil
}

// breathless lets the agent run a hundredth of the time.
func breathless(_ *room, h *site) (func(), error) {
	stop, done := make(chan struct{}), make(chan struct{})
	pid := h.pid()
	go func() {
		defer close(done)
		for {
			_ = syscall.Kill(pid, syscall.SIGSTOP)
			select {
			case <-stop:
				_ = syscall.Kill(pid, syscall.SIGCONT)
				return
			case <-time.After(99 * time.Millisecond):
			}
			_ = syscall.Kill(pid, syscall.SIGCONT)
			time.Sleep(time.Millisecond)
		}
	}()
	return func() { close(stop); <-done }, nil
}

// few leaves the agent as many descriptors as it has open, and none more.
func few(r *room, h *site) (func(), error) {
	set := func(n string) error {
		return exec.CommandContext(r.ctx, "prlimit", "--pid", fmt.Sprint(h.pid()), "--nofile="+n+":").Run()
	}
	if err := set("3"); err != nil {
		return nil, err
	}
	return func() { r.bad(set("1024")) }, nil
}

// second starts another agent on the same records: it must refuse, and change nothing.
func second(r *room, h *site) (func(), error) {
	other := *h
	other.cmd, other.out = nil, &lockedBuffer{}
	if err := other.run(); err != nil {
		return nil, err
	}
	if !r.until(10*time.Second, other.gone) {
		r.lost("a second agent runs on the same records")
	}
	other.kill()
	return func() {}, nil
}

// switched has the geyser's switch do what it should not, while it is told to run and not to.
func switched(change func(*relay)) func(*room, *site) (func(), error) {
	return func(r *room, h *site) (func(), error) {
		if err := r.runs(h); err != nil { // what starts may wait for its turn; what stops does not
			return nil, err
		}
		h.house.with(func() { change(h.house.relays["geyser"]) })
		for _, order := range []string{"skip", "run", "skip"} {
			if _, _, err := h.ask(r.ctx, http.MethodPost, "/api/v1/loads/geyser/"+order, nil); err != nil {
				return nil, err
			}
			time.Sleep(time.Second)
		}
		return func() {
			h.house.with(func() {
				g := h.house.relays["geyser"]
				g.deaf, g.lies, g.mute = false, false, false
			})
			on, _ := h.house.is("geyser")
			h.says("geyser", on)
			r.truly(h)
		}, nil
	}
}
