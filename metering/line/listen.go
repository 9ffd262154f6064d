package line

import (
	"context"
	"time"

	"github.com/keeplit/keeplit/metering"
)

// Listener is a meter that sends by itself.
type Listener struct {
	Name string // of the line, for messages
	Op   string // what is being read, for messages
	Open Opener
	// Patience is how long to wait for a good telegram before its absence is
	// reported, again and again.
	Patience time.Duration
	// Max is the most that is kept of a telegram that does not end.
	Max int
	// Missing says in words of its own that no telegram came for all of Patience, while
	// so many bytes did; nil, or what answers nil: it is said here.
	Missing func(bytes int) error
	// Take finds readings in what has come, and tells how much of it is done
	// with.
	Take func(data []byte) (used int, readings []metering.Reading)
}

// Listen reads the line until ctx ends, and opens it again when it breaks, or
// when a network connection gave not a byte for all of Patience.
func Listen(ctx context.Context, l Listener, emit func(metering.Reading)) error {
	pace := Pace{Every: 100 * time.Millisecond, Spread: SpreadOf(l.Name)}
	for ctx.Err() == nil {
		heard, err := l.session(ctx, emit)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end, not a failure
		}
		if heard {
			pace.failures = 0
		}
		emit(metering.Reading{Err: err})
		if !pace.Wait(ctx, false) {
			break
		}
	}
	return nil
}

// session opens the line and reads it until it breaks.  heard tells whether a
// good telegram came.
func (l Listener) session(ctx context.Context, emit func(metering.Reading)) (heard bool, err error) {
	conn, err := l.Open(ctx)
	if err != nil {
		return false, OpenError(l.Name, err)
	}
	defer func() { _ = conn.Close() }() // the failure that counts is err
	var buf []byte
	chunk := make([]byte, 4096)
	var patience context.Context
	cancel := func() {}
	bytes := 0 // since the last good telegram
	restart := func() {
		cancel()
		patience, cancel = context.WithTimeout(ctx, l.Patience) //nolint:contextcheck // it is ctx, with an end
		bytes = 0
	}
	restart()
	defer func() { cancel() }()
	for {
		n, err := Read(patience, conn, chunk) //nolint:contextcheck // it is ctx, with an end
		bytes += n
		switch {
		case ctx.Err() != nil:
			return heard, ctx.Err()
		case patience.Err() != nil && n == 0:
			code, remedy := metering.Silent, "check the cable, that the port is switched on, and the speed"
			switch {
			case bytes > 0:
				code, remedy = metering.UnknownReply, "check the speed and parity"
			case networked(conn):
				// Whoever was there may be gone without a word.
				return heard, metering.Fail(code, l.Op, "check that the serial server hears its meter, and who else is connected: many take one client only", "not a byte came for %v", l.Patience)
			}
			err := l.missing(bytes)
			if err == nil {
				err = metering.Fail(code, l.Op, remedy, "no telegram for %v, %d bytes came", l.Patience, bytes)
			}
			emit(metering.Reading{Err: err})
			restart()
			continue
		case err != nil && n == 0:
			return heard, Broken(l.Op, err)
		}
		buf = append(buf, chunk[:n]...)
		used, readings := l.Take(buf)
		buf = buf[:copy(buf, buf[used:])]
		if len(buf) > l.Max {
			readings = append(readings, metering.Reading{Err: metering.Fail(metering.UnknownReply, l.Op, "check the speed and what is connected", "%d bytes without an end", len(buf))})
			buf = buf[:0]
		}
		for _, r := range readings {
			if ctx.Err() != nil {
				return heard, ctx.Err()
			}
			emit(r)
			if r.Err == nil {
				heard = true
				restart()
			}
		}
	}
}

func (l Listener) missing(bytes int) error {
	if l.Missing == nil {
		return nil
	}
	return l.Missing(bytes)
}
