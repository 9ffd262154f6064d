package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/front"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/cmd/agent/internal/telemetry"
	"github.com/keeplit/keeplit/cmd/agent/internal/watchdog"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// service is one agent, built and ready to run.
type service struct {
	cfg config.Config
	log *slog.Logger

	store    *store.Store
	board    *board.Board // nil until a part needs the machine's hardware
	site     *control.Site
	loop     *control.Loop
	plans    control.Plans
	meter    metering.Meter
	plant    *house.Plant // nil behind a real meter
	runners  []runner     // drivers that listen by themselves
	closers  []func() error
	session  *broker.Session      // nil without a broker
	messages *broker.Forwarder    // nil without a broker
	influx   *telemetry.Forwarder // nil without InfluxDB
	page     *web.Server
	front    *front.Agent
	nightly  schedule.Schedule
	entered  []timedToken // tokens of the simulation
	resumed  time.Time
	mended   int64 // used tokens that the ledger names and the memory of them lacked
	started  time.Time
	progress progress
	records  atomic.Pointer[records]
	watched  watchdog.Config
	pace     pace                   // of parts that fail
	guessed  atomic.Pointer[string] // see pinGuessed; nil: nothing to tell
	journal  *journal.Journal
}

// runner is a driver that needs a goroutine.
type runner interface {
	Run(ctx context.Context) error
}

// options are what a command decides besides the configuration.
type options struct {
	log      *slog.Logger
	listener net.Listener // of the page; nil: as configured
	demo     func(*service) *web.Demo
	open     bool                // changes need no PIN: the demo
	apart    []string            // the command line of a planner in a process of its own; nil: it is within
	getenv   func(string) string // where a service manager says what it wants; nil: nothing watches
}

