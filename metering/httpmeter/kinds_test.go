package httpmeter

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/values"
)

// answers are those of the devices, in the form their makers' documentation gives.
func answers() map[string]string {
	return map[string]string{
		"homewizard-p1": `{"wifi_ssid": "home", "wifi_strength": 100, "smr_version": 50, "meter_model": "ISKRA  2M550T-101", "unique_id": "0011AABB", "active_tariff": 2,
			"total_power_import_kwh": 13779.338, "total_power_import_t1_kwh": 10830.511, "total_power_import_t2_kwh": 2948.827, "total_power_export_kwh": 12.5,
			"active_power_w": -543, "active_power_l1_w": -676, "active_power_l2_w": 133, "active_power_l3_w": 0, "active_voltage_l1_v": 230.1, "active_voltage_l2_v": 231, "active_voltage_l3_v": 229,
			"active_current_l1_a": -4, "active_current_l2_a": 2, "active_current_l3_a": 0, "total_gas_m3": 2569.646, "external": []}`,
		"homewizard-kwh": `{"wifi_ssid": "home", "wifi_strength": 84, "total_power_import_kwh": 2705.071, "total_power_import_t1_kwh": 2705.071, "total_power_export_kwh": 255.551,
			"active_power_w": -1058.296, "active_power_l1_w": -1058.296, "active_voltage_v": 228.472, "active_current_a": 4.633, "active_frequency_hz": 50}`,
		"shelly-em": `{"mac": "A4CF12F45ABC", "unixtime": 1709287200, "relays": [{"ison": false}], "emeters": [
			{"power": 1230.5, "reactive": -3.1, "pf": 0.99, "voltage": 231.4, "is_valid": true, "total": 1234567.8, "total_returned": 4567.1},
			{"power": 0, "reactive": 0, "voltage": 231.4, "is_valid": true, "total": 0.0, "total_returned": 0.0}]}`,
		"shelly-3em": `{"mac": "E8DB84D6ABCD", "unixtime": 1709287200, "emeters": [
			{"power": 100.5, "pf": 0.9, "current": 0.5, "voltage": 230, "is_valid": true, "total": 1000.5, "total_returned": 1},
			{"power": 200, "pf": 0.9, "current": 1, "voltage": 231, "is_valid": true, "total": 2000, "total_returned": 2},
			{"power": -50.5, "pf": 0.9, "current": 0.25, "voltage": 232, "is_valid": true, "total": 3000, "total_returned": 3}], "total_power": 250, "fs_mounted": true}`,
		"youless":    `[{"tm": 1611929119, "net": 9194.164, "pwr": 2382, "ts0": 1608654000, "cs0": 0.000, "ps0": 0, "p1": 4703.562, "p2": 4490.631, "n1": 0.029, "n2": 0.000, "gas": 1624.264, "gts": 2101291505}]`,
		"iammeter":   `{"method": "uploadsn", "mac": "B0F8932A295C", "version": "i.75.98.71", "server": "em", "SN": "66A3E8EA", "Data": [234.7, 9.99, 1068, 21.063, 20.667, 49.99, 1]}`,
		"iammeter-3": `{"method": "uploadsn", "mac": "B0F8933C4F7E", "version": "1.72.7", "server": "em", "SN": "E395281A", "Datas": [[236.0, 4.4, -1044, 0.92, 0.04, 49.99, 1.00], [220.0, 10.0, -1100, 6971.88, 1789.92, 49.99, 0.50], [220.0, 10.0, -1213, 8.60, 8.44, 49.99, 0.55]]}`,
	}
}

func TestEachKindReadsWhatItsMakerDocuments(t *testing.T) {
	want := map[string]string{ // import, export, power, voltage, current, phases, identity
		"homewizard-p1":  "13779.338 12.500 -543.0 230.0 -2.0 3 0011AABB",
		"homewizard-kwh": "2705.071 255.551 -1058.3 228.5 0.0 1 ",
		"shelly-em":      "1234.568 4.567 1230.5 231.4 0.0 1 A4CF12F45ABC",
		"shelly-3em":     "6.000 0.006 250.0 231.0 1.8 3 E8DB84D6ABCD",
		"youless":        "9194.193 0.029 2382.0 0.0 0.0 0 ",
		"iammeter":       "21.063 20.667 1068.0 234.7 10.0 1 66A3E8EA",
		"iammeter-3":     "6981.400 1798.400 -3357.0 225.3 24.4 3 E395281A",
	}
	for name, k := range kinds() {
		if k.sml {
			continue // see TestABridgeThatPassesSMLOnIsReadAsItsMeter
		}
		t.Run(name, func(t *testing.T) {
			d := Document{Kind: name, URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == k.page {
					fmt.Fprint(w, answers()[name])
				}
			})).URL}
			if l := d.Check(); len(l) > 0 {
				t.Fatal(l)
			}
			s, err := once(t, d)
			got := fmt.Sprintf("%.3f %.3f %.1f %.1f %.1f %d %s", s.Import.KWh(), s.Export.KWh(), s.Power.W(), float64(s.Voltage)/1000, float64(s.Current)/1000, len(s.Phases), s.Device)
			if err != nil || got != want[name] {
				t.Errorf("%s, want %s: %v", got, want[name], err)
			}
		})
	}
}

