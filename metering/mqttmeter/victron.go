package mqttmeter

import (
	"fmt"

	"github.com/keeplit/keeplit/metering/values"
)

// victron is the grid meter of a Victron GX.  Its broker publishes a value when that
// changes, under N/<portal>/grid/<instance>/<path> as {"value": 936}, null where there
// is none, and nothing at all (zero bytes) for what has gone; a keep-alive has it
// publish all of them.  After victronenergy/dbus-flashmq (README) and the list of D-Bus
// paths of com.victronenergy.grid: energies in kWh, powers in W, positive is import.
func victron(d Document) Document {
	at := func(path string, optional bool) *values.Value {
		return &values.Value{Topic: fmt.Sprintf("N/%s/grid/%d/Ac/%s", d.Topic, d.Channel, path), Path: "value", Optional: optional}
	}
	known := values.Description{Import: at("Energy/Forward", false), Export: at("Energy/Reverse", true), Power: at("Power", false)}
	for i := range 3 {
		of := func(what string) *values.Value { return at(fmt.Sprintf("L%d/%s", i+1, what), true) }
		known.Phases = append(known.Phases, values.Phase{Power: of("Power"), Voltage: of("Voltage"), Current: of("Current")})
	}
	d.Description = d.Description.Over(known)
	if d.Keepalive == nil {
		d.Keepalive = &KeepaliveDocument{Topic: "R/" + d.Topic + "/keepalive"}
	}
	return d
}
