// Package mqttmeter is the meter that is a device on MQTT: plugs and meters with
// Tasmota, Shelly devices of the second generation or later, and Zigbee devices
// behind Zigbee2MQTT.  How they speak is told in internal/device.  What any other
// device publishes is described: see values.
//
// It only listens.  A message that the broker kept (retained) is of unknown age
// and is no measurement; but a retained "offline" is believed.  A device that
// is quiet for longer than it should be, or says that it goes away, is reported
// as an error again and again until it speaks.
package mqttmeter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/values"
)

// Config is one meter.
type Config struct {
	Document
	// Every is how often the device publishes.  Zero takes what is usual for its
	// kind.  It is reported silent after three times as long.
	Every time.Duration
	Now   func() time.Time // the clock that ages are told by; for described kinds
	// Seen is told what stood at each place of a described kind; nil: nobody looks.
	Seen func([]metering.Seen)
}

// Meter listens to one device, which whoever has the pool runs.
type Meter struct {
	device *device.Device
	cfg    Config
	op     string
	// rank is that of the best part that measured so far: a lesser one measures
	// something beside it.
	rank int
	// described is what reads where the values are described; nil: the device's dialect
	// knows them.
	described *described
}

// New makes a meter.
func New(pool *device.Pool, cfg Config) (*Meter, error) {
	k, known := kinds()[cfg.Kind]
	if !known {
		return nil, fmt.Errorf("mqttmeter: %q is not a kind of device; write one of %s", cfg.Kind, strings.Join(names(), ", "))
	}
	if cfg.Topic == "" && cfg.Kind != "values" || strings.ContainsAny(cfg.Topic+cfg.Base, "#+") {
		return nil, fmt.Errorf("mqttmeter: topic %q does not name one device", cfg.Topic)
	}
	if cfg.Every <= 0 {
		cfg.Every = cfg.Pace()
	}
	if k.whole {
		cfg.Channel = 0
	}
	m := &Meter{cfg: cfg, op: k.op, rank: lowest}
	var dialect device.Dialect
	if k.described {
		d, err := newDescribed(cfg.whole(), cfg.Every, cfg.Now, cfg.Seen)
		if err != nil {
			return nil, fmt.Errorf("mqttmeter: %w", err)
		}
		m.described, dialect = d, d
		if d.doc.Keepalive == nil {
			dialect = mute{d}
		}
	} else {
		dialect = k.dialect(cfg.Document)
	}
	var err error
	if m.device, err = pool.Device(dialect); err != nil {
		return nil, fmt.Errorf("mqttmeter: %w", err)
	}
	return m, nil
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
	var began time.Time
	if m.described != nil {
		began = m.cfg.Now()
	}
	var gathered <-chan time.Time // when what was told is one reading; nil: nothing was
	for {
		var r metering.Reading
		ok := true
		select {
		case <-ctx.Done():
			return nil
		case <-silence.C:
			silence.Reset(3 * m.cfg.Every)
			r = metering.Reading{Err: metering.Fail(metering.Silent, "wait for "+m.name(), "check that the device has power and reaches the broker, and its topic", "nothing came for %v", 3*m.cfg.Every)}
		case <-gathered:
			gathered = nil
			r, ok = m.described.news(began, m.cfg.Now())
		case h := <-in:
			if m.described != nil && h.err == nil && h.fact.Presence != device.Offline {
				if gathered == nil && h.fact.Heard {
					gathered = time.After(values.Gathering)
				}
				continue
			}
			r, ok = m.take(h)
		}
		if !ok {
			continue
		}
		if r.Err == nil {
			silence.Reset(3 * m.cfg.Every)
		}
		if ctx.Err() != nil {
			return nil
		}
		emit(r)
	}
}

// name is what the meter is called in messages.
func (m *Meter) name() string { return cmp.Or(m.cfg.Topic, m.cfg.firstTopic()) }

// take makes a reading of what was heard; ok is false where it holds none.
func (m *Meter) take(h heard) (r metering.Reading, ok bool) {
	switch {
	case h.err != nil:
		return metering.Reading{Err: m.failed(h.err)}, true
	case h.fact.Presence == device.Offline:
		return metering.Reading{Err: &metering.Error{
			Code: metering.Offline, Op: "listen to " + m.name(),
			Err: errors.New("the device says that it is off line"), Remedy: "check that it has power and reaches the network",
		}}, true
	}
	for _, told := range h.fact.Meters { // the best first
		if told.Channel != m.cfg.Channel || told.Rank > m.rank {
			continue
		}
		m.rank = told.Rank
		s := values.Sample(told)
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
	if told := (*metering.Error)(nil); errors.As(err, &told) {
		return told
	}
	if unread := (*device.Unread)(nil); errors.As(err, &unread) {
		return unknown(m.op, unread)
	}
	return &metering.Error{Code: metering.Offline, Op: "listen to " + m.name(), Err: err, Remedy: "check the broker and its access rules"}
}

func unknown(op string, e *device.Unread) error {
	return &metering.Error{Code: metering.UnknownReply, Op: op, Err: e.Err, Remedy: e.Remedy}
}
