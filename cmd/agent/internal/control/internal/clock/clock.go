// Package clock is what the agent believes of the machine's clock: when it is
// doubted, when it is followed, and which charges by time wait until somebody
// confirms it.
package clock

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// State is what is remembered of the machine's clock.
type State struct {
	Raw  time.Time     `json:"raw,omitzero"`   // what it showed at the last step
	Skew time.Duration `json:"skew,omitempty"` // so far ahead it is held to be wrong; negative: behind
	Left time.Duration `json:"left,omitempty"` // powered time until it is believed
	Up   time.Duration `json:"up,omitempty"`   // powered time since the start
	// Young: the site was begun not long ago, and its clock may not have been
	// set yet.
	Young bool `json:"young,omitempty"`
	// Word: somebody has said since the last step that the clock is right.
	Word bool `json:"word,omitempty"`
	Gap  *Gap `json:"gap,omitempty"` // the last leap ahead that was followed; nil: none, or long ago
}

// A clock that jumps by more than Leap is doubted for doubtFor of powered time,
// or until it is back: a year of standing charges is not taken, nor half a
// century of intervals made, because a date was mistyped or a battery is empty.
// Ahead it is followed in the first settling time after a start, and when it was
// behind before, by so much as Away: the hours of the tariff would be wrong
// otherwise after each long power cut.  What that time costs is taken when
// something has confirmed it: see Gap.
const (
	Leap      = time.Hour
	doubtFor  = 24 * time.Hour
	settling  = 10 * time.Minute
	longestIn = 10 * time.Second // most powered time that one step counts for
	// Away is the longest that an agent may have been off and its clock be
	// followed: more wants a person's word.
	Away = 45 * 24 * time.Hour
)

// Unset tells that a clock cannot be right: there was no agent then.  A board
// without a battery starts in 1970, or where its image was made.
func Unset(raw time.Time) bool { return raw.Year() < 2026 }

// Believe is the instant that a step at raw is taken for.  synced tells that the
// machine's clock is kept by a time server.  set tells that a young site's clock
// was set: no time has passed since the step before.
func (s State) Believe(raw time.Time, fresh, synced bool) (next State, now time.Time, set bool) {
	c := s.clone()
	passed := time.Duration(0)
	if !c.Raw.IsZero() {
		passed = raw.Sub(c.Raw)
	}
	c.Raw = raw
	if fresh {
		c.Up = 0
	}
	if c.Young {
		if passed > Leap || passed < -Leap {
			c.Up = 0
			return c, raw, true
		}
		c.Up += max(0, min(passed, longestIn))
		c.Young = c.Up < settling || Unset(raw)
		return c, raw, false
	}
	counted := max(0, min(passed, longestIn))
	if c.Gap != nil {
		c.Gap.Powered += counted
	}
	if passed > Leap || passed < -Leap {
		was := c.Skew
		c.Skew += passed
		c.Left = doubtFor
		near := c.Skew <= Leap && c.Skew >= -Leap
		// Followed, not believed: what this time costs waits in the Gap.
		ahead := c.Skew > 0 && c.Skew <= Away && (fresh || c.Up < settling || was < 0)
		// A clock that comes back to what the agent itself has counted since it
		// leapt shows that the leap was wrong.
		back := c.Skew < 0 && c.Gap != nil && !raw.Before(c.Gap.From.Add(c.Gap.Powered-Leap))
		if near || ahead || back {
			c.Skew, c.Left = 0, 0
		}
	} else {
		c.Up += counted
		c.Left = max(0, c.Left-counted)
	}
	// More than a time server's word is wanted for more than Away: a server may be
	// wrong, or somebody else's.
	if c.Skew <= Away && (synced || c.Left <= 0) {
		c.Skew, c.Left = 0, 0
	}
	return c, raw.Add(-c.Skew), false
}

// Facts is what the switches tell, by the clock that is believed.
func (s State) Facts(facts []loads.Fact) []loads.Fact {
	if s.Skew == 0 {
		return facts
	}
	facts = slices.Clone(facts)
	for i := range facts {
		if !facts[i].At.IsZero() {
			facts[i].At = facts[i].At.Add(-s.Skew)
		}
	}
	return facts
}

// Sample is what the meter tells, by the clock that is believed.  One that was taken just before the
// clock was set is of now: its half hour would else be years away, or one that cannot be kept.
func (s State) Sample(m metering.Sample) metering.Sample {
	if !m.At.IsZero() {
		if off := s.Raw.Sub(m.At); !s.Raw.IsZero() && (off > Leap || off < -Leap) {
			m.At = s.Raw
		}
		m.At = m.At.Add(-s.Skew)
	}
	return m
}

// Acknowledged is the clock after a person has read a warning about it: they say
// that the time is right.
func (s State) Acknowledged(code health.Code) State {
	switch code {
	case health.ClockAhead, health.ClockBack:
		s.Skew, s.Left, s.Word = 0, 0, true
	case health.ClockUnconfirmed:
		s.Word = true
	}
	return s
}

// Dateless tells whether the clock of a young site was never set: which day it is
// nobody knows.
func (s State) Dateless() bool { return s.Young && Unset(s.Raw) }

// Warn says that the clock is doubted, and what waits for it.
func (s State) Warn() (n note.Notes) {
	shows := said.Time("shows", s.Raw.Truncate(time.Minute)) // a warning is not renewed at each step
	n.When(s.Skew > 0, health.ClockAhead, "", said.Of("clock.ahead", shows))
	if s.Skew < 0 {
		n.Raise(health.ClockBack, "", said.Of("clock.back", shows))
	}
	s.warnOfGap(&n)
	return n
}
