// Package board finds the hardware of the machine: it loads periph's host
// drivers once, says which were loaded, skipped or failed and why, and opens
// GPIO lines, SPI and I2C buses.  On a machine without such hardware it says so
// and opens nothing.
package board

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.bug.st/serial"
	"periph.io/x/conn/v3/driver"
	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2creg"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spireg"
	"periph.io/x/host/v3"
	"periph.io/x/host/v3/gpioioctl"
)

// Outcome is what became of looking for one thing.
type Outcome string

// The three outcomes.
const (
	Loaded  Outcome = "loaded"
	Skipped Outcome = "skipped" // not on this machine
	Failed  Outcome = "failed"  // there, but it does not work: Reason says why
)

// The kinds of thing looked for.
const (
	KindDriver = "driver"
	KindGPIO   = "gpio"
	KindSPI    = "spi"
	KindI2C    = "i2c"
	KindSerial = "serial"
)

// Finding is one thing looked for.
type Finding struct {
	Kind    string  `json:"kind"`
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"` // why it was skipped or failed, and what to do
	Detail  string  `json:"detail,omitempty"` // for people: label and number of lines of a chip, ...
}

// Board is the hardware of this machine.
type Board struct {
	drivers []Finding
	chips   []Chip
	kernel  kernel
	serial  func() ([]string, error)
	spi     func() []*spireg.Ref
	i2c     func() []*i2creg.Ref
}

// Open loads the drivers.  Hardware that is missing or does not work is no error:
// Findings tells.  periph keeps what it has loaded for the life of the process, so
// a second Open finds the same.
func Open() (*Board, error) {
	state, err := host.Init()
	if err != nil {
		return nil, fmt.Errorf("board: load the host drivers: %w", err)
	}
	b := &Board{drivers: drivers(state), kernel: system{}, serial: serial.GetPortsList, spi: spireg.All, i2c: i2creg.All}
	for _, c := range gpioioctl.Chips {
		chip := Chip{Name: c.Name(), Label: c.Label(), Path: c.Path()}
		for _, l := range c.Lines() {
			chip.Lines = append(chip.Lines, Line{Number: l.Number(), Name: l.Name(), User: l.Consumer()})
		}
		b.chips = append(b.chips, chip)
	}
	return b, nil
}

// drivers turns periph's state into findings.
func drivers(state *driverreg.State) []Finding {
	var out []Finding
	add := func(d driver.Impl, o Outcome, reason string) {
		out = append(out, Finding{Kind: KindDriver, Name: d.String(), Outcome: o, Reason: reason})
	}
	for _, d := range state.Loaded {
		add(d, Loaded, "")
	}
	for _, f := range state.Skipped {
		add(f.D, Skipped, reason(f.Err))
	}
	for _, f := range state.Failed {
		add(f.D, Failed, reason(f.Err))
	}
	slices.SortFunc(out, func(a, b Finding) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// reason is what err means, with the way out where it is a common one.
func reason(err error) string {
	switch {
	case err == nil:
		return "not on this machine"
	case errors.Is(err, os.ErrPermission) || strings.Contains(err.Error(), "permission denied"):
		return err.Error() + "; add the user to the groups gpio, spi, i2c and dialout and sign in again"
	default:
		return err.Error()
	}
}

// Findings is everything looked for, by kind and name; a kind of which there is
// nothing has one finding that says so.
func (b *Board) Findings() []Finding {
	out := slices.Clone(b.drivers)
	found := func(kind string, what []Finding, remedy string) {
		if len(what) == 0 {
			what = []Finding{{Kind: kind, Outcome: Skipped, Reason: remedy}}
		}
		slices.SortStableFunc(what, func(a, b Finding) int { return cmp.Compare(a.Name, b.Name) })
		out = append(out, what...)
	}
	var chips, spis, i2cs []Finding
	for _, c := range b.chips {
		chips = append(chips, Finding{Kind: KindGPIO, Name: c.Path, Outcome: Loaded, Detail: fmt.Sprintf("%s, %d lines", c.Label, len(c.Lines))})
	}
	for _, r := range b.spi() {
		spis = append(spis, Finding{Kind: KindSPI, Name: r.Name, Outcome: Loaded})
	}
	for _, r := range b.i2c() {
		i2cs = append(i2cs, Finding{Kind: KindI2C, Name: r.Name, Outcome: Loaded})
	}
	found(KindGPIO, chips, "there is no GPIO chip the user may open (/dev/gpiochip*)")
	found(KindSPI, spis, "there is no SPI bus (/dev/spidev*); on a Raspberry Pi switch it on with raspi-config")
	found(KindI2C, i2cs, "there is no I2C bus (/dev/i2c-*); on a Raspberry Pi switch it on with raspi-config")
	found(KindSerial, b.serialPorts(), "there is no serial port; plug the adapter in")
	return out
}

func (b *Board) serialPorts() []Finding {
	names, err := b.serial()
	if err != nil {
		return []Finding{{Kind: KindSerial, Outcome: Failed, Reason: reason(err)}}
	}
	var out []Finding
	for _, n := range names {
		out = append(out, Finding{Kind: KindSerial, Name: n, Outcome: Loaded})
	}
	return out
}

// SPI opens a port by its name, alias or number; the first one where name is
// empty.  It must be closed.
func (b *Board) SPI(name string) (spi.PortCloser, error) {
	p, err := spireg.Open(name)
	if err != nil && len(b.spi()) == 0 {
		return nil, fmt.Errorf("board: open SPI port %q: there is no SPI bus (/dev/spidev*) that the user may open", name)
	}
	if err != nil {
		return nil, fmt.Errorf("board: open SPI port %q: %w", name, err)
	}
	return p, nil
}

// I2C opens a bus by its name, alias or number; the first one where name is
// empty.  It must be closed.
func (b *Board) I2C(name string) (i2c.BusCloser, error) {
	p, err := i2creg.Open(name)
	if err != nil {
		return nil, fmt.Errorf("board: open I2C bus %q: %w", name, err)
	}
	return p, nil
}
