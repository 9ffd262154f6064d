// Package alert tells people who are not looking at the page: by mail, ntfy,
// Telegram, a webhook or MQTT, once a cause.
//
// What has been told is kept in a file, so that a restart tells nothing twice.  A
// message is marked as told when the far side has taken it: after a crash between
// the two it is sent again.
package alert

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
)

// Notice is one thing to be told.
type Notice struct {
	Code    health.Code
	Subject string // what it is about, where a code can stand for several things
	Grade   health.Severity
	Title   string // a few words
	Cause   string // what was seen
	Remedy  string // what to do
	Since   time.Time
	Over    time.Time // when it ended; zero: it holds

	rung time.Duration // see Seen
}

// key tells notices apart.
type key struct {
	code    health.Code
	subject string
}

// Seen is a warning as it stands now.
type Seen struct {
	Notice
	// Rung is how long before the end of the credit it is said; a lower one is told
	// anew.  Zero: the warning has none.
	Rung         time.Duration
	Acknowledged bool
}

// Told is what a recipient was told of a cause.
type Told struct {
	At   time.Time `json:"at"`
	Rung int64     `json:"rung"` // seconds
	Over bool      `json:"over"` // and that it is over
}

// Entry is a cause, from when it was seen until long after it is gone.
type Entry struct {
	Code    health.Code     `json:"code"`
	Subject string          `json:"subject"`
	Grade   health.Severity `json:"grade"`
	Title   string          `json:"title"`
	Since   time.Time       `json:"since"`         // as the warning has it
	Gone    time.Time       `json:"gone,omitzero"` // since when it is over
	Told    map[string]Told `json:"told"`          // by recipient

	seen          time.Time // since when it is seen without a break
	cause, remedy string
	rung          time.Duration
	acknowledged  bool
}

// Book is what is and what was told.  It is a value but for the maps of its
// entries, which are replaced and never changed.
type Book struct {
	Version int     `json:"version"`
	Entries []Entry `json:"entries"`
}

// kept is how long a cause that is gone is remembered.
const kept = 24 * time.Hour

// again is how long a cause must have been gone to be told as a new one.
func again(g health.Severity) time.Duration {
	if g >= health.Critical {
		return 15 * time.Minute
	}
	return 6 * time.Hour
}

// settle is how long a cause must hold before it is told: most hiccups are over by
// then.
func settle(e *Entry) time.Duration {
	switch {
	case health.Of(e.Code).OfCredit:
		return 0
	case e.Grade >= health.Critical:
		return 10 * time.Second
	case e.Grade >= health.Serious:
		return time.Minute
	}
	return 5 * time.Minute
}

// overAfter is how long a cause must be gone before it is told that it is over.
const overAfter = 2 * time.Minute

// tellsOver tells whether the end is worth a message: whoever tops up knows that
// the credit no longer ends.
func tellsOver(e *Entry) bool {
	row := health.Of(e.Code)
	return e.Grade >= health.Serious && !row.Passing() && (!row.OfCredit || e.Code == health.CreditSpent)
}

// Look takes note of the warnings of now.  changed tells whether there is something
// that must outlive a restart.
func (b Book) Look(now time.Time, seen []Seen) (out Book, changed bool) {
	out = Book{Version: b.Version}
	left := map[key]Seen{}
	for _, s := range seen {
		left[key{s.Code, s.Subject}] = s
	}
	// Where the records do not agree nothing is said of the credit; that does not
	// mean that it is well.
	_, unknown := left[key{code: health.RecordsHeld}]
	for _, e := range b.Entries {
		e.notAfter(now)
		s, holds := left[key{e.Code, e.Subject}]
		switch {
		case unknown && !holds && health.Of(e.Code).OfCredit:
		case holds && (e.Gone.IsZero() || now.Sub(e.Gone) < again(e.Grade)):
			delete(left, key{e.Code, e.Subject})
			changed = changed || len(e.Told) > 0 && !e.Gone.IsZero()
			e.take(now, s)
		case e.Gone.IsZero():
			e.Gone = now
			changed = changed || len(e.Told) > 0
		case now.Sub(e.Gone) > kept, holds:
			changed = changed || len(e.Told) > 0
			continue
		}
		out.Entries = append(out.Entries, e)
	}
	for _, s := range left {
		e := Entry{Code: s.Code, Subject: s.Subject}
		e.take(now, s)
		out.Entries = append(out.Entries, e)
	}
	if more := len(out.Entries) - mostEntries; more > 0 {
		slices.SortStableFunc(out.Entries, func(x, y Entry) int { return x.forgotten().Compare(y.forgotten()) })
		out.Entries, changed = out.Entries[more:], true
	}
	slices.SortFunc(out.Entries, func(x, y Entry) int {
		return cmp.Or(cmp.Compare(x.Code, y.Code), cmp.Compare(x.Subject, y.Subject))
	})
	return out, changed
}

