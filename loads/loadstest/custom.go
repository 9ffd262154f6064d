package loadstest

import (
	"testing"
	"time"
)

// Custom is an emulated device whose words the test of its driver brings: a
// contact with the faults that all devices have.
type Custom struct {
	contact
	t testing.TB
}

// NewCustom puts a device on the broker, or apart from any where b is nil; bus, where not
// nil, is what DropsOut breaks.  tell says the state, announce that it is there or gone; both are called
// one at a time.
func NewCustom(t testing.TB, b *Broker, bus *Bus, tell, announce func(on bool)) *Custom {
	t.Helper()
	d := &Custom{contact: contact{broker: b, bus: bus, tell: tell, announce: announce}, t: t}
	d.announce(true)
	return d
}

// Hears has do called for each command on a topic that reaches the device, with
// the fault it has.
func (d *Custom) Hears(topic string, do func(payload string, f Fault)) {
	d.t.Helper()
	d.broker.subscribe(d.t, topic, func(at string, payload []byte) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.take(at, payload) {
			do(string(payload), d.fault)
		}
	})
}

// Heed has do called for a command that reached a device apart from any broker, with the
// fault it has and whether its contact is closed.
func (d *Custom) Heed(command string, do func(f Fault, closed bool)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard = append(d.heard, command)
	do(d.fault, d.closed)
}

// Obeys moves the contact and says so; it is for do of Hears and Heed.
func (d *Custom) Obeys(on bool) { d.ObeysFor(on, 0) }

// ObeysFor is Obeys of a contact that opens by itself after a time that is not 0.
func (d *Custom) ObeysFor(on bool, openAfter time.Duration) {
	d.move(on, openAfter)
	d.tell(d.closed)
}

// Has tells whether the device has a fault.
func (d *Custom) Has(f Fault) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fault == f
}

// Say is a device speaking.
func (b *Broker) Say(topic, payload string, retained bool) { b.publish(topic, payload, retained) }
