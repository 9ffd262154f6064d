package control

import (
	"slices"

	"github.com/keeplit/keeplit/credit"
)

// While nothing can be stored the batch in memory only grows.  What it may hold
// is bounded, so that a full disk does not become a full memory: of points,
// intervals and events the oldest go, and are counted; entries of the ledger are
// added up and never lost.
const (
	mostPoints    = 2000
	mostIntervals = 4000
	mostEvents    = 1000
	mostEntries   = 600
	keepEntries   = 100 // that are not added up
)

// Thinned is how much of a batch was given up.
type Thinned struct {
	Points, Intervals, Events int64
}

func (t Thinned) and(o Thinned) Thinned {
	return Thinned{t.Points + o.Points, t.Intervals + o.Intervals, t.Events + o.Events}
}

// thin gives up the oldest of what is only told.
func (b *Batch) thin() {
	e := &b.Effects
	if len(e.Points) > mostPoints {
		told := 0 // points that are not the ledger's
		for _, p := range e.Points {
			if p.Measurement != LedgerPoint {
				told++
			}
		}
		drop := max(0, told-mostPoints*3/4)
		b.Thinned.Points += int64(drop)
		kept := make([]Point, 0, len(e.Points)-drop)
		for _, p := range e.Points {
			if p.Measurement != LedgerPoint && drop > 0 {
				drop--
				continue
			}
			kept = append(kept, p)
		}
		e.Points = kept
	}
	var n int64
	e.Intervals, n = newest(e.Intervals, mostIntervals)
	b.Thinned.Intervals += n
	e.Events, n = newest(e.Events, mostEvents)
	b.Thinned.Events += n
	e.Limits, n = newest(e.Limits, mostEvents)
	b.Thinned.Events += n
}

// newest is the newest three quarters of most, where there are more than most,
// and how many were given up.
func newest[T any](all []T, most int) ([]T, int64) {
	if len(all) <= most {
		return all, 0
	}
	kept := slices.Clone(all[len(all)-most*3/4:])
	return kept, int64(len(all) - len(kept))
}

// condense adds up the ledger's entries where there are too many, and answers
// whether it did: then the State's head is another one.
func (b *Batch) condense(s *Site) bool {
	e := &b.Effects
	if len(e.Entries) <= mostEntries {
		return false
	}
	old := e.Entries
	e.Entries = credit.Condense(old, keepEntries)
	last := e.Entries[len(e.Entries)-1]
	b.State.Credit.Head = credit.Head{Seq: last.Seq, Hash: last.Hash, Balance: last.Balance}
	e.Credited = slices.Clone(e.Credited)
	for i, c := range e.Credited {
		for _, entry := range e.Entries {
			if entry.Ref == c.Fingerprint {
				e.Credited[i].Seq = entry.Seq
			}
		}
	}
	e.Points = slices.DeleteFunc(slices.Clone(e.Points), func(p Point) bool { return p.Measurement == LedgerPoint })
	e.Points = append(e.Points, s.ledgerPoints(e.Entries)...)
	return true
}
