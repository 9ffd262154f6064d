package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/cmd/agent/internal/talk"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// agent is one of the fleet.
type agent struct {
	id      string
	book    *book
	loop    *control.Loop
	session *broker.Session
	talk    *talk.Agent
	relays  map[string]loads.Switch
	every   time.Duration // between readings
	rand    *rand.Rand    // only meter uses it
	broker  broker.Config
}

// tick is how often an agent's time passes without an input: a machine that carries a fleet
// carries a home's second five thousand times.
const tick = 5 * time.Second

// newAgent builds the agent of a configuration.
func newAgent(cfg config.Config, opt Options, words present.Words, told func(policy.Ack, time.Time)) (*agent, error) {
	a := &agent{id: cfg.Site.ID, book: &book{told: told}, relays: map[string]loads.Switch{}, every: cfg.Meter.Every}
	seed := backoff.Seed(a.id) ^ opt.Seed
	a.rand = rand.New(rand.NewPCG(seed, 1))
	site, err := service.SiteOf(cfg)
	if err != nil {
		return nil, err
	}
	a.broker = service.BrokerOf(cfg, opt.Log)
	if opt.Identity != nil {
		if err := opt.Identity(a.id, &a.broker); err != nil {
			return nil, err
		}
	}
	if a.session, err = broker.New(a.broker); err != nil {
		return nil, err
	}
	for _, l := range site.Loads {
		a.relays[l.ID] = &relay{}
	}
	st, first := site.Begin(time.Now())
	a.loop = control.NewLoop(control.LoopConfig{
		Site: site, State: st, First: first, Planner: unplanned{}, Journal: a.book, Switches: a.relays,
		Now: func() time.Time { return time.Now().UTC() }, Synced: func() bool { return true },
		Tick: tick, PersistEvery: cfg.Schedule.Persist, PlanTime: cfg.Plan.Time, Log: slog.New(slog.DiscardHandler),
	})
	a.talk = talk.New(site, a.loop, a.book, picture.New(site, picture.About{Name: cfg.Site.Name, Unit: present.Unit{Code: site.Currency, Decimals: 2}, Words: words}))
	a.talk.Share(func(string) bool { return false })
	a.talk.Sign(keyOf(opt.Seed, a.id))
	return a, nil
}

// run lives until ctx ends: first what brings inputs ends, then the loop, then the session.
func (a *agent) run(ctx context.Context) error {
	if err := a.talk.Listen(a.session, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	inputs, stop := context.WithCancel(ctx)
	defer stop()
	loopCtx, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoop()
	sessionCtx, stopSession := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSession()
	var in, loop, session sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	part := func(wg *sync.WaitGroup, ctx context.Context, run func(context.Context) error) {
		wg.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				mu.Lock()
				errs = append(errs, fmt.Errorf("%s: %w", a.id, err))
				mu.Unlock()
				stop()
			}
		})
	}
	part(&session, sessionCtx, a.session.Run)
	part(&loop, loopCtx, a.loop.Run)
	part(&in, inputs, func(ctx context.Context) error { return a.talk.Publish(ctx, a.session) })
	part(&in, inputs, a.meter)
	<-inputs.Done()
	in.Wait()
	stopLoop()
	loop.Wait()
	stopSession()
	session.Wait()
	return errors.Join(errs...)
}

// meter reads a made-up meter: some hundreds of watts, and the loads that are on.
func (a *agent) meter(ctx context.Context) error {
	var register units.Energy
	base := units.Power(150+a.rand.IntN(500)) * units.Watt
	wait := time.Duration(a.rand.Int64N(int64(a.every)))
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		power := base
		for _, r := range a.relays {
			if o, err := r.Observed(ctx); err == nil && o.On {
				power += 3 * units.Kilowatt
			}
		}
		register += power.Over(wait)
		now := time.Now().UTC()
		_, err := a.loop.Feed(ctx, control.Input{Now: now, What: control.Reading{Sample: metering.Sample{
			At: now, Has: metering.HasImport | metering.HasPower, Import: register, Power: power, Step: units.WattHour,
		}}})
		if err != nil {
			return nil //nolint:nilerr // the loop has ended
		}
		wait = a.every
	}
}

// forget takes back what the agent's stay has left at the broker: its session, and what is
// retained.
func (a *agent) forget(ctx context.Context) error {
	c, err := broker.Dial(ctx, a.broker)
	if err != nil {
		return err
	}
	defer c.Close()
	topics := a.session.Topics()
	for _, topic := range []string{topics.Status(), topics.PolicyState(), topics.Ledger() + "/head"} {
		if err := c.Publish(ctx, topic, true, nil); err != nil {
			return err
		}
	}
	return nil
}

// relay is a load's switch that does as it is told.
type relay struct {
	mu sync.Mutex
	on bool
	at time.Time
}

func (r *relay) Set(_ context.Context, s loads.Setpoint) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on, r.at = s.On, time.Now().UTC()
	return nil
}

func (r *relay) Observed(context.Context) (loads.Observation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return loads.Observation{On: r.on, Known: true, At: time.Now().UTC()}, nil
}

// unplanned makes no plans: thousands of searches on one machine would measure nothing
// that has to do with a broker.
type unplanned struct{}

func (unplanned) Make(context.Context, planning.Brief, time.Duration) (planning.Plan, error) {
	return planning.Plan{}, errors.New("a fleet on trial makes no plans")
}
func (unplanned) Learn([]planning.Interval) {}
func (unplanned) Wait()                     {}
