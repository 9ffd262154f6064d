// Package modbus switches a coil or a register of a device on Modbus, on a serial line
// (RTU) or in the network (TCP), and tells it how much it may draw: relay boards, wallboxes,
// heat pumps.  What is written is read back, and what is read is the state.
//
// Functions sent are 1 to 4 to read, 5, 6 and 16 to write (MODBUS Application Protocol V1.1b3).
package modbus

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/level"
)

// Driver is the driver modbus.
func Driver() loads.Driver {
	return loads.Driver{Name: "modbus", New: func() loads.Settings { return new(Document) }}
}

// Document is a relay, or a device that is told a power, on Modbus.
//
// In a configuration: A relay board, wallbox or heat pump on a Modbus line (RS-485), in the network, or behind a serial server.
// Example: {driver: modbus, port: "192.168.1.50:502", coil: 0}
type Document struct {
	// A serial device (RTU), or host:port (TCP, mostly port 502).
	// Example: 192.168.1.50:502
	Port string `yaml:"port"`
	// rtu or tcp. Left out: rtu on a serial device, tcp on host:port. A serial server that passes bytes
	// through speaks rtu.
	// Example: rtu
	Framing string `yaml:"framing"`
	// The device's address: 1 to 247 on a serial line, 0 to 255 over TCP.
	// Default: 1
	// Example: 2
	Unit *int `yaml:"unit"`
	// The serial line's speed.
	// Default: 9600
	// Example: 19200
	Baud int `yaml:"baud"`
	// The serial line's parity: none, even or odd.
	// Default: none
	// Example: even
	Parity string `yaml:"parity"`
	// The coil that switches it, as the wire counts: from 0.
	// Example: 3
	Coil *int `yaml:"coil"`
	// In place of a coil: the holding register that switches it.
	// Example: {register: 0x0010, on: 1, off: 0}
	Command *CommandDocument `yaml:"command"`
	// Where it says whether it is on. Left out: the coil or register that is written is read back.
	// Example: {input: 3}
	State *StateDocument `yaml:"state"`
	// How it is told what it may draw, for loads of kind power.
	// Example: {register: 0x0100, unit: A, scale: "0.1"}
	Setpoint *SetpointDocument `yaml:"setpoint"`
	// Where it says what it draws.
	// Example: {register: 0x0030, table: input, type: uint32, scale: "0.1"}
	Measured *ValueDocument `yaml:"measured"`
	// How often it is read.
	// Default: 5s
	// Example: 10s
	Every time.Duration `yaml:"every"`
	// How long an answer may take.
	// Default: 1s
	// Example: 500ms
	Timeout time.Duration `yaml:"timeout"`
	// The least time between two changes of the set-point. Heat pumps keep theirs in memory that wears
	// out: 10m.
	// Example: 10m
	Pause time.Duration `yaml:"pause"`
	// The device drops the load by itself where it is not told again for so long. Write what the device
	// itself is set to. Left out: it does not.
	// Example: 10m
	DeadMan *time.Duration `yaml:"dead_man"`
	// A state that was read longer ago than this is not known any more.
	// Default: 1m
	// Example: 2m
	Stale time.Duration `yaml:"stale"`
}

// CommandDocument is a register that switches.
type CommandDocument struct {
	// The register's number as the wire carries it: 0x0010, not 40017.
	// Example: 0x0010
	Register int `yaml:"register"`
	// The number for on.
	// Default: 1
	// Example: 2
	On *int `yaml:"on"`
	// The number for off.
	// Default: 0
	// Example: 0
	Off *int `yaml:"off"`
}

