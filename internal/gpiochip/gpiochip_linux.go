package gpiochip

import (
	"errors"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Flags of lines.
const (
	Input        = 1 << 2
	Output       = 1 << 3
	EdgeFalling  = 1 << 5
	BiasPullUp   = 1 << 8
	BiasPullDown = 1 << 9
	BiasDisabled = 1 << 10
)

// Kinds of an Attribute.
const (
	OutputValues = 2
	debounced    = 3
)

const (
	getInfo   = 0xC100B405 // _IOWR(0xB4, 5, struct gpio_v2_line_info)
	getLine   = 0xC250B407 // _IOWR(0xB4, 7, struct gpio_v2_line_request)
	getValues = 0xC010B40E // _IOWR(0xB4, 14, struct gpio_v2_line_values)
	setValues = 0xC010B40F // _IOWR(0xB4, 15, struct gpio_v2_line_values)
)

// Attribute says something of those lines of a Request whose bits are in Mask.
type Attribute struct {
	ID    uint32
	_     uint32
	Value uint64
	Mask  uint64
}

// Request asks for lines of one chip.
type Request struct {
	Offsets     [64]uint32
	Consumer    [32]byte // who has them, for other programs to see
	Flags       uint64
	NumAttrs    uint32
	_           [5]uint32
	Attrs       [10]Attribute
	NumLines    uint32
	EventBuffer uint32 // events that the kernel keeps for a slow reader
	_           [5]uint32
	FD          int32 // the answer
}

// For names who has the lines.
func (r *Request) For(consumer string) { copy(r.Consumer[:len(r.Consumer)-1], consumer) }

// Debounce has the kernel leave out changes of the first line that last shorter.
func (r *Request) Debounce(d time.Duration) {
	a := &r.Attrs[r.NumAttrs]
	a.ID, a.Mask = debounced, 1
	*(*uint32)(unsafe.Pointer(&a.Value)) = uint32(d.Microseconds()) // the C union's u32
	r.NumAttrs++
}

// Open asks the chip for the lines of r, whose FD is then the descriptor of the
// lines; the caller closes it.
func (r *Request) Open(chip string) error {
	return with(chip, func(fd uintptr) error { return ioctl(fd, getLine, unsafe.Pointer(r)) })
}

type values struct{ bits, mask uint64 }

// Get reads the levels of the lines in mask of a granted request.
func Get(fd uintptr, mask uint64) (bits uint64, err error) {
	v := values{mask: mask}
	err = ioctl(fd, getValues, unsafe.Pointer(&v))
	return v.bits, err
}

// Set writes the levels of the lines in mask of a granted request.
func Set(fd uintptr, bits, mask uint64) error {
	v := values{bits: bits, mask: mask}
	return ioctl(fd, setValues, unsafe.Pointer(&v))
}

type info struct {
	name, consumer [32]byte
	offset         uint32
	_              uint32
	flags          uint64
	_              [44]uint32
}

// FlagsOf are the flags of one line of a chip now, whoever has it.
func FlagsOf(chip string, offset uint32) (flags uint64, err error) {
	i := info{offset: offset}
	err = with(chip, func(fd uintptr) error { return ioctl(fd, getInfo, unsafe.Pointer(&i)) })
	return i.flags, err
}

func with(chip string, do func(fd uintptr) error) error {
	f, err := os.OpenFile(chip, os.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(do(f.Fd()), f.Close())
}

func ioctl(fd, op uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, op, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
