package drivers

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/adc"
	"github.com/keeplit/keeplit/metering/atm90e32"
	"github.com/keeplit/keeplit/metering/waveform"
)

// The chips on SPI have no register that outlives them: they go on from what
// the agent counted last.

func chipMeter() Meter {
	return Meter{
		Driver: "atm90e32",
		Name:   func(d metering.Document) string { return "ATM90E32 on " + d.ATM90E32.Bus },
		Open: func(e Env, d metering.Document) (metering.Meter, error) {
			b, err := e.Machine.Board()
			if err != nil {
				return nil, err
			}
			port, err := b.SPI(d.ATM90E32.Bus)
			if err != nil {
				return nil, board.Missing(noBus("meter.atm90e32.bus", err))
			}
			e.Machine.Closes(port.Close)
			cfg := ChipConfig(e, d)
			cfg.Port = port
			m, err := atm90e32.New(cfg)
			if err != nil {
				return nil, fmt.Errorf("meter.atm90e32: %w", err)
			}
			return m, nil
		},
	}
}

// ChipConfig is all but the port of an ATM90E32: where counting goes on from,
// and who tells that what was taken out of the chip is stored.
func ChipConfig(e Env, d metering.Document) atm90e32.Config {
	return atm90e32.Config{
		ATM90E32Document: *d.ATM90E32, Every: d.Every, Now: e.Now,
		Import: e.Import, Export: e.Export, Since: e.Since, Stored: e.Stored,
	}
}

// defaultRate is a converter's, in samples a second, where the configuration
// gives none.
const defaultRate = 4000

func converterMeter() Meter {
	return Meter{
		Driver: "adc", Open: converter,
		Name: func(d metering.Document) string { return strings.ToUpper(d.ADC.Chip) + " on " + d.ADC.Bus },
		Check: func(e Env, d metering.Document) error {
			_, err := ConstantsOf(e.Path, *d.ADC)
			return err
		},
	}
}

// converter builds the driver of an analogue converter.  Its constants are read
// first: they can be put right without the hardware.
func converter(e Env, d metering.Document) (metering.Meter, error) {
	c := *d.ADC
	constants, err := ConstantsOf(e.Path, c)
	if err != nil {
		return nil, err
	}
	b, err := e.Machine.Board()
	if err != nil {
		return nil, err
	}
	port, err := b.SPI(c.Bus)
	if err != nil {
		return nil, board.Missing(noBus("meter.adc.bus", err))
	}
	e.Machine.Closes(port.Close)
	var src adc.Source
	var skew time.Duration
	phases, rate := len(constants.Channels), constants.Rate
	switch c.Chip {
	case "ads131m04":
		ready, closePin, err := b.Edges(c.Ready)
		if err != nil {
			return nil, board.Missing(fmt.Errorf("meter.adc.ready: %w", err))
		}
		e.Machine.Closes(closePin)
		if src, err = adc.NewADS131M04(port, ready, phases, rate, e.Now); err != nil {
			return nil, fmt.Errorf("meter.adc: %w", err)
		}
	case "mcp3208":
		m, err := adc.NewMCP3208(port, phases, rate, e.Now)
		if err != nil {
			return nil, fmt.Errorf("meter.adc: %w", err)
		}
		src, skew = m, m.Skew()
	default:
		return nil, fmt.Errorf("meter.adc.chip: %q is not built in; write ads131m04 or mcp3208", c.Chip)
	}
	m, err := adc.New(src, adc.Config{
		Waveform: waveform.Config{
			Rate: rate, Channels: constants.Channels, Skew: skew, Nominal: float64(c.Voltage), Frequency: float64(c.LineFrequency),
		}, Every: d.Every, Now: e.Now,
		Import: e.Import, Export: e.Export,
	})
	if err != nil {
		return nil, fmt.Errorf("meter.adc: %w", err)
	}
	return m, nil
}

// Constants are a converter's.
type Constants struct {
	waveform.Calibration
	Signature string
}

// ConstantsOf reads a converter's constants; path is where a file lies that the
// configuration names.
func ConstantsOf(path func(string) string, c metering.ADCDocument) (Constants, error) {
	rate := cmp.Or(float64(c.Rate), defaultRate)
	constants, signature, err := calibrationOf(path(c.Calibration), rate)
	if err != nil {
		return Constants{}, fmt.Errorf("meter.adc.calibration: %w", err)
	}
	if c.Chip == "ads131m04" && c.Ready == "" {
		return Constants{}, errors.New("meter.adc.ready: it is missing; write the GPIO line of the converter's data-ready output, e.g. GPIO25")
	}
	return Constants{constants, signature}, nil
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
