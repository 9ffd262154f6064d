// Package service is one agent: it builds its parts from a configuration, runs
// them side by side, and ends them in the order in which they need each other.
package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/alert"
	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/desk"
	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/openadr"
	"github.com/keeplit/keeplit/cmd/agent/internal/panel"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/cmd/agent/internal/talk"
	"github.com/keeplit/keeplit/cmd/agent/internal/telemetry"
	"github.com/keeplit/keeplit/cmd/agent/internal/watchdog"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/loads/modbus"
	"github.com/keeplit/keeplit/loads/ocpp"
	"github.com/keeplit/keeplit/metering"
)

// Service is one agent, built and ready to run.
type Service struct {
	cfg config.Config
	log *slog.Logger

	store    *store.Store
	words    present.Words // of the site's language
	speaks   *tongue
	machine  board.Machine
	site     *control.Site
	loop     *control.Loop
	plans    control.Plans
	meter    metering.Meter
	plant    *house.Plant // nil behind a real meter
	parts    []panel.Part // drivers and parts of the panel that run by themselves
	closers  []func() error
	session  *broker.Session      // nil without a broker
	devices  *device.Pool         // on it; nil without a broker
	buses    *modbus.Lines        // of switches; nil until one asks
	stations *ocpp.Central        // nil where none call
	messages *broker.Forwarder    // nil without a broker
	influx   *telemetry.Forwarder // nil without InfluxDB
	alerts   *alert.Keeper        // nil where nobody is to be told
	ven      *openadr.VEN         // nil where there is no OpenADR server
	page     *web.Server
	set      Set // what was set on it
	desk     *desk.Desk
	talk     *talk.Agent
	nightly  schedule.Schedule
	entered  []timedToken // tokens of the simulation
	resumed  time.Time
	mended   int64 // used tokens that the ledger names and the memory of them lacked
	started  time.Time
	began    time.Time // by the clock of a simulated house
	progress progress
	records  atomic.Pointer[records]
	totals   atomic.Pointer[picture.Totals] // nil: not known
	watched  watchdog.Config
	pace     pace                      // of parts that fail
	guessed  atomic.Pointer[said.Said] // see pinGuessed; nil: nothing to tell
	journal  *journal.Journal
	unsigned string                // why acknowledgements to the utility cannot be signed
	seen     func([]metering.Seen) // told what the meter's driver looks for; nil: nobody looks
}

// Options are what a command decides besides the configuration.
type Options struct {
	Log      *slog.Logger
	Version  string       // of the program, for the page
	Listener net.Listener // of the page; nil: as configured
	Demo     func(*Service) *picture.Demo
	Open     bool                // changes need no PIN: the demo
	Apart    []string            // the command line of a planner in a process of its own; nil: it is within
	File     string              // of the configuration, for who edits it and for backups; "" there is none
	Getenv   func(string) string // where a service manager says what it wants; nil: nothing watches
}

// blank is a service of which nothing is built.
func blank(cfg config.Config, log *slog.Logger) *Service {
	return &Service{cfg: cfg, log: log, started: time.Now().UTC(), pace: usualPace(), machine: board.Machine{Log: log}}
}