// StateDocument is where a device says whether it is on: at one of these places.
type StateDocument struct {
	// A coil of the device.
	// Example: 4
	Coil *int `yaml:"coil"`
	// A discrete input, such as an auxiliary contact.
	// Example: 3
	Input *int `yaml:"input"`
	// A register.
	// Example: 0x0020
	Register *int `yaml:"register"`
	// The register's table: input (function 4) or holding (function 3).
	// Default: holding
	// Example: input
	Table string `yaml:"table"`
	// The number of a register that is on. Left out: any but off.
	// Example: 2
	On *int `yaml:"on"`
	// The number of a register that is off.
	// Default: 0
	// Example: 1
	Off *int `yaml:"off"`
}

// SetpointDocument is a register that says how much may be drawn.
type SetpointDocument struct {
	// The holding register's number as the wire carries it.
	// Example: 0x0100
	Register int `yaml:"register"`
	// uint16, int16, uint32 or int32.
	// Default: uint16
	// Example: uint32
	Type string `yaml:"type"`
	// Of 32 bits: which word comes first, high_first or low_first.
	// Default: high_first
	// Example: low_first
	Words string `yaml:"words"`
	// What the number is multiplied by to give the unit: a decimal in quotes.
	// Default: 1
	// Example: "0.1"
	Scale string `yaml:"scale"`
	// The unit: W, kW, A or mA.
	// Default: W
	// Example: A
	Unit string `yaml:"unit"`
	// Where it says what it was told, of the same form. Left out: what is written is read back.
	// Example: 0x0101
	State *int `yaml:"state"`
}

// ValueDocument is a register that is a power or a current.
type ValueDocument struct {
	// The register's number as the wire carries it.
	// Example: 0x0030
	Register int `yaml:"register"`
	// The register's table: input (function 4) or holding (function 3).
	// Default: holding
	// Example: input
	Table string `yaml:"table"`
	// uint16, int16, uint32 or int32.
	// Default: uint16
	// Example: uint32
	Type string `yaml:"type"`
	// Of 32 bits: which word comes first, high_first or low_first.
	// Default: high_first
	// Example: low_first
	Words string `yaml:"words"`
	// What the number is multiplied by to give the unit: a decimal in quotes.
	// Default: 1
	// Example: "0.1"
	Scale string `yaml:"scale"`
	// The unit: W, kW, A or mA.
	// Default: W
	// Example: A
	Unit string `yaml:"unit"`
}

const (
	usualEvery   = 5 * time.Second
	usualTimeout = time.Second
	usualStale   = time.Minute
	usualBaud    = 9600
)

// Check implements loads.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	d.checkLine(&l)
	switch {
	case d.Coil == nil && d.Command == nil && d.Setpoint == nil && d.Measured == nil:
		l.Add("coil", "write coil: 0, or command: {register: ...}, or setpoint: {register: ...}; of kind measured, measured: {register: ...}", "nothing says how it is switched")
	case d.Coil != nil && d.Command != nil:
		l.Add("command", "keep coil or command", "it is switched in two ways")
	}
	checkAddress(&l, "coil", d.Coil)
	if c := d.Command; c != nil {
		checkAddress(&l, "command.register", &c.Register)
		checkNumber(&l, "command.on", c.On)
		checkNumber(&l, "command.off", c.Off)
		if on, off := c.numbers(); on == off {
			l.Add("command.off", "write another number than for on", "on and off are both %d", on)
		}
	}
	d.checkState(&l)
	if s := d.Setpoint; s != nil {
		checkAddress(&l, "setpoint.register", &s.Register)
		checkAddress(&l, "setpoint.state", s.State)
		checkForm(&l, "setpoint", s.Type, s.Words, s.Scale, s.Unit)
	}
	if m := d.Measured; m != nil {
		checkAddress(&l, "measured.register", &m.Register)
		checkForm(&l, "measured", m.Type, m.Words, m.Scale, m.Unit)
		l.OneOf("measured.table", m.Table, "", "input", "holding")
	}
	if d.Every != 0 && (d.Every < 100*time.Millisecond || d.Every > 10*time.Minute) {
		l.Add("every", "write 100ms to 10m, e.g. 5s", "%v is not how often a device is read", d.Every)
	}
	if d.Timeout < 0 || d.Timeout > 5*time.Second {
		l.Add("timeout", "write a time such as 500ms, up to 5s", "%v is not a time to wait for a switch", d.Timeout)
	}
	if d.Pause < 0 || d.Pause > time.Hour {
		l.Add("pause", "write e.g. 10m", "%v is not a pause between two set-points", d.Pause)
	}
	if d.Stale < 0 || d.Stale > 0 && d.Stale < d.every()+d.timeout() || d.Stale == 0 && d.every()+d.timeout() > usualStale {
		l.Add("stale", fmt.Sprintf("write more than every and timeout together, e.g. %v", 4*d.every()), "it is not read again within that")
	}
	if m := d.DeadMan; m != nil && *m != 0 && (*m < 30*time.Second || *m > 12*time.Hour) {
		l.Add("dead_man", "write 30s to 12h, or leave it out", "%v is not a dead-man time", *m)
	}
	return l
}

