package credit

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/backoff"
)

// LockState slows down guessing on one way of entry, so that whoever guesses on
// one way does not keep the owner from topping up on another.  It counts powered
// time, not time on the clock: what runs down does so only between two
// operations, and by no more than longestTick each.  A clock set forward does
// not open the lock, one set back does not close it for ever, and a restart
// finds it as it was.
//
// Two things lock.  Wrong tokens in a row make waits that double: they are over
// with the next true token.  And each way has an allowance of wrong tokens that
// comes back slowly, and a little with each true token, but is not made whole
// by one: without it a cheap token would buy a new row of guesses.
type LockState struct {
	Way   string        `json:"way"`   // Way of its sources
	By    string        `json:"by"`    // the source of the last wrong token
	Wrong int           `json:"wrong"` // wrong tokens since the last true one
	Left  time.Duration `json:"left"`  // still to wait, in powered time
	Owed  time.Duration `json:"owed"`  // powered time until the allowance is whole again
}

// The allowance of a site: a guess shall have succeeded within a year of trying
// on all ways at once, without a pause, in less than guessed of all homes.
const (
	guessed  = 0.025 // by design; 3 % is promised
	ways     = 5     // that share it
	burst    = 20    // wrong tokens that a way's whole allowance is
	forgiven = 5     // true tokens that give back one wrong one
	daily    = 365   // true tokens a year that a guesser may enter to get some back
	year     = 365 * 24 * time.Hour
	// slowest is as long as an allowance of one token may take to come back,
	// however bad the odds of a scheme are.
	slowest = 90 * 24 * time.Hour
)

// Weakest is the greatest odds of a guess with which the lock-out keeps what it
// promises, with room: 1 in 6,300 is where a year of guessing would come to 3 %.
const Weakest = 1.0 / 10_000

// Ways are the ways of entry that have locks of their own.
func Ways() []string { return []string{"card", "cli", "keypad", "mqtt", "page"} }

// Way is the way of entry that a source belongs to: page and api are one, as the
// same PIN opens both.
func Way(source string) string {
	if slices.Contains(Ways(), source) {
		return source
	}
	return "page"
}

// allowance is how long one wrong token weighs on its way's allowance, where a
// guess is right with the given odds; 0 where nothing can be guessed.
func allowance(odds float64) time.Duration {
	if odds <= 0 {
		return 0
	}
	most := math.Log1p(-guessed) / math.Log1p(-min(odds, 0.999)) // tries a year
	back := most - ways*burst - daily/forgiven                   // what may come back in it
	if least := float64(ways) * float64(year) / float64(slowest); back < least {
		return slowest
	}
	return time.Duration(float64(year) * ways / back)
}

// Lock is the lock of a way of entry.
func (a Account) Lock(way string) LockState {
	for _, l := range a.Locks {
		if l.Way == way {
			return l
		}
	}
	return LockState{Way: way}
}

// withLock is a with the lock of one way replaced.
func (a Account) withLock(l LockState) Account {
	var out []LockState // nil where there is none, as it comes back from storage
	for _, o := range a.Locks {
		if o.Way != l.Way {
			out = append(out, o)
		}
	}
	if l.Wrong > 0 || l.Left > 0 || l.Owed > 0 {
		out = append(out, l)
		slices.SortFunc(out, func(a, b LockState) int { return cmp.Compare(a.Way, b.Way) })
	}
	a.Locks = out
	return a
}

// Powered is a after d of powered time: the locks have run down.
func (a Account) Powered(d time.Duration) Account {
	for _, l := range a.Locks {
		l.Left, l.Owed = max(0, l.Left-d), max(0, l.Owed-d)
		a = a.withLock(l)
	}
	return a
}

// longestTick is the most that one step of the loop counts for.  The loop
// steps every second or so, so a longer stretch is a halt, a restart or a
// clock that moved.
const longestTick = 10 * time.Second

// A clock set back by more than this is doubted for doubtFor of powered time,
// or until it is where it was before.
const (
	stepBack = time.Hour
	doubtFor = 24 * time.Hour
)

// tick moves the account's clock and lets what runs with powered time run down.
func (p *posting) tick() {
	if p.Clock.IsZero() {
		p.Clock = p.at
		return
	}
	passed := p.at.Sub(p.Clock)
	if passed < -time.Minute && p.Head.Seq > 0 {
		p.post(Entry{Kind: Notice, Name: "clock", Cause: fmt.Sprintf("the clock stepped back from %s; credit and charges stand as they were", p.Clock.Format(time.RFC3339))})
	}
	counted := max(0, min(passed, longestTick))
	if counted > 0 {
		p.Account = p.Powered(counted)
	}
	switch {
	case passed < -stepBack && p.Doubt == 0:
		p.Doubt, p.Before = doubtFor, p.Clock
	case p.Doubt > 0:
		p.Doubt = max(0, p.Doubt-counted)
		if !p.at.Before(p.Before) {
			p.Doubt = 0
		}
	}
	if p.Doubt == 0 {
		p.Before = time.Time{}
	}
	p.Clock = p.at
}

// wrong takes note of a wrong token.
func (p *posting) wrong(source string) {
	l := p.Lock(Way(source))
	l.By = source
	l.Wrong++
	l.Owed += p.every
	wait := p.row(l.Wrong)
	if p.every > 0 {
		wait = max(wait, l.Owed-(burst-1)*p.every) // until one more is allowed
	}
	l.Left = max(0, wait)
	p.Account = p.withLock(l)
	if wait <= 0 {
		return
	}
	p.post(Entry{
		Kind: Notice, Name: "lockout",
		Cause: fmt.Sprintf("%d wrong tokens in a row by %s, the last by %s: token entry by %s waits %s", l.Wrong, l.Way, source, l.Way, span(l.Left)),
	})
}

// row is the wait after n wrong tokens in a row.
func (e *Engine) row(n int) time.Duration {
	return backoff.After(n-e.doc.Lockout.Tries+1, e.doc.Lockout.First, e.doc.Lockout.Longest)
}

// right ends a row of wrong tokens; forgive gives some of the allowance back.
func (p *posting) right(source string, forgive bool) {
	l := p.Lock(Way(source))
	l.Wrong, l.Left = 0, 0
	if forgive {
		l.Owed = max(0, l.Owed-p.every/forgiven)
	}
	p.Account = p.withLock(l)
}

// TriesLeft is how many wrong tokens may still come by a way before the next wait.
func (e *Engine) TriesLeft(a Account, way string) int {
	l := a.Lock(way)
	left := e.doc.Lockout.Tries - l.Wrong
	if e.every > 0 {
		left = min(left, int((burst*e.every-l.Owed)/e.every))
	}
	return max(0, left)
}

// span is a wait for people: exact where it is short.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", (d+24*time.Hour-1)/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", (d+time.Hour-1)/time.Hour)
	}
	return d.Round(time.Second).String()
}
