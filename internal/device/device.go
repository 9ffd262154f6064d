package device

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/internal/units"
)

// MaxPayload bounds what is looked into at all; longer messages are no device's.
const MaxPayload = 256 << 10

// Message is one to be sent.
type Message struct {
	Topic   string
	Payload []byte
}

// Dialect is how one kind of device speaks over MQTT, for one device.
type Dialect interface {
	// Name names the device among all that there are: kind and topic.
	Name() string
	// Filters are the topics under which the device speaks, where these relays of
	// it are used; no two of them may match the same message.
	Filters(relays []int) []string
	// Read is what a message tells.  A retained one is as old as it may be: a Device
	// believes only what it says of the device's being there.  The error is an *Unread where the message
	// should have held a measurement and does not; what it tells besides is in the
	// Fact all the same.
	Read(topic string, payload []byte, retained bool) (Fact, error)
	// Prepare is what a relay must be told once the device has (re)started; ok is
	// false where that is nothing.
	Prepare(relay int, deadMan time.Duration) (m Message, ok bool)
	// Ask asks for the state of a relay; ok is false where it cannot be asked for.
	Ask(relay int) (m Message, ok bool)
	// Command asks for a state; doubt, where it is not empty, is what was found out
	// about the device just now and a person should know.
	Command(Command) (m Message, doubt string)
}

// Leveller is a dialect of a device that can be told a power.
type Leveller interface {
	// Level asks for the power of a command, before Command does the rest; only: there is no
	// rest.  ok is false where there is no power to ask for.
	Level(Command) (m Message, only, ok bool)
}

// Woken is a dialect of a device that speaks only while it is told to.
type Woken interface {
	// Wake has it speak, and is said again and again.  Every is more than 0.
	Wake() (m Message, every time.Duration)
}

// Command is what is asked of a relay.
type Command struct {
	Relay   int
	On      bool
	Level   Told[units.Power] // to draw; none: as the device likes
	DeadMan time.Duration     // the device shall open by itself if On is not said again in time; 0: never
	Now     time.Time
	Known   State // what is known of the relay now
}

// Device is one device on MQTT.
type Device struct {
	dialect Dialect
	bus     Bus
	now     func() time.Time
	log     *slog.Logger
	relays  []*Relay // those in use
	kick    chan struct{}

	mu        sync.Mutex
	offline   bool
	contacts  map[int]*contact
	followers []*follower
}

type follower struct{ hear func(Fact, error) }

func newDevice(dialect Dialect, bus Bus, now func() time.Time, log *slog.Logger) *Device {
	return &Device{dialect: dialect, bus: bus, now: now, log: log, kick: make(chan struct{}, 1), contacts: map[int]*contact{}}
}

// Dialect is how it speaks.
func (d *Device) Dialect() Dialect { return d.dialect }

// Name names the device.
func (d *Device) Name() string { return d.dialect.Name() }

// Follow has hear told each Fact from now on, in the order of their instants, and
// each message that could not be understood (*Unread); any other error says that
// the device cannot be listened to.  A device that has gone before is told at
// once.  hear must not block, and must not call the device.
func (d *Device) Follow(hear func(Fact, error)) (stop func()) {
	f := &follower{hear}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.followers = append(d.followers, f)
	if d.offline {
		hear(Fact{At: d.now(), Presence: Offline}, nil)
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.followers = slices.DeleteFunc(d.followers, func(o *follower) bool { return o == f })
	}
}

// tell hands a fact to all who follow.  d.mu is held.
func (d *Device) tell(f Fact, err error) {
	for _, to := range d.followers {
		to.hear(f, err)
	}
}

