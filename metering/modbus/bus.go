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
	id     uint16 // TCP: the last question's number
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
	b.conn, b.dirty, b.silent = nil, false, 0
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
	if b.conn == nil {
		conn, err := b.open(ctx)
		if err != nil {
			return nil, line.OpenError(b.name, err)
		}
		b.conn = conn
	}
	if b.dirty && b.framing == RTU {
		line.Drain(ctx, b.conn, b.timeout/4)
		b.dirty = false
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

// after decides from the outcome what the next question needs.
func (b *Bus) after(err error) {
	code := metering.CodeOf(err)
	switch {
	case err == nil, code == metering.Exception:
		b.silent = 0
		return
	case code == metering.Silent:
		b.silent++
	}
	b.dirty = true
	// A serial line goes on after a bad answer.  A network connection whose
	// framing is in doubt, or that hangs, is of no more use.
	if code == metering.Offline || b.framing == TCP || b.silent >= silentBeforeReopen {
		_ = b.hangUp() // it is already broken; the failure that counts is err
	}
}

func (b *Bus) askRTU(ctx context.Context, q request) ([]uint16, error) {
	if err := b.send(q, q.rtu()); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	var buf [256]byte
	if n, err := line.ReadFull(wait, b.conn, buf[:3]); err != nil {
		return nil, line.ReadError(q.op(), n, err)
	}
	n, err := q.replyLength(buf[:3])
	if err != nil {
		return nil, err
	}
	if m, err := line.ReadFull(wait, b.conn, buf[3:n]); err != nil {
		return nil, line.ReadError(q.op(), 3+m, err)
	}
	return q.parseReply(buf[:n])
}

func (b *Bus) askTCP(ctx context.Context, q request) ([]uint16, error) {
	b.id++
	if err := b.send(q, q.tcp(b.id)); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	var buf [260]byte
	for {
		if n, err := line.ReadFull(wait, b.conn, buf[:7]); err != nil {
			return nil, line.ReadError(q.op(), n, err)
		}
		size := int(binary.BigEndian.Uint16(buf[4:]))
		if buf[2] != 0 || buf[3] != 0 || size < 3 || size > 254 {
			return nil, metering.Fail(metering.UnknownReply, q.op(), "check that the address and port are a Modbus TCP server's", "its header is % x", buf[:7])
		}
		if n, err := line.ReadFull(wait, b.conn, buf[7:6+size]); err != nil {
			return nil, line.ReadError(q.op(), 7+n, err)
		}
		if binary.BigEndian.Uint16(buf[:]) != b.id {
			continue // a late answer to an earlier question
		}
		if buf[6] != q.unit {
			return nil, metering.Fail(metering.UnknownReply, q.op(), "check the unit id", "unit %d answered", buf[6])
		}
		return q.registers(buf[7 : 6+size])
	}
}

// send writes a whole frame.
func (b *Bus) send(q request, frame []byte) error {
	n, err := b.conn.Write(frame)
	if err == nil && n < len(frame) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return &metering.Error{Code: metering.Offline, Op: q.op(), Err: err, Remedy: "check the cable and the adapter"}
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
