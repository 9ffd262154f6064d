package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/adc"
	"github.com/keeplit/keeplit/metering/atm90e32"
	"github.com/keeplit/keeplit/metering/waveform"
)

// The chips on SPI have no register that outlives them: they go on from what
// the agent counted last.

// energyChip builds the driver of an ATM90E32.
func (s *service) energyChip(d metering.Document, state control.State) (metering.Meter, error) {
	b, err := s.hardware()
	if err != nil {
		return nil, err
	}
	port, err := b.SPI(d.ATM90E32.Bus)
	if err != nil {
		return nil, machine(noBus("meter.atm90e32.bus", err))
	}
	s.closers = append(s.closers, port.Close)
	cfg := energyChipConfig(d, state, s.loop, s.now)
	cfg.Port = port
	m, err := atm90e32.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("meter.atm90e32: %w", err)
	}
	return m, nil
}

// energyChipConfig is all but the port: where counting goes on from, and who
// tells that what was taken out of the chip is stored.
func energyChipConfig(d metering.Document, state control.State, loop *control.Loop, now func() time.Time) atm90e32.Config {
	imported, exported := state.Meter.Shown()
	return atm90e32.Config{
		ATM90E32Document: *d.ATM90E32, Every: d.Every, Now: now,
		Import: imported, Export: exported, Since: state.Meter.Last.At, Stored: loop.Stored,
	}
}

// defaultRate is a converter's, in samples a second, where the configuration
// gives none.
const defaultRate = 4000

// converter builds the driver of an analogue converter.  Its constants are read
// first: they can be put right without the hardware.
func (s *service) converter(d metering.Document, state control.State) (metering.Meter, error) {
	c := *d.ADC
	constants, rate, err := s.constants(c)
	if err != nil {
		return nil, err
	}
	b, err := s.hardware()
	if err != nil {
		return nil, err
	}
	port, err := b.SPI(c.Bus)
	if err != nil {
		return nil, machine(noBus("meter.adc.bus", err))
	}
	s.closers = append(s.closers, port.Close)
	var src adc.Source
	var skew time.Duration
	phases := len(constants.Channels)
	switch c.Chip {
	case "ads131m04":
		ready, closePin, err := b.Edges(c.Ready)
		if err != nil {
			return nil, machine(fmt.Errorf("meter.adc.ready: %w", err))
		}
		s.closers = append(s.closers, closePin)
		if src, err = adc.NewADS131M04(port, ready, phases, rate, s.now); err != nil {
			return nil, fmt.Errorf("meter.adc: %w", err)
		}
	case "mcp3208":
		m, err := adc.NewMCP3208(port, phases, rate, s.now)
		if err != nil {
			return nil, fmt.Errorf("meter.adc: %w", err)
		}
		src, skew = m, m.Skew()
	default:
		return nil, fmt.Errorf("meter.adc.chip: %q is not built in; write ads131m04 or mcp3208", c.Chip)
	}
	imported, exported := state.Meter.Shown()
	m, err := adc.New(src, adc.Config{
		Waveform: waveform.Config{
			Rate: rate, Channels: constants.Channels, Skew: skew, Nominal: float64(c.Voltage), Frequency: float64(c.LineFrequency),
		}, Every: d.Every, Now: s.now,
		Import: imported, Export: exported,
	})
	if err != nil {
		return nil, fmt.Errorf("meter.adc: %w", err)
	}
	return m, nil
}

// constants reads a converter's constants, and makes them those of the site.
func (s *service) constants(c metering.ADCDocument) (constants waveform.Calibration, rate float64, err error) {
	rate = cmp.Or(float64(c.Rate), defaultRate)
	constants, signature, err := calibrationOf(s.cfg.Path(c.Calibration), rate)
	if err != nil {
		return constants, rate, fmt.Errorf("meter.adc.calibration: %w", err)
	}
	if c.Chip == "ads131m04" && c.Ready == "" {
		return constants, rate, errors.New("meter.adc.ready: it is missing; write the GPIO line of the converter's data-ready output, e.g. GPIO25")
	}
	if s.site != nil {
		s.site.Calibration = control.Calibration{Signature: signature, Made: "made " + constants.Time.Format(time.RFC3339) + " by " + cmp.Or(constants.By, "a person not named")}
	}
	return constants, rate, nil
}

// calibrationOf reads the constants that agent calibrate wrote, and their
// signature.
func calibrationOf(name string, rate float64) (c waveform.Calibration, signature string, err error) {
	file, err := os.ReadFile(name)
	if err != nil {
		return c, "", fmt.Errorf("%w; run agent calibrate and name the file it writes", err)
	}
	c, _, signature, err = waveform.Verify(file)
	switch {
	case err != nil:
		return c, "", fmt.Errorf("%s: %w", name, err)
	case len(c.Channels) == 0:
		return c, "", fmt.Errorf("%s: it has no channel; calibrate again", name)
	case c.Rate != rate:
		return c, "", fmt.Errorf("%s was made at %v samples a second and the meter runs at %v; set meter.adc.rate, or calibrate again", name, c.Rate, rate)
	}
	return c, signature, nil
}

// noBus says what to do where an SPI port does not open.
func noBus(path string, err error) error {
	return fmt.Errorf("%s: %w; switch SPI on (on a Raspberry Pi with raspi-config), put the user into group spi; agent probe lists the ports there are", path, err)
}
