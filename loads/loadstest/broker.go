package loadstest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/keeplit/keeplit/internal/localbroker"
)

// Broker is a real MQTT broker in this process.  Devices live on it; Bus is a
// session over TCP for the drivers.
type Broker struct {
	server *mochi.Server // nil: it is another one, and devices are on it by devices
	addr   string

	devices        paho.Client
	user, password string
}

// Other is a broker that runs already, at an address of TCP: a Mosquitto.
func Other(t testing.TB, addr, user, password string) *Broker {
	t.Helper()
	b := &Broker{addr: addr, user: user, password: password}
	b.devices = b.connect(t, fmt.Sprintf("devices %p", b))
	return b
}

func (b *Broker) connect(t testing.TB, id string) paho.Client {
	t.Helper()
	o := paho.NewClientOptions().AddBroker("tcp://" + b.addr).SetClientID(id).SetUsername(b.user).SetPassword(b.password).SetOrderMatters(true)
	c := paho.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("connect: %v", token.Error())
	}
	t.Cleanup(func() { c.Disconnect(100) })
	return c
}

// NewBroker starts a broker that ends with the test.
func NewBroker(t testing.TB) *Broker {
	t.Helper()
	server, addr, err := localbroker.New("127.0.0.1:0", mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)}, new(localbroker.OpenDoor))
	if err != nil {
		t.Fatal(err)
	}
	b := &Broker{server: server, addr: addr}
	if err := b.server.Serve(); err != nil { // it goes on by itself
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.server.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// Bus is an MQTT session that can be broken.  It is a device.Bus.
type Bus struct {
	client paho.Client
	broken atomic.Bool
}

// Bus connects a session that ends with the test.
func (b *Broker) Bus(t testing.TB) *Bus {
	t.Helper()
	bus := &Bus{}
	bus.client = b.connect(t, fmt.Sprintf("%s %p", t.Name(), bus))
	return bus
}

// Break cuts the session, or mends it.
func (b *Bus) Break(broken bool) { b.broken.Store(broken) }

var errBroken = errors.New("not connected to the broker")

// Publish implements device.Bus.
func (b *Bus) Publish(ctx context.Context, topic string, qos byte, retained bool, payload []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.broken.Load() {
		return errBroken
	}
	token := b.client.Publish(topic, qos, retained, payload)
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Subscribe implements device.Bus.
func (b *Bus) Subscribe(filter string, handler func(topic string, payload []byte, retained bool)) (func(), error) {
	token := b.client.Subscribe(filter, 0, func(_ paho.Client, m paho.Message) {
		if !b.broken.Load() {
			handler(m.Topic(), m.Payload(), m.Retained())
		}
	})
	if !token.WaitTimeout(patience) {
		return nil, errBroken
	}
	return func() { b.client.Unsubscribe(filter).WaitTimeout(time.Second) }, token.Error()
}

// publish is a device speaking; the subscriptions of devices and their messages
// do not pass through TCP.
func (b *Broker) publish(topic, payload string, retained bool) {
	if b.server == nil {
		b.devices.Publish(topic, 0, retained, payload) // as a device: it does not wait
		return
	}
	_ = b.server.Publish(topic, []byte(payload), retained, 0) // only fails without InlineClient
}

func (b *Broker) subscribe(t testing.TB, filter string, handler func(topic string, payload []byte)) {
	t.Helper()
	if b.server == nil {
		token := b.devices.Subscribe(filter, 0, func(_ paho.Client, m paho.Message) { handler(m.Topic(), m.Payload()) })
		if !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("subscribe: %v", token.Error())
		}
		return
	}
	err := b.server.Subscribe(filter, 1, func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) {
		handler(pk.TopicName, pk.Payload)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// contact is what the emulated devices have in common: a relay with a timer
// that opens it.
type contact struct {
	broker *Broker
	bus    *Bus

	mu     sync.Mutex
	closed bool
	fault  Fault
	timer  *time.Timer
	opens  time.Time // when the timer opens it

	tell     func(closed bool) // says the state
	announce func(online bool) // says that it is there, or gone
	heard    []string          // every command, for a test to look at
}

// Closed implements Device.
func (c *contact) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Heard is every command that reached the device, as topic and payload.
func (c *contact) Heard() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.heard...)
}

// Press implements Device.
func (c *contact) Press(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.move(on, 0)
	c.tell(c.closed)
}

// Fail implements Device.
func (c *contact) Fail(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if was := c.fault; was == Offline || f == Offline {
		c.announce(f != Offline)
	}
	if c.bus != nil {
		c.bus.Break(f == DropsOut)
	}
	c.fault = f
}

// move moves the contact, and lets it open by itself after a time.  c.mu is held.
func (c *contact) move(on bool, openAfter time.Duration) {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	c.closed = on
	if on && openAfter > 0 {
		c.arm(openAfter)
	}
}

// arm has the contact open by itself after a time.  c.mu is held.
func (c *contact) arm(after time.Duration) {
	var timer *time.Timer
	timer = time.AfterFunc(after, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.timer == timer {
			c.timer, c.closed = nil, false
			if c.fault != Offline && c.fault != Silent {
				c.tell(false)
			}
		}
	})
	c.timer, c.opens = timer, time.Now().Add(after)
}

// Left is after what time the contact opens by itself; false: it does not.
func (c *contact) Left() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.opens), c.timer != nil
}

// Pass has so much time pass at once for the device's own timer, which is how a test sees the
// end of a dead man's minutes when nobody renews them any more.
func (c *contact) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil && c.timer.Stop() {
		c.arm(max(0, time.Until(c.opens)-d))
	}
}

// take notes a command; ok is false where the device does not hear it.
func (c *contact) take(topic string, payload []byte) (ok bool) {
	c.heard = append(c.heard, topic+" "+string(payload))
	return c.fault != Offline && c.fault != Silent
}

// Listen has a device hear what is said under a filter.
func (b *Broker) Listen(t testing.TB, filter string, hear func(topic string, payload []byte)) {
	t.Helper()
	b.subscribe(t, filter, hear)
}
