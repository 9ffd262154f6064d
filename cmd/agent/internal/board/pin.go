package board

import (
	"fmt"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"

	"github.com/keeplit/keeplit/metering"
)

// Edges opens an input whose edges can be waited for, such as a converter's
// data-ready output, by its name, alias or number.  The taker sets pull and
// edge.  closePin gives it back.
func (b *Board) Edges(name string) (pin gpio.PinIn, closePin func() error, err error) {
	p := gpioreg.ByName(name)
	if p == nil {
		return nil, nil, fmt.Errorf("board: there is no GPIO line %q that the user may open; agent probe lists the lines there are, and the user must be in group gpio", name)
	}
	return p, p.Halt, nil
}

// Contact opens the input of a contact; read tells whether it is at alarm.
func (b *Board) Contact(d metering.ContactDocument) (read func() (bool, error), closeLine func() error, err error) {
	in, err := b.Inputs(d.Chip, []string{d.Line}, d.Pull)
	if err != nil {
		return nil, nil, err
	}
	return func() (bool, error) {
		levels, err := in.Read(1)
		return err == nil && (levels&1 != 0) != d.Low, err
	}, in.Close, nil
}
