package fleet

import (
	"context"
	"sync"
	"time"
)

// links watches the agents' connections.
type links struct {
	agents []*agent

	mu      sync.Mutex
	began   time.Time
	have    []int64 // connections that each agent has made
	up      []bool
	made    []int // connections in each second since began
	first   time.Time
	all     time.Time // when all had been connected once
	away    int       // now, of those that had been connected
	most    int       // the most that were away at once since
	awayAt  time.Time // since when somebody is
	back    time.Duration
	resting bool
}

func newLinks(agents []*agent) *links {
	return &links{agents: agents, began: time.Now(), have: make([]int64, len(agents)), up: make([]bool, len(agents))}
}

// run looks until ctx ends.
func (l *links) run(ctx context.Context) {
	t := time.NewTicker(poll)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			l.look(time.Now())
		}
	}
}

// rest ends the counting: the agents are told to end.
func (l *links) rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resting = true
}

func (l *links) look(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resting {
		return
	}
	second := int(now.Sub(l.began) / time.Second)
	for len(l.made) <= second {
		l.made = append(l.made, 0)
	}
	connected, away := 0, 0
	for i, a := range l.agents {
		st := a.session.State()
		l.made[second] += int(st.Connects - l.have[i])
		l.have[i], l.up[i] = st.Connects, st.Connected
		switch {
		case st.Connected:
			connected++
		case st.Connects > 0:
			away++
		}
	}
	if connected > 0 && l.first.IsZero() {
		l.first = now
	}
	if connected == len(l.agents) && l.all.IsZero() {
		l.all = now
	}
	if l.away == 0 && away > 0 {
		l.awayAt = now
	}
	if l.away > 0 && away == 0 {
		l.back = max(l.back, now.Sub(l.awayAt))
	}
	l.away, l.most = away, max(l.most, away)
}

func (l *links) connected() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, up := range l.up {
		if up {
			n++
		}
	}
	return n
}

func (l *links) connects() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.have {
		n += int(c)
	}
	return n
}

// report is its figures.
func (l *links) report() (c Connecting, r Reconnecting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := 0
	for _, n := range l.have {
		total += int(n)
	}
	firstly := len(l.made)
	if !l.all.IsZero() {
		c.All = true
		c.Seconds = l.all.Sub(l.began).Seconds()
		firstly = min(firstly, int(l.all.Sub(l.began)/time.Second)+1)
		if c.Seconds > 0 {
			c.PerSecond = float64(len(l.agents)) / c.Seconds
		}
	}
	for _, n := range l.made[firstly:] {
		r.MostPerSecond = max(r.MostPerSecond, n)
		r.Connects += n
	}
	r.MostAway, r.Away, r.BackSeconds = l.most, l.away, l.back.Seconds()
	return c, r
}
