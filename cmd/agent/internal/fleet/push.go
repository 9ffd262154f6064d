package fleet

import (
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
)

// push is one word of the utility to all agents.
type push struct {
	kind, to string

	mu    sync.Mutex
	sites []pushed
	again int
}

// pushed is what became of it at one agent.
type pushed struct {
	id       string
	text     []byte
	sent     time.Time
	applied  time.Time // zero: not
	times    int       // that it was applied
	rejected policy.Code
}

func newPush(kind, to string, n int) *push {
	return &push{kind: kind, to: to, sites: make([]pushed, n)}
}

// begin notes that it is sent to all now.
func (p *push) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.sites {
		p.sites[i].sent = time.Now()
	}
}

// sent notes that it is sent to one now.
func (p *push) sent(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sites[i].sent = time.Now()
}

func (p *push) resent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.again++
}

// acknowledged takes what an agent has stored.
func (p *push) acknowledged(i int, a policy.Ack, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.sites[i]
	if s.id != a.Of.ID {
		return
	}
	switch a.State {
	case policy.Applied:
		if s.times++; s.applied.IsZero() {
			s.applied = at
		}
	case policy.Rejected:
		s.rejected = a.Code
	case policy.Received, policy.Superseded, policy.Completed, policy.OptedOut:
	}
}

// missing are the agents that have not applied it.
func (p *push) missing() (out []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, s := range p.sites {
		if s.times == 0 {
			out = append(out, i)
		}
	}
	return out
}

// report is its figures.
func (p *push) report() Push {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := Push{Kind: p.kind, To: p.to, SentAgain: p.again}
	var took []time.Duration
	for _, s := range p.sites {
		switch {
		case s.times == 0 && s.rejected != "":
			r.Refused++
		case s.times == 0:
			r.Missing++
		case s.times == 1:
			r.Once++
		default:
			r.MoreThanOnce++
		}
		if s.times > 0 {
			took = append(took, s.applied.Sub(s.sent))
		}
	}
	r.P50, r.P99, r.Most = quantiles(took)
	return r
}

// quantiles are median, 99th hundredth and greatest, in milliseconds.
func quantiles(took []time.Duration) (p50, p99, most int64) {
	if len(took) == 0 {
		return 0, 0, 0
	}
	slices.Sort(took)
	at := func(q float64) int64 { return took[int(q*float64(len(took)-1))].Milliseconds() }
	return at(0.5), at(0.99), at(1)
}
