// Package journal is the control loop's way into the store: a batch becomes one
// transaction of checkpoint, ledger, intervals, events and the messages that
// the outbox will send to InfluxDB and over MQTT.
package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/telemetry"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/store"
)

// Journal stores batches.
type Journal struct {
	store *store.Store
	// topics is nil where no broker is configured: nothing is kept for it.
	topics *broker.Topics
	influx bool
	words  present.Plain
	// shares tells what leaves the home: of InfluxDB by measurement, of the broker by topic.
	sharesPoint, sharesTopic func(name string) bool

	headFile    string // "": the head is kept nowhere else
	kept, first string // hashes: of the head kept last, and of the first entry
	headFault   atomic.Pointer[string]
}

// New is a journal into st.  Messages for the broker are kept where topics is
// not nil, points for InfluxDB where influx is set.  Events are recorded in words.
func New(st *store.Store, topics *broker.Topics, influx bool, words present.Plain) *Journal {
	all := func(string) bool { return true }
	return &Journal{store: st, topics: topics, influx: influx, words: words, sharesPoint: all, sharesTopic: all}
}

// Share has only those points and messages kept for sending whose measurement or topic is
// shared.  It must be called before the first Commit.
func (j *Journal) Share(point, topic func(name string) bool) {
	j.sharesPoint, j.sharesTopic = point, topic
}

// Commit stores b, all of it or nothing.
func (j *Journal) Commit(ctx context.Context, b control.Batch) error {
	batch, err := j.batch(b)
	if err != nil {
		return err
	}
	if err := j.store.Commit(ctx, batch); err != nil {
		return kindOf(err)
	}
	j.keepHead(ctx, b)
	return nil
}

// kindOf gives a store's error the kind that the loop decides by.
func kindOf(err error) error {
	var (
		full     *store.DiskFullError
		replaced *store.ReplacedError
		unknown  *store.UnknownError
		double   *store.DuplicateTokenError
	)
	if errors.As(err, &double) {
		err = &control.TokenSpentError{Fingerprint: double.Fingerprint, Err: err}
	}
	for _, k := range []struct {
		is   bool
		kind error
	}{
		{errors.As(err, &unknown), control.ErrUnknownOutcome},
		{errors.As(err, &replaced), control.ErrJournalReplaced},
		{errors.As(err, &full), control.ErrJournalFull},
	} {
		if k.is {
			err = fmt.Errorf("%w: %w", k.kind, err)
		}
	}
	return err
}

// Found is what an agent finds of its last run.
type Found struct {
	State  control.State // where Err is nil
	Last   credit.Entry  // the last entry of the ledger; zero where there is none
	Tokens int64         // used tokens that are recorded
	Data   []byte        // the stored state as it is
	Err    error         // why it cannot be used

	changed bool
}

// Changed is, in a sentence, that the state can be read and is not the one that
// was stored; "" where it is.
func (f Found) Changed() string {
	if !f.changed {
		return ""
	}
	return "what the agent remembers is not what it stored: it was changed by hand, or the disk damaged it"
}

// Disagrees is, in a sentence, why what the last run left is no state to go on from as it is;
// "" where it is one.
func (f Found) Disagrees() string {
	if f.Err != nil {
		return f.Err.Error()
	}
	if f.State.Hold != nil {
		return f.State.Hold.Why
	}
	return cmp.Or(strings.Join(f.State.Credit.Differs(f.Last), "; "), f.Changed())
}

// Find reads what the last run left; ok is false in an empty store.  The error
// is the store's: a state that cannot be read, or that the ledger does not bear
// out, is for the caller to judge.
func Find(ctx context.Context, st *store.Store) (f Found, ok bool, err error) {
	snap, err := st.Load(ctx)
	if err != nil || snap.Checkpoint == nil && snap.Head.Seq == 0 {
		return Found{}, false, err
	}
	f = Found{Last: snap.Head, Tokens: snap.Tokens, Data: snap.Checkpoint, changed: snap.Changed}
	if snap.Checkpoint == nil {
		f.Err = fmt.Errorf("there is a ledger of %d entries and no state beside it", snap.Head.Seq)
		return f, true, nil
	}
	if snap.Packed != nil {
		f.Err = fmt.Errorf("what the agent remembers cannot be unpacked: %w", snap.Packed)
		return f, true, nil //nolint:nilerr // it is told in f.Err: the records are held
	}
	f.State, f.Err = control.ReadState(snap.Checkpoint)
	return f, true, nil
}

// Resume is the state stored last, for what may only go on from a sound one; ok
// is false in an empty store.
func Resume(ctx context.Context, st *store.Store) (s control.State, ok bool, err error) {
	f, ok, err := Find(ctx, st)
	if err != nil || !ok {
		return control.State{}, false, err
	}
	if why := f.Disagrees(); why != "" {
		return control.State{}, false, fmt.Errorf("the records do not agree: %s; restore the data folder from a backup, or take the ledger's word with agent ledger adopt", why)
	}
	return f.State, true, nil
}

// Frozen is a journal that stores nothing: what is stored cannot be read and
// must stay as it is until a person has decided.
type Frozen struct{}

// Commit lets b go.
func (Frozen) Commit(context.Context, control.Batch) error { return nil }

// pastPart is how many intervals are handed out at once.
const pastPart = 5000

