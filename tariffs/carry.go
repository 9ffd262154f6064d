package tariffs

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// An allowance that piles up: what a billing month leaves of the first step of a
// charge with CarryOver is added to the first step of the months after it.
//
//	own      the month's first step: To, times the month's days where it is per day
//	found    what the month finds of earlier months, the oldest first
//	free     own + found: where the first step of this month ends; the others follow it
//	used     the month's energy that the charge's steps count
//	left     of found what used did not take, and of own what it did not take besides
//
// Of left what is older than CarryOverMonths lapses, and of what is more than
// CarryOverMost the oldest.

// Carried is what a month finds of one charge.
type Carried struct {
	Name string `json:"name"` // of the charge
	Kept []Kept `json:"kept"` // by month, the oldest first
}

// Kept is what is left of one month's allowance.
type Kept struct {
	Month  Date         `json:"month"` // its first day
	Energy units.Energy `json:"energy"`
}

// mostKept is how many months' rests are told apart; older ones are counted to the oldest.
const mostKept = 24

// found is what a month finds of a charge's allowances.
func (m *Month) found(c *energyCharge) units.Energy {
	if !c.CarryOver {
		return 0
	}
	var sum units.Energy
	for i := range m.Carried {
		if m.Carried[i].Name == c.name {
			for _, k := range m.Carried[i].Kept {
				sum += max(0, k.Energy)
			}
		}
	}
	return min(sum, mostEnergy)
}

// limits are where the steps of a charge end in a month.
type limits struct {
	scale int64        // of the limits of a day
	found units.Energy // carried over from earlier months
}

// of is where a step ends.
func (l limits) of(s *Step) units.Energy { return s.To*units.Energy(l.scale) + l.found }

// limits are those of a charge in a month.
func (t *Tariff) limits(c *energyCharge, m *Month) limits {
	return limits{t.scale(c, m.Start), m.found(c)}
}

// leaves is what a month leaves to the one after it; more is energy that it is
// expected to use besides, by charge: nil where there is none.
func (t *Tariff) leaves(acc *Account, m *Month, more func(*energyCharge) units.Energy) []Carried {
	if !t.carries {
		return nil
	}
	_, next := t.cycle.at(m.Start)
	v := t.versionOn(next - 1)
	class := t.class(v, acc, m)
	var out []Carried
	for i := range v.energy {
		c := &v.energy[i]
		if !c.CarryOver {
			continue
		}
		var own, used units.Energy
		if c.inClass(v, class) {
			used = t.energyBefore(m, c, nil)
			if more != nil {
				used += more(c)
			}
			if c.cal.daysIn(c.Seasons, m.Start, next) > 0 {
				own = c.Steps[0].To * units.Energy(t.scale(c, m.Start))
			}
		}
		var kept []Kept
		add := func(month Date, e units.Energy) {
			if taken := min(used, e); taken > 0 {
				used, e = used-taken, e-taken
			}
			if e > 0 {
				kept = append(kept, Kept{month, e})
			}
		}
		for j := range m.Carried {
			if m.Carried[j].Name == c.name {
				for _, k := range m.Carried[j].Kept {
					add(k.Month, min(k.Energy, mostEnergy))
				}
			}
		}
		add(m.Start, own)
		if kept = c.lapse(kept, t.monthsBefore(next, c.CarryOverMonths)); len(kept) > 0 {
			out = append(out, Carried{c.name, kept})
		}
	}
	return out
}

// lapse is what is left of months' rests where those of before oldest are void.
func (e *EnergyCharge) lapse(kept []Kept, oldest Date) []Kept {
	if e.CarryOverMonths > 0 {
		kept = slices.DeleteFunc(kept, func(k Kept) bool { return k.Month < oldest })
	}
	most := e.CarryOverMost
	if most == 0 {
		most = mostEnergy
	}
	var sum units.Energy
	for _, k := range kept {
		sum += k.Energy
	}
	for len(kept) > 0 && sum > most {
		over := min(sum-most, kept[0].Energy)
		sum -= over
		if kept[0].Energy -= over; kept[0].Energy == 0 {
			kept = kept[1:]
		}
	}
	for len(kept) > mostKept { // without an end, so that it does not matter of which months they are
		kept[1].Energy += kept[0].Energy
		kept = kept[1:]
	}
	return kept
}

// monthsBefore is the first day of the billing month so many before the one that
// begins with a day.
func (t *Tariff) monthsBefore(start Date, months int) Date {
	for range min(months, mostKept) {
		start, _ = t.cycle.at(start - 1)
	}
	return start
}

// monthAt is the month of an account that begins with a day; without energy where
// it is none of those kept.
func (t *Tariff) monthAt(acc *Account, start Date) (m Month, known bool) {
	for i := range acc.Months {
		if acc.Months[i].Start == start {
			return acc.Months[i], true
		}
	}
	return Month{Start: start, Carried: t.finds(acc, start)}, false
}

// finds is what the month that begins with a day finds, where it is none of the
// account's: those between it and the last one use nothing.
func (t *Tariff) finds(acc *Account, start Date) []Carried {
	n := len(acc.Months)
	switch {
	case !t.carries:
		return nil
	case n == 0:
		return acc.Carried
	case acc.Months[n-1].Start >= start:
		return nil // of a month so long ago it is not known
	}
	at := acc.Months[n-1]
	for range 10 * 12 {
		_, next := t.cycle.at(at.Start)
		at = Month{Start: next, Carried: t.leaves(acc, &at, nil)}
		if next >= start {
			return at.Carried
		}
	}
	return at.Carried // ten years on nothing changes any more
}

// carryOn brings what the months after month mi find up to date, and what is charged
// in them.
func (b *book) carryOn(mi int, s *segment) {
	if !b.t.carries {
		return
	}
	for i := mi + 1; i < len(b.acc.Months); i++ {
		found := b.t.leaves(&b.acc, &b.acc.Months[i-1], nil)
		if slices.EqualFunc(found, b.acc.Months[i].Carried, Carried.equal) {
			return
		}
		b.own(i).Carried = found
		b.settleAll(b.own(i), s, 0)
		if m := b.own(i); m.Closed {
			b.settleEnd(m)
		}
	}
}

func (c Carried) equal(o Carried) bool { return c.Name == o.Name && slices.Equal(c.Kept, o.Kept) }

// cloneCarried is a copy that shares nothing.
func cloneCarried(all []Carried) []Carried {
	all = slices.Clone(all)
	for i := range all {
		all[i].Kept = slices.Clone(all[i].Kept)
	}
	return all
}

// CarriedOver is what the month under way has found of earlier months' allowances at
// an instant and not used, and how much of that lapses with the month's end.
func (t *Tariff) CarriedOver(acc Account, at time.Time) (left, lapses units.Energy) {
	s := t.segment(at)
	m, _ := t.monthAt(&acc, s.month)
	for i := range s.v.energy {
		c := &s.v.energy[i]
		if !c.CarryOver {
			continue
		}
		used := t.energyBefore(&m, c, nil)
		oldest := t.monthsBefore(s.next, c.CarryOverMonths)
		for j := range m.Carried {
			if m.Carried[j].Name != c.name {
				continue
			}
			for _, k := range m.Carried[j].Kept {
				e := max(0, k.Energy-used)
				used = max(0, used-k.Energy)
				left += e
				if c.CarryOverMonths > 0 && k.Month < oldest {
					lapses += e
				}
			}
		}
	}
	return left, lapses
}
