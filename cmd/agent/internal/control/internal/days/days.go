// Package days is what the last local days came to, for display and for what is
// usual here.
package days

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// List is the last local days, today last.
type List []Total

// Total is what one local day came to.
type Total struct {
	Start  time.Time    `json:"start"`
	Energy units.Energy `json:"energy"`
	Spent  units.Money  `json:"spent"`
	// Unseen is for how much of the day it is not known what would have been used:
	// the supply was off, a load was held off, or nobody measured.
	Unseen time.Duration `json:"unseen,omitempty"`
}

// mostUnseen is up to which part of a day unknown the rest stands for the whole.
const mostUnseen = time.Hour

// whole tells whether the day's totals are what was wanted.
func (d Total) whole() bool { return d.Unseen <= mostUnseen }

// Keep is how many days are kept: a week and today.
const Keep = 8

// At is the total of the local day that at lies in, in a list that has it.
func (l List) At(at time.Time, zone *time.Location) (List, *Total) {
	start := units.LocalMidnight(at, zone)
	i, known := slices.BinarySearchFunc(l, start, func(d Total, at time.Time) int { return d.Start.Compare(at) })
	if known {
		return l, &l[i]
	}
	d := Total{Start: start}
	if len(l) == 0 {
		d.Unseen = at.Sub(start) // nobody was there before
	}
	l = slices.Insert(l, i, d)
	for len(l) > Keep {
		// While it is dark the days before stand: they say what is usual here.
		out := slices.IndexFunc(l[:len(l)-1], func(d Total) bool { return !d.whole() && !d.Start.Equal(start) })
		out = max(out, 0)
		if l[out].Start.Equal(start) {
			out++ // an old day told late is looked at once and not kept
		}
		l = slices.Delete(l, out, out+1)
		if out < i {
			i--
		}
	}
	return l, &l[i]
}

// Use adds what was used and spent at an instant.
func (l List) Use(at time.Time, zone *time.Location, used units.Energy, spent units.Money) List {
	l, d := l.At(at, zone)
	d.Energy += used
	d.Spent += spent
	return l
}

// Miss counts time for which it is not known what would have been used.
func (l List) Miss(from, to time.Time, zone *time.Location) List {
	for from.Before(to) {
		end := units.NextLocalMidnight(from, zone)
		if end.After(to) {
			end = to
		}
		var d *Total
		l, d = l.At(from, zone)
		d.Unseen += end.Sub(from)
		from = end
	}
	return l
}

// Missed is l with the time counted that lies in its days and for which it is
// told afterwards that the supply was off.
func (l List) Missed(from, to time.Time, zone *time.Location) List {
	l = slices.Clone(l)
	for i := range l {
		begin, end := l[i].Start, units.NextLocalMidnight(l[i].Start, zone)
		if from.After(begin) {
			begin = from
		}
		if to.Before(end) {
			end = to
		}
		l[i].Unseen += max(0, end.Sub(begin))
	}
	return l
}

// Usual is the mean of the last whole days before the one that now lies in, and
// of how many; days on which the supply was off say nothing.
func (l List) Usual(now time.Time, zone *time.Location) (energy units.Energy, spent units.Money, days int) {
	today := units.LocalMidnight(now, zone)
	for _, d := range l {
		if d.whole() && d.Start.Before(today) {
			energy, spent, days = energy+d.Energy, spent+d.Spent, days+1
		}
	}
	if days == 0 {
		return 0, 0, 0
	}
	return energy.Part(1, int64(days)), spent.Part(1, int64(days)), days
}