// Past yields the stored intervals of all series that begin in [from, to), as the
// planner learns them, in parts.
func Past(ctx context.Context, st *store.Store, from, to time.Time, yield func([]planning.Interval) error) error {
	series, err := st.Series(ctx)
	if err != nil {
		return err
	}
	part := make([]planning.Interval, 0, pastPart)
	for _, name := range series {
		for iv, err := range st.Intervals(ctx, name, from, to) {
			if err != nil {
				return err
			}
			if part = append(part, planning.Interval{Series: iv.Series, Interval: iv.Interval}); len(part) == pastPart {
				if err := yield(part); err != nil {
					return err
				}
				part = make([]planning.Interval, 0, pastPart)
			}
		}
	}
	return yield(part)
}

// SupplyOff is when the supply was off, as the ledger says, the oldest first; what
// has not ended ends at now.
func SupplyOff(ctx context.Context, st *store.Store, now time.Time) ([]store.Stretch, error) {
	var out []store.Stretch
	var since time.Time
	for e, err := range st.Ledger(ctx, 0) {
		if err != nil {
			return nil, err
		}
		if e.Kind != credit.Supply {
			continue
		}
		switch on := credit.Position(e.Name) == credit.Connected; {
		case on && !since.IsZero():
			out = append(out, store.Stretch{From: since, To: e.At})
			since = time.Time{}
		case !on && since.IsZero():
			since = e.At
		}
	}
	if !since.IsZero() {
		out = append(out, store.Stretch{From: since, To: now})
	}
	return out, nil
}

func (j *Journal) batch(b control.Batch) (store.Batch, error) {
	checkpoint, err := json.Marshal(b.State)
	if err != nil && b.State.Plan != nil {
		// A figure of the plan that is none is no reason to refuse a token.
		b.State.Plan, b.State.WantPlan = nil, true
		checkpoint, err = json.Marshal(b.State)
	}
	if err != nil {
		return store.Batch{}, fmt.Errorf("the state cannot be written: %w", err)
	}
	out := store.Batch{At: b.State.Now, Checkpoint: checkpoint, Ledger: b.Effects.Entries}
	for _, c := range b.Effects.Credited {
		out.Tokens = append(out.Tokens, store.SeenToken{Fingerprint: c.Fingerprint, At: c.At, Seq: c.Seq})
		if c.Former != "" {
			out.Unseen = append(out.Unseen, c.Former)
		}
	}
	for _, iv := range b.Effects.Intervals {
		out.Intervals = append(out.Intervals, store.Interval{Series: iv.Series, Interval: iv.Interval})
	}
	for _, e := range b.Effects.Events {
		out.Events = append(out.Events, store.Event{At: e.At, Code: e.Code, Severity: e.Severity.String(), Text: j.words.Event(e), Data: happened(e.Subject, e.Says)})
	}
	out.Limits = limits(b.Effects.Limits)
	if n := b.Thinned; n.Intervals > 0 || n.Events > 0 {
		says := said.Of("records.thinned", said.Count("intervals", n.Intervals), said.Count("events", n.Events))
		out.Events = append(out.Events, store.Event{
			At: b.State.Now, Code: "records_thinned", Severity: health.Caution.String(), Text: j.words.Say(says), Data: happened("", says),
		})
	}
	out.Lost = map[store.Channel]int64{}
	if j.influx {
		var lost int64
		out.Outbox, lost = points(out.Outbox, b.Effects.Points, j.sharesPoint)
		if lost += b.Thinned.Points; lost > 0 {
			out.Lost[store.Influx] = lost
		}
	}
	if j.topics != nil {
		if out.Outbox, err = j.messages(out.Outbox, b.Effects); err != nil {
			return store.Batch{}, err
		}
	}
	return out, nil
}

// points are the messages for InfluxDB of what is shared, and how many points it could not hold.
func points(out []store.Message, all []control.Point, shares func(measurement string) bool) (_ []store.Message, lost int64) {
	for _, p := range all {
		if !shares(p.Measurement) {
			continue
		}
		point := telemetry.Point{Measurement: p.Measurement, At: p.At, Tags: make(map[string]string, len(p.Tags)), Fields: make(map[string]float64, len(p.Fields))}
		for _, t := range p.Tags {
			point.Tags[t.Key] = t.Value
		}
		for _, f := range p.Fields {
			point.Fields[f.Key] = f.Value
		}
		rows, err := telemetry.Messages(point)
		if err != nil {
			lost++ // a point is no reason to refuse what it tells of
			continue
		}
		for _, m := range rows {
			m.Ledger = p.Measurement == control.LedgerPoint
			out = append(out, m)
		}
	}
	return out, lost
}

// messages are what subscribers are told once: each ledger entry and each
// event, with a number to know a repetition by.
func (j *Journal) messages(out []store.Message, eff control.Effects) ([]store.Message, error) {
	if !j.sharesTopic("ledger") {
		eff.Entries = nil
	}
	if !j.sharesTopic("event") {
		eff.Events = nil
	}
	for _, e := range eff.Entries {
		payload, err := json.Marshal(api.EntryOf(e))
		if err != nil {
			return nil, err
		}
		out = append(out, store.Message{
			Channel: store.MQTT, Key: fmt.Sprintf("ledger/%d", e.Seq), Dest: j.topics.Ledger(), Payload: payload, At: e.At, Ledger: true,
		})
	}
	for _, e := range eff.Events {
		id := fmt.Sprintf("%d-%d-%s", e.At.UnixMilli(), e.Seq, e.Code)
		payload, err := json.Marshal(api.Event{ID: id, At: e.At, Code: e.Code, Severity: e.Severity.String(), Text: j.words.Event(e)})
		if err != nil {
			return nil, err
		}
		out = append(out, store.Message{Channel: store.MQTT, Key: "event/" + id, Dest: j.topics.Event(), Payload: payload, At: e.At})
	}
	return out, nil
}
