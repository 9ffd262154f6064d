// Package drivers is the list of what the agent can speak to: meters and
// switches.  A driver lives in the folder of its kind, with its settings, their
// checks and its protocol; here is one line for each.
package drivers

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/esphome"
	"github.com/keeplit/keeplit/loads/homeassistant"
	"github.com/keeplit/keeplit/loads/httpswitch"
	modbusload "github.com/keeplit/keeplit/loads/modbus"
	"github.com/keeplit/keeplit/loads/mqtt"
	"github.com/keeplit/keeplit/loads/ocpp"
	"github.com/keeplit/keeplit/loads/pwm"
	"github.com/keeplit/keeplit/loads/relay"
	"github.com/keeplit/keeplit/loads/sgready"
	"github.com/keeplit/keeplit/loads/shelly"
	"github.com/keeplit/keeplit/loads/sunspec"
	"github.com/keeplit/keeplit/loads/tasmota"
	"github.com/keeplit/keeplit/loads/victron"
	"github.com/keeplit/keeplit/loads/zigbee2mqtt"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/adc"
	"github.com/keeplit/keeplit/metering/atm90e32"
	"github.com/keeplit/keeplit/metering/dlms"
	"github.com/keeplit/keeplit/metering/httpmeter"
	"github.com/keeplit/keeplit/metering/iec62056"
	"github.com/keeplit/keeplit/metering/linky"
	"github.com/keeplit/keeplit/metering/modbus"
	"github.com/keeplit/keeplit/metering/mqttmeter"
	"github.com/keeplit/keeplit/metering/p1"
	"github.com/keeplit/keeplit/metering/pulse"
	"github.com/keeplit/keeplit/metering/replay"
	"github.com/keeplit/keeplit/metering/sma"
	"github.com/keeplit/keeplit/metering/sml"
	"github.com/keeplit/keeplit/metering/wmbus"
)

// All are the drivers that are built in, in the order in which people are told
// of them.
func All() config.Drivers {
	return config.Drivers{
		Meters: []metering.Driver{
			modbus.Driver(),
			pulse.Driver(),
			mqttmeter.Driver(),
			httpmeter.Driver(),
			replay.Driver(),
			house.MeterDriver(),
			p1.Driver(),
			sml.Driver(),
			iec62056.Driver(),
			dlms.Driver(),
			linky.Driver(),
			sma.Driver(),
			wmbus.Driver(),
			atm90e32.Driver(),
			adc.Driver(),
		},
		Switches: []loads.Driver{
			relay.Driver(),
			tasmota.Driver(),
			shelly.Driver(),
			zigbee2mqtt.Driver(),
			esphome.Driver(),
			mqtt.Driver(),
			httpswitch.Driver(),
			homeassistant.Driver(),
			modbusload.Driver(),
			sgready.Driver(),
			pwm.Driver(),
			ocpp.Driver(),
			sunspec.Driver(),
			victron.Driver(),
			house.SwitchDriver(),
		},
	}
}
