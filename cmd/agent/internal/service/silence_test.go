package service

import (
	"fmt"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/metering"
)

// A Tasmota plug speaks every five minutes as it comes: a site that calls it silent
// after one would warn four minutes of five, and a watchdog of five would start a
// machine again that is well.
func TestAMeterIsSilentByThePaceOfItsDriverWhereNoneIsWritten(t *testing.T) {
	secrets := config.Secrets{Getenv: func(string) string { return trialKey }}
	const rest = `
site: {id: home, meter: "04123456789", zone: Africa/Johannesburg}
tariff: {catalogue: za-eskom-homelight-20a}
tokens: {openpaygo: {key: {env: KEY}, starting_code: 516959010}}
mqtt: {url: "mqtt://127.0.0.1:1"}
`
	for _, row := range []struct {
		meter                  string
		silence, gap, patience time.Duration
	}{
		{"driver: mqtt, mqtt: {kind: tasmota, topic: plug}", 15 * time.Minute, 10 * time.Minute, 15 * time.Minute},
		{"driver: mqtt, mqtt: {kind: zigbee2mqtt, topic: plug}", 15 * time.Minute, 10 * time.Minute, 15 * time.Minute},
		{"driver: mqtt, mqtt: {kind: shelly, topic: plug}", 3 * time.Minute, 2 * time.Minute, 5 * time.Minute},
		{"driver: mqtt, every: 30s, mqtt: {kind: tasmota, topic: plug}", 90 * time.Second, 2 * time.Minute, 5 * time.Minute},
		{"driver: iec62056, iec62056: {port: /dev/ttyUSB0}", 3 * time.Minute, 2 * time.Minute, 5 * time.Minute},
		{"driver: modbus, modbus: {model: sdm230, port: /dev/ttyUSB0}", time.Minute, 2 * time.Minute, 5 * time.Minute},
		{"driver: dlms, dlms: {port: /dev/ttyUSB0}", time.Minute, 2 * time.Minute, 5 * time.Minute},
		{"driver: linky, linky: {port: /dev/ttyUSB0}", time.Minute, 2 * time.Minute, 5 * time.Minute},
		{`driver: wmbus, wmbus: {number: "12345678", port: /dev/ttyUSB0}`, 3 * time.Minute, 2 * time.Minute, 5 * time.Minute},
		{"driver: p1, p1: {port: /dev/ttyUSB0}", time.Minute, 2 * time.Minute, 5 * time.Minute},
		{`driver: http, http: {url: "http://meter", power: {path: p}}`, time.Minute, 2 * time.Minute, 5 * time.Minute},
	} {
		text := rest + fmt.Sprintf("meter: {%s}\n", row.meter)
		cfg, faults := config.Parse([]byte(text), t.TempDir(), secrets, drivers.All())
		if len(faults) > 0 {
			t.Fatalf("%s: %v", row.meter, faults)
		}
		site, err := SiteOf(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if site.SilentAfter != row.silence || site.Limits.MaxGap != row.gap || cfg.Patience() != row.patience {
			t.Errorf("%s: silent after %v, a gap after %v, patience %v", row.meter, site.SilentAfter, site.Limits.MaxGap, cfg.Patience())
		}
	}
}

// A warning says of what kind it is that a meter cannot be read; the log says which
// path, register or certificate it was, and not at every reading.
func TestTheLogSaysInFullWhyAMeterIsNotRead(t *testing.T) {
	f := failures{}
	now := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	form, silent := metering.Fail(metering.UnknownReply, "read", "", "e is null"), metering.Fail(metering.Silent, "read", "", "nothing came")
	for _, row := range []struct {
		after time.Duration
		err   error
		told  bool
	}{
		{0, nil, false},
		{time.Second, form, true},
		{2 * time.Second, form, false},
		{3 * time.Second, silent, true},
		{4 * time.Second, form, false},
		{9 * time.Minute, form, false},
		{11 * time.Minute, form, true},
		{12 * time.Minute, form, false},
		{-time.Hour, form, true},
	} {
		if got := f.tells(now.Add(row.after), row.err); got != row.told {
			t.Errorf("after %v, %v: told %v", row.after, row.err, got)
		}
	}
}
