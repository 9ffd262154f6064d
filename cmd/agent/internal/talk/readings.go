package talk

import (
	"context"
	"iter"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/metering"
)

// stored hands out what is stored of consumption.
type stored func(ctx context.Context, series string, from, to time.Time) iter.Seq2[store.Interval, error]

// Reads has the readings answered that a utility asks for.  It must be called before Publish.
func (a *Agent) Reads(intervals stored) { a.intervals = intervals }

// answer sends the readings that were asked for, and again, as acknowledgements are, until
// the utility has confirmed that it knows of it.  The error is the broker's.
func (a *Agent) answer(ctx context.Context, bus Bus, told *ackTold) error {
	if a.site.Policy == nil || a.key == nil || a.intervals == nil {
		return nil
	}
	snap := a.loop.Snapshot()
	if told.reads == nil {
		told.reads = map[policy.Ref]ackTold{}
	}
	for _, q := range snap.State.Policy.Reads {
		last, now := told.reads[q.Of], time.Now()
		if now.Sub(last.at) < last.pause {
			continue
		}
		told.reads[q.Of] = ackTold{at: now, pause: min(max(2*last.pause, repeatFirst), repeatMost)}
		texts, err := a.readings(ctx, &snap.State, q)
		if err != nil {
			continue // the records cannot be read now, and the broker has nothing to do with it: after the pause
		}
		for _, text := range texts {
			if err := bus.Publish(ctx, bus.Topics().PolicyReadings(), 1, false, []byte(text)); err != nil {
				return err
			}
		}
		if q.Sent {
			continue
		}
		if _, err := a.loop.Feed(ctx, control.Input{What: control.ReadingsSent{Of: q.Of}}); err != nil {
			return err
		}
	}
	return nil
}

// readings are the signed parts of the answer to one request: the registers, and each series.
func (a *Agent) readings(ctx context.Context, st *control.State, q policy.AskedReading) ([]string, error) {
	like := policy.Readings{Site: a.site.Policy.Site, ID: q.ID, Of: q.Of, At: st.Now.UTC().Truncate(time.Second)}
	var parts []policy.Readings
	if q.Registers {
		p := like
		if m := st.Meter.Registers; !m.At.IsZero() {
			p.Registers = &policy.ReadRegisters{At: m.At.UTC(), ImportKWh: m.Import.KWh(), ExportKWh: m.Export.KWh()}
		}
		parts = append(parts, p)
	}
	for _, name := range q.Intervals {
		p := like
		p.Series = name
		for iv, err := range a.intervals(ctx, name, q.From, q.To) {
			if err != nil {
				return nil, err
			}
			if len(p.Intervals) == policy.MostReadings {
				parts, p.Intervals = append(parts, p), nil
			}
			p.Intervals = append(p.Intervals, policy.ReadInterval{
				Start: iv.Slot.Start.UTC(), Seconds: int64(iv.Slot.Len / time.Second), ImportKWh: iv.Import.KWh(), ExportKWh: iv.Export.KWh(),
				CoveredS: int64(iv.Covered / time.Second), Quality: uint32(iv.Quality &^ metering.Unusual), // whether somebody is there is not asked for
			})
		}
		parts = append(parts, p)
	}
	return policy.SignReadings(parts, a.key)
}
