package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// LimitRules are how a site is limited.  The words and times are those of EEBUS LPC
// (limitation of power consumption).
type LimitRules struct {
	// FailSafe is the limit while the utility is not heard: it is never "none".
	FailSafe units.Power
	// Minimum is how long fail-safe lasts at the least where the utility is heard again
	// and says nothing of a limit: 2 to 24 hours.
	Minimum time.Duration
	// Floor is the least limit that is accepted.
	Floor units.Power
	// Devices: what the loads that can wait draw together counts, and not what the house does.
	Devices bool
	// Wired: who limits is at the end of a wire, which is never silent while it is whole: one
	// that was never heard is one that is lost.
	Wired bool
}

// Source is who says how much may be drawn.
type Source string

// The sources.
const (
	Signed  Source = "signed"  // a utility, by envelopes
	Contact Source = "contact" // a grid operator's or an inspector's contact
	Asked   Source = "event"   // a utility, by events that the household may opt out of
	Own     Source = "mqtt"    // the household's own, over MQTT: it can lower what the others allow, and no more
	Served  Source = "openadr" // an OpenADR server, whose limits hold
	// ServedAsks is an OpenADR server by events that the household may opt out of.
	ServedAsks Source = "openadr_event"
)

// Times of the limit.
const (
	// HeartbeatLost is the silence after which the utility counts as gone.
	HeartbeatLost = 2 * time.Minute
	// HeartbeatLives is the longest that a heartbeat may be good for.
	HeartbeatLives = 2 * time.Minute
	// limitWait is how long a limit is waited for once the utility is heard.
	limitWait = 2 * time.Minute
	// LeastFailSafe is the least that LimitRules.Minimum may be; the most is a day.
	LeastFailSafe = 2 * time.Hour
)

// mostLimit is more than any home has.
const mostLimit = 1000 * 1000 * units.Watt

// Accepts tells why a limit is not one that may be set; nil: it may.
func (r LimitRules) Accepts(limit units.Power) error {
	switch {
	case limit < 0:
		return fmt.Errorf("a limit of %s is negative", limit)
	case limit == 0:
		return fmt.Errorf("a limit of %s would take the light away: a limit dims what can be switched, and is no disconnection", limit)
	case limit < r.Floor:
		return fmt.Errorf("a limit of %s is below this site's floor of %s", limit, r.Floor)
	case limit > mostLimit:
		return fmt.Errorf("a limit of %s is more than any home draws", limit)
	}
	return nil
}

// Phase is where the limit stands.
type Phase string

// The phases.
const (
	NotLimited Phase = ""           // no utility limits this site
	Init       Phase = "init"       // the agent has begun and has heard nothing so far: the fail-safe limit
	Limited    Phase = "limited"    // the utility's limit
	Unlimited  Phase = "unlimited"  // the utility is heard and has said that there is none
	FailSafe   Phase = "failsafe"   // the utility is not heard any more: the fail-safe limit
	Autonomous Phase = "autonomous" // the utility has never said anything of a limit, or has not come back to it: the site's own
)

