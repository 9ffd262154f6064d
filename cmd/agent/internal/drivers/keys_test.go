package drivers

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/fault"
)

// ground is a site that has what examples stand on.
const ground = `
site: {id: home, meter: "1", zone: UTC, limit: 10 kW}
meter: {driver: modbus, modbus: {model: sdm230, port: x}}
tariff: {catalogue: x}
tokens: {openpaygo: {key: {file: openpaygo.key}, starting_code: 516959010, unit: money}}
mqtt: {url: "mqtt://localhost:1883"}
ocpp: {listen: ":8887"}
loads: [{id: geyser, power: 3 kW, switch: {driver: tasmota, topic: plug}}]
`

// secretFiles are what the files of examples hold.
func secretFiles(name string) ([]byte, error) {
	switch {
	case strings.HasSuffix(name, "pin.hash"):
		return []byte("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHQ"), nil
	case strings.HasSuffix(name, "card.key"):
		return []byte("a0a1a2a3a4a5"), nil
	case strings.HasSuffix(name, "vending.key"):
		return []byte("abababababababab949494949494949401234567"), nil
	case strings.HasSuffix(name, "ea07.json"):
		var permutation []string
		for i := range 64 {
			permutation = append(permutation, strconv.Itoa((i*29+7)%64))
		}
		return []byte(`{"substitution": [[12,10,8,4,3,15,0,2,14,1,5,13,6,9,7,11], [1,0,3,2,5,4,7,6,9,8,11,10,13,12,15,14]], "permutation": [` + strings.Join(permutation, ",") + `]}`), nil
	case strings.HasSuffix(name, "ea07.key"):
		return []byte("0123456789abcdef"), nil
	}
	return []byte("bc41ec9530f6dac86b1a29ab82edc5fb"), nil
}

