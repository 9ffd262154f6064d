package modbus

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

// Driver is the driver modbus.
func Driver() metering.Driver {
	const form = "lines of hexadecimal, question then answer"
	return metering.Driver{
		Name: "modbus", New: func() metering.Settings { return new(Document) },
		Recordings: []metering.Recording{
			{Format: "modbus-sdm", About: form, Decode: func(data []byte) ([]metering.Telegram, []error) { return DecodeDialog(false, data) }},
			{Format: "modbus-pzem", About: form, Decode: func(data []byte) ([]metering.Telegram, []error) { return DecodeDialog(true, data) }},
		},
	}
}

// Document is a meter on a Modbus line (RTU) or network (TCP).
type Document struct {
	// Model is one of a list, or generic with Map.
	Model string `yaml:"model"`
	// Port is a serial device (RTU), or host:port (TCP).
	Port string `yaml:"port"`
	// Framing is rtu or tcp; empty is rtu on a serial device and tcp on host:port,
	// where a serial server that passes bytes through speaks rtu.
	Framing string `yaml:"framing,omitempty"`
	// Unit is the device's address on the line, 1 to 247; zero takes 1.
	Unit int `yaml:"unit,omitempty"`
	// Baud and Parity (none, even, odd) are the serial line's; zero and empty
	// take the model's factory setting.
	Baud   int    `yaml:"baud,omitempty"`
	Parity string `yaml:"parity,omitempty"`
	// Map describes the registers of a generic meter.
	Map []Register `yaml:"map,omitempty"`
}

// Register is one value of a generic Modbus meter.
type Register struct {
	// Value is import, export, power, reactive, apparent, voltage, current,
	// frequency; with "_1" to "_3" for a phase's voltage, current and power.
	Value string `yaml:"value"`
	// Register is its number as the wire carries it (0x0048, not 30073).
	Register int `yaml:"register"`
	// Table is input (function 4) or holding (function 3); empty is input.
	Table string `yaml:"table,omitempty"`
	// Type is float32, float64, uint16, int16, uint32, int32, uint64 or int64.
	Type string `yaml:"type"`
	// Words is high_first or low_first; empty is high_first.
	Words string `yaml:"words,omitempty"`
	// Bytes is the order in each word, high_first or low_first; empty is
	// high_first.
	Bytes string `yaml:"bytes,omitempty"`
	// Scale turns the number into kWh, W, var, VA, V, A or Hz, as a decimal
	// ("0.01"); empty is 1.
	Scale string `yaml:"scale,omitempty"`
	// Exponent is the register (int16, of the same table) of a power of ten that it
	// is multiplied by besides, as SunSpec's scale factors.
	Exponent *int `yaml:"exponent,omitempty"`
	// Sum: the value is the sum of all rows of that name, each with Sum; a negative
	// Scale takes one off.
	Sum bool `yaml:"sum,omitempty"`
	// Absent are numbers that it shows where it has no value, beside those that
	// its type has for that (no finite number, 0x8000, 0xFFFFFFFF ...).
	Absent []int `yaml:"absent,omitempty"`
}

// unwritten is a register's number where none is written: zero is one.
const unwritten = -1

// SetDefaults is what holds where the file says nothing.
func (r *Register) SetDefaults() { r.Register = unwritten }

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.OneOf("model", d.Model, models()...)
	l.Need("port", d.Port, "write the serial device, or host:port for Modbus TCP")
	line.CheckAddress(&l, "port", d.Port)
	if d.Unit < 0 || d.Unit > 255 {
		l.Add("unit", "the meter shows it in its settings, 1 to 247", "%d is not a unit address", d.Unit)
	}
	l.OneOf("framing", d.Framing, "", "rtu", "tcp")
	if d.Framing == "tcp" && d.Port != "" && !line.OnNetwork(d.Port) {
		l.Add("framing", "take it out, or write host:port as port", "a serial line has no Modbus TCP")
	}
	line.CheckBaud(&l, "baud", d.Baud)
	l.OneOf("parity", d.Parity, "", "none", "even", "odd")
	switch {
	case d.Model == "generic":
		l.Under("map", checkMap(d.Map))
	case len(d.Map) > 0:
		l.Add("map", "set model: generic, or take the map out", "model %s has its own registers", d.Model)
	}
	return l
}

// Label implements metering.Settings.
func (d *Document) Label() string { return d.Model + " on " + d.Port }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return 0 }

