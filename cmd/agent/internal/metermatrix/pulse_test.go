package metermatrix

import (
	"errors"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
	"periph.io/x/conn/v3/spi"

	"github.com/keeplit/keeplit/internal/units"
)

// contact is an S0 output on a GPIO pin.  Its driver goes by the world's clock, and so
// each pulse is taken before the clock goes on.
type contact struct {
	gpiotest.Pin
	w     *world
	edges chan struct{}
	back  chan struct{}
	taken bool

	mu    sync.Mutex
	given int64
	end   chan struct{}
}

// In implements gpio.PinIn.
func (*contact) In(gpio.Pull, gpio.Edge) error { return nil }

// WaitForEdge implements gpio.PinIn.
func (c *contact) WaitForEdge(d time.Duration) bool {
	if c.taken {
		c.taken = false
		select {
		case c.back <- struct{}{}:
		case <-c.end:
		}
	}
	select {
	case <-c.edges:
		c.taken = true
		return true
	case <-time.After(d):
	case <-c.end:
	}
	return false
}

const perKWh = 1000

// push gives the pulses of what was used since the last time.
func (c *contact) push() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, how := c.w.shows()
	for n := int64(c.w.truth() / (units.KilowattHour / perKWh)); c.given < n; c.given++ {
		if how == silence {
			continue
		}
		c.w.change(func(w *world) { w.at = w.at.Add(30 * time.Millisecond) })
		c.edge()
		if how == duplicate { // it bounces
			c.w.change(func(w *world) { w.at = w.at.Add(5 * time.Millisecond) })
			c.edge()
		}
	}
}

func (c *contact) edge() {
	select {
	case c.edges <- struct{}{}:
	case <-c.end:
		return
	}
	select {
	case <-c.back:
	case <-c.end:
	}
}

// board is a machine that has this contact, or this bus, alone.
type board struct {
	c     *contact
	port  *samples
	over  <-chan struct{} // the agent ends
	close []func() error
}

func (b *board) SPI(string) (spi.Port, error) {
	if b.port == nil {
		return nil, errors.New("no such bus")
	}
	return b.port.until(b.over), nil
}

func (b *board) Edges(string) (gpio.PinIn, error)        { return b.c, nil }
func (*board) Line(string) (chip string, n int, _ error) { return "", 0, errors.New("no such chip") }
func (b *board) Closes(f func() error)                   { b.close = append(b.close, f) }

func pulses(t *testing.T, w *world) rig {
	c := &contact{w: w, edges: make(chan struct{}), back: make(chan struct{}), end: make(chan struct{})}
	t.Cleanup(func() { close(c.end) })
	return rig{meter: "driver: pulse, every: 100ms, pulse: {pin: GPIO17, pulses_per_kwh: 1000}", push: c.push, contact: c}
}
