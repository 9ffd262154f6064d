package esphome

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/devicetest"
	"github.com/keeplit/keeplit/internal/units"
)

// Only its own messages are word that a node still speaks.
func TestANodeIsNotBelievedForWhatOneSaysWhoseTopicBeginsWithItsOwn(t *testing.T) {
	for _, row := range []struct {
		name  string
		topic string // of what is said ten minutes after the switch's state
		known bool   // whether the state is still known ten minutes later
	}{
		{"the node's own uptime", "plug/sensor/uptime/state", true},
		{"what it logs", "plug/debug", true},
		{"the other's uptime", "plug/kitchen/sensor/uptime/state", false},
		{"what the other logs", "plug/kitchen/debug", false},
		{"the other is there", "plug/kitchen/status", false},
		{"a command of somebody", "plug/switch/lamp/command", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dialect := New("plug")
				relay, bus := devicetest.Relay(t, dialect, dialect.Switch("relay", ""), 0)
				bus.Say("plug/switch/relay/state", "ON", false)
				time.Sleep(10 * time.Minute)
				bus.Say(row.topic, "online", false)
				time.Sleep(10 * time.Minute)
				if got := relay.State(); got.On.Is() != row.known {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestTwoSwitchesOfANodeAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialect := New("n")
		first, second := dialect.Switch("geyser", "watts"), dialect.Switch("pump", "")
		if again := dialect.Switch("geyser", "watts"); first == second || again != first {
			t.Fatalf("numbered %d, %d, and again %d", first, second, again)
		}
		bus := &devicetest.Bus{}
		pool := devicetest.Pool(bus, time.Now)
		d, err := pool.Device(dialect)
		if err != nil {
			t.Fatal(err)
		}
		geyser, pump := d.Relay(first, 0, 0), d.Relay(second, 0, 0)
		devicetest.Run(t, pool)
		synctest.Wait()

		on, off := device.Tell(true), device.Tell(false)
		var unknown device.Told[bool]
		var untold device.Told[units.Power]
		knows := func(what string, first device.Told[bool], power device.Told[units.Power], second device.Told[bool]) {
			t.Helper()
			t.Log(what)
			devicetest.Knows(t, geyser, first, power)
			devicetest.Knows(t, pump, second, untold)
		}
		say := func(topic, payload string) { bus.Say("n/"+topic, payload, false) }
		say("switch/geyser/state", "ON")
		knows("only of the first", on, untold, unknown)
		say("switch/pump/state", "OFF")
		say("sensor/watts/state", "2000")
		knows("of both", on, device.Tell(2*units.Kilowatt), off)
		time.Sleep(time.Minute)
		say("sensor/uptime/state", "60")
		knows("whatever the node says is word of both", on, device.Tell(2*units.Kilowatt), off)
		say("switch/geyser/state", "maybe")
		knows("the first is not known any more", unknown, untold, off)
		say("status", "online")
		say("switch/pump/state", "ON")
		knows("after a restart, as the node says them anew", unknown, untold, on)

		for _, r := range []*device.Relay{geyser, pump} {
			if err := r.Set(t.Context(), r == pump); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff([]string{"n/switch/geyser/command OFF", "n/switch/pump/command ON"}, bus.Sent()); d != "" {
			t.Error(d)
		}
	})
}

func FuzzMessages(f *testing.F) {
	for _, topic := range []string{"status", "debug", "switch/geyser/state", "switch/pump/state", "sensor/watts/state"} {
		for _, payload := range []string{"ON", "OFF", "online", "offline", "2980.5", "nan", "1e300", ""} {
			f.Add(topic, payload)
		}
	}
	f.Fuzz(func(t *testing.T, topic, payload string) {
		d := New("n")
		d.Switch("geyser", "watts")
		d.Switch("pump", "")
		devicetest.Read(t, d, "n/switch/pump/state", "ON")
		devicetest.Read(t, d, "n/"+topic, payload)
		devicetest.Read(t, d, "n/sensor/uptime/state", "60")
	})
}
