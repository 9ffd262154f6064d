package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// Options are what is tried.
type Options struct {
	Agents    int
	Seed      uint64
	Broker    string        // mqtt://host:1883, or mqtts://host:8883
	Others    []string      // its further addresses, where it is a cluster
	Prefix    string        // of the sites' names
	PerSecond float64       // so many agents are started a second
	Spread    time.Duration // over which lost connections come back: mqtt.spread
	// Again is after how long an envelope is sent once more to the sites that have not
	// acknowledged it; 0: never.
	Again time.Duration
	// Identity fills in user, password and certificate of a site, or of "utility"; nil: none.
	Identity func(name string, c *broker.Config) error
	Log      *slog.Logger
}

// SiteID is the name of the n-th agent, from 0.
func (o Options) SiteID(n int) string { return fmt.Sprintf("%s-%05d", o.Prefix, n+1) }

// Fleet is agents that run, and the utility that speaks to them.
type Fleet struct {
	opt     Options
	agents  []*agent
	utility *utility
	links   *links
	before  footprint
	after   footprint // with all agents connected

	mu     sync.Mutex
	pushes []*push
	tokens int // vouchers sent to each
}

// Run starts a fleet, has script use it, and ends it.  All goroutines have ended when it
// returns, and what the fleet has left at the broker is taken back.
func Run(ctx context.Context, opt Options, script func(ctx context.Context, f *Fleet) error) (Report, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	cfg, err := homeOf(opt) //nolint:contextcheck // looking at a configuration waits for nothing
	if err != nil {
		return Report{}, err
	}
	f := &Fleet{opt: opt, before: footprintNow()}
	if f.utility, err = newUtility(opt); err != nil {
		return Report{}, err
	}
	words := present.NewWords()
	for i := range opt.Agents {
		own := cfg
		own.Site.ID, own.Site.Meter = opt.SiteID(i), opt.SiteID(i)
		a, err := newAgent(own, opt, words, func(ack policy.Ack, at time.Time) { f.acknowledged(i, ack, at) })
		if err != nil {
			return Report{}, err
		}
		f.agents = append(f.agents, a)
	}
	f.links = newLinks(f.agents)
	err = f.live(ctx, script)
	report := f.report()
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute+time.Duration(opt.Agents)*20*time.Millisecond)
	defer cancel()
	return report, errors.Join(err, f.forget(cleanup))
}

// live runs all parts while script does.
func (f *Fleet) live(ctx context.Context, script func(ctx context.Context, f *Fleet) error) error {
	agentsCtx, stopAgents := context.WithCancel(ctx)
	defer stopAgents()
	utilityCtx, stopUtility := context.WithCancel(context.WithoutCancel(ctx))
	defer stopUtility()
	failed := make(chan error, len(f.agents))
	var agents, head sync.WaitGroup
	head.Go(func() { _ = f.utility.run(utilityCtx) })
	head.Go(func() { f.links.run(utilityCtx) })
	agents.Go(func() {
		gap := time.Duration(float64(time.Second) / f.opt.PerSecond)
		next := time.NewTicker(max(gap, time.Microsecond))
		defer next.Stop()
		for _, a := range f.agents {
			select {
			case <-agentsCtx.Done():
				return
			case <-next.C:
			}
			agents.Go(func() {
				if err := a.run(agentsCtx); err != nil {
					failed <- err
					stopAgents()
				}
			})
		}
	})
	err := script(agentsCtx, f)
	f.links.rest()
	stopAgents()
	agents.Wait()
	stopUtility()
	head.Wait()
	select {
	case cause := <-failed:
		err = errors.Join(cause, err)
	default:
	}
	return err
}

// forget takes back what the fleet has left at the broker.
func (f *Fleet) forget(ctx context.Context) error {
	var wg sync.WaitGroup
	work := make(chan *agent)
	faults := make(chan error, len(f.agents)+1)
	for range 8 {
		wg.Go(func() {
			for a := range work {
				if err := a.forget(ctx); err != nil {
					faults <- err
				}
			}
		})
	}
	for _, a := range f.agents {
		work <- a
	}
	close(work)
	wg.Wait()
	if err := f.utility.forget(ctx); err != nil {
		faults <- err
	}
	if n := len(faults); n > 0 {
		return fmt.Errorf("what %d agents, or the utility, have left at the broker was not taken back: %w", n, <-faults)
	}
	return nil
}

// poll is how often something is looked at that is waited for.
const poll = 50 * time.Millisecond

// until waits until is, within the time, and answers whether.
func until(ctx context.Context, within time.Duration, is func() bool) bool {
	end := time.Now().Add(within)
	for !is() {
		if ctx.Err() != nil || time.Now().After(end) {
			return false
		}
		select {
		case <-ctx.Done():
		case <-time.After(poll):
		}
	}
	return true
}

// Connected waits until all agents are connected and have the utility's keys.
func (f *Fleet) Connected(ctx context.Context, within time.Duration) error {
	keyed := func() (n int) {
		for _, a := range f.agents {
			if a.book.heard().Keys != nil {
				n++
			}
		}
		return n
	}
	ok := until(ctx, within, func() bool { return f.links.connected() == len(f.agents) && keyed() == len(f.agents) })
	if f.after == (footprint{}) {
		f.after = footprintNow()
	}
	if !ok {
		return fmt.Errorf("after %s %d of %d agents are connected, and %d have the utility's keys", within, f.links.connected(), len(f.agents), keyed())
	}
	f.utility.heardBy()
	return nil
}

