// Package hatest holds announcements against what Home Assistant takes, for tests.  The tables
// are facts of its MQTT integration (2026.10): what it does not know it drops without a word, and
// what contradicts it, it refuses, with all that comes beside it in the message.
package hatest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// keys are what each platform takes besides common; those that begin with "!" must be there.
func keys() map[string][]string {
	reads, both := []string{"!state_topic", "value_template"}, []string{"!command_topic", "command_template", "state_topic", "value_template", "optimistic", "retain"}
	return map[string][]string{
		"sensor": append([]string{
			"device_class", "expire_after", "force_update", "last_reset_value_template", "options", "state_class", "suggested_display_precision", "unit_of_measurement",
		}, reads...),
		"binary_sensor": append([]string{"device_class", "expire_after", "force_update", "off_delay", "payload_on", "payload_off"}, reads...),
		"event":         append([]string{"device_class", "!event_types"}, reads...),
		"select":        append([]string{"!options"}, both...),
		"text":          append([]string{"max", "min", "mode", "pattern"}, both...),
		"number":        append([]string{"device_class", "max", "min", "mode", "step", "payload_reset", "unit_of_measurement"}, both...),
		"button":        {"!command_topic", "command_template", "device_class", "payload_press", "retain"},
	}
}

// common are the keys of every entity.  unique_id must be there in device discovery.
func common() []string {
	return []string{
		"platform", "name", "!unique_id", "default_entity_id", "icon", "entity_picture", "entity_category", "enabled_by_default", "qos", "encoding",
		"availability", "availability_mode", "availability_template", "availability_topic", "payload_available", "payload_not_available",
		"json_attributes_topic", "json_attributes_template",
	}
}

// classes are the device classes of sensors: their state classes, and units; nil: any unit.
func classes() map[string]struct{ states, units []string } {
	return map[string]struct{ states, units []string }{
		"duration":       {[]string{"measurement", "total", "total_increasing"}, []string{"d", "h", "min", "s", "ms", "µs"}},
		"energy":         {[]string{"total", "total_increasing"}, []string{"Wh", "kWh", "MWh", "J", "kJ", "MJ"}},
		"energy_storage": {[]string{"measurement"}, []string{"Wh", "kWh", "MWh", "J", "kJ", "MJ"}},
		"enum":           {nil, []string{}},
		"monetary":       {[]string{"total"}, nil},
		"power":          {[]string{"measurement"}, []string{"mW", "W", "kW", "MW"}},
		"timestamp":      {nil, []string{}},
	}
}

func binaryClasses() []string {
	return []string{"battery", "connectivity", "plug", "power", "problem", "running", "safety", "update"}
}

var (
	entityID = regexp.MustCompile(`^[a-z_]+\.[a-z0-9]+(_[a-z0-9]+)*$`)
	topicID  = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	currency = regexp.MustCompile(`^[A-Z]{3}$`)
)

// Announcement is a device's message, read as Home Assistant reads it.
type Announcement struct {
	Device, Origin map[string]any
	Components     map[string]map[string]any
	Availability   string
	Gone           []string // components that are taken back
}

// Check answers the announcement on a topic, and all that Home Assistant would not take.
func Check(topic string, payload []byte) (a Announcement, faults []string) {
	bad := func(format string, values ...any) { faults = append(faults, fmt.Sprintf(format, values...)) }
	parts := strings.Split(topic, "/")
	if n := len(parts); n < 4 || parts[n-3] != "device" || parts[n-1] != "config" || !topicID.MatchString(parts[n-2]) {
		bad("%s is no topic of device discovery", topic)
	}
	var raw map[string]any
	if err := json.Unmarshal(payload, &raw); err != nil {
		bad("it is no JSON object: %v", err)
		return a, faults
	}
	a.Device, _ = raw["device"].(map[string]any)
	a.Origin, _ = raw["origin"].(map[string]any)
	a.Availability, _ = raw["availability_topic"].(string)
	within(bad, "the message", raw, []string{"!device", "!origin", "!components", "availability_topic", "payload_available", "payload_not_available", "qos", "encoding", "state_topic", "command_topic"})
	within(bad, "device", a.Device, []string{"identifiers", "connections", "name", "manufacturer", "model", "model_id", "sw_version", "hw_version", "serial_number", "suggested_area", "configuration_url", "via_device"})
	within(bad, "origin", a.Origin, []string{"!name", "sw_version", "support_url"})
	if ids, _ := a.Device["identifiers"].([]any); len(ids) == 0 {
		bad("device: it has no identifier")
	}
	if u, ok := a.Origin["support_url"].(string); ok {
		if x, err := url.Parse(u); err != nil || x.Scheme != "https" && x.Scheme != "http" || x.Host == "" {
			bad("origin: %q is no address", u)
		}
	}
	a.components(raw, bad)
	return a, faults
}

