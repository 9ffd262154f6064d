// Package limit is the organ that listens to those who may say how much is drawn and
// do not sign it: a grid operator's contact, and the household itself over MQTT.  Each
// of them goes through the states of EEBUS LPC on its own, as the utility's signed word
// does (package policy), and can lower what the others allow but never raise it.
package limit

import (
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/units"
)

// Rules are who may limit the site without a signature.
type Rules struct {
	Contact *policy.LimitRules // nil: there is no contact
	Own     *policy.LimitRules // nil: what the household says over MQTT is no limit
}

// None tells whether nobody may.
func (r Rules) None() bool { return r.Contact == nil && r.Own == nil }

// of are the rules of a source.
func (r Rules) of(from policy.Source) *policy.LimitRules {
	switch from {
	case policy.Contact:
		return r.Contact
	case policy.Own:
		return r.Own
	case policy.Signed, policy.Asked, policy.Served, policy.ServedAsks:
	}
	return nil
}

// State is what is remembered of them.
type State struct {
	Contact Heard `json:"contact,omitzero"`
	Own     Heard `json:"own,omitzero"`
	// Log is what is written down of the limits of all sources.
	Log Log `json:"log,omitzero"`
}

// Heard is what was heard of one source.
type Heard struct {
	LPC   policy.LimitState `json:"lpc,omitzero"`
	Limit units.Power       `json:"limit,omitempty"` // that it said last; 0: there is none
	From  time.Time         `json:"from,omitzero"`   // since when it has said that
}

func (s *State) of(from policy.Source) *Heard {
	if from == policy.Contact {
		return &s.Contact
	}
	return &s.Own
}

// Word is what a source says.
type Word struct {
	From  policy.Source
	Limit units.Power
	None  bool // instead: there is no limit
	Alive bool // or nothing of a limit, only that it is there
}

// ErrNobody says that the configuration does not let that source limit the site.
var ErrNobody = errors.New("the configuration has no such limit: write it under limits (docs/limits.md)")

// Say takes a word.  One that may not be said changes nothing.
func (r Rules) Say(s State, now time.Time, w Word) (State, error) {
	rules := r.of(w.From)
	if rules == nil {
		return s, ErrNobody
	}
	if w.None || w.Alive {
		w.Limit = 0
	} else {
		if err := rules.Accepts(w.Limit); err != nil {
			return s, fmt.Errorf("it is not obeyed: %w", err)
		}
	}
	h := s.of(w.From)
	h.LPC.Heard = now
	if !w.Alive {
		if h.Limit != w.Limit || h.From.IsZero() {
			h.Limit, h.From = w.Limit, now
		}
		h.LPC.Wrote = now
	}
	return s, nil
}

// Pass lets time pass; changed: a phase is another one, which must not be lost.
func (r Rules) Pass(s State, now time.Time) (next State, changed bool) {
	for _, from := range []policy.Source{policy.Contact, policy.Own} {
		h, rules := s.of(from), r.of(from)
		if rules == nil {
			*h = Heard{}
			continue
		}
		was := h.LPC.Phase
		h.LPC = rules.Step(h.LPC, now, h.Limit > 0)
		changed = changed || was != h.LPC.Phase
	}
	return s, changed
}

// Curbs are the limits that hold, and the phase of who sets none; loads are those that can
// wait.
func (r Rules) Curbs(s State, loads []string) (out []policy.InForce) {
	for _, from := range []policy.Source{policy.Contact, policy.Own} {
		h, rules := s.of(from), r.of(from)
		if rules == nil || h.LPC.Phase == policy.NotLimited {
			continue
		}
		f := policy.InForce{Source: from, Phase: h.LPC.Phase, From: h.LPC.Since}
		switch f.Phase {
		case policy.Limited:
			f.Limit = h.Limit
			if h.From.After(f.From) {
				f.From = h.From
			}
		case policy.Init, policy.FailSafe:
			// A lower one that was said goes on: to lose the connection never raises a limit.
			f.Limit = rules.FailSafe
			if h.Limit > 0 && h.Limit < f.Limit {
				f.Limit = h.Limit
			}
		case policy.Unlimited, policy.Autonomous, policy.NotLimited:
		}
		if rules.Devices {
			f.Loads = append([]string{}, loads...)
		}
		out = append(out, f)
	}
	return out
}
