package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/shelly"
	"github.com/keeplit/keeplit/loads/tasmota"
	"github.com/keeplit/keeplit/loads/zigbee2mqtt"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/modbus"
	"github.com/keeplit/keeplit/metering/mqttmeter"
)

// meterOf builds the driver of a real meter.
func (s *service) meterOf(_ context.Context, d metering.Document, _ control.State) (metering.Meter, error) {
	switch d.Driver {
	case "modbus":
		model, err := modbus.ModelOf(*d.Modbus)
		if err != nil {
			return nil, err
		}
		framing, open := modbus.RTU, line.Opener(nil)
		if strings.Contains(d.Modbus.Port, ":") && !strings.HasPrefix(d.Modbus.Port, "/") {
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
	case "mqtt":
		return mqttmeter.New(s.session, mqttmeter.Config{MQTTDocument: *d.MQTT, Every: d.Every, Now: s.now})
	}
	return nil, fmt.Errorf("meter.driver: %q is not built in", d.Driver)
}

// meterName is what the page calls the meter.
func meterName(d metering.Document) string {
	switch d.Driver {
	case "modbus":
		return d.Modbus.Model + " on " + d.Modbus.Port
	case "pulse":
		return "pulses on " + d.Pulse.Pin
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
	add := func(id string, d loads.SwitchDocument) {
		sw, err := s.switchOf(ctx, id, d)
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
		add(d.ID, d.Switch)
	}
	add(loads.SupplyID, s.cfg.Supply.Switch)
	return out, errors.Join(errs...)
}

// switchOf builds one switch; nil where there is none.
func (s *service) switchOf(_ context.Context, id string, d loads.SwitchDocument) (loads.Switch, error) {
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
	case "tasmota":
		return tasmota.New(s.session, s.remote(d))
	case "shelly":
		return shelly.New(s.session, s.remote(d))
	case "zigbee2mqtt":
		return zigbee2mqtt.New(s.session, zigbee2mqtt.Config{Config: s.remote(d)})
	}
	return nil, fmt.Errorf("%q is not built in", d.Driver)
}

// remote is what every switch on MQTT is told.
func (s *service) remote(d loads.SwitchDocument) tasmota.Config {
	c := tasmota.Config{Topic: d.Topic, Channel: d.Channel, Stale: d.Stale, Now: s.now, Log: s.log}
	if d.DeadMan != nil {
		c.DeadMan = *d.DeadMan
	}
	return c
}