func (a *Announcement) components(raw map[string]any, bad func(string, ...any)) {
	a.Components = map[string]map[string]any{}
	components, _ := raw["components"].(map[string]any)
	ids := map[string]string{}
	for key, v := range components {
		c, _ := v.(map[string]any)
		platform, _ := c["platform"].(string)
		own, known := keys()[platform]
		switch {
		case strings.ContainsAny(key, " \t"):
			bad("%s: a key with a blank", key)
		case !known:
			bad("%s: the platform %q is not known", key, platform)
			continue
		}
		if len(c) == 1 {
			a.Gone = append(a.Gone, key)
			continue
		}
		a.Components[key] = c
		within(bad, key, c, append(common(), own...))
		id, _ := c["unique_id"].(string)
		if other := ids[id]; other != "" {
			bad("%s: its unique_id is that of %s", key, other)
		}
		ids[id] = key
		if id, _ := c["default_entity_id"].(string); id != "" && (!entityID.MatchString(id) || !strings.HasPrefix(id, platform+".")) {
			bad("%s: %q is no id of a %s", key, id, platform)
		}
		entity(bad, key, platform, c)
	}
	slices.Sort(a.Gone)
}

// within tells of keys that are not known, and of those that are missing.
func within(bad func(string, ...any), what string, have map[string]any, known []string) {
	for key := range have {
		if !slices.Contains(known, key) && !slices.Contains(known, "!"+key) {
			bad("%s: the key %s is not known", what, key)
		}
	}
	for _, k := range known {
		if name, must := strings.CutPrefix(k, "!"); must && have[name] == nil {
			bad("%s: %s is missing", what, name)
		}
	}
}

// entity holds one entity's values against each other.
func entity(bad func(string, ...any), key, platform string, c map[string]any) {
	text := func(k string) string { s, _ := c[k].(string); return s }
	for k, v := range c {
		if s, is := v.(string); is && strings.HasSuffix(k, "_topic") && (s == "" || strings.ContainsAny(s, "+#\x00") || len(s) > 65535) {
			bad("%s: %s is no topic: %q", key, k, s)
		}
		if s, is := v.(string); is && strings.HasSuffix(k, "template") && (strings.Count(s, "{{") != strings.Count(s, "}}") || strings.Count(s, "{%") != strings.Count(s, "%}") || strings.TrimSpace(s) == "") {
			bad("%s: %s is no template: %q", key, k, s)
		}
	}
	if q, ok := c["qos"].(float64); ok && q != 0 && q != 1 && q != 2 {
		bad("%s: qos %v", key, q)
	}
	if r, _ := c["retain"].(bool); r {
		bad("%s: a command that the broker keeps would be an order at every start", key)
	}
	if cat := text("entity_category"); cat != "" && (cat != "diagnostic" && cat != "config" || cat == "config" && strings.HasSuffix(platform, "sensor")) {
		bad("%s: a %s has no category %q", key, platform, cat)
	}
	if name := text("name"); name == "" || strings.ContainsAny(name, "\n\r\t\x00") {
		bad("%s: its name is %q", key, name)
	}
	switch platform {
	case "sensor":
		sensor(bad, key, c)
	case "binary_sensor":
		if class := text("device_class"); class != "" && !slices.Contains(binaryClasses(), class) {
			bad("%s: the device class %q is not known", key, class)
		}
	case "select", "event":
		for _, name := range []string{"options", "event_types"} {
			if l, there := c[name].([]any); there && len(l) == 0 {
				bad("%s: %s is empty", key, name)
			}
		}
	case "text":
		least, _ := c["min"].(float64)
		most, given := c["max"].(float64)
		if !given {
			most = 255
		}
		if least >= most || most > 255 {
			bad("%s: from %v to %v characters", key, least, most)
		}
		if m := text("mode"); m != "" && m != "text" && m != "password" {
			bad("%s: the mode %q is not known", key, m)
		}
	}
}

func sensor(bad func(string, ...any), key string, c map[string]any) {
	text := func(k string) string { s, _ := c[k].(string); return s }
	class, state, unit := text("device_class"), text("state_class"), text("unit_of_measurement")
	known, there := classes()[class]
	switch {
	case class == "":
	case !there:
		bad("%s: the device class %q is not known", key, class)
	case state != "" && !slices.Contains(known.states, state):
		bad("%s: %s is impossible with %s", key, state, class)
	case known.units != nil && len(known.units) == 0 && unit != "":
		bad("%s: a %s has no unit", key, class)
	case len(known.units) > 0 && !slices.Contains(known.units, unit):
		bad("%s: %q is no unit of %s", key, unit, class)
	case class == "monetary" && !currency.MatchString(unit):
		bad("%s: %q is no currency", key, unit)
	}
	if state != "" && !slices.Contains([]string{"measurement", "total", "total_increasing"}, state) {
		bad("%s: the state class %q is not known", key, state)
	}
	options, has := c["options"].([]any)
	if has && (len(options) == 0 || class != "enum" || state != "" || unit != "") || class == "enum" && !has {
		bad("%s: options are those of an enum, without unit and state class", key)
	}
	if text("last_reset_value_template") != "" && state != "total" {
		bad("%s: last_reset with the state class %q", key, state)
	}
	if p, given := c["suggested_display_precision"].(float64); given && (p < 0 || p != float64(int(p))) {
		bad("%s: %v decimals", key, p)
	}
}