func (d *Document) checkLine(l *fault.List) {
	l.Need("port", d.Port, "write the serial device, or host:port for Modbus TCP")
	l.OneOf("framing", d.Framing, "", "rtu", "tcp")
	l.OneOf("parity", d.Parity, "", "none", "even", "odd")
	if d.Port != "" && d.onNetwork() {
		host, number, err := net.SplitHostPort(d.Port)
		if n, bad := strconv.Atoi(number); err != nil || host == "" || bad != nil || n < 1 || n > 65_535 {
			l.Add("port", "write it like 192.168.1.50:502, with brackets about an IPv6 address", "%q is not host:port", d.Port)
		}
	}
	if _, digits := strconv.Atoi(d.Port); d.Port != "" && !d.onNetwork() && (digits == nil || net.ParseIP(d.Port) != nil) {
		l.Add("port", "write the device from its root, e.g. /dev/serial/by-id/..., or an address with its port, e.g. 192.168.1.50:502", "%q is neither a device nor host:port", d.Port)
	}
	if d.Framing == "tcp" && d.Port != "" && !d.onNetwork() {
		l.Add("framing", "take it out, or write host:port as port", "a serial line has no Modbus TCP")
	}
	if d.Baud != 0 && (d.Baud < 300 || d.Baud > 921_600) {
		l.Add("baud", "write a speed such as 9600, or leave it out", "%d is not a serial speed", d.Baud)
	}
	switch u := d.unit(); {
	case u < 0 || u > 255:
		l.Add("unit", "write the device's own, 1 to 247; over TCP it may be 0 to 255", "%d is not a unit address", u)
	case d.rtu() && (u == 0 || u > 247):
		l.Add("unit", "write the device's own, 1 to 247", "%d is no address on a serial line, where 0 is everybody's", u)
	}
}

func (d *Document) checkState(l *fault.List) {
	s := d.State
	if s == nil {
		return
	}
	n := 0
	for _, x := range []struct {
		key string
		at  *int
	}{{"state.coil", s.Coil}, {"state.input", s.Input}, {"state.register", s.Register}} {
		if x.at != nil {
			n++
			checkAddress(l, x.key, x.at)
		}
	}
	if n != 1 {
		l.Add("state", "write one of coil, input and register", "where it says whether it is on is given %d times", n)
	}
	l.OneOf("state.table", s.Table, "", "input", "holding")
	checkNumber(l, "state.on", s.On)
	checkNumber(l, "state.off", s.Off)
	if s.Register == nil && (s.On != nil || s.Off != nil || s.Table != "") {
		l.Add("state", "leave out table, on and off, or write register", "only a register has a table and numbers")
	} else if s.On != nil && *s.On == s.off() {
		l.Add("state.off", "write another number than for on", "on and off are both %d", *s.On)
	}
}

