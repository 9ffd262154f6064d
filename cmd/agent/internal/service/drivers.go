package service

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/durable"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/modbus"
	"github.com/keeplit/keeplit/loads/ocpp"
	"github.com/keeplit/keeplit/metering"
)

// pool is the devices on the broker; nil without one.
func (s *Service) pool() *device.Pool {
	if s.devices == nil && s.session != nil {
		s.devices = device.NewPool(s.session, s.now, s.log)
	}
	return s.devices
}

// calls is where charging stations call; nil where none is to.
func (s *Service) calls() *ocpp.Central {
	if s.stations == nil && s.cfg.OCPP != nil {
		s.stations = ocpp.NewCentral(s.cfg.OCPP.Listen, ocpp.UsualPace(), s.now, s.log)
		s.stations.Forwards(s.cfg.OCPP.Forward, told{s.cfg.Path(s.cfg.Data)})
	}
	return s.stations
}

// told keeps what backends are yet to be told of charging stations' transactions, a file a station.
type told struct{ folder string }

func (t told) file(station string) string {
	return filepath.Join(t.folder, "forward-"+url.PathEscape(station)+".json")
}

// Load implements ocpp.Keep.
func (t told) Load(station string) ([]byte, error) {
	data, err := os.ReadFile(t.file(station))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Save implements ocpp.Keep.
func (t told) Save(station string, data []byte) error {
	return durable.WriteFile(t.file(station), data)
}

// lines are the Modbus lines of switches.
func (s *Service) lines() *modbus.Lines {
	if s.buses == nil {
		s.buses = modbus.NewLines()
		s.machine.Closes(s.buses.Close)
	}
	return s.buses
}

// meterEnv is what the meter's driver is given; a meter without a register of
// its own goes on from state.
func (s *Service) meterEnv(state control.State) metering.Env {
	e := metering.Env{Now: s.now, Every: s.cfg.Meter.Every, MQTT: s.pool(), Machine: &s.machine, Path: s.cfg.Path, Since: state.Meter.Last.At, Seen: s.seen}
	e.Import, e.Export = state.Meter.Shown()
	if s.loop != nil {
		e.Stored = s.loop.Stored
	}
	return e
}

// meterOf builds the driver of a real meter.
func (s *Service) meterOf(state control.State) (metering.Meter, error) {
	return s.cfg.Meter.Settings.Open(s.meterEnv(state))
}

// constants makes the measured constants of the meter, where it has any, those of
// the site.
func (s *Service) constants() error {
	measured, ok := s.cfg.Meter.Settings.(metering.Calibrated)
	if !ok {
		return nil
	}
	c, err := measured.Constants(s.meterEnv(control.State{}))
	if err != nil {
		return err
	}
	s.site.Calibration = control.Calibration{Signature: c.Signature, Made: "made " + c.Made.Format(time.RFC3339) + " by " + cmp.Or(c.By, "a person not named")}
	return nil
}

// switched is each load with a switch, and the supply.
func switched(cfg config.Config, each func(path, id string, d loads.SwitchDocument, e loads.Env)) {
	for i, d := range cfg.Loads {
		if !d.InUse() {
			continue
		}
		e := loads.Env{ID: d.ID, DeadMan: d.DeadMan()}
		if d.Kind == loads.Battery {
			e.Store = d.Battery.Store()
		}
		if d.Range != nil {
			e.Powers, e.PerAmpere, e.Phases = d.Range.Powers(), d.Range.PerAmpere(), max(1, d.Range.Phases)
		}
		each(fmt.Sprintf("loads[%d].switch", i), d.ID, d.Switch, e)
	}
	// The supply has a dead man only where the configuration asks for one: an
	// agent that dies must not cut the house off by default.
	supply := time.Duration(0)
	if d := cfg.Supply.Switch.Traits().DeadMan; d != nil {
		supply = *d
	}
	each("supply.switch", loads.SupplyID, cfg.Supply.Switch, loads.Env{ID: loads.SupplyID, DeadMan: supply})
}

// switchEnv is what the driver of one switch is given, e being what it is of its load.
func (s *Service) switchEnv(e loads.Env) loads.Env {
	e.MQTT, e.Now, e.Log, e.Machine, e.Buses = s.pool(), s.now, s.log, &s.machine, s.lines()
	if s.plant != nil {
		e.Plant = s.plant
	}
	if c := s.calls(); c != nil {
		e.Stations = c
	}
	return e
}

// switches builds the switch of each load and of the supply.
func (s *Service) switches() (map[string]loads.Switch, error) {
	out := map[string]loads.Switch{}
	var errs []error
	switched(s.cfg, func(_, id string, d loads.SwitchDocument, e loads.Env) {
		if !d.Switches() {
			return
		}
		sw, err := d.Settings.Open(s.switchEnv(e))
		if err != nil {
			errs = append(errs, fmt.Errorf("switch of %s: %w", id, err))
			return
		}
		out[id] = sw
		if r, ok := sw.(loads.Runner); ok {
			s.parts = append(s.parts, r.Run)
		}
	})
	if c := s.calls(); c != nil {
		s.parts = append(s.parts, c.Run)
	}
	return out, errors.Join(errs...)
}
