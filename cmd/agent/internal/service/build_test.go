package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/config"
)

// pairs are configurations of every part with every driver, with and without the
// settings that belong to it, and with what a hurried hand writes.
func pairs() map[string]string {
	base := map[string]string{
		"site": `{id: home, meter: "04123456789", zone: Africa/Johannesburg}`, "meter": `{driver: modbus, modbus: {model: sdm230, port: /dev/null}}`,
		"tariff": `{catalogue: za-eskom-homelight-20a}`, "tokens": `{openpaygo: {key: {env: KEY}, starting_code: 516959010}}`,
		"web": `{listen: "127.0.0.1:0"}`, "data": "DATA",
	}
	order := []string{"site", "data", "meter", "tariff", "credit", "tokens", "supply", "entry", "loads", "mqtt", "influxdb", "telemetry", "web", "schedule", "simulation", "plan", "switching", "watchdog", "log"}
	out := map[string]string{}
	add := func(name string, parts ...string) {
		doc := map[string]string{}
		for k, v := range base {
			doc[k] = v
		}
		for i := 0; i < len(parts); i += 2 {
			doc[parts[i]] = parts[i+1]
		}
		text := ""
		for _, k := range order {
			if doc[k] != "" {
				text += k + ": " + doc[k] + "\n"
			}
		}
		out[name] = text
	}
	const mqtt = `{url: "mqtt://127.0.0.1:1"}`
	meters := map[string]string{
		"modbus": "{model: sdm230, port: /dev/null}", "p1": "{port: /dev/null}", "sml": "{port: /dev/null}", "iec62056": "{port: /dev/null}", "dlms": "{port: /dev/null}", "linky": "{port: /dev/null}", "wmbus": "{number: \"12345678\", port: /dev/null}", "sma": "{interface: nowhere0}",
		"pulse": "{pin: GPIO17, pulses_per_kwh: 1000}", "mqtt": "{kind: tasmota, topic: plug}", "replay": "{file: none.csv}", "house": "", "http": "{url: x}", "": "",
		"atm90e32": "{bus: SPI0.0, voltage_gain: 100, current_gain: 100}", "adc": "{chip: mcp3208, bus: SPI0.0, calibration: none.yaml}",
	}
	for driver, part := range meters {
		for _, broker := range []string{"", mqtt} {
			for _, sim := range []string{"", "{step: 1m}"} {
				name := fmt.Sprintf("meter %s, broker %v, simulation %v", driver, broker != "", sim != "")
				add(name+", no part", "meter", fmt.Sprintf("{driver: %q}", driver), "mqtt", broker, "simulation", sim)
				if part != "" {
					add(name, "meter", fmt.Sprintf("{driver: %q, %s: %s}", driver, driver, part), "mqtt", broker, "simulation", sim)
				}
			}
		}
		add("meter "+driver+" with another's part", "meter", fmt.Sprintf("{driver: %q, p1: {port: /dev/null}, modbus: {port: /dev/null}}", driver))
	}
	const byTopic = `{driver: wmbus, wmbus: {number: "12345678", topic: wmbus/+/telegram}}`
	add("a wireless meter by topic", "meter", byTopic, "mqtt", mqtt)
	add("a wireless meter by topic without a broker", "meter", byTopic)
	for _, port := range []string{"host:2000", "192.168.1.4:99999", ":", "/dev/ttyUSB0:1"} {
		for _, driver := range []string{"p1", "sml", "iec62056", "dlms", "linky"} {
			add("meter "+driver+" on "+port, "meter", fmt.Sprintf("{driver: %s, %s: {port: %q}}", driver, driver, port))
		}
	}
	switches := []string{
		"{driver: relay}", "{driver: relay, relay: {}}", "{driver: relay, relay: {line: GPIO17}}", "{driver: relay, topic: x}", "{driver: tasmota}", "{driver: tasmota, topic: plug}",
		"{driver: tasmota, topic: plug, relay: {line: GPIO17}}", "{driver: shelly}", "{driver: shelly, topic: plug}", "{driver: zigbee2mqtt}", "{driver: zigbee2mqtt, topic: plug}",
		"{driver: house}", "{driver: none}", "{driver: http}", "{driver: http, topic: x}", "{}", "{driver: tasmota, topic: a/+}", "{driver: tasmota, topic: plug, dead_man: 1s}",
		"{driver: relay, relay: {line: GPIO17, contact: latching}}",
	}
	for _, sw := range switches {
		for _, broker := range []string{"", mqtt} {
			name := fmt.Sprintf("%s, broker %v", sw, broker != "")
			add("supply "+name, "supply", "{switch: "+sw+"}", "mqtt", broker)
			add("load "+name, "loads", "[{id: pump, name: Pump, kind: onoff, power: 750 W, need: {for: 2h}, switch: "+sw+"}]", "mqtt", broker)
			add("simulated load "+name, "loads", "[{id: pump, name: Pump, kind: onoff, power: 750 W, need: {for: 2h}, switch: "+sw+"}]", "mqtt", broker,
				"meter", "{driver: house}", "simulation", "{step: 1m}")
		}
	}
	for name, parts := range map[string][]string{
		"mqtt without scheme": {"mqtt", `{url: "192.168.1.10:1883"}`}, "mqtt with a user": {"mqtt", `{url: "mqtt://a:b@h:1883"}`}, "mqtt with http": {"mqtt", `{url: "http://h"}`},
		"mqtt with no authority": {"mqtt", `{url: "mqtts://h:8883", ca: none.pem}`}, "mqtt with half a certificate": {"mqtt", `{url: "mqtts://h:8883", cert: none.pem}`},
		"mqtt with certificates and no TLS": {"mqtt", `{url: "mqtt://h:1883", ca: none.pem}`},
		"cron of a clock":                   {"schedule", `{nightly: "3:17"}`}, "cron with a zone": {"schedule", `{plan: "TZ=UTC"}`}, "cron with an empty zone": {"schedule", `{plan: "CRON_TZ="}`},
		"cron of six fields": {"schedule", `{plan: "0 0 * * * *"}`}, "an interval of 7m": {"schedule", `{interval: 7m}`},
		"listen on a number": {"web", `{listen: "8080"}`}, "listen on no port": {"web", `{listen: "127.0.0.1"}`}, "listen on a word": {"web", `{listen: "127.0.0.1:page"}`}, "listen on 70000": {"web", `{listen: ":70000"}`},
		"a PIN that is no hash": {"web", `{listen: "127.0.0.1:0", pin: {env: KEY}}`}, "a closed page without PIN": {"web", `{listen: "127.0.0.1:0", reading: closed}`},
		"a page with no certificate": {"web", `{listen: "127.0.0.1:0", tls: {cert: none.pem, key: none.pem}}`}, "half a certificate": {"web", `{listen: "127.0.0.1:0", tls: {cert: none.pem}}`},
		"its own certificate": {"web", `{listen: "127.0.0.1:0", tls: {own: true}}`}, "a proxy that is none": {"web", `{listen: "127.0.0.1:0", proxies: [there]}`},
		"negative warnings":  {"credit", `{warn_at: [-5, -2]}`},
		"a tariff unknown":   {"tariff", `{catalogue: none}`},
		"a tariff file gone": {"tariff", `{file: none.yaml}`}, "a tariff file empty": {"tariff", `{file: empty.yaml}`}, "a tariff file wrong": {"tariff", `{file: wrong.yaml}`},
		"kwh account, money tokens": {"credit", `{mode: kwh}`, "tokens", `{openpaygo: {key: {env: KEY}, starting_code: 516959010, unit: money}}`},
		"money account, kwh tokens": {"tokens", `{openpaygo: {key: {env: KEY}, starting_code: 516959010, unit: kwh}}`},
		"a key that is none":        {"tokens", `{openpaygo: {key: {env: BAD}, starting_code: 516959010}}`}, "no tokens": {"tokens", "{}"},
		"a load above the site": {"site", `{id: home, meter: "1", limit: 13.8 kW}`, "loads", "[{id: pump, name: Pump, kind: onoff, power: 30 kW, need: {for: 2h}, switch: {driver: tasmota, topic: p}}]", "mqtt", mqtt},
		"influxdb without url":  {"influxdb", `{bucket: a}`}, "influxdb with a word": {"influxdb", `{url: here, bucket: a}`}, "influxdb, no authority": {"influxdb", `{url: "https://h", bucket: a, ca: none.pem}`},
		"a zone unknown": {"site", `{id: home, meter: "1", zone: Nowhere/City}`}, "an appliance unknown": {"meter", "{driver: house}", "simulation", "{appliances: {a: b}}"},
		"an appliance of no kind": {"meter", "{driver: house}", "simulation", "{appliances: {pump: rocket}}", "loads", "[{id: pump, name: Pump, kind: onoff, power: 750 W, need: {for: 2h}, switch: {driver: house}}]"},
		"simulated tokens gone":   {"meter", "{driver: house}", "simulation", "{tokens: none.csv}"}, "negative persist": {"schedule", "{persist: -1s}"},
		"a keypad": {"entry", "{keypad: {rows: [GPIO5, GPIO6, GPIO13, GPIO19], columns: [GPIO12, GPIO16, GPIO20, GPIO21]}}"}, "half a keypad": {"entry", "{keypad: {rows: [GPIO5]}}"},
		"a card reader": {"entry", "{card: {reset: GPIO25, irq: GPIO24, key: {env: CARD}}}"}, "a card reader without key": {"entry", "{card: {reset: GPIO25, irq: GPIO24}}"},
		"a buzzer": {"supply", "{buzzer: {line: GPIO18}}"}, "a cover": {"meter", "{driver: modbus, modbus: {model: sdm230, port: /dev/null}, cover: {line: GPIO22}}"},
		"records in a file": {"data", "empty.yaml"}, "records below a file": {"data", "empty.yaml/records"}, "records in no name": {"data", `"a\0b"`}, "records in a new folder": {"data", "new/records"},
		"a watchdog gone": {"watchdog", "{device: none}"}, "all as it is": {},
	} {
		add(name, parts...)
	}
	return out
}

