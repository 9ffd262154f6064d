// Package panel is what hangs on the meter's box besides the meter: keypad and
// display, card reader, buzzer, the contacts of cover and magnet, and those of a grid
// operator's control box.
package panel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/card"
	"github.com/keeplit/keeplit/credit/keypad"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/relay"
)

// Feeder takes inputs; *control.Loop is one.
type Feeder = control.Feeder

// Env is what the agent gives the panel.
type Env struct {
	Now     func() time.Time
	Log     *slog.Logger
	Machine *board.Machine
	Loop    Feeder
	Credit  *credit.Engine        // finds the tokens in what is entered
	Words   func() present.Keypad // in the language of the home, which may change
	View    func() picture.View
	Tokens  func(ctx context.Context, n int) ([]credit.Entry, error) // the last tokens of credit, newest first
	Shown   func(first, second string)                               // is told what the display shows; the site need not have one
}

// Part is one of the panel's: it runs until ctx ends.
type Part func(ctx context.Context) error

// Open opens what the configuration names.
func Open(e Env, cfg config.Config) ([]Part, error) {
	var parts []Part
	if k := cfg.Entry.Keypad; k != nil {
		part, err := e.keypad(*k)
		if err != nil {
			return nil, fmt.Errorf("entry.keypad: %w", err)
		}
		parts = append(parts, part)
	}
	if c := cfg.Entry.Card; c != nil {
		b, err := e.Machine.Board()
		if err != nil {
			return nil, err
		}
		slots, closePort, err := b.Card(c.Port, c.Reset, c.IRQ, cfg.Site.Meter, c.SectorKey())
		if err != nil {
			return nil, board.Missing(fmt.Errorf("entry.card: %w", err))
		}
		e.Machine.Closes(closePort)
		parts = append(parts, func(ctx context.Context) error {
			return slots.Run(ctx, func(digits []string) []bool { return cardTokens(ctx, e.Loop, e.Credit, digits) }, e.cardSays)
		})
	}
	if d := cfg.Supply.Buzzer; d != nil {
		sw, closeLines, err := relay.Open(e.Machine, *d, e.Now)
		if err != nil {
			return nil, fmt.Errorf("supply.buzzer: %w", err)
		}
		e.Machine.Closes(closeLines)
		parts = append(parts, func(ctx context.Context) error { return buzz(ctx, e.Loop, sw) })
	}
	contacts, err := e.contacts(cfg.Meter)
	if parts = append(parts, contacts...); err != nil || cfg.Limits.Contact == nil {
		return parts, err
	}
	limits, err := e.limits(*cfg.Limits.Contact)
	if err != nil {
		return nil, err
	}
	return append(parts, limits), nil
}

// keypad opens the keypad and its display.
func (e Env) keypad(d config.Keypad) (Part, error) {
	b, err := e.Machine.Board()
	if err != nil {
		return nil, err
	}
	rows, columns := d.Pins()
	matrix, err := b.Keypad(rows, columns)
	if err != nil {
		return nil, board.Missing(err)
	}
	show := func(string, string) error { return nil }
	if d.Display != nil {
		display, closeBus, err := b.Display(d.Display.Bus, d.Display.At())
		if err != nil {
			return nil, board.Missing(err)
		}
		e.Machine.Closes(closeBus)
		show = display.Show
	}
	keys := Keys{Loop: e.Loop, Credit: e.Credit, View: e.View, Tokens: e.Tokens, Show: func(first, second string) {
		e.Shown(first, second)
		if err := show(first, second); err != nil {
			e.Log.Warn("keypad display", "error", err)
		}
	}}
	return func(ctx context.Context) error {
		return matrix.Run(ctx, func(k keypad.Event) {
			keys.Words = e.Words()
			keys.Pressed(ctx, k)
		})
	}, nil
}

// cardSays tells the log what became of a card.
func (e Env) cardSays(say card.Say) {
	switch {
	case errors.Is(say.Err, card.ErrOtherMeter), errors.Is(say.Err, card.ErrDamaged):
		e.Log.Warn("card", "tokens", say.Tokens, "error", say.Err)
	case say.Err == nil:
		e.Log.Info("card", "tokens", say.Tokens)
	}
}

// beat is one step of the buzzer's pattern: three short sounds every five
// seconds.
const beat = 250 * time.Millisecond

// sounding tells whether the buzzer sounds in the n-th beat.
func sounding(n int) bool { n %= 20; return n < 6 && n%2 == 0 }

// buzz sounds while the loop wants it, and ends in silence.
func buzz(ctx context.Context, loop Feeder, sw loads.Switch) error {
	t := time.NewTicker(beat)
	defer t.Stop()
	on, n := false, 0
	for {
		select {
		case <-ctx.Done():
			return sw.Set(context.WithoutCancel(ctx), loads.Setpoint{})
		case <-t.C:
		}
		st := loop.Snapshot().State
		want := st.Buzzes(st.Now) && sounding(n)
		if n++; !st.Buzzes(st.Now) {
			n = 0
		}
		if want != on {
			if err := sw.Set(ctx, loads.Setpoint{On: want}); err != nil && ctx.Err() == nil {
				return fmt.Errorf("buzzer: %w", err)
			}
			on = want
		}
	}
}
