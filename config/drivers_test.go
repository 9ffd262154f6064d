package config

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/homeassistant"
	"github.com/keeplit/keeplit/loads/httpswitch"
	modbusload "github.com/keeplit/keeplit/loads/modbus"
	"github.com/keeplit/keeplit/loads/mqtt"
	"github.com/keeplit/keeplit/loads/ocpp"
	"github.com/keeplit/keeplit/loads/relay"
	"github.com/keeplit/keeplit/loads/sgready"
	"github.com/keeplit/keeplit/loads/sunspec"
	"github.com/keeplit/keeplit/loads/tasmota"
	"github.com/keeplit/keeplit/loads/victron"
	"github.com/keeplit/keeplit/loads/zigbee2mqtt"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/modbus"
	"github.com/keeplit/keeplit/metering/p1"
)

// testDrivers are a few of the real ones, and some that nothing but this test knows.
func testDrivers() Drivers {
	return Drivers{
		Meters: []metering.Driver{
			modbus.Driver(), p1.Driver(),
			{Name: "sundial", New: func() metering.Settings { return new(sundial) }},
			{Name: "house", New: func() metering.Settings { return new(plantMeter) }},
		},
		Switches: []loads.Driver{
			relay.Driver(), tasmota.Driver(), zigbee2mqtt.Driver(), mqtt.Driver(), httpswitch.Driver(), homeassistant.Driver(), modbusload.Driver(), sgready.Driver(), ocpp.Driver(), sunspec.Driver(), victron.Driver(),
			{Name: "rope", New: func() loads.Settings { return &rope{Length: 3} }},
			{Name: "house", New: func() loads.Settings { return new(plantSwitch) }},
		},
	}
}

// sundial is settings of a meter with a secret.
type sundial struct {
	Where string `yaml:"where"`
	Key   string `yaml:"key" secret:"true"`
	Marks []struct {
		Hour int `yaml:"hour"`
	} `yaml:"marks"`
}

func (s *sundial) Check() (l fault.List) {
	l.Need("where", s.Where, "write garden")
	return l
}
func (s *sundial) Label() string                             { return "sundial in the " + s.Where }
func (s *sundial) Needs() metering.Needs                     { return metering.NeedsBroker }
func (s *sundial) Pace() time.Duration                       { return time.Hour }
func (s *sundial) Open(metering.Env) (metering.Meter, error) { return nil, errors.New("it is night") }

// plantMeter has no settings.
type plantMeter struct{}

func (*plantMeter) Check() fault.List                         { return nil }
func (*plantMeter) Label() string                             { return "plant" }
func (*plantMeter) Needs() metering.Needs                     { return metering.NeedsSimulation }
func (*plantMeter) Pace() time.Duration                       { return 0 }
func (*plantMeter) Open(metering.Env) (metering.Meter, error) { return nil, errors.New("simulated") }

// plantSwitch has no keys.
type plantSwitch struct{}

func (*plantSwitch) Check() fault.List                    { return nil }
func (*plantSwitch) Traits() loads.Traits                 { return loads.Traits{Needs: loads.NeedsSimulation} }
func (*plantSwitch) Open(loads.Env) (loads.Switch, error) { return nil, errors.New("simulated") }

// rope is settings of a switch.
type rope struct {
	Length int           `yaml:"length"`
	Stale  time.Duration `yaml:"stale"`
}

func (r *rope) Check() (l fault.List) {
	if r.Length < 1 {
		l.Add("length", "write 1 or more", "%d is no length", r.Length)
	}
	return l
}

func (*rope) Traits() loads.Traits                 { return loads.Traits{Remote: true, Blind: true} }
func (*rope) Open(loads.Env) (loads.Switch, error) { return nil, errors.New("it is torn") }

const sundialSite = `site: {id: home, meter: "1", zone: UTC}
tariff: {catalogue: x}
tokens: {openpaygo: {key: {env: KEY}, starting_code: 516959010}}
mqtt: {url: "mqtt://localhost:1883"}
`

