package mqttmeter

import (
	"cmp"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/values"
)

// wakeEvery is how often a keep-alive is said where nothing else is written: twice in
// the minute for which a Victron GX speaks.
const wakeEvery = 30 * time.Second

// described is the dialect of a device whose values are described.
type described struct {
	doc Document
	now func() time.Time

	mu     sync.Mutex // the device reads, the meter takes
	reader *values.Reader
}

func newDescribed(doc Document, every time.Duration, now func() time.Time, seen func([]metering.Seen)) (*described, error) {
	if now == nil {
		return nil, errors.New("a clock is needed")
	}
	kind := doc.Kind
	if kind == "values" {
		kind = ""
	}
	r, err := values.New(values.Config{
		Description: doc.Description, Medium: values.Topics, Age: values.Stale(doc.Stale, every), Own: doc.Topic, Part: "meter.mqtt", Kind: kind, Seen: seen,
		Op: func(topic string) string { return "read " + cmp.Or(topic, doc.firstTopic()) },
	})
	return &described{doc: doc, now: now, reader: r}, err
}

// Name implements device.Dialect.
func (d *described) Name() string { return "meter " + strings.Join(d.reader.From(), " ") }

// Filters implements device.Dialect.
func (d *described) Filters([]int) []string {
	out := d.reader.From()
	if o := d.doc.Online; o != nil {
		for _, topic := range out {
			if topic == o.Topic {
				return out
			}
		}
		out = append(out, o.Topic)
	}
	return out
}

// Wake implements device.Woken.
func (d *described) Wake() (device.Message, time.Duration) {
	k := d.doc.Keepalive
	return device.Message{Topic: k.Topic, Payload: []byte(k.Payload)}, cmp.Or(k.Every, wakeEvery)
}

// mute is a described device that speaks by itself: it is not to be woken.
type mute struct{ device.Dialect }

// Prepare implements device.Dialect, as do Ask and Command: it has no relays.
func (*described) Prepare(int, time.Duration) (m device.Message, ok bool) { return m, false }

// Ask implements device.Dialect.
func (*described) Ask(int) (m device.Message, ok bool) { return m, false }

// Command implements device.Dialect.
func (*described) Command(device.Command) (m device.Message, doubt string) { return m, "" }

// Read implements device.Dialect.  What was told is with the reader; the Fact says that
// something was.
func (d *described) Read(topic string, payload []byte, retained bool) (f device.Fact, err error) {
	if o := d.doc.Online; o != nil && topic == o.Topic {
		switch word := strings.TrimSpace(string(payload[:min(len(payload), 64)])); word {
		case o.words().On:
			f.Presence = device.Online
		case o.words().Off:
			f.Presence = device.Offline
			d.mu.Lock()
			d.reader.Forget()
			d.mu.Unlock()
		}
		if f.Presence != device.Unsaid {
			return f, nil
		}
	}
	if retained {
		return f, nil // as old as it may be
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	op := "read " + topic
	var message any
	switch {
	case len(payload) == 0:
		d.reader.Gone(topic)
		err = metering.Fail(metering.Offline, op, "check the meter behind the device", "it says that it has nothing to tell there any more")
	case d.reader.Bare(topic):
		if message, err = values.Decode(op, payload); err != nil {
			message, err = strings.TrimSpace(string(payload)), nil
		}
	default:
		if message, err = values.Decode(op, payload); err != nil {
			d.reader.Gone(topic)
		}
	}
	if err == nil {
		err = d.reader.Take(topic, message, d.now())
	}
	if err != nil {
		return f, &device.Unread{Err: err, Remedy: "compare meter.mqtt with what comes under " + topic}
	}
	f.Heard = true
	return f, nil
}

// news is what was told since the last time, as a reading at now; since is when it was
// begun to listen.  ok is false where it is nothing.
func (d *described) news(since, now time.Time) (r metering.Reading, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reader.Reading(since, now)
}
