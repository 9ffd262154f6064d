package device

import (
	"errors"
	"log/slog"
	"time"
)

// Pool is the devices on one MQTT session.  Who names the same device gets the
// same one.  It is filled before anything runs, by one goroutine.
type Pool struct {
	bus     Bus
	now     func() time.Time
	log     *slog.Logger
	devices []*Device
}

// NewPool makes a pool; now is the clock that facts are stamped with.
func NewPool(bus Bus, now func() time.Time, log *slog.Logger) *Pool {
	return &Pool{bus: bus, now: now, log: log}
}

// Device is the device that a dialect is for.
func (p *Pool) Device(dialect Dialect) (*Device, error) {
	if p == nil || p.bus == nil || p.now == nil || p.log == nil {
		return nil, errors.New("a device on MQTT needs a broker, a clock and a log")
	}
	for _, d := range p.devices {
		if d.Name() == dialect.Name() {
			return d, nil
		}
	}
	d := newDevice(dialect, p.bus, p.now, p.log)
	p.devices = append(p.devices, d)
	return d, nil
}

// Devices are those in use.  Each is to be run by whoever has the pool.
func (p *Pool) Devices() []*Device {
	if p == nil {
		return nil
	}
	return p.devices
}
