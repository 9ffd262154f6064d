package board

import (
	"errors"
	"log/slog"
)

// Machine is the board of this machine, opened when a part first asks for it,
// and what parts have opened on it.
type Machine struct {
	Log *slog.Logger

	board  *Board
	opened []func() error
}

// Board opens the board once.
func (m *Machine) Board() (*Board, error) {
	if m.board != nil {
		return m.board, nil
	}
	b, err := Open()
	if err != nil {
		return nil, Missing(err)
	}
	for _, f := range b.Findings() {
		m.Log.Debug("hardware", "kind", f.Kind, "name", f.Name, "outcome", f.Outcome, "reason", f.Reason)
	}
	m.board = b
	return b, nil
}

// Closes has close called by Close: it gives back what a part has opened.
func (m *Machine) Closes(close func() error) { m.opened = append(m.opened, close) }

// Close gives back what was opened, the last first.
func (m *Machine) Close() error {
	var errs []error
	for i := len(m.opened) - 1; i >= 0; i-- {
		errs = append(errs, m.opened[i]())
	}
	m.opened = nil
	return errors.Join(errs...)
}

// MissingError is what only the machine can know to be wrong: there is no such
// line, bus or port.
type MissingError struct{ err error }

// Error implements error.
func (e *MissingError) Error() string { return e.err.Error() }

// Unwrap is the error of the part that asked.
func (e *MissingError) Unwrap() error { return e.err }

// Missing marks an error as the machine's.
func Missing(err error) error {
	if err == nil {
		return nil
	}
	return &MissingError{err}
}
