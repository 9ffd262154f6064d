package wmbus

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/metering"
)

// bridge is receivers that publish what they hear over MQTT: the dialect of a device.
type bridge struct {
	number, topic string

	mu     sync.Mutex
	frames []published
	came   int // messages since somebody asked
}

// published is a frame and where it came from.
type published struct {
	topic string
	frame []byte
}

// mostWaiting is how many frames may wait; then the oldest is dropped.
const mostWaiting = 64

// Name implements device.Dialect.
func (b *bridge) Name() string { return "wireless M-Bus meter " + b.number + " " + b.topic }

// Filters implements device.Dialect.
func (b *bridge) Filters([]int) []string { return []string{b.topic} }

// Read implements device.Dialect.  What a broker has kept is as old as it may be.
func (b *bridge) Read(topic string, payload []byte, retained bool) (f device.Fact, err error) {
	if retained {
		return f, nil
	}
	frames := inMessage(payload)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.came++
	for _, frame := range frames {
		b.frames = append(b.frames, published{topic, frame})
	}
	b.frames = b.frames[max(0, len(b.frames)-mostWaiting):]
	f.Heard = len(frames) > 0
	return f, nil
}

// Prepare implements device.Dialect, as do Ask and Command: it has no relays.
func (*bridge) Prepare(int, time.Duration) (m device.Message, ok bool) { return m, false }

// Ask implements device.Dialect.
func (*bridge) Ask(int) (m device.Message, ok bool) { return m, false }

// Command implements device.Dialect.
func (*bridge) Command(device.Command) (m device.Message, doubt string) { return m, "" }

func (b *bridge) take() (frames []published) {
	b.mu.Lock()
	defer b.mu.Unlock()
	frames, b.frames = b.frames, nil
	return frames
}

func (b *bridge) messages() (came int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	came, b.came = b.came, 0
	return came
}

// mostEars is how many receivers are told apart.
const mostEars = 32

// follow reads what is published until ctx ends.
func (m *Meter) follow(ctx context.Context, emit func(metering.Reading)) error {
	news := make(chan struct{}, 1)
	deaf := make(chan error, 1)
	defer m.device.Follow(func(_ device.Fact, err error) {
		if err != nil {
			select {
			case deaf <- err:
			default: // one is enough
			}
			return
		}
		select {
		case news <- struct{}{}:
		default: // it will look
		}
	})()
	ears := map[string]*ear{} // each receiver has its own way with check sums
	silence := time.NewTimer(m.cfg.Patience)
	defer silence.Stop()
	for {
		var out []metering.Reading
		select {
		case <-ctx.Done():
			return nil
		case <-silence.C:
			silence.Reset(m.cfg.Patience)
			out = failed(m.unpublished(m.bridge.messages()))
		case err := <-deaf:
			out = failed(&metering.Error{Code: metering.Offline, Op: op, Err: err, Remedy: "check the broker and its access rules"})
		case <-news:
			for _, p := range m.bridge.take() {
				if ears[p.topic] == nil {
					if len(ears) == mostEars {
						clear(ears)
					}
					ears[p.topic] = new(ear)
				}
				out = append(out, m.takeBy(ears[p.topic], p.topic, p.frame)...)
			}
		}
		for _, r := range out {
			if ctx.Err() != nil {
				return nil
			}
			if r.Err == nil {
				silence.Reset(m.cfg.Patience)
				m.bridge.messages()
			}
			emit(r)
		}
	}
}

// copies are the last telegrams of our number, and by which topics each came: what another
// receiver heard of one is no repetition, however many they are and however late it comes.
type copies []copied

type copied struct {
	frame []byte
	from  []string
}

const mostCopies = 8

// has tells whether a telegram came by another topic before, and by this one not yet.
func (c *copies) has(from string, frame []byte) bool {
	if from == "" {
		return false
	}
	for i := range *c {
		o := &(*c)[i]
		if !bytes.Equal(o.frame, frame) {
			continue
		}
		if slices.Contains(o.from, from) || len(o.from) == mostEars {
			return false
		}
		o.from = append(o.from, from)
		return true
	}
	if len(*c) == mostCopies {
		*c = slices.Delete(*c, 0, 1)
	}
	*c = append(*c, copied{bytes.Clone(frame), []string{from}})
	return false
}

// unpublished is a silence in which so many messages came.
func (m *Meter) unpublished(came int) error {
	switch heard := m.heard; {
	case came == 0:
		return metering.Fail(metering.Silent, op, "check the topic, and that the receiver reaches the broker", "nothing came under %s for %v", m.cfg.Topic, m.cfg.Patience)
	case heard == 0:
		return metering.Fail(metering.UnknownReply, op, "have the receiver publish whole telegrams, in hexadecimal or base64, and not what it reads in them",
			"no telegram in %d messages under %s for %v", came, m.cfg.Topic, m.cfg.Patience)
	}
	return m.silence(came)
}

// inMessage are the frames in a message: in hexadecimal as in a line of text, in JSON in any
// of its texts, there in base64 too; or as they are.
func inMessage(payload []byte) (frames [][]byte) {
	text := bytes.TrimSpace(payload)
	add := func(f []byte) {
		if len(frames) == mostWaiting {
			return
		}
		p, bare, _ := plain(f) // of a wrong one nil
		for i, o := range frames {
			q, without, _ := plain(o)
			if bytes.Equal(o, f) || p != nil && bytes.Equal(p, q) {
				if without && !bare {
					frames[i] = f // with its sums it says more of the receiver
				}
				return
			}
		}
		frames = append(frames, f)
	}
	if len(text) > 0 && strings.IndexByte(`{["`, text[0]) >= 0 {
		var v any
		if json.Unmarshal(text, &v) == nil {
			walk(v, add)
			if len(frames) > 0 {
				return frames
			}
		}
	}
	for _, row := range bytes.Split(text, []byte("\n")) {
		if f := inLine(row); f != nil {
			add(f)
		}
	}
	switch f := inBase64(string(text)); {
	case len(frames) > 0:
	case f != nil:
		add(f)
	case isFrame(payload):
		add(payload)
	}
	return frames
}

// walk finds the texts in a document that are frames.
func walk(v any, add func([]byte)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			walk(v[key], add)
		}
	case []any:
		for _, in := range v {
			walk(in, add)
		}
	case string:
		if f := inLine([]byte(v)); f != nil && isFrame(f) {
			add(f)
		} else if f := inBase64(v); f != nil {
			add(f)
		}
	}
}

// inBase64 is the frame that a text holds in base64, of either alphabet; nil: none.
func inBase64(text string) []byte {
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	if f, err := base64.RawStdEncoding.DecodeString(text); err == nil && isFrame(f) {
		return f
	}
	return nil
}

// isFrame tells whether bytes may be a frame with all that it says it has.
func isFrame(b []byte) bool {
	return len(b) > least && int(b[0]) >= least && int(b[0]) < len(b) && sends(b[1])
}
