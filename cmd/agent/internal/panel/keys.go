package panel

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/keypad"
)

// Keys is the keypad's side of the loop.
type Keys struct {
	Loop   Feeder
	Credit *credit.Engine
	Words  present.Keypad
	Show   func(first, second string)
	View   func() picture.View // for the short codes; nil: there are none
	// Tokens is the entries of the last tokens of credit, newest first.
	Tokens func(ctx context.Context, n int) ([]credit.Entry, error)

	waiting []string  // of several tokens: those behind the one that was wrong
	since   time.Time // by the loop's clock
}

// waitsFor is how long tokens wait for the one before them to be typed again.
const waitsFor = 10 * time.Minute

// Pressed does what a key asks for and shows the answer.
func (p *Keys) Pressed(ctx context.Context, e keypad.Event) {
	request := func(kind control.RequestKind, done string) {
		reply, err := p.Loop.Feed(ctx, control.Input{What: control.Request{Kind: kind, By: "keypad"}})
		switch {
		case err != nil:
			p.Show(p.Words.Say("not_recorded"), p.Words.Say("later"))
		case reply.Err != nil:
			p.Show(p.Words.Say("impossible"), p.Words.Say("now"))
		default:
			st := p.Loop.Snapshot().State
			_, second := p.Words.Balance(&st)
			p.Show(p.Words.Say(done), second)
		}
	}
	switch e.Kind {
	case keypad.Typing, keypad.Forgotten:
		p.Show(p.Words.Say("token"), keypad.Echo(e.Typed))
	case keypad.Balance:
		st := p.Loop.Snapshot().State
		p.Show(p.Words.Balance(&st))
	case keypad.Emergency:
		request(control.AcceptEmergency, "emergency")
	case keypad.Confirm:
		request(control.Reconnect, "confirm")
	case keypad.Enter:
		if !p.code(ctx, e.Token) {
			p.enter(ctx, e.Token)
		}
	}
}

// enter enters what was typed, and behind it the tokens that wait; # alone
// enters those.
func (p *Keys) enter(ctx context.Context, typed string) {
	if age := p.Loop.Snapshot().State.Now.Sub(p.since); age < 0 || age > waitsFor {
		p.waiting = nil
	}
	text := strings.TrimSpace(typed + "\n" + strings.Join(p.waiting, "\n"))
	if text == "" {
		p.Show(p.Words.Say("token"), "")
		return
	}
	receipts := control.Enter(ctx, p.Loop, p.Credit, text, "keypad")
	st := p.Loop.Snapshot().State
	p.waiting, p.since = nil, st.Now
	for _, r := range receipts {
		if r.Waits() {
			p.waiting = append(p.waiting, r.Found.Digits)
		}
	}
	if len(receipts) > 1 {
		p.Show(p.Words.List(receipts, &st))
		return
	}
	switch r := receipts[0]; {
	case errors.Is(r.Err, control.ErrNotKnown):
		p.Show(p.Words.Say("not_known"), p.Words.Say("look"))
	case r.Err != nil:
		p.Show(p.Words.Say("not_recorded"), p.Words.Say("stays_good"))
	default:
		p.Show(p.Words.Answer(*r.Result, &st))
	}
}

// cardTokens enters the tokens of a card and tells which of them it may forget.
func cardTokens(ctx context.Context, loop Feeder, engine *credit.Engine, digits []string) []bool {
	found := make([]credit.Found, len(digits))
	for i, d := range digits {
		found[i].Digits = d
	}
	done := make([]bool, len(digits))
	for i, r := range control.EnterEach(ctx, loop, engine, found, "card", true) {
		if r.Result != nil {
			c := r.Result.Token.Code
			done[i] = c == credit.Accept || c == credit.Used || c == credit.Old
		}
	}
	return done
}
