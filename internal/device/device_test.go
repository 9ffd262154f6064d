package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/internal/units"
)

// plain is a dialect whose messages are words: on, off, gone, back, moved, 40 (W),
// anything else is not understood.
type plain struct{}

func (plain) Name() string                  { return "plain plug" }
func (plain) Filters(relays []int) []string { return []string{fmt.Sprint("plug ", relays)} }
func (plain) Ask(relay int) (Message, bool) { return Message{"ask", []byte(fmt.Sprint(relay))}, true }

func (plain) Command(c Command) (Message, string) {
	return Message{"set", []byte(fmt.Sprint(c.Relay, c.On))}, ""
}

func (plain) Prepare(relay int, deadMan time.Duration) (Message, bool) {
	return Message{"prepare", []byte(fmt.Sprint(relay, deadMan))}, deadMan > 0
}

func (plain) Read(_ string, payload []byte, _ bool) (f Fact, err error) {
	var watts units.Power
	switch word := string(payload); word {
	case "on", "off":
		f.Contacts = []Contact{{On: Tell(word == "on")}}
	case "gone":
		f.Presence = Offline
	case "back":
		f.Presence = Online
	case "anew":
		f.Contacts = []Contact{{Unknown: true}}
	case "moved":
		f.Moved = true
	default:
		if _, err := fmt.Sscan(word, &watts); err != nil {
			return f, &Unread{err, "speak plainly"}
		}
		f.Contacts = []Contact{{Power: Tell(watts * units.Watt)}}
	}
	return f, nil
}

// bus is a session on which one device speaks.
type bus struct {
	mu   sync.Mutex
	say  func(topic string, payload []byte, retained bool)
	sent []string
	subs int
}

func (b *bus) Publish(ctx context.Context, topic string, _ byte, _ bool, payload []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, topic+" "+string(payload))
	return ctx.Err()
}

func (b *bus) Subscribe(_ string, handler func(string, []byte, bool)) (func(), error) {
	b.say, b.subs = handler, b.subs+1
	return func() { b.subs-- }, nil
}

// open is a running device, in a synctest bubble.
func open(t *testing.T, use func(d *Device)) (*Device, *bus) {
	t.Helper()
	b := &bus{}
	pool := NewPool(b, time.Now, slog.New(slog.DiscardHandler))
	d, err := pool.Device(plain{})
	if err != nil {
		t.Fatal(err)
	}
	use(d)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if b.subs != 0 {
			t.Errorf("%d subscriptions are left behind", b.subs)
		}
	})
	synctest.Wait()
	return d, b
}

func TestWhatADeviceSaysIsRememberedOnceForAll(t *testing.T) {
	known := func(on bool, watts ...units.Power) State {
		s := State{On: Tell(on)}
		if len(watts) > 0 {
			s.Power = Tell(watts[0] * units.Watt)
		}
		return s
	}
	for _, row := range []struct {
		name string
		says string // words; * before one: retained
		want State
	}{
		{"on", "on", known(true)},
		{"and drawing", "on 40", known(true, 40)},
		{"a retained state is of an unknown age", "*on", State{}},
		{"gone", "on gone", State{}},
		{"retained, but gone", "on *gone", State{}},
		{"back, but not heard of its state", "on gone back", State{}},
		{"back and heard", "on gone back off", known(false)},
		{"what it was says nothing any more", "on anew", State{}},
		{"more than a relay can carry", "on 900000", known(true)},
		{"not understood", "on what", known(true)},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var first, second *Relay
				_, b := open(t, func(d *Device) { first, second = d.Relay(0, 0, 0), d.Relay(0, 0, 0) })
				for _, word := range strings.Fields(row.says) {
					word, retained := strings.CutPrefix(word, "*")
					b.say("plug", []byte(word), retained)
				}
				for _, r := range []*Relay{first, second} {
					got := r.State()
					if got.On.Is() != (got.At == time.Now()) {
						t.Errorf("known at %v", got.At)
					}
					got.At, got.LastOn = time.Time{}, time.Time{}
					if got != row.want {
						t.Errorf("%+v, want %+v", got, row.want)
					}
				}
			})
		})
	}
}

func TestAStateIsBelievedAsLongAsEachUserOfTheRelaySays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var short, long *Relay
		_, b := open(t, func(d *Device) { short, long = d.Relay(0, 0, time.Minute), d.Relay(0, 0, time.Hour) })
		b.say("plug", []byte("on"), false)
		time.Sleep(time.Minute + time.Second)
		if short.State().On.Is() || !long.State().On.Is() {
			t.Errorf("after a minute %+v and %+v", short.State(), long.State())
		}
	})
}

