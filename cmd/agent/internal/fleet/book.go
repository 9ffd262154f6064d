package fleet

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
)

// book is an agent's records in memory: ledger, and what came of the utility's word.
type book struct {
	told func(policy.Ack, time.Time) // each acknowledgement, once it is stored

	mu      sync.Mutex
	entries []credit.Entry
	last    uint64 // acknowledgement that was told
	state   policy.State
}

var _ control.Journal = (*book)(nil)

// Commit keeps the batch.
func (b *book) Commit(_ context.Context, batch control.Batch) error {
	b.mu.Lock()
	b.entries = append(b.entries, batch.Effects.Entries...)
	b.state = batch.State.Policy
	var fresh []policy.Ack
	for _, a := range b.state.Acks {
		if a.N > b.last {
			fresh = append(fresh, a)
		}
	}
	b.last = b.state.AckSeq
	b.mu.Unlock()
	now := time.Now()
	for _, a := range fresh {
		b.told(a, now)
	}
	return nil
}

// topups are how many vouchers were credited, and whether the ledger's chain is sound.
func (b *book) topups() (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := credit.NewVerifier()
	for _, e := range b.entries {
		if err := v.Next(e); err != nil {
			return n, err
		}
		if e.Kind == credit.Topup {
			n++
		}
	}
	return n, v.End()
}

// heard is what is remembered of the utility's word.
func (b *book) heard() policy.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// LedgerPage is the newest n entries before a number; 0: the newest of all.
func (b *book) LedgerPage(_ context.Context, before uint64, n int) ([]credit.Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	end := uint64(len(b.entries))
	if before > 0 {
		end = min(end, before-1)
	}
	out := slices.Clone(b.entries[end-min(end, uint64(n)) : end]) //nolint:gosec // n is a page's
	slices.Reverse(out)
	return out, nil
}

// Ledger yields the entries from a number on.
func (b *book) Ledger(_ context.Context, from uint64) iter.Seq2[credit.Entry, error] {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries := b.entries[min(uint64(len(b.entries)), max(from, 1)-1):]
	return func(yield func(credit.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}