// LimitState is what is remembered of the limit.
type LimitState struct {
	Phase Phase     `json:"phase,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Heard time.Time `json:"heard,omitzero"` // the last heartbeat, by this machine's clock
	Back  time.Time `json:"back,omitzero"`  // since when it is heard again, in fail-safe
	// Wrote is when the utility signed its last word on the limit, by its clock.
	Wrote time.Time `json:"wrote,omitzero"`
}

// earliest is t, or now where t lies ahead: after a clock that was set back no
// heartbeat may count as fresh for longer than it is.
func earliest(t, now time.Time) time.Time {
	if t.After(now) {
		return now
	}
	return t
}

// alive tells whether the utility is heard.
func (s LimitState) alive(now time.Time) bool {
	return !s.Heard.IsZero() && now.Sub(s.Heard) <= HeartbeatLost
}

// Step moves the phase.  active: a limit holds now, as far as it is heard.
func (r LimitRules) Step(s LimitState, now time.Time, active bool) LimitState {
	s.Since, s.Heard, s.Back, s.Wrote = earliest(s.Since, now), earliest(s.Heard, now), earliest(s.Back, now), earliest(s.Wrote, now)
	alive := s.alive(now)
	controlled := Unlimited
	if active {
		controlled = Limited
	}
	to := s.Phase
	switch s.Phase {
	case NotLimited:
		to = Init
	case Init:
		switch waited := now.Sub(s.Since) >= limitWait; {
		case alive && !s.Wrote.IsZero():
			to = controlled
		case !s.Heard.IsZero() && !alive:
			to = FailSafe
		case waited && r.Wired:
			to = FailSafe
		case waited:
			to = Autonomous
		}
	case Limited, Unlimited:
		to = controlled
		if !alive {
			to = FailSafe
		}
	case FailSafe:
		if !alive {
			s.Back = time.Time{} // for as long as it takes: to be cut off is no way to get rid of a limit
			break
		}
		if s.Back.IsZero() {
			s.Back = s.Heard
		}
		switch {
		case s.Wrote.After(s.Since):
			to = controlled
		case now.Sub(s.Back) >= limitWait && now.Sub(s.Since) >= max(r.Minimum, LeastFailSafe):
			if to = Autonomous; active {
				to = Limited // what was said before holds to its end
			}
		}
	case Autonomous:
		if alive && (active || !s.Wrote.Before(s.Since)) {
			to = controlled
		}
	}
	if to != s.Phase {
		s.Phase, s.Since, s.Back = to, now, time.Time{}
	}
	return s
}

// InForce is a limit that holds.
type InForce struct {
	Source Source
	Phase  Phase
	Limit  units.Power // 0: none
	// Of whom; only where an event limits.
	Event  string
	Issuer string
	From   time.Time
	Until  time.Time // zero: until something changes
	// Loads are those of which the sum counts; nil: all that the site draws.
	Loads []string
}

// Least is the lowest of the limits of what the whole site draws; one without a limit where
// there is none.
func Least(all []InForce) (least InForce) {
	for _, f := range all {
		if f.Loads == nil && f.Limit > 0 && (least.Limit == 0 || f.Limit < least.Limit) {
			least = f
		}
	}
	return least
}

// InForce is the limit that holds at an instant, but for those of single loads and classes.
// In fail-safe an event's lower limit goes on to its end: to lose the connection never
// raises a limit.
func (r Rules) InForce(s State, now time.Time) InForce {
	out := InForce{Source: r.LimitSource(), Phase: s.Limit.Phase, From: s.Limit.Since}
	if !r.Limits() || s.Limit.Phase == NotLimited {
		return InForce{}
	}
	if r.Limit.Devices {
		out.Loads = r.controllable(nil)
	}
	safe := s.Limit.Phase == Init || s.Limit.Phase == FailSafe
	if safe {
		out.Limit = r.Limit.FailSafe
	}
	e, step, ok := s.limiting(now, nil)
	if ok && (out.Limit == 0 || step.Limit < out.Limit) {
		out.Limit, out.Event, out.Issuer = step.Limit, e.ID, e.Of.Issuer
		out.From, out.Until = e.Start, e.until(now)
	}
	return out
}

// Curbs are all limits that hold: the site's, and those of loads and classes.
func (r Rules) Curbs(s State, now time.Time) (out []InForce) {
	f := r.InForce(s, now)
	if f.Limit > 0 {
		out = append(out, f)
	}
	if f.Phase == NotLimited {
		return out
	}
	var done [][]string
	for _, e := range s.Events {
		if e.Of.Stream != Limit || e.Targets == nil || slices.ContainsFunc(done, func(t []string) bool { return slices.Equal(t, e.Targets) }) {
			continue
		}
		done = append(done, e.Targets)
		best, step, ok := s.limiting(now, e.Targets)
		if which := r.controllable(e.Targets); ok && len(which) > 0 {
			out = append(out, InForce{
				Source: r.LimitSource(), Phase: s.Limit.Phase, Limit: step.Limit, Event: best.ID, Issuer: best.Of.Issuer, From: best.Start, Until: best.until(now), Loads: which,
			})
		}
	}
	return out
}

// limiting is the event that limits the same targets now (nil: the site): the one of the
// highest priority, and among equals the lowest limit.
func (s State) limiting(now time.Time, targets []string) (best Event, at Step, ok bool) {
	for _, e := range s.Events {
		step, holds := e.At(now)
		if e.Of.Stream != Limit || !holds || !slices.Equal(e.Targets, targets) {
			continue
		}
		if !ok || e.Priority < best.Priority || e.Priority == best.Priority && step.Limit < at.Limit {
			best, at, ok = e, step, true
		}
	}
	return best, at, ok
}

// limited tells whether an event limits the site, or some of its loads, now.
func (s State) limited(now time.Time) bool {
	return slices.ContainsFunc(s.Events, func(e Event) bool {
		_, holds := e.At(now)
		return holds && e.Of.Stream == Limit
	})
}

// Device is a load that can wait, as a utility's limit may name it.
type Device struct{ ID, Class string }

// Prefixes of the targets of a limit.
const targetLoad, targetClass = "load:", "class:"

// controllable are the loads that targets name; nil targets: all that can wait.
func (r Rules) controllable(targets []string) []string {
	out := []string{}
	for _, d := range r.Devices {
		if targets == nil || slices.Contains(targets, targetLoad+d.ID) || d.Class != "" && slices.Contains(targets, targetClass+d.Class) {
			out = append(out, d.ID)
		}
	}
	return out
}

// aims reads the targets of a limit; nil: the site.
func (r Rules) aims(targets []string) ([]string, *RefusedError) {
	if r.VTN { // other names are the server's own, by which it has found this site
		targets = slices.DeleteFunc(slices.Clone(targets), func(t string) bool { return !strings.HasPrefix(t, targetLoad) && !strings.HasPrefix(t, targetClass) })
	}
	for _, t := range targets {
		id, ok := strings.CutPrefix(t, targetLoad)
		if !ok {
			id, ok = strings.CutPrefix(t, targetClass)
		}
		if !ok || !targetForm.MatchString(id) {
			return nil, &RefusedError{Unreadable, fmt.Sprintf("event.targets has %.60q; in a limit write load:<id> or class:<name>", t)}
		}
	}
	if len(targets) == 0 {
		return nil, nil
	}
	if len(targets) > mostTargets {
		return nil, &RefusedError{Unsafe, fmt.Sprintf("event.targets has %d elements; the most is %d", len(targets), mostTargets)}
	}
	out := slices.Compact(slices.Sorted(slices.Values(targets)))
	if r.Devices != nil && len(r.controllable(out)) == 0 {
		return nil, &RefusedError{Inapplicable, fmt.Sprintf("no load of this site that can wait is one of %s", strings.Join(out, ", "))}
	}
	return out, nil
}

const mostTargets = 16

var targetForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`) //nolint:gochecknoglobals // compiled once, never changed