// TestRunNeverSaysWhatCheckDidNot builds each configuration that check calls
// right as run does: nothing but the machine may keep it from starting.
func TestRunNeverSaysWhatCheckDidNot(t *testing.T) {
	unraced.Only(t)
	all := pairs()
	files, err := filepath.Glob("../../../../config/testdata/*.yaml")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d files of config's, %v", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = string(text)
	}
	right, disagree, runs := 0, 0, 0
	folder := t.TempDir()
	for name, text := range map[string]string{"empty.yaml": "", "wrong.yaml": "name: x\ncurrency: 5\nno: 1\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secrets := config.Secrets{ReadFile: os.ReadFile, Getenv: func(name string) string {
		return map[string]string{"KEY": trialKey, "CARD": "a0a1a2a3a4a5", "BAD": "xyz"}[name]
	}}
	for name, text := range all {
		cfg, faults := config.Parse([]byte(text), folder, secrets, drivers.All())
		faults = cfg.Locate(faults, Faults(cfg, faults))
		for _, f := range faults {
			if f.Line == 0 || f.Remedy == "" {
				t.Errorf("%s: a fault without line or remedy: %+v", name, f)
			}
		}
		// run is tried on what check refuses as well: it must not panic either, but
		// a part that is not there cannot be asked for.
		if len(faults) > 0 {
			continue
		}
		right++
		runs++
		if cfg.Web.Listen = "127.0.0.1:0"; cfg.Data == "DATA" {
			cfg.Data = filepath.Join(folder, fmt.Sprint(runs))
		}
		if err := tryRun(t.Context(), cfg); err != nil && !isMachine(err) {
			disagree++
			t.Errorf("%s: check calls it right, run says: %v\n%s", name, err, text)
		}
	}
	t.Logf("%d configurations, %d right; check and run disagree about %d", len(all), right, disagree)
	if right < 20 {
		t.Errorf("only %d are right", right)
	}
}

