// Package remote is what the MQTT drivers of switches have in common: they
// remember what a device said of itself, for as long as it can be believed, and
// ask it when it has been quiet.
package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// DefaultStale is how long a state is believed that is not said again.
const DefaultStale = 15 * time.Minute

// MaxPayload is longer than any message of a switch; longer ones are not looked
// into.
const MaxPayload = 64 << 10

// Config is what every MQTT driver is given.
type Config struct {
	Topic   string           // the device's own name in its topics
	Channel int              // relay on the device, from 0
	DeadMan time.Duration    // the device drops the load by itself when On is not renewed for so long; 0: never
	Stale   time.Duration    // a state heard longer ago is not known any more; DefaultStale where 0
	Now     func() time.Time // the time that observations carry
	Log     *slog.Logger
}

// Check completes c and says what it lacks.
func (c *Config) Check(bus loads.Bus) error {
	if c.Topic == "" || c.Now == nil || c.Log == nil || bus == nil {
		return errors.New("a switch on MQTT needs a bus, a topic, a clock and a log")
	}
	if c.Stale == 0 {
		c.Stale = DefaultStale
	}
	return nil
}

// Memory is what is known of one device.  Its zero value knows nothing.
type Memory struct {
	mu      sync.Mutex
	offline bool
	seen    bool
	on      bool
	since   time.Time // since when it says so
	at      time.Time // when it last said so
	power   units.Power
	powerAt time.Time // zero: not known in the present state
}

// State remembers that the device said it is on or off.
func (m *Memory) State(on bool, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if on != m.on || !m.seen {
		m.since, m.powerAt = at, time.Time{} // what it drew before says nothing now
	}
	m.seen, m.on, m.at, m.offline = true, on, at, false
}

// Power remembers what the load draws.
func (m *Memory) Power(p units.Power, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.power, m.powerAt = p, at
}

// Offline remembers that the device is gone: whatever it said before, it may be
// otherwise when it comes back.
func (m *Memory) Offline() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offline, m.seen, m.powerAt = true, false, time.Time{}
}

// Online remembers that the device announced itself.
func (m *Memory) Online() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offline = false
}

// A device tells what it commanded its contact.  Where it measures weldPower or
// more weldAfter it said Off (plugs average, some over many seconds), the contact
// conducts all the same.
const (
	weldPower = 5 * units.Watt
	weldAfter = 30 * time.Second
)

// Observed is what is known at now, believing nothing older than stale.
func (m *Memory) Observed(now time.Time, stale time.Duration) loads.Observation {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.offline || !m.seen || now.Sub(m.at) > stale {
		return loads.Observation{}
	}
	o := loads.Observation{On: m.on, Known: true, At: m.at}
	if !m.powerAt.IsZero() && now.Sub(m.powerAt) <= stale {
		o.Power, o.HasPower = m.power, true
		if !m.on && m.power >= weldPower && m.powerAt.Sub(m.since) >= weldAfter {
			o.On, o.At = true, m.powerAt
		}
	}
	return o
}

// Subscription is one filter and what to do with its messages.
type Subscription struct {
	Filter string
	Handle func(topic string, payload []byte, retained bool)
}

// askTime bounds one question, so that a lost broker does not hold up the next.
const askTime = 5 * time.Second

// Listen subscribes, asks the device for its state at once, whenever kick
// says so and when every has passed, and unsubscribes when ctx is done.
func Listen(ctx context.Context, bus loads.Bus, subs []Subscription, kick <-chan struct{}, every time.Duration, ask func(context.Context) error, log *slog.Logger) error {
	for _, s := range subs {
		unsubscribe, err := bus.Subscribe(s.Filter, s.Handle)
		if err != nil {
			return fmt.Errorf("listen to %s: %w", s.Filter, err)
		}
		defer unsubscribe()
	}
	tick := time.NewTicker(max(every, time.Millisecond))
	defer tick.Stop()
	for {
		limited, cancel := context.WithTimeout(ctx, askTime)
		err := ask(limited)
		cancel()
		if err != nil && ctx.Err() == nil {
			log.Debug("loads: a switch could not be asked for its state", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-kick:
		case <-tick.C:
		}
	}
}

// Kick makes a channel readable without waiting.
func Kick(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is already
	}
}

// Plausible tells whether a plug or contactor can carry so many watts.
func Plausible(watts float64) bool { return watts > -100_000 && watts < 100_000 }
