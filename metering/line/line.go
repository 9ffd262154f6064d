// Package line is what the meter drivers share: a serial line or a network
// connection that can be opened again, reads that end when they are told to,
// and the pace at which a meter is asked.
package line

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
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