// sited is a configuration made of nested values.
func sited(t *testing.T, values map[string]any) (config.Config, fault.List) {
	t.Helper()
	text, err := json.Marshal(values) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	secrets := config.Secrets{Getenv: func(string) string { return "" }, ReadFile: secretFiles}
	return config.Parse(text, "/etc/keeplit", secrets, All())
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var out any
	d := json.NewDecoder(strings.NewReader(string(asJSON)))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

// at is the mapping at a path, made of the examples of those above it where it is not
// there.
func at(t *testing.T, root map[string]any, path string, example func(path string) string) map[string]any {
	t.Helper()
	m := root
	walked := ""
	for _, part := range strings.Split(path, ".") {
		if path == "" {
			break
		}
		name, list := strings.CutSuffix(part, "[]")
		walked = strings.TrimPrefix(walked+"."+part, ".")
		if m[name] == nil {
			m[name] = parsed(t, example(walked))
		}
		next := m[name]
		if list { // the entry that is left open, or the first
			entries := next.([]any)
			next = entries[max(0, slices.IndexFunc(entries, func(e any) bool {
				m, _ := e.(map[string]any)
				return m != nil && (len(m) == 0 || m["name"] == "x")
			}))]
		}
		m = next.(map[string]any)
	}
	return m
}

// beside is what examples of some keys go with: a path and its value, or no value where
// the key must not be there.
func beside() map[string]map[string]string {
	const v0, described = "tariff.document.versions[].", "tokens.described.document."
	holiday := map[string]string{"tariff.document.calendar.holidays": "[{name: x}]"}
	nth := map[string]string{"tariff.document.calendar.holidays": "[{name: x, month: 5, weekday: mon, nth: -1}]"}
	steps := map[string]string{v0 + "energy": "[{name: energy, carry_over: true, steps: [{to: 50 kWh, price: 0}, {price: 2}]}]"}
	demand := map[string]string{v0 + "demand": "[{name: demand, steps: [{to: 2.5 kW, price: 100}, {to: 5 kW, price: 200}]}]"}
	first := map[string]string{v0 + "charges": "[{name: service, amount: 60, due: first_purchase, catch_up: true}]"}
	contracted := map[string]string{"tariff.document.contracted": "5 kW"}
	loadOfKind := func(text string) map[string]string { return map[string]string{"loads": "[" + text + "]"} }
	car := loadOfKind("{id: geyser, kind: power, power: {min: 6 A, max: 16 A}, ready_by: \"07:00\", need: {energy: 8 kWh}, switch: {driver: mqtt, command: {topic: x}, setpoint: {topic: y}}}")
	store := loadOfKind("{id: geyser, kind: battery, battery: {capacity: 10 kWh, charge: 3 kW}, switch: {driver: sunspec, port: \"192.168.1.60:502\"}}")
	heater := loadOfKind("{id: geyser, kind: heat, power: 3 kW, tank: {litres: 150}, switch: {driver: tasmota, topic: plug}}")
	machine := loadOfKind("{id: geyser, kind: cycle, power: 1 kW, cycle: 1h, need: {runs: 1}, switch: {driver: tasmota, topic: plug}}")
	ready := loadOfKind("{id: geyser, power: 3 kW, ready_by: \"07:00\", need: {for: 2h}, switch: {driver: tasmota, topic: plug}}")
	latching := map[string]string{"supply.switch": "{driver: relay, relay: {line: GPIO17, contact: latching, reset_line: GPIO19, feedback: {line: GPIO27}}}"}
	device := map[string]string{"supply.switch": "{driver: mqtt, command: {topic: x}, state: {topic: s}, setpoint: {topic: y, state: {topic: z}}}"}
	registers := map[string]string{"supply.switch": "{driver: modbus, port: /dev/ttyUSB1, command: {register: 16}, setpoint: {register: 256}, measured: {register: 48}}"}
	requests := map[string]string{"supply.switch": "{driver: http, url: \"http://192.168.1.40\", on: {url: /on}, off: {url: /off}, state: {url: /state}, setpoint: {url: \"/set?w={value}\"}, measured: {url: /power}}"}
	to := func(way string) map[string]string {
		return map[string]string{"alerts": "{to: [{name: x, " + way + "}]}"}
	}
	supply := map[string]string{
		"supply.switch": "{driver: relay, relay: {line: GPIO17}}", "policy.streams": "[message, supply]", "policy.disconnect": "{control_mode: 1, protected: {notice: 48h}}",
	}
	vending := map[string]string{"tokens.sts": "{vending_key: {file: vending.key}, sgc: 123456, tariff_index: 1, key_revision: 1, pan: \"600727000000000009\"}"}
	return map[string]map[string]string{
		"simulation":                  {"meter": "{driver: house}"},
		"simulation.":                 {"meter": "{driver: house}"},
		"meter.modbus.map":            {"meter.modbus.model": "generic"},
		"meter.modbus.map[].":         {"meter.modbus.model": "generic"},
		"meter.mqtt.":                 {"meter.mqtt.kind": "values", "meter.mqtt.power": "{path: power}"},
		"meter.mqtt.channel":          {"meter.mqtt.kind": "tasmota", "meter.mqtt.power": ""},
		"meter.mqtt.base":             {"meter.mqtt.kind": "zigbee2mqtt", "meter.mqtt.power": ""},
		"meter.mqtt.import.sum":       {"meter.mqtt.import": "{unit: Wh}"},
		"meter.http.import.sum[].":    {"meter.http.import": "{unit: Wh, sum: [{path: t1}, {path: t2}]}"},
		"meter.mqtt.import.sum[].":    {"meter.mqtt.import": "{unit: Wh, sum: [{path: t1}, {path: t2}]}"},
		"meter.http.kind":             {"meter.http.url": "http://192.168.1.30", "meter.http.import": "", "meter.http.power": ""},
		"meter.http.send":             {"meter.http.url": "ws://192.168.1.30/rpc"},
		"meter.http.password":         {"meter.http.username": "admin"},
		"meter.http.stale":            {"meter.http.time": "time"},
		"meter.replay":                {"simulation": "{}"},
		"meter.replay.":               {"simulation": "{}"},
		"meter.p1.authentication_key": {"meter.p1.key": "{file: meter.key}"},
		"meter.wmbus.mode":            {"meter.wmbus.receiver": "im871a"},
		"meter.wmbus.topic":           {"meter.wmbus.port": ""},
		"meter.p1.obis.returned":      {"meter.p1.obis.power": "1.7.0"},
		"meter.sma.unicast":           {"meter.sma.interface": ""},
		"tariff.file":                 {"tariff.catalogue": ""},
		"tariff.document":             {"tariff.catalogue": ""},
		"tariff.document.":            {"tariff.catalogue": "", "tariff.document": fullTariff},

		"tariff.document.calendar.day_types[].holidays": {"tariff.document.calendar.day_types": "[{name: workday, days: [mon, tue, wed, thu, fri, sat, sun]}]", "tariff.document.calendar.periods": ""},
		"tariff.document.calendar.holidays[].on":        holiday,
		"tariff.document.calendar.holidays[].easter":    holiday,
		"tariff.document.calendar.holidays[].month":     nth,
		"tariff.document.calendar.holidays[].weekday":   nth,
		"tariff.document.calendar.holidays[].nth":       nth,
		v0 + "classes.by":                 {v0 + "classes.initial": "normal"},
		v0 + "classes.this_month":         {v0 + "classes.by": "past_average", v0 + "classes.initial": "normal"},
		v0 + "energy[].seasons":           {v0 + "energy": "[{name: y, price: 2, seasons: [summer]}, {name: x}]"},
		v0 + "energy[].periods":           {v0 + "energy": "[{name: y, price: 2, periods: [standard]}, {name: x}]"},
		v0 + "energy[].classes":           {v0 + "energy": "[{name: y, price: 2, classes: [normal]}, {name: x}]"},
		v0 + "energy[].steps":             steps,
		v0 + "energy[].steps[].":          steps,
		v0 + "energy[].whole_month":       {v0 + "energy": "[{name: energy, steps: [{to: 50 kWh, price: 0}, {price: 2}]}]"},
		v0 + "energy[].reset":             {v0 + "energy": "[{name: energy, per: day, steps: [{to: 5 kWh, price: 0}, {price: 2}]}]"},
		v0 + "energy[].carry_over":        steps,
		v0 + "energy[].carry_over_months": steps,
		v0 + "energy[].carry_over_most":   steps,
		v0 + "charges[].per_kw":           contracted,
		v0 + "minimum.per_kw":             contracted,
		v0 + "charges[].contracted":       {v0 + "charges": "[{name: service, amount: 60, per_kw: true}]"},
		v0 + "charges[].split_over":       first,
		v0 + "charges[].catch_up":         first,
		v0 + "charges[].catch_up_months":  first,
		v0 + "charges[].share":            {v0 + "charges": "[{name: service, due: purchase}]"},
		v0 + "demand[].steps":             demand,
		v0 + "demand[].each_kw":           demand,
		v0 + "demand[].steps[].":          demand,
		v0 + "taxes[].":                   {v0 + "taxes": "[{rate: 1 %, name: x}]"},
		v0 + "taxes[].over":               {v0 + "taxes": "[{rate: 1 %, name: levy}, {rate: 1 %, name: x}]"},

		"tokens.sts.vending_key":  vending,
		"tokens.sts.sgc":          vending,
		"tokens.sts.tariff_index": vending,
		"tokens.sts.key_type":     vending,
		"tokens.sts.key_revision": vending,
		"tokens.sts.pan":          vending,
		"tokens.sts.tables":       {"tokens.sts": "{algorithm: ea07, decoder_key: {file: ea07.key}}"},

		"tokens.described.document":      {"tokens.described.file": "", "credit.mode": "kwh", "tokens.openpaygo": ""},
		"tokens.described.document.":     {"tokens.described.file": "", "credit.mode": "kwh", "tokens.openpaygo": ""},
		described + "message[].":         {described + "message": "[{counter: 8}, {value: 2}, {}]"},
		described + "message[].counter":  {described + "message": "[{value: 2}, {}]"},
		described + "message[].value":    {described + "message": "[{counter: 8}, {}]"},
		described + "message[].question": {described + "message": "[{counter: 8}, {}]"},
		described + "digits[].":          {described + "digits": "[{value: 3}, {counter: 2}, {code: 7}, {}]"},
		described + "digits[].value":     {described + "digits": "[{counter: 2}, {code: 6}, {}]"},
		described + "digits[].counter":   {described + "digits": "[{value: 3}, {code: 6}, {}]"},
		described + "digits[].code":      {described + "digits": "[{value: 3}, {counter: 2}, {}]"},
		described + "digits[].check":     {described + "digits": "[{value: 3}, {counter: 2}, {code: 6}, {}]"},
		described + "values[].amount":    {described + "values": "[{from: 1, to: 999, do: add}]"},
		described + "values[].power":     {described + "values": "[{from: 1, to: 9, do: power_limit}, {from: 10, to: 99, do: add, each: 1}]"},

		"meter.modbus.map[].exponent":    {"meter.modbus.map": "[{value: import, register: 1, type: uint32}]"},
		v0 + "demand[].steps[].to":       {v0 + "demand": "[{name: demand, steps: [{price: 100}, {to: 10 kW, price: 200}]}]"},
		"supply.switch.driver":           {"supply.switch": "{topic: geyser}"},
		"supply.switch.relay.contact":    {"supply.switch": "{driver: relay, relay: {line: GPIO17, reset_line: GPIO18, feedback: {line: GPIO27}}}"},
		"supply.switch.relay.reset_line": latching, "supply.switch.relay.pulse": latching,
		"mqtt supply.switch.command.": device, "mqtt supply.switch.state.": device, "mqtt supply.switch.setpoint.": device, "mqtt supply.switch.ask.": device,
		"sgready supply.switch.blocked_at_most": {"supply.switch.rest": "blocked"},
		"modbus supply.switch.command":          registers, "modbus supply.switch.command.": registers, "modbus supply.switch.setpoint.": registers, "modbus supply.switch.measured.": registers,
		"modbus supply.switch.state.coil": {"supply.switch.state": "{}"}, "modbus supply.switch.state.input": {"supply.switch.state": "{}"}, "modbus supply.switch.state.": {"supply.switch.state": "{register: 1}"},
		"modbus supply.switch.framing":          {"supply.switch.port": "192.168.1.50:502"},
		"homeassistant supply.switch.setpoint.": {"supply.switch.setpoint": "{entity: number.x}"}, "homeassistant supply.switch.measured.": {"supply.switch.measured": "{entity: sensor.x}"},
		"http supply.switch.component": {"supply.switch": "{driver: http, kind: esphome, url: \"http://192.168.1.40\"}"},
		"http supply.switch.on":        requests, "http supply.switch.on.": requests, "http supply.switch.off": requests, "http supply.switch.off.": requests, "http supply.switch.state": requests, "http supply.switch.state.": requests,
		"http supply.switch.setpoint": requests, "http supply.switch.setpoint.": requests, "http supply.switch.measured.": requests,
		"http supply.switch.setpoint.state.": {"supply.switch.setpoint.state": "{url: /level}"},
		"http supply.switch.on.body":         {"supply.switch.on.method": "POST"},
		"http supply.switch.setpoint.url":    {"supply.switch.setpoint": "{unit: W}"}, "http supply.switch.setpoint.body": {"supply.switch.setpoint": "{url: /set, method: PUT}"},
		"http supply.switch.state.on": {"supply.switch.state": "{url: /state, off: x}"}, "http supply.switch.state.off": {"supply.switch.state": "{url: /state, on: x}"},
		"http supply.switch.username": {"supply.switch.token": ""}, "http supply.switch.password": {"supply.switch.username": "u"},
		"loads[].need": ready, "loads[].need.weekdays": {"loads[].need": "{for: 2h, between: [\"06:00-20:00\"]}"},
		"loads[].ready_by": ready,
		"loads[].circuit":  {"circuits": "[{id: garage, limit: 20 A}]"}, "loads[].phase": {"circuits": "[{id: garage, limit: 20 A}]", "loads[].circuit": "garage"},
		"circuits[].in":    {"circuits": "[{id: garage, limit: 20 A}, {id: outbuilding, limit: 20 A}]"},
		"loads[].not_with": {"loads": "[{id: geyser, power: 3 kW, switch: {driver: tasmota, topic: plug}}, {id: washer, power: 1 kW, switch: {driver: tasmota, topic: w}}, {id: dryer, power: 1 kW, switch: {driver: tasmota, topic: d}}]"},
		"loads[].order":    {"loads[].class": "can_wait"}, "supply.shed[].class": {"supply.shed": "[{below: 10}]"}, "supply.shed[].priority": {"supply.shed": "[{below: 10}]"},
		"loads[].power.steps": {"loads[].power": "{}"},
		"loads[].power.":      car, "loads[].late": ready, "loads[].late.": ready, "loads[].optional": ready, "loads[].optional.": ready,
		"loads[].tank": heater, "loads[].tank.": heater,
		"loads[].battery": store, "loads[].battery.": store,
		"loads[].cycle": machine, "loads[].need.runs": machine, "loads[].need.energy": {"loads[].need": "{}"},
		"alerts.to[].mail": to(""), "alerts.to[].telegram": to(""), "alerts.to[].webhook": to(""), "alerts.to[].mqtt": to(""),
		"alerts.to[].mail.": to("mail: {server: \"x:25\", from: a@b.c, to: [a@b.c], username: x, password: {file: x}}"), "alerts.to[].telegram.": to("telegram: {token: {file: x}, chat: \"1\"}"), "alerts.to[].webhook.": to("webhook: {url: \"http://x\"}"),
		"mqtt supply.switch.state.on":            {"supply.switch": "{driver: mqtt, command: {topic: x}, state: {topic: s, off: x}}"},
		"mqtt supply.switch.state.off":           {"supply.switch": "{driver: mqtt, command: {topic: x}, state: {topic: s, on: x}}"},
		"mqtt supply.switch.setpoint.state.unit": {"supply.switch": "{driver: mqtt, command: {topic: x}, measured: {topic: z}}"},

		"web.tls.cert": {"web.tls": "{key: page.key}"}, "web.tls.key": {"web.tls": "{cert: page.pem}"},
		"limits.contact.inputs[].free": {"limits.contact.inputs": "[{line: GPIO5}, {line: GPIO6, limit: 5 kW}]"},
		"policy.disconnect":            supply, "policy.disconnect.": supply,
	}
}

// fullTariff has what the parts of a tariff name.
const fullTariff = `{name: x, zone: UTC, currency: ZAR,
  calendar: {seasons: [{name: winter, from: 06-01, to: 08-31}, {name: summer}], day_types: [{name: workday, days: [mon, tue, wed, thu, fri]}, {name: weekend, days: [sat, sun], holidays: true}],
    periods: [{name: peak, times: [{from: "18:00", to: "21:00"}]}, {name: standard}]},
  versions: [{classes: {list: [{name: lifeline, to: 50 kWh}, {name: normal}]}, energy: [{name: energy, price: 2}], charges: [{name: service, amount: 60}], taxes: [{name: levy, rate: 1 %}, {name: VAT, rate: 15 %}]}]}`

// siteFor is a site in which a key of a section may stand, as examples make it, and the
// mapping that the key stands in.
func siteFor(t *testing.T, s config.Section, key string, example func(path string) string) (root, m map[string]any) {
	t.Helper()
	root = parsed(t, ground).(map[string]any)
	name, _, _ := strings.Cut(strings.TrimPrefix(s.Path, "meter."), ".")
	if _, part := strings.CutPrefix(s.Path, "meter."); part && slices.Contains(All().MeterNames(), name) {
		root["meter"] = map[string]any{"driver": name, name: parsed(t, example("meter."+name))}
	}
	if s.Path == "meter" && slices.Contains(All().MeterNames(), key) {
		root["meter"] = map[string]any{"driver": key}
	}
	switch s.Driver {
	case "":
	case "sunspec", "victron": // no supply is switched by what gives
		root["loads"] = []any{map[string]any{"id": "roof", "kind": "sun", "power": "5 kW", "switch": parsed(t, example("driver "+s.Driver))}}
		s.Path = strings.Replace(s.Path, "supply.switch", "loads[].switch", 1)
	default:
		at(t, root, "supply", example)["switch"] = parsed(t, example("driver "+s.Driver))
	}
	want := strings.TrimPrefix(s.Path+"."+key, ".")
	for _, set := range besideOf(want, s.Driver) {
		i := strings.LastIndexByte(set[0], '.')
		into := at(t, root, set[0][:max(i, 0)], example)
		if set[1] == "" {
			delete(into, set[0][i+1:])
			continue
		}
		into[set[0][i+1:]] = parsed(t, set[1])
	}
	return root, at(t, root, s.Path, example)
}

// besideOf is what goes with a key: first what goes with all keys of its mapping.
func besideOf(path, driver string) (out [][2]string) {
	what := beside()
	for _, of := range slices.SortedFunc(maps.Keys(what), func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) }) {
		at := of
		if d, rest, found := strings.Cut(of, " "); found { // of one driver alone
			if d != driver {
				continue
			}
			at = rest
		}
		if at == path || strings.HasSuffix(at, ".") && strings.HasPrefix(path, at) {
			for _, k := range slices.Sorted(maps.Keys(what[of])) {
				out = append(out, [2]string{k, what[of][k]})
			}
		}
	}
	return out
}

