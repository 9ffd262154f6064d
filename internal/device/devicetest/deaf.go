// Package remotetest helps to test the MQTT drivers of switches.
package remotetest

import "context"

// Deaf is a bus on which nobody listens; tests feed their drivers by hand.
type Deaf struct {
	Sent []string // what was published, as topic and payload
}

// Publish implements loads.Bus.
func (d *Deaf) Publish(ctx context.Context, topic string, _ byte, _ bool, payload []byte) error {
	d.Sent = append(d.Sent, topic+" "+string(payload))
	return ctx.Err()
}

// Subscribe implements loads.Bus.
func (d *Deaf) Subscribe(string, func(string, []byte, bool)) (func(), error) {
	return func() {}, nil
}
