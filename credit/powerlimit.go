package credit

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// LimitDocument is the power limit of the supply.
type LimitDocument struct {
	// The most power. 0: none but what a token or the utility sets.
	// Example: 3 kW
	Limit units.Power `yaml:"limit"`
	// How long it may be exceeded before the supply is cut; loads are shed before that.
	// Example: 30s
	Allowance time.Duration `yaml:"allowance"`
	// How long the supply stays off after the first, the second, ... cut in a row. The last one repeats.
	// 10s at the least.
	// Example: [1m, 5m, 15m]
	Retries []time.Duration `yaml:"retries"`
	// After so long within the limit the next cut counts as a first one again.
	// Example: 10m
	Calm time.Duration `yaml:"calm"`
}

// LimitDefaults is a document with the values that hold where a file says
// nothing.
func LimitDefaults() LimitDocument {
	return LimitDocument{
		Allowance: 30 * time.Second,
		Retries:   []time.Duration{30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute},
		Calm:      30 * time.Minute,
	}
}

// Check names everything wrong with the document.
func (d LimitDocument) Check() fault.List {
	var l fault.List
	if d.Limit < 0 {
		l.Add("limit", "write 0 or more", "%s is negative", d.Limit)
	}
	if d.Allowance < 0 {
		l.Add("allowance", "write 0s or more", "%s is negative", d.Allowance)
	}
	if len(d.Retries) == 0 {
		l.Add("retries", "write e.g. [30s, 1m, 5m, 15m, 30m]", "there is no time to stay off")
	}
	for i, r := range d.Retries {
		if r < 10*time.Second {
			l.Add(fmt.Sprintf("retries[%d]", i), "write 10s or more", "%s would wear the contactor out", r)
		}
	}
	if d.Calm < 0 {
		l.Add("calm", "write 0s or more", "%s is negative", d.Calm)
	}
	return l
}

// LimitState is what the power limit remembers.  Its times run with the steps
// of the loop, not with the clock, so that a clock that moves neither opens
// nor closes anything.
type LimitState struct {
	Last time.Time     `json:"last,omitzero"`
	Over time.Duration `json:"over,omitempty"` // so long has the limit been exceeded
	Off  time.Duration `json:"off,omitempty"`  // so long the supply still stays off
	Trip int           `json:"trip,omitempty"` // cuts in a row
	Calm time.Duration `json:"calm,omitempty"` // so long within the limit since
}

// Load is what the supply carries, as far as it is known.
type Load struct {
	Power units.Power
	Known bool // else nothing is cut, and nothing becomes calm
	// Doubted: the meter claims it and its register has not confirmed it, though
	// it should have.  The time over the limit counts, and the cut waits.
	Doubted bool
}

// Step moves the power limit to an instant: load is what is drawn, token the
// limit that a token set (0 is none).  over answers Facts.Overload.
func (d LimitDocument) Step(s LimitState, now time.Time, load Load, token units.Power) (_ LimitState, over bool) {
	limit := d.Limit
	if token > 0 && (limit == 0 || token < limit) {
		limit = token
	}
	var passed time.Duration
	if !s.Last.IsZero() {
		passed = max(0, min(now.Sub(s.Last), longestTick))
	}
	s.Last = stamp(now)
	switch {
	case limit == 0:
		return LimitState{Last: s.Last}, false
	case s.Off > 0:
		s.Off = max(0, s.Off-passed)
		return s, s.Off > 0
	case !load.Known:
		s.Over = 0
		return s, false
	case load.Power <= limit:
		s.Over = 0
		if s.Trip > 0 {
			s.Calm += passed
			if s.Calm >= d.Calm {
				s.Trip, s.Calm = 0, 0
			}
		}
		return s, false
	}
	s.Calm = 0
	s.Over += passed
	if s.Over < d.Allowance || load.Doubted {
		s.Over = min(s.Over, d.Allowance)
		return s, false
	}
	s.Off = d.Retries[min(s.Trip, len(d.Retries)-1)]
	s.Trip++
	s.Over = 0
	return s, true
}
