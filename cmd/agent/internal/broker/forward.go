package broker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/keeplit/keeplit/internal/store"
)

// Queue is the outbox as the Forwarder needs it; *store.Outbox is one.
type Queue interface {
	// Next are the n oldest messages, in order.
	Next(ctx context.Context, n int) ([]store.Message, error)
	// Done removes messages for good; one that is not there is no error.
	Done(ctx context.Context, ids ...int64) error
	// Quarantine sets a message aside that can never be sent.
	Quarantine(ctx context.Context, id int64, reason string) error
	// Wake receives after messages were added.
	Wake() <-chan struct{}
}

// window is how many messages are on their way to the broker at once.
const window = 50

// Forwarder publishes the outbox's messages with QoS 1, in order, and removes
// each only after the broker's acknowledgement.  A message can come twice
// where the acknowledgement was lost; receivers drop what they have met, by
// "seq" or "id" (see Topics).
type Forwarder struct {
	session *Session
	queue   Queue
	log     *slog.Logger
	drain   time.Duration
}

// NewForwarder forwards queue over session.  At the end of its Run it goes on
// for at most drain while messages wait and the session is connected.
func NewForwarder(session *Session, queue Queue, drain time.Duration, log *slog.Logger) *Forwarder {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Forwarder{session: session, queue: queue, log: log, drain: drain}
}

// Run forwards until ctx ends, then drains.  The session must still run then:
// give it a context that ends later.
func (f *Forwarder) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		changed := f.session.Changed() // before the attempt, so that no change is missed
		n, err := f.some(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil && n > 0:
		case err == nil:
			select {
			case <-ctx.Done():
			case <-f.queue.Wake():
			}
		case errors.Is(err, ErrNotConnected):
			select {
			case <-ctx.Done():
			case <-changed:
			case <-time.After(time.Second):
			}
		default:
			f.log.Warn("publishing the outbox", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Second):
			}
		}
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.drain)
	defer cancel()
	for bye.Err() == nil {
		n, err := f.some(bye)
		if err != nil || n == 0 {
			break // what is left waits in the outbox
		}
	}
	return nil
}

// some publishes the next messages and answers how many are done with.
func (f *Forwarder) some(ctx context.Context) (int, error) {
	messages, err := f.queue.Next(ctx, window)
	if err != nil || len(messages) == 0 {
		return 0, err
	}
	// All over one connection: what went out over one that broke must not be
	// overtaken by what follows over the next.
	conn, err := f.session.current()
	if err != nil {
		return 0, err
	}
	type flight struct {
		id   int64
		wait func(context.Context) error
	}
	var flights []flight
	n := 0
	for _, m := range messages {
		if !checkTopic(m.Dest) {
			if err := f.queue.Quarantine(ctx, m.ID, "the topic cannot be published to"); err != nil {
				return n, err
			}
			n++
			continue
		}
		flights = append(flights, flight{m.ID, conn.send(m.Dest, 1, false, m.Payload)})
	}
	actx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	var done []int64
	var sendErr error
	for _, fl := range flights {
		// Only an unbroken run from the front is removed: what comes after a
		// failure is sent again, so that the order holds.
		if err := fl.wait(actx); err != nil {
			sendErr = err
			break
		}
		done = append(done, fl.id)
	}
	// The broker has them: that is noted even if we are being stopped.
	if err := f.queue.Done(context.WithoutCancel(ctx), done...); err != nil {
		return n, err
	}
	return n + len(done), sendErr
}
