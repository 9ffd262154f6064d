// Package sgready runs a heat pump by its two contacts of the label "SG Ready" of the
// Bundesverband Waermepumpe: 10 blocks it, 00 leaves it to itself, 01 has it run more, 11 has it run.
//
// Where the relays fall open, without power or without the agent's machine, the heat pump is left to
// itself.  On the way from one mode to another the contacts never pass through the one that blocks.
package sgready

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/relay"
)

// Driver is the driver sgready.
func Driver() loads.Driver {
	return loads.Driver{Name: "sgready", New: func() loads.Settings { return new(Document) }}
}

// Document is a heat pump with two contacts on this machine's GPIO lines.
//
// In a configuration: A heat pump by the two contacts of SG Ready, on GPIO lines of this machine.
// Example: {driver: sgready, first: {line: GPIO17}, second: {line: GPIO27}}
type Document struct {
	// The relay on the first contact, which alone blocks the heat pump.
	// Example: {line: GPIO17}
	First *relay.Document `yaml:"first"`
	// The relay on the second contact, which alone has it run more.
	// Example: {line: GPIO27}
	Second *relay.Document `yaml:"second"`
	// The mode while the load is on: encouraged, ordered or normal.
	// Default: encouraged
	// Example: ordered
	Run string `yaml:"run"`
	// The mode while it is off: normal or blocked.
	// Default: normal
	// Example: blocked
	Rest string `yaml:"rest"`
	// A mode is kept at least so long: min_on and min_off are no shorter. What protects does not wait.
	// Default: 10m
	// Example: 20m
	Hold time.Duration `yaml:"hold"`
	// The longest that it is blocked; then it is left to itself until it has been on.
	// Default: 2h
	// Example: 1h
	Most time.Duration `yaml:"blocked_at_most"`
}

// The modes.
const (
	normal     = "normal"
	blocked    = "blocked"
	encouraged = "encouraged"
	ordered    = "ordered"
)

const (
	usualHold = 10 * time.Minute
	mostBlock = 2 * time.Hour // of the label's rules
)

// Check implements loads.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	for _, x := range []struct {
		key string
		r   *relay.Document
	}{{"first", d.First}, {"second", d.Second}} {
		switch {
		case x.r == nil:
			l.Add(x.key, "name the relay's line, e.g. {line: GPIO17}", "there are two contacts, and of one nothing is said")
		case x.r.Contact == relay.ContactLatching:
			l.Add(x.key+".contact", "use a relay that falls open, and leave contact out", "a latching relay leaves the heat pump blocked without the agent")
		default:
			l.Under(x.key, x.r.Check())
		}
	}
	if d.First != nil && d.Second != nil && d.First.Line != "" && d.First.Line == d.Second.Line && d.First.Chip == d.Second.Chip {
		l.Add("second.line", "name the line of the other relay", "%s is the first contact", d.First.Line)
	}
	l.OneOf("run", d.Run, "", encouraged, ordered, normal)
	l.OneOf("rest", d.Rest, "", normal, blocked)
	if d.run() == d.rest() {
		l.Add("rest", "write rest: blocked, or another run", "on and off are both %s", normal)
	}
	if d.Hold < 0 || d.Hold > 6*time.Hour {
		l.Add("hold", "write e.g. 10m", "%v is not how long a mode is kept", d.Hold)
	}
	if d.Most < 0 || d.Most > mostBlock {
		l.Add("blocked_at_most", "write 2h or less", "a heat pump is not blocked for %v", d.Most)
	} else if d.Most != 0 && d.rest() != blocked {
		l.Add("blocked_at_most", "leave it out, or write rest: blocked", "it is never blocked")
	}
	return l
}

func or[T comparable](v, otherwise T) T {
	if v == *new(T) {
		return otherwise
	}
	return v
}

func (d *Document) run() string { return or(d.Run, encouraged) }

func (d *Document) rest() string { return or(d.Rest, normal) }

// Traits implements loads.Settings.
func (d *Document) Traits() loads.Traits {
	t := loads.Traits{Needs: loads.NeedsMachine, Hold: or(d.Hold, usualHold), Blind: d.First == nil || d.Second == nil || d.First.Feedback == nil || d.Second.Feedback == nil}
	of := func(r *relay.Document) string {
		if r == nil {
			return ""
		}
		return (&relay.Settings{Relay: r}).Traits().Of
	}
	t.Of, t.Also = of(d.First), of(d.Second)
	return t
}

