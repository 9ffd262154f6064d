package drivers

import (
	"strings"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/iec62056"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/modbus"
	"github.com/keeplit/keeplit/metering/p1"
	"github.com/keeplit/keeplit/metering/sml"
)

// Meters on a serial line, or on a serial server in the network.

func modbusMeter() Meter {
	return Meter{
		Driver: "modbus", Bare: true,
		Name: func(d metering.Document) string { return d.Modbus.Model + " on " + d.Modbus.Port },
		Open: func(e Env, d metering.Document) (metering.Meter, error) {
			model, err := modbus.ModelOf(*d.Modbus)
			if err != nil {
				return nil, err
			}
			framing := modbus.RTU
			var open line.Opener
			if onNetwork(d.Modbus.Port) {
				framing, open = modbus.TCP, line.TCP(d.Modbus.Port)
			} else {
				mode := line.Mode{Baud: d.Modbus.Baud, Parity: d.Modbus.Parity}
				if mode.Baud == 0 {
					mode.Baud = model.Baud()
				}
				open = line.Serial(d.Modbus.Port, mode)
			}
			bus := modbus.NewBus(d.Modbus.Port, framing, open, 0)
			e.Machine.Closes(bus.Close)
			unit := d.Modbus.Unit
			if unit == 0 {
				unit = 1
			}
			return modbus.NewMeter(bus, modbus.Config{Model: model, Unit: unit, Every: d.Every, Now: e.Now})
		},
	}
}

func p1Meter() Meter {
	return Meter{
		Driver: "p1", Bare: true,
		Name: func(d metering.Document) string { return "P1 port on " + d.P1.Port },
		Open: func(e Env, d metering.Document) (metering.Meter, error) {
			return p1.New(p1.Config{Name: d.P1.Port, Open: serialLine(d.P1.Port, d.P1.Baud, p1.DefaultMode()), Now: e.Now})
		},
	}
}

func smlMeter() Meter {
	return Meter{
		Driver: "sml", Bare: true,
		Name: func(d metering.Document) string { return "SML on " + d.SML.Port },
		Open: func(e Env, d metering.Document) (metering.Meter, error) {
			return sml.New(sml.Config{Name: d.SML.Port, Open: serialLine(d.SML.Port, d.SML.Baud, sml.DefaultMode()), Now: e.Now})
		},
	}
}

func iecMeter() Meter {
	return Meter{
		Driver: "iec62056", Bare: true,
		Name: func(d metering.Document) string { return "IEC 62056-21 on " + d.IEC62056.Port },
		Open: func(e Env, d metering.Document) (metering.Meter, error) {
			c := d.IEC62056
			return iec62056.New(iec62056.Config{
				Name: c.Port, Open: line.Serial(c.Port, iec62056.DefaultMode()), Address: c.Address, MaxBaud: c.MaxBaud, Every: d.Every, Now: e.Now,
			})
		},
	}
}

// onNetwork tells whether a meter's port is a network address, as of a serial
// server, and not a device.
func onNetwork(port string) bool { return strings.Contains(port, ":") && !strings.HasPrefix(port, "/") }

// serialLine is the line of a meter that sends by itself.
func serialLine(port string, baud int, mode line.Mode) line.Opener {
	if onNetwork(port) {
		return line.TCP(port)
	}
	if baud != 0 {
		mode.Baud = baud
	}
	return line.Serial(port, mode)
}
