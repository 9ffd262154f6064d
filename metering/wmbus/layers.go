package wmbus

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What the control information says of the bytes after it.
const (
	ciCompact = 0x79 // values alone, whose heads an earlier telegram told
	ciBare    = 0x78 // values without a header
	ciShort   = 0x7A // a header, whose address is the link layer's
	ciLong    = 0x72 // a header with an address
	ciLink    = 0x8C // extended link layer: communication control, access number
	ciLinkEnc = 0x8D // with encryption of its own
	ciLinkTo  = 0x8E // with the address of whom it is for
	ciLinkAll = 0x8F // with both
	ciPieces  = 0x90 // authentication and fragmentation layer
)

// message is one telegram as it came, its layers read and its words still closed.
type message struct {
	link   address
	meter  address // of the long header, or the link layer's
	access byte
	status byte
	mode   int // 0: in clear; 5, 7: encrypted
	blocks int // of 16 bytes that are encrypted
	kdf    byte
	body   []byte // the words after the header

	session *session // of an extended link layer that encrypts
	proof   *proof   // of the authentication layer
}

// session is an extended link layer with encryption.
type session struct {
	control, access byte
	number          uint32
	closed          bool
	rest            []byte // all after the session's number
}

// proof is what the authentication layer says.
type proof struct {
	control  byte
	counter  uint32
	counted  bool
	mac      []byte
	length   []byte // of the message, where it is told
	covered  []byte // what it proves beside its own control and counter
	keyInfos bool
}

// errOther is a telegram that holds no values: a question, an installation, an acknowledgement.
var errOther = errors.New("no values are sent")

// parse reads the layers of a frame without check sums.
func parse(b []byte) (m message, err error) {
	if len(b) < headLen+1 {
		return m, short(len(b), headLen+1)
	}
	m.link = linkAddress(b[2:])
	m.meter = m.link
	if !sends(b[1]) {
		return m, errOther
	}
	return m, m.layers(b[headLen:])
}

// sends tells whether values are sent by what the control byte says: by the meter itself,
// while it is installed, or because it was asked.
func sends(control byte) bool {
	switch control &^ 0x30 {
	case 0x44, 0x46, 0x08:
		return true
	}
	return false
}

// layers reads what the control information announces, layer by layer.
func (m *message) layers(b []byte) error {
	for range 4 {
		if len(b) == 0 {
			return short(0, 1)
		}
		ci := b[0]
		rest := b[1:]
		var err error
		switch ci {
		case ciLink, ciLinkTo:
			size := 2
			if ci == ciLinkTo {
				size += addressLen
			}
			if len(rest) < size {
				return short(len(rest), size)
			}
			b = rest[size:]
		case ciLinkEnc, ciLinkAll:
			if b, err = m.sessionLayer(ci, rest); err != nil || b == nil {
				return err
			}
		case ciPieces:
			if b, err = m.proofLayer(rest); err != nil {
				return err
			}
		case ciShort, ciLong:
			return m.header(ci, rest)
		case ciBare:
			m.body = rest
			return nil
		case ciCompact:
			return errors.New("it is a compact telegram, which holds values alone; the meter sends whole ones too")
		default:
			return fmt.Errorf("control information %02X is not known", ci)
		}
	}
	return errors.New("it has more layers than any telegram")
}

// sessionLayer reads an extended link layer with encryption.  What follows is nil where it
// is encrypted.
func (m *message) sessionLayer(ci byte, b []byte) (rest []byte, err error) {
	head := 2
	if ci == ciLinkAll {
		head += addressLen
	}
	size := head + 4 + crcLen
	if len(b) < size {
		return nil, short(len(b), size)
	}
	m.session = &session{
		control: b[0], access: b[1], number: binary.LittleEndian.Uint32(b[head:]), rest: b[head+4:],
	}
	m.access = b[1]
	switch enc := m.session.number >> 29; enc {
	case 0:
		if binary.LittleEndian.Uint16(b[head+4:]) != crc(b[size:]) {
			return nil, errSum
		}
		return b[size:], nil
	case 1:
		m.session.closed = true
		return nil, nil
	default:
		return nil, fmt.Errorf("encryption %d of the link layer is not known", enc)
	}
}

// The bits of the fragmentation control, and of the message control.
const (
	aflMore    = 0x4000
	aflControl = 0x2000
	aflLength  = 0x1000
	aflCounter = 0x0800
	aflMAC     = 0x0400
	aflKey     = 0x0200
	mclKinds   = 0x0F
)

// proofLayer reads the authentication and fragmentation layer.
func (m *message) proofLayer(b []byte) (rest []byte, err error) {
	if len(b) < 3 || len(b) < 1+int(b[0]) || b[0] < 2 {
		return nil, short(len(b), 3)
	}
	in, rest := b[1:1+int(b[0])], b[1+int(b[0]):]
	control := binary.LittleEndian.Uint16(in)
	in = in[2:]
	p := &proof{covered: rest}
	take := func(bit uint16, n int) []byte {
		if control&bit == 0 || err != nil {
			return nil
		}
		if len(in) < n {
			err = short(len(in), n)
			return nil
		}
		out := in[:n]
		in = in[n:]
		return out
	}
	if control&aflMore != 0 || control&0xFF > 1 {
		return nil, errors.New("it comes in several parts, which is not read")
	}
	if c := take(aflControl, 1); c != nil {
		p.control = c[0]
	}
	p.keyInfos = take(aflKey, 2) != nil
	if c := take(aflCounter, 4); c != nil {
		p.counter, p.counted = binary.LittleEndian.Uint32(c), true
	}
	if n := macLen(p.control & mclKinds); n > 0 {
		p.mac = take(aflMAC, n)
	} else if control&aflMAC != 0 {
		return nil, fmt.Errorf("authentication %d is not known", p.control&mclKinds)
	}
	p.length = take(aflLength, 2)
	if err != nil {
		return nil, err
	}
	m.proof = p
	return rest, nil
}

// macLen is the length of a proof by its kind: AES-CMAC, cut to 2, 4, 8, 12 or 16 bytes.
func macLen(kind byte) int {
	switch kind {
	case 3:
		return 2
	case 4:
		return 4
	case 5:
		return 8
	case 6:
		return 12
	case 7:
		return 16
	}
	return 0
}

// header reads the transport layer's header.
func (m *message) header(ci byte, b []byte) error {
	if ci == ciLong {
		if len(b) < addressLen {
			return short(len(b), addressLen)
		}
		m.meter = headerAddress(b)
		b = b[addressLen:]
	}
	if len(b) < 4 {
		return short(len(b), 4)
	}
	m.access, m.status = b[0], b[1]
	config := binary.LittleEndian.Uint16(b[2:])
	m.body = b[4:]
	m.mode = int(config >> 8 & 0x1F)
	m.blocks = int(config >> 4 & 0x0F)
	if m.mode == 7 {
		if len(m.body) < 1 {
			return short(0, 1)
		}
		m.kdf = m.body[0] >> 4 & 3
		m.body = m.body[1:]
	}
	if m.mode == 0 {
		m.blocks = 0
	}
	return nil
}
