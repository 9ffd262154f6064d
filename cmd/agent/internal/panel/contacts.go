package panel

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/metering"
)

// contacts opens the contacts on the meter's box, where there are any.
func (e Env) contacts(d metering.Document) ([]Part, error) {
	var parts []Part
	for _, c := range []struct {
		name string
		code health.Code
		says said.Said
		doc  *metering.ContactDocument
	}{
		{"meter.cover", health.CoverOpen, said.Of("watch.cover"), d.Cover},
		{"meter.magnet", health.MagnetNear, said.Of("watch.magnet"), d.Magnet},
	} {
		if c.doc == nil {
			continue
		}
		b, err := e.Machine.Board()
		if err != nil {
			return nil, err
		}
		in, closeLine, err := b.Contact(*c.doc)
		if err != nil {
			return nil, board.Missing(fmt.Errorf("%s: %w", c.name, err))
		}
		e.Machine.Closes(closeLine)
		k := contact{code: c.code, says: c.says, read: in, log: e.Log.With("contact", c.name)}
		parts = append(parts, func(ctx context.Context) error { return k.run(ctx, e.Loop) })
	}
	return parts, nil
}

// contact watches one contact, whether or not the meter speaks: whoever opens a
// meter may cut its line first.
type contact struct {
	code health.Code
	says said.Said
	read func() (alarm bool, err error)
	log  *slog.Logger
}

const (
	// contactEvery is how often a contact is looked at.
	contactEvery = 50 * time.Millisecond
	// contactCalm is how long it must be at rest to be believed; an alarm is
	// believed at once.
	contactCalm = time.Second
)

// run tells the loop of each change, and of how it is at the beginning.
func (c contact) run(ctx context.Context, loop Feeder) error {
	t := time.NewTicker(contactEvery)
	defer t.Stop()
	told, alarmed := false, false
	var rest time.Time // since when it has been at rest; zero while it is not
	broken := false
	for {
		alarm, err := c.read()
		if (err != nil) != broken {
			if broken = err != nil; broken {
				c.log.Error("a contact cannot be read; it is taken to be as it was", "error", err)
			}
		}
		now := time.Now()
		switch {
		case err != nil:
		case alarm:
			rest = time.Time{}
		case rest.IsZero():
			rest = now
		}
		calm := err == nil && !alarm && (!told || now.Sub(rest) >= contactCalm)
		if err == nil && (alarm && !(told && alarmed) || calm && !(told && !alarmed)) {
			edge := control.Edge{Code: c.code}
			if alarm {
				edge.Cause = c.says
			}
			if _, err := loop.Feed(ctx, control.Input{What: edge}); err == nil {
				told, alarmed = true, alarm
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}