// assemble builds a service.  It is the only place that knows every part.
func assemble(ctx context.Context, cfg config.Config, opt options) (_ *service, err error) {
	s := &service{cfg: cfg, log: opt.log, started: time.Now().UTC(), pace: usualPace()}
	defer func() {
		if err != nil {
			_ = s.close()
		}
	}()
	if s.store, err = store.Open(ctx, cfg.Path(cfg.Data), store.Options{
		Log: opt.log, Limits: map[store.Channel]store.Limit{store.Influx: outboxLimit(cfg), store.MQTT: outboxLimit(cfg)},
	}); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, s.store.Close)
	if s.site, err = siteOf(cfg); err != nil {
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
	if err := s.broker(); err != nil {
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
	switches, err := s.switches(ctx, state)
	if err != nil {
		return nil, err
	}
	if s.plans, err = s.plansOf(ctx, opt.apart); err != nil {
		return nil, err
	}
	var topics *broker.Topics
	if s.session != nil {
		t := s.session.Topics()
		topics = &t
	}
	s.journal = journal.New(s.store, topics, cfg.InfluxDB != nil)
	s.journal.KeepHead(cfg.Path(cfg.HeadFile))
	loop := control.LoopConfig{
		Site: s.site, State: state, First: first, Planner: s.plans, Switches: switches,
		Journal: counted{s.journal, &s.progress},
		Now:     s.now, Synced: clockSynced, Simulated: s.plant != nil, PersistEvery: cfg.Schedule.Persist, PlanTime: cfg.Plan.Time, Log: opt.log,
	}
	if s.plant != nil {
		loop.Plant = func() ([]byte, error) { return json.Marshal(s.plant.State()) }
	}
	if found.Err != nil {
		loop.Journal = counted{journal.Frozen{}, &s.progress}
	}
	s.loop = control.NewLoop(loop)
	if err := s.entries(cfg); err != nil {
		return nil, err
	}
	if s.meter == nil {
		if s.meter, err = s.meterOf(ctx, cfg.Meter, state); err != nil {
			return nil, err
		}
	}
	if err := s.contacts(cfg.Meter); err != nil {
		return nil, err
	}
	if s.nightly, err = schedule.Parse(cfg.Schedule.Nightly, cfg.Zone()); err != nil {
		return nil, fmt.Errorf("schedule.nightly: %w", err)
	}
	if opt.getenv != nil {
		s.watched = s.watchdogOf(opt.getenv)
	}
	if err := s.outbound(cfg); err != nil {
		return nil, err
	}
	return s, s.pageOf(cfg, opt)
}

// anchored compares what the records say with the head that is kept apart.
func (s *service) anchored(ctx context.Context, state control.State, first control.Effects, resumed bool) (control.State, control.Effects, error) {
	if s.cfg.HeadFile == "" {
		return state, first, nil
	}
	kept, ok, err := journal.ReadHead(s.cfg.Path(s.cfg.HeadFile))
	if err == nil && !ok {
		return state, first, nil
	}
	cause := ""
	if err != nil {
		cause = "the head kept apart cannot be read: " + err.Error()
	} else if cause, err = kept.Old(ctx, s.store, s.site.Meter); err != nil {
		return state, first, err
	}
	switch {
	case cause == "":
	case resumed:
		state.MarkOld(cause)
	default:
		state, first = s.site.BeginOld(func(bare *control.Site) (control.State, control.Effects) { return bare.Begin(s.now()) }, cause)
	}
	if cause != "" {
		s.log.Error("the ledger is not the one that was published; no token is counted until the warning is acknowledged", "code", health.LedgerOld, "cause", cause)
	}
	return state, first, nil
}

// now is the service's clock.
func (s *service) now() time.Time {
	if s.plant != nil {
		return s.plant.Now()
	}
	return time.Now().UTC()
}

func outboxLimit(cfg config.Config) store.Limit {
	l := store.DefaultLimit()
	l.Rows, l.Age = cfg.Telemetry.MaxRows, cfg.Telemetry.MaxAge
	return l
}

// siteOf builds the rules of the site.
func siteOf(cfg config.Config) (*control.Site, error) {
	zone := cfg.Zone()
	doc, err := tariffOf(cfg)
	if err != nil {
		return nil, err
	}
	tariff, err := tariffs.New(doc)
	if err != nil {
		return nil, fmt.Errorf("tariff: %w", err)
	}
	schemes, err := schemesOf(cfg)
	if err != nil {
		return nil, err
	}
	engine, err := credit.New(cfg.Credit, zone, schemes...)
	if err != nil {
		return nil, err
	}
	all := make([]loads.Load, 0, len(cfg.Loads))
	for _, d := range cfg.Loads {
		l, err := loads.Compile(d, zone)
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", d.ID, err)
		}
		all = append(all, l)
	}
	plan, err := schedule.Parse(cfg.Schedule.Plan, zone)
	if err != nil {
		return nil, fmt.Errorf("schedule.plan: %w", err)
	}
	seed := seedOf(cfg.Site.ID)
	guard := loads.DefaultGuard()
	guard.GapMin, guard.GapMax, guard.Spread = cfg.Switching.GapMin, cfg.Switching.GapMax, cfg.Switching.Spread
	guard.PerHour, guard.Seed = cfg.Switching.PerHour, seed
	contactor := cfg.Supply.Switch.Driver != "" && cfg.Supply.Switch.Driver != "none"
	guard.Supply = contactor
	guard.SupplyFeedback = contactor && (cfg.Supply.Switch.Relay == nil || cfg.Supply.Switch.Relay.Feedback != nil)
	currency := cfg.Site.Currency
	if currency == "" {
		currency = doc.Currency
	}
	silent := max(time.Minute, 3*cfg.Meter.Every)
	if cfg.Simulation != nil {
		silent = max(silent, 3*cfg.Simulation.Step)
	}
	limits := cfg.Meter.Limits()
	if cfg.Simulation != nil {
		limits.MaxGap = max(limits.MaxGap, 2*cfg.Simulation.Step)
	}
	return &control.Site{
		ID: cfg.Site.ID, Meter: cfg.Site.Meter, Zone: zone, Currency: currency,
		Limits: limits, SilentAfter: silent, Interval: cfg.Schedule.Interval, PointEvery: max(cfg.Telemetry.Every, time.Second),
		Tariff: tariff, PricesFor: cfg.Tariff.PricesFor, Credit: engine, InKWh: cfg.Credit.Mode == credit.InKWh, KWhPrice: cfg.Credit.KWhPrice,
		Loads: all, Guard: loads.NewGuard(guard, all, zone), Contactor: contactor, Power: cfg.Site.Limit, Supply: supplyRules(cfg.Supply), Wall: cfg.Simulation == nil,
		PlanAt: plan, PlanSlot: cfg.Plan.Slot, PlanAhead: cfg.Plan.Horizon, RunOutOver: cfg.Plan.RunOut, Shift: cfg.Plan.Shift, Seed: seed,
	}, nil
}

