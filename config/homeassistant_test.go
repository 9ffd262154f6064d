package config

import (
	"strings"
	"testing"
)

func TestHowASiteIsAnnouncedToHomeAssistant(t *testing.T) {
	for _, c := range []struct {
		situation, mqtt string
		want            *HomeAssistant
		fault           string
	}{
		{"nothing is said of it", "url: mqtt://b", nil, ""},
		{"it is there and says nothing", "url: mqtt://b\n  homeassistant: {}", &HomeAssistant{true, "homeassistant", true}, ""},
		{"taken back", "url: mqtt://b\n  homeassistant: {discovery: false}", &HomeAssistant{false, "homeassistant", true}, ""},
		{"to look at alone, below another prefix", "url: mqtt://b\n  homeassistant: {prefix: ha/discovery, commands: false}", &HomeAssistant{true, "ha/discovery", false}, ""},
		{"a prefix with a wildcard", "url: mqtt://b\n  homeassistant: {prefix: ha/#}", nil, "mqtt.homeassistant.prefix"},
		{"an empty prefix", "url: mqtt://b\n  homeassistant: {prefix: ''}", nil, "mqtt.homeassistant.prefix"},
		{"a template as a prefix", "url: mqtt://b\n  homeassistant: {prefix: '{{ x }}'}", nil, "mqtt.homeassistant.prefix"},
		{"a fleet that never comes back", "url: mqtt://b\n  spread: 2h", nil, "mqtt.spread"},
		{"a spread of less than nothing", "url: mqtt://b\n  spread: -1s", nil, "mqtt.spread"},
		{"a cluster of more addresses than there are", "url: mqtt://b\n  others: [" + strings.Repeat("mqtt://c,", 9) + "]", nil, "mqtt.others"},
		{"a key that is none", "url: mqtt://b\n  homeassistant: {prefx: ha}", nil, "did you mean"},
	} {
		t.Run(c.situation, func(t *testing.T) {
			cfg, faults := Parse([]byte("mqtt:\n  "+c.mqtt+"\n"), ".", testSecrets(), testDrivers())
			text := faults.Error() + "\n" + cfg.Check().Error()
			if c.fault != "" {
				if !strings.Contains(text, c.fault) {
					t.Errorf("%s", text)
				}
				return
			}
			if strings.Contains(text, "mqtt") {
				t.Errorf("%s", text)
			}
			got := cfg.MQTT.HomeAssistant
			if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
				t.Errorf("%+v", got)
			}
		})
	}
}
