package drivers

import (
	"time"

	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/shelly"
	"github.com/keeplit/keeplit/loads/tasmota"
	"github.com/keeplit/keeplit/loads/zigbee2mqtt"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/mqttmeter"
)

// Devices that speak over the site's broker.

func mqttMeter() Meter {
	return Meter{
		Driver: "mqtt", Bare: true,
		Name: func(d metering.Document) string { return d.MQTT.Kind + " " + d.MQTT.Topic },
		Open: func(e Env, d metering.Document) (metering.Meter, error) {
			return mqttmeter.New(e.Bus, mqttmeter.Config{MQTTDocument: *d.MQTT, Every: d.Every, Now: e.Now})
		},
	}
}

func tasmotaSwitch() Switch {
	return Switch{Driver: loads.DriverTasmota, Bare: true, Open: func(e Env, _ string, d loads.SwitchDocument, deadMan time.Duration) (loads.Switch, error) {
		return tasmota.New(e.Bus, remote(e, d, deadMan))
	}}
}

func shellySwitch() Switch {
	return Switch{Driver: loads.DriverShelly, Bare: true, Open: func(e Env, _ string, d loads.SwitchDocument, deadMan time.Duration) (loads.Switch, error) {
		return shelly.New(e.Bus, remote(e, d, deadMan))
	}}
}

func zigbeeSwitch() Switch {
	return Switch{Driver: loads.DriverZigbee, Bare: true, Open: func(e Env, _ string, d loads.SwitchDocument, deadMan time.Duration) (loads.Switch, error) {
		return zigbee2mqtt.New(e.Bus, zigbee2mqtt.Config{Config: remote(e, d, deadMan), Base: d.Base})
	}}
}

// remote is what every switch on MQTT is told.
func remote(e Env, d loads.SwitchDocument, deadMan time.Duration) tasmota.Config {
	return tasmota.Config{Topic: d.Topic, Channel: d.Channel, DeadMan: deadMan, Stale: d.Stale, Now: e.Now, Log: e.Log}
}
