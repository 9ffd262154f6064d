package keypad

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
)

// Display is a character display of the HD44780 family behind a PCF8574 port
// expander, as sold for a coin or two: 2 lines of 16 characters at I2C address
// 0x27 or 0x3F.
//
// The expander's bits are the display's register select, read/write, enable
// and back light, and the upper half of its data bus.
type Display struct {
	dev  i2c.Dev
	wait func(time.Duration)
}

// Bits of the expander.
const (
	bitData      = 1 << 0 // register select: characters, not commands
	bitEnable    = 1 << 2
	bitBacklight = 1 << 3
)

// Commands of the HD44780.
const (
	cmdClear     = 0x01
	cmdEntry     = 0x06 // cursor to the right, no shift
	cmdOn        = 0x0c // display on, no cursor
	cmdFourBits  = 0x28 // four-bit bus, two lines
	cmdLine      = 0x80 // address of the first line
	cmdNextLine  = 0xc0 // and of the second
	columnsShown = 16
)

// NewDisplay switches the display at addr of bus on and clears it.
func NewDisplay(bus i2c.Bus, addr uint16) (*Display, error) {
	return newDisplay(bus, addr, time.Sleep)
}

func newDisplay(bus i2c.Bus, addr uint16, wait func(time.Duration)) (*Display, error) {
	d := &Display{dev: i2c.Dev{Bus: bus, Addr: addr}, wait: wait}
	// By the data sheet: three times "eight bits" brings it to a known state
	// from any other, then "four bits".
	for _, step := range []struct {
		nibble byte
		wait   time.Duration
	}{{0x30, 5 * time.Millisecond}, {0x30, time.Millisecond}, {0x30, time.Millisecond}, {0x20, time.Millisecond}} {
		if err := d.half(step.nibble, 0); err != nil {
			return nil, err
		}
		d.wait(step.wait)
	}
	for _, c := range []byte{cmdFourBits, cmdOn, cmdEntry, cmdClear} {
		if err := d.send(c, 0); err != nil {
			return nil, err
		}
		d.wait(2 * time.Millisecond)
	}
	return d, nil
}

// half strobes the upper half of b into the display.
func (d *Display) half(b, mode byte) error {
	v := b&0xf0 | mode | bitBacklight
	if err := d.dev.Tx([]byte{v, v | bitEnable, v}, nil); err != nil {
		return fmt.Errorf("keypad: display at %#x: %w", d.dev.Addr, err)
	}
	return nil
}

func (d *Display) send(b, mode byte) error {
	if err := d.half(b, mode); err != nil {
		return err
	}
	return d.half(b<<4, mode)
}

// Show writes two lines; what is longer than the display is shown by its end,
// for that is where a token is being typed.
func (d *Display) Show(first, second string) error {
	for i, text := range []string{first, second} {
		if err := d.send([]byte{cmdLine, cmdNextLine}[i], 0); err != nil {
			return err
		}
		for _, c := range shown(text) {
			if err := d.send(c, bitData); err != nil {
				return err
			}
		}
	}
	return nil
}

// shown is text as the display has it: 16 characters of ASCII.
func shown(text string) []byte {
	var out []byte
	for _, r := range text {
		if r < ' ' || r > '~' {
			r = '?'
		}
		out = append(out, byte(r))
	}
	if extra := len(out) - columnsShown; extra > 0 {
		out = out[extra:]
	}
	for len(out) < columnsShown {
		out = append(out, ' ')
	}
	return out
}

// Echo is what was typed, in the groups of four that a slip shows.
func Echo(typed string) string {
	var out []byte
	for i := range len(typed) {
		if i > 0 && i%4 == 0 {
			out = append(out, ' ')
		}
		out = append(out, typed[i])
	}
	return string(out)
}
