package wmbus

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// addressLen is the length of an address on the wire.
const addressLen = 8

// address names a meter.  Numbers are given out by each maker for himself.
type address struct {
	maker   [2]byte // three letters of five bits, low byte first
	number  [4]byte // eight decimal digits, the last two first
	version byte
	kind    byte
}

// linkAddress reads an address as the link layer has it.
func linkAddress(b []byte) address {
	return address{maker: [2]byte(b[:2]), number: [4]byte(b[2:6]), version: b[6], kind: b[7]}
}

// headerAddress reads an address as the long header has it: the number first.
func headerAddress(b []byte) address {
	return address{number: [4]byte(b[:4]), maker: [2]byte(b[4:6]), version: b[6], kind: b[7]}
}

// wire is the address as the link layer has it.
func (a address) wire() []byte {
	out := append(append(make([]byte, 0, addressLen), a.maker[:]...), a.number[:]...)
	return append(out, a.version, a.kind)
}

// letters are those of the maker.
func (a address) letters() string {
	m := binary.LittleEndian.Uint16(a.maker[:]) & 0x7FFF
	return string([]byte{byte(m>>10) + 64, byte(m>>5)&31 + 64, byte(m)&31 + 64})
}

// digits are those of the number, as the meter has them printed on.
func (a address) digits() string {
	n := a.number
	return hex.EncodeToString([]byte{n[3], n[2], n[1], n[0]})
}

// String names the meter, e.g. APA-10101010.
func (a address) String() string { return a.letters() + "-" + a.digits() }

// The kinds of devices that may be an electricity meter.
const (
	electricity = 0x02
	converter   = 0x37 // a radio module that does not tell what it is on
)

// electric tells whether it may be an electricity meter.
func (a address) electric() bool { return a.kind == electricity || a.kind == converter }

// kindName is what a device is that is no electricity meter.
func kindName(kind byte) string {
	switch kind {
	case 0x03:
		return "a gas meter"
	case 0x04, 0x0C, 0x0D:
		return "a heat meter"
	case 0x0A, 0x0B:
		return "a cooling meter"
	case 0x06, 0x07, 0x15, 0x16, 0x28:
		return "a water meter"
	case 0x08:
		return "a heat cost allocator"
	}
	return fmt.Sprintf("a device of kind %02X", kind)
}
