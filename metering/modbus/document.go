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
//
// In a configuration: A meter on a Modbus line (RS-485), in the network, or behind a serial server.
// Example: {model: sdm230, port: /dev/ttyUSB0, unit: 1}
type Document struct {
	// The meter's model, one of the list in docs/metering.md, or generic with a map of its registers.
	// Example: sdm230
	Model string `yaml:"model"`
	// A serial device (RTU), or host:port (TCP, mostly port 502).
	// Example: /dev/ttyUSB0
	Port string `yaml:"port"`
	// rtu or tcp. Left out: rtu on a serial device, tcp on host:port. A serial server that passes bytes
	// through speaks rtu.
	// Example: rtu
	Framing string `yaml:"framing,omitempty"`
	// The meter's address: 1 to 247 on a serial line (248 of a PZEM-004T that is alone on it), 0 to 255 over
	// TCP, where some devices answer to 0 or 255 alone.
	// Default: 1
	// Example: 2
	Unit *int `yaml:"unit,omitempty"`
	// The serial line's speed. Left out: the model's factory setting.
	// Example: 9600
	Baud int `yaml:"baud,omitempty" zero:"no"`
	// The serial line's parity: none, even or odd. Left out: the model's factory setting.
	// Example: none
	Parity string `yaml:"parity,omitempty"`
	// The registers of a generic meter, one value each.
	// Example: [{value: import, register: 0x0048, type: float32}]
	Map []Register `yaml:"map,omitempty"`
}

// Register is one value of a generic Modbus meter.
type Register struct {
	// What it is: import, export, frequency or neutral; power, reactive, apparent, voltage or current, and
	// these with _1 to _3 of a phase.
	// Example: import
	Value string `yaml:"value"`
	// The register's number as the wire carries it: 0x0048, not 30073.
	// Example: 0x0048
	Register int `yaml:"register"`
	// input (function 4) or holding (function 3).
	// Default: input
	// Example: holding
	Table string `yaml:"table,omitempty"`
	// float32, float64, uint16, int16, uint32, int32, uint64 or int64.
	// Example: float32
	Type string `yaml:"type"`
	// Which of its 16-bit words comes first: high_first or low_first.
	// Default: high_first
	// Example: low_first
	Words string `yaml:"words,omitempty"`
	// Which byte of a word comes first: high_first or low_first.
	// Default: high_first
	// Example: low_first
	Bytes string `yaml:"bytes,omitempty"`
	// What the number is multiplied by to give kWh, W, var, VA, V, A or Hz: a decimal in quotes.
	// Default: 1
	// Example: "0.01"
	Scale string `yaml:"scale,omitempty"`
	// A register (int16, of the same table) with a power of ten by which it is multiplied besides, as
	// SunSpec's scale factors.
	// Example: 40083
	Exponent *int `yaml:"exponent,omitempty"`
	// Whether the value is the sum of all rows of its name that say so. A negative scale takes one off.
	// Example: true
	Sum bool `yaml:"sum,omitempty"`
	// Numbers that it shows where it has no value, beside those that its type has for that.
	// Example: [65535]
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
	checkUnit(&l, d.unit(), d.framing())
	l.OneOf("framing", d.Framing, "", "rtu", "tcp")
	if d.Framing == "tcp" && d.Port != "" && !line.OnNetwork(d.Port) {
		l.Add("framing", "take it out, or write host:port as port", "a serial line has no Modbus TCP")
	}
	line.CheckBaud(&l, "baud", d.Baud)
	l.OneOf("parity", d.Parity, "", "none", "even", "odd")
	switch {
	case d.Model == "generic":
		l.Under("map", checkMap(d.Map))
	case len(d.Map) > 0 && d.Model == "":
		l.Add("map", "write model: generic", "it is of no model, and only generic is described by one")
	case len(d.Map) > 0:
		l.Add("map", "set model: generic, or take the map out", "model %s has its own registers", d.Model)
	}
	return l
}

// Doubts implements metering.Doubtful.
func (d *Document) Doubts() (l fault.List) {
	if d.Model == "generic" && !slices.ContainsFunc(d.Map, func(r Register) bool { return r.Value == "import" }) {
		metering.NoRegister(&l, "map", "add value: import")
	}
	return l
}

// unit is the address that is asked.
func (d *Document) unit() int {
	if d.Unit == nil {
		return 1
	}
	return *d.Unit
}

// framing is how the port speaks.
func (d *Document) framing() Framing {
	if d.Framing == "rtu" || !line.OnNetwork(d.Port) {
		return RTU
	}
	return TCP
}

// checkUnit is what is wrong with an address.  On a serial line nobody answers to 0, which is
// everybody's.
func checkUnit(l *fault.List, unit int, f Framing) {
	switch {
	case unit < 0 || unit > 255:
		l.Add("unit", "the meter shows it in its settings, 1 to 247; over TCP it may be 0 to 255", "%d is not a unit address", unit)
	case f == RTU && unit == 0:
		l.Add("unit", "the meter shows its own in its settings, 1 to 247", "on a serial line 0 is everybody's address, and nobody answers to it")
	case f == RTU && unit > 248:
		l.Add("unit", "the meter shows its own in its settings, 1 to 247", "%d is no address on a serial line", unit)
	}
}

// Label implements metering.Settings.
func (d *Document) Label() string { return d.Model + " on " + d.Port }

// Line implements metering.Wired.
func (d *Document) Line() string { return line.Device(d.Port) }

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
	var open line.Opener
	if line.OnNetwork(d.Port) {
		open = line.TCP(d.Port)
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
	bus := NewBus(d.Port, d.framing(), settled(open, model.settle), model.answers)
	e.Machine.Closes(bus.Close)
	return NewMeter(bus, Config{Model: model, Unit: d.unit(), Every: e.Every, Now: e.Now, Seen: e.Seen})
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
			l.Add(at+".value", "write import, export, frequency, neutral, or power, reactive, apparent, voltage or current, these five also with _1 to _3 for a phase; energy told by phase is value: import of each, with sum: true", "%q is not a value", r.Value)
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
