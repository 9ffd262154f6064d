package main

import (
	"context"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/cmd/agent/internal/simulate"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/examples/worlds"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

//go:embed demo.yaml
var demoConfig []byte //nolint:gochecknoglobals // embedded files must be

// demoKey is the key of the published OpenPAYGO example, so it keeps nothing secret.
const demoKey = "bc41ec9530f6dac86b1a29ab82edc5fb"

// What an example token of the usual demo buys, and what is left when somebody buys one, where they do by habit.
const (
	demoTopUp  = 50
	littleLeft = 40 * units.One
)

// demoListen is where the page is where nobody says otherwise.
const demoListen = "127.0.0.1:8080"

type demoCmd struct {
	Speed    float64 `default:"60" help:"Simulated seconds a second: 1 is real time, 1440 a day in a minute."`
	Listen   string  `default:"127.0.0.1:8080" help:"Address of the page; another port is taken where this one is in use."`
	Seed     uint64  `default:"7" help:"Another household for another number."`
	Scenario string  `default:"house" enum:"house,block-tariff,business-demand,capacity-tariff,car-commuter,payday-home,poor-home,sun-battery" help:"Which home: ${enum}. All but the first are the worlds of examples/worlds, without their outages."`
	Habit    bool    `help:"Somebody of the household tops up when little is left: else the light goes out when the credit is spent."`
}

// Run shows the whole agent on a machine with nothing: a simulated house, a
// broker and a store of its own, gone when it ends.
func (c demoCmd) Run(e *env) (err error) {
	if c.Speed <= 0 || c.Speed > 100_000 {
		return &exitError{exitUsage, fmt.Errorf("--speed %v: write 1 (real time) to 100000", c.Speed)}
	}
	shown, err := c.shown()
	if err != nil {
		return err
	}
	cfg := shown.Config
	folder, err := os.MkdirTemp("", "keeplit-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	cfg.Data, cfg.Web.Listen = folder, c.Listen
	cfg.Simulation.Speed, cfg.Simulation.Seed = c.Speed, c.Seed
	// The day is yet to come, so that its plan can be watched.
	cfg.Simulation.Start = units.LocalMidnight(time.Now(), cfg.Zone()).Add(5 * time.Hour)
	// Some twenty readings a second are smooth to look at.
	cfg.Simulation.Step = min(max(time.Duration(c.Speed/20*float64(time.Second)).Truncate(time.Second), time.Second), time.Minute)

	listener, err := net.Listen("tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) && c.Listen == demoListen {
		fmt.Fprintf(e.Stderr, "%s is taken by another program: the page is somewhere else.\n", demoListen)
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return fmt.Errorf("the page cannot be served on %s: %w; choose another address with --listen", c.Listen, err)
	}
	log := newLog(e, config.Log{Level: "warn", Format: "text"})
	local, err := broker.NewEmbedded(0, nil)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	cfg.MQTT = &config.MQTT{URL: local.URL()}
	s, err := service.New(e.Ctx, cfg, service.Options{Log: log, Version: version, Listener: listener, Open: true, Demo: func(s *service.Service) *picture.Demo {
		return &picture.Demo{Speed: c.Speed, Token: demoToken(shown, s)}
	}})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := remember(cfg, s, c.Seed); err != nil {
		return errors.Join(err, s.Close())
	}
	fmt.Fprintf(e.Stdout, `keeplit demo: %s, %gx real time
  page    http://%s
  mqtt    %s  (topics under %s)
  token   %s  buys %s; enter it on the page under "Top up"
Nothing is kept: Ctrl-C ends it.
`, c.about(cfg), c.Speed, web.Shown(listener.Addr().String()), local.URL(), "keeplit/"+cfg.Site.ID+"/", demoToken(shown, s), boughtBy(cfg, s, shown.Amount))

	// The broker outlives the service that speaks over it.
	brokerCtx, stop := context.WithCancel(context.WithoutCancel(e.Ctx))
	var wg sync.WaitGroup
	var brokerErr error
	wg.Go(func() { brokerErr = local.Run(brokerCtx) })
	habitCtx, leave := context.WithCancel(e.Ctx)
	if c.Habit {
		wg.Go(func() { topsUp(habitCtx, shown, s) })
	}
	err = s.Run(e.Ctx)
	leave()
	stop()
	wg.Wait()
	return errors.Join(err, brokerErr)
}

// shown is the site that is shown: the demo's own, or one of the example worlds.
func (c demoCmd) shown() (simulate.Shown, error) {
	cfg, faults := config.Parse(demoConfig, ".", config.Secrets{
		Getenv:   func(string) string { return demoKey },
		ReadFile: os.ReadFile,
	}, drivers.All())
	if len(faults) > 0 {
		return simulate.Shown{}, faults
	}
	own := simulate.Shown{Config: cfg, Below: littleLeft, Amount: demoTopUp * units.One}
	if c.Scenario == "house" || c.Scenario == "" {
		return own, nil
	}
	data, err := fs.ReadFile(worlds.Files(), c.Scenario+".yaml")
	if err != nil {
		return own, err
	}
	w, faults := simulate.ParseWorld(data, ".")
	if faults = append(faults, w.Check()...); len(faults) > 0 {
		return own, faults
	}
	shown, err := w.Shown()
	if err != nil {
		return shown, fmt.Errorf("--scenario %s: %w", c.Scenario, err)
	}
	of := &shown.Config
	of.Site.ID, of.Web, of.Telemetry, of.Schedule.Nightly = cfg.Site.ID, cfg.Web, cfg.Telemetry, cfg.Schedule.Nightly
	of.Simulation.Speed = cfg.Simulation.Speed
	of.Use(drivers.All())
	return shown, nil
}

// about is what is shown, in a few words.
func (c demoCmd) about(cfg config.Config) string {
	if c.Scenario == "house" || c.Scenario == "" {
		return "a simulated house"
	}
	return "a simulated world, " + c.Scenario + " (" + cfg.Site.Name + ")"
}

// boughtBy is an amount in the unit of the account.
func boughtBy(cfg config.Config, s *service.Service, amount units.Money) string {
	if s.Site().InKWh {
		return amount.Decimal(0) + " kWh"
	}
	unit := cfg.Site.Symbol
	if unit == "" {
		unit = s.Site().Currency
	}
	return unit + " " + amount.Decimal(0)
}

// habitLooks is how often somebody of the demo's household looks at what is left.
const habitLooks = 200 * time.Millisecond

// topsUp enters a token whenever little is left, until ctx ends.
func topsUp(ctx context.Context, shown simulate.Shown, s *service.Service) {
	t := time.NewTicker(habitLooks)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if st := s.Loop().Snapshot().State; st.Credit.Available() < shown.Below {
			_, _ = s.Desk().TopUp(ctx, demoToken(shown, s), "household") // one that is refused is tried again
		}
	}
}

// demoToken is a token that the account will take next.
func demoToken(shown simulate.Shown, s *service.Service) string {
	doc := shown.Config.Tokens.OpenPAYGO.Document
	last := doc.Count
	for _, scheme := range s.Loop().Snapshot().State.Credit.Schemes {
		var st openpaygo.State
		if json.Unmarshal(scheme.State, &st) == nil {
			last = st.Count
		}
	}
	key, err := hex.DecodeString(doc.Key)
	if err != nil {
		return ""
	}
	token, err := openpaygo.Encode(openpaygo.Key(key), doc.StartingCode, openpaygo.NextCount(last, false), int(int64(shown.Amount/units.One)*max(doc.ValueDivider, 1)), doc.Form())
	if err != nil {
		return ""
	}
	return token
}

// demoDays is how much of its past the demo's house knows, so that the forecast
// is that of a house somebody lives in.
const demoDays = 28

// remember teaches the planner the weeks before the demo begins.
func remember(cfg config.Config, s *service.Service, seed uint64) error {
	h, err := house.NewHousehold(house.HouseholdConfig{Seed: seed, Zone: s.Site().Zone, Daily: cfg.Simulation.PerDay})
	if err != nil {
		return err
	}
	now := units.SlotAt(s.Now(), s.Site().Interval).Start
	var past []planning.Interval
	for _, slot := range units.Slots(now.Add(-demoDays*24*time.Hour), s.Site().Interval, int(demoDays*24*time.Hour/s.Site().Interval)) {
		used, ok := h.Energy(slot.Start, slot.End())
		if ok {
			past = append(past, planning.Interval{Series: planning.SiteSeries, Interval: metering.Interval{Slot: slot, Import: used, Covered: slot.Len}})
			for _, l := range s.Site().Loads { // none of it is theirs
				past = append(past, planning.Interval{Series: l.ID, Interval: metering.Interval{Slot: slot, Covered: slot.Len}})
			}
		}
	}
	s.Plans().Learn(past)
	return nil
}
