package board

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/devices/v3/mfrc522"

	"github.com/keeplit/keeplit/credit/card"
	"github.com/keeplit/keeplit/credit/keypad"
)

// pin is a pin by its name or number.
func pin(name string) (gpio.PinIO, error) {
	p := gpioreg.ByName(name)
	if p == nil {
		return nil, fmt.Errorf("board: there is no pin %q; agent probe lists the lines there are", name)
	}
	return p, nil
}

// Keypad opens a 4x4 matrix keypad: its rows from the top, its columns from the
// left, by the pins' names.
func (b *Board) Keypad(rows, columns [4]string) (*keypad.Matrix, error) {
	var r, c [4]gpio.PinIO
	var err error
	for i := range rows {
		if r[i], err = pin(rows[i]); err != nil {
			return nil, fmt.Errorf("keypad row %d: %w", i+1, err)
		}
		if c[i], err = pin(columns[i]); err != nil {
			return nil, fmt.Errorf("keypad column %d: %w", i+1, err)
		}
	}
	return keypad.NewMatrix(r, c)
}

// Display opens the character display at an address of an I2C bus; closeBus
// gives the bus back.
func (b *Board) Display(bus string, address uint16) (d *keypad.Display, closeBus func() error, err error) {
	i, err := b.I2C(bus)
	if err != nil {
		return nil, nil, err
	}
	if d, err = keypad.NewDisplay(i, address); err != nil {
		_ = i.Close() // the display's error says more
		return nil, nil, err
	}
	return d, i.Close, nil
}

// cardWait is how long one look for a card may take.
const cardWait = 100 * time.Millisecond

// Card opens an MFRC522 reader for the cards of a meter; closePort gives the
// port back.
func (b *Board) Card(port, reset, irq, meter string, key [6]byte) (s *card.Slots, closePort func() error, err error) {
	resetPin, err := pin(reset)
	if err != nil {
		return nil, nil, fmt.Errorf("card reader's reset: %w", err)
	}
	irqPin, err := pin(irq)
	if err != nil {
		return nil, nil, fmt.Errorf("card reader's irq: %w", err)
	}
	p, err := b.SPI(port)
	if err != nil {
		return nil, nil, err
	}
	dev, err := mfrc522.NewSPI(p, resetPin, irqPin, mfrc522.WithSync())
	if err != nil {
		_ = p.Close() // the reader's error says more
		return nil, nil, fmt.Errorf("board: the card reader does not answer: %w", err)
	}
	return card.New(dev, meter, mfrc522.Key(key), cardWait), p.Close, nil
}
