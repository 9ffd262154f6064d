package board

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"

	"github.com/keeplit/keeplit/internal/gpiochip"
)

// allOutputs tells whether all lines of r are outputs now.
func allOutputs(r request) (all bool, err error) {
	for _, l := range r.lines {
		flags, err := gpiochip.FlagsOf(r.chip.Path, uint32(l.Number))
		if err != nil {
			return false, fmt.Errorf("look at GPIO line %s: %w", l, err)
		}
		if flags&gpiochip.Output == 0 {
			return false, nil
		}
	}
	return true, nil
}

// build writes a request down as the kernel reads it.
func build(r request) gpiochip.Request {
	req := gpiochip.Request{NumLines: uint32(len(r.lines))}
	req.For("keeplit")
	for i, l := range r.lines {
		req.Offsets[i] = uint32(l.Number)
	}
	switch {
	case r.asIs:
	case r.output:
		req.Flags = gpiochip.Output
		req.NumAttrs = 1
		req.Attrs[0] = gpiochip.Attribute{ID: gpiochip.OutputValues, Value: uint64(r.first), Mask: allLines(len(r.lines))}
	default:
		req.Flags = gpiochip.Input
		switch r.pull {
		case gpio.PullUp:
			req.Flags |= gpiochip.BiasPullUp
		case gpio.PullDown:
			req.Flags |= gpiochip.BiasPullDown
		case gpio.Float:
			req.Flags |= gpiochip.BiasDisabled
		case gpio.PullNoChange:
		}
	}
	return req
}

func allLines(n int) uint64 {
	if n >= 64 {
		return ^uint64(0)
	}
	return 1<<n - 1
}

// requestLines asks the kernel for lines by number.
func requestLines(r request) (Lines, error) {
	req := build(r)
	if err := req.Open(r.chip.Path); err != nil {
		return nil, err
	}
	return &lineHandle{fd: uintptr(req.FD), all: allLines(len(r.lines))}, nil
}

// lineHandle is a granted request.
type lineHandle struct {
	mu     sync.Mutex
	fd     uintptr
	all    uint64
	closed bool
}

// Out implements Lines.
func (h *lineHandle) Out(bits, mask gpio.GPIOValue) error {
	return h.with(mask, func(mask uint64) error { return gpiochip.Set(h.fd, uint64(bits), mask) })
}

// Read implements Lines.  Reading an output so tells its level and leaves it an
// output.
func (h *lineHandle) Read(mask gpio.GPIOValue) (gpio.GPIOValue, error) {
	var bits uint64
	err := h.with(mask, func(mask uint64) (err error) {
		bits, err = gpiochip.Get(h.fd, mask)
		return err
	})
	return gpio.GPIOValue(bits), err
}

// with does something to the lines in mask, zero being all.
func (h *lineHandle) with(mask gpio.GPIOValue, do func(mask uint64) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return os.ErrClosed
	}
	if mask == 0 {
		mask = gpio.GPIOValue(h.all)
	}
	if err := do(uint64(mask)); err != nil {
		return fmt.Errorf("values of GPIO lines: %w", err)
	}
	return nil
}

// Close implements Lines.
func (h *lineHandle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	return unix.Close(int(h.fd))
}
