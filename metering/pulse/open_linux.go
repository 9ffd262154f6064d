package pulse

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/keeplit/keeplit/internal/gpiochip"
)

// eventBuffer is how many events the kernel keeps; at 60 ms a pulse it takes
// half a minute of a stalled reader.
const eventBuffer = 512

// OpenLine asks the kernel for the falling edges of one line of a GPIO chip
// (/dev/gpiochip0), pulled up and debounced.  Zero debounce takes 20 ms.
func OpenLine(chip string, offset int, debounce time.Duration) (*Line, error) {
	if debounce <= 0 {
		debounce = usualDebounce
	}
	req := gpiochip.Request{Flags: gpiochip.Input | gpiochip.EdgeFalling | gpiochip.BiasPullUp, NumLines: 1, EventBuffer: eventBuffer}
	req.For("keeplit pulse")
	req.Offsets[0] = uint32(offset)
	req.Debounce(debounce)
	if err := req.Open(chip); err != nil {
		return nil, fmt.Errorf("pulse: request line %d of %s: %w", offset, chip, err)
	}
	if err := unix.SetNonblock(int(req.FD), true); err != nil { // so that reads can have deadlines
		_ = unix.Close(int(req.FD))
		return nil, fmt.Errorf("pulse: line %d of %s: %w", offset, chip, err)
	}
	return NewLine(os.NewFile(uintptr(req.FD), fmt.Sprintf("%s:%d", chip, offset))), nil
}
