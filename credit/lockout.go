package credit

import (
	"fmt"
	"time"
)

// LockState slows down guessing.  It counts powered time, not time on the
// clock: Left runs down only between two operations, and by no more than
// longestTick each.  A clock set forward does not open the lock, one set back
// does not close it for ever, and a restart finds it as it was.
type LockState struct {
	Wrong int           `json:"wrong"` // wrong tokens since the last true one
	Left  time.Duration `json:"left"`  // still to wait, in powered time
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
	p.Lock.Left = max(0, p.Lock.Left-counted)
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
	p.Lock.Wrong++
	over := p.Lock.Wrong - p.doc.Lockout.Tries
	if over < 0 {
		return
	}
	wait := p.doc.Lockout.First
	for range over {
		if wait >= p.doc.Lockout.Longest {
			break
		}
		wait *= 2
	}
	p.Lock.Left = min(wait, p.doc.Lockout.Longest)
	p.post(Entry{
		Kind: Notice, Name: "lockout",
		Cause: fmt.Sprintf("%d wrong tokens in a row, the last by %s: token entry waits %s", p.Lock.Wrong, source, p.Lock.Left),
	})
}
