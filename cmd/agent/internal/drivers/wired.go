package drivers

import (
	"errors"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/pulse"
)

// What hangs on the machine's own lines, and the simulated house.

func pulseMeter() Meter {
	return Meter{
		Driver: "pulse",
		Name:   func(d metering.Document) string { return "pulses on " + d.Pulse.Pin },
		Open: func(e Env, d metering.Document) (metering.Meter, error) {
			b, err := e.Machine.Board()
			if err != nil {
				return nil, err
			}
			src, closePin, err := b.Pulses(d.Pulse.Pin, d.Pulse.Debounce, e.Now)
			if err != nil {
				return nil, board.Missing(err)
			}
			e.Machine.Closes(closePin)
			return pulse.New(src, pulse.Config{PerKWh: d.Pulse.PerKWh, Start: e.Import, Every: d.Every, Now: e.Now})
		},
	}
}

func relaySwitch() Switch {
	return Switch{Driver: loads.DriverRelay, Open: func(e Env, _ string, d loads.SwitchDocument, _ time.Duration) (loads.Switch, error) {
		b, err := e.Machine.Board()
		if err != nil {
			return nil, err
		}
		sw, closeLines, err := b.Relay(*d.Relay, e.Now)
		if err != nil {
			return nil, board.Missing(err)
		}
		e.Machine.Closes(closeLines)
		return sw, nil
	}}
}

func houseSwitch() Switch {
	return Switch{Driver: loads.DriverHouse, Open: func(e Env, id string, _ loads.SwitchDocument, _ time.Duration) (loads.Switch, error) {
		if id == loads.SupplyID {
			return e.House.Supply(), nil
		}
		sw, ok := e.House.Switch(id)
		if !ok {
			return nil, errors.New("the simulated plant has no such appliance")
		}
		return sw, nil
	}}
}
