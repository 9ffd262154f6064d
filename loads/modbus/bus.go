package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"time"

	"go.bug.st/serial"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/loads"
)

// Lines are the lines and connections that switches hang on, several on one.  It is a
// loads.Buses.
type Lines struct {
	mu    sync.Mutex
	buses map[string]*bus
}

// NewLines has none so far.
func NewLines() *Lines { return &Lines{buses: map[string]*bus{}} }

// Bus implements loads.Buses.
func (n *Lines) Bus(at loads.BusAt) (loads.Bus, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, err := filepath.EvalSymlinks(at.Port); err == nil {
		at.Port = name // a device has several names, /dev/serial/by-id say, and is opened once
	}
	if b := n.buses[at.Port]; b != nil {
		if b.at.RTU != at.RTU || b.at.Baud != at.Baud || b.at.Parity != at.Parity {
			return nil, fmt.Errorf("modbus: %s is set to %v for another switch; set it alike for all", at.Port, b.at)
		}
		return b, nil
	}
	b := &bus{at: at, turn: make(chan struct{}, 1), reads: make(chan struct{}, 1)}
	b.turn <- struct{}{}
	b.reads <- struct{}{}
	n.buses[at.Port] = b
	return b, nil
}

// Close closes them all.  One that is asked again is opened again.
func (n *Lines) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, b := range n.buses {
		<-b.turn
		errs = append(errs, b.hangUp())
		b.turn <- struct{}{}
	}
	return errors.Join(errs...)
}

// bus is one line or connection.  One question at a time is on it.
type bus struct {
	at loads.BusAt
	// turn holds one token, who has it asks.  Who reads has that of reads first, so that one who
	// reads at most is before a command: of many units that are dead each read takes its whole patience.
	turn, reads chan struct{}
	conn        conn      // nil: it is not open
	id          uint16    // TCP: of the last question
	owed        time.Time // RTU on a serial line: an answer to a question that was given up may come until then
}

// conn is an open line.
type conn interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// settle is the silence between two frames on a serial line: 3.5 characters at 9600 baud are 4 ms.
const settle = 5 * time.Millisecond

