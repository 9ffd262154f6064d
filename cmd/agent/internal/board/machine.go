package board

import (
	"errors"
	"log/slog"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/spi"

	"github.com/keeplit/keeplit/loads"
)

// Machine is the board of this machine, opened when a part first asks for it,
// and what parts have opened on it.  It is what drivers are given of the machine:
// a metering.Machine and a loads.Machine.
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

// SPI opens a port by its name, alias or number, and closes it at the end.
func (m *Machine) SPI(name string) (spi.Port, error) {
	b, err := m.Board()
	if err != nil {
		return nil, err
	}
	p, err := b.SPI(name)
	if err != nil {
		return nil, Missing(err)
	}
	m.Closes(p.Close)
	return p, nil
}

// Edges opens an input whose edges can be waited for, and gives it back at the
// end; see Board.Edges.
func (m *Machine) Edges(name string) (gpio.PinIn, error) {
	b, err := m.Board()
	if err != nil {
		return nil, err
	}
	pin, closePin, err := b.Edges(name)
	if err != nil {
		return nil, Missing(err)
	}
	m.Closes(closePin)
	return pin, nil
}

// Line finds a GPIO line by its name or number: the file of its chip and its
// number there.
func (m *Machine) Line(name string) (chip string, number int, err error) {
	b, err := m.Board()
	if err != nil {
		return "", 0, err
	}
	c, lines, err := b.find("", []string{name})
	if err != nil {
		return "", 0, Missing(err)
	}
	return c.Path, lines[0].Number, nil
}

// Outputs requests lines as outputs; see Board.Outputs.  The taker closes them.
func (m *Machine) Outputs(chip string, lines []string, first gpio.GPIOValue) (Lines, error) {
	b, err := m.Board()
	if err != nil {
		return nil, err
	}
	l, err := b.Outputs(chip, lines, first)
	return l, Missing(err)
}

// Inputs requests lines as inputs; see Board.Inputs.  The taker closes them.
func (m *Machine) Inputs(chip string, lines []string, pull string) (Lines, error) {
	b, err := m.Board()
	if err != nil {
		return nil, err
	}
	l, err := b.Inputs(chip, lines, pull)
	return l, Missing(err)
}

// Present is the levels of lines that are outputs; see Board.Present.
func (m *Machine) Present(chip string, lines []string) (levels gpio.GPIOValue, ok bool, err error) {
	b, err := m.Board()
	if err != nil {
		return 0, false, err
	}
	levels, ok, err = b.Present(chip, lines)
	return levels, ok, Missing(err)
}

// PWM is a channel of pulse-width modulation, by the kernel's files.
func (m *Machine) PWM(chip string, channel int) loads.PWM {
	return NewPWM("/sys/class/pwm", chip, channel)
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