// examplesOf are the examples of what stands at a path, and of the switch with a driver.
func examplesOf(sections []config.Section) func(path string) string {
	examples := map[string]string{}
	for _, s := range sections {
		if s.Driver != "" && s.Path == "supply.switch" {
			_, examples["driver "+s.Driver], _ = strings.Cut(s.Example, ": ")
		}
		for _, k := range s.Keys {
			if path := cmp.Or(k.Below, strings.TrimPrefix(s.Path+"."+k.Name, ".")); examples[path] == "" {
				examples[path] = k.Example
			}
		}
	}
	return func(path string) string {
		return examples[strings.Replace(path, "meter.http.import", "meter.mqtt.import", 1)] // told of once
	}
}

// Whoever copies an example has a configuration that is right, and whoever writes a default
// down has what holds without it.
func TestEveryKeyIsDescribedWithAnExampleThatIsRight(t *testing.T) {
	sections, err := config.Reference(All())
	if err != nil {
		t.Fatal(err)
	}
	examples := examplesOf(sections)
	example := func(path string) string {
		if e := examples(path); e != "" {
			return e
		}
		t.Fatalf("%s has no example", path)
		return ""
	}
	n := 0
	for _, s := range sections {
		for _, k := range s.Keys {
			n++
			path := strings.TrimPrefix(s.Path+"."+k.Name, ".")
			if len(k.Text) < 10 || k.Example == "" || !strings.ContainsAny(k.Text[len(k.Text)-1:], ".?") {
				t.Errorf("%s %s: %q, example %q: say in a sentence what it is, and give an example", path, s.Driver, k.Text, k.Example)
				continue
			}
			where := s
			if k.Name == "url" { // a page, which a meter over MQTT has none of
				where.Path = strings.Replace(s.Path, "meter.mqtt.", "meter.http.", 1)
			}
			root, m := siteFor(t, where, k.Name, example)
			m[k.Name] = parsed(t, k.Example)
			if _, faults := sited(t, root); len(faults) > 0 {
				t.Errorf("%s %s: the example %s: %v", path, s.Driver, k.Example, faults)
			}
			if k.Default == "" || k.Stated {
				continue
			}
			delete(m, k.Name)
			without, _ := sited(t, root)
			m[k.Name] = parsed(t, k.Default)
			with, _ := sited(t, root)
			if d := gocmp.Diff(without, with, cmpopts.IgnoreUnexported(config.Config{}), gocmp.Exporter(func(reflect.Type) bool { return true })); d != "" {
				t.Errorf("%s: without it holds another thing than with %s, its default: %s", path, k.Default, d)
			}
		}
	}
	if n < 450 {
		t.Errorf("only %d keys", n)
	}
}

