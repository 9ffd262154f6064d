package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/shelly"
	"github.com/keeplit/keeplit/loads/tasmota"
	"github.com/keeplit/keeplit/loads/zigbee2mqtt"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/iec62056"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/modbus"
	"github.com/keeplit/keeplit/metering/mqttmeter"
	"github.com/keeplit/keeplit/metering/p1"
	"github.com/keeplit/keeplit/metering/pulse"
	"github.com/keeplit/keeplit/metering/sml"
)

// meterOf builds the driver of a real meter.
func (s *service) meterOf(_ context.Context, d metering.Document, state control.State) (metering.Meter, error) {
	switch d.Driver {
	case "modbus":
		model, err := modbus.ModelOf(*d.Modbus)
		if err != nil {
			return nil, err
		}
		framing := modbus.RTU
		var open line.Opener
		if tcpLine(d.Modbus.Port) {
			framing, open = modbus.TCP, line.TCP(d.Modbus.Port)
		} else {
			mode := line.Mode{Baud: d.Modbus.Baud, Parity: d.Modbus.Parity}
			if mode.Baud == 0 {
				mode.Baud = model.Baud()
			}
			open = line.Serial(d.Modbus.Port, mode)
		}
		bus := modbus.NewBus(d.Modbus.Port, framing, open, 0)
		s.closers = append(s.closers, bus.Close)
		unit := d.Modbus.Unit
		if unit == 0 {
			unit = 1
		}
		return modbus.NewMeter(bus, modbus.Config{Model: model, Unit: unit, Every: d.Every, Now: s.now})
	case "p1":
		return p1.New(p1.Config{Name: d.P1.Port, Open: serialLine(d.P1.Port, d.P1.Baud, p1.DefaultMode()), Now: s.now})
	case "sml":
		return sml.New(sml.Config{Name: d.SML.Port, Open: serialLine(d.SML.Port, d.SML.Baud, sml.DefaultMode()), Now: s.now})
	case "iec62056":
		c := d.IEC62056
		return iec62056.New(iec62056.Config{
			Name: c.Port, Open: line.Serial(c.Port, iec62056.DefaultMode()), Address: c.Address, MaxBaud: c.MaxBaud, Every: d.Every, Now: s.now,
		})
	case "pulse":
		b, err := s.hardware()
		if err != nil {
			return nil, err
		}
		src, closePin, err := b.Pulses(d.Pulse.Pin, d.Pulse.Debounce, s.now)
		if err != nil {
			return nil, machine(err)
		}
		s.closers = append(s.closers, closePin)
		start, _ := state.Meter.Shown()
		return pulse.New(src, pulse.Config{PerKWh: d.Pulse.PerKWh, Start: start, Every: d.Every, Now: s.now})
	case "atm90e32":
		return s.energyChip(d, state)
	case "adc":
		return s.converter(d, state)
	case "mqtt":
		return mqttmeter.New(s.session, mqttmeter.Config{MQTTDocument: *d.MQTT, Every: d.Every, Now: s.now})
	}
	return nil, fmt.Errorf("meter.driver: %q is not built in", d.Driver)
}

// tcpLine tells whether a meter's port is a network address, as of a serial
// server, and not a device.
func tcpLine(port string) bool { return strings.Contains(port, ":") && !strings.HasPrefix(port, "/") }

// serialLine is the line of a meter that sends by itself.
func serialLine(port string, baud int, mode line.Mode) line.Opener {
	if tcpLine(port) {
		return line.TCP(port)
	}
	if baud != 0 {
		mode.Baud = baud
	}
	return line.Serial(port, mode)
}

