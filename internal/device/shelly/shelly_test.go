package shelly

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/devicetest"
	"github.com/keeplit/keeplit/internal/units"
)

func TestMessages(t *testing.T) {
	on, off := device.Tell(true), device.Tell(false)
	var unknown device.Told[bool]
	drawing := device.Tell(units.FromW(812.5))
	var untold device.Told[units.Power]
	type say [2]string
	event := func(p string) say { return say{"shelly/plug/events/rpc", p} }
	answer := func(p string) say { return say{"keeplit/shelly/shelly/plug/0/rpc", p} }
	whole := func(p string) say { return say{"shelly/plug/status/switch:0", p} }
	online := func(p string) say { return say{"shelly/plug/online", p} }
	for _, tc := range []struct {
		name    string
		channel int
		say     []say
		want    device.Told[bool]
		power   device.Told[units.Power]
	}{
		{"a change", 0, []say{event(`{"method":"NotifyStatus","params":{"ts":1.5,"switch:0":{"id":0,"output":true}}}`)}, on, untold},
		{"of another relay", 1, []say{event(`{"method":"NotifyStatus","params":{"ts":1.5,"switch:0":{"id":0,"output":true}}}`)}, unknown, untold},
		{"a change of power lies over the state", 0, []say{
			event(`{"method":"NotifyStatus","params":{"switch:0":{"id":0,"output":true}}}`),
			event(`{"method":"NotifyStatus","params":{"switch:0":{"id":0,"apower":812.5}}}`),
		}, on, drawing},
		{"a change of power says nothing of the state", 0, []say{event(`{"method":"NotifyStatus","params":{"switch:0":{"id":0,"apower":812.5}}}`)}, unknown, untold},
		{"an event that is no status", 0, []say{event(`{"method":"NotifyEvent","params":{"switch:0":{"id":0,"output":true}}}`)}, unknown, untold},
		{"an answer", 0, []say{answer(`{"id":1,"result":{"id":0,"output":true,"apower":812.5,"aenergy":{"total":1}}}`)}, on, drawing},
		{"that a command was taken is no state", 0, []say{answer(`{"id":1,"result":{"was_on":true}}`)}, unknown, untold},
		{"refused", 0, []say{answer(`{"id":1,"error":{"code":-103,"message":"no"}}`)}, unknown, untold},
		{"a whole state", 0, []say{whole(`{"id":0,"source":"init","output":false}`)}, off, untold},
		{"gone", 0, []say{whole(`{"id":0,"output":true}`), online("false")}, unknown, untold},
		{"back", 0, []say{whole(`{"id":0,"output":true}`), online("false"), online("true")}, unknown, untold},
		{"nonsense", 0, []say{whole(`{"output":"yes"}`), event(`{"method":"NotifyStatus"}`), answer(`{`), online("")}, unknown, untold},
		{"more than a relay can carry", 0, []say{whole(`{"id":0,"output":true,"apower":1e9}`)}, on, untold},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				relay, bus := devicetest.Relay(t, New("shelly/plug"), tc.channel, 0)
				for _, m := range tc.say {
					bus.Say(m[0], m[1], m[0] == "shelly/plug/online")
				}
				devicetest.Knows(t, relay, tc.want, tc.power)
			})
		})
	}
}

// toggle_after must go with On only: with Off the device would switch on.
func TestOnlyOnCarriesTheDeadMan(t *testing.T) {
	d := New("shelly/plug")
	for i, want := range []map[string]any{
		{"id": 0.0, "on": true, "toggle_after": 600.0},
		{"id": 0.0, "on": false},
	} {
		m, _ := d.Command(device.Command{On: i == 0, DeadMan: 10 * time.Minute})
		topic, payload := m.Topic, string(m.Payload)
		var frame struct {
			Src, Method string
			Params      map[string]any
		}
		if err := json.Unmarshal([]byte(payload), &frame); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, frame.Params); d != "" || topic != "shelly/plug/rpc" || frame.Method != "Switch.Set" || frame.Src == "" {
			t.Errorf("%s %s: %s", topic, payload, d)
		}
	}
}

func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		`{"method":"NotifyStatus","params":{"switch:0":{"id":0,"output":true,"apower":8.9}}}`,
		`{"id":1,"result":{"id":0,"output":true,"apower":812.5}}`, `{"id":1,"result":{"was_on":true}}`,
		`{"id":1,"error":{"code":-103,"message":"x"}}`, `{"id":0,"output":false}`, `true`, `false`, `null`, `{`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		for _, topic := range []string{"shelly/plug/events/rpc", "keeplit/shelly/shelly/plug/0/rpc", "shelly/plug/status/switch:0", "shelly/plug/online"} {
			devicetest.Read(t, New("shelly/plug"), topic, payload)
		}
	})
}
