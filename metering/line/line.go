// Package line is what the meter drivers share: a serial line or a network
// connection that can be opened again, reads that end when they are told to,
// and the pace at which a meter is asked.
package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/keeplit/keeplit/metering"
)

// Conn is an open serial line or network connection.  A Read that reaches the
// deadline answers an error that is os.ErrDeadlineExceeded.
type Conn interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
}

// Opener opens the connection, anew each time.
type Opener func(ctx context.Context) (Conn, error)

// slice is how long a read may hold out against its context.
const slice = 100 * time.Millisecond

// Read reads what is there, at least one byte, and blocks until it is or ctx
// ends; then the error is ctx's.
func Read(ctx context.Context, c Conn, buf []byte) (int, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		short, cancel := context.WithTimeout(ctx, slice)
		deadline, _ := short.Deadline()
		err := c.SetReadDeadline(deadline)
		var n int
		if err == nil {
			n, err = c.Read(buf)
		}
		cancel()
		if n > 0 {
			return n, nil
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
	}
}

// ReadFull reads exactly len(buf) bytes; see Read.  It answers how many came.
func ReadFull(ctx context.Context, c Conn, buf []byte) (int, error) {
	for n := 0; ; {
		if n == len(buf) {
			return n, nil
		}
		m, err := Read(ctx, c, buf[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
}

// Drain throws away what comes until the line has been quiet for as long as
// told, or ctx ends, or 64 KiB have come.
func Drain(ctx context.Context, c Conn, quiet time.Duration) {
	var buf [256]byte
	for total := 0; total < 64<<10; {
		wait, cancel := context.WithTimeout(ctx, quiet)
		n, err := Read(wait, c, buf[:])
		cancel()
		if err != nil {
			return
		}
		total += n
	}
}

// TCP opens a network connection to host:port.
func TCP(address string) Opener {
	return func(ctx context.Context) (Conn, error) {
		d := net.Dialer{Timeout: 5 * time.Second}
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
}

// OpenError puts what failed to open into the meter's terms.
func OpenError(what string, err error) error {
	remedy := "check that it is connected, and that its name is right"
	if errors.Is(err, os.ErrPermission) {
		remedy = "put the user that runs keeplit into the group that owns the device (dialout)"
	}
	return &metering.Error{Code: metering.Offline, Op: "open " + what, Err: err, Remedy: remedy}
}

// ReadError puts a failed read into the meter's terms: Short where some of the
// answer had come, Silent where none had, Offline where the line itself broke.
func ReadError(op string, got int, err error) error {
	switch {
	case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		return &metering.Error{Code: metering.Offline, Op: op, Err: err, Remedy: "check the cable and the adapter"}
	case got > 0:
		return &metering.Error{Code: metering.Short, Op: op, Err: fmt.Errorf("only %d bytes came", got), Remedy: "check the speed and parity, and that the line is terminated"}
	}
	return &metering.Error{Code: metering.Silent, Op: op, Err: err, Remedy: "check the address, the speed, and that A and B are not swapped; over a network, the port and the framing"}
}
