package config

import (
	"slices"
	"strings"
	"testing"
)

func TestWhatLeavesTheHome(t *testing.T) {
	for _, c := range []struct {
		situation, text string
		influx, mqtt    []string
		fault           string
	}{
		{"nothing is said: all of what a server was named for", "", InfluxShares(), MQTTShares(), ""},
		{"some of it", "share: {influxdb: [interval, ledger], mqtt: [warnings]}", []string{"interval", "ledger"}, []string{"warnings"}, ""},
		{"nothing at all", "share: {influxdb: [], mqtt: []}", []string{}, []string{}, ""},
		{"one receiver alone", "share: {influxdb: []}", []string{}, MQTTShares(), ""},
		{"what is none", "share: {influxdb: [site, balance]}", nil, nil, "telemetry.share.influxdb[1]"},
		{"one twice", "share: {mqtt: [state, plan, state]}", nil, nil, "telemetry.share.mqtt[2]"},
		{"a measurement as a topic", "share: {mqtt: [power_quality]}", nil, nil, "telemetry.share.mqtt[0]"},
		{"a word in place of a list", "share: everything", nil, nil, "telemetry.share"},
		{"an interval before now", "every: -1s", nil, nil, "telemetry.every"},
	} {
		t.Run(c.situation, func(t *testing.T) {
			text := "telemetry:\n  " + c.text + "\n"
			if c.text == "" {
				text = "log: {level: info}\n"
			}
			cfg, faults := Parse([]byte(text), ".", testSecrets(), testDrivers())
			said := faults.Error() + "\n" + cfg.Check().Error()
			if c.fault != "" {
				if !strings.Contains(said, c.fault) {
					t.Error(said)
				}
				return
			}
			if strings.Contains(said, "telemetry") || !slices.Equal(cfg.Telemetry.Share.InfluxDB, c.influx) || !slices.Equal(cfg.Telemetry.Share.MQTT, c.mqtt) {
				t.Errorf("%+v: %s", cfg.Telemetry.Share, said)
			}
		})
	}
}
