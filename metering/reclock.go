package metering

import (
	"slices"
	"time"
)

// Reclocked is r as it stands by a clock that was set: the counts as they are,
// the times moved by so much.
func (r Registers) Reclocked(by time.Duration) Registers {
	move := func(at *time.Time) {
		if !at.IsZero() {
			*at = at.Add(by)
		}
	}
	for _, at := range []*time.Time{&r.At, &r.PowerAt, &r.Flow.SeenAt, &r.Flow.From, &r.Flow.MeanFrom, &r.Flow.MeanAt, &r.Flow.Crest.From, &r.Flow.Crest.Since} {
		move(at)
	}
	for _, c := range []*Counter{&r.ImportCounter, &r.ExportCounter} {
		c.Former = slices.Clone(c.Former) // the caller keeps the state before
		for _, at := range []*time.Time{&c.At, &c.OddAt, &c.Since, &c.Stood, &c.OtherAt} {
			move(at)
		}
		for i := range c.Former {
			move(&c.Former[i].At)
		}
	}
	return r
}
