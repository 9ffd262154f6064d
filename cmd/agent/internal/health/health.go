// Package health keeps the warnings a householder must act on: each has a code
// that documentation and support can name, a severity, since when it is so and
// what was seen.  What is wrong and what to do about it are words, which present
// has.  A log line tells the developer; a warning tells the owner.
package health

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/said"
)

// Severity orders warnings; the page shows the worst first.
type Severity int

// Severities, from the mildest.
const (
	Info     Severity = iota + 1 // worth knowing, nothing to do
	Caution                      // something works less well
	Serious                      // act soon: light, money or data is at stake
	Critical                     // act now
)

// String is the severity in lower case, as it goes into logs and messages.
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Caution:
		return "caution"
	case Serious:
		return "serious"
	case Critical:
		return "critical"
	}
	return "unknown"
}

// Code names a kind of warning.  Codes are stable: people search for them.
type Code string

// Warning is one thing that is wrong now.  Subject tells apart warnings of one
// code (a load's id, a meter's name); it may be empty.
type Warning struct {
	Code         Code      `json:"code"`
	Subject      string    `json:"subject"`
	Severity     Severity  `json:"severity"`
	Cause        said.Said `json:"cause"` // what was seen, with figures
	Since        time.Time `json:"since"` // UTC
	Acknowledged bool      `json:"acknowledged"`
}

// State is the set of active warnings, in the order of code and subject.  It is
// a value: every method returns a new State.  It round-trips through JSON.
type State struct {
	Active []Warning `json:"active"`
}

func order(a Warning, code Code, subject string) int {
	if a.Code != code {
		if a.Code < code {
			return -1
		}
		return 1
	}
	switch {
	case a.Subject < subject:
		return -1
	case a.Subject > subject:
		return 1
	}
	return 0
}

func (s State) find(code Code, subject string) (int, bool) {
	return slices.BinarySearchFunc(s.Active, code, func(w Warning, code Code) int { return order(w, code, subject) })
}

// Has tells whether the warning is active.
func (s State) Has(code Code, subject string) bool {
	_, found := s.find(code, subject)
	return found
}

// mostSubjects is how many warnings of one code are kept apart.  What is beyond
// is one warning more, under the subject Others.
const mostSubjects = 40

// Others is the subject of what is beyond the warnings that are kept apart.
const Others = "others"

// Raise makes a warning active.  One that is active already keeps its time and
// its acknowledgement; its cause is renewed.  fresh tells whether it is new.
// Subjects are names of what there is, loads and meters; never what somebody
// outside can make up.
func (s State) Raise(now time.Time, code Code, subject string, cause said.Said) (out State, fresh bool) {
	i, found := s.find(code, subject)
	if found {
		if s.Active[i].Cause.Equal(cause) {
			return s, false
		}
		active := slices.Clone(s.Active)
		active[i].Cause = cause
		return State{active}, false
	}
	if subject != Others && s.count(code) >= mostSubjects {
		return s.Raise(now, code, Others, said.Of("of", said.Text("name", subject)).Then(cause))
	}
	return State{slices.Insert(slices.Clone(s.Active), i, Warning{
		Code: code, Subject: subject, Severity: Of(code).Severity, Cause: cause, Since: now,
	})}, true
}

// count is how many warnings of the code are kept apart.
func (s State) count(code Code) int {
	n := 0
	for _, w := range s.Active {
		if w.Code == code && w.Subject != Others {
			n++
		}
	}
	return n
}

// Clear ends a warning; with it goes that of the others, which is raised again
// where it still holds.  ended tells whether it was active.
func (s State) Clear(code Code, subject string) (out State, ended bool) {
	i, found := s.find(code, subject)
	if !found {
		return s, false
	}
	s = State{slices.Delete(slices.Clone(s.Active), i, i+1)}
	if i, found := s.find(code, Others); found {
		s = State{slices.Delete(s.Active, i, i+1)}
	}
	return s, true
}

// Acknowledge marks every warning of the code as read; it stays active.
func (s State) Acknowledge(code Code) State {
	active := slices.Clone(s.Active)
	for i := range active {
		if active[i].Code == code {
			active[i].Acknowledged = true
		}
	}
	return State{active}
}

// WorstFirst is the warnings for display: the most severe first, then the
// newest.
func (s State) WorstFirst() []Warning {
	out := slices.Clone(s.Active)
	slices.SortStableFunc(out, func(a, b Warning) int {
		if a.Severity != b.Severity {
			return int(b.Severity - a.Severity)
		}
		return b.Since.Compare(a.Since)
	})
	return out
}