// A driver is read, checked and offered by the list that is handed in: config has
// never heard of these.
func TestADriverOfTheListIsReadWithItsOwnSettings(t *testing.T) {
	c, faults := Parse([]byte(sundialSite+`meter: {every: 5s, sundial: {where: garden, key: {env: KEY}, marks: [{hour: 6}, {hour: 12}]}, driver: sundial}
supply: {switch: {length: 4, stale: 1m, driver: rope}}
loads:
  - {id: a, power: 1 kW, switch: {driver: rope}}
  - {id: b, power: 1 kW, switch: {driver: zigbee2mqtt, topic: plug, base: z, channel: 2, dead_man: 1m}}
  - {id: c, power: 1 kW}
`), ".", testSecrets(), testDrivers())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	m, ok := c.Meter.Settings.(*sundial)
	if !ok || m.Where != "garden" || m.Key != "bc41ec9530f6dac86b1a29ab82edc5fb" || len(m.Marks) != 2 || m.Marks[1].Hour != 12 || c.Meter.Every != 5*time.Second || c.Meter.Label() != "sundial in the garden" {
		t.Errorf("%+v", c.Meter)
	}
	for _, row := range []struct{ got, want any }{
		{c.Supply.Switch.Settings, &rope{Length: 4, Stale: time.Minute}},
		{c.Loads[0].Switch.Settings, &rope{Length: 3}},
		{c.Loads[2].Switch.Settings, nil},
	} {
		if d := cmp.Diff(row.want, row.got); d != "" {
			t.Error(d)
		}
	}
	z, ok := c.Loads[1].Switch.Settings.(*zigbee2mqtt.Document)
	if !ok || z.Topic != "plug" || z.Base != "z" || z.Channel != 2 || z.DeadMan == nil || *z.DeadMan != time.Minute {
		t.Errorf("%+v", c.Loads[1].Switch)
	}
	if c.Loads[0].DeadMan() != 0 || c.Loads[0].Switch.HasFeedback() || c.Loads[1].DeadMan() != time.Minute || c.Supply.Local() {
		t.Error("what the drivers say of their switches is not heard")
	}
}

