package mqttmeter

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/values"
)

// scanned is one JSON object found in a recording.
type scanned struct {
	topic   string
	payload []byte
	cut     bool // it does not end
}

// scan finds the JSON objects in a recording: one a line or written over
// several, with or without the topic before each, and with anything between.
func scan(data []byte) []scanned {
	var out []scanned
	for len(data) > 0 {
		start := bytes.IndexByte(data, '{')
		if start < 0 {
			break
		}
		topic := data[:start]
		if i := bytes.LastIndexByte(topic, '\n'); i >= 0 {
			topic = topic[i+1:]
		}
		name := ""
		if f := strings.Fields(string(topic[max(0, len(topic)-256):])); len(f) > 0 && strings.Contains(f[len(f)-1], "/") {
			name = f[len(f)-1]
		}
		end, whole := matching(data[start:])
		out = append(out, scanned{topic: name, payload: data[start : start+end], cut: !whole})
		data = data[start+end:]
	}
	return out
}

// matching is the length of the object at the beginning of b, and whether it
// ends.  One that is interrupted by a line which begins a new object does not.
func matching(b []byte) (n int, whole bool) {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		if i > device.MaxPayload {
			return i, false
		}
		switch c := b[i]; {
		case c == '\n' && begins(b[i+1:]):
			return i + 1, false
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return len(b), false
}

// begins tells whether a line begins a message: an object at its very start,
// or after a topic.
func begins(b []byte) bool {
	if len(b) > 0 && b[0] == '{' {
		return true
	}
	line := b[:min(len(b), 256)]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	i := bytes.IndexByte(line, '{')
	if i < 1 || line[i-1] != ' ' {
		return false
	}
	topic := bytes.TrimRight(line[:i], " ")
	return bytes.IndexByte(topic, '/') > 0 && !bytes.ContainsAny(topic, " \"{}:")
}

// DecodeRecording reads all messages in a recording of a kind of device
// (tasmota, shelly, zigbee2mqtt).  Messages without a measurement are passed
// over.
func DecodeRecording(kind string, data []byte) (telegrams []metering.Telegram, errs []error) {
	k, known := kinds()[kind]
	if !known || k.recorded == nil {
		return nil, []error{fmt.Errorf("%q is not a kind of device", kind)}
	}
	for _, m := range scan(data) {
		if m.cut {
			errs = append(errs, metering.Fail(metering.Short, k.op, "record whole messages", "it ends after %d bytes", len(m.payload)))
			continue
		}
		meters, err := k.recorded(m.topic, m.payload)
		if unread := (*device.Unread)(nil); errors.As(err, &unread) {
			errs = append(errs, unknown(k.op, unread))
		}
		for _, told := range meters {
			t, err := telegram(k.op, told)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			telegrams = append(telegrams, t)
		}
	}
	return telegrams, errs
}

// telegram is what a device told of a meter, with all that keeplit has no use
// for.  op is what was tried, for the error.
func telegram(op string, m device.Meter) (t metering.Telegram, err error) {
	t = metering.Telegram{Meter: m.Serial, Time: m.Clock, Sample: values.Sample(m)}
	for _, r := range m.Raw {
		t.Raw = append(t.Raw, metering.RawValue(r))
	}
	return t, t.Sample.Sane(op)
}