// Ask implements loads.Bus.  What goes wrong closes the connection, so that no late answer is
// taken for one to the next question; on a serial line it is waited out.
func (b *bus) Ask(ctx context.Context, unit byte, pdu []byte, patience time.Duration) ([]byte, error) {
	gates := []chan struct{}{b.turn}
	if pdu[0] <= readRegisters {
		gates = []chan struct{}{b.reads, b.turn}
	}
	for _, gate := range gates {
		select {
		case <-gate:
			defer func() { gate <- struct{}{} }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	reused := b.conn != nil
	answer, err := b.once(ctx, unit, pdu, patience)
	if err != nil && reused && b.conn == nil && !isTimeout(err) && ctx.Err() == nil {
		answer, err = b.once(ctx, unit, pdu, patience) // the other side had hung up meanwhile
	}
	if isTimeout(err) {
		err = errors.New("it does not answer; check unit, wires and speed")
	}
	if err != nil {
		return nil, fmt.Errorf("modbus: unit %d at %s: %w", unit, b.at.Port, err)
	}
	return answer, nil
}

// once asks a single time, on a line that it opens where that is not open.
func (b *bus) once(ctx context.Context, unit byte, pdu []byte, patience time.Duration) ([]byte, error) {
	until := func() time.Time {
		at := time.Now().Add(patience)
		if end, ok := ctx.Deadline(); ok && end.Before(at) {
			return end
		}
		return at
	}
	if err := b.open(ctx, until()); err != nil {
		return nil, err
	}
	answer, err := b.ask(unit, pdu, until()) // a serial line may have been waited for
	var no exception
	if err != nil && !errors.As(err, &no) {
		b.owed = time.Now().Add(patience)
		_ = b.hangUp() // it is broken; the failure that counts is err
	}
	return answer, err
}

func isTimeout(err error) bool {
	var slow net.Error
	return err != nil && (errors.Is(err, context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout())
}

func (b *bus) hangUp() error {
	if b.conn == nil {
		return nil
	}
	err := b.conn.Close()
	b.conn = nil
	return err
}

// onNetwork tells whether the port is host:port.
func (b *bus) onNetwork() bool { return (&Document{Port: b.at.Port}).onNetwork() }

func (b *bus) open(ctx context.Context, until time.Time) error {
	if b.conn == nil && b.onNetwork() {
		dial, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		c, err := (&net.Dialer{}).DialContext(dial, "tcp", b.at.Port)
		if err != nil {
			return err
		}
		b.conn = c
	}
	if b.conn == nil {
		mode := &serial.Mode{BaudRate: b.at.Baud, DataBits: 8, StopBits: serial.OneStopBit, Parity: map[string]serial.Parity{"even": serial.EvenParity, "odd": serial.OddParity}[b.at.Parity]}
		p, err := serial.Open(b.at.Port, mode)
		if err != nil {
			return err
		}
		b.conn = &port{Port: p}
	}
	if b.at.RTU {
		return b.quiet(until)
	}
	return nil
}

// quiet waits until nothing comes on the line that nobody has asked for.
func (b *bus) quiet(until time.Time) error {
	var junk [256]byte
	for end := civil.Later(time.Now(), b.owed); ; {
		if err := b.conn.SetReadDeadline(civil.Later(time.Now().Add(settle), end)); err != nil {
			return err
		}
		n, err := b.conn.Read(junk[:])
		switch {
		case err != nil && !isTimeout(err):
			_ = b.hangUp() // it is broken; the failure that counts is err
			return err
		case n == 0 && !time.Now().Before(end):
			return nil
		case time.Now().After(civil.Later(until, b.owed)):
			return errors.New("somebody else speaks on the line all the time")
		}
	}
}

// ask asks once on an open line.
func (b *bus) ask(unit byte, pdu []byte, until time.Time) ([]byte, error) {
	if err := b.conn.SetWriteDeadline(until); err != nil {
		return nil, err
	}
	if err := b.conn.SetReadDeadline(until); err != nil {
		return nil, err
	}
	if b.at.RTU {
		return b.rtu(unit, pdu)
	}
	b.id++
	frame := binary.BigEndian.AppendUint16(nil, b.id)
	frame = binary.BigEndian.AppendUint16(frame, 0)
	frame = binary.BigEndian.AppendUint16(frame, uint16(len(pdu)+1))
	if _, err := b.conn.Write(append(append(frame, unit), pdu...)); err != nil {
		return nil, err
	}
	var head [7]byte
	if _, err := io.ReadFull(b.conn, head[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint16(head[4:]))
	if head[2] != 0 || head[3] != 0 || size < 3 || size > 254 {
		return nil, errors.New("what answers is no Modbus TCP; one that passes a serial line on needs framing: rtu")
	}
	answer := make([]byte, size-1)
	if _, err := io.ReadFull(b.conn, answer); err != nil {
		return nil, err
	}
	if id := binary.BigEndian.Uint16(head[:]); id != b.id || head[6] != unit {
		return nil, fmt.Errorf("the answer is to question %d of unit %d, and was %d", id, head[6], b.id)
	}
	return checked(pdu, answer)
}

func (b *bus) rtu(unit byte, pdu []byte) ([]byte, error) {
	frame := append([]byte{unit}, pdu...)
	if _, err := b.conn.Write(binary.LittleEndian.AppendUint16(frame, crc(frame))); err != nil {
		return nil, err
	}
	var buf [260]byte
	n := 0
	for {
		m, err := b.conn.Read(buf[n:])
		if err != nil {
			return nil, err
		}
		n += m
		if n < 3 {
			continue
		}
		size := 8 // as the answers to what is written
		switch f := buf[1]; {
		case f&0x80 != 0:
			size = 5
		case f <= 4:
			size = 5 + int(buf[2])
		}
		switch {
		case n < size && size <= len(buf):
			continue
		case n > size || size > len(buf):
			return nil, errors.New("the answer is longer than it should be")
		case binary.LittleEndian.Uint16(buf[size-2:]) != crc(buf[:size-2]):
			return nil, errors.New("the answer's check sum is wrong; look at the wires and their ends")
		case buf[0] != unit:
			return nil, fmt.Errorf("unit %d answers", buf[0])
		}
		return checked(pdu, append([]byte(nil), buf[1:size-2]...))
	}
}

// exception is what a device refuses a question with.
type exception byte

func (e exception) Error() string {
	names := map[exception]string{
		1: "it does not know the function", 2: "it has no such coil or register; one that counts from 1 (40001) has one more than the wire", 3: "it does not take the value",
		4: "it says itself that it is out of order", 5: "it is busy", 6: "it is busy", 10: "the gateway has no way to it", 11: "behind the gateway nobody answers",
	}
	if n, ok := names[e]; ok {
		return fmt.Sprintf("exception %d: %s", byte(e), n)
	}
	return fmt.Sprintf("exception %d", byte(e))
}

// checked is an answer that fits its question.
func checked(q, a []byte) ([]byte, error) {
	switch {
	case len(a) == 2 && a[0] == q[0]|0x80:
		return nil, exception(a[1])
	case len(a) < 2 || a[0] != q[0]:
		return nil, errors.New("the answer is to another question")
	case q[0] <= 4 && (len(a) != 2+int(a[1]) || int(a[1]) != expected(q)):
		return nil, errors.New("the answer has another length than was asked for")
	case q[0] > 4 && (len(a) != 5 || string(a) != string(q[:5])): // 5 and 6 are said back, of 16 address and count
		return nil, errors.New("the device says back something else than was written")
	}
	return a, nil
}

// expected is how many bytes of values are asked for.
func expected(q []byte) int {
	n := int(binary.BigEndian.Uint16(q[3:]))
	if q[0] <= 2 {
		return (n + 7) / 8
	}
	return 2 * n
}

// crc is the check sum of RTU (MODBUS over serial line V1.02, 6.2.2).
func crc(data []byte) uint16 {
	sum := uint16(0xffff)
	for _, b := range data {
		sum ^= uint16(b)
		for range 8 {
			if sum&1 != 0 {
				sum = sum>>1 ^ 0xa001
			} else {
				sum >>= 1
			}
		}
	}
	return sum
}

// port is a serial port with deadlines.
type port struct {
	serial.Port
	until time.Time
}

func (p *port) SetReadDeadline(t time.Time) error { p.until = t; return nil }

func (p *port) SetWriteDeadline(time.Time) error { return nil } // a frame goes into the kernel's buffer

// timeout is a net.Error.
type timeout struct{}

func (timeout) Error() string   { return "nothing came" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

func (p *port) Read(b []byte) (int, error) {
	left := time.Until(p.until)
	if left <= 0 {
		return 0, timeout{}
	}
	if err := p.SetReadTimeout(max(left, time.Millisecond)); err != nil {
		return 0, err
	}
	n, err := p.Port.Read(b)
	if n == 0 && err == nil {
		return 0, timeout{}
	}
	return n, err
}
