package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// upgrades has the program before this one make records, puts this one in its place, and looks at
// the disk that a power cut at each write of its first start would have left; on some of them it
// goes on, and on one the old program is tried again.
func upgrades(r *room) error {
	dir, err := os.MkdirTemp(r.dir, "upgrade-")
	if err != nil {
		return err
	}
	h, err := newSite(r.ctx, r.older, dir, settings{})
	defer h.close()
	if err != nil {
		return err
	}
	if err := r.opened(h, 2000); err != nil {
		return err
	}
	c := &customers{ways: map[string]int{}}
	c.listen(h)
	for range 3 {
		c.buy(h, 2, func() int { return 1 + r.rng.IntN(900) })
		ctx, cancel := context.WithTimeout(r.ctx, 20*time.Second)
		c.enter(ctx, h)
		cancel()
	}
	if n := len(c.waiting()); n > 0 {
		return fmt.Errorf("the program of before does not take %d tokens: %v", n, c.strange)
	}
	if r.rng.IntN(2) == 0 {
		r.bad(r.calm(h))
	} else {
		h.kill()
	}
	r.judge(h, c.said(), "before the upgrade")
	was, data, log := filepath.Join(dir, "was"), filepath.Join(dir, "data"), filepath.Join(dir, "log")
	if err := os.CopyFS(was, os.DirFS(data)); err != nil {
		return err
	}
	h.agent = r.agent
	h.before = tracer(data, log)
	if err := h.start(); r.bad(err) {
		return nil
	}
	time.Sleep(1500 * time.Millisecond)
	h.kill()
	h.before = nil
	ops, err := operations(log)
	if err != nil {
		return err
	}
	if len(ops) < 10 {
		return fmt.Errorf("only %d writes and syncs were seen", len(ops))
	}
	lives := map[int]bool{}
	for range r.often(2, 8) {
		lives[r.rng.IntN(len(ops))] = true
	}
	forms := map[bool]string{true: "cuts before the migration was there", false: "cuts after it"}
	for at := range ops {
		keep := []float64{0, 0.5, 0.9, 1}[r.rng.IntN(4)] // 1: killed, and the machine goes on
		into := filepath.Join(dir, fmt.Sprintf("cut-%d", at))
		if err := os.MkdirAll(filepath.Join(into, "data"), 0o700); err != nil {
			return err
		}
		if err := cut(was, ops[:at+1], keep, r.rng, filepath.Join(into, "data")); err != nil {
			return err
		}
		when := fmt.Sprintf("cut at %d of %d writes and syncs of the first start, %.0f %% of the rest kept", at, len(ops), 100*keep)
		rec, err := read(filepath.Join(into, "data"))
		r.tried++
		if r.bad(err) {
			return nil
		}
		for _, b := range rec.against(h.begun, h.opens, c.said()) {
			r.lost(when + ": " + b)
		}
		r.count(forms[rec.form < 5], 1)
		if lives[at] {
			if err := r.livesOn(h, into, c); r.bad(err) {
				r.lost(when)
				return nil
			}
			r.count("went on", 1)
		}
		_ = os.RemoveAll(into)
		if len(r.broken) > 0 {
			return nil
		}
	}
	return r.rolledBack(h, c)
}

// rolledBack puts the program of before in the place of this one again: it must refuse the
// records and leave them as they are, and this one goes on.
func (r *room) rolledBack(h *site, c *customers) error {
	if r.bad(h.start()) || r.bad(h.stop()) {
		return nil
	}
	before, err := os.ReadFile(filepath.Join(h.dir, "data", "keeplit.db"))
	if err != nil {
		return err
	}
	old := *h
	old.cmd, old.agent, old.out = nil, r.older, &lockedBuffer{}
	if err := old.run(); err != nil {
		return err
	}
	if !r.until(20*time.Second, old.gone) {
		r.lost("the program of before runs on records of this one")
	}
	old.kill()
	if after, err := os.ReadFile(filepath.Join(h.dir, "data", "keeplit.db")); err != nil || string(after) != string(before) {
		r.lost(fmt.Sprintf("the program of before has changed the records of this one: %v", err))
	}
	r.count("roll-backs refused", 1)
	if r.bad(h.start()) {
		return nil
	}
	r.saw(h.warnings()...)
	r.bad(r.calm(h))
	r.judge(h, c.said(), "after the roll-back")
	return nil
}
