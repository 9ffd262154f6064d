package line

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.bug.st/serial"
)

// Mode is how a serial line is set.
type Mode struct {
	Baud     int
	DataBits int    // 7 or 8; zero is 8
	Parity   string // none, even or odd; empty is none
	StopBits int    // 1 or 2; zero is 1
}

// String writes the mode as people do, e.g. "9600 8N1".
func (m Mode) String() string {
	m = m.filled()
	return fmt.Sprintf("%d %d%c%d", m.Baud, m.DataBits, m.Parity[0]-'a'+'A', m.StopBits)
}

func (m Mode) filled() Mode {
	if m.DataBits == 0 {
		m.DataBits = 8
	}
	if m.Parity == "" {
		m.Parity = "none"
	}
	if m.StopBits == 0 {
		m.StopBits = 1
	}
	return m
}

func (m Mode) lower() (*serial.Mode, error) {
	m = m.filled()
	out := &serial.Mode{BaudRate: m.Baud, DataBits: m.DataBits}
	switch m.Parity {
	case "none":
		out.Parity = serial.NoParity
	case "even":
		out.Parity = serial.EvenParity
	case "odd":
		out.Parity = serial.OddParity
	default:
		return nil, fmt.Errorf("parity %q is not none, even or odd", m.Parity)
	}
	switch m.StopBits {
	case 1:
		out.StopBits = serial.OneStopBit
	case 2:
		out.StopBits = serial.TwoStopBits
	default:
		return nil, fmt.Errorf("%d stop bits", m.StopBits)
	}
	return out, nil
}

// ModeSetter is a line whose speed can be changed while it is open.
type ModeSetter interface {
	SetMode(m Mode) error
}

// Serial opens a serial port, for this process alone.
func Serial(path string, m Mode) Opener {
	return func(ctx context.Context) (Conn, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		mode, err := m.lower()
		if err != nil {
			return nil, err
		}
		port, err := serial.Open(path, mode)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return &serialConn{port: port}, nil
	}
}

type serialConn struct {
	port     serial.Port
	deadline time.Time
}

func (c *serialConn) SetReadDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

func (c *serialConn) Read(buf []byte) (int, error) {
	wait := serial.NoTimeout
	if !c.deadline.IsZero() {
		if wait = time.Until(c.deadline); wait <= 0 {
			wait = 0
		}
	}
	if err := c.port.SetReadTimeout(wait); err != nil {
		return 0, err
	}
	n, err := c.port.Read(buf)
	if n == 0 && err == nil {
		return 0, os.ErrDeadlineExceeded
	}
	return n, err
}

func (c *serialConn) Write(buf []byte) (int, error) { return c.port.Write(buf) }
func (c *serialConn) Close() error                  { return c.port.Close() }

// SetMode changes the speed; what was written goes out at the old one first.
func (c *serialConn) SetMode(m Mode) error {
	mode, err := m.lower()
	if err != nil {
		return err
	}
	if err := c.port.Drain(); err != nil {
		return err
	}
	return c.port.SetMode(mode)
}
