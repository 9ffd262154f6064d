package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/homeassistant"
	"github.com/keeplit/keeplit/cmd/agent/internal/homeassistant/hatest"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

func example(t *testing.T, name ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "examples"}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// texts are all texts in a document, wherever they stand.
func texts(v any, out []string) []string {
	switch v := v.(type) {
	case string:
		return append(out, v)
	case []any:
		for _, x := range v {
			out = texts(x, out)
		}
	case map[string]any:
		for _, x := range v {
			out = texts(x, out)
		}
	}
	return out
}

// What the examples for Home Assistant name is what a site announces.
func TestExamplesForHomeAssistantNameWhatIsThere(t *testing.T) {
	h := homeassistant.Home{
		Prefix: "homeassistant", ID: "home", Name: "Home", Unit: "ZAR", Decimals: 2, Commands: true, Topics: broker.NewTopics("home"),
		Loads: []homeassistant.Load{{ID: "geyser", Name: "Geyser"}}, Say: func(key string) string { return present.NewWords().T(key) },
	}
	payload, err := h.Message(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, faults := hatest.Check(h.Topic(), payload)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	ids := map[string]bool{}
	for _, c := range a.Components {
		ids[c["default_entity_id"].(string)] = true
	}
	var templates []hatest.Rendering
	named := 0
	for _, file := range []string{"dashboard.yaml", "top-up.yaml"} {
		text := example(t, "homeassistant", file)
		var doc map[string]any
		// Home Assistant's own tag is a text to other readers of YAML.
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(text, "!input ", "input_")), &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, id := range regexp.MustCompile(`\b[a-z_]+\.keeplit_home_[a-z0-9_]+`).FindAllString(text, -1) {
			named++
			if !ids[id] {
				t.Errorf("%s: %s is not announced", file, id)
			}
		}
		for _, x := range texts(doc, nil) {
			if strings.Contains(x, "{{") || strings.Contains(x, "{%") {
				templates = append(templates, hatest.Rendering{Template: x, Parse: true})
			}
		}
		if file == "top-up.yaml" {
			inputs := doc["blueprint"].(map[string]any)["input"].(map[string]any)
			for _, in := range regexp.MustCompile(`!input ([a-z_]+)`).FindAllStringSubmatch(text, -1) {
				if inputs[in[1]] == nil {
					t.Errorf("%s: there is no input %s", file, in[1])
				}
			}
			if len(inputs) != 6 || doc["triggers"] == nil || doc["actions"] == nil {
				t.Errorf("%s is no blueprint of an automation", file)
			}
		}
	}
	if named < 15 || len(templates) < 7 {
		t.Fatalf("%d entities and %d templates were looked at", named, len(templates))
	}
	for i, out := range hatest.Render(t, templates) {
		if strings.HasPrefix(out, "ERROR") {
			t.Errorf("%q: %s", templates[i].Template, out)
		}
	}
}

// The examples for openHAB and Node-RED read what is sent, and send what is taken.
func TestExamplesReadWhatIsSent(t *testing.T) {
	t.Parallel()
	h := aHome(t, "")
	h.pass(30 * time.Minute)
	h.publish()
	h.byMQTT("123456789012")
	said := map[string]map[string]any{}
	for topic, payload := range h.mqtt.said {
		var m map[string]any
		if json.Unmarshal([]byte(payload), &m) != nil {
			m = map[string]any{}
		}
		said[strings.Replace(topic, "keeplit/words/", "keeplit/home/", 1)] = m
	}
	topics := broker.NewTopics("home")
	orders := []string{topics.LoadSet("geyser"), topics.Until(), topics.Token()}

	things, items := example(t, "openhab", "keeplit.things"), example(t, "openhab", "keeplit.items")
	states := regexp.MustCompile(`Type [a-z]+\s*: ([a-z0-9_]+)\s.*stateTopic="([^"]+)", transformationPattern="JSONPATH:\$\.([a-z_]+)"`).FindAllStringSubmatch(things, -1)
	if len(states) < 12 {
		t.Fatalf("%d states were found", len(states))
	}
	for _, s := range states {
		if _, there := said[s[2]][s[3]]; !there {
			t.Errorf("openHAB reads %s of %s, which is not sent: %v", s[3], s[2], said[s[2]])
		}
	}
	for _, s := range regexp.MustCompile(`commandTopic="([^"]+)"`).FindAllStringSubmatch(things, -1) {
		if !slices.Contains(orders, s[1]) {
			t.Errorf("openHAB sends to %s", s[1])
		}
	}
	for _, s := range regexp.MustCompile(`channel="mqtt:topic:home:keeplit:([a-z0-9_]+)"`).FindAllStringSubmatch(items, -1) {
		if !regexp.MustCompile(`Type [a-z]+\s*: ` + s[1] + `\s`).MatchString(things) {
			t.Errorf("openHAB has an item of the channel %s, which is not there", s[1])
		}
	}

	var flow []struct {
		ID, Type, Topic, Broker, Z string
		Wires                      [][]string
	}
	if err := json.Unmarshal([]byte(example(t, "node-red", "flow.json")), &flow); err != nil {
		t.Fatal(err)
	}
	nodes := map[string]bool{}
	for _, n := range flow {
		nodes[n.ID] = true
	}
	for _, n := range flow {
		for _, out := range n.Wires {
			for _, to := range out {
				if !nodes[to] {
					t.Errorf("Node-RED: %s is wired to %s, which is not there", n.ID, to)
				}
			}
		}
		switch n.Type {
		case "mqtt in":
			if _, there := said[n.Topic]; !there || !nodes[n.Broker] {
				t.Errorf("Node-RED reads %s", n.Topic)
			}
		case "mqtt out":
			if !slices.Contains(orders, n.Topic) || !nodes[n.Broker] {
				t.Errorf("Node-RED sends to %s", n.Topic)
			}
		}
	}
}
