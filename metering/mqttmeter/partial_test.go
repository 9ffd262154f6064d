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
