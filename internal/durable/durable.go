// Package durable writes small files that outlive a power cut.
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// WriteFile puts data in the place of what path holds, for its owner alone to read.  After
// a crash there is the one or the other, whole; when it has returned, the new one.
func WriteFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	// The new name, too, must outlive it.
	dir, err := os.Open(filepath.Dir(path))
	if errors.Is(err, os.ErrPermission) {
		return nil // it is in place; a folder that cannot be read cannot be synced
	}
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
