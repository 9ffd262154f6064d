// Package mqttmeter reads meters that publish over MQTT by themselves: plugs
// and meters with Tasmota, Shelly devices of the second generation or later,
// and Zigbee devices behind Zigbee2MQTT.
//
// It only listens.  A message that the broker kept (retained) is of unknown age
// and is no measurement; but a retained "offline" is believed.  A device that
// is quiet for longer than it should be, or says that it goes away, is reported
// as an error again and again until it speaks.
package mqttmeter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

// Config is one meter.
type Config struct {
	Document
	// Every is how often the device publishes: Tasmota's TelePeriod, a minute
	// for the others.  Zero takes the maker's default.  It is reported silent
	// after three times as long.
	Every time.Duration
	// Now is the clock that samples are stamped with.
	Now func() time.Time
}

// Meter listens to one device.
type Meter struct {
	mqtt metering.Subscriber
	cfg  Config
	// best is the rank of the Shelly component that is listened to.
	best int
}

// New makes a meter.
func New(mqtt metering.Subscriber, cfg Config) (*Meter, error) {
	every := map[string]time.Duration{"tasmota": 5 * time.Minute, "shelly": time.Minute, "zigbee2mqtt": 5 * time.Minute}
	usual, known := every[cfg.Kind]
	if !known {
		return nil, fmt.Errorf("mqttmeter: %q is not a kind of device; write tasmota, shelly or zigbee2mqtt", cfg.Kind)
	}
	if cfg.Topic == "" || strings.ContainsAny(cfg.Topic+cfg.Base, "#+") {
		return nil, fmt.Errorf("mqttmeter: topic %q does not name one device", cfg.Topic)
	}
	if cfg.Every <= 0 {
		cfg.Every = usual
	}
	if cfg.Base == "" {
		cfg.Base = "zigbee2mqtt"
	}
	return &Meter{mqtt: mqtt, cfg: cfg, best: len(shellyKinds())}, nil
}

// message is one that came.
type message struct {
	topic    string
	payload  []byte
	retained bool
}

// waiting is how many messages may wait for a slow taker; then the oldest is
// dropped, because the newest register tells all that it told.
const waiting = 32

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	in := make(chan message, waiting)
	handler := func(topic string, payload []byte, retained bool) {
		msg := message{topic, slices.Clone(payload), retained}
		for {
			select {
			case in <- msg:
				return
			default:
			}
			select {
			case <-in:
			default:
			}
		}
	}
	pace := line.Pace{Every: min(m.cfg.Every, 5*time.Second)}
	for {
		stop, err := m.subscribe(handler)
		if err == nil {
			defer stop()
			break
		}
		if ctx.Err() != nil {
			return nil
		}
		emit(metering.Reading{Err: &metering.Error{Code: metering.Offline, Op: "subscribe to " + m.cfg.Topic, Err: err, Remedy: "check the broker and its access rules"}})
		if !pace.Wait(ctx, false) {
			return nil
		}
	}
	silence := time.NewTimer(3 * m.cfg.Every)
	defer silence.Stop()
	for {
		var r metering.Reading
		select {
		case <-ctx.Done():
			return nil
		case <-silence.C:
			silence.Reset(3 * m.cfg.Every)
			r = metering.Reading{Err: metering.Fail(metering.Silent, "wait for "+m.cfg.Topic, "check that the device has power and reaches the broker, and its topic", "nothing came for %v", 3*m.cfg.Every)}
		case msg := <-in:
			var ok bool
			if r, ok = m.take(msg); !ok {
				continue
			}
			if r.Err == nil {
				silence.Reset(3 * m.cfg.Every)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		emit(r)
	}
}

// filters are the topics of the device.
func (m *Meter) filters() []string {
	t := m.cfg.Topic
	switch m.cfg.Kind {
	case "tasmota":
		return []string{"tele/" + t + "/SENSOR", "tele/" + t + "/LWT", "stat/" + t + "/STATUS8", "stat/" + t + "/STATUS10"}
	case "shelly":
		return []string{t + "/status/+", t + "/events/rpc", t + "/online"}
	}
	return []string{m.cfg.Base + "/" + t, m.cfg.Base + "/" + t + "/availability"}
}

func (m *Meter) subscribe(handler func(string, []byte, bool)) (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, f := range stops {
			f()
		}
	}
	for _, f := range m.filters() {
		s, err := m.mqtt.Subscribe(f, handler)
		if err != nil {
			stop()
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		stops = append(stops, s)
	}
	return stop, nil
}

// take makes a reading of a message; ok is false where it holds none.
func (m *Meter) take(msg message) (r metering.Reading, ok bool) {
	last := msg.topic[strings.LastIndexByte(msg.topic, '/')+1:]
	switch last {
	case "LWT", "online", "availability":
		if isOffline(string(msg.payload)) {
			return metering.Reading{Err: &metering.Error{
				Code: metering.Offline, Op: "listen to " + m.cfg.Topic,
				Err: errors.New("the device says that it is off line"), Remedy: "check that it has power and reaches the network",
			}}, true
		}
		return r, false
	}
	if msg.retained {
		return r, false
	}
	t, ok, err := m.decode(last, msg)
	if err != nil {
		return metering.Reading{Err: err}, true
	}
	if !ok {
		return r, false
	}
	t.Sample.At = m.cfg.Now().UTC()
	t.Sample.Device = t.Meter
	return metering.Reading{Sample: t.Sample}, true
}

func (m *Meter) decode(last string, msg message) (metering.Telegram, bool, error) {
	switch m.cfg.Kind {
	case "tasmota":
		return DecodeTasmota(msg.payload, m.cfg.Channel)
	case "zigbee2mqtt":
		return DecodeZigbee2MQTT(msg.payload)
	}
	component := ""
	if last != "rpc" {
		if component = last; !isComponent(component) {
			return metering.Telegram{}, false, nil // status of the network and so on
		}
	}
	parts, err := DecodeShelly(component, msg.payload)
	if err != nil {
		return metering.Telegram{}, false, err
	}
	for _, p := range parts { // best kind first
		rank := slices.Index(shellyKinds(), p.kind())
		if p.channel() == m.cfg.Channel && rank <= m.best {
			m.best = rank
			return p.Telegram, true, nil
		}
	}
	return metering.Telegram{}, false, nil
}

// isOffline reads Tasmota's Offline, Shelly's false, and Zigbee2MQTT's offline
// as text or {"state":"offline"}.
func isOffline(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	return s == "offline" || s == "false" || strings.Contains(s, `"offline"`)
}
