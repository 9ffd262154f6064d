package broker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
)

// Most bytes of a message's payload, by topic.  Whoever may publish on a broker
// names any number as a packet's length, and paho makes room for that number
// before the first byte has come; so a message that is longer is never shown to
// paho.
const (
	mostToken  = 4 << 10   // some tokens with words around them, as JSON
	mostOrder  = 1 << 10   // a word, or an order with its time
	mostPrices = 1 << 20   // more than 1500 prices that differ, written at length
	mostOther  = 256 << 10 // what devices say of themselves
	mostKeys   = 1 << 20   // a chain of key sets
	mostTopic  = 1 << 10   // bytes of a topic's name
	mostPacket = 64 << 10  // bytes of an acknowledgement or any other packet that is no message
)

// Most is the greatest payload that is taken on a topic, in bytes.
func (t Topics) Most(topic string) int {
	switch topic {
	case t.Token():
		return mostToken
	case t.Reconnect():
		return mostOrder
	case t.Prices():
		return mostPrices
	}
	if strings.HasPrefix(topic, t.base+"/") {
		return mostOrder
	}
	return MostPolicy(topic)
}

// MostPolicy is the greatest payload that sites take on a topic of a utility, in bytes.
func MostPolicy(topic string) int {
	if strings.HasPrefix(topic, PolicyKeys("")) {
		return mostKeys
	}
	return mostOther
}

// MQTT 3.1.1 packet types, in the upper half of a packet's first byte.
const (
	packetPublish = 3
	packetPuback  = 4
)

// limited is a connection whose messages have bounds.  A message above its
// topic's is read past without being kept, acknowledged at once, so that the
// broker does not send it again at each connection for ever, and told to
// refused.  Its Read is called by one goroutine, as its Write is by another.
type limited struct {
	net.Conn
	in      *bufio.Reader
	most    func(topic string) int
	refused func(topic string, size int)

	head []byte // of the packet under way, not handed on yet
	rest int    // bytes of it that follow and are handed on as they come

	write sync.Mutex // an acknowledgement of ours does not come in between
}

func limit(c net.Conn, most func(topic string) int, refused func(topic string, size int)) *limited {
	return &limited{Conn: c, in: bufio.NewReader(c), most: most, refused: refused}
}

// Write writes one whole packet, as paho does.
func (l *limited) Write(b []byte) (int, error) {
	l.write.Lock()
	defer l.write.Unlock()
	return l.Conn.Write(b)
}

// Read reads what may pass.
func (l *limited) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for len(l.head) == 0 && l.rest == 0 {
		if err := l.next(); err != nil {
			return 0, err
		}
	}
	if len(l.head) > 0 {
		n := copy(b, l.head)
		l.head = l.head[n:]
		return n, nil
	}
	n, err := l.in.Read(b[:min(len(b), l.rest)])
	l.rest -= n
	return n, err
}

// errPacket is a broker, or something else, that does not speak MQTT.
var errPacket = errors.New("what came is not MQTT 3.1.1")

// next reads the beginning of the next packet.
func (l *limited) next() error {
	first, err := l.in.ReadByte()
	if err != nil {
		return err
	}
	head := []byte{first}
	length, err := l.length(&head)
	if err != nil {
		return err
	}
	if first>>4 != packetPublish {
		if length > mostPacket {
			return fmt.Errorf("%w: a packet of type %d and %d bytes", errPacket, first>>4, length)
		}
		l.head, l.rest = head, length
		return nil
	}
	var size [2]byte
	if _, err := io.ReadFull(l.in, size[:]); err != nil {
		return err
	}
	name := int(binary.BigEndian.Uint16(size[:]))
	qos := first >> 1 & 3
	id := 0
	if qos > 0 {
		id = 2
	}
	if name+2+id > length {
		return fmt.Errorf("%w: a message of %d bytes with a topic of %d", errPacket, length, name)
	}
	rest := make([]byte, name+id)
	if _, err := io.ReadFull(l.in, rest); err != nil {
		return err
	}
	topic, payload := string(rest[:name]), length-2-name-id
	if name <= mostTopic && payload <= l.most(topic) {
		l.head, l.rest = slices.Concat(head, size[:], rest), payload
		return nil
	}
	return l.pass(topic[:min(name, mostTopic)], qos, rest[name:], payload)
}

// length reads a packet's remaining length, and notes its bytes in head.
func (l *limited) length(head *[]byte) (int, error) {
	n := 0
	for shift := 0; shift < 28; shift += 7 {
		b, err := l.in.ReadByte()
		if err != nil {
			return 0, err
		}
		*head = append(*head, b)
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: the length of a packet does not end", errPacket)
}

// pass reads past a message that is too long.  It is acknowledged first: a slow
// line may break before its end, and then it would begin again each time.
func (l *limited) pass(topic string, qos byte, id []byte, size int) error {
	l.refused(topic, size)
	switch qos {
	case 0:
	case 1:
		if _, err := l.Write([]byte{packetPuback << 4, 2, id[0], id[1]}); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: QoS %d was not asked for", errPacket, qos)
	}
	_, err := io.CopyN(io.Discard, l.in, int64(size))
	return err
}
