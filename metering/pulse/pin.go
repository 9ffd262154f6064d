package pulse

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Pin takes pulses from a periph.io pin: falling edges with a pull-up, as an S0
// output or a photo transistor to ground gives them.
//
// The kernel's buffer behind such a pin holds 16 edges and drops the rest
// without a word, so Next must be called all the time, and bounces are told
// from pulses by when they are seen, not by when they came.  Use Line where the
// kernel offers it.
type Pin struct {
	pin      gpio.PinIn
	debounce time.Duration
	now      func() time.Time
	last     time.Time     // of the last pulse
	at       time.Duration // the same by a steady clock
}

// wait is how long a wait for an edge may hold out against its context.  It
// must be positive: gpioioctl takes 0 for ever and -1 for not at all.
const wait = 200 * time.Millisecond

// NewPin sets the pin up.  Edges closer than debounce to the last pulse are
// bounces; zero takes 20 ms, a third of the shortest period of an S0 output.
func NewPin(pin gpio.PinIn, debounce time.Duration, now func() time.Time) (*Pin, error) {
	if debounce <= 0 {
		debounce = usualDebounce
	}
	if err := pin.In(gpio.PullUp, gpio.FallingEdge); err != nil {
		return nil, fmt.Errorf("pulse: set up pin %s: %w", pin, err)
	}
	return &Pin{pin: pin, debounce: debounce, now: now}, nil
}

// Next implements Source.
func (p *Pin) Next(ctx context.Context) (Pulses, error) {
	for ctx.Err() == nil {
		if !p.pin.WaitForEdge(wait) {
			continue
		}
		now := p.now()
		passed := now.Sub(p.last)
		if !p.last.IsZero() && passed >= 0 && passed < p.debounce {
			continue
		}
		// A clock that was put back says nothing of how long it was: then the power is
		// not known before the next pulse.
		if p.at = max(p.at, 1); !p.last.IsZero() {
			p.at += max(passed, 0)
		}
		p.last = now
		return Pulses{N: 1, At: p.at}, nil
	}
	return Pulses{}, ctx.Err()
}
