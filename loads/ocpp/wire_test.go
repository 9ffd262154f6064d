package ocpp

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net"
	"sync"
	"time"
)

// wire is a network in memory, on which a simulated hour takes as long as it takes to reckon, with
// somebody who listens: every message of every station, as it went over the line.
type wire struct {
	calls chan net.Conn

	mu  sync.Mutex
	log []heard
}

// heard is a message.
type heard struct {
	station string
	up      bool // of the station
	at      time.Time
	text    []byte
}

func newWire() *wire { return &wire{calls: make(chan net.Conn)} }

// line is a listener on the wire, which ends alone.
type line struct {
	w    *wire
	over chan struct{}
	once sync.Once
}

func (w *wire) listen() *line { return &line{w: w, over: make(chan struct{})} }

func (l *line) Accept() (net.Conn, error) {
	select {
	case c := <-l.w.calls:
		return c, nil
	case <-l.over:
		return nil, net.ErrClosed
	}
}

func (l *line) Close() error   { l.once.Do(func() { close(l.over) }); return nil }
func (l *line) Addr() net.Addr { return &net.TCPAddr{} }

// dials is how a station calls.
func (w *wire) dials(station string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		p, q := net.Pipe()
		a, b := buffer(p), buffer(q)
		select {
		case w.calls <- b:
			return &tapped{Conn: a, up: tap{w: w, station: station, upward: true}, down: tap{w: w, station: station}}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
			return nil, net.ErrClosed // nobody listens
		}
	}
}

// buffered is a connection that writes without waiting for the other side to read.
type buffered struct {
	net.Conn
	more chan struct{}

	mu   sync.Mutex
	left []byte
}

func buffer(c net.Conn) *buffered {
	b := &buffered{Conn: c, more: make(chan struct{}, 1)}
	go func() {
		for range b.more {
			b.mu.Lock()
			out := b.left
			b.left = nil
			b.mu.Unlock()
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}()
	return b
}

func (b *buffered) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.more == nil {
		return 0, net.ErrClosed
	}
	b.left = append(b.left, p...)
	select {
	case b.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (b *buffered) SetDeadline(t time.Time) error    { return b.SetReadDeadline(t) }
func (b *buffered) SetWriteDeadline(time.Time) error { return nil }

func (b *buffered) Close() error {
	b.mu.Lock()
	if b.more != nil {
		close(b.more)
		b.more = nil
	}
	b.mu.Unlock()
	return b.Conn.Close()
}

// tapped is a connection of which what goes by is kept.
type tapped struct {
	net.Conn
	up, down tap
}

func (t *tapped) Write(p []byte) (int, error) {
	t.up.take(p) // before it can be answered
	return t.Conn.Write(p)
}

func (t *tapped) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.down.take(p[:n])
	return n, err
}

// tap takes frames (RFC 6455) out of what goes by in one direction.
type tap struct {
	w       *wire
	station string
	upward  bool
	mu      sync.Mutex
	begun   bool // the handshake is over
	data    []byte
}

func (t *tap) take(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if !t.begun {
		i := 0
		for ; i+4 <= len(t.data) && string(t.data[i:i+4]) != "\r\n\r\n"; i++ {
		}
		if i+4 > len(t.data) {
			return
		}
		t.begun, t.data = true, t.data[i+4:]
	}
	for len(t.data) >= 2 {
		head, size, masked := 2, int(t.data[1]&0x7f), t.data[1]&0x80 != 0
		switch {
		case size == 126 && len(t.data) >= 4:
			head, size = 4, int(binary.BigEndian.Uint16(t.data[2:]))
		case size >= 126: // none is longer
			return
		}
		if masked {
			head += 4
		}
		if len(t.data) < head+size {
			return
		}
		text := append([]byte(nil), t.data[head:head+size]...)
		if masked {
			for i := range text {
				text[i] ^= t.data[head-4+i%4]
			}
		}
		if t.data[0]&0x0f == 1 {
			t.w.mu.Lock()
			t.w.log = append(t.w.log, heard{t.station, t.upward, time.Now(), text})
			t.w.mu.Unlock()
		}
		t.data = t.data[head+size:]
	}
}

// account is what the messages of one station say of its transactions, and of nothing else.
type account struct {
	ids     []int // in the order in which they were given
	started map[string]int
	from    map[int]int // Wh by id
	stopped map[int]int
	last    map[int]int // register told last
	calls   int
	answers int // of the calls
	errors  int
}

// reads makes the account of a station.
func (w *wire) reads(station string) account {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := account{started: map[string]int{}, from: map[int]int{}, stopped: map[int]int{}, last: map[int]int{}}
	type call struct {
		action  string
		payload json.RawMessage
	}
	open := map[string]call{}
	for _, h := range w.log {
		if h.station != station {
			continue
		}
		var m []json.RawMessage
		if json.Unmarshal(h.text, &m) != nil || len(m) < 3 {
			a.errors++
			continue
		}
		var kind int
		var id string
		_, _ = json.Unmarshal(m[0], &kind), json.Unmarshal(m[1], &id)
		if h.up && kind == 2 {
			c := call{payload: m[3]}
			_ = json.Unmarshal(m[2], &c.action)
			open[id] = c
			a.calls++
			continue
		}
		c, ok := open[id]
		if h.up || !ok {
			continue
		}
		delete(open, id)
		a.answers++
		if kind != 3 {
			a.errors++
			continue
		}
		switch c.action {
		case "StartTransaction":
			var q struct {
				MeterStart int
				Timestamp  string
			}
			var r struct{ TransactionID int }
			_, _ = json.Unmarshal(c.payload, &q), json.Unmarshal(m[2], &r)
			if was, again := a.started[q.Timestamp]; again {
				if was != r.TransactionID {
					a.errors++ // one transaction, two numbers
				}
				continue
			}
			a.ids, a.started[q.Timestamp], a.from[r.TransactionID] = append(a.ids, r.TransactionID), r.TransactionID, q.MeterStart
		case "StopTransaction":
			var q struct{ TransactionID, MeterStop int }
			_ = json.Unmarshal(c.payload, &q)
			a.stopped[q.TransactionID] = q.MeterStop
		}
	}
	return a
}
