package metering

import (
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Document is a meter as the configuration describes it: what drives it and
// where it is connected.
type Document struct {
	// Driver is modbus, pulse, mqtt, replay, house, p1, sml, iec62056,
	// atm90e32 or adc.  The part of the same name holds its settings.
	Driver string `yaml:"driver"`
	// Every is the time between readings; zero takes the driver's own.  Meters
	// that send by themselves ignore it.
	Every time.Duration `yaml:"every,omitempty"`
	// MaxPower is the most the supply can carry (its main fuse); faster
	// registers are a fault.  Zero takes 25 kW.
	MaxPower units.Power `yaml:"max_power,omitempty"`
	// MaxGap is the longest silence over which power is integrated.  Zero takes
	// two minutes.
	MaxGap time.Duration `yaml:"max_gap,omitempty"`

	Modbus   *ModbusDocument   `yaml:"modbus,omitempty"`
	Pulse    *PulseDocument    `yaml:"pulse,omitempty"`
	MQTT     *MQTTDocument     `yaml:"mqtt,omitempty"`
	Replay   *ReplayDocument   `yaml:"replay,omitempty"`
	P1       *SerialDocument   `yaml:"p1,omitempty"`
	SML      *SerialDocument   `yaml:"sml,omitempty"`
	IEC62056 *IEC62056Document `yaml:"iec62056,omitempty"`
	ATM90E32 *ATM90E32Document `yaml:"atm90e32,omitempty"`
	ADC      *ADCDocument      `yaml:"adc,omitempty"`
}

// SerialDocument is a serial line.
type SerialDocument struct {
	// Port is the device, e.g. /dev/ttyUSB0 or better /dev/serial/by-id/...
	Port string `yaml:"port"`
	// Baud is the speed; zero takes the format's own.
	Baud int `yaml:"baud,omitempty"`
}

// ModbusDocument is a meter on a Modbus line (RTU) or network (TCP).
type ModbusDocument struct {
	// Model is sdm120, sdm220, sdm230, sdm630, pzem004t, or generic with Map.
	Model string `yaml:"model"`
	// Port is a serial device (RTU), or host:port (TCP).
	Port string `yaml:"port"`
	// Unit is the device's address on the line, 1 to 247; zero takes 1.
	Unit int `yaml:"unit,omitempty"`
	// Baud and Parity (none, even, odd) are the serial line's; zero and empty
	// take the model's factory setting.
	Baud   int    `yaml:"baud,omitempty"`
	Parity string `yaml:"parity,omitempty"`
	// Map describes the registers of a generic meter.
	Map []ModbusRegister `yaml:"map,omitempty"`
}

// ModbusRegister is one value of a generic Modbus meter.
type ModbusRegister struct {
	// Value is import, export, power, reactive, apparent, voltage, current,
	// frequency; with "_1" to "_3" for a phase's voltage, current and power.
	Value string `yaml:"value"`
	// Register is its number as the wire carries it (0x0048, not 30073).
	Register int `yaml:"register"`
	// Table is input (function 4) or holding (function 3); empty is input.
	Table string `yaml:"table,omitempty"`
	// Type is float32, uint16, int16, uint32, int32, uint64 or int64.
	Type string `yaml:"type"`
	// Words is high_first or low_first; empty is high_first.
	Words string `yaml:"words,omitempty"`
	// Scale turns the number into kWh, W, var, VA, V, A or Hz, as a decimal
	// ("0.01"); empty is 1.
	Scale string `yaml:"scale,omitempty"`
}

// PulseDocument is a pulse output (S0) or a pulse LED.
type PulseDocument struct {
	// Pin is the GPIO line, e.g. GPIO17.
	Pin string `yaml:"pin"`
	// PerKWh is the meter constant, pulses per kWh, as printed on the meter.
	PerKWh int `yaml:"pulses_per_kwh"`
	// Debounce is the shortest time between two pulses; zero takes 20 ms.
	Debounce time.Duration `yaml:"debounce,omitempty"`
}

// MQTTDocument is a meter that publishes over MQTT.
type MQTTDocument struct {
	// Kind is tasmota, shelly or zigbee2mqtt.
	Kind string `yaml:"kind"`
	// Topic is the device's own name in its topics: the Tasmota topic, the
	// Shelly prefix, the Zigbee2MQTT friendly name.
	Topic string `yaml:"topic"`
	// Channel is the meter in the device, from 0 (Shelly) or 1 (Tasmota).
	Channel int `yaml:"channel,omitempty"`
	// Base is Zigbee2MQTT's base topic; empty is zigbee2mqtt.
	Base string `yaml:"base,omitempty"`
}

// ReplayDocument plays a recorded series as a meter.
type ReplayDocument struct {
	// File is a CSV with a header: time,kwh or timestamp,kwh or timestamp,w.
	File string `yaml:"file"`
	// Speed is how much faster than real time it is played; zero takes 1.
	Speed int `yaml:"speed,omitempty"`
}

// IEC62056Document is an optical head or a current loop on a serial line.
type IEC62056Document struct {
	Port string `yaml:"port"`
	// Address is the meter's, empty for the only one on the line.
	Address string `yaml:"address,omitempty"`
	// MaxBaud is the fastest speed to change to; zero takes what the meter
	// offers.
	MaxBaud int `yaml:"max_baud,omitempty"`
}

// ATM90E32Document is an energy chip on an SPI bus.
type ATM90E32Document struct {
	// Bus is the SPI port, e.g. SPI0.0.
	Bus string `yaml:"bus"`
	// LineFrequency is 50 or 60; zero takes 50.
	LineFrequency int `yaml:"line_frequency,omitempty"`
	// VoltageGain, CurrentGain and CurrentPGA are the chip's calibration.
	VoltageGain int `yaml:"voltage_gain"`
	CurrentGain int `yaml:"current_gain"`
	CurrentPGA  int `yaml:"current_pga,omitempty"` // 1, 2 or 4
}

// ADCDocument is an analogue converter whose samples keeplit measures itself.
type ADCDocument struct {
	// Chip is ads131m04 or mcp3208.
	Chip string `yaml:"chip"`
	Bus  string `yaml:"bus"`
	// Ready is the GPIO line of the converter's data-ready output (ADS131M04).
	Ready string `yaml:"ready,omitempty"`
	// Rate is samples per second; zero takes 4000.
	Rate int `yaml:"rate,omitempty"`
	// Calibration is the file that agent calibrate wrote.
	Calibration string `yaml:"calibration"`
}

// Drivers are the kinds a Document may name.
func Drivers() []string {
	return []string{"modbus", "pulse", "mqtt", "replay", "house", "p1", "sml", "iec62056", "atm90e32", "adc"}
}

// Check is everything wrong with d.
func (d Document) Check() fault.List {
	var l fault.List
	parts := map[string]bool{
		"modbus": d.Modbus != nil, "pulse": d.Pulse != nil, "mqtt": d.MQTT != nil, "replay": d.Replay != nil,
		"house": true, "p1": d.P1 != nil, "sml": d.SML != nil, "iec62056": d.IEC62056 != nil,
		"atm90e32": d.ATM90E32 != nil, "adc": d.ADC != nil,
	}
	given, known := parts[d.Driver]
	switch {
	case !known:
		l.Add("driver", "write one of modbus, pulse, mqtt, replay, house, p1, sml, iec62056, atm90e32, adc", "%q is not a meter driver", d.Driver)
	case !given:
		l.Add(d.Driver, "add its settings", "driver is %s but there is no part of that name", d.Driver)
	}
	for _, name := range Drivers() {
		if name != "house" && name != d.Driver && parts[name] {
			l.Add(name, "take it out, or set driver: "+name, "driver is %s, so this part would be ignored", d.Driver)
		}
	}
	if d.Every < 0 || d.Every > time.Hour {
		l.Add("every", "write a time from 100ms to 1h, or leave it out", "%v is not a time between readings", d.Every)
	}
	if d.MaxPower < 0 {
		l.Add("max_power", "write the power of the main fuse, e.g. 9.2 kW for 40 A", "%v is negative", d.MaxPower)
	}
	if d.MaxGap < 0 {
		l.Add("max_gap", "write a time such as 2m, or leave it out", "%v is negative", d.MaxGap)
	}
	return l
}

// Limits are what d says of the supply, with the defaults filled in.
func (d Document) Limits() Limits {
	l := DefaultLimits()
	if d.MaxPower > 0 {
		l.MaxPower = d.MaxPower
	}
	if d.MaxGap > 0 {
		l.MaxGap = d.MaxGap
	}
	return l
}
