package mqtt

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/device/devicetest"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

const stale = 600 * time.Millisecond

func wallbox(prefix string) *Document {
	return &Document{
		Command:  &CommandDocument{Topic: prefix + "/set/alw", On: "true", Off: "false"},
		State:    &StateDocument{Topic: prefix + "/status", Path: "alw"},
		Setpoint: &SetpointDocument{Topic: prefix + "/set/amp", Unit: "A", Payload: `{"value": {value}}`, State: &ValueDocument{Topic: prefix + "/status", Path: "amp"}},
		Measured: &ValueDocument{Topic: prefix + "/status", Path: "nrg[0]", Unit: "kW"},
		Online:   &CommandDocument{Topic: prefix + "/lwt", On: "1", Off: "0"},
		Ask:      &AskDocument{Topic: prefix + "/set/ask"},
		Stale:    stale,
	}
}

func dimmer(prefix string) *Document {
	return &Document{
		Setpoint: &SetpointDocument{Topic: prefix + "/level/set", State: &ValueDocument{Topic: prefix + "/level"}},
		Measured: &ValueDocument{Topic: prefix + "/power"},
		Online:   &CommandDocument{Topic: prefix + "/status"},
		Ask:      &AskDocument{Topic: prefix + "/level/ask"},
		Stale:    stale,
	}
}

func open(t *testing.T, d *Document, bus *loadstest.Bus, r loads.RangeDocument) loads.Switch {
	t.Helper()
	if l := d.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	pool := devicetest.Pool(bus, time.Now)
	s, err := d.Open(loads.Env{MQTT: pool, Powers: r.Powers(), PerAmpere: r.PerAmpere()})
	if err != nil {
		t.Fatal(err)
	}
	devicetest.Run(t, pool)
	return s
}

func amps() loads.RangeDocument {
	return loads.RangeDocument{Min: loads.Level{Current: 6_000}, Max: loads.Level{Current: 32_000}, Step: loads.Level{Current: 1_000}}
}

func steps() loads.RangeDocument {
	return loads.RangeDocument{Steps: []loads.Level{{Power: 500 * units.Watt}, {Power: units.Kilowatt}, {Power: 2 * units.Kilowatt}}}
}

// brokers are the ones that the suite is passed on: the demo's own, and a real Mosquitto.
func brokers(t *testing.T, each func(t *testing.T, broker func(t *testing.T) *loadstest.Broker)) {
	t.Run("embedded", func(t *testing.T) {
		each(t, func(t *testing.T) *loadstest.Broker { return loadstest.NewBroker(t) })
	})
	t.Run("mosquitto", func(t *testing.T) {
		m := testservers.StartMosquitto(t)
		each(t, func(t *testing.T) *loadstest.Broker {
			return loadstest.Other(t, strings.TrimPrefix(m.URL, "mqtt://"), m.User, m.Password)
		})
	})
}

func TestConformance(t *testing.T) {
	faults := []loadstest.Fault{loadstest.Offline, loadstest.Silent, loadstest.Stuck, loadstest.Garbled, loadstest.DropsOut}
	brokers(t, func(t *testing.T, broker func(t *testing.T) *loadstest.Broker) {
		n := 0 // what a broker keeps of one device is not another's
		t.Run("told amperes beside on and off", func(t *testing.T) {
			loadstest.Run(t, func(t *testing.T) loadstest.Target {
				n++
				b, prefix := broker(t), fmt.Sprintf("box%d", n)
				bus := b.Bus(t)
				device := loadstest.NewWallbox(t, b, bus, prefix)
				return loadstest.Target{Switch: open(t, wallbox(prefix), bus, amps()), Device: device, Stale: stale, Faults: faults}
			})
		})
		t.Run("told watts and nothing else", func(t *testing.T) {
			loadstest.Run(t, func(t *testing.T) loadstest.Target {
				n++
				b, prefix := broker(t), fmt.Sprintf("heater%d", n)
				bus := b.Bus(t)
				device := loadstest.NewDimmer(t, b, bus, prefix)
				return loadstest.Target{Switch: open(t, dimmer(prefix), bus, steps()), Device: device, Stale: stale, Faults: faults}
			})
		})
	})
}
