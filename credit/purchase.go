package credit

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// PurchaseState is how a charge taken at purchase stands in its period.
type PurchaseState struct {
	Name   string      `json:"name"`
	From   time.Time   `json:"from"`             // start of the period
	Bought units.Money `json:"bought,omitempty"` // in the period so far
	Taken  units.Money `json:"taken,omitempty"`  // of the charge so far
	Behind units.Money `json:"behind,omitempty"` // of earlier periods, to catch up
}

// due is what the charge takes from a purchase of amount, and takes note of
// the purchase.
func (p *posting) due(c PurchaseCharge, amount units.Money) units.Money {
	period := c.Period
	if period == "" {
		period = Month
	}
	s, known := p.purchaseState(c.Name)
	from := period.start(p.at, p.loc)
	switch {
	case !known:
		s = PurchaseState{Name: c.Name, From: from}
	case from.After(s.From):
		behind := units.Money(0)
		if c.CatchUp {
			behind = s.Behind + c.Amount - s.Taken
			// The periods in between saw no purchase at all.
			for next := p.next(period, s.From); next.Before(from); next = p.next(period, next) {
				behind += c.Amount
			}
		}
		s = PurchaseState{Name: c.Name, From: from, Behind: behind}
	}
	s.Bought += amount
	p.setPurchaseState(s)
	whole := c.Amount
	if c.SplitBelow > 0 && s.Bought < c.SplitBelow {
		whole = c.Amount.Part(int64(s.Bought), int64(c.SplitBelow))
	}
	return s.Behind + max(0, whole-s.Taken)
}

// purchased takes note of what was taken: arrears first.
func (p *posting) purchased(c PurchaseCharge, amount units.Money) {
	s, _ := p.purchaseState(c.Name)
	arrears := min(s.Behind, amount)
	s.Behind -= arrears
	s.Taken += amount - arrears
	p.setPurchaseState(s)
}

// next is the start of the period after the one that starts at from.
func (p *posting) next(period Period, from time.Time) time.Time {
	l := from.In(p.loc)
	y, m, d := l.Date()
	switch period {
	case Day:
		d++
	case Week:
		d += 7
	case Month:
		m, d = m+1, 1
	}
	return units.LocalMidnight(time.Date(y, m, d, 12, 0, 0, 0, p.loc), p.loc)
}

func (p *posting) purchaseState(name string) (PurchaseState, bool) {
	i := slices.IndexFunc(p.Purchases, func(s PurchaseState) bool { return s.Name == name })
	if i < 0 {
		return PurchaseState{}, false
	}
	return p.Purchases[i], true
}

func (p *posting) setPurchaseState(s PurchaseState) {
	states := slices.Clone(p.Purchases)
	i := slices.IndexFunc(states, func(o PurchaseState) bool { return o.Name == s.Name })
	if i < 0 {
		states = append(states, s)
	} else {
		states[i] = s
	}
	p.Purchases = states
}
