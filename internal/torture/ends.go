package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// ends ends the agent in good order: in the middle of a commit that takes a second while tokens come,
// and while nothing happens, when the last minutes are in no commit yet.
func ends(r *room) error {
	h, err := r.home(settings{more: "schedule: {persist: 10s}"}, 4500)
	defer h.close()
	if err != nil {
		return err
	}
	c := &customers{ways: map[string]int{}}
	c.listen(h)
	for range r.often(2, 4) {
		slow, err := troubled(h.pid(), syncs+":delay_enter=700000")
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.ctx, 4*time.Second)
		c.buy(h, 2, func() int { return 1 + r.rng.IntN(900) })
		var people sync.WaitGroup
		people.Go(func() { c.enter(ctx, h) })
		time.Sleep(time.Duration(r.rng.IntN(1500)) * time.Millisecond)
		r.finished(h, c, "in the middle of a commit")
		cancel()
		people.Wait()
		slow.calm()
		if len(r.broken) > 0 || r.bad(h.start()) {
			return nil
		}
		ctx, cancel = context.WithTimeout(r.ctx, 30*time.Second)
		c.enter(ctx, h)
		cancel()
		if left := len(c.waiting()); left > 0 {
			r.lost(fmt.Sprintf("of %d tokens nobody knows: %v", left, c.strange))
			return nil
		}
		time.Sleep(time.Duration(5000+r.rng.IntN(4000)) * time.Millisecond)
		r.finished(h, c, "while nothing happens")
		if len(r.broken) > 0 || r.bad(h.start()) {
			return nil
		}
	}
	if on, _ := h.house.is(supply); !on {
		r.lost("the supply was cut with credit there")
	}
	r.saw(h.warnings()...)
	r.settled(h)
	r.bad(r.calm(h))
	r.judge(h, c.said(), "in the end")
	r.lost(c.strange...)
	r.count("tokens", len(c.all))
	return nil
}

// finished ends the agent in good order: what the meter had shown until then must be recorded.
func (r *room) finished(h *site, c *customers, when string) {
	shown, begin := h.house.shows(), time.Now()
	r.tried++
	if r.bad(h.stop()) {
		return
	}
	r.most("ms to the end at most", time.Since(begin))
	shown -= 2000 * h.house.flows() / 3600 // it is read twice a second, and an answer may be under way
	rec := r.judge(h, c.said(), "ended "+when)
	if rec == nil {
		return
	}
	if lacks := shown - rec.state.Meter.Import/microjoules; lacks > 0 {
		r.lost(fmt.Sprintf("ended %s: of what the meter had shown %d mWh are not recorded", when, lacks))
	}
}
