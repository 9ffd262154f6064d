// Package relay switches a relay or contactor on GPIO lines of this machine.
//
// A line that was requested as an output is only ever written: reading one back
// through periph's single-line calls turns it into an input with a pull-up, which
// closes the relay.  What the contact really does comes from a feedback line, an
// input of its own.
package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/keeplit/keeplit/loads"
)

// Lines is a set of GPIO lines requested together, as periph's
// gpioioctl.LineSet is: bit i is line i.
type Lines interface {
	Out(bits, mask gpio.GPIOValue) error
}

// Input is a GPIO line requested as an input: bit 0.
type Input interface {
	Read(mask gpio.GPIOValue) (gpio.GPIOValue, error)
}

// The length of a coil pulse of a latching relay.
const (
	DefaultPulse = 80 * time.Millisecond
	minPulse     = 20 * time.Millisecond
	maxPulse     = 500 * time.Millisecond
)

// Config describes a relay.
type Config struct {
	// Out is the coil.  Of a latching relay it has two lines: bit 0 is the coil
	// that closes the contact, bit 1 the one that opens it.
	Out       Lines
	ActiveLow bool // a low line drives the coil
	Latching  bool
	Pulse     time.Duration // latching: DefaultPulse where 0

	Feedback    Input // nil: there is none, and Observed never knows
	FeedbackLow bool  // a low line means that the contact is closed

	Now func() time.Time // the time that observations carry
}

// Switch is a relay.  It is a loads.Switch.
type Switch struct {
	config Config
	mu     sync.Mutex // one command at a time: never both coils
}

// New builds a switch and changes no line: a normally-open relay stays at the
// level its line was requested with, and of a latching one nothing is known but
// what feedback says.
func New(c Config) (*Switch, error) {
	if c.Out == nil || c.Now == nil {
		return nil, errors.New("relay: it needs its lines and a clock")
	}
	if c.Latching {
		if c.Feedback == nil {
			return nil, errors.New("relay: the state of a latching relay is known by feedback only; wire an auxiliary contact")
		}
		if c.Pulse == 0 {
			c.Pulse = DefaultPulse
		}
		if c.Pulse < minPulse || c.Pulse > maxPulse {
			return nil, fmt.Errorf("relay: a coil pulse of %v is not between %v and %v", c.Pulse, minPulse, maxPulse)
		}
	}
	return &Switch{config: c}, nil
}

// Set implements loads.Switch.  A latching relay gets a pulse only where feedback
// says that it is not as wanted; where feedback is broken it can still be opened,
// for that protects, but not closed.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := (loads.Capability{}).Check(p); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.config.Latching {
		return s.pulse(ctx, p.On)
	}
	if err := s.config.Out.Out(s.level(p.On, 1), 1); err != nil {
		return fmt.Errorf("relay: write the coil's line: %w", err)
	}
	return nil
}

// level is mask where the coils in it are driven, or its opposite.
func (s *Switch) level(driven bool, mask gpio.GPIOValue) gpio.GPIOValue {
	if driven != s.config.ActiveLow {
		return mask
	}
	return 0
}

// pulse drives one coil for a moment.  Each write sets both lines at once, so
// that at no time both coils are driven; and whatever happens they are released.
func (s *Switch) pulse(ctx context.Context, on bool) (err error) {
	const both = 0b11
	closed, err := s.closed()
	if err == nil && closed == on {
		return nil
	}
	if err != nil && on {
		return fmt.Errorf("relay: not closed, its feedback is broken: %w", err)
	}
	coil, other := gpio.GPIOValue(0b01), gpio.GPIOValue(0b10)
	if !on {
		coil, other = other, coil
	}
	defer func() {
		if off := s.config.Out.Out(s.level(false, both), both); off != nil {
			err = errors.Join(err, fmt.Errorf("relay: release the coils: %w", off))
		}
	}()
	if err := s.config.Out.Out(s.level(true, coil)|s.level(false, other), both); err != nil {
		return fmt.Errorf("relay: drive a coil: %w", err)
	}
	t := time.NewTimer(s.config.Pulse)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() // perhaps too short a pulse; feedback tells
	}
}

// Observed implements loads.Switch: without a feedback line nothing is known.
func (s *Switch) Observed(context.Context) (loads.Observation, error) {
	if s.config.Feedback == nil {
		return loads.Observation{}, nil
	}
	closed, err := s.closed()
	if err != nil {
		return loads.Observation{}, fmt.Errorf("relay: read the feedback line: %w", err)
	}
	return loads.Observation{On: closed, Known: true, At: s.config.Now()}, nil
}

func (s *Switch) closed() (bool, error) {
	bits, err := s.config.Feedback.Read(1)
	if err != nil {
		return false, err
	}
	return (bits&1 == 1) != s.config.FeedbackLow, nil
}
