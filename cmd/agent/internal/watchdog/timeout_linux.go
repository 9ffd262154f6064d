package watchdog

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// setTimeout asks the device for a timeout and answers the one it took: drivers
// round it, and a Raspberry Pi's ends at 15 s.
func setTimeout(f *os.File, timeout time.Duration) (time.Duration, error) {
	fd := int(f.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.WDIOC_SETTIMEOUT, int(timeout/time.Second)); err != nil {
		return 0, os.NewSyscallError("WDIOC_SETTIMEOUT", err)
	}
	set, err := unix.IoctlGetInt(fd, unix.WDIOC_GETTIMEOUT)
	return time.Duration(set) * time.Second, os.NewSyscallError("WDIOC_GETTIMEOUT", err)
}