func checkAddress(l *fault.List, path string, at *int) {
	if at != nil && (*at < 0 || *at > 0xffff) {
		l.Add(path, "write its number as the wire carries it, 0 to 65535", "%d is not a coil or register", *at)
	}
}

func checkNumber(l *fault.List, path string, n *int) {
	if n != nil && (*n < 0 || *n > 0xffff) {
		l.Add(path, "write 0 to 65535", "%d does not go into a register", *n)
	}
}

func checkForm(l *fault.List, path, kind, words, scale, unit string) {
	l.OneOf(path+".type", kind, "", "uint16", "int16", "uint32", "int32")
	l.OneOf(path+".words", words, "", "high_first", "low_first")
	if x, err := strconv.ParseFloat(scale, 64); scale != "" && (err != nil || x < 1e-9 || x > 1e9) {
		l.Add(path+".scale", `write a decimal in quotes above zero, e.g. "0.1"`, "%q is not a factor", scale)
	}
	level.CheckUnit(l, path+".unit", unit)
}

// numbers are those for on and off.
func (c CommandDocument) numbers() (on, off int) {
	on = 1
	if c.On != nil {
		on = *c.On
	}
	if c.Off != nil {
		off = *c.Off
	}
	return on, off
}

func (s StateDocument) off() int {
	if s.Off == nil {
		return 0
	}
	return *s.Off
}

func (d *Document) unit() int {
	if d.Unit == nil {
		return 1
	}
	return *d.Unit
}

func (d *Document) onNetwork() bool {
	return strings.Contains(d.Port, ":") && !strings.HasPrefix(d.Port, "/")
}

func (d *Document) rtu() bool { return d.Framing == "rtu" || !d.onNetwork() }

func (d *Document) every() time.Duration {
	if d.Every == 0 {
		return usualEvery
	}
	return d.Every
}

func (d *Document) timeout() time.Duration {
	if d.Timeout == 0 {
		return usualTimeout
	}
	return d.Timeout
}

func (d *Document) amperes() bool {
	return d.Setpoint != nil && level.Current(d.Setpoint.Unit) || d.Measured != nil && level.Current(d.Measured.Unit)
}

// deaf tells whether it is only measured.
func (d *Document) deaf() bool { return d.Coil == nil && d.Command == nil && d.Setpoint == nil }

// Traits implements loads.Settings.
func (d *Document) Traits() loads.Traits {
	t := loads.Traits{
		Remote: true, Powers: d.Setpoint != nil, Told: d.Setpoint != nil, Amperes: d.amperes(), Measures: d.Measured != nil, Deaf: d.deaf(),
		DeadMan: d.DeadMan, Renewable: d.DeadMan != nil && *d.DeadMan > 0,
	}
	if d.Port == "" {
		return t
	}
	if !d.onNetwork() {
		t.Serial = d.Port
	}
	of := func(what string, at int) string {
		return fmt.Sprintf("%s %d of unit %d at %s", what, at, d.unit(), d.Port)
	}
	if d.Setpoint != nil {
		t.Of = of("register", d.Setpoint.Register)
	}
	switch {
	case d.Coil != nil:
		t.Of, t.Also = of("coil", *d.Coil), t.Of
	case d.Command != nil:
		t.Of, t.Also = of("register", d.Command.Register), t.Of
	case d.deaf() && d.Measured != nil:
		t.Of = of("what says register", d.Measured.Register)
	}
	return t
}

// form is how a number stands in registers.
type form struct {
	wide, signed, low bool
	scale             float64     // a unit is so many of the number's one
	unit              units.Power // what a unit is
}

func formOf(kind, words, scale, unit string, perAmpere units.Power) form {
	f := form{wide: strings.HasSuffix(kind, "32"), signed: strings.HasPrefix(kind, "int"), low: words == "low_first", scale: 1, unit: level.Unit(unit, perAmpere)}
	if x, err := strconv.ParseFloat(scale, 64); err == nil && x > 0 {
		f.scale = x
	}
	return f
}
