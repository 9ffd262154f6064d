package adc

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/waveform"
	"github.com/keeplit/keeplit/metering/waveform/flicker"
	"github.com/keeplit/keeplit/metering/waveform/voltage"
)

// Driver is the driver adc.
func Driver() metering.Driver {
	return metering.Driver{Name: "adc", New: func() metering.Settings { return new(Document) }}
}

// Document is an analogue converter whose samples are measured here.
//
// In a configuration: An analogue converter on the machine's SPI bus, whose samples are measured
// here.
// Example: {chip: mcp3208, bus: SPI0.0, calibration: calibration.json}
type Document struct {
	// ads131m04 or mcp3208.
	// Example: ads131m04
	Chip string `yaml:"chip"`
	// The SPI port.
	// Example: SPI0.0
	Bus string `yaml:"bus"`
	// The GPIO line of the converter's data-ready output, of an ADS131M04.
	// Example: GPIO25
	Ready string `yaml:"ready,omitempty"`
	// Samples in a second. Left out: that which the calibration was made at.
	// Example: 4000
	Rate int `yaml:"rate,omitempty" zero:"no"`
	// The file that "agent calibrate" wrote.
	// Example: calibration.json
	Calibration string `yaml:"calibration"`
	// Whether the direct part of the currents stays in their rms values, as of loads that take half waves.
	// The converter's zero must be right then.
	// Example: true
	DC bool `yaml:"dc,omitempty"`
	// The declared voltage in V, by which sags and swells are told.
	// Default: 230
	// Example: 120
	Voltage int `yaml:"voltage,omitempty" zero:"no"`
	// The mains' frequency in Hz, 50 or 60.
	// Default: 50
	// Example: 60
	LineFrequency int `yaml:"line_frequency,omitempty" zero:"no"`
	// What of the voltage's quality is not measured, to spare a small machine: harmonics, flicker, or
	// quality for all of it.
	// Example: [harmonics, flicker]
	Without []string `yaml:"without,omitempty"`
	// Folder for the samples around dips, swells and interruptions, the newest 50. Left out: none are
	// kept.
	// Example: captures
	Captures string `yaml:"captures,omitempty"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.OneOf("chip", d.Chip, "ads131m04", "mcp3208")
	l.Need("bus", d.Bus, "write the SPI port, e.g. SPI0.0")
	l.Need("calibration", d.Calibration, "run agent calibrate and name the file it writes")
	if d.Rate != 0 && (d.Rate < 1000 || d.Rate > 32_000) {
		l.Add("rate", "write 1000 to 32000, or leave it out", "%d samples per second", d.Rate)
	}
	if v := d.Voltage; v != 0 && (v < 50 || v > 500) {
		l.Add("voltage", "write the declared voltage, 230 or 120", "%d V is not one", v)
	}
	for _, w := range d.Without {
		if !slices.Contains([]string{"harmonics", "flicker", "quality"}, w) {
			l.Add("without", "write harmonics, flicker or quality, or leave it out", "%q is nothing that can be left out", w)
		}
	}
	if d.Captures != "" && slices.Contains(d.Without, "quality") {
		l.Add("captures", "leave out quality of without, or captures", "nothing is captured without the quality of the voltage")
	}
	if f := d.LineFrequency; f != 0 && f != 50 && f != 60 {
		l.Add("line_frequency", "write 50 or 60", "%d Hz is not a mains frequency", f)
	}
	return l
}

// Declared implements metering.Declaring.
func (d *Document) Declared() units.Voltage {
	if d.Voltage == 0 {
		return 230_000
	}
	return units.Voltage(d.Voltage) * 1000
}

// Label implements metering.Settings.
func (d *Document) Label() string { return strings.ToUpper(d.Chip) + " on " + d.Bus }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return metering.NeedsMachine }

// Pace implements metering.Settings.
func (*Document) Pace() time.Duration { return usualEvery }

// Open implements metering.Settings.  The constants are read first: they can be
// put right without the hardware.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	constants, _, err := d.constants(e)
	if err != nil {
		return nil, err
	}
	port, err := e.Machine.SPI(d.Bus)
	if err != nil {
		return nil, metering.NoBus("meter.adc.bus", err)
	}
	var src Source
	var skew time.Duration
	phases, rate := len(constants.Channels), constants.Rate
	switch d.Chip {
	case "ads131m04":
		ready, err := e.Machine.Edges(d.Ready)
		if err != nil {
			return nil, fmt.Errorf("meter.adc.ready: %w", err)
		}
		if src, err = NewADS131M04(port, ready, phases, rate, e.Now); err != nil {
			return nil, fmt.Errorf("meter.adc: %w", err)
		}
	case "mcp3208":
		m, err := NewMCP3208(port, phases, rate, e.Now)
		if err != nil {
			return nil, fmt.Errorf("meter.adc: %w", err)
		}
		src, skew = m, m.Skew()
	default:
		return nil, fmt.Errorf("meter.adc.chip: %q is not built in; write ads131m04 or mcp3208", d.Chip)
	}
	m, err := New(src, Config{
		Waveform: waveform.Config{
			Rate: rate, Channels: constants.Channels, Skew: skew, Nominal: float64(d.Voltage), Frequency: float64(d.LineFrequency), KeepDC: d.DC,
		}, Every: e.Every, Now: e.Now,
		Import: e.Import, Export: e.Export, Quality: d.quality(rate), Captures: d.captures(e),
	})
	if err != nil {
		return nil, fmt.Errorf("meter.adc: %w", err)
	}
	return m, nil
}

// quality is what is to be measured of the voltage; nil: nothing.
func (d *Document) quality(rate float64) *voltage.Config {
	if slices.Contains(d.Without, "quality") {
		return nil
	}
	return &voltage.Config{Harmonics: !slices.Contains(d.Without, "harmonics"), Flicker: !slices.Contains(d.Without, "flicker") && rate >= flicker.Least}
}

// captures is the folder for captures.
func (d *Document) captures(e metering.Env) string {
	if d.Captures == "" {
		return ""
	}
	return e.Path(d.Captures)
}

// Constants implements metering.Calibrated.
func (d *Document) Constants(e metering.Env) (metering.Constants, error) {
	c, signature, err := d.constants(e)
	return metering.Constants{Signature: signature, Made: c.Time, By: c.By}, err
}

// constants reads the converter's, and their signature.
func (d *Document) constants(e metering.Env) (c waveform.Calibration, signature string, err error) {
	c, signature, err = calibrationOf(e.Path(d.Calibration), float64(d.Rate))
	if err != nil {
		return c, "", fmt.Errorf("meter.adc.calibration: %w", err)
	}
	if d.Chip == "ads131m04" && d.Ready == "" {
		return c, "", errors.New("meter.adc.ready: it is missing; write the GPIO line of the converter's data-ready output, e.g. GPIO25")
	}
	return c, signature, nil
}

// calibrationOf reads the constants that agent calibrate wrote, and their
// signature.  rate is the one that they must have been made at, zero where any will
// do.
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
	case rate != 0 && c.Rate != rate:
		return c, "", fmt.Errorf("%s was made at %v samples a second and the meter runs at %v; set meter.adc.rate, or calibrate again", name, c.Rate, rate)
	}
	return c, signature, nil
}