// seedOf makes one site's random waits and ties differ from the next one's.
func seedOf(id string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for _, b := range []byte(id) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

func tariffOf(cfg config.Config) (tariffs.Document, error) {
	switch {
	case cfg.Tariff.Document != nil:
		return *cfg.Tariff.Document, nil
	case cfg.Tariff.Catalogue != "":
		return catalogueTariff(cfg.Tariff.Catalogue)
	}
	name := cfg.Path(cfg.Tariff.File)
	data, err := os.ReadFile(name)
	if err != nil {
		return tariffs.Document{}, fmt.Errorf("tariff.file: %w", err)
	}
	doc, faults := config.Decode[tariffs.Document](data)
	if len(faults) > 0 {
		return doc, fmt.Errorf("%s:\n%w", name, faults)
	}
	return doc, nil
}

func schemesOf(cfg config.Config) ([]credit.Scheme, error) {
	var out []credit.Scheme
	if d := cfg.Tokens.OpenPAYGO; d != nil {
		scheme, err := openpaygo.New(d.Document)
		if err != nil {
			return nil, fmt.Errorf("tokens.openpaygo: %w", err)
		}
		out = append(out, scheme)
	}
	if d := cfg.Tokens.STS; d != nil {
		scheme, err := sts.New(d.Document)
		if err != nil {
			return nil, fmt.Errorf("tokens.sts: %w", err)
		}
		out = append(out, scheme)
	}
	return out, nil
}

// fillDark tells records of a program that did not know it when the supply was
// off: once, from the ledger.
func (s *service) fillDark(ctx context.Context, state control.State) (control.State, error) {
	const name = "supply off, from the ledger"
	if done, err := s.store.Filled(ctx, name); done || err != nil {
		return state, err
	}
	var off []store.Stretch
	if s.site.Contactor {
		var err error
		if off, err = journal.SupplyOff(ctx, s.store, state.Now); err != nil {
			return state, err
		}
	}
	if err := s.store.Fill(ctx, name, metering.SupplyOff, control.SiteSeries, control.Flows, off); err != nil {
		return state, err
	}
	for _, o := range off {
		state = s.site.Unseen(state, o.From, o.To)
	}
	return state, nil
}

// broker builds the MQTT session.
func (s *service) broker() (err error) {
	m := s.cfg.MQTT
	if m == nil {
		return nil
	}
	cfg := broker.Config{
		URL: m.URL, Site: s.cfg.Site.ID, ClientID: m.ClientID, Username: m.Username, Log: s.log,
		TLS: broker.TLS{CAFile: s.cfg.Path(m.CA), CertFile: s.cfg.Path(m.Cert), KeyFile: s.cfg.Path(m.Key)},
	}
	if m.Password != "" {
		cfg.Password = func() (string, error) { return m.Password, nil }
	}
	if s.session, err = broker.New(cfg); err != nil {
		return fmt.Errorf("mqtt: %w", err)
	}
	return nil
}

// drain is how long what waits in the outbox may take to leave at the end.
const drain = 5 * time.Second

// outbound builds what empties the outbox.
func (s *service) outbound(cfg config.Config) (err error) {
	if s.session != nil {
		s.messages = broker.NewForwarder(s.session, s.store.Outbox(store.MQTT), drain, s.log)
	}
	if i := cfg.InfluxDB; i != nil {
		fc := telemetry.Config{URL: i.URL, Org: i.Org, Bucket: i.Bucket, CAFile: cfg.Path(i.CA), Site: cfg.Site.ID, Drain: drain, Log: s.log}
		if i.Token != "" {
			fc.Token = func() (string, error) { return i.Token, nil }
		}
		if s.influx, err = telemetry.New(fc, s.store.Outbox(store.Influx)); err != nil {
			return fmt.Errorf("influxdb: %w", err)
		}
	}
	return nil
}

// pageOf builds the page.
func (s *service) pageOf(cfg config.Config, opt options) (err error) {
	unit := web.Unit{Code: s.site.Currency, Symbol: cfg.Site.Symbol, Decimals: s.site.Tariff.Decimals(), Energy: s.site.InKWh}
	about := front.About{
		Name: cfg.Site.Name, Unit: unit, Version: version, Started: s.started, Meter: meterName(cfg.Meter),
		Digits: tokenDigits(cfg), Emergency: cfg.Credit.Emergency, System: s.system,
	}
	if opt.demo != nil {
		about.Demo = func() *web.Demo { return opt.demo(s) }
	}
	s.front = front.New(s.site, s.loop, s.store, about)
	s.page, err = web.New(s.front, web.Config{
		Listener: opt.listener, Listen: cfg.Web.Listen, Title: cfg.Web.Title, PINHash: cfg.Web.PIN,
		OpenReading: cfg.Web.Reading == "open", OpenChanges: opt.open, Hosts: cfg.Web.Hosts,
		Behind: func() time.Time { return s.loop.Snapshot().Behind }, Patience: cfg.Patience(),
		TLS: pageTLS(cfg), Proxies: cfg.Web.Proxies, Guessed: s.pinGuessed,
	}, s.log)
	return err
}

// pageTLS is the page's certificate.
func pageTLS(cfg config.Config) web.TLS {
	t := web.TLS{Cert: cfg.Path(cfg.Web.TLS.Cert), Key: cfg.Path(cfg.Web.TLS.Key), Names: cfg.Web.Hosts}
	if cfg.Web.TLS.Own {
		t.Own = cfg.Path(cfg.Data)
	}
	return t
}

// pinGuessed leaves word of PINs that were guessed at, for watchLinks to tell.
func (s *service) pinGuessed(n int, who []netip.Addr) {
	cause := fmt.Sprintf("%d wrong PINs within an hour, most from %s", n, who[0])
	if len(who) > 1 {
		cause += fmt.Sprintf(" and %d others", len(who)-1)
	}
	s.guessed.Store(&cause)
}

// tokenDigits are the lengths that a token may have.
func tokenDigits(cfg config.Config) []int {
	var out []int
	if d := cfg.Tokens.OpenPAYGO; d != nil {
		out = append(out, d.Form().Len())
	}
	if cfg.Tokens.STS != nil {
		out = append(out, 20)
	}
	return out
}

// system is the state of the agent's links, for the page.
func (s *service) system() web.System {
	out := web.System{DiskFree: -1}
	if r := s.records.Load(); r != nil {
		out.DiskFree = r.condition.Free
		out.Outbox = web.Outbox{Rows: r.influx.Pending, Dropped: r.influx.Dropped, Quarantined: r.influx.Quarantined}
	}
	if s.session != nil {
		st := s.session.State()
		out.Broker = web.Link{Name: s.cfg.MQTT.URL, Freshness: web.Silent, LastAt: st.Since, Detail: st.LastError}
		if st.Connected {
			out.Broker.Freshness, out.Broker.Detail = web.Fresh, ""
		}
	}
	if s.influx != nil {
		st := s.influx.State()
		out.Telemetry = web.Link{Name: s.cfg.InfluxDB.URL, Freshness: web.Never, LastAt: st.LastWrite, Detail: st.LastError}
		switch {
		case !st.OK:
			out.Telemetry.Freshness = web.Silent
		case !st.LastWrite.IsZero():
			out.Telemetry.Freshness = web.Fresh
		}
	}
	return out
}

// close gives back what assemble opened, the last first.
func (s *service) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}
