package mqttmeter

import (
	"testing"

	"github.com/keeplit/keeplit/metering"
)

// A message that lacks one part of a sum has no sum: what is left is another
// register and another power.
func TestASumThatLacksAPartIsNotGiven(t *testing.T) {
	for _, row := range []struct {
		name, kind, message string
		has, not            metering.Fields
		sum                 uint16
	}{
		{"Tasmota, all channels", "tasmota", `tele/p/SENSOR {"ENERGY":{"Total":[1,2,3],"Power":[10,20,30]}}`, metering.HasImport | metering.HasPower, 0, 0},
		{"Tasmota, a channel is null", "tasmota", `tele/p/SENSOR {"ENERGY":{"Total":[1,2,null],"Power":[10,20,30]}}`, metering.HasPower, metering.HasImport, 0},
		{
			"Shelly of the first generation, three phases", "shelly",
			`{"mac":"A1","emeters":[{"power":1,"total":1},{"power":1,"total":1},{"power":1,"total":1}]}`, metering.HasImport | metering.HasPower, 0, 0,
		},
		{
			"the same, the last phase is not valid", "shelly",
			`{"mac":"A1","emeters":[{"power":1,"total":1},{"power":1,"total":1},{"power":1,"total":1,"is_valid":false}]}`, metering.HasPhases, metering.HasImport | metering.HasPower, 0,
		},
		{"Tasmota, the power of the last channel is null", "tasmota", `tele/p/SENSOR {"ENERGY":{"Total":[1,2,3],"Power":[10,20,null]}}`, metering.HasImport, metering.HasPower, 0},
		{"Tasmota, fewer powers than registers", "tasmota", `tele/p/SENSOR {"ENERGY":{"Total":[1,2],"Power":[10]}}`, metering.HasImport, metering.HasPower, 0},
		{"Tasmota, one of four channels is null", "tasmota", `tele/p/SENSOR {"ENERGY":{"Total":[1,2,3,4],"Power":[10,20,30,null]}}`, metering.HasImport, metering.HasPower | metering.HasPhases, 0},
		{
			"Shelly of the second generation, the last phase is null", "shelly",
			`{"id":0,"a_act_power":5,"b_act_power":6,"c_act_power":null}`, metering.HasPhases, metering.HasPower, 0,
		},
		{
			"the same, it is not there, but the total is", "shelly",
			`{"id":0,"a_act_power":5,"b_act_power":6,"total_act_power":12}`, metering.HasPower, 0, 0,
		},
		{"Zigbee, the last phase is null", "zigbee2mqtt", `zigbee2mqtt/p {"power_phase_a":1,"power_phase_b":2,"power_phase_c":null}`, metering.HasPhases, metering.HasPower, 0},
		{"Zigbee, three sockets", "zigbee2mqtt", `zigbee2mqtt/p {"power":1,"energy_l1":1,"energy_l2":2,"energy_l3":3}`, metering.HasImport, 0, 14},
		{"Zigbee, one is not there", "zigbee2mqtt", `zigbee2mqtt/p {"power":1,"energy_l1":1,"energy_l3":3}`, metering.HasImport, 0, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			ts, errs := DecodeRecording(row.kind, []byte(row.message))
			if len(ts) != 1 || len(errs) > 0 {
				t.Fatalf("%d telegrams, %v", len(ts), errs)
			}
			s := ts[0].Sample
			if !s.Gives(row.has) || s.Has&row.not != 0 || s.ImportSum != row.sum {
				t.Errorf("gives %b with sum %b: %+v", s.Has, s.ImportSum, s)
			}
		})
	}
}

func TestThePowerOfFourChannelsIsThatOfAll(t *testing.T) {
	got, ok, err := decodeTasmota([]byte(`{"ENERGY":{"Total":[1,2,3,4],"Power":[10,20,30,2500],"Current":[0.1,0.1,0.1,11],"Voltage":230}}`), 0)
	s := got.Sample
	if err != nil || !ok || s.Import.KWh() != 10 || s.Power.W() != 2560 || s.Current != 11_300 || s.Voltage != 230_000 {
		t.Errorf("%v %v: %+v", ok, err, s)
	}
	if got, _, _ := decodeTasmota([]byte(`{"ENERGY":{"Total":[1,2,3,4],"Power":[10,20,30,2500]}}`), 4); got.Sample.Power.W() != 2500 || got.Sample.Import.KWh() != 4 {
		t.Errorf("the fourth alone: %+v", got.Sample)
	}
}
