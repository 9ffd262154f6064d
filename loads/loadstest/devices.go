package loadstest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// garble is what a Garbled device says.
const garble = `{"POWER":"ON","state":"ON`

// Tasmota emulates a device with Tasmota firmware and one relay.
type Tasmota struct {
	contact
	pulse time.Duration
}

// NewTasmota puts a device on the broker; bus, where not nil, is what DropsOut
// breaks.
func NewTasmota(t testing.TB, b *Broker, bus *Bus, topic string) *Tasmota {
	t.Helper()
	d := &Tasmota{contact: contact{broker: b, bus: bus}}
	d.tell = func(closed bool) {
		b.publish("stat/"+topic+"/RESULT", fmt.Sprintf(`{"POWER":%q}`, onOff(closed)), false)
		b.publish("stat/"+topic+"/POWER", onOff(closed), false)
	}
	d.announce = func(online bool) {
		b.publish("tele/"+topic+"/LWT", map[bool]string{true: "Online", false: "Offline"}[online], true)
	}
	d.announce(true)
	b.subscribe(t, "cmnd/"+topic+"/+", func(at string, payload []byte) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.take(at, payload) {
			return
		}
		if d.fault == Garbled {
			b.publish("stat/"+topic+"/RESULT", garble, false)
			return
		}
		switch strings.ToUpper(at[strings.LastIndexByte(at, '/')+1:]) {
		case "PULSETIME1":
			n, _ := strconv.Atoi(string(payload))
			d.pulse = time.Duration(n) * 100 * time.Millisecond
			if n > 111 {
				d.pulse = time.Duration(n-100) * time.Second
			}
			b.publish("stat/"+topic+"/RESULT", fmt.Sprintf(`{"PulseTime1":{"Set":%d,"Remaining":0}}`, n), false)
		case "POWER", "POWER1":
			if word := strings.ToUpper(string(payload)); word == "ON" || word == "OFF" {
				d.move(word == "ON", d.pulse)
			}
			d.tell(d.closed)
		default:
			b.publish("stat/"+topic+"/RESULT", `{"Command":"Unknown"}`, false)
		}
	})
	return d
}

// Measure says what the load draws.
func (d *Tasmota) Measure(topic string, watts float64) {
	d.broker.publish("tele/"+topic+"/SENSOR", fmt.Sprintf(`{"Time":"2026-01-01T00:00:00","ENERGY":{"Total":1.5,"Power":%v,"Voltage":229}}`, watts), false)
}

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

// NewShelly puts a second-generation Shelly with one relay on the broker; it
// returns its Device.
func NewShelly(t testing.TB, b *Broker, bus *Bus, topic string) *Shelly {
	t.Helper()
	d := &Shelly{contact{broker: b, bus: bus}}
	d.tell = func(closed bool) {
		b.publish(topic+"/events/rpc", fmt.Sprintf(`{"src":"shellyplus1pm-a8032ab0","dst":%q,"method":"NotifyStatus","params":{"ts":1700000000.1,"switch:0":{"id":0,"output":%v,"source":"button"}}}`, topic+"/events", closed), false)
	}
	d.announce = func(online bool) { b.publish(topic+"/online", strconv.FormatBool(online), true) }
	d.announce(true)
	b.subscribe(t, topic+"/rpc", func(at string, payload []byte) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.take(at, payload) {
			return
		}
		var call struct {
			ID     int    `json:"id"`
			Src    string `json:"src"`
			Method string `json:"method"`
			Params struct {
				ID          int     `json:"id"`
				On          bool    `json:"on"`
				ToggleAfter float64 `json:"toggle_after"`
			} `json:"params"`
		}
		if err := json.Unmarshal(payload, &call); err != nil || call.Src == "" {
			return
		}
		answer := func(body string) {
			b.publish(call.Src+"/rpc", fmt.Sprintf(`{"id":%d,"src":"shellyplus1pm-a8032ab0","dst":%q,%s}`, call.ID, call.Src, body), false)
		}
		switch {
		case d.fault == Garbled:
			b.publish(call.Src+"/rpc", garble, false)
		case d.fault == Refuses && call.Method == "Switch.Set":
			answer(`"error":{"code":-114,"message":"Resource unavailable"}`)
		case call.Params.ID != 0:
			answer(`"error":{"code":-105,"message":"Argument 'id', value not found!"}`)
		case call.Method == "Switch.Set":
			was := d.closed
			after := time.Duration(call.Params.ToggleAfter * float64(time.Second))
			d.move(call.Params.On, after)
			if !call.Params.On && after > 0 { // it really toggles
				time.AfterFunc(after, func() { d.Press(true) })
			}
			answer(fmt.Sprintf(`"result":{"was_on":%v}`, was))
		case call.Method == "Switch.GetStatus":
			answer(fmt.Sprintf(`"result":{"id":0,"source":"init","output":%v,"apower":%v,"voltage":230.1,"aenergy":{"total":12.3,"by_minute":[0,0,0],"minute_ts":1700000000}}`, d.closed, map[bool]float64{true: 812.5, false: 0}[d.closed]))
		default:
			answer(`"error":{"code":404,"message":"No handler for ` + call.Method + `"}`)
		}
	})
	return d
}

// Shelly emulates a second-generation Shelly.
type Shelly struct{ contact }

// Zigbee emulates a plug behind Zigbee2MQTT.
type Zigbee struct {
	contact
	NoOnTime bool // it ignores commands with on_time
}

// NewZigbee puts a plug on the broker under the base topic zigbee2mqtt.
func NewZigbee(t testing.TB, b *Broker, bus *Bus, name string) *Zigbee {
	t.Helper()
	topic := "zigbee2mqtt/" + name
	d := &Zigbee{contact: contact{broker: b, bus: bus}}
	d.tell = func(closed bool) {
		b.publish(topic, fmt.Sprintf(`{"state":%q,"power":%v,"linkquality":117,"last_seen":null}`, onOff(closed), map[bool]float64{true: 9.5, false: 0}[closed]), false)
	}
	d.announce = func(online bool) {
		b.publish(topic+"/availability", fmt.Sprintf(`{"state":%q}`, map[bool]string{true: "online", false: "offline"}[online]), true)
	}
	d.announce(true)
	b.subscribe(t, topic+"/+", func(at string, payload []byte) {
		verb := at[len(topic)+1:]
		if verb != "set" && verb != "get" {
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.take(at, payload) {
			return
		}
		if d.fault == Garbled {
			b.publish(topic, garble, false)
			return
		}
		var m struct {
			State  string  `json:"state"`
			OnTime float64 `json:"on_time"`
		}
		if err := json.Unmarshal(payload, &m); err != nil || d.NoOnTime && m.OnTime > 0 {
			return
		}
		if verb == "set" {
			d.move(m.State == "ON", time.Duration(m.OnTime*float64(time.Second)))
		}
		d.tell(d.closed)
	})
	return d
}
