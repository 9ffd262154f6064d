package drivers

import (
	"strings"
	"testing"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/loads"
)

// A load of each kind, and a switch of each driver, from nothing in ten lines, and what is promised
// of it: whether its state is known, whether it drops where the agent is gone, and whether it is told a power.
func TestEachKindAndEachSwitchTakesTenLines(t *testing.T) {
	const from = `site: {id: home, meter: "1", zone: UTC}
meter: {driver: modbus, modbus: {model: sdm230, port: /dev/ttyUSB0}}
tariff: {catalogue: za-eskom-homelight-20a}
tokens: {openpaygo: {key: {env: KEY}, starting_code: 516959010}}
`
	const broker = "mqtt: {url: \"mqtt://localhost:1883\"}\n"
	const geyser = "{id: geyser, power: 3 kW, need: {for: 2h}, switch: {driver: "
	const car = "{id: car, kind: power, power: {min: 6 A, max: 16 A}, need: {energy: 8 kWh}, switch: {driver: "
	type is struct {
		kind               loads.Kind
		known, drops, told bool
	}
	drivers, kinds := map[string]bool{loads.DriverNone: true, "house": true}, map[loads.Kind]bool{}
	for _, row := range []struct {
		also, load string
		is         is
	}{
		{"", geyser + "relay, relay: {line: GPIO17}}}", is{loads.OnOff, false, false, false}},
		{"", geyser + "relay, relay: {line: GPIO17, feedback: {line: GPIO27}}}}", is{loads.OnOff, true, false, false}},
		{broker, geyser + "tasmota, topic: geyser}}", is{loads.OnOff, true, true, false}},
		{broker, geyser + "shelly, topic: geyser}}", is{loads.OnOff, true, true, false}},
		{broker, geyser + "zigbee2mqtt, topic: geyser}}", is{loads.OnOff, true, true, false}},
		{broker, geyser + "esphome, topic: geyser, component: relay}}", is{loads.OnOff, true, false, false}},
		{broker, geyser + "mqtt, command: {topic: pump/set}, state: {topic: pump/state}}}", is{loads.OnOff, true, false, false}},
		{"", geyser + "http, kind: shelly, url: \"http://192.168.1.40\"}}", is{loads.OnOff, true, true, false}},
		{"", geyser + "http, kind: shelly-gen1, url: \"http://192.168.1.40\"}}", is{loads.OnOff, true, true, false}},
		{"", geyser + "http, kind: esphome, url: \"http://192.168.1.40\", component: relay}}", is{loads.OnOff, true, false, false}},
		{"", geyser + "homeassistant, url: \"http://ha.local:8123\", token: {env: KEY}, entity: switch.geyser}}", is{loads.OnOff, true, false, false}},
		{"", geyser + "modbus, port: \"192.168.1.50:502\", coil: 0}}", is{loads.OnOff, true, false, false}},
		{"", geyser + "modbus, port: \"192.168.1.50:502\", coil: 0, dead_man: 10m}}", is{loads.OnOff, true, true, false}},
		{"", geyser + "sgready, first: {line: GPIO17}, second: {line: GPIO27}}}", is{loads.OnOff, false, false, false}},
		{broker, "{id: washer, kind: cycle, power: 1 kW, cycle: 2h, need: {runs: 1}, switch: {driver: tasmota, topic: washer}}", is{loads.Cycle, true, true, false}},
		{broker, "{id: geyser, kind: heat, power: 3 kW, switch: {driver: tasmota, topic: geyser}}", is{loads.Heat, true, true, false}},
		{broker, "{id: freezer, kind: measured, switch: {driver: tasmota, topic: freezer}}", is{loads.Measured, true, false, false}},
		{broker, "{id: freezer, kind: measured, switch: {driver: mqtt, measured: {topic: freezer/power}}}", is{loads.Measured, true, false, false}},
		{broker, car + "mqtt, setpoint: {topic: car/amps/set, unit: A, state: {topic: car/amps}}}}", is{loads.Varies, true, false, true}},
		{"", car + "http, url: \"http://box\", setpoint: {url: \"/set?amps={value}\", unit: A, state: {url: /status, path: amps}}}}", is{loads.Varies, true, false, true}},
		{"", car + "homeassistant, url: \"http://ha.local:8123\", token: {env: KEY}, entity: switch.car, setpoint: {entity: number.car, unit: A}}}", is{loads.Varies, true, false, true}},
		{"", car + "modbus, port: \"192.168.1.50:502\", setpoint: {register: 0x0100, unit: A}}}", is{loads.Varies, true, false, true}},
		{"", "{id: roof, kind: sun, power: 5 kW, switch: {driver: sunspec, port: \"192.168.1.60:502\"}}", is{loads.Sun, true, false, false}},
		{broker, "{id: roof, kind: sun, power: 5 kW, switch: {driver: victron, portal: c0619ab12345}}", is{loads.Sun, true, false, false}},
		{broker, "{id: roof, kind: sun, power: 5 kW, switch: {driver: mqtt, measured: {topic: roof/power}}}", is{loads.Sun, true, false, false}},
		{"", "{id: heater, kind: power, power: {min: 300 W, max: 3 kW}, need: {energy: 6 kWh}, switch: {driver: pwm}}", is{loads.Varies, true, false, true}},
		{"", "{id: store, kind: battery, battery: {capacity: 10 kWh, charge: 3 kW}, switch: {driver: sunspec, port: \"192.168.1.60:502\"}}", is{loads.Battery, true, true, false}},
		{broker, "{id: store, kind: battery, battery: {capacity: 10 kWh, charge: 3 kW}, switch: {driver: victron, portal: c0619ab12345, vebus: 276}}", is{loads.Battery, true, true, false}},
		{"ocpp: {listen: \":8887\"}\n", car + "ocpp, station: CP001}}", is{loads.Varies, true, false, true}},
	} {
		text := from + row.also + "loads:\n  - " + row.load + "\n"
		secrets := config.Secrets{Getenv: func(string) string { return "bc41ec9530f6dac86b1a29ab82edc5fb" }}
		cfg, faults := config.Parse([]byte(text), ".", secrets, All())
		if n := strings.Count(text, "\n"); len(faults) > 0 || n > 10 {
			t.Errorf("%s: %d lines, %v", row.load, n, faults)
			continue
		}
		d := cfg.Loads[0]
		l, err := loads.Compile(d, cfg.Zone())
		if err != nil {
			t.Errorf("%s: %v", row.load, err)
			continue
		}
		if got := (is{l.Kind, l.Feedback, d.DeadMan() > 0, d.Switch.Traits().Told}); got != row.is {
			t.Errorf("%s: it is %+v, want %+v", row.load, got, row.is)
		}
		drivers[d.Switch.Driver], kinds[l.Kind] = true, true
	}
	for _, name := range All().SwitchNames() {
		if !drivers[name] {
			t.Errorf("a switch with %s is not shown", name)
		}
	}
	if len(kinds) != 7 {
		t.Errorf("only the kinds %v are shown", kinds)
	}
}