// mostEntries are more causes than there are warnings at once; what went first is
// forgotten first.
const mostEntries = 3000

// forgotten orders entries: what is gone for longest comes first, and what holds
// last.
func (e *Entry) forgotten() time.Time {
	if e.Gone.IsZero() {
		return time.Unix(1<<40, 0)
	}
	return e.Gone
}

// notAfter brings the times of an entry back to now, where the clock was ahead when
// they were noted: else nothing would be told until it is there again.
func (e *Entry) notAfter(now time.Time) {
	if e.seen.After(now) {
		e.seen = now
	}
	if e.Gone.After(now) {
		e.Gone = now
	}
	for who, t := range e.Told {
		if t.At.After(now) {
			t.At = now
			e.Told = maps.Clone(e.Told)
			e.Told[who] = t
		}
	}
}

// take brings an entry to what is seen of it now.
func (e *Entry) take(now time.Time, s Seen) {
	if e.seen.IsZero() || !e.Gone.IsZero() {
		e.seen = now
	}
	if e.Since.IsZero() || !e.Gone.IsZero() {
		e.Since = s.Since
	}
	e.Gone = time.Time{}
	e.Grade, e.Title, e.cause, e.remedy, e.rung, e.acknowledged = s.Grade, s.Title, s.Cause, s.Remedy, s.Rung, s.Acknowledged
}

func (e *Entry) notice() Notice {
	return Notice{e.Code, e.Subject, e.Grade, e.Title, e.cause, e.remedy, e.Since, e.Gone, e.rung}
}

// Due is what a recipient is to be told now, worst first.  Within quiet hours only
// what is critical is told; the rest waits.
func (b Book) Due(now time.Time, who string, least health.Severity, quiet bool) []Notice {
	var out []Notice
	for i := range b.Entries {
		if e := &b.Entries[i]; e.Grade >= least && (!quiet || e.Grade >= health.Critical && e.Gone.IsZero()) && e.due(now, who) {
			out = append(out, e.notice())
		}
	}
	slices.SortStableFunc(out, func(x, y Notice) int { return cmp.Compare(y.Grade, x.Grade) })
	return out
}

func (e *Entry) due(now time.Time, who string) bool {
	told, was := e.Told[who]
	switch {
	case !e.Gone.IsZero() && was:
		return tellsOver(e) && !told.Over && now.Sub(e.Gone) >= overAfter
	case !e.Gone.IsZero():
		// It came and went while nothing could be sent, or in the quiet hours.
		return tellsOver(e) && !e.acknowledged && now.Sub(e.Gone) >= overAfter && e.Gone.Sub(e.Since) >= settle(e)
	case e.acknowledged:
		return false // somebody has read it on the page
	case !was:
		return now.Sub(e.seen) >= settle(e)
	case e.rung != 0 && int64(e.rung/time.Second) < told.Rung:
		return true
	}
	return told.Over && now.Sub(e.seen) >= settle(e) && now.Sub(told.At) >= again(e.Grade)
}

// Tell notes that a recipient was told the notices.
func (b Book) Tell(now time.Time, who string, notices []Notice) Book {
	out := Book{Version: b.Version, Entries: slices.Clone(b.Entries)}
	for _, n := range notices {
		i := slices.IndexFunc(out.Entries, func(e Entry) bool { return e.Code == n.Code && e.Subject == n.Subject })
		if i < 0 {
			continue
		}
		e := &out.Entries[i]
		told := maps.Clone(e.Told)
		if told == nil {
			told = map[string]Told{}
		}
		told[who] = Told{now, int64(n.rung / time.Second), !n.Over.IsZero()}
		e.Told = told
	}
	return out
}