// days is n days of 24 hours.
func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// New builds a service.  It is the only place that knows every part.
func New(ctx context.Context, cfg config.Config, opt Options) (_ *Service, err error) {
	s := blank(cfg, opt.Log)
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if s.store, err = store.Open(ctx, cfg.Path(cfg.Data), store.Options{
		Log: opt.Log, Linger: true,
		KeepIntervals: days(cfg.Keep.HalfHours), KeepEvents: days(cfg.Keep.Events), KeepPlans: days(cfg.Keep.Plans), Limits: map[store.Channel]store.Limit{store.Influx: outboxLimit(cfg), store.MQTT: outboxLimit(cfg)},
	}); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, s.store.Close, s.machine.Close)
	// Once the records are this process's alone: one that ends may have set something last.
	s.set = AsSet(cfg)
	cfg = s.set.Config
	s.cfg = cfg
	if s.set.Err != nil {
		s.log.Error("what was set on the page does not hold, and the configuration does", "error", s.set.Err)
	}
	if err := s.set.Book.Settle(s.set.Written); err != nil {
		s.log.Warn("what was set on the page", "error", err)
	}
	if s.site, err = SiteOf(cfg); err != nil {
		return nil, err
	}
	if cfg.Tokens.STS != nil {
		for _, what := range cfg.Tokens.STS.Experimental() {
			s.log.Warn("tokens.sts." + what)
		}
	}
	if err := s.constants(); err != nil {
		return nil, err
	}
	// Before anything can be entered: a used token is one that the ledger names.
	if s.mended, err = s.store.MendTokens(ctx); err != nil {
		return nil, err
	}
	found, resumed, err := journal.Find(ctx, s.store)
	if err != nil {
		return nil, err
	}
	state := found.State
	if resumed {
		if found.Err == nil {
			found.Err = s.site.Belongs(found.State) // a slip of the pen in the configuration must not end the agent, and the house go dark
		}
		state = s.readable(found)
		s.resumed = state.Now
	}
	if s.session, err = sessionOf(cfg, opt.Log); err != nil {
		return nil, err
	}
	if err := s.simulation(ctx, state); err != nil {
		return nil, err
	}
	var first control.Effects
	if resumed {
		state, first, err = s.resume(state, found)
	} else {
		state, first = s.site.Begin(s.now())
	}
	if err != nil {
		return nil, err
	}
	if state, first, err = s.anchored(ctx, state, first, resumed); err != nil {
		return nil, err
	}
	if filled, err := s.fillDark(ctx, state); err != nil {
		// What is usual here is a wish: a full disk keeps nobody from starting.
		s.log.Warn("it could not be recorded when the supply was off before; the next start tries again", "error", err)
	} else {
		state = filled
	}
	switches, err := s.switches()
	if err != nil {
		return nil, err
	}
	if s.plans, err = s.plansOf(ctx, opt.Apart); err != nil {
		return nil, err
	}
	s.words, s.speaks = present.WordsIn(cfg.Site.Language), &tongue{s: s}
	english := present.NewWords() // of the log
	s.journal = journal.New(s.store, topicsOf(s.session), cfg.InfluxDB != nil, s.words.Plain(s.site).Written(present.Unit{Symbol: cfg.Site.Symbol}))
	s.journal.Share(shares(cfg.Telemetry.Share.InfluxDB), shares(cfg.Telemetry.Share.MQTT))
	s.journal.KeepHead(cfg.Path(cfg.HeadFile))
	loop := control.LoopConfig{
		Site: s.site, State: state, First: first, Planner: s.plans, Switches: switches,
		Journal: counted{s.journal, &s.progress},
		Now:     s.now, Synced: clockSynced, Simulated: s.plant != nil, PersistEvery: cfg.Schedule.Persist, PlanTime: cfg.Plan.Time, Log: opt.Log, Words: english.Plain(s.site).Event,
	}
	if s.plant != nil {
		loop.Plant = func() ([]byte, error) { return json.Marshal(s.plant.State()) }
	}
	if found.Err != nil {
		loop.Journal = counted{journal.Frozen{}, &s.progress}
	}
	s.loop = control.NewLoop(loop)
	if s.meter == nil {
		if s.meter, err = s.meterOf(state); err != nil {
			return nil, err
		}
	}
	for _, d := range s.devices.Devices() {
		s.parts = append(s.parts, d.Run)
	}
	hung, err := panel.Open(panel.Env{
		Now: s.now, Log: s.log, Machine: &s.machine, Loop: s.loop, Credit: s.site.Credit, Words: func() present.Keypad { return s.speaks.words().Keypad(s.site) },
		Shown:  func(first, second string) { s.desk.Keypad(first, second) },
		View:   func() picture.View { return s.desk.View() },
		Tokens: func(ctx context.Context, n int) ([]credit.Entry, error) { return s.desk.LastTokens(ctx, n) },
	}, cfg)
	if err != nil {
		return nil, err
	}
	s.parts = append(s.parts, hung...)
	if s.nightly, err = schedule.Parse(cfg.Schedule.Nightly, cfg.Zone()); err != nil {
		return nil, fmt.Errorf("schedule.nightly: %w", err)
	}
	if opt.Getenv != nil {
		s.watched = s.watchdogOf(opt.Getenv)
	}
	if err := s.outbound(cfg); err != nil {
		return nil, err
	}
	if err := s.pageOf(cfg, opt); err != nil {
		return nil, err
	}
	s.alertsOf(cfg)
	if err := s.venOf(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

// now is the service's clock.
func (s *Service) now() time.Time {
	if s.plant != nil {
		return s.plant.Now()
	}
	return time.Now().UTC()
}

// shown is an instant of the machine's clock as the service's clock has it, for who sees both beside each other: a
// simulated house has a clock of its own, and the page no other.
func (s *Service) shown(at time.Time) time.Time {
	if s.plant == nil || at.IsZero() {
		return at
	}
	now := s.now()
	ago := time.Duration(float64(time.Since(at)) * max(1, s.cfg.Simulation.Speed))
	return civil.Later(now.Add(-max(0, ago)), s.began)
}

// Close gives back what New opened, the last first.
func (s *Service) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// The parts of a service, for who drives or shows it otherwise than by Run: the demo,
// and the tests that move a whole agent's time by hand.

// Loop is the control loop.
func (s *Service) Loop() *control.Loop { return s.loop }

// Site is the rules of the site.  They must not be changed.
func (s *Service) Site() *control.Site { return s.site }

// Plans is what makes the plans.
func (s *Service) Plans() control.Plans { return s.plans }

// Records is the store of ledger, intervals and events.
func (s *Service) Records() *store.Store { return s.store }

// Talk is the talk with the broker.
func (s *Service) Talk() *talk.Agent { return s.talk }

// Desk answers the page and the keypad.
func (s *Service) Desk() *desk.Desk { return s.desk }

// Page is the page's server.
func (s *Service) Page() *web.Server { return s.page }

// Plant is the simulated house; nil behind a real meter.
func (s *Service) Plant() *house.Plant { return s.plant }

// Now is the service's clock.
func (s *Service) Now() time.Time { return s.now() }
