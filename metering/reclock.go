package metering

import "time"

// Reclocked is r as it stands by a clock that was set: the counts as they are,
// the times moved by so much.
func (r Registers) Reclocked(by time.Duration) Registers {
	for _, at := range []*time.Time{&r.At, &r.ImportCounter.At, &r.ImportCounter.OddAt, &r.ExportCounter.At, &r.ExportCounter.OddAt} {
		if !at.IsZero() {
			*at = at.Add(by)
		}
	}
	return r
}