func TestWhatADeviceDoesNotTellIsNotZero(t *testing.T) {
	for _, row := range []struct {
		name, kind string
		from, to   string // in the documented answer
		not        metering.Fields
		phases     int
		code       metering.Code // empty: it is read
		says       string
	}{
		{"phases that a home has not are null", "homewizard-p1", `"active_power_l2_w": 133, "active_power_l3_w": 0, "active_voltage_l1_v": 230.1, "active_voltage_l2_v": 231, "active_voltage_l3_v": 229`, `"active_power_l2_w": null, "active_power_l3_w": null, "active_voltage_l1_v": 230.1`, 0, 3, "", ""},
		{"no register", "homewizard-p1", `"total_power_import_kwh"`, `"other"`, 0, 0, metering.UnknownReply, "look whether the device is a homewizard-p1"},
		{"an optional value that is no number", "homewizard-p1", `"active_power_l2_w": 133`, `"active_power_l2_w": "?"`, 0, 0, metering.UnknownReply, "active_power_l2_w is"},
		{"a clamp that does not measure", "shelly-3em", `"voltage": 232, "is_valid": true`, `"voltage": 232, "is_valid": false`, 0, 0, metering.Silent, "emeters[2].is_valid"},
		{"one register of three", "shelly-3em", `"total": 3000`, `"total": null`, 0, 0, metering.UnknownReply, "emeters[2].total is null"},
		{"one of two tariffs", "youless", `"p2": 4490.631, `, ``, 0, 0, metering.UnknownReply, "the answer has no [0].p2"},
		{"two channels of three", "iammeter-3", `, [220.0, 10.0, -1213, 8.60, 8.44, 49.99, 0.55]`, ``, 0, 0, metering.UnknownReply, "the answer has no Datas[2]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			body := strings.Replace(answers()[row.kind], row.from, row.to, 1)
			if body == answers()[row.kind] {
				t.Fatal("nothing was replaced")
			}
			s, err := once(t, Document{Kind: row.kind, URL: answering(t, body)})
			if metering.CodeOf(err) != row.code || err != nil && !strings.Contains(err.Error(), row.says) || err == nil && (len(s.Phases) != row.phases || s.Has&row.not != 0) {
				t.Errorf("%+v, %v", s, err)
			}
			for i, p := range s.Phases {
				if p.Has&metering.HasPower == 0 && p.Power != 0 || i > 0 && row.phases == 3 && p.Has&metering.HasPower != 0 {
					t.Errorf("phase %d: %+v", i+1, p)
				}
			}
		})
	}
}

// What is written goes before what is known of the kind.
func TestAKindIsChangedByWhatIsWritten(t *testing.T) {
	d := Document{Kind: "shelly-em", Description: Description{Import: &Value{Path: "emeters[1].total", Unit: "Wh"}}}
	d.URL = answering(t, answers()["shelly-em"])
	if s, err := once(t, d); err != nil || s.Import != 0 || !s.Gives(metering.HasImport) || s.Power != 1230*units.Watt+500 {
		t.Errorf("%+v, %v", s, err)
	}
}

// Home Assistant and ESPHome have a page for each value.
func TestValuesOfSeveralPagesAreOneMeter(t *testing.T) {
	pages := map[string]string{
		"/api/states/sensor.import": `{"entity_id": "sensor.import", "state": "1234.5", "last_reported": "2026-11-29T10:00:00+00:00"}`,
		"/api/states/sensor.power":  `{"entity_id": "sensor.power", "state": "-450", "last_reported": "2026-11-29T10:00:05+00:00"}`,
	}
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer tok" {
			fmt.Fprint(w, pages[r.URL.Path])
		}
	}))
	d := Document{URL: s.URL, Token: "tok", Description: Description{
		Import: &Value{URL: "/api/states/sensor.import", Path: "state"}, Power: &Value{URL: "/api/states/sensor.power", Path: "state"}, Time: "last_reported",
	}}
	if l := d.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	got, err := once(t, d)
	if err != nil || got.Import != 1234*units.KilowattHour+500*units.WattHour || got.Power != -450*units.Watt {
		t.Errorf("%+v, %v", got, err)
	}
	pages["/api/states/sensor.power"] = `{"entity_id": "sensor.power", "state": "unavailable", "last_reported": "x"}`
	got, err = once(t, d)
	if metering.CodeOf(err) != metering.UnknownReply || !strings.Contains(err.Error(), "unavailable") || !strings.Contains(err.Error(), "sensor.power") || got.Has != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// The clock of each page is its own: one entity may hang while the other goes on.
func TestOnePageThatStandsStillIsSilence(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	r, err := values.New(values.Config{
		Description: Description{Import: &Value{URL: "/a", Path: "v"}, Power: &Value{URL: "/b", Path: "v"}, Time: "t"},
		Age:         time.Minute, Part: "meter.http", Op: func(page string) string { return "read " + page },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := r.Take("/a", map[string]any{"v": "1", "t": fmt.Sprint(i)}, now); err != nil {
			t.Fatal(err)
		}
		if err := r.Take("/b", map[string]any{"v": "1", "t": "0"}, now); (err != nil) != (i > 6) || i > 6 && (metering.CodeOf(err) != metering.Silent || !strings.Contains(err.Error(), "/b")) {
			t.Fatalf("after %d s: %v", 10*i, err)
		}
		now = now.Add(10 * time.Second)
	}
}
