package planning

import (
	"slices"

	"github.com/keeplit/keeplit/forecast"
)

// announced tells whether any time without mains is announced.
func (b *Brief) announced() bool {
	return slices.ContainsFunc(b.Expected, func(e forecast.Expected) bool { return e.Told == forecast.Outage })
}

// dims tells whether nothing is drawn from the mains in the outages that are announced: who knows what will be
// knows that already.  A home with a battery goes on using energy in them.
func (p *Planner) dims(b *Brief) bool {
	return b.announced() && !p.rules.keepsOn(b) && p.ahead == Foreseer(p.forecast)
}

// keepsOn tells whether a battery carries the home through outages that are announced: it is full before, and
// what it gave is drawn from the mains after.
func (s *Rules) keepsOn(b *Brief) bool {
	id := s.store()
	return id != "" && b.announced() && b.owed(id).Stored != nil
}

// isDark tells whether there is no mains for at least half of a slot, as is announced.
func (o *outlook) isDark(b *Brief, t int) bool {
	if t < 0 || t >= len(o.slots) {
		return false
	}
	off := 0.0
	for _, e := range b.Expected {
		if e.Told == forecast.Outage {
			off += share(o.slots[t], e.From, e.To)
		}
	}
	return off >= 0.5
}