func TestFaultsOfDriversComeAllAtOnceWithTheListsOwnNames(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []string // line: path: part
	}{
		{"no such meter", `meter: {driver: abacus}`, []string{`line 5: meter.driver: "abacus" is not a meter driver; write one of modbus, p1, sundial, house`}},
		{"no meter at all", ``, []string{`meter.driver: it is missing; write one of modbus, p1, sundial, house`}},
		{"no part", "meter:\n  driver: sundial", []string{`line 5: meter.sundial: driver is sundial but there is no part of that name; add its settings`}},
		{"an empty part", "meter:\n  driver: sundial\n  sundial:", []string{`line 7: meter.sundial: driver is sundial but there is no part of that name`}},
		{"part of another, read all the same", "meter:\n  driver: house\n  modbus: {modell: x}\nsimulation: {}", []string{
			"line 7: meter.modbus: driver is \"house\", so this part would be ignored; take it out, or set driver: modbus",
			`line 7: meter.modbus.modell: unknown key; did you mean "model"?`,
		}},
		{"a part where none belongs", "meter: {driver: house, house: {}}\nsimulation: {}", []string{"meter.house: unknown key"}},
		{"misspelt, in and beside the part", "meter:\n  driver: sundial\n  sundail: {}\n  sundial: {wher: x, marks: [{hour: x}]}", []string{
			`line 7: meter.sundail: unknown key; did you mean "sundial"?`, `line 8: meter.sundial.wher: unknown key; did you mean "where"?`,
			`line 8: meter.sundial.marks[0].hour: "x" is not a whole number`, "meter.sundial.where: it is missing; write garden",
		}},
		{"a secret written out", "meter: {driver: sundial, sundial: {where: x, key: y}}", []string{"meter.sundial.key: a secret must not stand"}},
		{"no such switch", `supply: {switch: {driver: lever, topic: x, length: 2}}`, []string{
			`supply.switch.driver: "lever" is not a driver of a switch; write one of relay, tasmota, zigbee2mqtt, mqtt, http, homeassistant, modbus, sgready, ocpp, sunspec, victron, rope, house, none`,
		}},
		{"a key of others", "supply:\n  switch:\n    driver: rope\n    topic: x\n    base: z", []string{
			"line 8: supply.switch.topic: only a switch with driver tasmota or zigbee2mqtt has this; leave it out, or name driver tasmota or zigbee2mqtt",
			"line 9: supply.switch.base: only a switch with driver zigbee2mqtt has this",
		}},
		{"a key without any switch", "loads: [{id: a, power: 1 kW, switch: {topic: x}}]", []string{"loads[0].switch.topic: only a switch with driver tasmota or zigbee2mqtt has this"}},
		{"a misspelt key of its own", "supply: {switch: {driver: rope, longth: 2}}", []string{`supply.switch.longth: unknown key; did you mean "length"?`}},
		{"its own check", "supply: {switch: {driver: rope, length: -2}}", []string{"supply.switch.length: -2 is no length"}},
		{"a part and no driver", "meter:\n  modbus: {model: sdm230, port: x}", []string{
			"line 6: meter.modbus: no driver is named, so this part would be ignored; add driver: modbus", `meter.driver: it is missing`,
		}},
		{"two loads and the supply on one relay", `loads:
  - {id: a, power: 1 kW, switch: {driver: tasmota, topic: plug}}
  - {id: b, power: 1 kW, switch: {driver: tasmota, topic: plug, channel: 1}}
  - {id: c, power: 1 kW, switch: {driver: zigbee2mqtt, topic: plug}}
  - {id: d, power: 1 kW, switch: {driver: zigbee2mqtt, topic: plug, base: other}}
  - {id: e, power: 1 kW, switch: {driver: tasmota, topic: plug, stale: 5m}}
  - {id: f, power: 1 kW, switch: {driver: relay, relay: {line: GPIO17}}}
  - {id: g, power: 1 kW, switch: {driver: zigbee2mqtt, topic: plug, base: zigbee2mqtt}}
supply: {switch: {driver: relay, relay: {line: GPIO17, active_low: true}}}`, []string{
			"line 10: loads[4].switch: \"relay 0 of plug\" is the switch of load a already; name another switch: what hangs on one switch is one load",
			"line 12: loads[6].switch: \"relay 0 of plug\" is the switch of load c already",
			"line 13: supply.switch: \"line GPIO17\" is the switch of load f already",
		}},
		{"a plant without a simulation", "loads: [{id: a, power: 1 kW, switch: {driver: house}}]", []string{"loads[0].switch.driver: house is a switch of the simulated plant"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := sundialSite + row.text
			if !strings.HasPrefix(row.text, "meter") && row.text != "" {
				text += "\nmeter: {driver: modbus, modbus: {model: sdm230, port: x}}"
			}
			_, faults := Parse([]byte(text), ".", testSecrets(), testDrivers())
			for _, want := range row.want {
				if !strings.Contains(faults.Error(), want) {
					t.Errorf("not said: %s", want)
				}
			}
			if len(faults) != len(row.want) {
				t.Errorf("said:\n%v", faults)
			}
		})
	}
	_, faults := Parse([]byte(strings.Replace(sundialSite, "mqtt:", "#", 1)+"meter: {driver: sundial}\nsupply: {switch: {driver: tasmota, topic: x}}"), ".", testSecrets(), testDrivers())
	for _, want := range []string{"meter.driver: the meter is reached over MQTT", "supply.switch.driver: tasmota is reached over MQTT"} {
		if !strings.Contains(faults.Error(), want) {
			t.Errorf("not said: %s\n%v", want, faults)
		}
	}
}

// What the schema offers follows from the list, too.
func TestSchemaHasTheDriversOfTheList(t *testing.T) {
	text, err := Schema(testDrivers())
	if err != nil {
		t.Fatal(err)
	}
	type part struct {
		Enum       []any
		Properties map[string]part
	}
	var schema part
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	meter, sw := schema.Properties["meter"].Properties, schema.Properties["supply"].Properties["switch"].Properties
	if d := cmp.Diff([]any{nil, "modbus", "p1", "sundial", "house"}, meter["driver"].Enum); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]any{nil, "", "none", "relay", "tasmota", "zigbee2mqtt", "mqtt", "http", "homeassistant", "modbus", "sgready", "ocpp", "sunspec", "victron", "rope", "house"}, sw["driver"].Enum); d != "" {
		t.Error(d)
	}
	_, house := meter["house"]
	if _, ok := meter["sundial"].Properties["marks"]; !ok || house {
		t.Errorf("parts of the meter: %v", meter)
	}
	for _, key := range []string{"relay", "topic", "channel", "base", "length"} {
		if _, ok := sw[key]; !ok {
			t.Errorf("a switch has no %s", key)
		}
	}
}
