package control

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// A circuit holds its loads whatever the rest of the house draws, and one that somebody asks to run
// waits for room.
func TestACircuitHoldsItsLoads(t *testing.T) {
	b := garage(t)
	b.site.Circuits = []loads.Circuit{{ID: "garage", Name: "Garage", Curbs: []loads.Curb{{Of: []string{"geyser", "car"}, Allowed: 6 * units.Kilowatt}}}}
	b.run(20*time.Second, time.Second)
	if got := b.told("car"); got != "on 5980 W" {
		t.Errorf("on a circuit of 6 kW: %s", got)
	}
	if i := slices.IndexFunc(b.events, func(e Event) bool { return e.Code == "load_lowered" }); i < 0 || b.events[i].Says[0].Kind != "load.lowered_shared" {
		t.Errorf("events %+v", b.events)
	}
	b.step(Input{What: Request{Kind: RunLoad, Load: "geyser"}})
	b.run(time.Minute, time.Second)
	geyser := b.site.Loads[0]
	if b.states["geyser"] {
		t.Errorf("the geyser runs beside a car at %s", b.told("car"))
	}
	if c, full := geyser.Crowded(b.site.Circuits, b.site.Loads, b.st.Guard, b.st.Now); !full || c.Name != "Garage" {
		t.Errorf("%v %v", c, full)
	}
	b.plans("car", 0)
	b.run(time.Minute, time.Second)
	if !b.states["geyser"] {
		t.Error("the circuit is free, and the geyser waits")
	}
}
