package pulse

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/metering/line"
)

// eventSize is the length of struct gpio_v2_line_event.
const eventSize = 48

// Line takes pulses from the events of a GPIO line request of the kernel's
// second interface.  Each event carries a number of its own line, so a jump in
// the numbers says exactly how many events the kernel dropped; it filters
// bounces before it numbers them, so each number is a pulse.
type Line struct {
	events line.Conn
	buf    [64 * eventSize]byte
	have   int // bytes of buf in use
	begun  bool
	seq    uint32 // of the last event
}

// NewLine reads line events from events, as OpenLine opens it.
func NewLine(events line.Conn) *Line { return &Line{events: events} }

// Close gives the line back to the kernel.
func (l *Line) Close() error { return l.events.Close() }

// Next implements Source.
func (l *Line) Next(ctx context.Context) (Pulses, error) {
	for {
		n, err := line.Read(ctx, l.events, l.buf[l.have:])
		if err != nil {
			return Pulses{}, err
		}
		l.have += n
		p, err := l.take()
		if err != nil || p.N > 0 {
			return p, err
		}
	}
}

// take counts the whole events in the buffer.
func (l *Line) take() (Pulses, error) {
	var p Pulses
	at := 0
	for ; l.have-at >= eventSize; at += eventSize {
		e := l.buf[at : at+eventSize]
		stamp, id, seq := binary.NativeEndian.Uint64(e), binary.NativeEndian.Uint32(e[8:]), binary.NativeEndian.Uint32(e[20:])
		const fallingEdge = 2
		if id != fallingEdge || stamp == 0 {
			l.have = 0
			return Pulses{}, fmt.Errorf("kernel event of kind %d: not a falling edge", id)
		}
		step := seq - l.seq // right also where the number wraps
		if !l.begun {
			step, l.begun = seq, true // events before the first one read were dropped too
		}
		if step == 0 || step > 1<<20 {
			l.have = 0
			return p, errors.New("kernel event with a number that has been")
		}
		l.seq = seq
		p.N += int(step)
		p.Missed += int(step) - 1
		p.At = time.Duration(stamp)
	}
	l.have = copy(l.buf[:], l.buf[at:l.have])
	return p, nil
}
