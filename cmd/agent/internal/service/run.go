package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/cmd/agent/internal/watchdog"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/store"
)

// Run serves until ctx ends, the loop or the meter fails, or a recording is over;
// every other part is started anew where it fails.  It ends in
// the order in which things depend on each other: first what brings inputs,
// then the loop, which stores the rest, then what empties the outbox, last the
// broker's session and the files.
func (s *Service) Run(ctx context.Context) error {
	inputs, stop := context.WithCancelCause(ctx)
	base := context.WithoutCancel(ctx)
	loopCtx, stopLoop := context.WithCancel(base)
	outCtx, stopOut := context.WithCancel(base)
	sessionCtx, stopSession := context.WithCancel(base)
	var in, loop, out, session group
	for _, g := range []*group{&in, &loop, &out, &session} {
		g.stop, g.failed, g.pace = stop, s.partFailed, s.pace
	}
	defer stopSession()
	defer stopOut()
	defer stopLoop()

	if err := s.listen(); err != nil {
		stop(err)
	}
	if s.session != nil {
		session.keep(sessionCtx, "mqtt", s.session.Run)
		out.keep(outCtx, "mqtt outbox", s.messages.Run)
	}
	if s.influx != nil {
		out.keep(outCtx, "influxdb", s.influx.Run)
	}
	loop.run(loopCtx, "control", s.loop.Run)
	if s.plant != nil {
		// A simulated run depends on its inputs alone: the first step is made here,
		// and not when whichever part has something to tell first.
		_, _ = s.loop.Feed(inputs, control.Input{})
	}
	for i, r := range s.parts {
		in.keep(inputs, fmt.Sprintf("driver %d", i+1), r)
	}
	in.keep(inputs, "page", s.page.Run)
	in.keep(inputs, "mqtt state", s.publish)
	in.keep(inputs, "records", s.watchRecords)
	in.keep(inputs, "links", s.watchLinks)
	if s.ven != nil {
		in.keep(inputs, "openadr", s.ven.Run)
	}
	if s.alerts != nil {
		in.keep(inputs, "alerts", s.alerts.Run)
	}
	in.keep(inputs, "maintenance", s.maintain)
	in.keep(inputs, "ledger check", s.watchLedger)
	if s.watched.Watched() {
		in.run(inputs, "watchdog", func(ctx context.Context) error { return watchdog.Run(ctx, s.watched) })
	}
	if s.plant == nil {
		in.keep(inputs, "schedule", func(ctx context.Context) error {
			return schedule.Waker(ctx, s.log, func() { _, _ = s.loop.Feed(ctx, control.Input{}) }, s.site.PlanAt)
		})
	}
	in.meter(inputs, func(ctx context.Context) error {
		err := s.meter.Run(ctx, s.feed(ctx))
		if err == nil && ctx.Err() == nil {
			stop(errOver)
		}
		return err
	})

	<-inputs.Done()
	s.ended(&in)
	stopLoop()
	loop.wg.Wait()
	if errors.Is(context.Cause(inputs), errOver) {
		s.empty(base)
	}
	stopOut()
	s.ended(&out)
	stopSession()
	s.ended(&session)
	err := s.Close()
	if cause := context.Cause(inputs); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, errOver) {
		err = errors.Join(cause, err)
	}
	return err
}

// ended waits for the parts of a group; what hangs ends with the process.
func (s *Service) ended(g *group) {
	if hang := g.wait(); len(hang) > 0 {
		s.log.Error("parts did not end and are left behind", "parts", strings.Join(hang, ", "), "after", s.pace.end)
	}
}

// partFailed tells the householder that a part failed, and that it is well again.
func (s *Service) partFailed(ctx context.Context, name, cause string) {
	if cause != "" {
		s.log.Error("a part of the agent does not work", "part", name, "error", cause)
	}
	_, _ = s.loop.Feed(ctx, control.Input{What: control.Edge{Code: health.PartFailed, Subject: name, Cause: said.Words(cause)}})
}

// errOver ends a service whose recording is over.
var errOver = errors.New("the recording is over")

// emptyWithin is how long the outbox may take to empty after a recording.
const emptyWithin = 10 * time.Minute

// empty waits until the outbox has been sent: a replay is not over before
// everything has arrived.
func (s *Service) empty(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, emptyWithin)
	defer cancel()
	for {
		waiting := int64(0)
		for _, ch := range []store.Channel{store.Influx, store.MQTT} {
			if counts, err := s.store.Outbox(ch).Counts(ctx); err == nil {
				waiting += counts.Pending
			}
		}
		if waiting == 0 {
			return
		}
		select {
		case <-ctx.Done():
			s.log.Warn("the outbox did not empty; the rest is sent at the next start", "waiting", waiting)
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// maintainEvery is how often the store is tended to.
const maintainEvery = 5 * time.Minute

// maintain moves intervals, prunes, and makes the nightly backup of the ledger.
func (s *Service) maintain(ctx context.Context) error {
	t := time.NewTicker(maintainEvery)
	defer t.Stop()
	last := s.now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		now := s.now()
		// By the time that the loop believes: a clock that leaps forgets nothing.
		if err := s.store.Maintain(ctx, s.loop.Snapshot().State.Now); err != nil && ctx.Err() == nil {
			s.log.Warn("maintenance of the records", "error", err)
		}
		if s.plant == nil && s.nightly.Due(last, now) {
			if err := s.backup(ctx, now); err != nil && ctx.Err() == nil {
				s.log.Warn("nightly backup", "error", err)
			}
		}
		last = now
	}
}

// keepBackups is how many nightly copies of the ledger are kept.
const keepBackups = 7

// backup writes a copy of the records beside them and drops the oldest.  Of records that a
// restore would refuse there is none: each would take the place of one that is good.
func (s *Service) backup(ctx context.Context, now time.Time) error {
	found, _, err := journal.Find(ctx, s.store)
	if err != nil {
		return err
	}
	if why := found.Disagrees(); why != "" {
		return fmt.Errorf("no copy is made, and the older ones are kept: %s", why)
	}
	folder := filepath.Join(s.cfg.Path(s.cfg.Data), "backup")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := s.store.Backup(ctx, filepath.Join(folder, "keeplit-"+now.UTC().Format("20060102-150405")+".db")); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, "keeplit-*.db"))
	if err != nil {
		return err
	}
	slices.Sort(files)
	for len(files) > keepBackups {
		if err := os.Remove(files[0]); err != nil {
			return err
		}
		files = files[1:]
	}
	return nil
}
