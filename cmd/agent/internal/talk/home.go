package talk

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/homeassistant"
	"github.com/keeplit/keeplit/internal/backoff"
)

// How the announcement to Home Assistant goes about.
const (
	// keptWait is how long the broker may take to hand over the announcement that it keeps,
	// from which it is known what is to be taken back.
	keptWait = 3 * time.Second
	// After Home Assistant has started, all is said anew: not by all sites at one instant, and
	// not more often, whoever may write to the topic of its birth.
	birthSpread = 10 * time.Second
	birthRest   = 30 * time.Second
	// What somebody else has written in the place of the announcement is written over, not for ever.
	mendBurst, mendEvery = 3, 10 * time.Minute
)

// announcer announces the site to Home Assistant.
type announcer struct {
	home               homeassistant.Home
	off                bool // what was announced once is taken back
	now                func() time.Time
	rand               *rand.Rand
	wait, spread, rest time.Duration // keptWait, birthSpread, birthRest
	mend               pace
	mu                 sync.Mutex
	gone               map[string]string // components that were announced once, by key
	heard              bool              // the announcement that the broker keeps, since the connection was made
	ours               bool              // and it was one of ours
	sent               []byte            // as the broker has it; nil: to be sent
	again              time.Time         // when all is to be said anew; zero: not
	deaf               time.Time         // and no birth is heeded before
}

// Announce has the site announced to Home Assistant, or what was announced taken back where off
// is set.  It must be called before Listen.
func (a *Agent) Announce(home homeassistant.Home, off bool) {
	home.Say, home.Shares = func(key string) string { return a.words.T(key) }, a.shares
	a.announcer = &announcer{
		home: home, off: off, now: time.Now, gone: map[string]string{}, wait: keptWait, spread: birthSpread, rest: birthRest, mend: pace{burst: mendBurst, every: mendEvery},
		rand: rand.New(rand.NewPCG(backoff.Seed(home.ID), 3)),
	}
}

// listenHome hears the births of Home Assistant, and the announcement that the broker keeps.
func (a *Agent) listenHome(bus Bus) error {
	n := a.announcer
	if n == nil {
		return nil
	}
	if _, err := bus.SubscribeState(n.home.Topic(), func(_ context.Context, m broker.Message, retained bool) error {
		n.hear(m.Payload, retained)
		return nil
	}); err != nil || n.off {
		return err
	}
	_, err := bus.SubscribeState(n.home.BirthTopic(), func(_ context.Context, m broker.Message, retained bool) error {
		n.born(m.Payload, retained)
		return nil
	})
	return err
}

// hear takes an announcement of this site that stands at the broker.  It may be our own of
// now, our own of before, or anything.
func (n *announcer) hear(payload []byte, retained bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.heard = n.heard || retained
	if n.sent != nil && bytes.Equal(payload, n.sent) {
		return
	}
	before, ours := homeassistant.Announced(payload)
	n.ours = n.ours || ours
	more := false
	for key, platform := range before {
		if _, known := n.gone[key]; !known && len(n.gone) < mostGone {
			n.gone[key], more = platform, true
		}
	}
	switch {
	case n.sent == nil, len(payload) == 0: // a person has removed the device there: until the next start it is not put back
	case retained && more, n.mend.take(n.now()) <= 0:
		n.sent = nil
	}
}

// mostGone is how many components of announcements of before are remembered.
const mostGone = 2000

// born is told that Home Assistant has started, or that somebody says so.
func (n *announcer) born(payload []byte, retained bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if retained || strings.TrimSpace(string(payload)) != broker.Online || !n.again.IsZero() || now.Before(n.deaf) {
		return
	}
	n.again = now.Add(time.Duration(n.rand.Int64N(int64(n.spread))))
	n.deaf = n.again.Add(n.rest)
}

// reborn tells, once, that all is to be said anew.
func (n *announcer) reborn() bool {
	if n == nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.again.IsZero() || n.now().Before(n.again) {
		return false
	}
	n.again, n.sent = time.Time{}, nil
	return true
}

// lost has the announcement sent anew after the next connection.
func (n *announcer) lost() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent, n.heard = nil, false
}

// announce sends the announcement where the broker does not have it; publishing is how long
// messages have gone out over this connection.
func (n *announcer) announce(ctx context.Context, bus Bus, publishing time.Duration) error {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	due := n.sent == nil && (n.heard || publishing >= n.wait) && (!n.off || n.ours)
	var payload []byte
	var err error
	if due && !n.off {
		payload, err = n.home.Message(n.gone)
	}
	if due && err == nil {
		if payload == nil {
			payload = []byte{}
		}
		n.sent = payload // before it is echoed
	}
	n.mu.Unlock()
	if !due || err != nil {
		return err
	}
	if err := bus.Publish(ctx, n.home.Topic(), 1, true, payload); err != nil {
		n.lost()
		return fmt.Errorf("the announcement to Home Assistant: %w", err)
	}
	return nil
}
