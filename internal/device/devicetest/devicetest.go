// Package devicetest helps to test what hangs on a device over MQTT.
package devicetest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/units"
)

// Bus is a session on which nobody listens; tests say by hand what the device
// says.
type Bus struct {
	mu    sync.Mutex
	sent  []string
	hears map[string]func(topic string, payload []byte, retained bool)
}

// Publish implements device.Bus.
func (b *Bus) Publish(ctx context.Context, topic string, _ byte, _ bool, payload []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, topic+" "+string(payload))
	return ctx.Err()
}

// Subscribe implements device.Bus.
func (b *Bus) Subscribe(filter string, handler func(topic string, payload []byte, retained bool)) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hears == nil {
		b.hears = map[string]func(string, []byte, bool){}
	}
	b.hears[filter] = handler
	return func() {}, nil
}

// Say has the device say something, to whoever subscribed to it.
func (b *Bus) Say(topic, payload string, retained bool) {
	b.mu.Lock()
	var hear func(topic string, payload []byte, retained bool)
	for filter, its := range b.hears {
		if under(strings.Split(filter, "/"), strings.Split(topic, "/")) {
			hear = its
		}
	}
	b.mu.Unlock()
	if hear != nil {
		hear(topic, []byte(payload), retained)
	}
}

// under tells whether a topic falls under a filter, level by level.
func under(filter, topic []string) bool {
	return slices.EqualFunc(filter, topic, func(f, level string) bool { return f == "+" || f == level })
}

// Sent is what was published, as topic and payload.
func (b *Bus) Sent() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.sent...)
}

// Run runs devices until the test ends.
func Run(t testing.TB, pool *device.Pool) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, d := range pool.Devices() {
		running.Go(func() {
			if err := d.Run(ctx); err != nil {
				t.Errorf("run %s: %v", d.Name(), err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// Pool is a pool without a log.
func Pool(bus device.Bus, now func() time.Time) *device.Pool {
	return device.NewPool(bus, now, slog.New(slog.DiscardHandler))
}

// Relay is a relay of a device that runs until the test ends, and its session; in
// a synctest bubble.
func Relay(t testing.TB, dialect device.Dialect, channel int, deadMan time.Duration) (*device.Relay, *Bus) {
	t.Helper()
	bus := &Bus{}
	pool := Pool(bus, time.Now)
	d, err := pool.Device(dialect)
	if err != nil {
		t.Fatal(err)
	}
	relay := d.Relay(channel, deadMan, 0)
	Run(t, pool)
	synctest.Wait()
	return relay, bus
}

// Knows holds what is known of a relay, as heard just now, to what it should be.
func Knows(t testing.TB, relay *device.Relay, on device.Told[bool], power device.Told[units.Power]) {
	t.Helper()
	if got := relay.State(); got.On != on || got.Power != power || got.On.Is() && got.At != time.Now() {
		t.Errorf("%+v, want %v drawing %v", got, on, power)
	}
}

// Read has a dialect read what may be anything, and holds what it tells to what
// every Fact must be.
func Read(t testing.TB, dialect device.Dialect, topic, payload string) {
	t.Helper()
	f, err := dialect.Read(topic, []byte(payload), false)
	if unread := (*device.Unread)(nil); err != nil && (!errors.As(err, &unread) || unread.Err == nil || unread.Remedy == "") {
		t.Errorf("error %#v is no message that could not be understood, with a remedy", err)
	}
	if err != nil && len(f.Meters) > 0 {
		t.Errorf("it measures and does not: %v, %+v", err, f)
	}
	if f.Presence != device.Unsaid && (len(f.Meters) > 0 || slices.ContainsFunc(f.Contacts, func(c device.Contact) bool { return !c.Unknown })) {
		t.Errorf("it is gone or back and says more: %+v", f)
	}
	for i, c := range f.Contacts {
		if c.Channel < 0 || !c.On.Is() && !c.Power.Is() && !c.Unknown || c.On.Is() && c.Unknown || i > 0 && c.Channel <= f.Contacts[i-1].Channel {
			t.Errorf("contacts %+v", f.Contacts)
		}
	}
	for _, m := range f.Meters {
		if m.Empty() || m.Channel < 0 || (m.Import.Is() || m.Export.Is()) != (m.Step > 0) {
			t.Errorf("meter %+v", m)
		}
	}
}