// Away tells how many agents are not connected.
func (f *Fleet) Away() int { return len(f.agents) - f.links.connected() }

// Connects is how many connections the fleet has made.
func (f *Fleet) Connects() int { return f.links.connects() }

// Back waits until all agents that were connected are again.
func (f *Fleet) Back(ctx context.Context, within time.Duration) error {
	if !until(ctx, within, func() bool { return f.Away() == 0 }) {
		return fmt.Errorf("after %s %d agents are away", within, f.Away())
	}
	return nil
}

// PushLimit sends one limit to all agents, and waits until it is in force at each.
func (f *Fleet) PushLimit(ctx context.Context, within time.Duration) error {
	return f.pushOne(ctx, within, nil)
}

// PushLimitWhile is PushLimit with something done once the broker has it.
func (f *Fleet) PushLimitWhile(ctx context.Context, within time.Duration, during func() error) error {
	return f.pushOne(ctx, within, during)
}

func (f *Fleet) pushOne(ctx context.Context, within time.Duration, during func() error) error {
	f.mu.Lock()
	kw := 4.3 + 0.1*math.Mod(float64(len(f.pushes)), 5)
	f.mu.Unlock()
	id, text, err := f.utility.limit(kw)
	if err != nil {
		return err
	}
	p := newPush("limit", "group:"+group, len(f.agents))
	f.mu.Lock()
	f.pushes = append(f.pushes, p)
	f.mu.Unlock()
	for i := range p.sites {
		p.sites[i].id, p.sites[i].text = id, text
	}
	p.begin()
	ctx, stop := context.WithTimeout(ctx, within)
	defer stop()
	if err := f.utility.deliver(ctx, broker.PolicyStream("group:"+group, string(policy.Limit)), text); err != nil {
		return fmt.Errorf("the limit was not sent: %w", err)
	}
	if during != nil {
		if err := during(); err != nil {
			return err
		}
	}
	return f.settled(ctx, within, p, policy.Limit)
}

// PushTokens sends each agent a voucher of its own, and waits until it is credited.
func (f *Fleet) PushTokens(ctx context.Context, within time.Duration) error {
	p := newPush("token", "site", len(f.agents))
	f.mu.Lock()
	f.tokens++
	serial := uint64(f.tokens-1) * uint64(len(f.agents)) //nolint:gosec // small
	f.mu.Unlock()
	for i, a := range f.agents {
		id, text, err := f.utility.token(a.id, serial+uint64(i)+1) //nolint:gosec // small
		if err != nil {
			return err
		}
		p.sites[i].id, p.sites[i].text = id, text
	}
	f.mu.Lock()
	f.pushes = append(f.pushes, p)
	f.mu.Unlock()
	p.begin()
	ctx, stop := context.WithTimeout(ctx, within)
	defer stop()
	var wg sync.WaitGroup
	work := make(chan int)
	for range 16 {
		wg.Go(func() {
			for i := range work {
				p.sent(i)
				_ = f.utility.deliver(ctx, broker.PolicyStream("site:"+f.agents[i].id, string(policy.Token)), p.sites[i].text) // what is missing is counted
			}
		})
	}
	for i := range f.agents {
		work <- i
	}
	close(work)
	wg.Wait()
	return f.settled(ctx, within, p, policy.Token)
}

// settled waits until all have applied a push, and sends it again to those who have not
// said so.
func (f *Fleet) settled(ctx context.Context, within time.Duration, p *push, stream policy.Stream) error {
	last := time.Now()
	until(ctx, within, func() bool {
		missing := p.missing()
		if len(missing) > 0 && f.opt.Again > 0 && time.Since(last) >= f.opt.Again {
			last = time.Now()
			for _, i := range missing {
				if f.utility.publish(ctx, broker.PolicyStream("site:"+f.agents[i].id, string(stream)), p.sites[i].text) == nil {
					p.resent()
				}
			}
		}
		return len(missing) == 0
	})
	if n := len(p.missing()); n > 0 {
		return fmt.Errorf("after %s %d of %d agents have not applied a %s", within, n, len(f.agents), p.kind)
	}
	return nil
}

// acknowledged takes what the i-th agent has stored.
func (f *Fleet) acknowledged(i int, a policy.Ack, at time.Time) {
	f.mu.Lock()
	pushes := f.pushes
	f.mu.Unlock()
	for _, p := range pushes {
		p.acknowledged(i, a, at)
	}
}

// Heard waits until the utility has heard every acknowledgement, and each is confirmed.
func (f *Fleet) Heard(ctx context.Context, within time.Duration) error {
	count := func() (made int64, waiting int) {
		for _, a := range f.agents {
			st := a.book.heard()
			made, waiting = made+int64(st.AckSeq), waiting+len(st.Acks) //nolint:gosec // small
		}
		return made, waiting
	}
	if until(ctx, within, func() bool {
		made, waiting := count()
		heard, _, _ := f.utility.counts()
		return waiting == 0 && int64(heard) == made
	}) {
		return nil
	}
	made, waiting := count()
	heard, _, _ := f.utility.counts()
	return fmt.Errorf("after %s %d of %d acknowledgements were heard, and %d are not confirmed", within, heard, made, waiting)
}