func TestADeviceIsAskedAtOnceWhenItComesBackAndEveryThirdOfTheShortestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := open(t, func(d *Device) { d.Relay(0, time.Minute, time.Hour); d.Relay(1, 0, 3*time.Minute) })
		once := []string{"prepare 0 1m0s", "ask 0", "ask 1"}
		want := slices.Clone(once)
		again := func(what string, asked ...string) {
			t.Helper()
			synctest.Wait()
			want = append(want, asked...)
			b.mu.Lock()
			defer b.mu.Unlock()
			if d := cmp.Diff(want, b.sent); d != "" {
				t.Fatalf("%s: %s", what, d)
			}
		}
		again("at once")
		time.Sleep(time.Minute)
		again("after a minute", "ask 0", "ask 1")
		b.say("plug", []byte("moved"), false)
		again("after a command", "ask 0", "ask 1")
		b.say("plug", []byte("back"), true)
		again("after our own reconnection", "ask 0", "ask 1")
		b.say("plug", []byte("back"), false)
		again("after a start of the device", once...)
	})
}

// sleeper is one that speaks only while it is told to.
type sleeper struct{ plain }

func (sleeper) Wake() (Message, time.Duration) {
	return Message{"wake", []byte("up")}, 20 * time.Second
}

func TestADeviceThatSleepsIsWokenAtOnceAndAgainAndNotAskedMoreOftenForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{}
		d, err := NewPool(b, time.Now, slog.New(slog.DiscardHandler)).Device(sleeper{})
		if err != nil {
			t.Fatal(err)
		}
		d.Relay(0, 0, 3*time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute-time.Second)
		defer cancel()
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		slices.Sort(b.sent) // who is first at the start is nobody's matter
		if diff := cmp.Diff([]string{"ask 0", "wake up", "wake up", "wake up"}, b.sent); diff != "" {
			t.Error(diff)
		}
	})
}

// away is a broker that is not reached for a while.
type away struct {
	bus
	until time.Time
}

func (a *away) Publish(ctx context.Context, topic string, qos byte, retained bool, payload []byte) error {
	if time.Now().Before(a.until) {
		return errors.New("not connected")
	}
	return a.bus.Publish(ctx, topic, qos, retained, payload)
}

func TestADeviceThatSleepsIsWokenAsSoonAsTheBrokerIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &away{until: time.Now().Add(5500 * time.Millisecond)}
		d, err := NewPool(b, time.Now, slog.New(slog.DiscardHandler)).Device(sleeper{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		if err := d.Run(ctx); err != nil || len(b.sent) != 1 {
			t.Errorf("%v; sent %q", err, b.sent)
		}
	})
}

func TestADeviceOfWhichNoRelayIsUsedIsNeverAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := open(t, func(*Device) {})
		b.say("plug", []byte("back"), false)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if len(b.sent) > 0 {
			t.Errorf("sent %q", b.sent)
		}
	})
}

func TestWhoFollowsIsToldAllThatIsNewAndThatTheDeviceHadGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := open(t, func(*Device) {})
		b.say("plug", []byte("on"), false)
		b.say("plug", []byte("gone"), true)
		var told []string
		stop := d.Follow(func(f Fact, err error) {
			if unread := (*Unread)(nil); err != nil && !errors.As(err, &unread) {
				t.Errorf("error %v", err)
			}
			told = append(told, fmt.Sprint(f.Presence, len(f.Contacts), err != nil, f.At == time.Now()))
		})
		for _, word := range []string{"back", "on", "what"} {
			b.say("plug", []byte(word), false)
		}
		b.say("plug", []byte("on"), true)
		b.say("plug", []byte("what"), true)
		b.say("plug", make([]byte, MaxPayload+1), false)
		stop()
		b.say("plug", []byte("on"), false)
		unsaid := fmt.Sprint(Unsaid)
		want := []string{
			fmt.Sprint(Offline, " 0 false true"), fmt.Sprint(Online, " 0 false true"),
			unsaid + " 1 false true", unsaid + " 0 true true", unsaid + " 0 true true",
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAPoolWithoutABrokerHasNoDevice(t *testing.T) {
	for _, pool := range []*Pool{nil, NewPool(nil, time.Now, slog.New(slog.DiscardHandler))} {
		if d, err := pool.Device(plain{}); err == nil || d != nil || len(pool.Devices()) > 0 {
			t.Errorf("%v %v", d, err)
		}
	}
}

// refusing is a broker that does not allow the first subscriptions.
type refusing struct {
	bus
	left int
}

func (r *refusing) Subscribe(filter string, handler func(string, []byte, bool)) (func(), error) {
	if r.left--; r.left >= 0 {
		return nil, errors.New("not authorised")
	}
	return r.bus.Subscribe(filter, handler)
}

func TestASubscriptionThatFailsIsToldAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &refusing{left: 3}
		d, err := NewPool(b, time.Now, slog.New(slog.DiscardHandler)).Device(plain{})
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		d.Follow(func(_ Fact, err error) {
			if unread := (*Unread)(nil); err == nil || errors.As(err, &unread) {
				t.Errorf("told %v", err)
			}
			told++
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := d.Run(ctx); err != nil || told != 3 || b.subs != 0 || b.say == nil {
			t.Errorf("%v; told %d times, %d subscriptions are left behind", err, told, b.subs)
		}
	})
}
