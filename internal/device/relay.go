package device

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// DefaultStale is how long a state is believed that is not said again.
const DefaultStale = 15 * time.Minute

// Relay is a relay of a device in use.  It may be used from several goroutines.
type Relay struct {
	device  *Device
	channel int
	deadMan time.Duration
	stale   time.Duration
	fresh   atomic.Bool // the device (re)started and has not been prepared since
}

// Relay takes a relay into use.  The device opens it by itself where On is not
// said again for deadMan (0: never); a state heard longer ago than stale is not
// known any more, DefaultStale where that is 0.
func (d *Device) Relay(channel int, deadMan, stale time.Duration) *Relay {
	if stale == 0 {
		stale = DefaultStale
	}
	r := &Relay{device: d, channel: channel, deadMan: deadMan, stale: stale}
	r.fresh.Store(true)
	d.relays = append(d.relays, r)
	return r
}

// Set asks for a state and returns when the command has left this machine.  Said
// again, On renews the dead man.
func (r *Relay) Set(ctx context.Context, on bool) error {
	return r.SetLevel(ctx, on, Told[units.Power]{})
}

// SetLevel is Set with a power to draw, where the device's dialect is a Leveller.
func (r *Relay) SetLevel(ctx context.Context, on bool, level Told[units.Power]) error {
	c := Command{Relay: r.channel, On: on, Level: level, DeadMan: r.deadMan, Now: r.device.now(), Known: r.State()}
	if l, ok := r.device.dialect.(Leveller); ok {
		if m, only, ok := l.Level(c); ok {
			if err := r.device.send(ctx, m); err != nil || only {
				return err
			}
		}
	}
	m, doubt := r.device.dialect.Command(c)
	if doubt != "" {
		r.device.log.Warn("device: "+doubt, "device", r.device.Name(), "relay", r.channel)
	}
	return r.device.send(ctx, m)
}

// State is what is known of the relay.
func (r *Relay) State() State {
	d := r.device
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.contact(r.channel).known(d.now(), r.stale)
}

// ask asks for the state, and prepares the relay after a start of the device.
func (r *Relay) ask(ctx context.Context) error {
	if r.fresh.Load() {
		if m, ok := r.device.dialect.Prepare(r.channel, r.deadMan); ok {
			if err := r.device.send(ctx, m); err != nil {
				return err
			}
		}
		r.fresh.Store(false)
	}
	m, ok := r.device.dialect.Ask(r.channel)
	if !ok {
		return nil
	}
	return r.device.send(ctx, m)
}

// State is what is known of a relay; the zero value is nothing.
type State struct {
	On     Told[bool]        // whether it conducts
	At     time.Time         // when that was heard
	Power  Told[units.Power] // what is drawn behind it
	Level  Told[units.Power] // what it says it was told to draw
	Charge Told[int]         // how full the battery behind it is, in thousandths
	// LastOn is when it last said that it is on; zero: never.  It outlives what is
	// known.
	LastOn time.Time
}

// contact is what is remembered of a relay.  Its zero value knows nothing.
type contact struct {
	seen     bool
	on       bool
	since    time.Time // since when it says so
	at       time.Time // when it last said so
	lastOn   time.Time
	power    units.Power
	powerAt  time.Time // zero: not known in the present state
	level    units.Power
	levelAt  time.Time // zero: not known
	charge   int
	chargeAt time.Time // zero: not known
}

// state remembers that the device said it is on or off.
func (c *contact) state(on bool, at time.Time) {
	if on != c.on || !c.seen {
		c.since, c.powerAt = at, time.Time{} // what it drew before says nothing now
	}
	c.seen, c.on, c.at = true, on, at
	if on {
		c.lastOn = at
	}
}

// draws remembers what the load draws.
func (c *contact) draws(p units.Power, at time.Time) { c.power, c.powerAt = p, at }

// forget remembers that the device is gone: whatever it said before, it may be
// otherwise when it comes back.
func (c *contact) forget() {
	c.seen, c.powerAt, c.levelAt, c.chargeAt = false, time.Time{}, time.Time{}, time.Time{}
}

// A device tells what it commanded its contact.  Where it measures weldPower or
// more weldAfter it said Off (plugs average, some over many seconds), the contact
// conducts all the same.
const (
	weldPower = 5 * units.Watt
	weldAfter = 30 * time.Second
)

// known is what is known at now, believing nothing older than stale.
func (c *contact) known(now time.Time, stale time.Duration) State {
	s := State{LastOn: c.lastOn}
	if !c.seen || now.Sub(c.at) > stale {
		return s
	}
	s.On, s.At = Tell(c.on), c.at
	if !c.levelAt.IsZero() && now.Sub(c.levelAt) <= stale {
		s.Level = Tell(c.level)
	}
	if !c.chargeAt.IsZero() && now.Sub(c.chargeAt) <= stale {
		s.Charge = Tell(c.charge)
	}
	if !c.powerAt.IsZero() && now.Sub(c.powerAt) <= stale {
		s.Power = Tell(c.power)
		if !c.on && c.power >= weldPower && c.powerAt.Sub(c.since) >= weldAfter {
			s.On, s.At = Tell(true), c.powerAt
		}
	}
	return s
}

// plausible tells whether a plug or contactor can carry so much.
func plausible(p units.Power) bool {
	return p > -100*units.Kilowatt && p < 100*units.Kilowatt
}
