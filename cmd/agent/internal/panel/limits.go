package panel

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
)

// limits opens the contacts that limit what is drawn.
func (e Env) limits(d config.ContactLimit) (Part, error) {
	b, err := e.Machine.Board()
	if err != nil {
		return nil, err
	}
	k := limitContacts{log: e.Log.With("contact", "limits.contact")}
	for i, in := range d.Inputs {
		read, closeLine, err := b.Contact(in.ContactDocument)
		if err != nil {
			return nil, board.Missing(fmt.Errorf("limits.contact.inputs[%d]: %w", i, err))
		}
		e.Machine.Closes(closeLine)
		k.inputs = append(k.inputs, limitInput{limit: in.Limit, free: in.Free, read: read})
	}
	return func(ctx context.Context) error { return k.run(ctx, e.Loop) }, nil
}

// limitInput is one contact.
type limitInput struct {
	limit units.Power // while it is closed
	free  bool        // closed it says that there is no limit
	read  func() (closed bool, err error)
}

// limitContacts watches one to four of them.
type limitContacts struct {
	inputs []limitInput
	log    *slog.Logger
}

const (
	// sureAfter is how long contacts must stand to be believed: they bounce, and of several one
	// opens before the next closes.
	sureAfter = 200 * time.Millisecond
	// aliveEvery is how often the loop hears that they are there.
	aliveEvery = 30 * time.Second
)

// says is what the contacts say now; an error where that is not known.
func (k limitContacts) says() (limit units.Power, err error) {
	closed, frees, free := false, false, false
	for i, in := range k.inputs {
		is, err := in.read()
		if err != nil {
			return 0, fmt.Errorf("contact %d cannot be read: %w", i+1, err)
		}
		frees = frees || in.free
		switch {
		case !is:
		case in.free:
			free = true
		case !closed || in.limit < limit:
			closed, limit = true, in.limit
		}
	}
	if frees && !free && !closed {
		return 0, fmt.Errorf("none of the contacts is closed, and one always is while their wires are whole")
	}
	return limit, nil
}

// run tells the loop what the contacts say, as soon as they stand and again and again.
// Where that is not known it is told nothing, and holds the site to the fail-safe limit
// after a while.
func (k limitContacts) run(ctx context.Context, loop Feeder) error {
	t := time.NewTicker(contactEvery)
	defer t.Stop()
	var told, seen units.Power
	var toldAt, since time.Time // zero: never; not known
	broken := false
	for {
		limit, err := k.says()
		now := time.Now()
		if (err != nil) != broken {
			if broken = err != nil; broken {
				k.log.Error("nobody knows what the contacts say: the fail-safe limit holds if that stays", "error", err)
			}
		}
		switch {
		case err != nil:
			since = time.Time{}
		case since.IsZero() || limit != seen:
			seen, since = limit, now
		case now.Sub(since) < sureAfter:
		case toldAt.IsZero() || limit != told || now.Sub(toldAt) >= aliveEvery:
			if _, err := loop.Feed(ctx, control.Input{What: control.LimitWord{From: policy.Contact, Limit: limit, None: limit == 0}}); err == nil {
				told, toldAt = limit, now
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}