// meterName is what the page calls the meter.
func meterName(d metering.Document) string {
	switch d.Driver {
	case "modbus":
		return d.Modbus.Model + " on " + d.Modbus.Port
	case "pulse":
		return "pulses on " + d.Pulse.Pin
	case "p1":
		return "P1 port on " + d.P1.Port
	case "sml":
		return "SML on " + d.SML.Port
	case "iec62056":
		return "IEC 62056-21 on " + d.IEC62056.Port
	case "atm90e32":
		return "ATM90E32 on " + d.ATM90E32.Bus
	case "adc":
		return strings.ToUpper(d.ADC.Chip) + " on " + d.ADC.Bus
	case "mqtt":
		return d.MQTT.Kind + " " + d.MQTT.Topic
	case "replay":
		return "recording " + d.Replay.File
	case "house":
		return "simulated house"
	}
	return d.Driver
}

// switches builds the switch of each load and of the supply.
func (s *service) switches(ctx context.Context, _ control.State) (map[string]loads.Switch, error) {
	out := map[string]loads.Switch{}
	var errs []error
	add := func(id string, d loads.SwitchDocument, deadMan time.Duration) {
		sw, err := s.switchOf(ctx, id, d, deadMan)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("switch of %s: %w", id, err))
		case sw != nil:
			out[id] = sw
			if r, ok := sw.(loads.Runner); ok {
				s.runners = append(s.runners, r)
			}
		}
	}
	for _, d := range s.cfg.Loads {
		add(d.ID, d.Switch, d.DeadMan())
	}
	// The supply has a dead man only where the configuration asks for one: an
	// agent that dies must not cut the house off by default.
	supply := time.Duration(0)
	if d := s.cfg.Supply.Switch.DeadMan; d != nil {
		supply = *d
	}
	add(loads.SupplyID, s.cfg.Supply.Switch, supply)
	return out, errors.Join(errs...)
}

// switchOf builds one switch; nil where there is none.
func (s *service) switchOf(_ context.Context, id string, d loads.SwitchDocument, deadMan time.Duration) (loads.Switch, error) {
	switch d.Driver {
	case "", "none":
		return nil, nil //nolint:nilnil // no switch is a proper answer
	case "house":
		if id == loads.SupplyID {
			return s.plant.Supply(), nil
		}
		sw, ok := s.plant.Switch(id)
		if !ok {
			return nil, errors.New("the simulated plant has no such appliance")
		}
		return sw, nil
	case "relay":
		b, err := s.hardware()
		if err != nil {
			return nil, err
		}
		sw, closeLines, err := b.Relay(*d.Relay, s.now)
		if err != nil {
			return nil, machine(err)
		}
		s.closers = append(s.closers, closeLines)
		return sw, nil
	case "tasmota":
		return tasmota.New(s.session, s.remote(d, deadMan))
	case "shelly":
		return shelly.New(s.session, s.remote(d, deadMan))
	case "zigbee2mqtt":
		return zigbee2mqtt.New(s.session, zigbee2mqtt.Config{Config: s.remote(d, deadMan), Base: d.Base})
	}
	return nil, fmt.Errorf("%q is not built in", d.Driver)
}

// machineError is what only the machine can know to be wrong: there is no such
// line, bus or port.
type machineError struct{ err error }

func (e *machineError) Error() string { return e.err.Error() }
func (e *machineError) Unwrap() error { return e.err }

// machine marks an error as the machine's.
func machine(err error) error {
	if err == nil {
		return nil
	}
	return &machineError{err}
}

// hardware opens the board once.
func (s *service) hardware() (*board.Board, error) {
	if s.board != nil {
		return s.board, nil
	}
	b, err := board.Open()
	if err != nil {
		return nil, machine(err)
	}
	for _, f := range b.Findings() {
		s.log.Debug("hardware", "kind", f.Kind, "name", f.Name, "outcome", f.Outcome, "reason", f.Reason)
	}
	s.board = b
	return b, nil
}

// remote is what every switch on MQTT is told.
func (s *service) remote(d loads.SwitchDocument, deadMan time.Duration) tasmota.Config {
	return tasmota.Config{Topic: d.Topic, Channel: d.Channel, DeadMan: deadMan, Stale: d.Stale, Now: s.now, Log: s.log}
}
