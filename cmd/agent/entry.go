package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/card"
	"github.com/keeplit/keeplit/credit/keypad"
	"github.com/keeplit/keeplit/loads"
)

// feeder takes inputs; *control.Loop is one.
type feeder interface {
	Feed(ctx context.Context, in control.Input) (control.Reply, error)
	Snapshot() control.Snapshot
}

// runnerFunc is a function as a runner.
type runnerFunc func(ctx context.Context) error

// Run runs it.
func (f runnerFunc) Run(ctx context.Context) error { return f(ctx) }

// entries opens the keypad, the card reader and the buzzer, where there are any.
func (s *service) entries(cfg config.Config) error {
	if k := cfg.Entry.Keypad; k != nil {
		if err := s.keypad(*k); err != nil {
			return fmt.Errorf("entry.keypad: %w", err)
		}
	}
	if c := cfg.Entry.Card; c != nil {
		b, err := s.hardware()
		if err != nil {
			return err
		}
		slots, closePort, err := b.Card(c.Port, c.Reset, c.IRQ, cfg.Site.Meter, c.SectorKey())
		if err != nil {
			return machine(fmt.Errorf("entry.card: %w", err))
		}
		s.closers = append(s.closers, closePort)
		s.runners = append(s.runners, runnerFunc(func(ctx context.Context) error {
			return slots.Run(ctx, func(digits string) bool { return cardToken(ctx, s.loop, digits) }, s.cardSays)
		}))
	}
	if d := cfg.Supply.Buzzer; d != nil {
		b, err := s.hardware()
		if err != nil {
			return err
		}
		sw, closeLines, err := b.Relay(*d, s.now)
		if err != nil {
			return machine(fmt.Errorf("supply.buzzer: %w", err))
		}
		s.closers = append(s.closers, closeLines)
		s.runners = append(s.runners, runnerFunc(func(ctx context.Context) error { return buzz(ctx, s.loop, sw) }))
	}
	return nil
}

// keypad opens the keypad and its display.
func (s *service) keypad(d config.Keypad) error {
	b, err := s.hardware()
	if err != nil {
		return err
	}
	rows, columns := d.Pins()
	matrix, err := b.Keypad(rows, columns)
	if err != nil {
		return machine(err)
	}
	show := func(string, string) error { return nil }
	if d.Display != nil {
		display, closeBus, err := b.Display(d.Display.Bus, d.Display.At())
		if err != nil {
			return machine(err)
		}
		s.closers = append(s.closers, closeBus)
		show = display.Show
	}
	panel := panel{loop: s.loop, words: present.NewWords().Keypad(s.site), show: func(first, second string) {
		s.front.Keypad(first, second)
		if err := show(first, second); err != nil {
			s.log.Warn("keypad display", "error", err)
		}
	}}
	s.runners = append(s.runners, runnerFunc(func(ctx context.Context) error {
		return matrix.Run(ctx, func(e keypad.Event) { panel.pressed(ctx, e) })
	}))
	return nil
}

// panel is the keypad's side of the loop.
type panel struct {
	loop  feeder
	words present.Keypad
	show  func(first, second string)
}

// pressed does what a key asks for and shows the answer.
func (p panel) pressed(ctx context.Context, e keypad.Event) {
	request := func(kind control.RequestKind, done string) {
		reply, err := p.loop.Feed(ctx, control.Input{Request: &control.Request{Kind: kind, By: "keypad"}})
		switch {
		case err != nil:
			p.show(p.words.Say("not_recorded"), p.words.Say("later"))
		case reply.Err != nil:
			p.show(p.words.Say("impossible"), p.words.Say("now"))
		default:
			st := p.loop.Snapshot().State
			_, second := p.words.Balance(&st)
			p.show(p.words.Say(done), second)
		}
	}
	switch e.Kind {
	case keypad.Typing, keypad.Forgotten:
		p.show(p.words.Say("token"), keypad.Echo(e.Typed))
	case keypad.Balance:
		st := p.loop.Snapshot().State
		p.show(p.words.Balance(&st))
	case keypad.Emergency:
		request(control.AcceptEmergency, "emergency")
	case keypad.Confirm:
		request(control.Reconnect, "confirm")
	case keypad.Enter:
		reply, err := p.loop.Feed(ctx, control.Input{Token: &control.Token{Text: e.Token, Source: "keypad"}})
		if errors.Is(err, control.ErrNotKnown) {
			p.show(p.words.Say("not_known"), p.words.Say("look"))
			return
		}
		if err != nil || reply.TopUp == nil {
			p.show(p.words.Say("not_recorded"), p.words.Say("stays_good"))
			return
		}
		st := p.loop.Snapshot().State
		p.show(p.words.Answer(*reply.TopUp, &st))
	}
}

// cardToken enters a token of a card and tells whether the card may forget it.
func cardToken(ctx context.Context, loop feeder, digits string) bool {
	reply, err := loop.Feed(ctx, control.Input{Token: &control.Token{Text: digits, Source: "card"}})
	if err != nil || reply.TopUp == nil {
		return false
	}
	c := reply.TopUp.Token.Code
	return c == credit.Accept || c == credit.Used || c == credit.Old
}

// cardSays tells the log what became of a card.
func (s *service) cardSays(say card.Say) {
	switch {
	case errors.Is(say.Err, card.ErrOtherMeter), errors.Is(say.Err, card.ErrDamaged):
		s.log.Warn("card", "tokens", say.Tokens, "error", say.Err)
	case say.Err == nil:
		s.log.Info("card", "tokens", say.Tokens)
	}
}

// beat is one step of the buzzer's pattern: three short sounds every five
// seconds.
const beat = 250 * time.Millisecond

// sounding tells whether the buzzer sounds in the n-th beat.
func sounding(n int) bool { n %= 20; return n < 6 && n%2 == 0 }

// buzz sounds while the loop wants it, and ends in silence.
func buzz(ctx context.Context, loop feeder, sw loads.Switch) error {
	t := time.NewTicker(beat)
	defer t.Stop()
	on, n := false, 0
	for {
		select {
		case <-ctx.Done():
			return sw.Set(context.WithoutCancel(ctx), false)
		case <-t.C:
		}
		st := loop.Snapshot().State
		want := st.Buzzes(st.Now) && sounding(n)
		if n++; !st.Buzzes(st.Now) {
			n = 0
		}
		if want != on {
			if err := sw.Set(ctx, want); err != nil && ctx.Err() == nil {
				return fmt.Errorf("buzzer: %w", err)
			}
			on = want
		}
	}
}
