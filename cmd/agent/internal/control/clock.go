package control

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/metering"
)

// ClockState is what the loop remembers of the machine's clock.
type ClockState struct {
	Raw  time.Time     `json:"raw,omitzero"`   // what it showed at the last step
	Skew time.Duration `json:"skew,omitempty"` // so far ahead it is held to be wrong; negative: behind
	Left time.Duration `json:"left,omitempty"` // powered time until it is believed
	Up   time.Duration `json:"up,omitempty"`   // powered time since the start
}

// A clock that jumps by more than leap is doubted for doubtFor of powered time,
// or until it is back: a year of standing charges is not taken, nor half a
// century of intervals made, because a date was mistyped or a battery is empty.
// Ahead it may go in the first settling time after a start, and when it was
// behind before: then the network has set it right.
const (
	leap      = time.Hour
	doubtFor  = 24 * time.Hour
	settling  = 10 * time.Minute
	longestIn = 10 * time.Second // most powered time that one step counts for
)

// believe is the instant that a step at raw is taken for.
func (c *ClockState) believe(raw time.Time, fresh bool) time.Time {
	passed := time.Duration(0)
	if !c.Raw.IsZero() {
		passed = raw.Sub(c.Raw)
	}
	c.Raw = raw
	if fresh {
		c.Up = 0
	}
	if passed > leap || passed < -leap {
		was := c.Skew
		c.Skew += passed
		c.Left = doubtFor
		near := c.Skew <= leap && c.Skew >= -leap
		set := c.Skew > 0 && (fresh || c.Up < settling || was < 0)
		if near || set {
			c.Skew, c.Left = 0, 0
		}
		return raw.Add(-c.Skew)
	}
	counted := max(0, min(passed, longestIn))
	c.Up += counted
	if c.Left -= counted; c.Left <= 0 {
		c.Skew, c.Left = 0, 0
	}
	return raw.Add(-c.Skew)
}

// onClock is in by the clock that is believed.
func (c ClockState) onClock(in Input) Input {
	if c.Skew == 0 {
		return in
	}
	if in.Reading != nil {
		r := *in.Reading
		r.Sample = onClock(r.Sample, c.Skew)
		in.Reading = &r
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
	skew, shows := p.st.Clock.Skew, p.st.Clock.Raw.In(p.Zone).Format("Mon 2 Jan 2006 15:04")
	p.when(skew > 0, health.ClockAhead, "", "it jumped ahead and shows "+shows)
	if skew < 0 {
		p.raise(health.ClockBack, "", fmt.Sprintf("it went back and shows %s; the agent goes on by its own count", shows))
	}
}
