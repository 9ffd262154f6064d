// Package mqttmeter is the meter that is a device on MQTT: plugs and meters with
// Tasmota, Shelly devices of the second generation or later, and Zigbee devices
// behind Zigbee2MQTT.  How they speak is told in internal/device.
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
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/metering"
)

// Config is one meter.
type Config struct {
	Document
	// Every is how often the device publishes.  Zero takes what is usual for its
	// kind.  It is reported silent after three times as long.
	Every time.Duration
}

// Meter listens to one device, which whoever has the pool runs.
type Meter struct {
	device *device.Device
	cfg    Config
	op     string
	// rank is that of the best part that measured so far: a lesser one measures
	// something beside it.
	rank int
}

// New makes a meter.
func New(pool *device.Pool, cfg Config) (*Meter, error) {
	k, known := kinds()[cfg.Kind]
	if !known {
		return nil, fmt.Errorf("mqttmeter: %q is not a kind of device; write tasmota, shelly or zigbee2mqtt", cfg.Kind)
	}
	if cfg.Topic == "" || strings.ContainsAny(cfg.Topic+cfg.Base, "#+") {
		return nil, fmt.Errorf("mqttmeter: topic %q does not name one device", cfg.Topic)
	}
	if cfg.Every <= 0 {
		cfg.Every = cfg.Pace()
	}
	if k.whole {
		cfg.Channel = 0
	}
	d, err := pool.Device(k.dialect(cfg.Document))
	if err != nil {
		return nil, fmt.Errorf("mqttmeter: %w", err)
	}
	return &Meter{device: d, cfg: cfg, op: k.op, rank: lowest}, nil
}

// lowest is below the rank of any part.
const lowest = 1 << 10

// heard is what the device told.
type heard struct {
	fact device.Fact
	err  error
}

// waiting is how much may wait for a slow taker; then the oldest is dropped,
// because the newest register tells all that it told.
const waiting = 32

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	in := make(chan heard, waiting)
	defer m.device.Follow(func(f device.Fact, err error) {
		for {
			select {
			case in <- heard{f, err}:
				return
			default:
			}
			select {
			case <-in:
			default:
			}
		}
	})()
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
		case h := <-in:
			var ok bool
			if r, ok = m.take(h); !ok {
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

// take makes a reading of what was heard; ok is false where it holds none.
func (m *Meter) take(h heard) (r metering.Reading, ok bool) {
	switch {
	case h.err != nil:
		return metering.Reading{Err: m.failed(h.err)}, true
	case h.fact.Presence == device.Offline:
		return metering.Reading{Err: &metering.Error{
			Code: metering.Offline, Op: "listen to " + m.cfg.Topic,
			Err: errors.New("the device says that it is off line"), Remedy: "check that it has power and reaches the network",
		}}, true
	}
	for _, told := range h.fact.Meters { // the best first
		if told.Channel != m.cfg.Channel || told.Rank > m.rank {
			continue
		}
		m.rank = told.Rank
		s := sample(told)
		s.At, s.Device = h.fact.At.UTC(), told.Serial
		if err := s.Sane(m.op); err != nil {
			return metering.Reading{Err: err}, true
		}
		return metering.Reading{Sample: s}, true
	}
	return r, false
}

// failed is an error of the device as one of its meter.
func (m *Meter) failed(err error) error {
	if unread := (*device.Unread)(nil); errors.As(err, &unread) {
		return unknown(m.op, unread)
	}
	return &metering.Error{Code: metering.Offline, Op: "listen to " + m.cfg.Topic, Err: err, Remedy: "check the broker and its access rules"}
}

func unknown(op string, e *device.Unread) error {
	return &metering.Error{Code: metering.UnknownReply, Op: op, Err: e.Err, Remedy: e.Remedy}
}
