package dlms

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/glo"
)

// maxTelegram is longer than any meter sends by itself, put together.
const maxTelegram = 8 << 10

// llc is what stands before the data in the first HDLC frame of a telegram; the second of
// its kind is of a question.
func llc(b []byte) (rest []byte, has bool) {
	for _, head := range [][]byte{{0xE6, 0xE7, 0x00}, {0xE6, 0xE6, 0x00}} {
		if rest, ok := bytes.CutPrefix(b, head); ok {
			return rest, true
		}
	}
	return b, false
}

// assembler puts telegrams together of the pieces of frames: segments of HDLC, blocks of
// DLMS (general-block-transfer), segments of M-Bus.
type assembler struct {
	open   bool // some of a telegram is there
	mbus   bool
	blocks bool // what is open are blocks
	next   int  // number of the next segment or block
	parts  []byte
	at     time.Time // when the newest piece came
}

// pause is longer than any between the pieces of a telegram, and shorter than that between
// two telegrams, of which else the first half of one and the second of another were one.
const pause = 4 * time.Second

// came says when the next piece came.
func (a *assembler) came(at time.Time) error {
	since := at.Sub(a.at)
	a.at = at
	if since >= 0 && since < pause {
		return nil
	}
	return a.lost()
}

// lost throws away what is open; it is an error where there was anything.
func (a *assembler) lost() error {
	was := a.open
	*a = assembler{parts: a.parts[:0], at: a.at}
	if was {
		return metering.Fail(metering.Short, op, "check the cable; a few lost telegrams are harmless", "a frame of a telegram in several is missing")
	}
	return nil
}

// add takes one piece.  The telegram is nil until it is whole; there may be one and an
// error that tells of the one before.
func (a *assembler) add(p piece) (telegram []byte, err error) {
	if a.open && a.mbus != p.mbus {
		err = a.lost()
	}
	var more error
	if p.mbus {
		telegram, more = a.mbusSegment(p)
	} else {
		telegram, more = a.hdlcSegment(p)
	}
	if err == nil {
		err = more
	}
	if len(a.parts) > maxTelegram {
		_ = a.lost()
		return nil, metering.Fail(metering.UnknownReply, op, "send what came to the project", "a telegram of more than %d bytes", maxTelegram)
	}
	if len(telegram) == 0 {
		return nil, err // a frame or a block may hold nothing but its head
	}
	return telegram, err
}

func (a *assembler) mbusSegment(p piece) (telegram []byte, err error) {
	if p.seq == 0 {
		err = a.lost()
	} else if !a.open || a.next != int(p.seq) {
		a.open = true
		return nil, a.lost()
	}
	a.open, a.mbus, a.next = true, true, int(p.seq)+1
	a.parts = append(a.parts, p.body...)
	if !p.more {
		telegram = a.taken()
	}
	return telegram, err
}

// taken is what was put together; the next begins anew.
func (a *assembler) taken() []byte {
	out := bytes.Clone(a.parts)
	*a = assembler{parts: a.parts[:0], at: a.at}
	return out
}

func (a *assembler) hdlcSegment(p piece) (telegram []byte, err error) {
	body, first := llc(p.body)
	if !a.open || a.blocks {
		// A telegram or a block of one begins.
		switch {
		case len(body) > 0 && body[0] == blockTag && !p.more:
			return a.block(body, first)
		case first, len(body) > 0 && (body[0] == notificationTag || body[0] == glo.Tag):
			err = a.lost()
		default:
			a.open = true
			return nil, a.lost()
		}
	} else if first {
		err = a.lost()
	}
	a.open = true
	a.parts = append(a.parts, body...)
	if !p.more {
		telegram = a.taken()
	}
	return telegram, err
}

// blockTag is that of general-block-transfer, and lastBlock the bit of its control.
const (
	blockTag  = 0xE0
	lastBlock = 0x80
)

// block takes one block: control, its number, the number acknowledged, and its bytes.
func (a *assembler) block(b []byte, first bool) (telegram []byte, err error) {
	in, n, err := blockBytes(b)
	if err != nil {
		_ = a.lost()
		return nil, &metering.Error{Code: metering.UnknownReply, Op: op, Err: err, Remedy: "a few such frames are harmless; if all are, send one to the project"}
	}
	if n == 1 || first && !a.open {
		err = a.lost()
	}
	if n != 1 && (!a.open || n != a.next) {
		a.open = true
		return nil, a.lost()
	}
	a.open, a.blocks, a.next = true, true, n+1
	a.parts = append(a.parts, in...)
	if b[1]&lastBlock != 0 {
		telegram = a.taken()
	}
	return telegram, err
}

func blockBytes(b []byte) (in []byte, number int, err error) {
	const head = 6
	if len(b) < head+1 {
		return nil, 0, errors.New("a block without a head")
	}
	n, size, err := glo.Length(b[head:])
	if err != nil {
		return nil, 0, err
	}
	if len(b) != head+size+n {
		return nil, 0, errors.New("a block is not as long as it says")
	}
	return b[head+size:], int(binary.BigEndian.Uint16(b[2:])), nil
}
