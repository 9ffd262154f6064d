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

// What devices of several channels, phases and generations tell.
func TestRecordingsOfDevices(t *testing.T) {
	for _, row := range []struct{ name, kind, in, want string }{
		{
			"Tasmota of two channels with one voltage", "tasmota", `{"Time":"2026-01-01T00:00:00","ENERGY":{"Total":[10.5,20.25],"Power":[45,100],"Frequency":50,"Voltage":231,"Current":[0.2,0.4],"Factor":[0.9,1]}}`,
			"30.750 - 145 50000 231000/200/45 231000/400/100 ",
		},
		{"Shelly of the first generation, a plug", "shelly", `{"mac":"A1","unixtime":1772000000,"meters":[{"power":45.6,"is_valid":true,"total":123456}]}`, "2.058 - 46 - A1"},
		{
			"Shelly of the first generation, three phases", "shelly", `{"mac":"A1","emeters":[{"power":100,"current":0.5,"voltage":230,"is_valid":true,"total":1000,"total_returned":5},{"power":-50,"current":0.3,"voltage":231,"total":1,"total_returned":200},{"power":0,"current":0,"voltage":229,"total":0,"total_returned":0}]}`,
			"1.001 0.205 50 - 230000/500/100 231000/300/-50 229000/0/0 A1",
		},
		{
			"Shelly of the first generation, two meters", "shelly", `{"emeters":[{"power":100,"voltage":230,"total":1000},{"power":-50,"voltage":231,"total_returned":200,"total":0}]}`,
			"1.000 - 100 - 230000/-/100 ; 0.000 0.200 -50 - 231000/-/-50 ",
		},
		{"an invalid meter says nothing", "shelly", `{"meters":[{"power":45.6,"is_valid":false,"total":123456}]}`, ""},
		{"a whole status names the device", "shelly", `{"switch:0":{"apower":5.5,"voltage":230,"aenergy":{"total":1000}},"sys":{"mac":"A2"}}`, "1.000 - 6 - 230000/-/6 A2"},
		{
			"Zigbee of three phases with a total", "zigbee2mqtt", `{"power_a":10,"power_b":20,"power_c":30,"voltage_a":230,"voltage_b":231,"voltage_c":232,"current_a":0.1,"current_b":0.2,"current_c":0.3,"energy":5,"total_power":61}`,
			"5.000 - 61 - 230000/100/10 231000/200/20 232000/300/30 ",
		},
		{"Zigbee, phases named with a total beside", "zigbee2mqtt", `{"power":60,"power_phase_a":10,"power_phase_b":20,"power_phase_c":30,"energy":5,"produced_energy":2}`, "5.000 2.000 60 - -/-/10 -/-/20 -/-/30 "},
		{"Zigbee, two sockets", "zigbee2mqtt", `{"state_l1":"ON","power_l1":5,"power_l2":7,"voltage":230,"energy_l1":1.5,"energy_l2":2}`, "3.500 - 12 - 230000/-/5 230000/-/7 "},
		{"Zigbee, a thermometer with a battery", "zigbee2mqtt", `{"battery":91,"voltage":2985,"temperature":23.5,"linkquality":10}`, ""},
		{
			"Zigbee, two clamps that tell the way the power goes by a word", "zigbee2mqtt",
			`{"energy_flow_a":"producing","power_a":130.8,"power_b":8.3,"power_ab":-122.5,"energy_a":0,"energy_b":149.62,"energy_produced_a":2948.58,"energy_produced_b":637.04}`,
			"149.620 3585.620 -122 - -/-/-131 -/-/8 ",
		},
		{"Zigbee, two clamps without a total", "zigbee2mqtt", `{"energy_flow_a":"producing","power_a":130.8,"energy_flow_b":"consuming","power_b":8.3}`, "- - -122 - -/-/-131 -/-/8 "},
		{"Zigbee, clamps whose numbers have their sign", "zigbee2mqtt", `{"energy_flow_a":"sign","power_a":-130.8,"power_b":8.3}`, "- - -122 - -/-/-131 -/-/8 "},
		{"Zigbee, a way that nobody knows is no power", "zigbee2mqtt", `{"energy_flow":"sideways","power":130.8,"energy":1}`, "1.000 - - - "},
		{"Zigbee, one clamp that produces", "zigbee2mqtt", `{"energy_flow":"producing","power":130.8,"energy":1,"produced_energy":2}`, "1.000 2.000 -131 - "},
		{"Zigbee, three phases with their registers and their returns", "zigbee2mqtt", `{"power_a":1,"power_b":-2,"power_c":3,"energy_a":1,"energy_b":2,"energy_c":3,"reverse_energy_a":0.5,"reverse_energy_b":0.25,"reverse_energy_c":0}`, "6.000 0.750 2 - -/-/1 -/-/-2 -/-/3 "},
		{"Zigbee, registers by phase beside their total", "zigbee2mqtt", `{"power":5,"energy":6.5,"energy_phase_a":1,"energy_phase_b":2,"produced_energy":3,"produced_energy_phase_a":1}`, "6.500 3.000 5 - "},
		{"Zigbee, only the second clamp has spoken", "zigbee2mqtt", `{"power_b":8.3,"energy_b":1}`, "1.000 - - - -/-/- -/-/8 "},
		{"Shelly, the registers of three phases without a total", "shelly", `{"emdata:0":{"a_total_act_energy":1000,"b_total_act_energy":2000,"c_total_act_energy":0,"a_total_act_ret_energy":5,"b_total_act_ret_energy":0,"c_total_act_ret_energy":0}}`, "3.000 0.005 - - "},
		{"the same, one phase is not told", "shelly", `{"emdata:0":{"a_total_act_energy":1000,"b_total_act_energy":2000},"em:0":{"total_act_power":7}}`, "- - 7 - "},
		{"Zigbee, values that are not known yet", "zigbee2mqtt", `{"power":0,"voltage":null,"energy":null,"state":"OFF"}`, "- - 0 - "},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, errs := DecodeRecording(row.kind, []byte(row.in))
			if len(errs) != 0 {
				t.Fatal(errs)
			}
			var all []string
			for _, g := range got {
				s := g.Sample
				or := func(has, f metering.Fields, format string, v any) string {
					if has&f == 0 {
						return "-"
					}
					return fmt.Sprintf(format, v)
				}
				text := or(s.Has, metering.HasImport, "%.3f", s.Import.KWh()) + " " + or(s.Has, metering.HasExport, "%.3f", s.Export.KWh()) + " " +
					or(s.Has, metering.HasPower, "%.0f", s.Power.W()) + " " + or(s.Has, metering.HasFrequency, "%d", s.Frequency) + " "
				for _, p := range s.Phases {
					text += or(p.Has, metering.HasVoltage, "%d", p.Voltage) + "/" + or(p.Has, metering.HasCurrent, "%d", p.Current) + "/" + or(p.Has, metering.HasPower, "%.0f", p.Power.W()) + " "
				}
				all = append(all, text+g.Meter)
			}
			if text := strings.Join(all, "; "); text != row.want {
				t.Errorf("got  %s\nwant %s", text, row.want)
			}
		})
	}
}

