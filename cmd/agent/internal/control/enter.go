package control

import (
	"context"
	"slices"

	"github.com/keeplit/keeplit/credit"
)

// Feeder takes inputs; *Loop is one.
type Feeder interface {
	Feed(ctx context.Context, in Input) (Reply, error)
	Snapshot() Snapshot
}

// Receipt is what became of one token of a text.
type Receipt struct {
	Found credit.Found
	// Result is nil where the token waits: one before it must be put right first.
	// It has not been looked at and stays good.
	Result *credit.Result
	// Err: it is not recorded, or not known to be (ErrNotRecorded, ErrNotKnown), or
	// the loop could not be asked.
	Err error
}

// Waits tells whether the token was not looked at.
func (r Receipt) Waits() bool { return r.Result == nil && r.Err == nil }

// Entered tells whether nothing is left to do about the token: it has had its
// effect, now or before, or never will.
func (r Receipt) Entered() bool { return r.Result != nil && !stops(r.Result.Token.Code) }

// stops tells whether a list ends at an answer: the token is wrong, no whole one,
// was not looked at, or is good and of no use yet: what comes after it may be the words
// that make it void.
func stops(c credit.Code) bool {
	switch c {
	case credit.Format, credit.Lockout, credit.Withheld, credit.Unreadable, credit.Overflow, credit.Function:
		return true
	default:
		return c.Guess()
	}
}

// Enter enters the tokens of a text one by one, each stored before the next is
// looked at, in the order that works; the receipts are in the order of the text
// and at least one.  At a token that is wrong it ends, so that a slip of the
// finger costs one try and nothing after it is tried in vain; what waits may be
// entered again with it or without it.
func Enter(ctx context.Context, loop Feeder, engine *credit.Engine, text, source string) []Receipt {
	found := engine.Find(text)
	if len(found) == 1 && found[0].Slip != credit.Whole {
		found[0].Digits = text // for the scheme to refuse as it stands
	}
	return EnterEach(ctx, loop, engine, found, source, false)
}

// EnterEach is Enter of tokens that are apart already.  past goes on behind a
// wrong one: whoever holds a card cannot put it right.
func EnterEach(ctx context.Context, loop Feeder, engine *credit.Engine, found []credit.Found, source string, past bool) []Receipt {
	out := make([]Receipt, len(found))
	var waiting []int
	for i, f := range found {
		out[i].Found = f
		if i < credit.MostTokens {
			waiting = append(waiting, i)
		}
	}
	for len(waiting) > 0 {
		digits := make([]string, len(waiting))
		for i, w := range waiting {
			digits[i] = found[w].Digits
		}
		st := loop.Snapshot().State
		next := 0
		if len(waiting) > 1 {
			next = engine.Next(st.Credit, st.Now, source, digits)
		}
		at := waiting[next]
		waiting = slices.Delete(waiting, next, next+1)
		t := Token{Text: digits[next], Source: source}
		if len(found) > 1 {
			t.Place, t.Of = at+1, len(found)
			for _, w := range waiting {
				t.Left = append(t.Left, w+1)
			}
		}
		reply, err := loop.Feed(ctx, Input{What: t})
		if out[at].Result, out[at].Err = reply.TopUp, err; err != nil {
			out[at].Result = nil
			return out
		}
		if reply.TopUp == nil {
			out[at].Err = ErrNotRecorded
			return out
		}
		if c := reply.TopUp.Token.Code; stops(c) && (!past || !c.Guess() && c != credit.Format) {
			return out
		}
	}
	return out
}
