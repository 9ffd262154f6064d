package pulse

import (
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The parts of linux/gpio.h that a request for edges needs.
const (
	flagInput       = 1 << 2
	flagEdgeFalling = 1 << 5
	flagBiasPullUp  = 1 << 8
	attrDebounce    = 3
	getLine         = 0xC0000000 | 0xB4<<8 | 0x07 // _IOWR(0xB4, 7, struct gpio_v2_line_request), without the size
)

type lineAttribute struct {
	id    uint32
	_     uint32
	value uint64 // debounce: microseconds, in the first 32 bits
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

// eventBuffer is how many events the kernel keeps; at 60 ms a pulse it takes
// half a minute of a stalled reader.
const eventBuffer = 512

// OpenLine asks the kernel for the falling edges of one line of a GPIO chip
// (/dev/gpiochip0), pulled up and debounced.  Zero debounce takes 20 ms.
func OpenLine(chip string, offset int, debounce time.Duration) (*Line, error) {
	if debounce <= 0 {
		debounce = 20 * time.Millisecond
	}
	dev, err := os.OpenFile(chip, os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("pulse: %w", err)
	}
	defer func() { _ = dev.Close() }() // the line has a descriptor of its own
	req := lineRequest{flags: flagInput | flagEdgeFalling | flagBiasPullUp, numAttrs: 1, numLines: 1, eventBuffer: eventBuffer}
	copy(req.consumer[:], "keeplit pulse")
	req.offsets[0] = uint32(offset)
	a := &req.attrs[0]
	a.id, a.mask = attrDebounce, 1
	*(*uint32)(unsafe.Pointer(&a.value)) = uint32(debounce.Microseconds())
	call := uintptr(getLine | uint32(unsafe.Sizeof(req))<<16)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, dev.Fd(), call, uintptr(unsafe.Pointer(&req))); errno != 0 {
		return nil, fmt.Errorf("pulse: request line %d of %s: %w", offset, chip, errno)
	}
	if err := unix.SetNonblock(int(req.fd), true); err != nil { // so that reads can have deadlines
		_ = unix.Close(int(req.fd))
		return nil, fmt.Errorf("pulse: line %d of %s: %w", offset, chip, err)
	}
	return NewLine(os.NewFile(uintptr(req.fd), fmt.Sprintf("%s:%d", chip, offset))), nil
}
