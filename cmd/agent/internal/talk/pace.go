package talk

import (
	"context"
	"sync"
	"time"
)

// Whoever may write to a topic may do so thousands of times a second, and what
// is obeyed is recorded, synced.  So each kind of message has a pace: some at
// once, then one in a while.  A person never meets it.
const (
	orderBurst, orderEvery   = 20, time.Second
	pricesBurst, pricesEvery = 20, 10 * time.Second
	policyBurst, policyEvery = 64, time.Second
	badBurst, badEvery       = 10, 10 * time.Second
	badTopics                = 16 // more than we listen to
)

// paces are an agent's paces of what comes over MQTT.
type paces struct {
	loads, supply, until, expect, limit, reading, prices, policy, refused pace

	mu  sync.Mutex
	bad map[string]*pace
}

func (p *paces) init() {
	p.loads, p.supply = pace{burst: orderBurst, every: orderEvery}, pace{burst: orderBurst, every: orderEvery}
	p.until, p.limit = pace{burst: orderBurst, every: orderEvery}, pace{burst: orderBurst, every: orderEvery}
	p.expect = pace{burst: orderBurst, every: orderEvery}
	p.reading = pace{burst: orderBurst, every: orderEvery}
	p.prices = pace{burst: pricesBurst, every: pricesEvery}
	p.policy, p.refused = pace{burst: policyBurst, every: policyEvery}, pace{burst: policyBurst, every: policyEvery}
	p.bad = map[string]*pace{}
}

// mayTell tells whether one more bad message of a topic is told.
func (p *paces) mayTell(topic string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.bad[topic]
	if b == nil {
		if len(p.bad) >= badTopics {
			return false
		}
		b = &pace{burst: badBurst, every: badEvery}
		p.bad[topic] = b
	}
	return b.take(time.Now()) <= 0
}

// pace lets burst through at once, and then one in every.
type pace struct {
	burst int
	every time.Duration

	mu   sync.Mutex
	full time.Time // when all of burst is there again
}

// take takes one, or answers how long to wait before there is one.
func (p *pace) take(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := now
	if p.full.After(now) {
		next = p.full
	}
	next = next.Add(p.every)
	if wait := next.Sub(now) - time.Duration(p.burst)*p.every; wait > 0 {
		return wait
	}
	p.full = next
	return 0
}

// wait takes one when there is one.
func (p *pace) wait(ctx context.Context) error {
	for {
		wait := p.take(time.Now())
		if wait <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}