func FuzzRecording(f *testing.F) {
	f.Add("tele/dev/SENSOR {\"ENERGY\":{\"Total\":3.185,\"Power\":16}}\nnoise {\n{\"a\":\"}{\"}\n")
	f.Add("dev/status/switch:2 {\"id\":0,\"apower\":8.9,\"aenergy\":{\"total\":6532}}\n")
	f.Add("{\"meters\":[{\"power\":1,\"total\":60}],\"emeters\":[{\"power\":1},{\"power\":1},{\"power\":2,\"total\":9}],\"unixtime\":1772000000}")
	f.Add("{\"energy_flow_a\":\"producing\",\"power_a\":130.8,\"power_b\":8.3,\"power_ab\":-122.5,\"energy_produced_a\":2948.58,\"reverse_energy_b\":1}")
	f.Add("{\"emdata:0\":{\"a_total_act_energy\":1000,\"b_total_act_energy\":2000,\"c_total_act_energy\":0}}")
	f.Add("{\"power_phase_a\":1,\"power_phase_b\":2,\"energy_l1\":3,\"total_power\":4}")
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
			meteringtest.Throughput(b, len(data), func() {
				if got, errs := DecodeRecording(kind, data); len(got) != 100 || len(errs) != 0 {
					b.Fatal(len(got), errs)
				}
			})
		})
	}
}
