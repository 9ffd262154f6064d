package broker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/keeplit/keeplit/internal/testservers"
)

// rude is a broker of a few lines: it lets everybody in, grants what is asked
// for, and then sends what the test wants.
type rude struct {
	t      *testing.T
	l      net.Listener
	send   func(c net.Conn)
	acks   chan uint16
	logins atomic.Int64
}

func newRude(t *testing.T, send func(c net.Conn)) *rude {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rude{t: t, l: l, send: send, acks: make(chan uint16, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.serve(c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return r
}

func (r *rude) serve(c net.Conn) {
	sent := make(chan struct{})
	begun := false
	defer func() {
		_ = c.Close()
		if begun {
			<-sent
		}
	}()
	for {
		p, err := packets.ReadPacket(c)
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *packets.ConnectPacket:
			r.logins.Add(1)
			_, err = c.Write([]byte{0x20, 2, 0, 0})
		case *packets.SubscribePacket:
			answer := []byte{0x90, byte(2 + len(p.Topics)), byte(p.MessageID >> 8), byte(p.MessageID)}
			_, err = c.Write(append(answer, slices.Repeat([]byte{1}, len(p.Topics))...))
			if err == nil && !begun {
				begun = true
				go func() { defer close(sent); r.send(c) }()
			}
		case *packets.PubackPacket:
			r.acks <- p.MessageID
		case *packets.PingreqPacket:
			_, err = c.Write([]byte{0xd0, 0})
		}
		if err != nil {
			return
		}
	}
}

// message is the beginning of a PUBLISH with QoS 1, up to its payload.
func message(topic string, id uint16, size int) []byte {
	length := 2 + len(topic) + 2 + size
	out := []byte{0x32}
	for {
		b := byte(length & 0x7f)
		if length >>= 7; length > 0 {
			b |= 0x80
		}
		out = append(out, b)
		if length == 0 {
			break
		}
	}
	out = binary.BigEndian.AppendUint16(out, uint16(len(topic)))
	out = append(out, topic...)
	return binary.BigEndian.AppendUint16(out, id)
}

// TestMessageOfAHundredMegabytesIsReadPast: one message was a crash loop under
// a limit of memory, for the broker kept it for each start.
func TestMessageOfAHundredMegabytesIsReadPast(t *testing.T) {
	const size = 100 << 20
	topics := NewTopics("site1")
	broker := newRude(t, func(c net.Conn) {
		_, _ = c.Write(message(topics.Token(), 7, size))
		part := bytes.Repeat([]byte("9"), 1<<16)
		for range size / len(part) {
			if _, err := c.Write(part); err != nil {
				return
			}
		}
		_, _ = c.Write(append(message(topics.Token(), 8, 9), "123456789"...))
	})
	s := session(t, Config{URL: "mqtt://" + broker.l.Addr().String(), Site: "site1"})
	var in inbox
	if _, err := s.SubscribeAck(topics.Token(), in.command); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run(t, s.Run)
	eventually(t, "the token behind it", func() bool { return len(in.all()) > 0 })
	runtime.ReadMemStats(&after)
	if got, want := in.all(), []string{topics.Token() + "=123456789"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if first, second := <-broker.acks, <-broker.acks; first != 7 || second != 8 {
		t.Errorf("acknowledged %d and %d, want 7 and 8: what is refused must not come again", first, second)
	}
	took := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d MB of message, %d kB of memory taken", size>>20, took>>10)
	if took > 4<<20 {
		t.Errorf("%d bytes of memory were taken", took)
	}
	if st := s.State(); st.TooLarge != 1 || !strings.Contains(st.Large, "104857600") || broker.logins.Load() != 1 {
		t.Errorf("%+v, %d connections", st, broker.logins.Load())
	}
}

func TestMessageTooLongForItsTopicLeavesTheBroker(t *testing.T) {
	m := testservers.StartMosquitto(t)
	cfg := login(m)
	cfg.Site = "site1"
	topics := NewTopics(cfg.Site)
	other := cfg
	other.ClientID = "other"
	sender := session(t, other)
	run(t, sender.Run)
	connected(t, sender)

	first := session(t, cfg)
	var in inbox
	subscribe := func(s *Session) {
		t.Helper()
		for _, f := range []string{topics.Token(), topics.Prices(), "dev/+"} {
			if _, err := s.SubscribeAck(f, in.command); err != nil {
				t.Fatal(err)
			}
		}
	}
	subscribe(first)
	stop := run(t, first.Run)
	connected(t, first)
	eventually(t, "the subscriptions", func() bool {
		publish(t, sender, "dev/ready", false, "1")
		return len(in.all()) > 0
	})
	stop()
	publish(t, sender, topics.Token(), false, strings.Repeat("1", mostToken+1))
	publish(t, sender, topics.Prices(), false, strings.Repeat("p", mostPrices+1))
	publish(t, sender, "dev/a", false, strings.Repeat("d", mostOther+1))
	publish(t, sender, topics.Token(), false, strings.Repeat("2", mostToken))

	for i := range 2 { // they waited at the broker; the second time nothing does
		in = inbox{}
		s := session(t, cfg)
		subscribe(s)
		end := run(t, s.Run)
		connected(t, s)
		publish(t, sender, "dev/end", false, "1")
		eventually(t, "the end", func() bool { return slices.Contains(in.all(), "dev/end=1") })
		large := s.State().TooLarge
		end()
		got := slices.DeleteFunc(in.all(), func(m string) bool { return strings.HasPrefix(m, "dev/ready") })
		switch {
		case i == 0 && (large != 3 || len(got) != 2):
			t.Errorf("first: %d refused, %d taken", large, len(got))
		case i == 1 && (large != 0 || len(got) != 1):
			t.Errorf("second: %d refused, %d taken", large, len(got))
		}
	}
}

func TestStatesNotTakenYetGiveWayToNewer(t *testing.T) {
	r := &route{state: true, bell: make(chan struct{}, 1)}
	done := 0
	for i := range 100 {
		r.push(delivery{Message{Topic: "prices", Payload: bytes.Repeat([]byte{byte(i)}, 1<<20)}, false, 1, func() { done++ }})
	}
	if len(r.queue) != 1 || r.bytes != 1<<20 || done != 99 {
		t.Errorf("%d messages with %d bytes wait, %d acknowledged", len(r.queue), r.bytes, done)
	}
	q := &route{bell: make(chan struct{}, 1)}
	for range 100 {
		q.push(delivery{Message{Topic: "dev", Payload: make([]byte, 200<<10)}, false, 0, func() {}})
	}
	if q.bytes > queueBytes {
		t.Errorf("%d bytes of a device's states wait", q.bytes)
	}
}

// FuzzLimit: what is within its bounds passes unchanged however it is cut up;
// what is not takes no memory, and nothing panics.
func FuzzLimit(f *testing.F) {
	seed := func(p packets.ControlPacket) []byte {
		var b bytes.Buffer
		if err := p.Write(&b); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	pub := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	pub.TopicName, pub.Qos, pub.MessageID, pub.Payload = "keeplit/a/token", 1, 3, []byte("123456789")
	whole := seed(pub)
	f.Add(append(slices.Clone(whole), 0x20, 2, 0, 0, 0xd0, 0), uint8(3))
	f.Add(append(message("keeplit/a/token", 9, 200<<20), whole...), uint8(1))
	f.Add([]byte{0x32, 0xff, 0xff, 0xff, 0xff, 0x7f}, uint8(7))
	f.Add([]byte{0x30, 1, 0}, uint8(2))
	f.Add([]byte{0x32, 5, 0, 9, 'a', 'b', 'c'}, uint8(2))
	topics := NewTopics("a")
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		client, server := net.Pipe()
		defer client.Close()
		go func() { _, _ = server.Write(stream); _ = server.Close() }()
		over := 0
		l := limit(sink{client}, topics.Most, func(string, int) { over++ })
		var got []byte
		buf := make([]byte, int(step)%64+1)
		var err error
		for n := 0; err == nil; {
			n, err = l.Read(buf)
			got = append(got, buf[:n]...)
		}
		if len(got) > len(stream)+2 {
			t.Fatalf("%d bytes became %d", len(stream), len(got))
		}
		if over == 0 && !errors.Is(err, errPacket) && !bytes.HasPrefix(stream, got) {
			t.Fatalf("%x became %x", stream, got)
		}
	})
}

// sink is a connection that takes every write.
type sink struct{ net.Conn }

func (sink) Write(b []byte) (int, error) { return len(b), nil }

func TestPacketsWithinBoundsPassUnchanged(t *testing.T) {
	var stream bytes.Buffer
	want := []string{}
	for i := range 200 {
		p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		p.TopicName, p.Qos, p.MessageID = fmt.Sprintf("dev/%d", i), byte(i%2), uint16(i%2*(i+1))
		p.Payload = bytes.Repeat([]byte{byte(i)}, i*i)
		if err := p.Write(&stream); err != nil {
			t.Fatal(err)
		}
		want = append(want, p.String())
	}
	client, server := net.Pipe()
	go func() { _, _ = stream.WriteTo(server); _ = server.Close() }()
	l := bufio.NewReaderSize(limit(client, NewTopics("a").Most, func(string, int) {}), 16)
	got := []string{}
	for {
		p, err := packets.ReadPacket(l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d packets of %d are as they were sent", len(got), len(want))
	}
}