// hear takes in a message of the device.  A retained one is as old as it may be,
// so it is believed only in what it says of the device's being there.
func (d *Device) hear(topic string, payload []byte, retained bool) {
	var f Fact
	var err error
	if len(payload) > MaxPayload {
		err = &Unread{fmt.Errorf("%d bytes are no message of a device", len(payload)), "check the topic of the device in the configuration"}
	} else {
		f, err = d.dialect.Read(topic, payload, retained)
	}
	if retained {
		f, err = Fact{Presence: f.Presence}, nil
	}
	if f.Refused != "" {
		d.log.Warn("device: a command was refused", "device", d.Name(), "why", f.Refused)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f.At = d.now()
	switch f.Presence {
	case Offline:
		d.offline = true
		for _, c := range d.contacts {
			c.forget()
		}
	case Online:
		d.offline = false
		if !retained { // it has just come
			for _, r := range d.relays {
				r.fresh.Store(true)
			}
		}
	case Unsaid:
		d.offline = d.offline && !f.measures()
	}
	for _, told := range f.Contacts {
		c := d.contact(told.Channel)
		if told.Unknown {
			c.forget()
		}
		if on, ok := told.On.Get(); ok {
			c.state(on, f.At)
		}
		if p, ok := told.Power.Get(); ok && plausible(p) {
			c.draws(p, f.At)
		}
		if p, ok := told.Level.Get(); ok {
			c.level, c.levelAt = p, f.At
		}
		if n, ok := told.Charge.Get(); ok {
			c.charge, c.chargeAt = n, f.At
		}
	}
	if f.Moved || f.Presence == Online {
		d.wake()
	}
	if f.measures() || f.Presence != Unsaid || err != nil {
		d.tell(f, err)
	}
}

// wake has the device asked without waiting for the next time.
func (d *Device) wake() {
	select {
	case d.kick <- struct{}{}:
	default: // it will be already
	}
}

// contact is what is remembered of a relay.  d.mu is held.
func (d *Device) contact(channel int) *contact {
	c := d.contacts[channel]
	if c == nil {
		c = &contact{}
		d.contacts[channel] = c
	}
	return c
}

// Run listens to the device until ctx is done; where it cannot subscribe it tries
// again.  It asks for the state of the relays in use at once, whenever the device
// comes back, and every third of the time for which a state is believed; a device
// without such relays is never asked.  Run has one owner; relays must be in use
// before.
func (d *Device) Run(ctx context.Context) error {
	var channels []int
	every := DefaultStale
	for _, r := range d.relays {
		channels = append(channels, r.channel)
		every = min(every, r.stale)
	}
	slices.Sort(channels)
	again := backoff.Backoff{First: leastPause, Most: time.Minute}
	for _, filter := range d.dialect.Filters(slices.Compact(channels)) {
		for {
			unsubscribe, err := d.bus.Subscribe(filter, d.hear)
			if err == nil {
				defer unsubscribe()
				break
			}
			if !d.deaf(ctx, fmt.Errorf("listen to %s: %w", filter, err), again.Next()) {
				return nil
			}
		}
	}
	tick := time.NewTicker(max(every/3, time.Millisecond))
	defer tick.Stop()
	wake, woken := d.dialect.(Woken)
	alarm := time.NewTimer(0) // it is woken at once
	defer alarm.Stop()
	if !woken {
		alarm.Stop()
	}
	d.ask(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-alarm.C:
			alarm.Reset(d.say(ctx, wake))
		case <-d.kick:
			d.ask(ctx)
		case <-tick.C:
			d.ask(ctx)
		}
	}
}

// say has the device speak, and answers when it is to be said again: soon, where the
// message did not go out.
func (d *Device) say(ctx context.Context, w Woken) time.Duration {
	limited, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	m, every := w.Wake()
	if err := d.send(limited, m); err != nil {
		d.log.Debug("device: it could not be told to speak", "device", d.Name(), "error", err)
		return min(every, time.Second)
	}
	return every
}

// leastPause is between two attempts to subscribe.
const leastPause = 100 * time.Millisecond

// deaf tells that the device cannot be listened to, and waits; it answers false
// where ctx ended.
func (d *Device) deaf(ctx context.Context, err error, pause time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	d.log.Warn("device: it cannot be listened to", "device", d.Name(), "error", err)
	d.mu.Lock()
	d.tell(Fact{At: d.now()}, err)
	d.mu.Unlock()
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

// askTime bounds one question, so that a lost broker does not hold up the next.
const askTime = 5 * time.Second

// ask asks for the state of each relay in use.
func (d *Device) ask(ctx context.Context) {
	for _, r := range d.relays {
		limited, cancel := context.WithTimeout(ctx, askTime)
		err := r.ask(limited)
		cancel()
		if err != nil && ctx.Err() == nil {
			d.log.Debug("device: it could not be asked for its state", "device", d.Name(), "error", err)
		}
	}
}

func (d *Device) send(ctx context.Context, m Message) error {
	if err := d.bus.Publish(ctx, m.Topic, 0, false, m.Payload); err != nil {
		return fmt.Errorf("%s: %w", d.Name(), err)
	}
	return nil
}
