package device

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

func TestWhatIsKnownOfARelay(t *testing.T) {
	t0 := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	for _, tc := range []struct {
		name string
		say  func(c *contact)
		now  int
		want State
	}{
		{"nothing heard", func(*contact) {}, 0, State{}},
		{"heard on", func(c *contact) { c.state(true, at(0)) }, 60, State{On: Tell(true), At: at(0)}},
		{"too long ago", func(c *contact) { c.state(true, at(0)) }, 61, State{}},
		{"gone since", func(c *contact) { c.state(true, at(0)); c.forget() }, 1, State{}},
		{"power", func(c *contact) { c.state(true, at(0)); c.draws(9*units.Watt, at(1)) }, 2, State{On: Tell(true), At: at(0), Power: Tell(9 * units.Watt)}},
		{"power of the state before", func(c *contact) { c.state(true, at(0)); c.draws(9*units.Watt, at(1)); c.state(false, at(2)) }, 2, State{On: Tell(false), At: at(2)}},
		{"power too long ago", func(c *contact) { c.state(true, at(0)); c.draws(9*units.Watt, at(1)); c.state(true, at(50)) }, 62, State{On: Tell(true), At: at(50)}},
		{"a plug's average after off", func(c *contact) { c.state(false, at(0)); c.draws(900*units.Watt, at(29)) }, 30, State{On: Tell(false), At: at(0), Power: Tell(900 * units.Watt)}},
		{"says off and conducts: welded", func(c *contact) { c.state(false, at(0)); c.draws(900*units.Watt, at(30)) }, 30, State{On: Tell(true), At: at(30), Power: Tell(900 * units.Watt)}},
		{"a meter's offset is no weld", func(c *contact) { c.state(false, at(0)); c.draws(2*units.Watt, at(40)) }, 40, State{On: Tell(false), At: at(0), Power: Tell(2 * units.Watt)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c contact
			tc.say(&c)
			got := c.known(at(tc.now), time.Minute)
			got.LastOn = time.Time{}
			if got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}
