package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
)

// Telemetry is what is measured for InfluxDB, how long it may wait, and what leaves the home.
type Telemetry struct {
	// Time between two points of a series.
	// Example: 1m
	Every time.Duration `yaml:"every"`
	// The most points that wait for a server that does not answer. Beyond it the oldest are dropped and
	// counted; nothing of the account ever is.
	// Example: 50000
	MaxRows int64 `yaml:"max_rows"`
	// The longest that a point waits.
	// Example: 168h
	MaxAge time.Duration `yaml:"max_age"`
	// What leaves the home, by who receives it. What is not named does not.
	// Example: {influxdb: [site, interval, ledger], mqtt: [state, warnings, ledger], openadr: [usage_forecast]}
	Share Share `yaml:"share"`
}

// Share is what leaves the home, by receiver; what is not named does not.
type Share struct {
	// The measurements that are written to InfluxDB: some of site, load, interval, ledger, event, limit,
	// feeder and power_quality.
	// Example: [site, interval, ledger]
	InfluxDB []string `yaml:"influxdb"`
	// What is published over MQTT: some of state, totals, plan, warnings, load, ledger and event. Status,
	// the ledger's head, results of tokens and answers to a utility are said all the same.
	// Example: [state, warnings, ledger]
	MQTT []string `yaml:"mqtt"`
	// What an OpenADR server is told where it asks for it: some of usage, usage_forecast and
	// load_shed_delta_available.
	// Example: [usage_forecast, load_shed_delta_available]
	OpenADR []string `yaml:"openadr"`
}

// InfluxShares are the measurements that may be shared, and MQTTShares the topics.
func InfluxShares() []string {
	return []string{"site", "load", "interval", "ledger", "event", "limit", "feeder", "power_quality"}
}

// MQTTShares are the topics that may be shared.
func MQTTShares() []string {
	return []string{"state", "totals", "plan", "warnings", "load", "ledger", "event"}
}

// OpenADRShares are the reports that may be shared.
func OpenADRShares() []string {
	return []string{"usage", "usage_forecast", "load_shed_delta_available"}
}

func telemetryDefaults() Telemetry {
	return Telemetry{
		Every: 10 * time.Second, MaxRows: 500_000, MaxAge: 90 * 24 * time.Hour, Share: Share{InfluxDB: InfluxShares(), MQTT: MQTTShares(), OpenADR: OpenADRShares()},
	}
}

func (t Telemetry) check(l *fault.List) {
	if t.Every < 0 {
		l.Add("telemetry.every", "write 10s", "%s is negative", t.Every)
	}
	for _, list := range []struct {
		path        string
		have, known []string
	}{{"telemetry.share.influxdb", t.Share.InfluxDB, InfluxShares()}, {"telemetry.share.mqtt", t.Share.MQTT, MQTTShares()}, {"telemetry.share.openadr", t.Share.OpenADR, OpenADRShares()}} {
		for i, name := range list.have {
			switch at := fmt.Sprintf("%s[%d]", list.path, i); {
			case !slices.Contains(list.known, name):
				l.Add(at, "write "+strings.Join(list.known, ", "), "%.40q cannot be shared", name)
			case slices.Contains(list.have[:i], name):
				l.Add(at, "leave it out", "%s stands there twice", name)
			}
		}
	}
}
