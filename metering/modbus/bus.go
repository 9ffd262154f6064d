package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

// Framing is how questions are wrapped.
type Framing int

// The two framings.
const (
	RTU Framing = iota
	TCP
)

// silentBeforeReopen is how many questions in a row may stay without an answer
// before the connection is opened anew: an adapter that was pulled out and put
// back needs it, a meter without power does not mind.
const silentBeforeReopen = 4

// Bus is one serial line or network connection.  It opens the connection when
// it is first needed and again after it broke.  Its methods may be called by
// several goroutines; they take turns.
type Bus struct {
	open    line.Opener
	framing Framing
	name    string
	timeout time.Duration

	turn   chan struct{} // holds one token
	conn   line.Conn
	silent int // questions in a row without an answer
	dirty  bool
	owed   bool   // RTU: an answer may still come to a question that was given up
	id     uint16 // TCP: the last question's number
	asked  int    // TCP: questions since the connection was opened
	// TCP: the number that answers came under and that was not asked for, and
	// whether they always do, as behind a gateway that does not give numbers back.
	strange *uint16
	fixed   bool
}

// NewBus makes a bus over connections that open opens; name is for messages.
// timeout is how long an answer may take; zero takes one second.
func NewBus(name string, framing Framing, open line.Opener, timeout time.Duration) *Bus {
	if timeout <= 0 {
		timeout = time.Second
	}
	b := &Bus{open: open, framing: framing, name: name, timeout: timeout, turn: make(chan struct{}, 1)}
	b.turn <- struct{}{}
	return b
}

// Close closes the connection.  The bus opens it again if it is used again.
func (b *Bus) Close() error {
	<-b.turn
	defer func() { b.turn <- struct{}{} }()
	return b.hangUp()
}

func (b *Bus) hangUp() error {
	if b.conn == nil {
		return nil
	}
	err := b.conn.Close()
	b.conn, b.dirty, b.silent, b.asked = nil, false, 0, 0
	return err
}

