package board

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio/gpioreg"

	"github.com/keeplit/keeplit/metering/pulse"
)

// Pulses opens a pulse input.  The kernel's own line request is taken where it
// is to be had, because its buffer tells when pulses were lost; a pin of periph
// where not.  closePin gives it back.
func (b *Board) Pulses(pin string, debounce time.Duration, now func() time.Time) (src pulse.Source, closePin func() error, err error) {
	chip, lines, findErr := b.find("", []string{pin})
	if findErr == nil {
		line, err := pulse.OpenLine(chip.Path, lines[0].Number, debounce)
		if err == nil {
			return line, line.Close, nil
		}
		findErr = err
	}
	p := gpioreg.ByName(pin)
	if p == nil {
		return nil, nil, fmt.Errorf("board: pulse input %q: %w; agent probe lists the lines there are", pin, findErr)
	}
	src, err = pulse.NewPin(p, debounce, now)
	if err != nil {
		return nil, nil, fmt.Errorf("board: %w", err)
	}
	return src, p.Halt, nil
}
