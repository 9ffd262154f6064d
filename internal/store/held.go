package store

import (
	"errors"
	"os"
)

// heldFile is a file that is open, as it was when it was opened.
type heldFile struct {
	path string
	info os.FileInfo
}

// hold takes note of which files are open.  A file that is deleted, moved or
// replaced under a running agent still takes every write, and says that it is
// durable: only the folder shows that nobody will find it again.
func (s *Store) hold() {
	s.held = s.held[:0]
	for _, name := range []string{mainFile, mainFile + "-wal", intervalsFile} {
		if info, err := os.Stat(s.path(name)); err == nil {
			s.held = append(s.held, heldFile{s.path(name), info})
		}
	}
}

// holds tells, by a *ReplacedError, that the folder's files are not those that
// are open.
func (s *Store) holds() error {
	for _, h := range s.held {
		info, err := os.Stat(h.path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return &ReplacedError{File: h.path, Gone: true}
		case err != nil:
			return s.classify(h.path, "look at", err)
		case !os.SameFile(h.info, info):
			return &ReplacedError{File: h.path}
		}
	}
	return nil
}
