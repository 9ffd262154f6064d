package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Gave is what was last heard of what gives.
type Gave struct {
	At    time.Time   `json:"at"`
	Power units.Power `json:"power"`
	// Quiet is since when it is not heard while this agent listens, and not taken for asleep.
	Quiet time.Time `json:"quiet,omitzero"`
}

// believed is what is taken for true of what a switch tells.  What gives is judged by what it can
// give: see Given.
func (p *step) believed(f loads.Fact) loads.Observation {
	if p.givesToo(f.ID) {
		return f.Observation
	}
	return p.watching().Believed(f.Observation)
}

// shines counts what was given since the step before.  What an agent that was away does not
// know is not made up.
func (p *step) shines(l loads.Load, ls *LoadState, from time.Time) {
	given, known := l.Given(ls.Seen)
	if !known {
		return
	}
	ls.Gave = Gave{At: p.now, Power: given}
	if p.in.Fresh && p.now.Sub(from) > mainsGone {
		return
	}
	energy := given.Over(p.now.Sub(from))
	ls.use(from, p.now, energy, p.Interval)
	ls.Total += energy
	ls.Progress = l.Account(ls.Progress, loads.Taken{From: from, To: p.now, On: given > 0, Energy: energy, HasEnergy: true})
}

// How long panels may say nothing before somebody is told: such as gave something when they were heard
// last, and such as never were, of which that may be a night.
const (
	panelsSilent = 2 * time.Hour
	panelsNever  = 18 * time.Hour
)

// sunWarnings tells, once for each, of panels that are silent by day.
func (p *step) sunWarnings() {
	for i, l := range p.Loads {
		if l.Kind != loads.Sun {
			continue
		}
		gave := &p.st.Loads[i].Gave
		heard, asleep := SunHeard(l, p.st.Loads[i], p.now)
		switch {
		case heard || asleep:
			gave.Quiet = time.Time{}
		case gave.Quiet.IsZero() || gave.Quiet.After(p.now) || p.in.Fresh: // nobody listened while the agent was off
			gave.Quiet = p.now
		}
		most, cause := panelsSilent, said.Of("sun.silent", said.Time("at", gave.At))
		if gave.At.IsZero() {
			most, cause = panelsNever, said.Of("sun.never")
		}
		if gave.Quiet.IsZero() {
			p.clear(health.SunSilent, l.ID)
		} else if p.now.Sub(gave.Quiet) >= most {
			p.raise(health.SunSilent, l.ID, cause)
		}
	}
}

// hasSun tells whether there are panels, of which something may be over: that it flows out is no sign of
// a meter that is wired the wrong way round.
func (s *Site) hasSun() bool {
	return slices.ContainsFunc(s.Loads, func(l loads.Load) bool { return l.Kind == loads.Sun })
}

// sunUnheard is what becomes of the record of what gives while it is not heard: what it gave is
// missing, and where it is taken for asleep that is a guess.  Of what is heard it is nothing.
func (p *step) sunUnheard(l loads.Load, ls LoadState) metering.Quality {
	if _, known := l.Given(ls.Seen); known || l.Kind != loads.Sun {
		return 0
	}
	if l.Sleeps(ls.Gave.Power, ls.Gave.At, p.now) {
		return metering.Estimated
	}
	return metering.Gap
}

// SunHeard tells whether it is known what a load of kind sun gives, or that it is asleep.
func SunHeard(l loads.Load, ls LoadState, now time.Time) (heard, asleep bool) {
	if _, known := l.Given(ls.Seen); known {
		return true, false
	}
	return false, l.Sleeps(ls.Gave.Power, ls.Gave.At, now)
}
