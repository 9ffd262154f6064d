package service

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/store"
)

// watchLinks turns the state of broker, InfluxDB, outbox and page into warnings.
func (s *Service) watchLinks(ctx context.Context) error {
	t := time.NewTicker(s.pace.look)
	defer t.Stop()
	for _, w := range s.loop.Snapshot().State.Health.Active {
		switch w.Code { // of the run before
		case health.PartFailed:
			s.partFailed(ctx, w.Subject, "")
		case health.AlertFailed:
			s.alertFailed(ctx, w.Subject, "")
		}
	}
	told := map[health.Code]said.Said{}
	tell := func(code health.Code, cause said.Said) {
		if told[code].Equal(cause) {
			return
		}
		told[code] = cause
		_, _ = s.loop.Feed(ctx, control.Input{What: control.Edge{Code: code, Cause: cause}})
	}
	// A link that was never down says nothing; one that was before the restart
	// is cleared.
	for _, code := range []health.Code{health.BrokerGone, health.BrokerRefused, health.InfluxGone, health.StoreFull, health.ReserveMissing, health.RecordsReplaced, health.HeadUnkept} {
		told[code] = said.Of("unknown")
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
			var cause said.Said
			if !st.Connected {
				if cause = said.Words(st.LastError); cause == nil {
					cause = said.Of("link.connecting")
				}
			}
			refused := strings.Join(st.Refused, ", ")
			if st.Login != "" { // it is there
				refused, cause = st.Login, nil
			}
			tell(health.BrokerGone, cause)
			tell(health.BrokerRefused, said.Words(refused))
			if st.TooLarge > large {
				large = st.TooLarge
				// Without a subject: the topic is the sender's word.
				_, _ = s.loop.Feed(ctx, control.Input{What: control.Edge{Code: health.BadMessage, Cause: said.Of("message.too_long", said.Text("what", st.Large))}})
			}
		}
		tell(health.HeadUnkept, said.Words(s.journal.HeadFault()))
		if cause := s.guessed.Swap(nil); cause != nil {
			_, _ = s.loop.Feed(ctx, control.Input{What: control.Edge{Code: health.PINGuessed, Cause: *cause}})
		}
		part("policy acknowledgements", s.unsigned)
		if s.ven != nil {
			cause := ""
			if st := s.ven.State(); !st.OK && st.Error != "" && time.Since(st.Since) > vtnGone {
				cause = st.Error
			}
			part("openadr, the server", cause)
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
			tell(health.InfluxGone, said.Words(cause))
			cause = ""
			if since := s.influx.Busy(); !since.IsZero() && time.Since(since) > s.pace.stuck {
				cause = "it does not get on; if that stays, restart the agent"
			}
			part("influxdb, at work", cause)
		}
		if r != nil {
			if dropped >= 0 && r.dropped > dropped {
				tell(health.OutboxDropped, said.Of("outbox.dropped", said.Count("n", r.dropped)))
			}
			dropped = r.dropped
		}
	}
}

// vtnGone is how long an OpenADR server may be away before it is told.
const vtnGone = 10 * time.Minute

// records is what was last known of the store.
type records struct {
	condition store.Condition
	influx    store.Counts // of its outbox
	dropped   int64        // messages of all channels
}

// watchRecords looks at the store beside everything else: where the disk hangs,
// what asks it hangs as well, and neither the page nor the links may.
func (s *Service) watchRecords(ctx context.Context) error {
	t := time.NewTicker(s.pace.look)
	defer t.Stop()
	var totals picture.Totals
	for {
		if snap := s.loop.Snapshot(); snap.State.Hold == nil && totals.Follow(ctx, s.store, snap.Kept) {
			s.totals.Store(totals.Clone())
		}
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
func recordsOf(c store.Condition) (full, small, replaced said.Said) {
	switch {
	case c.Replaced != nil:
		replaced = said.Words(c.Replaced.Error())
	case c.DiskFull:
		full = said.Of("store.full", said.Bytes("kept", c.Kept))
	case !c.Reserve:
		small = said.Of("store.small", said.Bytes("kept", c.Kept), said.Bytes("wanted", c.Wanted))
	}
	return full, small, replaced
}

// system is the state of the agent's links, for the page.
func (s *Service) system() picture.System {
	out := picture.System{DiskFree: -1}
	if r := s.records.Load(); r != nil {
		out.DiskFree = r.condition.Free
		out.Outbox = picture.Outbox{Rows: r.influx.Pending, Dropped: r.influx.Dropped, Quarantined: r.influx.Quarantined}
	}
	if s.session != nil {
		st := s.session.State()
		out.Broker = picture.Link{Name: cmp.Or(st.Address, s.cfg.MQTT.URL), Freshness: picture.Silent, LastAt: s.shown(st.Since), Detail: st.LastError}
		if st.Connected {
			out.Broker.Freshness, out.Broker.Detail = picture.Fresh, ""
		}
	}
	if s.influx != nil {
		st := s.influx.State()
		out.Telemetry = picture.Link{Name: s.cfg.InfluxDB.URL, Freshness: picture.Never, LastAt: s.shown(st.LastWrite), Detail: st.LastError}
		switch {
		case !st.OK:
			out.Telemetry.Freshness = picture.Silent
		case !st.LastWrite.IsZero():
			out.Telemetry.Freshness = picture.Fresh
		}
	}
	return out
}
