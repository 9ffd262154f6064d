package zigbee2mqtt

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/device/devicetest"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/remote"
	"github.com/keeplit/keeplit/loads/loadstest"
)

func TestConformance(t *testing.T) {
	const (
		stale   = 600 * time.Millisecond
		deadMan = time.Second
	)
	loadstest.Run(t, func(t *testing.T) loadstest.Target {
		broker := loadstest.NewBroker(t)
		bus := broker.Bus(t)
		device := loadstest.NewZigbee(t, broker, bus, "pump/plug")
		pool := devicetest.Pool(bus, time.Now)
		s, err := (&Document{Timed: remote.Timed{Document: remote.Document{Topic: "pump/plug", Stale: stale}}}).Open(loads.Env{DeadMan: deadMan, MQTT: pool})
		if err != nil {
			t.Fatal(err)
		}
		devicetest.Run(t, pool)
		return loadstest.Target{
			Switch: s, Device: device, Stale: stale, DeadMan: deadMan,
			Faults: []loadstest.Fault{loadstest.Offline, loadstest.Silent, loadstest.Garbled, loadstest.DropsOut},
		}
	})
}
