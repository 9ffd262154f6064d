package metering

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/metering/quality"
)

// Meter reads one meter.
//
// Run reads until ctx ends, and then returns nil; it returns an error only
// where it can never go on (a fault in its own settings).  A meter that does
// not answer is not such a case: Run reports it, waits, and tries again, more
// slowly each time up to a limit of its own, and at full pace after the first
// success.
//
// Run calls emit for each reading and each failed attempt, in order, one at a
// time, and never after it has returned.  emit returns when the reading has
// been taken; a driver does not pile up readings behind a slow one.  A driver
// that takes energy out of a device by reading it (clear-on-read registers)
// emits it at once as Sample.Taken, and takes no more until it is told that
// this is stored.
//
// A Sample's registers never go back by the driver's own doing: one that
// counts by itself is given its starting count by whoever builds it.
type Meter interface {
	Run(ctx context.Context, emit func(Reading)) error
}

// Reading is one attempt to read a meter: a Sample, or what went wrong.
type Reading struct {
	Sample Sample // meaningful where Err is nil
	Err    error  // a *Error
	// Events are disturbances that the meter has measured itself since the last
	// reading and that are over, with the Sample.
	Events []Event
	// Quality is what was measured of the voltage from samples since the last reading;
	// nil: nothing.
	Quality *quality.News
	// Missed is how much was not measured of a time that is over, by a meter that counts by
	// itself, where it is more than may be; nil: no more than that.
	Missed *Missed
}

// Missed is a part of some time in which nothing was measured, so that nothing was counted.
type Missed struct {
	From time.Time
	Of   time.Duration
	Lost time.Duration
}

// Code is a stable name of what went wrong, for warnings and counters.
type Code string

// What can go wrong while reading a meter.
const (
	// Silent: no answer in time.
	Silent Code = "silent"
	// UnknownReply: an answer that is well formed but is not one to this
	// question, or not of this format.
	UnknownReply Code = "unknown_reply"
	// Checksum: the answer's check sum is wrong.
	Checksum Code = "checksum"
	// Short: the answer ends too early.
	Short Code = "short"
	// Exception: the device answered that it will not.
	Exception Code = "exception"
	// Range: a value that no meter of this kind can have (NaN, negative
	// register, 900 V).
	Range Code = "range"
	// Offline: the connection, or the device by its own announcement, is gone.
	Offline Code = "offline"
	// LostPulses: the driver knows that it missed input.
	LostPulses Code = "lost"
)

// Error is a failed attempt to read a meter.
type Error struct {
	Code   Code
	Op     string // what was tried, e.g. "read input registers 0x0048"
	Err    error  // the cause; may be nil
	Remedy string // what to do if it lasts
}

func (e *Error) Error() string {
	s := e.Op + ": " + string(e.Code)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Remedy != "" {
		s += " (" + e.Remedy + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf is err's Code, empty where err is no *Error.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Fail makes an Error with a cause made from format and args.
func Fail(code Code, op, remedy, format string, args ...any) *Error {
	return &Error{Code: code, Op: op, Remedy: remedy, Err: fmt.Errorf(format, args...)}
}
