package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// allot gives a file room on the disk without making it longer.
func allot(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer release(f)
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
}
