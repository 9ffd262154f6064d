package mqttmeter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

func TestDecodeRecording(t *testing.T) {
	const one = `{"Time":"2024-01-01T00:00:00","ENERGY":{"Total":3.185,"Power":16,"Voltage":226,"Current":0.072}}`
	pretty := "{\n  \"ENERGY\": {\n    \"Total\": 3.185\n  }\n}\n"
	shelly := `{"id":0,"output":true,"apower":8.9,"aenergy":{"total":6532}}`
	for _, row := range []struct {
		name, kind, in string
		n              int
		faults         []metering.Code
	}{
		{"one message", "tasmota", one, 1, nil},
		{"lines with topics, as mosquitto_sub -v prints them", "tasmota", "tele/dev/LWT Online\ntele/dev/SENSOR " + one + "\ntele/dev/SENSOR " + one + "\n", 2, nil},
		{"written over several lines", "tasmota", pretty + pretty, 2, nil},
		{"garbage before, between and after", "tasmota", "hello\x00\xff\n" + one + "\nnoise\n" + one + "\nend {", 2, []metering.Code{metering.Short}},
		{"a cut one, then a whole one", "tasmota", one[:40] + "\n" + one + "\n", 1, []metering.Code{metering.Short}},
		{"a cut one with a topic, then a whole one", "tasmota", "tele/a/SENSOR " + one[:70] + "\ntele/a/SENSOR " + one + "\n", 1, []metering.Code{metering.Short}},
		{"braces in a text", "tasmota", `{"note":"}{","ENERGY":{"Total":1}}`, 1, nil},
		{"a message without a measurement", "tasmota", `{"Time":"2024-01-01T00:00:00","AM2301":{"Temperature":21}}`, 0, nil},
		{"broken inside", "tasmota", `{"ENERGY":{"Total":oops}}` + "\n" + one, 1, []metering.Code{metering.UnknownReply}},
		{"the component is in the topic", "shelly", "dev/status/switch:2 " + shelly + "\n", 1, nil},
		{"the component is guessed", "shelly", shelly, 1, nil},
		{"Zigbee2MQTT", "zigbee2mqtt", `zigbee2mqtt/plug {"state":"ON","power":12.3,"energy":4.56,"voltage":231,"current":0.05}`, 1, nil},
		{"nothing", "shelly", "", 0, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, errs := DecodeRecording(row.kind, []byte(row.in))
			var codes []metering.Code
			for _, e := range errs {
				codes = append(codes, metering.CodeOf(e))
			}
			if len(got) != row.n || fmt.Sprint(codes) != fmt.Sprint(row.faults) {
				t.Fatalf("%d readings, errors %v; want %d, %v", len(got), errs, row.n, row.faults)
			}
		})
	}
}

func FuzzRecording(f *testing.F) {
	f.Add("tele/dev/SENSOR {\"ENERGY\":{\"Total\":3.185,\"Power\":16}}\nnoise {\n{\"a\":\"}{\"}\n")
	f.Add("dev/status/switch:2 {\"id\":0,\"apower\":8.9,\"aenergy\":{\"total\":6532}}\n")
	f.Fuzz(func(t *testing.T, in string) {
		for _, kind := range []string{"tasmota", "shelly", "zigbee2mqtt"} {
			var errs []error
			meteringtest.Modest(t, []byte(in), func() { _, errs = DecodeRecording(kind, []byte(in)) })
			for _, e := range errs {
				if metering.CodeOf(e) == "" {
					t.Fatalf("error without a code: %v", e)
				}
			}
		}
	})
}

func BenchmarkDecodeRecording(b *testing.B) {
	for kind, msg := range map[string]string{
		"tasmota":     `{"Time":"2024-01-01T00:00:00","ENERGY":{"Total":3.185,"Power":16,"Voltage":226,"Current":0.072}}`,
		"shelly":      `{"id":0,"output":true,"apower":8.9,"voltage":230.1,"current":0.1,"aenergy":{"total":6532,"by_minute":[1,2,3]}}`,
		"zigbee2mqtt": `{"state":"ON","power":12.3,"energy":4.56,"voltage":231,"current":0.05,"linkquality":120}`,
	} {
		b.Run(kind, func(b *testing.B) {
			data := []byte(strings.Repeat(msg+"\n", 100))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if got, errs := DecodeRecording(kind, data); len(got) != 100 || len(errs) != 0 {
					b.Fatal(len(got), errs)
				}
			}
		})
	}
}
