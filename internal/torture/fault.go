package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// fault is one thing that goes wrong.
type fault struct {
	name    string
	share   int // of the time, against the others
	atOnce  int // in so many homes at once, where it times nothing; 0: in one
	short   bool
	control control
	seams   func() []edit       // besides those of every agent; nil: none
	upgrade bool                // it wants the program of before, too
	once    func(r *room) error // an error says that it could not be tried
}

// kind names the seams of a fault, which several may have.
func (f *fault) kind() string {
	var files []string
	for _, e := range f.seams() {
		files = append(files, filepath.Base(e.file))
	}
	return strings.Join(files, "-")
}

// room is where a fault is tried, with what came of it.
type room struct {
	ctx   context.Context
	agent string
	older string // the program of before, where the fault wants one
	dir   string
	rng   *rand.Rand
	brief bool // as little of it as shows anything
	flood int  // mutants of a try; 0: as many as are usual

	mu     sync.Mutex
	tried  int
	counts map[string]int
	seen   map[string]bool
	broken []string
}

// lost notes laws that were broken.
func (r *room) lost(what ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = append(r.broken, what...)
}

// bad notes an error as a law that was broken.
func (r *room) bad(err error) bool {
	if err != nil {
		r.lost(err.Error())
	}
	return err != nil
}

// count adds to what the table tells of the tries.
func (r *room) count(what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] += n
}

// most keeps the greatest of a time in ms.
func (r *room) most(what string, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] = max(r.counts[what], int(d.Milliseconds()))
}

// saw notes what the householder was shown.
func (r *room) saw(codes ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range codes {
		r.seen[c] = true
	}
}

// judge reads the records of a site and holds them against what happened.
func (r *room) judge(h *site, tokens []*told, when string) *records {
	rec, err := read(filepath.Join(h.dir, "data"))
	if r.bad(err) {
		return nil
	}
	for _, b := range rec.against(h.begun, h.opens, tokens) {
		r.lost(when + ": " + b)
	}
	return rec
}

// site makes a site in a folder of its own.
func (r *room) site(s settings) (*site, error) {
	dir, err := os.MkdirTemp(r.dir, "site-")
	if err != nil {
		return nil, err
	}
	return newSite(r.ctx, r.agent, dir, s)
}

// home is a site whose agent runs and whose account has begun, with the supply on.
func (r *room) home(s settings, watts int64) (*site, error) {
	h, err := r.site(s)
	if err == nil {
		err = r.opened(h, watts)
	}
	if err == nil {
		r.until(20*time.Second, func() bool { on, _ := h.house.is(supply); return on })
	}
	return h, err
}

// often is how often a fault is tried.
func (r *room) often(brief, whole int) int {
	if r.brief {
		return brief
	}
	return whole
}

// until waits for something.
func (r *room) until(most time.Duration, ok func() bool) bool {
	for end := time.Now().Add(most); time.Now().Before(end) && r.ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return false
}

// opened starts a site's agent for the first time and waits until the account has begun,
// with the meter standing still; then the household uses watts.
func (r *room) opened(h *site, watts int64) error {
	if err := h.start(); err != nil {
		return err
	}
	if !r.until(20*time.Second, func() bool {
		rec, err := read(filepath.Join(h.dir, "data"))
		return err == nil && rec.state.Meter.Import > 0
	}) {
		return fmt.Errorf("the account does not begin\n%s", h.out.String())
	}
	h.house.use(watts)
	return nil
}

// calm has the house stand still and the agent take it in, and ends it in good order.
func (r *room) calm(h *site) error {
	h.house.use(0)
	h.house.rest()
	time.Sleep(1200 * time.Millisecond)
	return h.stop()
}

// outcome is what a row of the table tells.
type outcome struct {
	tried    int
	counts   map[string]int
	seen     map[string]bool
	broken   []string
	caught   string // what the control showed; "": it was not tried
	uncaught bool
	failed   string // it could not be tried
}

func (o *outcome) add(r *room) {
	o.tried += r.tried
	for k, n := range r.counts {
		if strings.HasSuffix(k, "ms") {
			o.counts[k] = max(o.counts[k], n)
		} else {
			o.counts[k] += n
		}
	}
	for k := range r.seen {
		o.seen[k] = true
	}
	o.broken = append(o.broken, r.broken...)
}

// try tries a fault once, in a room of its own.
func try(ctx context.Context, f *fault, agent, older string, seed uint64, s *session) (*room, error) {
	dir, err := os.MkdirTemp("", "torture-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &room{ctx: ctx, agent: agent, older: older, dir: dir, rng: rand.New(rand.NewPCG(seed, 24)), brief: s.brief, flood: s.flood, counts: map[string]int{}, seen: map[string]bool{}}
	err = f.once(r)
	return r, err
}

// names of what was counted, in order.
func names(m map[string]int) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