// Open implements loads.Settings.  The contacts begin at rest, where the heat pump is left to itself,
// or as they are.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	var contacts [2]loads.Switch
	since := time.Time{}
	if d.isBlocked(e.Machine) { // by an agent before this one, and nobody may tell it anything
		since = e.Now()
	}
	for i, r := range []*relay.Document{d.First, d.Second} {
		sw, closeLines, err := relay.Open(e.Machine, *r, e.Now)
		if err != nil {
			return nil, fmt.Errorf("sgready: contact %d: %w", i+1, err)
		}
		e.Machine.Closes(closeLines)
		contacts[i] = sw
	}
	return &Switch{contacts: contacts, run: d.run(), rest: d.rest(), most: or(d.Most, mostBlock), blind: d.Traits().Blind, now: e.Now, check: time.Minute, since: since}, nil
}

// isBlocked tells whether the lines have the heat pump blocked as they are.
func (d *Document) isBlocked(pins loads.Pins) bool {
	is := [2]bool{}
	for i, r := range []*relay.Document{d.First, d.Second} {
		level, ok, err := pins.Present(r.Chip, []string{r.Line})
		is[i] = ok && err == nil && (level&1 == 1) != r.Low
	}
	return is == levels(blocked)
}

// Switch is a heat pump.  It is a loads.Switch and a Runner.
type Switch struct {
	contacts  [2]loads.Switch
	run, rest string
	most      time.Duration
	blind     bool
	now       func() time.Time
	check     time.Duration // how often it is looked whether it is blocked for too long

	mu    sync.Mutex
	since time.Time // it is blocked; zero: it is not
	freed bool      // it was blocked for as long as it may be
}

// levels are the contacts of a mode.
func levels(mode string) [2]bool {
	switch mode {
	case blocked:
		return [2]bool{true, false}
	case encouraged:
		return [2]bool{false, true}
	case ordered:
		return [2]bool{true, true}
	}
	return [2]bool{}
}

// Set implements loads.Switch.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := (loads.Capability{}).Check(p); err != nil {
		return fmt.Errorf("sgready: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	mode := s.rest
	if p.On {
		mode, s.freed = s.run, false
	}
	if mode == blocked && s.over() {
		mode = normal
	}
	return s.put(ctx, mode)
}

// over tells whether it was blocked for as long as it may be; s.mu is held.
func (s *Switch) over() bool {
	if !s.since.IsZero() && s.now().Sub(s.since) >= s.most {
		s.freed = true
	}
	return s.freed
}

// put sets the contacts: the second goes first where the first closes, so that a heat pump that is
// not to be blocked is not for a moment.  s.mu is held.
func (s *Switch) put(ctx context.Context, mode string) error {
	to := levels(mode)
	order := [2]int{0, 1}
	if to[0] {
		order = [2]int{1, 0}
	}
	for _, i := range order {
		if err := s.contacts[i].Set(ctx, loads.Setpoint{On: to[i]}); err != nil {
			return fmt.Errorf("sgready: contact %d: %w", i+1, err)
		}
	}
	switch {
	case mode != blocked:
		s.since = time.Time{}
	case s.since.IsZero() || s.now().Before(s.since): // or the clock was set back
		s.since = s.now()
	}
	return nil
}

// Run implements loads.Runner: it leaves a heat pump to itself that has been blocked for as long as it may be.
func (s *Switch) Run(ctx context.Context) error {
	tick := time.NewTicker(s.check)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		s.mu.Lock()
		if !s.since.IsZero() && s.over() {
			_ = s.put(ctx, normal) // tried again at the next tick
		}
		s.mu.Unlock()
	}
}

// Observed implements loads.Switch: it is on in the mode for that, and off in any other.
func (s *Switch) Observed(ctx context.Context) (o loads.Observation, err error) {
	if s.blind {
		return o, nil
	}
	is, on := [2]bool{}, levels(s.run)
	for i, c := range s.contacts {
		seen, err := c.Observed(ctx)
		if err != nil || !seen.Known {
			return loads.Observation{}, errors.Join(err)
		}
		is[i], o.At = seen.On, seen.At
	}
	o.Known, o.On = true, is == on
	return o, nil
}
