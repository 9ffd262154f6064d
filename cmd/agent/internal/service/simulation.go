package service

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/replay"
)

// timedToken is a token that somebody enters at a time of the simulation.
type timedToken struct {
	at   time.Time
	text string
}

// simulation builds the simulated plant behind the meter drivers replay and
// house, at the point where state left it.
func (s *Service) simulation(ctx context.Context, state control.State) error {
	sim := s.cfg.Simulation
	if sim == nil {
		return nil
	}
	base, start, end, err := s.base()
	if err != nil {
		return err
	}
	if sim.Tokens != "" {
		if s.entered, err = readTokens(s.cfg.Path(sim.Tokens)); err != nil {
			return fmt.Errorf("simulation.tokens: %w", err)
		}
	}
	var appliances []house.Appliance
	for _, d := range s.cfg.Loads {
		if !d.InUse() {
			continue
		}
		kind := house.Plain
		if k := sim.Plants[d.ID]; k != "" {
			kind = house.ApplianceKind(k)
		}
		a := house.Appliance{ID: d.ID, Kind: kind, Power: d.Greatest(), Cycle: d.Cycle}
		if d.Kind == loads.Battery {
			a.Kind, a.Store = house.Battery, d.Battery.Store()
			a.Powers = a.Store.Powers()
		}
		if d.Kind == loads.Sun {
			a.Kind = house.Panels
		}
		if d.Range != nil {
			a.Powers = d.Range.Powers()
		}
		appliances = append(appliances, a)
	}
	s.plant, err = house.New(house.Config{Base: base, Loads: appliances, Start: start, Zone: s.cfg.Zone(), Seed: sim.Seed})
	if err != nil {
		return err
	}
	if state.Plant != nil {
		if err := s.restore(ctx, state); err != nil {
			return err
		}
	}
	step := sim.Step
	if step == 0 {
		step = time.Minute
	}
	s.meter = &house.Meter{Plant: s.plant, Step: step, Speed: sim.Speed, Until: end}
	return nil
}

// restore puts the plant back to where state left it, with its switches as they
// were last told: a relay stays as it is when the agent dies.
func (s *Service) restore(ctx context.Context, state control.State) error {
	plant, err := house.ReadState(state.Plant)
	if err != nil {
		return err
	}
	if err := s.plant.Restore(plant); err != nil {
		return err
	}
	for _, u := range state.Guard.Units {
		if u.SentAt.IsZero() {
			continue
		}
		sw, ok := s.plant.Switch(u.ID)
		if u.ID == loads.SupplyID {
			sw, ok = s.plant.Supply(), true
		}
		if !ok {
			continue
		}
		if err := sw.Set(ctx, u.Told); err != nil {
			return err
		}
	}
	return nil
}

// base is what the site uses besides its loads, and the time it is known for.
func (s *Service) base() (base house.Base, start, end time.Time, err error) {
	sim := s.cfg.Simulation
	start, end = sim.Start, sim.End
	recording, ok := s.cfg.Meter.Settings.(*replay.Document)
	if !ok {
		h, err := house.NewHousehold(house.HouseholdConfig{Seed: sim.Seed, Zone: s.cfg.Zone(), Daily: sim.PerDay})
		if start.IsZero() {
			start = time.Now().UTC().Truncate(time.Minute)
		}
		return h, start, end, err
	}
	f, err := os.Open(s.cfg.Path(recording.File))
	if err != nil {
		return nil, start, end, fmt.Errorf("meter.replay.file: %w", err)
	}
	series, err := replay.Parse(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, start, end, fmt.Errorf("meter.replay.file: %w", err)
	}
	if start.IsZero() {
		start = series.Start()
	}
	if end.IsZero() || end.After(series.End()) {
		end = series.End()
	}
	return series, start, end, nil
}

// readTokens reads a CSV file "time,token" with a header.
func readTokens(name string) ([]timedToken, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = 2
	var out []timedToken
	for line := 1; ; line++ {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if line == 1 {
			continue
		}
		at, err := time.Parse(time.RFC3339, row[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		out = append(out, timedToken{at.UTC(), row[1]})
	}
	slices.SortStableFunc(out, func(a, b timedToken) int { return a.at.Compare(b.at) })
	return out, nil
}

// feed hands the meter's readings to the loop and, after the reading at which
// they are due, the simulation's tokens.
func (s *Service) feed(ctx context.Context) func(metering.Reading) {
	next := 0
	if !s.resumed.IsZero() && s.cfg.Simulation != nil {
		// What was entered before the last stored step is in the ledger.  A token
		// of that very step may be or not be: entered again it is known as used.
		for next < len(s.entered) && s.entered[next].at.Before(s.resumed.Add(-s.cfg.Simulation.Step)) {
			next++
		}
	}
	enter := func(now time.Time) {
		for next < len(s.entered) && !s.entered[next].at.After(now) {
			t := s.entered[next]
			next++
			if _, err := s.loop.Feed(ctx, control.Input{Now: now, What: control.Token{Text: t.text, Source: "replay"}}); err != nil {
				s.log.Error("a token of the simulation could not be entered", "at", t.at, "error", err)
			}
		}
	}
	if !s.resumed.IsZero() {
		enter(s.resumed)
	}
	failed := failures{}
	return func(r metering.Reading) {
		if failed.tells(time.Now(), r.Err) {
			s.log.Warn("meter: no reading", "error", r.Err)
		}
		in := control.Input{What: control.Reading(r)}
		if s.plant != nil {
			in.Now = s.plant.Now()
		}
		if _, err := s.loop.Feed(ctx, in); err != nil && ctx.Err() == nil && !errors.Is(err, control.ErrStopped) {
			s.log.Error("a reading could not be taken in", "error", err)
		}
		s.progress.metered.Add(1)
		if s.plant != nil {
			enter(in.Now)
		}
	}
}
