package limit

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/units"
)

// Record is the evidence of one limit: whose it was, from when to when, how much, and what
// was measured meanwhile.
type Record struct {
	// N counts them; a gap is those that were not written down, because there were too many.
	N      uint64        `json:"n"`
	Source policy.Source `json:"source"`
	Phase  policy.Phase  `json:"state"`
	By     string        `json:"by,omitempty"`
	Event  string        `json:"event,omitempty"`
	Loads  []string      `json:"loads,omitempty"` // of which the sum counts
	Whole  bool          `json:"whole,omitempty"` // all that is drawn counts
	Limit  units.Power   `json:"limit"`
	From   time.Time     `json:"from"`
	To     time.Time     `json:"to,omitzero"` // zero: it holds

	Measured time.Duration `json:"measured,omitempty"` // of that time
	Told     bool          `json:"told,omitempty"`     // some of it by what a load was told: nothing measures it
	Energy   units.Energy  `json:"energy,omitempty"`   // in the time that was measured
	Most     units.Power   `json:"most,omitempty"`     // the greatest power
	Over     time.Duration `json:"over,omitempty"`     // so long more was drawn than allowed
	Met      time.Time     `json:"met,omitzero"`       // when no more was drawn for the first time; zero: never
}

// Log is the records that are open, and how many there were.
type Log struct {
	Open []Record `json:"open,omitempty"`
	N    uint64   `json:"n,omitempty"`
	// Hour is when the records of this hour began to be counted, and Begun how many there were.
	Hour  time.Time `json:"hour,omitzero"`
	Begun int       `json:"begun,omitempty"`
}

// mostAnHour is as many as are written down in an hour: whoever sends a limit each second must
// not fill the disk.
const mostAnHour = 120

// Drawn is what is drawn of what a limit counts.
type Drawn struct {
	Power units.Power
	Known bool
	Told  bool // by what a load was told, not by what is measured
}

// same tells whether a record is that of a limit.
func (r Record) same(f policy.InForce) bool {
	return r.Source == f.Source && r.Phase == f.Phase && r.By == f.Issuer && r.Event == f.Event && r.Limit == f.Limit &&
		r.Whole == (f.Loads == nil) && slices.Equal(r.Loads, f.Loads)
}

// Step goes from one instant to the next: the limits that held between them were those of the
// open records; from now on those of curbs hold.  drawn is what was drawn of what they count.
// It answers the records that are over.
func (l Log) Step(before, now time.Time, curbs []policy.InForce, drawn func(loads []string, whole bool) Drawn) (next Log, over []Record) {
	next = l
	next.Open = nil
	lasted := max(0, now.Sub(before))
	for _, r := range l.Open {
		r.Loads = slices.Clone(r.Loads)
		r.measure(now, lasted, drawn(r.Loads, r.Whole))
		if slices.ContainsFunc(curbs, r.same) {
			next.Open = append(next.Open, r)
			continue
		}
		if r.To = now; now.Before(r.From) { // the clock was put back
			r.To = r.From
		}
		over = append(over, r)
	}
	if age := now.Sub(next.Hour); age >= time.Hour || age < 0 {
		next.Hour, next.Begun = now, 0
	}
	for _, f := range curbs {
		if f.Limit <= 0 || slices.ContainsFunc(next.Open, func(r Record) bool { return r.same(f) }) {
			continue
		}
		next.N++
		if next.Begun++; next.Begun > mostAnHour {
			continue
		}
		r := Record{
			N: next.N, Source: f.Source, Phase: f.Phase, By: f.Issuer, Event: f.Event, Loads: slices.Clone(f.Loads), Whole: f.Loads == nil, Limit: f.Limit, From: now,
		}
		if len(r.Loads) == 0 {
			r.Loads = nil // as it comes back from storage
		}
		next.Open = append(next.Open, r)
	}
	return next, over
}

// measure takes in what was drawn for a while up to now.
func (r *Record) measure(now time.Time, lasted time.Duration, d Drawn) {
	if !d.Known {
		return
	}
	r.Measured += lasted
	r.Told = r.Told || d.Told
	r.Energy += max(0, d.Power).Over(lasted)
	r.Most = max(r.Most, d.Power)
	switch {
	case d.Power > r.Limit:
		r.Over += lasted
	case r.Met.IsZero():
		r.Met = now
	}
}
