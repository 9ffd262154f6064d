package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// stuck has the contactor of the supply fail where the credit is spent: what flows is charged all
// the same, the householder is told, and a token is good.
func stuck(change func(*relay), sees ...string) func(*room) error {
	return func(r *room) error {
		h, err := r.home(settings{credit: "0.02"}, 15_000)
		defer h.close()
		if err != nil {
			return err
		}
		h.house.with(func() { change(h.house.relays[supply]) })
		r.tried++
		last := h.begun + 80_000 // a credit of 0.02 is 80 Wh: 19 s
		if !r.until(time.Minute, func() bool { return h.house.shows() >= last }) {
			return fmt.Errorf("only %d mWh were used", h.house.shows()-h.begun)
		}
		seen := func() bool {
			now := h.warnings()
			r.saw(now...)
			return slices.ContainsFunc(sees, func(code string) bool { return slices.Contains(now, code) })
		}
		c := &customers{ways: map[string]int{}}
		c.listen(h)
		if h.house.relays[supply].dead { // it is seen when it is to close again
			if !r.until(30*time.Second, func() bool { on, _ := h.house.is(supply); return !on }) {
				r.lost("the credit is spent, and the supply stays on for 30 s")
			}
			c.buy(h, 1, func() int { return 5 })
			c.enter(r.ctx, h)
		}
		if !r.until(40*time.Second, seen) {
			r.lost(fmt.Sprintf("the householder saw nothing of it: %v", names2(r.seen)))
		}
		time.Sleep(2 * time.Second)
		h.house.with(func() { h.house.relays[supply] = &relay{on: h.house.relays[supply].on} })
		c.buy(h, 2, func() int { return 3 })
		c.enter(r.ctx, h)
		h.house.use(500)
		if !r.until(90*time.Second, func() bool { on, _ := h.house.is(supply); return on }) {
			r.lost("the contactor is whole again and there is credit, and the supply stays off for 90 s")
		}
		r.settled(h)
		r.bad(r.calm(h))
		r.judge(h, c.said(), "when it was over")
		r.count("tokens", len(c.all))
		return nil
	}
}

// twins are two boxes with one id, one key and one broker: somebody runs a copy.  What the one
// counts the other counts, too, until it sees that the head of its ledger is not the one that is
// published; each keeps its own records sound, and the householder is told.
func twins(r *room) error {
	h, err := r.home(settings{}, 1500)
	defer h.close()
	if err != nil {
		return err
	}
	other, err := r.site(settings{})
	defer other.close()
	if err != nil {
		return err
	}
	// A home that has been at its broker before, which keeps the head of its ledger: the agent
	// says it once it has been connected for ten seconds.
	published := make(chan struct{}, 1)
	h.client.Subscribe("keeplit/torture/ledger/head", 1, func(mqtt.Client, mqtt.Message) {
		select {
		case published <- struct{}{}:
		default:
		}
	})
	select {
	case <-published:
	case <-time.After(60 * time.Second):
		r.lost("the head of the ledger is not published within a minute")
		return nil
	}
	// The card is copied; the copy's page is elsewhere, and all else is the same.
	if r.bad(h.stop()) {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(h.dir, "keeplit.yaml"))
	if err == nil {
		text = []byte(strings.Replace(string(text), strings.TrimPrefix(h.url, "http://"), strings.TrimPrefix(other.url, "http://"), 1))
		err = os.WriteFile(filepath.Join(other.dir, "keeplit.yaml"), text, 0o600)
	}
	if err == nil {
		err = os.CopyFS(filepath.Join(other.dir, "data"), os.DirFS(filepath.Join(h.dir, "data")))
	}
	if err != nil {
		return err
	}
	other.begun = h.begun
	r.tried++
	if r.bad(h.start()) || r.bad(other.start()) {
		return nil
	}
	first, second := &customers{ways: map[string]int{}}, &customers{ways: map[string]int{}}
	both, rng := 0, rand.New(rand.NewPCG(r.rng.Uint64(), 3))
	began, last := time.Now(), time.Duration(0)
	for after := 0; time.Since(began) < 150*time.Second && after < 6 && r.ctx.Err() == nil; {
		t := h.vendor.next(1 + rng.IntN(900))
		a, b := &told{token: t}, &told{token: t}
		first.all, second.all = append(first.all, a), append(second.all, b)
		first.heard(a, "API", byAPI(r.ctx, h, t.digits))
		second.heard(b, "API", byAPI(r.ctx, other, t.digits))
		if a.accepted > 0 && b.accepted > 0 {
			both, last = both+1, time.Since(began)
			if after > 1 {
				r.lost("a token counts on both though the one of them knows that its ledger is not the one that is published")
			}
		}
		r.saw(h.warnings()...)
		r.saw(other.warnings()...)
		if r.seen["ledger_old"] {
			after++
		}
		time.Sleep(2 * time.Second)
	}
	r.count("tokens", len(first.all))
	r.count("counted by both", both)
	r.most("ms to the last that both counted", last)
	if h.gone() || other.gone() {
		r.lost("an agent ended by itself: " + h.out.String() + other.out.String())
		return nil
	}
	if !r.seen["ledger_old"] {
		r.lost(fmt.Sprintf("the householder saw nothing of it: %v", names2(r.seen)))
	}
	if on, _ := h.house.is(supply); !on {
		r.lost("the supply was cut with credit there")
	}
	r.settled(h)
	r.bad(other.stop())
	r.judge(other, second.said(), "the copy")
	r.bad(r.calm(h))
	r.judge(h, first.said(), "the box")
	return nil
}
