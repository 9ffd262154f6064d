package control

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/metering"
)

// ClockState is what the loop remembers of the machine's clock.
type ClockState struct {
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

// A clock that jumps by more than leap is doubted for doubtFor of powered time,
// or until it is back: a year of standing charges is not taken, nor half a
// century of intervals made, because a date was mistyped or a battery is empty.
// Ahead it is followed in the first settling time after a start, and when it was
// behind before, by so much as away: the hours of the tariff would be wrong
// otherwise after each long power cut.  What that time costs is taken when
// something has confirmed it: see Gap.
const (
	leap      = time.Hour
	doubtFor  = 24 * time.Hour
	settling  = 10 * time.Minute
	longestIn = 10 * time.Second // most powered time that one step counts for
	// away is the longest that an agent may have been off and its clock be
	// followed: more wants a person's word.
	away = 45 * 24 * time.Hour
)

// unset tells that a clock cannot be right: there was no agent then.  A board
// without a battery starts in 1970, or where its image was made.
func unset(raw time.Time) bool { return raw.Year() < 2026 }

// believe is the instant that a step at raw is taken for.  synced tells that the
// machine's clock is kept by a time server.  set tells that a young site's clock
// was set: no time has passed since the step before.
func (c *ClockState) believe(raw time.Time, fresh, synced bool) (now time.Time, set bool) {
	passed := time.Duration(0)
	if !c.Raw.IsZero() {
		passed = raw.Sub(c.Raw)
	}
	c.Raw = raw
	if fresh {
		c.Up = 0
	}
	if c.Young {
		if passed > leap || passed < -leap {
			c.Up = 0
			return raw, true
		}
		c.Up += max(0, min(passed, longestIn))
		c.Young = c.Up < settling || unset(raw)
		return raw, false
	}
	counted := max(0, min(passed, longestIn))
	if c.Gap != nil {
		c.Gap.Powered += counted
	}
	if passed > leap || passed < -leap {
		was := c.Skew
		c.Skew += passed
		c.Left = doubtFor
		near := c.Skew <= leap && c.Skew >= -leap
		// Followed, not believed: what this time costs waits in the Gap.
		ahead := c.Skew > 0 && c.Skew <= away && (fresh || c.Up < settling || was < 0)
		// A clock that comes back to what the agent itself has counted since it
		// leapt shows that the leap was wrong.
		back := c.Skew < 0 && c.Gap != nil && !raw.Before(c.Gap.From.Add(c.Gap.Powered-leap))
		if near || ahead || back {
			c.Skew, c.Left = 0, 0
		}
	} else {
		c.Up += counted
		c.Left = max(0, c.Left-counted)
	}
	// More than a time server's word is wanted for more than away: a server may be
	// wrong, or somebody else's.
	if c.Skew <= away && (synced || c.Left <= 0) {
		c.Skew, c.Left = 0, 0
	}
	return raw.Add(-c.Skew), false
}

// reclock is the State of a young site whose clock was set: counts and credit
// are as they were, and everything that hangs on the calendar begins at now.
func (s *Site) reclock(st State, now time.Time) (State, []credit.Entry) {
	now = now.UTC().Truncate(time.Millisecond)
	by := now.Sub(st.Now)
	next := State{
		Version: stateVersion, Now: now, Elapsed: now, LoadsAt: now,
		Meter: MeterState{
			Registers: st.Meter.Registers.Reclocked(by), Intervals: metering.Intervals{Period: s.Interval}, StartedAt: now,
			Calibration: st.Meter.Calibration,
		},
		Prices: st.Prices, Decision: st.Decision, SupplySeen: st.SupplySeen,
		Supply: st.Supply, Clock: st.Clock, Plant: st.Plant, Health: st.Health, WantPlan: true, EventSeq: st.EventSeq,
		OpeningTaken: st.OpeningTaken, Hold: st.Hold, HoldTokens: st.HoldTokens,
	}
	next.Decision.Since, next.Supply.Bypassed = now, time.Time{}
	var entries []credit.Entry
	next.Credit, entries = s.Credit.Reclock(st.Credit, now)
	s.fit(&next)
	s.measureDemand(&next)
	return next, entries
}

// onClock is in by the clock that is believed.  A reading sees to itself.
func (c ClockState) onClock(in Input) Input {
	if c.Skew == 0 {
		return in
	}
	facts := append(in.Facts[:0:0], in.Facts...)
	for i := range facts {
		if !facts[i].At.IsZero() {
			facts[i].At = facts[i].At.Add(-c.Skew)
		}
	}
	in.Facts = facts
	return in
}

func onClock(s metering.Sample, skew time.Duration) metering.Sample {
	if !s.At.IsZero() {
		s.At = s.At.Add(-skew)
	}
	return s
}

// clockWarnings says that the clock is doubted.
func (p *step) clockWarnings() {
	skew, shows := p.st.Clock.Skew, said.Time("shows", p.st.Clock.Raw)
	p.when(skew > 0, health.ClockAhead, "", said.Of("clock.ahead", shows))
	if skew < 0 {
		p.raise(health.ClockBack, "", said.Of("clock.back", shows))
	}
}
