package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/cmd/agent/internal/watchdog"
	"github.com/keeplit/keeplit/internal/store"
)

// run serves until ctx ends, the loop or the meter fails, or a recording is over;
// every other part is started anew where it fails.  It ends in
// the order in which things depend on each other: first what brings inputs,
// then the loop, which stores the rest, then what empties the outbox, last the
// broker's session and the files.
func (s *service) run(ctx context.Context) error {
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
	for i, r := range s.runners {
		in.keep(inputs, fmt.Sprintf("driver %d", i+1), r.Run)
	}
	in.keep(inputs, "page", s.page.Run)
	in.keep(inputs, "mqtt state", s.publish)
	in.keep(inputs, "records", s.watchRecords)
	in.keep(inputs, "links", s.watchLinks)
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
	err := s.close()
	if cause := context.Cause(inputs); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, errOver) {
		err = errors.Join(cause, err)
	}
	return err
}

// ended waits for the parts of a group; what hangs ends with the process.
func (s *service) ended(g *group) {
	if hang := g.wait(); len(hang) > 0 {
		s.log.Error("parts did not end and are left behind", "parts", strings.Join(hang, ", "), "after", s.pace.end)
	}
}

// partFailed tells the householder that a part failed, and that it is well again.
func (s *service) partFailed(ctx context.Context, name, cause string) {
	if cause != "" {
		s.log.Error("a part of the agent does not work", "part", name, "error", cause)
	}
	_, _ = s.loop.Feed(ctx, control.Input{Edge: &control.Edge{Code: health.PartFailed, Subject: name, Cause: cause}})
}

// errOver ends a service whose recording is over.
var errOver = errors.New("the recording is over")

// emptyWithin is how long the outbox may take to empty after a recording.
const emptyWithin = 10 * time.Minute

// empty waits until the outbox has been sent: a replay is not over before
// everything has arrived.
func (s *service) empty(ctx context.Context) {
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

// watchLinks turns the state of broker, InfluxDB, outbox and page into warnings.
func (s *service) watchLinks(ctx context.Context) error {
	t := time.NewTicker(s.pace.look)
	defer t.Stop()
	for _, w := range s.loop.Snapshot().State.Health.Active {
		if w.Code == health.PartFailed { // of the run before
			s.partFailed(ctx, w.Subject, "")
		}
	}
	told := map[health.Code]string{}
	tell := func(code health.Code, cause string) {
		if told[code] == cause {
			return
		}
		told[code] = cause
		_, _ = s.loop.Feed(ctx, control.Input{Edge: &control.Edge{Code: code, Cause: cause}})
	}
	// A link that was never down says nothing; one that was before the restart
	// is cleared.
	for _, code := range []health.Code{health.BrokerGone, health.BrokerRefused, health.InfluxGone, health.StoreFull, health.ReserveMissing, health.RecordsReplaced, health.HeadUnkept} {
		told[code] = "unknown"
	}
	dropped, large := int64(-1), int64(0)
	parts := map[string]string{}
	part := func(name, cause string) {
		if parts[name] != cause {
			parts[name] = cause
			s.partFailed(ctx, name, cause)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if s.session != nil {
			st := s.session.State()
			cause := ""
			if !st.Connected {
				cause = st.LastError
				if cause == "" {
					cause = "connecting"
				}
			}
			tell(health.BrokerGone, cause)
			tell(health.BrokerRefused, strings.Join(st.Refused, ", "))
			if st.TooLarge > large {
				large = st.TooLarge
				// Without a subject: the topic is the sender's word.
				_, _ = s.loop.Feed(ctx, control.Input{Edge: &control.Edge{Code: health.BadMessage, Cause: "too long to be read: " + st.Large}})
			}
		}
		tell(health.HeadUnkept, s.journal.HeadFault())
		if cause := s.guessed.Swap(nil); cause != nil {
			_, _ = s.loop.Feed(ctx, control.Input{Edge: &control.Edge{Code: health.PINGuessed, Cause: *cause}})
		}
		part("page", s.page.Fault(s.pace.stuck, s.pace.well))
		r := s.records.Load()
		if r != nil {
			full, small, replaced := recordsOf(r.condition)
			tell(health.StoreFull, full)
			tell(health.ReserveMissing, small)
			tell(health.RecordsReplaced, replaced)
		}
		if s.influx != nil {
			cause := ""
			if st := s.influx.State(); !st.OK {
				cause = st.LastError
			}
			tell(health.InfluxGone, cause)
			cause = ""
			if since := s.influx.Busy(); !since.IsZero() && time.Since(since) > s.pace.stuck {
				cause = "it does not get on; if that stays, restart the agent"
			}
			part("influxdb, at work", cause)
		}
		if r != nil {
			if dropped >= 0 && r.dropped > dropped {
				tell(health.OutboxDropped, fmt.Sprintf("%d messages so far", r.dropped))
			}
			dropped = r.dropped
		}
	}
}

// records is what was last known of the store.
type records struct {
	condition store.Condition
	influx    store.Counts // of its outbox
	dropped   int64        // messages of all channels
}

// watchRecords looks at the store beside everything else: where the disk hangs,
// what asks it hangs as well, and neither the page nor the links may.
func (s *service) watchRecords(ctx context.Context) error {
	t := time.NewTicker(s.pace.look)
	defer t.Stop()
	for {
		r := records{condition: s.store.Condition()}
		influx, err := s.store.Outbox(store.Influx).Counts(ctx)
		mqtt, err2 := s.store.Outbox(store.MQTT).Counts(ctx)
		if last := s.records.Load(); err == nil && err2 == nil {
			r.influx, r.dropped = influx, influx.Dropped+mqtt.Dropped
		} else if last != nil {
			r.influx, r.dropped = last.influx, last.dropped
		}
		s.records.Store(&r)
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// recordsOf is what is wrong with the records' disk and files: that it is full,
// that it has no room for the reserve, that other files are in the folder.
func recordsOf(c store.Condition) (full, small, replaced string) {
	const mib = 1 << 20
	switch {
	case c.Replaced != nil:
		replaced = c.Replaced.Error()
	case c.DiskFull:
		full = fmt.Sprintf("telemetry is dropped; %.1f MiB are kept for the ledger", float64(c.Kept)/mib)
	case !c.Reserve:
		small = fmt.Sprintf("only %.1f of %.0f MiB could be kept for the ledger", float64(c.Kept)/mib, float64(c.Wanted)/mib)
	}
	return full, small, replaced
}

// maintainEvery is how often the store is tended to.
const maintainEvery = 5 * time.Minute

// maintain moves intervals, prunes, and makes the nightly backup of the ledger.
func (s *service) maintain(ctx context.Context) error {
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
		if err := s.store.Maintain(ctx, now); err != nil && ctx.Err() == nil {
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
