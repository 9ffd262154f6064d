// Package board finds the hardware of the machine: it loads periph's host
// drivers once, says which were loaded, skipped or failed and why, and opens
// GPIO lines, SPI and I2C buses.  On a machine without such hardware it says so
// and opens nothing.
package board

import (
	"periph.io/x/conn/v3/gpio"
)

// Outcome is what became of looking for one thing.
type Outcome string

// The three outcomes.
const (
	Loaded  Outcome = "loaded"
	Skipped Outcome = "skipped" // not on this machine
	Failed  Outcome = "failed"  // there, but it does not work: Reason says why
)

// Finding is one thing looked for.
type Finding struct {
	Kind    string  `json:"kind"` // driver, gpio, spi, i2c, serial
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
	Detail  string  `json:"detail,omitempty"` // for people: label and lines of a chip, ...
}

// Lines is a set of GPIO lines requested together; bit i is line i in the order
// of the request.  A mask of 0 means all lines.  It must be closed.
type Lines interface {
	Out(bits, mask gpio.GPIOValue) error
	Read(mask gpio.GPIOValue) (gpio.GPIOValue, error)
	Close() error
}
