package journal

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/store"
)

// limits are records of limits as they are stored.
func limits(all []control.LimitRecord) []store.Limited {
	out := make([]store.Limited, 0, len(all))
	for _, r := range all {
		out = append(out, store.Limited{
			N: r.N, Source: string(r.Source), State: string(r.Phase), Issuer: r.By, Event: r.Event, Loads: r.Loads, Whole: r.Whole, Limit: r.Limit, From: r.From, To: r.To,
			Measured: r.Measured, Told: r.Told, Energy: r.Energy, Most: r.Most, Above: r.Over, Met: r.Met,
		})
	}
	return out
}

// LimitLog is a store's records of limits; *store.Store is one.
type LimitLog interface {
	Limits(ctx context.Context, from, to time.Time) iter.Seq2[store.Limited, error]
}

// Limits are the limits that held at some time in [from, to), in the order in which they
// began: those that are over, and those of st that hold.
func Limits(ctx context.Context, log LimitLog, st *control.State, from, to time.Time) ([]control.LimitRecord, error) {
	var out []control.LimitRecord
	for l, err := range log.Limits(ctx, from, to) {
		if err != nil {
			return nil, err
		}
		out = append(out, control.LimitRecord{
			N: l.N, Source: policy.Source(l.Source), Phase: policy.Phase(l.State), By: l.Issuer, Event: l.Event, Loads: l.Loads, Whole: l.Whole, Limit: l.Limit,
			From: l.From, To: l.To, Measured: l.Measured, Told: l.Told, Energy: l.Energy, Most: l.Most, Over: l.Above, Met: l.Met,
		})
	}
	for _, r := range st.LimitsOpen() {
		if r.From.Before(to) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b control.LimitRecord) int { return a.From.Compare(b.From) })
	return out, nil
}
