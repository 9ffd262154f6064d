package drivers

import (
	"os"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/loads"
)

const site = `site: {id: home, meter: "1", zone: UTC}
tariff: {catalogue: x}
tokens: {openpaygo: {key: {env: KEY}, starting_code: 516959010}}
mqtt: {url: "mqtt://localhost:1883"}
`

func parse(text string) (config.Config, error) {
	secrets := config.Secrets{Getenv: func(string) string { return "bc41ec9530f6dac86b1a29ab82edc5fb" }, ReadFile: os.ReadFile}
	cfg, faults := config.Parse([]byte(site+text), ".", secrets, All())
	return cfg, faults.Err()
}

// example is the first block of YAML after a heading of a document.
func example(t *testing.T, file, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../../../../docs/" + file)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), heading)
	_, after, block := strings.Cut(after, "```yaml\n")
	block = block && found
	after, _, _ = strings.Cut(after, "```")
	if !block {
		t.Fatalf("%s has no example under %q", file, heading)
	}
	return after
}

// Whoever copies an example has a configuration that is read.
func TestExamplesOfTheDocumentsAreRead(t *testing.T) {
	cfg, err := parse(example(t, "metering.md", "`driver: http`"))
	if err != nil || cfg.Meter.Label() != "HTTP meter at http://192.168.1.30/api/v1/data" {
		t.Errorf("http: %v", err)
	}
	if cfg, err = parse(example(t, "metering.md", "## From a line")); err != nil || cfg.Meter.Label() != "P1 port on 192.168.1.40:2001" {
		t.Errorf("a serial server: %v", err)
	}
	for heading, label := range map[string]string{
		"## From a customer interface": "DLMS meter on /dev/serial/by-id/...", "### Values elsewhere": "P1 port on /dev/ttyUSB0", "## From a Linky": "Linky on /dev/serial/by-id/...", "## From an SMA meter": "SMA meter on eth0", "## From the air": "wireless M-Bus meter 10101010",
		"### ESPHome": "MQTT meter house/sensor/energy_import/state", "### A reading head": "MQTT meter tele/reader/SENSOR",
		"### A Victron GX": "victron c0619ab1cfaa", "### A websocket": "HTTP meter at ws://192.168.1.30/rpc", "### An entity of Home": "HTTP meter at http://homeassistant.local:8123",
	} {
		text := strings.NewReplacer("{file: homeassistant.token}", "{env: KEY}", "{file: meter.key}", "{env: KEY}", "{file: meter.auth}", "{env: KEY}").Replace(example(t, "metering.md", heading))
		if cfg, err = parse(text); err != nil || cfg.Meter.Label() != label {
			t.Errorf("%s: %v, %s", heading, err, cfg.Meter.Label())
		}
	}
	contacts := strings.TrimPrefix(example(t, "metering.md", "## Beside consumption"), "meter:\n")
	if cfg, err = parse("meter:\n  driver: modbus\n  modbus: {model: sdm230, port: x}\n" + contacts); err != nil || cfg.Meter.Cover == nil || cfg.Meter.Magnet == nil {
		t.Errorf("contacts: %v", err)
	}
	esphome := "    " + strings.ReplaceAll(strings.TrimSpace(example(t, "loads.md", "## ESPHome")), "\n", "\n    ")
	const meter = "meter: {driver: modbus, modbus: {model: sdm230, port: x}}\nloads:\n  - id: geyser\n    power: 3 kW\n"
	if cfg, err = parse(meter + esphome); err != nil || cfg.Loads[0].DeadMan() != 0 || !cfg.Loads[0].Switch.HasFeedback() {
		t.Errorf("esphome: %v", err)
	}
	_, err = parse(meter + esphome + "\n      dead_man: 10m")
	if err == nil || !strings.Contains(err.Error(), "loads[0].switch.dead_man: only a switch with driver tasmota, shelly, zigbee2mqtt, mqtt, http, modbus, ocpp or sunspec has this") {
		t.Errorf("a dead man that is not there is promised: %v", err)
	}
}

// A car, from nothing: the load as docs/loads.md has it, with a switch of each way to tell it.
func TestTheExamplesOfAPowerAreRead(t *testing.T) {
	const meter = "meter: {driver: modbus, modbus: {model: sdm230, port: x}}\n"
	car := example(t, "loads.md", "## Powers")
	cfg, err := parse(meter + car)
	if err != nil || cfg.Loads[0].Kind != loads.Varies || cfg.Loads[0].Late == nil || !cfg.Loads[0].Switch.Traits().Powers || !cfg.Loads[0].Switch.HasFeedback() {
		t.Errorf("a car: %v", err)
	}
	if n := strings.Count(strings.TrimSpace(car), "\n"); n > 12 {
		t.Errorf("a car takes %d lines", n)
	}
	station := strings.Replace(example(t, "loads.md", "## Charging stations"), "{file: station.password}", "{env: KEY}", 1)
	if cfg, err = parse(meter + station); err != nil || cfg.OCPP.Listen != ":8887" || !cfg.Loads[0].Switch.Traits().Told || !cfg.Loads[0].Switch.HasFeedback() {
		t.Errorf("a station: %v", err)
	}
	heater := "    " + strings.ReplaceAll(strings.TrimSpace(example(t, "loads.md", "## Any device on MQTT")), "\n", "\n    ")
	if cfg, err = parse(meter + "loads:\n  - id: heater\n    kind: power\n    power: {min: 300 W, max: 2 kW}\n" + heater); err != nil || !cfg.Loads[0].Switch.Traits().Powers {
		t.Errorf("a heater: %v", err)
	}
	switched := func(heading string) string {
		return "    " + strings.ReplaceAll(strings.TrimSpace(example(t, "loads.md", heading)), "\n", "\n    ")
	}
	const car6 = "loads:\n  - id: car\n    kind: power\n    power: {min: 6 A, max: 16 A}\n"
	if cfg, err = parse(meter + car6 + switched("## Any device over HTTP")); err != nil || !cfg.Loads[0].Switch.Traits().Told || !cfg.Loads[0].Switch.HasFeedback() {
		t.Errorf("a charger over HTTP: %v", err)
	}
	if cfg, err = parse(meter + car6 + switched("## A device on Modbus")); err != nil || !cfg.Loads[0].Switch.Traits().Told || !cfg.Loads[0].Switch.HasFeedback() {
		t.Errorf("a wallbox on Modbus: %v", err)
	}
	if cfg, err = parse(meter + "loads:\n  - id: heat-pump\n    power: 1 kW\n" + switched("## A heat pump by SG Ready")); err != nil || !cfg.Loads[0].Switch.HasFeedback() {
		t.Errorf("a heat pump: %v", err)
	}
	entity := strings.Replace(switched("## An entity of Home Assistant"), "{file: homeassistant.token}", "{env: KEY}", 1)
	if cfg, err = parse(meter + "loads:\n  - id: geyser\n    power: 3 kW\n" + entity); err != nil || !cfg.Loads[0].Switch.HasFeedback() || cfg.Loads[0].DeadMan() != 0 {
		t.Errorf("an entity: %v", err)
	}
}

func TestEverySwitchOfTheListIsInTheDocument(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/loads.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range All().SwitchNames() {
		if !strings.Contains(string(text), "\n| `"+name+"`") {
			t.Errorf("docs/loads.md says nothing of %s", name)
		}
	}
}
