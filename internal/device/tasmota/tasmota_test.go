package tasmota

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/devicetest"
	"github.com/keeplit/keeplit/internal/units"
)

func TestPulseTime(t *testing.T) {
	for d, want := range map[time.Duration]int{
		0: 0, 50 * time.Millisecond: 1, 500 * time.Millisecond: 5, 11 * time.Second: 110,
		12 * time.Second: 112, 10 * time.Minute: 700, 24 * time.Hour: 64900,
	} {
		if got := pulseTime(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}

func TestMessages(t *testing.T) {
	on, off := device.Tell(true), device.Tell(false)
	var unknown device.Told[bool]
	watts := func(w float64) device.Told[units.Power] { return device.Tell(units.FromW(w)) }
	var untold device.Told[units.Power]
	type message struct {
		topic, payload string
		retained       bool
	}
	for _, tc := range []struct {
		name    string
		channel int
		say     []message
		want    device.Told[bool]
		power   device.Told[units.Power]
	}{
		{"one relay", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}}, on, untold},
		{"the first of two", 0, []message{{"stat/plug/RESULT", `{"POWER1":"OFF"}`, false}, {"stat/plug/RESULT", `{"POWER2":"ON"}`, false}}, off, untold},
		{"the second of two", 1, []message{{"stat/plug/RESULT", `{"POWER1":"OFF"}`, false}, {"stat/plug/RESULT", `{"POWER2":"ON"}`, false}}, on, untold},
		{"a second relay is not the unnumbered one", 1, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}}, unknown, untold},
		{"periodic state", 0, []message{{"tele/plug/STATE", `{"Time":"x","UptimeSec":12,"POWER":"ON","Wifi":{"RSSI":70}}`, false}}, on, untold},
		{"full status", 0, []message{{"stat/plug/STATUS11", `{"StatusSTS":{"POWER":"ON"}}`, false}}, on, untold},
		{"a retained state is of an unknown age", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, true}}, unknown, untold},
		{"retained, but gone", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}, {"tele/plug/LWT", "Offline", true}}, unknown, untold},
		{"power", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}, {"tele/plug/SENSOR", `{"ENERGY":{"Power":812}}`, false}}, on, watts(812)},
		{"power of two channels", 1, []message{{"stat/plug/RESULT", `{"POWER2":"ON"}`, false}, {"tele/plug/SENSOR", `{"ENERGY":{"Power":[10,20.5]}}`, false}}, on, watts(20.5)},
		{"power of another number of channels", 2, []message{{"stat/plug/RESULT", `{"POWER3":"ON"}`, false}, {"tele/plug/SENSOR", `{"ENERGY":{"Power":[10,20]}}`, false}}, on, untold},
		{"asked for power", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}, {"stat/plug/STATUS10", `{"StatusSNS":{"ENERGY":{"Power":7}}}`, false}}, on, watts(7)},
		{"a temperature", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}, {"tele/plug/SENSOR", `{"DS18B20":{"Temperature":20}}`, false}}, on, untold},
		{"more than a plug can carry", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}, {"tele/plug/SENSOR", `{"ENERGY":{"Power":1e30}}`, false}}, on, untold},
		{"not a state", 0, []message{{"stat/plug/RESULT", `{"POWER":"HOLD"}`, false}, {"stat/plug/RESULT", `{"POWER":1}`, false}, {"stat/plug/RESULT", `[`, false}}, unknown, untold},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				relay, bus := devicetest.Relay(t, New("plug"), tc.channel, 0)
				for _, m := range tc.say {
					bus.Say(m.topic, m.payload, m.retained)
				}
				devicetest.Knows(t, relay, tc.want, tc.power)
			})
		})
	}
}

// The one power of a device with several relays is what all of them carry: as that
// of a relay which is off it would look like a welded contact.
func TestTheOnePowerOfADeviceIsNotThatOfItsSecondRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay, bus := devicetest.Relay(t, New("plug"), 1, 0)
		bus.Say("stat/plug/RESULT", `{"POWER2":"OFF"}`, false)
		time.Sleep(time.Minute)
		bus.Say("tele/plug/SENSOR", `{"ENERGY":{"Power":2000}}`, false)
		if got := relay.State(); got.On != device.Tell(false) || got.Power.Is() {
			t.Errorf("%+v", got)
		}
	})
}

func TestTheDeadManIsSetOncePerStartOfTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, bus := devicetest.Relay(t, New("plug"), 1, 10*time.Minute)
		time.Sleep(device.DefaultStale / 3) // asked again
		synctest.Wait()
		bus.Say("tele/plug/LWT", "Online", true) // our own reconnection
		synctest.Wait()
		bus.Say("tele/plug/LWT", "Online", false) // it restarted
		synctest.Wait()
		want := []string{
			"cmnd/plug/PulseTime2 700", "cmnd/plug/POWER2 ", "cmnd/plug/POWER2 ", "cmnd/plug/POWER2 ",
			"cmnd/plug/PulseTime2 700", "cmnd/plug/POWER2 ",
		}
		if d := cmp.Diff(want, bus.Sent()); d != "" {
			t.Error(d)
		}
	})
}

func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		`{"POWER":"ON"}`, `{"POWER1":"OFF"}`, `{"StatusSTS":{"POWER":"ON"}}`, `{"ENERGY":{"Power":[1,2]}}`, `{"ENERGY":{"Power":12.5}}`,
		`{"StatusSNS":{"ENERGY":{"Power":3}}}`, `{"POWER":`, `null`, `[]`, "Online", "Offline", `{"ENERGY":{"Power":null}}`,
	} {
		for _, topic := range []string{"RESULT", "SENSOR", "LWT"} {
			f.Add(topic, s)
		}
	}
	f.Fuzz(func(t *testing.T, topic, payload string) {
		devicetest.Read(t, New("plug"), "tele/plug/"+topic, payload)
	})
}
