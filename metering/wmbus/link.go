package wmbus

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/keeplit/keeplit/metering"
)

// The link layer of EN 13757-4: a length, and after it as many bytes.
const (
	headLen  = 10 // length, control, maker, number, version, kind
	blockLen = 16 // of frame format A, after the first block, which is the head
	crcLen   = 2
	// secondB is what the first check sum of frame format B covers at the most, its own
	// two bytes included.
	secondB = 128
	// least is the length of a frame that says anything: up to the control information.
	least = headLen
	// tacked is how many bytes receivers tack on (signal strength and the like).
	tacked = 2
)

// crc is the check sum of EN 13757-4, which is sent high byte first.
func crc(b []byte) uint16 {
	sum := uint16(0)
	for _, c := range b {
		sum ^= uint16(c) << 8
		for range 8 {
			if sum&0x8000 != 0 {
				sum = sum<<1 ^ 0x3D65
			} else {
				sum <<= 1
			}
		}
	}
	return sum ^ 0xFFFF
}

// sealed tells whether b ends with the check sum of what is before it.
func sealed(b []byte) bool {
	n := len(b) - crcLen
	return n >= 0 && binary.BigEndian.Uint16(b[n:]) == crc(b[:n])
}

// plain is a frame without check sums, its length at its beginning.  Receivers hand frames
// on as they came, in format A or B, or have checked and taken out the sums themselves;
// which of them it is shows.  A frame of format B whose sums do not fit looks as one
// without: bare.
func plain(b []byte) (out []byte, bare bool, err error) {
	if len(b) == 0 {
		return nil, false, short(0, least+1)
	}
	n := int(b[0])
	if n < least {
		return nil, false, errors.New("it is too short for a meter's address")
	}
	whole := 1 + n
	sums := crcLen * (1 + (whole-headLen+blockLen-1)/blockLen)
	if len(b) < whole {
		return nil, false, short(len(b), whole)
	}
	switch over := len(b) - whole; {
	case over >= sums && over <= sums+tacked && sealed(b[:headLen+crcLen]):
		out, err = formatA(b[:whole+sums], whole)
		return out, false, err
	case over <= tacked:
		out = formatB(b[:whole])
		return out, len(out) == whole, nil
	case over >= sums && over <= sums+tacked:
		return nil, false, errSum
	default:
		return nil, false, fmt.Errorf("it has %d bytes and says that it has %d", len(b), whole)
	}
}

// ear knows whether a receiver hands frames on with their sums.
type ear int

// enough is how many frames with sums, more than without, show that a receiver takes none
// out.  A sum fits by accident in one frame of 65,536.
const (
	enough  = 2
	mostEar = 8
)

// plain is plain of a frame of this receiver: one without sums is not believed of a
// receiver that takes none out.
func (e *ear) plain(b []byte) ([]byte, error) {
	out, bare, err := plain(b)
	switch {
	case err != nil:
	case !bare:
		*e = min(*e+1, mostEar)
	case *e >= enough:
		*e--
		return nil, errSum
	default:
		*e = 0
	}
	return out, err
}

// errSum is a frame that is not as it was sent.
var errSum = errors.New("the check sum of a frame is wrong")

// errShort is a frame that is not all there.
var errShort = errors.New("a frame ends too early")

func short(got, want int) error {
	return fmt.Errorf("%w: after %d of %d bytes", errShort, got, want)
}

// formatA takes the sums out of a frame that has one after each block.
func formatA(b []byte, whole int) ([]byte, error) {
	out := make([]byte, 0, whole)
	for size := headLen; len(b) > 0; size = blockLen {
		end := min(size+crcLen, len(b))
		if !sealed(b[:end]) {
			return nil, errSum
		}
		out = append(out, b[:end-crcLen]...)
		b = b[end:]
	}
	return out, nil
}

// formatB takes the sums out of a frame of format B, whose length counts them: one after
// the first 126 bytes, or after all where these are no more, and one after the rest.
// Where they do not fit the frame has none: whoever took them out has looked at them.
func formatB(b []byte) []byte {
	first := min(len(b), secondB)
	if !sealed(b[:first]) || len(b) > first && !sealed(b[first:]) {
		return b
	}
	out := append([]byte{0}, b[1:first-crcLen]...)
	if len(b) > first {
		out = append(out, b[first:len(b)-crcLen]...)
	}
	out[0] = byte(len(out) - 1)
	return out
}

// wrong puts what is wrong with a frame into the meter's terms.
func wrong(err error) error {
	code, remedy := metering.UnknownReply, "a few such telegrams are harmless; if all are, send one to the project, without the key"
	switch {
	case errors.Is(err, errSum):
		code, remedy = metering.Checksum, "a few wrong telegrams are harmless; if many are, put the receiver nearer to the meter"
	case errors.Is(err, errShort):
		code, remedy = metering.Short, "a few lost telegrams are harmless; if many are, put the receiver nearer to the meter"
	}
	return &metering.Error{Code: code, Op: op, Err: err, Remedy: remedy}
}
