package service

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// env is what the drivers are given; a meter without a register of its own goes
// on from state.
func (s *Service) env(state control.State) drivers.Env {
	e := drivers.Env{Now: s.now, Log: s.log, Bus: s.session, Machine: &s.machine, Path: s.cfg.Path, Since: state.Meter.Last.At}
	e.Import, e.Export = state.Meter.Shown()
	if s.plant != nil {
		e.House = s.plant
	}
	if s.loop != nil {
		e.Stored = s.loop.Stored
	}
	return e
}

// meterOf builds the driver of a real meter.
func (s *Service) meterOf(state control.State) (metering.Meter, error) {
	driver, err := drivers.FindMeter(s.cfg.Meter)
	if err != nil {
		return nil, err
	}
	return driver.Open(s.env(state), s.cfg.Meter)
}

// MeterName is what the page calls the meter.
func MeterName(cfg config.Config) string {
	switch d := cfg.Meter; d.Driver {
	case "replay":
		return "recording " + d.Replay.File
	case "house":
		return "simulated house"
	}
	driver, err := drivers.FindMeter(cfg.Meter)
	if err != nil {
		return cfg.Meter.Driver
	}
	return driver.Name(cfg.Meter)
}

// constants makes a converter's constants those of the site.
func (s *Service) constants() error {
	d := s.cfg.Meter
	if d.Driver != "adc" {
		return nil
	}
	c, err := drivers.ConstantsOf(s.cfg.Path, *d.ADC)
	if err != nil {
		return err
	}
	s.site.Calibration = control.Calibration{Signature: c.Signature, Made: "made " + c.Time.Format(time.RFC3339) + " by " + cmp.Or(c.By, "a person not named")}
	return nil
}

// switched is each load with a switch, and the supply.
func switched(cfg config.Config, each func(path, id string, d loads.SwitchDocument, deadMan time.Duration)) {
	for i, d := range cfg.Loads {
		each(fmt.Sprintf("loads[%d].switch", i), d.ID, d.Switch, d.DeadMan())
	}
	// The supply has a dead man only where the configuration asks for one: an
	// agent that dies must not cut the house off by default.
	supply := time.Duration(0)
	if d := cfg.Supply.Switch.DeadMan; d != nil {
		supply = *d
	}
	each("supply.switch", loads.SupplyID, cfg.Supply.Switch, supply)
}

// switches builds the switch of each load and of the supply.
func (s *Service) switches(state control.State) (map[string]loads.Switch, error) {
	out := map[string]loads.Switch{}
	var errs []error
	env := s.env(state)
	switched(s.cfg, func(_, id string, d loads.SwitchDocument, deadMan time.Duration) {
		if d.Driver == "" || d.Driver == loads.DriverNone {
			return
		}
		driver, err := drivers.FindSwitch(d)
		sw := loads.Switch(nil)
		if err == nil {
			sw, err = driver.Open(env, id, d, deadMan)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("switch of %s: %w", id, err))
			return
		}
		out[id] = sw
		if r, ok := sw.(loads.Runner); ok {
			s.parts = append(s.parts, r.Run)
		}
	})
	return out, errors.Join(errs...)
}