// Nothing of a meter is zero that somebody writes down as zero: it would hold as if the key
// were left out, and nobody would be told.
func TestZeroIsNoValueOfAMeter(t *testing.T) {
	may := map[string]string{
		"meter.mqtt.channel": "the first meter of a Shelly", "meter.modbus.map[].register": "the first register", "meter.modbus.map[].exponent": "the first register",
		"meter.iec62056.address": "digits of a name",
	}
	sections, err := config.Reference(All())
	if err != nil {
		t.Fatal(err)
	}
	example := examplesOf(sections)
	number := regexp.MustCompile(`^"?-?(0x)?[0-9.]+ ?([A-Za-z]*)"?$`)
	n := 0
	for _, s := range sections {
		for _, k := range s.Keys {
			path := s.Path + "." + k.Name
			if !strings.HasPrefix(path, "meter.") || !number.MatchString(k.Example) {
				continue
			}
			n++
			root, m := siteFor(t, s, k.Name, example)
			for _, zero := range []string{"0", `"0"`, "0 " + number.FindStringSubmatch(k.Example)[2]} {
				m[k.Name] = parsed(t, zero)
				if _, faults := sited(t, root); len(faults) == 0 && may[path] == "" {
					t.Errorf("%s: %s is right", path, zero)
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("%d keys alone were tried", n)
	}
}