// read asks one question and answers the registers.
func (b *Bus) read(ctx context.Context, q request) ([]uint16, error) {
	select {
	case <-b.turn:
		defer func() { b.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	regs, err := b.once(ctx, q)
	if err == nil || ctx.Err() != nil || !again(err) {
		return regs, err
	}
	return b.once(ctx, q)
}

// again tells whether the same question may be answered the next time.
func again(err error) bool {
	if e := exception(0); errors.As(err, &e) {
		return e == 5 || e == 6 || e == 11
	}
	var closed *notOpen
	return !errors.As(err, &closed)
}

// notOpen is a connection that could not be opened.
type notOpen struct{ error }

func (e *notOpen) Unwrap() error { return e.error }

// once asks one question a single time.
func (b *Bus) once(ctx context.Context, q request) ([]uint16, error) {
	if b.conn == nil {
		conn, err := b.open(ctx)
		if err != nil {
			return nil, line.OpenError(b.name, &notOpen{err})
		}
		b.conn = conn
	}
	if b.framing == RTU {
		// Nobody has asked: whatever is there is no answer.  An answer that is late
		// may still be on its way, and nothing would tell it from that to the next.
		quiet := momentary
		switch {
		case b.owed:
			quiet = 2 * b.timeout
		case b.dirty:
			quiet = b.timeout / 4
		}
		line.Drain(ctx, b.conn, quiet)
		b.dirty, b.owed = false, false
	}
	var regs []uint16
	var err error
	if b.framing == TCP {
		regs, err = b.askTCP(ctx, q)
	} else {
		regs, err = b.askRTU(ctx, q)
	}
	b.after(err)
	return regs, err
}

// momentary is enough to see what has already come.
const momentary = 2 * time.Millisecond

// after decides from the outcome what the next question needs.
func (b *Bus) after(err error) {
	code := metering.CodeOf(err)
	switch {
	case err == nil, code == metering.Exception:
		b.silent = 0
		return
	case code == metering.Silent:
		b.silent++
		b.owed = true
	}
	b.dirty = true
	// A serial line goes on after a bad answer.  A network connection whose
	// framing is in doubt, or that hangs, is of no more use.
	if code == metering.Offline || b.framing == TCP || b.silent >= silentBeforeReopen {
		_ = b.hangUp() // it is already broken; the failure that counts is err
	}
}

// askRTU takes the first whole answer to q out of what comes: before it may be
// stray bytes, and the question itself where the adapter hears what it sends.
func (b *Bus) askRTU(ctx context.Context, q request) ([]uint16, error) {
	if err := b.send(q, q.rtu()); err != nil {
		return nil, err
	}
	var buf [2 * maxFrame]byte
	n := 0
	for patience := b.timeout; n < len(buf); patience = b.timeout / 4 {
		wait, cancel := context.WithTimeout(ctx, patience)
		m, err := line.Read(wait, b.conn, buf[n:])
		cancel()
		if err != nil {
			if n > 0 && errors.Is(err, context.DeadlineExceeded) {
				break // it has come to its end
			}
			return nil, line.ReadError(q.op(), n, err)
		}
		n += m
		if frame := q.find(buf[:n]); frame != nil {
			return q.parseReply(frame)
		}
	}
	return nil, q.puzzle(buf[:n])
}

func (b *Bus) askTCP(ctx context.Context, q request) ([]uint16, error) {
	b.id++
	b.asked++
	if err := b.send(q, q.tcp(b.id)); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	var buf [260]byte
	var other *uint16 // the number of an answer that was not asked for
	for {
		if n, err := line.ReadFull(wait, b.conn, buf[:7]); err != nil {
			if other != nil && n == 0 && errors.Is(err, context.DeadlineExceeded) {
				b.strange = other
				return nil, metering.Fail(metering.UnknownReply, q.op(), "the gateway mixes up its questions, or gives the number back that it likes: have nobody else ask it, or replace it",
					"the answer has the transaction id %d, the question had %d", *other, b.id)
			}
			return nil, line.ReadError(q.op(), n, err)
		}
		size := int(binary.BigEndian.Uint16(buf[4:]))
		if buf[2] != 0 || buf[3] != 0 || size < 3 || size > 254 {
			return nil, metering.Fail(metering.UnknownReply, q.op(), "check that the address and port are a Modbus TCP server's; one that passes a serial line on needs framing: rtu", "its header is % x", buf[:7])
		}
		if n, err := line.ReadFull(wait, b.conn, buf[7:6+size]); err != nil {
			return nil, line.ReadError(q.op(), 7+n, err)
		}
		if id := binary.BigEndian.Uint16(buf[:]); id != b.id && !b.always(id) {
			other = &id // it may be a second answer to an earlier question
			continue
		}
		if buf[6] != q.unit {
			return nil, metering.Fail(metering.UnknownReply, q.op(), fmt.Sprintf("write unit: %d where that is the meter", buf[6]), "unit %d answered", buf[6])
		}
		return q.registers(buf[7 : 6+size])
	}
}

// always tells whether the gateway answers under this number whatever it was
// asked: once it has answered so to the first question of two connections, where
// nothing can be an answer to another question of ours.
func (b *Bus) always(id uint16) bool {
	if b.strange == nil || *b.strange != id {
		return false
	}
	b.fixed = b.fixed || b.asked == 1
	return b.fixed
}

// send writes a whole frame.
func (b *Bus) send(q request, frame []byte) error {
	n, err := b.conn.Write(frame)
	if err == nil && n < len(frame) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return line.Broken(q.op(), err)
	}
	return nil
}

// Registers asks unit for count registers from address on, from the input
// table or the holding table.
func (b *Bus) Registers(ctx context.Context, unit int, holding bool, address, count int) ([]uint16, error) {
	q := request{unit: byte(unit), function: readInput, address: uint16(address), count: uint16(count)}
	if holding {
		q.function = readHolding
	}
	if unit < 0 || unit > 255 || address < 0 || count < 1 || count > maxRegisters || address+count > 1<<16 {
		return nil, fmt.Errorf("modbus: no such registers: unit %d, %d from %d on", unit, count, address)
	}
	return b.read(ctx, q)
}

// isRefusal tells whether the device is there and said no.
func isRefusal(err error) bool {
	var e exception
	return errors.As(err, &e)
}

// isIllegal tells whether it said no to what it was asked for.
func isIllegal(err error) bool {
	var e exception
	return errors.As(err, &e) && e <= 3
}