// tryRun builds a service and gives it back.
func tryRun(ctx context.Context, cfg config.Config) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	s, err := New(ctx, cfg, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return s.Close()
}

// isMachine tells whether what is wrong is the machine's: there is no such
// hardware.
func isMachine(err error) bool {
	var m *board.MissingError
	return errors.As(err, &m)
}

func TestCheckSaysEverythingAtOnceWithLines(t *testing.T) {
	text := strings.Join([]string{
		`site: {id: home, meter: "1", limit: 13.8 kW}`,
		`meter: {driver: p1}`,
		`tariff: {catalogue: none}`,
		`credit: {mode: kwh, warn_at: [-5]}`,
		`tokens: {openpaygo: {key: {env: KEY}, starting_code: 516959010, unit: money}}`,
		`supply: {switch: {driver: relay}}`,
		`loads: [{id: pump, name: Pump, kind: onoff, power: 30 kW, need: {for: 2h}, switch: {driver: tasmota}}]`,
		`mqtt: {url: "192.168.1.10:1883"}`,
		`web: {listen: "8080"}`,
		`schedule: {nightly: "3:17"}`,
	}, "\n")
	cfg, faults := config.Parse([]byte(text), ".", config.Secrets{Getenv: func(string) string { return trialKey }}, drivers.All())
	faults = cfg.Locate(faults, Faults(cfg, faults))
	lines := map[int]bool{}
	for _, f := range faults {
		lines[f.Line] = true
	}
	for line := 1; line <= 10; line++ {
		if line != 1 && !lines[line] {
			t.Errorf("line %d has no fault:\n%v", line, faults)
		}
	}
}
