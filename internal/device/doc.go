// Package device is what stands below meters and switches that are parts of one
// thing: a plug that measures and switches is one device, with one set of
// subscriptions and one memory, however many loads and meters use it.
//
// A Dialect knows how one kind of device speaks (tasmota, shelly, zigbee2mqtt,
// esphome) and keeps no more of what it heard than it takes to understand the next
// message; a Device listens, asks, remembers and commands,
// the same way for all dialects; a Pool makes one Device of all that names the
// same one.  What the device says becomes a Fact.  Nothing here knows of loads
// or of metering: a switch driver (a Relay) and a meter driver (Follow) are thin
// views of a Device.
package device

import "context"

// Bus is what a device needs of an MQTT session.  Handlers run one at a time for
// a subscription, over all reconnections; retained tells that the broker kept the
// message and sends it because of the subscription.  The payload is the handler's
// only while it runs.
type Bus interface {
	Publish(ctx context.Context, topic string, qos byte, retained bool, payload []byte) error
	Subscribe(filter string, handler func(topic string, payload []byte, retained bool)) (unsubscribe func(), err error)
}
