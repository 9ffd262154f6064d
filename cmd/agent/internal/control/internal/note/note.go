// Package note is what an organ of the loop has to say about a step: warnings
// that begin and end and events, in the order in which they are said.
// The step writes it down; only it knows which warnings stand and how often a
// thing was told already.
package note

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
)

// What is how a Note is written down.
type What int

// The ways.
const (
	Raise What = iota // a warning begins or goes on; an event where it is new
	Clear             // a warning ends; an event where it stood
	Show              // as Raise, without an event
	Hide              // as Clear, without an event
	Event             // an event
	Once              // an event, where this step has not told the same already
)

// Note is one thing that is said.
type Note struct {
	What     What
	Code     string // of the warning or the event
	Subject  string // which of several: a load, a phase
	Says     said.Said
	Severity health.Severity
}

// Notes is what is said in a step, and whether it is to be stored soon.
type Notes struct {
	All     []Note
	Durable bool
}

// Raise says that a warning holds.
func (n *Notes) Raise(code health.Code, subject string, cause said.Said) {
	n.All = append(n.All, Note{What: Raise, Code: string(code), Subject: subject, Says: cause})
}

// Clear says that it does not hold any more.
func (n *Notes) Clear(code health.Code, subject string) {
	n.All = append(n.All, Note{What: Clear, Code: string(code), Subject: subject})
}

// When says whether it holds.
func (n *Notes) When(holds bool, code health.Code, subject string, cause said.Said) {
	if holds {
		n.Raise(code, subject, cause)
	} else {
		n.Clear(code, subject)
	}
}

// Show is Raise for what is told by other events than the warning's own.
func (n *Notes) Show(code health.Code, subject string, cause said.Said) {
	n.All = append(n.All, Note{What: Show, Code: string(code), Subject: subject, Says: cause})
}

// Hide is Clear for such.
func (n *Notes) Hide(code health.Code, subject string) {
	n.All = append(n.All, Note{What: Hide, Code: string(code), Subject: subject})
}

// Event says something worth remembering.
func (n *Notes) Event(code string, severity health.Severity, says said.Said) {
	n.All = append(n.All, Note{What: Event, Code: code, Severity: severity, Says: says})
}

// EventOf is Event of one of several.
func (n *Notes) EventOf(subject, code string, severity health.Severity, says said.Said) {
	n.All = append(n.All, Note{What: Event, Subject: subject, Code: code, Severity: severity, Says: says})
}

// Once says it where a warning that is new has not said the same in this step.
func (n *Notes) Once(code string, severity health.Severity, says said.Said) {
	n.All = append(n.All, Note{What: Once, Code: code, Severity: severity, Says: says})
}

// Add says what other notes say, after these.
func (n *Notes) Add(o Notes) {
	n.All = append(n.All, o.All...)
	n.Durable = n.Durable || o.Durable
}
