package config

import (
	"encoding/hex"
	"fmt"

	"github.com/keeplit/keeplit/internal/fault"
)

// Entry is what takes tokens at the meter besides page, command line and MQTT.
type Entry struct {
	// A 4x4 matrix keypad on GPIO pins.
	// Example: {rows: [GPIO5, GPIO6, GPIO13, GPIO19], columns: [GPIO12, GPIO16, GPIO20, GPIO21], display: {bus: "1"}}
	Keypad *Keypad `yaml:"keypad"`
	// A reader of contactless cards (MFRC522).
	// Example: {port: SPI0.0, reset: GPIO25, irq: GPIO24, key: {file: card.key}}
	Card *Card `yaml:"card"`
}

// Keypad is a 4x4 matrix keypad on GPIO pins, with a display where there is one.
type Keypad struct {
	// The four pins of the rows, from the top.
	// Example: [GPIO5, GPIO6, GPIO13, GPIO19]
	Rows []string `yaml:"rows"`
	// The four pins of the columns, from the left.
	// Example: [GPIO12, GPIO16, GPIO20, GPIO21]
	Columns []string `yaml:"columns"`
	// A display of 16x2 characters behind a PCF8574.
	// Example: {bus: "1", address: 39}
	Display *Display `yaml:"display"`
}

// Display is a 16x2 character display behind a PCF8574 on an I2C bus.
type Display struct {
	// The I2C bus, by name or number. Left out: the first one.
	// Example: "1"
	Bus string `yaml:"bus"`
	// The display's address on the bus: 39 (0x27) or 63 (0x3F).
	// Default: 39
	// Example: 63
	Address int `yaml:"address"`
}

// Card is an MFRC522 reader on an SPI port.
type Card struct {
	// The SPI port, by name or number. Left out: the first one.
	// Example: SPI0.0
	Port string `yaml:"port"`
	// The pin that resets the reader.
	// Example: GPIO25
	Reset string `yaml:"reset"`
	// The pin by which the reader says that a card is there.
	// Example: GPIO24
	IRQ string `yaml:"irq"`
	// The key that the cards are read with, in a file or an environment variable.
	// Example: {file: card.key}
	Key string `yaml:"key" secret:"true"`
}

// usualDisplay is the address that most display boards have.
const usualDisplay = 0x27

// At is the display's address.
func (d Display) At() uint16 {
	if d.Address == 0 {
		return usualDisplay
	}
	return uint16(d.Address) //nolint:gosec // checked
}

// four is names as the keypad wants them.
func four(names []string) (out [4]string) {
	copy(out[:], names)
	return out
}

// Pins are the keypad's rows and columns.
func (k Keypad) Pins() (rows, columns [4]string) { return four(k.Rows), four(k.Columns) }

// SectorKey is the key of the cards' sectors.
func (c Card) SectorKey() (key [6]byte) {
	b, err := hex.DecodeString(c.Key)
	if err == nil {
		copy(key[:], b)
	}
	return key
}

// Check names everything wrong with the document.
func (e Entry) Check() fault.List {
	var l fault.List
	if k := e.Keypad; k != nil {
		l.Under("keypad", k.Check())
	}
	if c := e.Card; c != nil {
		l.Under("card", c.Check())
	}
	return l
}

// Check names everything wrong with the document.
func (k Keypad) Check() fault.List {
	var l fault.List
	seen := map[string]string{}
	for _, part := range []struct {
		name string
		pins []string
	}{{"rows", k.Rows}, {"columns", k.Columns}} {
		if len(part.pins) != 4 {
			l.Add(part.name, "write the four pins, e.g. [GPIO5, GPIO6, GPIO13, GPIO19]", "a 4x4 keypad has 4 %s, not %d", part.name, len(part.pins))
		}
		for i, p := range part.pins {
			at := fmt.Sprintf("%s[%d]", part.name, i)
			switch other, twice := seen[p]; {
			case p == "":
				l.Add(at, "write the pin's name, e.g. GPIO5", "the pin has no name")
			case twice:
				l.Add(at, "give each line of the keypad a pin of its own", "%s is %s already", p, other)
			}
			seen[p] = at
		}
	}
	if d := k.Display; d != nil && (d.Address < 0 || d.Address > 0x77) {
		l.Add("display.address", "write 39 (0x27) or 63 (0x3F), as the board says", "%d is not an I2C address", d.Address)
	}
	return l
}

// Check names everything wrong with the document.
func (c Card) Check() fault.List {
	var l fault.List
	if c.Reset == "" {
		l.Add("reset", "write the pin's name, e.g. GPIO25", "the reader's reset pin is missing")
	}
	if c.IRQ == "" {
		l.Add("irq", "write the pin's name, e.g. GPIO24", "the reader's interrupt pin is missing")
	}
	if c.Reset != "" && c.Reset == c.IRQ {
		l.Add("irq", "give it a pin of its own", "%s is the reset pin already", c.IRQ)
	}
	if b, err := hex.DecodeString(c.Key); err != nil || len(b) != 6 {
		l.Add("key", "write the 12 hexadecimal digits of your cards' sector key into a file and name it: {file: PATH}", "the cards' key is not 6 bytes")
	}
	return l
}
