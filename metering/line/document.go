package line

import "github.com/keeplit/keeplit/internal/fault"

// Document is a serial line as the configuration describes it.
type Document struct {
	// The serial device, best by its name under /dev/serial/by-id; or host:port of a serial server in the
	// network that passes bytes through.
	// Example: /dev/ttyUSB0
	Port string `yaml:"port"`
	// The line's speed. That of a serial server is set there. Left out: the format's own.
	// Example: 115200
	Baud int `yaml:"baud,omitempty" zero:"no"`
}

// NamePort is what to do where a serial port is missing.
const NamePort = "write the device, e.g. /dev/serial/by-id/..., or host:port of a serial server"

// Check is everything wrong with d.
func (d Document) Check() fault.List {
	var l fault.List
	l.Need("port", d.Port, NamePort)
	CheckAddress(&l, "port", d.Port)
	CheckBaud(&l, "baud", d.Baud)
	return l
}

// Line implements metering.Wired.
func (d Document) Line() string { return Device(d.Port) }

// Device is the serial device that a port is; empty where it is in the network.
func Device(port string) string {
	if OnNetwork(port) {
		return ""
	}
	return port
}

// Opener opens the line in a mode; the document's speed goes before the mode's.
func (d Document) Opener(mode Mode) Opener {
	if OnNetwork(d.Port) {
		return TCP(d.Port)
	}
	if d.Baud != 0 {
		mode.Baud = d.Baud
	}
	return Serial(d.Port, mode)
}

// CheckBaud adds a fault where v is neither a speed nor left out.
func CheckBaud(l *fault.List, path string, v int) {
	if v != 0 && (v < 300 || v > 921_600) {
		l.Add(path, "write a speed such as 9600, or leave it out", "%d is not a serial speed", v)
	}
}
