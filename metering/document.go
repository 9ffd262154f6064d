package metering

import (
	"fmt"
	"slices"
	"strings"
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

	// Cover and Magnet are contacts beside any driver.
	Cover  *ContactDocument `yaml:"cover,omitempty"`  // of the cover or the terminals
	Magnet *ContactDocument `yaml:"magnet,omitempty"` // a reed switch that a magnet moves
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
	// Voltage and LineFrequency are the declared ones, for sags and swells; zero
	// takes 230 V and 50 Hz.
	Voltage       int `yaml:"voltage,omitempty"`
	LineFrequency int `yaml:"line_frequency,omitempty"`
}

// ContactDocument is a contact on the meter's box, at a GPIO input.
type ContactDocument struct {
	// Chip is the GPIO chip by label or name; it may be empty where only one has
	// the line.
	Chip string `yaml:"chip,omitempty"`
	// Line is the input's name or number.
	Line string `yaml:"line"`
	// Low says that low is the alarm: the cover open, a magnet near.
	Low bool `yaml:"active_low,omitempty"`
	// Pull is up, down or none; empty is none.
	Pull string `yaml:"pull,omitempty"`
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
	if known && given {
		d.checkPart(&l)
	}
	for name, c := range map[string]*ContactDocument{"cover": d.Cover, "magnet": d.Magnet} {
		if c == nil {
			continue
		}
		if c.Line == "" {
			l.Add(name+".line", "write the GPIO line, e.g. GPIO22; agent probe lists them", "it is missing")
		}
		if !slices.Contains([]string{"", "up", "down", "none"}, c.Pull) {
			l.Add(name+".pull", "write up, down or none", "%q is not known", c.Pull)
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

// checkPart checks the settings of the driver in use.
func (d Document) checkPart(l *fault.List) {
	need := func(path, value, remedy string) {
		if value == "" {
			l.Add(path, remedy, "it is missing")
		}
	}
	oneOf := func(path, value string, words ...string) {
		if !slices.Contains(words, value) {
			l.Add(path, "write one of "+strings.Join(words, ", "), "%q is not known", value)
		}
	}
	baud := func(path string, v int) {
		if v != 0 && (v < 300 || v > 921_600) {
			l.Add(path, "write a speed such as 9600, or leave it out", "%d is not a serial speed", v)
		}
	}
	const port = "write the device, e.g. /dev/serial/by-id/..."
	switch d.Driver {
	case "modbus":
		m := d.Modbus
		oneOf("modbus.model", m.Model, "sdm120", "sdm220", "sdm230", "sdm630", "pzem004t", "generic")
		need("modbus.port", m.Port, "write the serial device, or host:port for Modbus TCP")
		if m.Unit < 0 || m.Unit > 255 {
			l.Add("modbus.unit", "the meter shows it in its settings, 1 to 247", "%d is not a unit address", m.Unit)
		}
		baud("modbus.baud", m.Baud)
		oneOf("modbus.parity", m.Parity, "", "none", "even", "odd")
		switch {
		case m.Model == "generic":
			l.Under("modbus.map", CheckModbusMap(m.Map))
		case len(m.Map) > 0:
			l.Add("modbus.map", "set model: generic, or take the map out", "model %s has its own registers", m.Model)
		}
	case "pulse":
		need("pulse.pin", d.Pulse.Pin, "write the GPIO line, e.g. GPIO17")
		if d.Pulse.PerKWh < 1 || d.Pulse.PerKWh > 1_000_000 {
			l.Add("pulse.pulses_per_kwh", "it is printed on the meter as imp/kWh, e.g. 1000", "%d pulses per kWh", d.Pulse.PerKWh)
		}
		if d.Pulse.Debounce < 0 || d.Pulse.Debounce > time.Second {
			l.Add("pulse.debounce", "write a time such as 20ms, or leave it out", "%v is not the length of a bounce", d.Pulse.Debounce)
		}
	case "mqtt":
		oneOf("mqtt.kind", d.MQTT.Kind, "tasmota", "shelly", "zigbee2mqtt")
		need("mqtt.topic", d.MQTT.Topic, "write the device's name as it stands in its topics")
		if strings.ContainsAny(d.MQTT.Topic+d.MQTT.Base, "#+") {
			l.Add("mqtt.topic", "name one device", "a wildcard cannot name a meter")
		}
		if d.MQTT.Channel < 0 || d.MQTT.Channel > 8 {
			l.Add("mqtt.channel", "write 0 to 8", "%d is not a channel", d.MQTT.Channel)
		}
	case "replay":
		need("replay.file", d.Replay.File, "write the path of a CSV with the header time,kwh")
		if d.Replay.Speed < 0 {
			l.Add("replay.speed", "write 1 for real time", "%d is not a speed", d.Replay.Speed)
		}
	case "p1":
		need("p1.port", d.P1.Port, port)
		baud("p1.baud", d.P1.Baud)
	case "sml":
		need("sml.port", d.SML.Port, port)
		baud("sml.baud", d.SML.Baud)
	case "iec62056":
		need("iec62056.port", d.IEC62056.Port, port)
		if strings.Contains(d.IEC62056.Port, ":") && !strings.HasPrefix(d.IEC62056.Port, "/") {
			l.Add("iec62056.port", "connect the optical head to this machine: its speed changes in each reading", "%q is a network address", d.IEC62056.Port)
		}
		baud("iec62056.max_baud", d.IEC62056.MaxBaud)
	case "atm90e32":
		need("atm90e32.bus", d.ATM90E32.Bus, "write the SPI port, e.g. SPI0.0")
		if f := d.ATM90E32.LineFrequency; f != 0 && f != 50 && f != 60 {
			l.Add("atm90e32.line_frequency", "write 50 or 60", "%d Hz is not a mains frequency", f)
		}
		if p := d.ATM90E32.CurrentPGA; p != 0 && p != 1 && p != 2 && p != 4 {
			l.Add("atm90e32.current_pga", "write 1, 2 or 4", "%d is not a gain of the chip", p)
		}
		gain := func(path string, g int) {
			if g < 1 || g > 0xFFFF {
				l.Add(path, "calibrate the board, or take the figure from its maker", "%d is not a gain, 1 to 65535", g)
			}
		}
		gain("atm90e32.voltage_gain", d.ATM90E32.VoltageGain)
		gain("atm90e32.current_gain", d.ATM90E32.CurrentGain)
	case "adc":
		oneOf("adc.chip", d.ADC.Chip, "ads131m04", "mcp3208")
		need("adc.bus", d.ADC.Bus, "write the SPI port, e.g. SPI0.0")
		need("adc.calibration", d.ADC.Calibration, "run agent calibrate and name the file it writes")
		if d.ADC.Rate != 0 && (d.ADC.Rate < 1000 || d.ADC.Rate > 32_000) {
			l.Add("adc.rate", "write 1000 to 32000, or leave it out", "%d samples per second", d.ADC.Rate)
		}
		if v := d.ADC.Voltage; v != 0 && (v < 50 || v > 500) {
			l.Add("adc.voltage", "write the declared voltage, 230 or 120", "%d V is not one", v)
		}
		if f := d.ADC.LineFrequency; f != 0 && f != 50 && f != 60 {
			l.Add("adc.line_frequency", "write 50 or 60", "%d Hz is not a mains frequency", f)
		}
	}
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

// modbusValues are what a generic register may hold, with "" for a total and
// "_1" to "_3" for a phase.
func modbusValues() []string {
	return []string{
		"import", "export", "power", "reactive", "apparent", "voltage", "current", "frequency", "neutral",
		"power_1", "power_2", "power_3", "voltage_1", "voltage_2", "voltage_3", "current_1", "current_2", "current_3",
		"reactive_1", "reactive_2", "reactive_3", "apparent_1", "apparent_2", "apparent_3",
	}
}

// CheckModbusMap is everything wrong with the registers of a generic meter.
func CheckModbusMap(rows []ModbusRegister) fault.List {
	var l fault.List
	if len(rows) == 0 {
		l.Add("", "list at least value: import or value: power", "no registers")
	}
	seen := map[string]int{}
	useful := false
	for i, r := range rows {
		at := fmt.Sprintf("[%d]", i)
		if !slices.Contains(modbusValues(), r.Value) {
			l.Add(at+".value", "write import, export, power, voltage, current or frequency, with _1 to _3 for a phase", "%q is not a value", r.Value)
		}
		if first, twice := seen[r.Value]; twice {
			l.Add(at+".value", "take one of them out", "%q is already given by [%d]", r.Value, first)
		}
		seen[r.Value] = i
		useful = useful || r.Value == "import" || r.Value == "power"
		if r.Register < 0 || r.Register > 0xFFFC {
			l.Add(at+".register", "write the number as the wire carries it, 0 to 65532", "%d is not a register", r.Register)
		}
		if r.Table != "" && r.Table != "input" && r.Table != "holding" {
			l.Add(at+".table", "write input or holding", "%q is not a table", r.Table)
		}
		switch r.Type {
		case "float32", "uint16", "int16", "uint32", "int32", "uint64", "int64":
		default:
			l.Add(at+".type", "write float32, uint16, int16, uint32, int32, uint64 or int64", "%q is not a type", r.Type)
		}
		if r.Words != "" && r.Words != "high_first" && r.Words != "low_first" {
			l.Add(at+".words", "write high_first or low_first", "%q is not an order of words", r.Words)
		}
		if r.Scale != "" {
			if v, err := units.ParseDecimal(r.Scale, 9); err != nil || v == 0 || v > 1_000_000_000_000 || v < -1_000_000_000_000 {
				l.Add(at+".scale", "write a decimal such as 0.01, up to 1000", "%q is not a scale", r.Scale)
			}
		}
	}
	if len(rows) > 0 && !useful {
		l.Add("", "add value: import or value: power", "none of the registers tells energy or power")
	}
	return l
}
