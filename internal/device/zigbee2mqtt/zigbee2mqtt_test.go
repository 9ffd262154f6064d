package zigbee2mqtt

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/devicetest"
	"github.com/keeplit/keeplit/internal/units"
)

func TestMessages(t *testing.T) {
	on := device.Tell(true)
	var unknown device.Told[bool]
	drawing := device.Tell(units.FromW(9.5))
	var untold device.Told[units.Power]
	for _, tc := range []struct {
		name    string
		channel int
		say     []string // "!" before: availability; "*" before: retained
		want    device.Told[bool]
		power   device.Told[units.Power]
	}{
		{"on and drawing", 0, []string{`{"state":"ON","power":9.5,"linkquality":100}`}, on, drawing},
		{"the second endpoint", 2, []string{`{"state_l1":"OFF","state_l2":"ON","power_l1":1,"power_l2":9.5}`}, on, drawing},
		{"an endpoint it does not have", 2, []string{`{"state":"ON"}`}, unknown, untold},
		{"only power", 0, []string{`{"state":"ON"}`, `{"power":9.5}`}, on, drawing},
		{"no power known", 0, []string{`{"state":"ON","power":null}`}, on, untold},
		{"a retained state is of an unknown age", 0, []string{`*{"state":"ON"}`}, unknown, untold},
		{"gone", 0, []string{`{"state":"ON"}`, `!{"state":"offline"}`}, unknown, untold},
		{"gone, in the old way", 0, []string{`{"state":"ON"}`, `!offline`}, unknown, untold},
		{"nonsense", 0, []string{`{"state":true}`, `{"state":"TOGGLE"}`, `[]`, ``, `!{`}, unknown, untold},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				relay, bus := devicetest.Relay(t, New("", "plug"), tc.channel, 0)
				for _, m := range tc.say {
					if rest, ok := strings.CutPrefix(m, "!"); ok {
						bus.Say("zigbee2mqtt/plug/availability", rest, true)
						continue
					}
					rest, retained := strings.CutPrefix(m, "*")
					bus.Say("zigbee2mqtt/plug", rest, retained)
				}
				devicetest.Knows(t, relay, tc.want, tc.power)
			})
		})
	}
}

// A device that cannot do on_time ignores the command; the next one goes without.
func TestADeviceWithoutOnTimeIsToldPlainly(t *testing.T) {
	timed, plain := `zigbee2mqtt/plug/set {"on_time":600,"state":"ON"}`, `zigbee2mqtt/plug/set {"state":"ON"}`
	set := func(t *testing.T, relay *device.Relay, on bool) {
		time.Sleep(time.Second)
		if err := relay.Set(context.Background(), on); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
	}
	commands := func(bus *devicetest.Bus) (out []string) {
		for _, m := range bus.Sent() {
			if strings.HasPrefix(m, "zigbee2mqtt/plug/set ") {
				out = append(out, m)
			}
		}
		return out
	}
	synctest.Test(t, func(t *testing.T) {
		relay, bus := devicetest.Relay(t, New("", "plug"), 0, 10*time.Minute)
		bus.Say("zigbee2mqtt/plug", `{"state":"OFF"}`, false)
		for range 3 {
			set(t, relay, true)
			bus.Say("zigbee2mqtt/plug", `{"state":"OFF"}`, false)
		}
		if d := cmp.Diff([]string{timed, plain, plain}, commands(bus)); d != "" {
			t.Error(d)
		}
	})
	// One that obeys goes on with it, also after someone switched it off.
	synctest.Test(t, func(t *testing.T) {
		relay, bus := devicetest.Relay(t, New("", "plug"), 0, 10*time.Minute)
		for range 2 {
			set(t, relay, true)
			bus.Say("zigbee2mqtt/plug", `{"state":"ON"}`, false)
			time.Sleep(time.Second)
			bus.Say("zigbee2mqtt/plug", `{"state":"OFF"}`, false)
		}
		set(t, relay, false)
		if d := cmp.Diff([]string{timed, timed, `zigbee2mqtt/plug/set {"state":"OFF"}`}, commands(bus)); d != "" {
			t.Error(d)
		}
	})
}

func FuzzMessages(f *testing.F) {
	for _, s := range []string{`{"state":"ON","power":9.5}`, `{"state":"offline"}`, `online`, `{"power":null}`, `{"state":`, `[]`, `null`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		for _, topic := range []string{"zigbee2mqtt/plug", "zigbee2mqtt/plug/availability"} {
			devicetest.Read(t, New("", "plug"), topic, payload)
		}
	})
}
