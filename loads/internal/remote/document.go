package remote

import (
	"fmt"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
)

// Document is what the settings of every MQTT driver have in common.
type Document struct {
	// The device's own name in its topics: the Topic of Tasmota, the MQTT prefix of a Shelly, the friendly
	// name of Zigbee2MQTT, the topic_prefix of ESPHome.
	// Example: geyser
	Topic string `yaml:"topic"`
	// A state that was heard longer ago than this is not known any more.
	// Default: 15m
	// Example: 20m
	Stale time.Duration `yaml:"stale"`
}

// Check is everything wrong with d.
func (d Document) Check() fault.List {
	var l fault.List
	if d.Topic == "" || len(d.Topic) > 200 || strings.ContainsAny(d.Topic, "+#\x00") || strings.HasPrefix(d.Topic, "/") || strings.HasSuffix(d.Topic, "/") {
		l.Add("topic", "write the device's own topic, without wildcards and slashes at the ends", "%q is not a device's topic", d.Topic)
	}
	if d.Stale < 0 {
		l.Add("stale", "write a time such as 15m", "%v is not an age", d.Stale)
	}
	return l
}

// Of names a part of the device.
func (d Document) Of(part string) string {
	if d.Topic == "" {
		return ""
	}
	return part + " of " + d.Topic
}

// Timed is the settings of a device with numbered relays that it opens by itself
// when it is not told On again.
type Timed struct {
	Document `yaml:",inline"`
	// The relay of the device, from 0; of Zigbee2MQTT 0 is the only one, else 1 and on for l1, l2.
	// Example: 1
	Channel int `yaml:"channel"`
	// The device drops the load by itself where it is not told again for so long, so that nothing stays on
	// when agent or network fail. 0s: it does not.
	// Example: 10m
	DeadMan *time.Duration `yaml:"dead_man"`
}

// Check is everything wrong with t.
func (t *Timed) Check() fault.List {
	l := t.Document.Check()
	if t.Channel < 0 || t.Channel > 31 {
		l.Add("channel", "relays are counted from 0", "%d is not a channel", t.Channel)
	}
	if d := t.DeadMan; d != nil && *d != 0 && (*d < 30*time.Second || *d > 12*time.Hour) {
		l.Add("dead_man", "write 30s to 12h, or 0s to switch it off", "%v is not a dead-man time", *d)
	}
	return l
}

// Traits implements loads.Settings.
func (t *Timed) Traits() loads.Traits {
	return loads.Traits{Of: t.Of(fmt.Sprintf("relay %d", t.Channel)), Needs: loads.NeedsBroker, Remote: true, Measures: true, Renewable: true, DeadMan: t.DeadMan}
}

// Switch takes the relay of the device into use.
func (t *Timed) Switch(e loads.Env, dialect device.Dialect) (loads.Switch, error) {
	return Open(e, dialect, t.Stale, func(device.Dialect) int { return t.Channel })
}
