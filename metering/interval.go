package metering

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Interval is what passed the meter in one slot of the clock grid.
type Interval struct {
	Slot    units.Slot   `json:"slot"`
	Import  units.Energy `json:"import"`
	Export  units.Energy `json:"export"`
	Quality Quality      `json:"quality,omitempty"`
	// Covered is how much of the slot any measurement reached.
	Covered time.Duration `json:"covered"`
	// MaxPower is the greatest mean import power between two samples.
	MaxPower units.Power `json:"max_power"`
	// MaxDemand is the greatest mean import power over one whole demand window
	// that ended in the slot; zero where none did or no Demand is kept.
	MaxDemand units.Power `json:"max_demand,omitempty"`
}

// Merge is i and j, two parts of the same slot, as one.
func (i Interval) Merge(j Interval) Interval {
	i.Import += j.Import
	i.Export += j.Export
	i.Quality |= j.Quality
	i.Covered = min(i.Covered+j.Covered, i.Slot.Len)
	i.MaxPower = max(i.MaxPower, j.MaxPower)
	i.MaxDemand = max(i.MaxDemand, j.MaxDemand)
	return i
}

// Intervals lays consumption on the clock grid.  The zero value with a Period
// is empty.  It survives a round trip through encoding/json exactly.
type Intervals struct {
	Period time.Duration `json:"period"` // divides a day
	Open   *Interval     `json:"open,omitempty"`
	Demand *Demand       `json:"demand,omitempty"` // where maximum demand is wanted; fills MaxDemand
}

// Add takes one consumption and answers the intervals that it closed, oldest
// first.  Energy is split in proportion to time and its sum is kept to the
// microjoule.  After a gap the slots that it spans come too, marked Gap.
//
// A slot may come twice where the clock was put back; its parts add up
// (Interval.Merge).
func (b Intervals) Add(c Consumption) (Intervals, []Interval) {
	next, closed := b.add(c)
	if b.Demand == nil {
		return next, closed
	}
	d, peaks := b.Demand.Add(c)
	next.Demand = &d
	note := func(i *Interval) {
		for _, p := range peaks {
			if p.End.After(i.Slot.Start) && !p.End.After(i.Slot.End()) {
				i.MaxDemand = max(i.MaxDemand, p.Power)
			}
		}
	}
	for i := range closed {
		note(&closed[i])
	}
	if next.Open != nil {
		note(next.Open) // Add has made it anew
	}
	return next, closed
}

func (b Intervals) add(c Consumption) (Intervals, []Interval) {
	var closed []Interval
	open := b.Open
	roll := func(t time.Time) { // makes the open interval the one that t is in
		if open != nil && !open.Slot.Contains(t) {
			closed = append(closed, finish(*open))
			open = nil
		}
		if open == nil {
			open = &Interval{Slot: units.SlotAt(t, b.Period)}
		} else {
			o := *open
			open = &o // the caller keeps the state before
		}
	}
	roll(c.From)
	if !c.To.After(c.From) {
		open.Import += c.Import
		open.Export += c.Export
		open.Quality |= c.Quality
		return Intervals{Period: b.Period, Open: open, Demand: b.Demand}, closed
	}
	covered := c.Quality&Gap == 0
	whole := c.To.Sub(c.From)
	mean := c.Import.Mean(whole)
	var in, out units.Energy // given out so far
	for from := c.From; from.Before(c.To); {
		roll(from)
		to := c.To
		if end := open.Slot.End(); end.Before(to) {
			to = end
		}
		upTo := int64(to.Sub(c.From))
		sumIn, sumOut := c.Import.Part(upTo, int64(whole)), c.Export.Part(upTo, int64(whole))
		open.Import += sumIn - in
		open.Export += sumOut - out
		in, out = sumIn, sumOut
		open.Quality |= c.Quality
		open.MaxPower = max(open.MaxPower, mean)
		if covered {
			open.Covered += to.Sub(from)
		}
		from = to
	}
	if !c.To.Before(open.Slot.End()) {
		closed = append(closed, finish(*open))
		open = nil
	}
	return Intervals{Period: b.Period, Open: open, Demand: b.Demand}, closed
}

// finish marks an interval that measurements did not reach wholly.
func finish(i Interval) Interval {
	if i.Covered < i.Slot.Len {
		i.Quality |= Gap
	}
	return i
}
