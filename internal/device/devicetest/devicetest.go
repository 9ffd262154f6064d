// Package devicetest helps to test what hangs on a device over MQTT.
package devicetest

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/device"
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

// Say has the device say something, to whoever subscribed to exactly this topic to
// its level, or to all below.
func (b *Bus) Say(topic, payload string, retained bool) {
	b.mu.Lock()
	hear := b.hears[topic]
	if hear == nil {
		hear = b.hears[topic[:strings.LastIndexByte(topic, '/')+1]+"+"]
	}
	for filter, whole := range b.hears {
		if below, all := strings.CutSuffix(filter, "#"); all && strings.HasPrefix(topic, below) {
			hear = whole
		}
	}
	b.mu.Unlock()
	if hear != nil {
		hear(topic, []byte(payload), retained)
	}
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
	if f.Presence != device.Unsaid && len(f.Contacts)+len(f.Meters) > 0 {
		t.Errorf("it is gone or back and says more: %+v", f)
	}
	for i, c := range f.Contacts {
		if c.Channel < 0 || !c.On.Is() && !c.Power.Is() || i > 0 && c.Channel <= f.Contacts[i-1].Channel {
			t.Errorf("contacts %+v", f.Contacts)
		}
	}
	for _, m := range f.Meters {
		if m.Empty() || m.Channel < 0 || (m.Import.Is() || m.Export.Is()) != (m.Step > 0) {
			t.Errorf("meter %+v", m)
		}
	}
}
