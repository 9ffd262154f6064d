package board

import (
	"fmt"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
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
