package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// DayTotal is what one local day came to.
type DayTotal struct {
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
func (d DayTotal) whole() bool { return d.Unseen <= mostUnseen }

// keepDays bounds State.Days: a week and today.
const keepDays = 8

// day is the total of the local day that at lies in.
func (p *step) day(at time.Time) *DayTotal {
	start := units.LocalMidnight(at, p.Zone)
	days := p.st.Days
	i, known := slices.BinarySearchFunc(days, start, func(d DayTotal, at time.Time) int { return d.Start.Compare(at) })
	if known {
		return &days[i]
	}
	d := DayTotal{Start: start}
	if len(days) == 0 {
		d.Unseen = at.Sub(start) // nobody was there before
	}
	days = slices.Insert(days, i, d)
	for len(days) > keepDays {
		// While it is dark the days before stand: they say what is usual here.
		out := slices.IndexFunc(days[:len(days)-1], func(d DayTotal) bool { return !d.whole() && !d.Start.Equal(start) })
		out = max(out, 0)
		if days[out].Start.Equal(start) {
			out++ // an old day told late is looked at once and not kept
		}
		days = slices.Delete(days, out, out+1)
		if out < i {
			i--
		}
	}
	p.st.Days = days
	return &days[i]
}

// Unseen is st with the time that lies in its days counted as such in which the
// supply was off, as told afterwards.
func (s *Site) Unseen(st State, from, to time.Time) State {
	st.Days = slices.Clone(st.Days)
	for i := range st.Days {
		d := &st.Days[i]
		begin, end := d.Start, units.NextLocalMidnight(d.Start, s.Zone)
		if from.After(begin) {
			begin = from
		}
		if to.Before(end) {
			end = to
		}
		d.Unseen += max(0, end.Sub(begin))
	}
	return st
}

// Usual is the mean of the last whole local days before the one that now lies
// in, and of how many; days on which the supply was off say nothing.
func (st *State) Usual(zone *time.Location) (energy units.Energy, spent units.Money, days int) {
	today := units.LocalMidnight(st.Now, zone)
	for _, d := range st.Days {
		if d.whole() && d.Start.Before(today) {
			energy, spent, days = energy+d.Energy, spent+d.Spent, days+1
		}
	}
	if days == 0 {
		return 0, 0, 0
	}
	return energy.Part(1, int64(days)), spent.Part(1, int64(days)), days
}
