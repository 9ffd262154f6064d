package docs_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ground is the least site: what an example says takes the place of its part here.
var ground = map[string]string{
	"site":   "{id: home, meter: \"04123456789\", zone: Africa/Johannesburg}",
	"tariff": "{catalogue: za-eskom-homelight-20a}",
	"tokens": "{openpaygo: {key: {file: openpaygo.key}, starting_code: 516959010, unit: money}}",
	"web":    "{listen: \":8080\", pin: {file: pin.hash}}",
}

// beside is what an example needs that its document says elsewhere: by a word in it, a part of the site.
var beside = []struct{ where, key, text string }{
	{"driver: mqtt", "mqtt", "{url: \"mqtt://localhost:1883\"}"},
	{"driver: tasmota", "mqtt", "{url: \"mqtt://localhost:1883\"}"},
	{"driver: esphome", "mqtt", "{url: \"mqtt://localhost:1883\"}"},
	{"topic: wmbus", "mqtt", "{url: \"mqtt://localhost:1883\"}"},
	{"mqtt: {", "mqtt", "{url: \"mqtt://localhost:1883\"}"},
	{"\npolicy:", "mqtt", "{url: \"mqtt://localhost:1883\"}"},
}

// stands is what stands for what a reader puts in.
var stands = strings.NewReplacer(
	"wn9…", strings.Repeat("A", 42)+"A", "3Jq…", strings.Repeat("B", 42)+"A", "x0L…", strings.Repeat("C", 42)+"A",
	"[PUBLIC]", "["+strings.Repeat("A", 43)+"]",
)

var (
	top    = regexp.MustCompile(`(?m)^([a-z_]+):`)
	named  = regexp.MustCompile(`\{file: ([^}]+)\}`)
	naming = regexp.MustCompile(`\{env: ([^}]+)\}`)
)

// site is an example as a whole configuration, where it is a part of one.
func site(example string) string {
	text := stands.Replace(example)
	if strings.HasPrefix(text, "switch:") { // of a load
		kind := "power: 3 kW"
		if strings.Contains(text, "setpoint:") {
			kind = "kind: power\n    power: {min: 100 W, max: 3 kW}"
		}
		text = "loads:\n  - id: geyser\n    " + kind + "\n    need: {energy: 4 kWh}\n    ready_by: \"18:00\"\n    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
	}
	has := map[string]bool{}
	for _, m := range top.FindAllStringSubmatch(text, -1) {
		has[m[1]] = true
	}
	if has["meter"] {
		also := "  max_power: 14 kW\n"
		if !strings.Contains(text, "driver:") {
			also += "  driver: p1\n  p1: {port: /dev/ttyUSB0}\n"
		}
		text = strings.Replace(text, "meter:\n", "meter:\n"+also, 1)
	} else {
		text += "meter: {driver: p1, max_power: 14 kW, p1: {port: /dev/ttyUSB0}}\n"
	}
	for key, is := range ground {
		if !has[key] {
			text += key + ": " + is + "\n"
		}
	}
	for _, b := range beside {
		if !has[b.key] && strings.Contains("\n"+text, b.where) {
			has[b.key] = true
			text += b.key + ": " + b.text + "\n"
		}
	}
	return text
}

// An example that a reader copies is a configuration that is right, with what it needs beside it. Those of
// configuration.md are held key by key where the reference is made, those of tariffs.md with what comes out of them.
func TestEveryExampleOfAConfigurationIsRight(t *testing.T) {
	p := newPlace(t)
	p.build()
	type example struct{ name, text string }
	var all []example
	for _, d := range documents(t) {
		if d.name == "docs/configuration.md" || d.name == "docs/tariffs.md" {
			continue
		}
		for _, b := range d.blocks {
			if b.language == "yaml" {
				all = append(all, example{fmt.Sprintf("%s:%d", d.name, b.line), strings.Join(b.text, "\n") + "\n"})
			}
		}
	}
	if len(all) < 38 {
		t.Errorf("only %d examples were found", len(all))
	}
	dir := p.folder(map[string]string{
		"village-grid.yaml": "@examples/tokens/village-grid.yaml", "openpaygo.key": "bc41ec9530f6dac86b1a29ab82edc5fb\n",
	})
	hash, err := p.shell(dir, "agent pin", pin+"\n"+pin+"\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	p.write(filepath.Join(dir, "pin.hash"), string(hash), 0o600)
	for _, x := range all {
		for _, m := range named.FindAllStringSubmatch(x.text, -1) {
			if name := filepath.Join(dir, m[1]); m[1] != "pin.hash" {
				p.write(name, "00112233445566778899aabbccddeeff\n", 0o600)
			}
		}
		for _, m := range naming.FindAllStringSubmatch(x.text, -1) {
			p.env = append(p.env, m[1]+"=secret")
		}
	}
	for i, x := range all {
		file := fmt.Sprintf("example-%d.yaml", i)
		command := "agent check " + file
		text := site(x.text)
		if strings.Contains("\n"+x.text, "\nscheme:") { // a meter of a vendor's
			text, command = x.text, "agent token issue --meter "+file+" --kwh 1"
		}
		p.write(filepath.Join(dir, file), text, 0o600)
		if out, err := p.shell(dir, command, "").CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s\n%s", x.name, err, out, text)
		}
	}
}