// Pace implements metering.Settings.
func (*Document) Pace() time.Duration { return usualEvery }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	model, err := ModelOf(*d)
	if err != nil {
		return nil, err
	}
	framing := RTU
	var open line.Opener
	if line.OnNetwork(d.Port) {
		open = line.TCP(d.Port)
		if d.Framing != "rtu" {
			framing = TCP
		}
	} else {
		mode := line.Mode{Baud: d.Baud, Parity: d.Parity}
		if mode.Baud == 0 {
			mode.Baud = model.Baud()
		}
		if mode.Parity == "" {
			mode.Parity = model.Parity()
		}
		open = line.Serial(d.Port, mode)
	}
	bus := NewBus(d.Port, framing, settled(open, model.settle), model.answers)
	e.Machine.Closes(bus.Close)
	unit := d.Unit
	if unit == 0 {
		unit = 1
	}
	return NewMeter(bus, Config{Model: model, Unit: unit, Every: e.Every, Now: e.Now})
}

// mapValues are what a generic register may hold, with "" for a total and
// "_1" to "_3" for a phase.
func mapValues() []string {
	return []string{
		"import", "export", "power", "reactive", "apparent", "voltage", "current", "frequency", "neutral",
		"power_1", "power_2", "power_3", "voltage_1", "voltage_2", "voltage_3", "current_1", "current_2", "current_3",
		"reactive_1", "reactive_2", "reactive_3", "apparent_1", "apparent_2", "apparent_3",
	}
}

// sharedBy is which of some rows has the same register for another value, where one of the
// two is energy; -1: none.
func (r Register) sharedBy(rows []Register) int {
	energy := func(value string) bool { return value == "import" || value == "export" }
	return slices.IndexFunc(rows, func(o Register) bool {
		return o.Register == r.Register && r.Register >= 0 && (o.Table == "holding") == (r.Table == "holding") &&
			o.Value != r.Value && (energy(o.Value) || energy(r.Value))
	})
}

// checkMap is everything wrong with the registers of a generic meter.
func checkMap(rows []Register) fault.List {
	var l fault.List
	if len(rows) == 0 {
		l.Add("", "list at least value: import or value: power", "no registers")
	}
	seen := map[string]int{}
	sums := map[string]bool{}
	useful := false
	for i, r := range rows {
		at := fmt.Sprintf("[%d]", i)
		if !slices.Contains(mapValues(), r.Value) {
			l.Add(at+".value", "write import, export, power, voltage, current or frequency, with _1 to _3 for a phase", "%q is not a value", r.Value)
		}
		if first, twice := seen[r.Value]; twice && (!r.Sum || !sums[r.Value]) {
			l.Add(at+".value", "take one of them out, or write sum: true at each of them", "%q is already given by [%d]", r.Value, first)
		}
		seen[r.Value], sums[r.Value] = i, r.Sum
		if j := r.sharedBy(rows[:i]); j >= 0 {
			l.Add(at+".register", "write the register of each", "it is that of %s at [%d]: what is one cannot be the other", rows[j].Value, j)
		}
		useful = useful || r.Value == "import" || r.Value == "power"
		switch {
		case r.Register == unwritten:
			l.Add(at+".register", "write its number as the wire carries it, e.g. register: 0x0048", "the register is missing")
		case r.Register < 0 || r.Register > 0xFFFC:
			l.Add(at+".register", "write the number as the wire carries it, 0 to 65532", "%d is not a register", r.Register)
		}
		if r.Table != "" && r.Table != "input" && r.Table != "holding" {
			l.Add(at+".table", "write input or holding", "%q is not a table", r.Table)
		}
		if r.Exponent != nil && (*r.Exponent < 0 || *r.Exponent > 0xFFFF) {
			l.Add(at+".exponent", "write the number as the wire carries it, 0 to 65535", "%d is not a register", *r.Exponent)
		}
		switch r.Type {
		case "float32", "float64", "uint16", "int16", "uint32", "int32", "uint64", "int64":
		default:
			l.Add(at+".type", "write float32, float64, uint16, int16, uint32, int32, uint64 or int64", "%q is not a type", r.Type)
		}
		if r.Exponent != nil && strings.HasPrefix(r.Type, "float") {
			l.Add(at+".exponent", "take it out", "a %s needs no power of ten", r.Type)
		}
		if r.Bytes != "" && r.Bytes != "high_first" && r.Bytes != "low_first" {
			l.Add(at+".bytes", "write high_first or low_first", "%q is not an order of bytes", r.Bytes)
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
