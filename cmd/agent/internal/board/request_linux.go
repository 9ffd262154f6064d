package board

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

// The parts of linux/gpio.h (the second interface, Linux 5.10 and later) that a
// request of lines needs.  The structures have the kernel's layout on 32 and 64
// bits.
const (
	flagInput        = 1 << 2
	flagOutput       = 1 << 3
	flagBiasPullUp   = 1 << 8
	flagBiasPullDown = 1 << 9
	flagBiasDisabled = 1 << 10

	attrOutputValues = 2

	ioctlGetInfo   = 0xC100B405 // _IOWR(0xB4, 5, struct gpio_v2_line_info)
	ioctlGetLine   = 0xC250B407 // _IOWR(0xB4, 7, struct gpio_v2_line_request)
	ioctlGetValues = 0xC010B40E // _IOWR(0xB4, 14, struct gpio_v2_line_values)
	ioctlSetValues = 0xC010B40F // _IOWR(0xB4, 15, struct gpio_v2_line_values)
)

type lineAttribute struct {
	id    uint32
	_     uint32
	value uint64
	mask  uint64
}

type lineRequest struct {
	offsets     [64]uint32
	consumer    [32]byte
	flags       uint64
	numAttrs    uint32
	_           [5]uint32
	attrs       [10]lineAttribute
	numLines    uint32
	eventBuffer uint32
	_           [5]uint32
	fd          int32
}

type lineValues struct{ bits, mask uint64 }

type lineInfo struct {
	name, consumer [32]byte
	offset         uint32
	_              uint32
	flags          uint64
	_              [44]uint32
}

// allOutputs tells whether all lines of r are outputs now.
func allOutputs(r request) (all bool, err error) {
	chip, err := os.OpenFile(r.chip.Path, os.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, chip.Close()) }()
	for _, l := range r.lines {
		info := lineInfo{offset: uint32(l.Number)}
		if err := ioctl(chip.Fd(), ioctlGetInfo, unsafe.Pointer(&info)); err != nil {
			return false, fmt.Errorf("look at GPIO line %s: %w", l, err)
		}
		if info.flags&flagOutput == 0 {
			return false, nil
		}
	}
	return true, nil
}

// build writes a request down as the kernel reads it.
func build(r request) lineRequest {
	req := lineRequest{numLines: uint32(len(r.lines))}
	copy(req.consumer[:31], "keeplit")
	for i, l := range r.lines {
		req.offsets[i] = uint32(l.Number)
	}
	switch {
	case r.asIs:
	case r.output:
		req.flags = flagOutput
		req.numAttrs = 1
		req.attrs[0] = lineAttribute{id: attrOutputValues, value: uint64(r.first), mask: allLines(len(r.lines))}
	default:
		req.flags = flagInput
		switch r.pull {
		case gpio.PullUp:
			req.flags |= flagBiasPullUp
		case gpio.PullDown:
			req.flags |= flagBiasPullDown
		case gpio.Float:
			req.flags |= flagBiasDisabled
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
	chip, err := os.OpenFile(r.chip.Path, os.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	req := build(r)
	err = ioctl(chip.Fd(), ioctlGetLine, unsafe.Pointer(&req))
	if err := errors.Join(err, chip.Close()); err != nil {
		return nil, err
	}
	return &lineHandle{fd: uintptr(req.fd), all: allLines(len(r.lines))}, nil
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
	_, err := h.values(ioctlSetValues, uint64(bits), uint64(mask))
	return err
}

// Read implements Lines.  Reading an output so tells its level and leaves it an
// output.
func (h *lineHandle) Read(mask gpio.GPIOValue) (gpio.GPIOValue, error) {
	bits, err := h.values(ioctlGetValues, 0, uint64(mask))
	return gpio.GPIOValue(bits), err
}

func (h *lineHandle) values(op uintptr, bits, mask uint64) (uint64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return 0, os.ErrClosed
	}
	if mask == 0 {
		mask = h.all
	}
	v := lineValues{bits: bits, mask: mask}
	if err := ioctl(h.fd, op, unsafe.Pointer(&v)); err != nil {
		return 0, fmt.Errorf("values of GPIO lines: %w", err)
	}
	return v.bits, nil
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

func ioctl(fd, op uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, op, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
