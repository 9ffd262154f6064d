package web

import (
	"context"
	"net/netip"
	"sync"
)

// places is who holds one of a bounded number of places.  Where all are taken
// the one who holds most gives one up: somebody with one page open cannot be
// kept out by somebody with thirty.
type places struct {
	most, each int // in all, and for one address

	mu   sync.Mutex
	held []*place // the oldest first
}

type place struct {
	who   netip.Addr
	leave context.CancelCauseFunc // tells the holder to go
}

// take gives a place, and a context that ends with it; ok is false where who
// holds as many as one may, or where all are taken and nobody holds more.
func (p *places) take(ctx context.Context, who netip.Addr) (held context.Context, free func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := map[netip.Addr]int{}
	for _, h := range p.held {
		count[h.who]++
	}
	if count[who] >= p.each {
		return nil, nil, false
	}
	if len(p.held) >= p.most {
		heaviest := who
		for _, h := range p.held { // of equals the one who came first
			if count[h.who] > count[heaviest]+1 || heaviest != who && count[h.who] > count[heaviest] {
				heaviest = h.who
			}
		}
		if heaviest == who {
			return nil, nil, false
		}
		for _, h := range p.held {
			if h.who == heaviest {
				h.leave(context.Canceled)
				p.drop(h)
				break
			}
		}
	}
	held, leave := context.WithCancelCause(ctx)
	h := &place{who, leave}
	p.held = append(p.held, h)
	return held, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		leave(nil)
		p.drop(h)
	}, true
}

// drop takes h out of those held.  mu is held.
func (p *places) drop(h *place) {
	for i, o := range p.held {
		if o == h {
			p.held = append(p.held[:i:i], p.held[i+1:]...)
			return
		}
	}
}
