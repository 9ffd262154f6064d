package dlms

import (
	"bytes"
	"encoding/binary"

	"github.com/keeplit/keeplit/metering"
)

const (
	flag   = 0x7E // begins and ends an HDLC frame
	escape = 0x7D // of frames with stuffed bytes
	start  = 0x68 // begins an M-Bus long frame, twice
	stop   = 0x16 // ends one
)

// piece is what one good frame carries.
type piece struct {
	mbus bool
	body []byte
	more bool // more of the same telegram follows
	seq  byte // of M-Bus: the number of the segment, from 0
}

// state is what the bytes from some place on are.
type state int

const (
	not     state = iota // no frame
	partial              // perhaps the beginning of one
	bad                  // one whose check sum is wrong
	torn                 // one that is not as long as it says
	whole                // one
	other                // a good frame that carries no data
)

// split finds the next frame.  Everything before used is done with.  A frame within whose
// length another good one begins was cut.
func split(data []byte, atEnd bool) (p piece, found bool, used int, err error) {
	waiting := -1
	for at := 0; at < len(data); at++ {
		var s state
		var n int
		switch data[at] {
		case flag:
			p, n, s = hdlc(data[at:])
		case start:
			p, n, s = mbus(data[at:])
		default:
			continue
		}
		switch {
		case s == partial && waiting < 0:
			waiting = at
		case (s == whole || s == other) && waiting >= 0:
			return piece{}, false, at, cut(at - waiting)
		case s == whole:
			return p, true, at + n, nil
		case s == other:
			return piece{}, false, at + n, nil
		case s == torn && waiting < 0:
			return piece{}, false, at + n, metering.Fail(metering.Short, op, "check the cable; a few lost telegrams are harmless", "a frame is not as long as it says")
		case s == bad && waiting < 0:
			return piece{}, false, at + n, metering.Fail(metering.Checksum, op, "check the cable; a few wrong telegrams are harmless", "the check sum of a frame is wrong")
		}
	}
	switch {
	case waiting < 0:
		return piece{}, false, len(data), nil
	case !atEnd:
		return piece{}, false, waiting, nil
	case len(data)-waiting < 4:
		return piece{}, false, len(data), nil
	}
	return piece{}, false, len(data), cut(len(data) - waiting)
}

func cut(n int) error {
	return metering.Fail(metering.Short, op, "check the cable; a few lost telegrams are harmless", "a frame ends after %d bytes", n)
}

// The least and the greatest that the length of an HDLC frame with data can be.
const (
	leastHDLC = 10
	mostHDLC  = 0x7FF
)

// hdlc reads a frame of IEC 62056-46 (format type 3) that b begins with, and tells how
// many bytes are done with.  The closing flag may open the next one, so it is not among
// them.  Meters do not stuff bytes, as the length makes that needless; gateways may.
func hdlc(b []byte) (p piece, n int, s state) {
	p, n, s = plainHDLC(b)
	if s == whole || s == other || s == not {
		return p, n, s
	}
	end := bytes.IndexByte(b[1:], flag)
	if end < 0 {
		end = len(b) - 1
		if s != partial && end <= 2*mostHDLC && bytes.IndexByte(b[1:], escape) >= 0 {
			return piece{}, 0, partial // it may be whole once its end is here
		}
		return piece{}, n, s
	}
	if in := b[1 : 1+end]; bytes.IndexByte(in, escape) >= 0 {
		full := append(append([]byte{flag}, unstuff(in)...), flag)
		if q, m, t := plainHDLC(full); t == whole && m == len(full)-1 {
			return q, 1 + end, whole
		}
	}
	return piece{}, n, s
}

func unstuff(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == escape && i+1 < len(b) {
			i++
			out = append(out, b[i]^0x20)
			continue
		}
		out = append(out, b[i])
	}
	return out
}

// head reads what an HDLC frame holds before its information: in is where that begins.
// Its state is whole where the check sum of the head fits, or where it has none.
func head(b []byte) (length, in int, control byte, s state) {
	if len(b) < 3 {
		if len(b) == 2 && b[1]&0xF0 != 0xA0 {
			return 0, 0, 0, not
		}
		return 0, 0, 0, partial
	}
	length = int(b[1]&7)<<8 | int(b[2])
	if b[1]&0xF0 != 0xA0 || length < 7 {
		return 0, 0, 0, not
	}
	at := 3
	for range 2 { // the addresses, of 1 to 4 bytes; the last has its lowest bit set
		for first := at; ; at++ {
			if at >= len(b) {
				return 0, 0, 0, partial
			}
			if at == first+4 {
				return 0, 0, 0, not
			}
			if b[at]&1 != 0 {
				at++
				break
			}
		}
	}
	if at+3 > len(b) {
		return 0, 0, 0, partial
	}
	control = b[at]
	at++
	if length >= leastHDLC && binary.LittleEndian.Uint16(b[at:]) != x25(b[1:at]) {
		return 0, 0, 0, bad
	}
	return length, at + 2, control, whole
}

func plainHDLC(b []byte) (p piece, n int, s state) {
	length, in, control, s := head(b)
	if s != whole {
		return piece{}, 1, s
	}
	end := 1 + length // of the closing flag
	if end >= len(b) {
		return piece{}, 0, partial
	}
	if b[end] != flag {
		return piece{}, 1, torn
	}
	if binary.LittleEndian.Uint16(b[end-2:]) != x25(b[1:end-2]) {
		for at := 1; at < end; at++ {
			if b[at] == flag {
				if _, _, _, s := head(b[at:]); s == whole {
					return piece{}, at, torn // another one begins within it
				}
			}
		}
		return piece{}, end, bad
	}
	if in >= end-2 || control&1 != 0 && control&^0x10 != 0x03 { // nothing inside, or no information
		return piece{}, end, other
	}
	return piece{body: b[in : end-2], more: b[1]&8 != 0}, end, whole
}

// x25 is the check sum of HDLC, which is sent low byte first.
func x25(b []byte) uint16 {
	v := uint16(0xFFFF)
	for _, c := range b {
		v ^= uint16(c)
		for range 8 {
			if v&1 != 0 {
				v = v>>1 ^ 0x8408
			} else {
				v >>= 1
			}
		}
	}
	return v ^ 0xFFFF
}

// What an M-Bus frame holds before its data: control, address, control information, and of
// a segment of DLMS the two service points.
const headMBus = 5

// mbus reads a long frame of EN 13757-2 with a segment of DLMS (EN 13757-3: control
// information 00 to 1F) that b begins with.  One maker sends frames of 256 bytes and a
// little more, whose length then begins anew at 0.
func mbus(b []byte) (p piece, n int, s state) {
	if len(b) > 2 && b[2] != b[1] || len(b) > 3 && b[3] != start {
		return piece{}, 0, not
	}
	if len(b) < 4 {
		return piece{}, 0, partial
	}
	n = int(b[1])
	if n <= headMBus {
		n += 256
	}
	if n += 6; len(b) < n {
		return piece{}, 0, partial
	}
	in := b[4 : n-2]
	sum := byte(0)
	for _, c := range in {
		sum += c
	}
	switch {
	case b[n-1] != stop:
		return piece{}, 1, torn
	case sum != b[n-2]:
		return piece{}, n, bad
	case in[2] > 0x1F:
		return piece{}, n, other
	}
	return piece{mbus: true, body: in[headMBus:], more: in[2]&0x10 == 0, seq: in[2] & 0x0F}, n, whole
}
