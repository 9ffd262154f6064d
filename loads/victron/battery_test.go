package victron

import (
	"context"
	"encoding/json"
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

const (
	hub4Mode = "settings/0/Settings/CGwacs/Hub4Mode"
	setpoint = "vebus/276/Hub4/L1/AcPowerSetpoint"
	output   = "system/0/Ac/ConsumptionOnOutput/L1/Power"
)

// ess is a GX device with an inverter that has a battery and 340 W on its output.
type ess struct{ *gx }

func newESS(t *testing.T, b *loadstest.Broker, bus *loadstest.Bus, portal string) ess {
	t.Helper()
	g := newGX(t, b, bus, portal)
	g.mu.Lock()
	for at, x := range map[string]any{hub4Mode: 2.0, setpoint: 0.0, output: 340.0, "system/0/Dc/Battery/Power": 0.0, "system/0/Dc/Battery/Soc": 50.0} {
		g.watts[at] = x
	}
	g.mu.Unlock()
	b.Listen(t, "W/"+portal+"/#", func(topic string, payload []byte) {
		g.mu.Lock()
		broken := g.fault != loadstest.Sound
		g.mu.Unlock()
		var says struct{ Value float64 }
		if err := json.Unmarshal(payload, &says); err != nil || broken {
			return
		}
		at := strings.TrimPrefix(topic, "W/"+portal+"/")
		g.mu.Lock()
		g.heard = append(g.heard, at)
		g.mu.Unlock()
		g.set(at, says.Value)
	})
	return ess{g}
}

// Follows is by what it draws from the grid, less what hangs on its output.
func (g ess) Follows() loads.Setpoint {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch p := units.FromW(g.watts[setpoint].(float64) - g.watts[output].(float64)); {
	case g.watts[hub4Mode] != 3.0:
		return loads.Setpoint{}
	case p == 0:
		return loads.Setpoint{On: true, Mode: loads.Rests}
	default:
		return loads.Setpoint{On: true, Power: p}
	}
}

func (g ess) Does(charge int, flow units.Power) {
	g.set("system/0/Dc/Battery/Soc", float64(charge)/10)
	g.set("system/0/Dc/Battery/Power", flow.W())
}

// openStore is the driver on the battery of a GX device on a broker.
func openStore(t *testing.T, b *loadstest.Broker, portal string) (loads.Switch, ess) {
	t.Helper()
	d := Document{Portal: portal, VEBus: 276}
	if l := d.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	d.Stale = stale
	bus := b.Bus(t)
	device, pool := newESS(t, b, bus, portal), devicetest.Pool(bus, time.Now)
	s, err := d.Open(loads.Env{ID: "store", MQTT: pool, Store: loads.Store{Capacity: 10 * units.KilowattHour, Charge: 3 * units.Kilowatt, Discharge: 4 * units.Kilowatt}})
	if err != nil {
		t.Fatal(err)
	}
	devicetest.Run(t, pool)
	return s, device
}

func TestBattery(t *testing.T) {
	m := testservers.StartMosquitto(t)
	n := 0
	broker := func(t *testing.T) *loadstest.Broker {
		return loadstest.Other(t, strings.TrimPrefix(m.URL, "mqtt://"), m.User, m.Password)
	}
	loadstest.RunStore(t, func(t *testing.T) loadstest.StoreTarget {
		n++
		s, device := openStore(t, broker(t), fmt.Sprintf("c0619bb%05d", n))
		return loadstest.StoreTarget{
			Switch: s, Store: device, Stale: stale,
			Faults: []loadstest.Fault{loadstest.Offline, loadstest.Silent, loadstest.Garbled, loadstest.DropsOut},
		}
	})
	// The mode is kept in flash: it is written where it changes, and is again what it was.  What hangs on the output
	// is told on top.
	s, device := openStore(t, broker(t), "c0619bc")
	loadstest.Says(t, s, "it is by itself", func(o loads.Observation) bool { return o.Known && !o.On })
	for _, p := range []units.Power{500 * units.Watt, -700 * units.Watt, -700 * units.Watt, 900 * units.Watt} {
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) { // its output is heard a little later
			if err := s.Set(context.Background(), loads.Setpoint{On: true, Power: p}); err == nil {
				break
			} else if time.Now().After(end) {
				t.Fatal(err)
			}
		}
		loadstest.Says(t, s, "it is told", func(o loads.Observation) bool { return o.On && o.Set.Power == p })
	}
	device.set(output, 1340.0)
	time.Sleep(50 * time.Millisecond)
	if err := s.Set(context.Background(), loads.Setpoint{On: true, Power: 900 * units.Watt}); err != nil {
		t.Fatal(err)
	}
	loadstest.Says(t, s, "it is told on top of more", func(o loads.Observation) bool {
		return o.On && o.Set.Power == 900*units.Watt && device.Follows().Power == 900*units.Watt
	})
	if err := s.Set(context.Background(), loads.Setpoint{}); err != nil {
		t.Fatal(err)
	}
	loadstest.Says(t, s, "it is by itself again", func(o loads.Observation) bool { return o.Known && !o.On })
	device.mu.Lock()
	defer device.mu.Unlock()
	if device.watts[hub4Mode] != 2.0 {
		t.Errorf("its mode was 2 and is %v", device.watts[hub4Mode])
	}
	writes := 0
	for _, at := range device.heard {
		if at == hub4Mode {
			writes++
		}
	}
	if writes != 2 {
		t.Errorf("its mode was written %d times", writes)
	}
}

// At its start an agent may have to say that the battery is left to itself before it has heard of it.  A mode that was
// not heard is not written: it would be kept in place of its own.
func TestAModeThatWasNotHeardIsNotWritten(t *testing.T) {
	m := testservers.StartMosquitto(t)
	s, device := openStore(t, loadstest.Other(t, strings.TrimPrefix(m.URL, "mqtt://"), m.User, m.Password), "c0619bd")
	_ = s.Set(context.Background(), loads.Setpoint{}) // it may be refused
	loadstest.Says(t, s, "it is by itself", func(o loads.Observation) bool { return o.Known && !o.On })
	time.Sleep(50 * time.Millisecond)
	device.mu.Lock()
	defer device.mu.Unlock()
	if device.watts[hub4Mode] != 2.0 {
		t.Errorf("its mode was 2 and is %v", device.watts[hub4Mode])
	}
}
