package tariffs

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Vending is what a purchase gives where credit is kept in kWh.
type Vending struct {
	Energy units.Energy
	Items  []Item      // the charges on the purchase, then the energy
	Left   units.Money // too little for the next energy: a rounding, or what a price of the whole month rises by
}

// Vend turns an amount into energy as a vending office does: the charges on the
// purchase first, the rest into kWh at the prices of that instant, given what
// has been bought in the month. The account then counts purchases, so blocks
// reset with the month of purchase; do not Consume into the same account.
func (t *Tariff) Vend(acc Account, at time.Time, amount units.Money) (Account, Vending) {
	return t.VendOn(acc, at, amount, 0)
}

// VendOn is Vend where so much was left of the purchase before: it buys energy too, and
// no charge is taken from it again.
func (t *Tariff) VendOn(acc Account, at time.Time, amount, carried units.Money) (Account, Vending) {
	b := book{t: t, acc: acc, shared: true}
	left := b.purchase(at, amount) + carried
	charges := b.items
	const most = mostEnergy
	fits := func(e units.Energy) bool {
		_, items := t.Consume(b.acc, at, at, e)
		return Sum(items) <= left
	}
	var e units.Energy
	if left > 0 {
		low, high := units.Energy(0), units.KilowattHour
		for high < most && fits(high) {
			low, high = high, high*2
		}
		high = min(high, most)
		for high-low > 1 {
			if mid := low + (high-low)/2; fits(mid) {
				low = mid
			} else {
				high = mid
			}
		}
		e = low
	}
	after, items := t.Consume(b.acc, at, at, e)
	return after, Vending{Energy: e, Items: append(charges, items...), Left: left - Sum(items)}
}

// Advice compares buying now with buying when the next billing month begins.
type Advice struct {
	Amount units.Money
	Now    units.Energy // what the amount buys now
	Then   units.Energy // what it buys from Reset on, at a like hour
	Reset  time.Time    // when the next billing month begins
	Price  units.Price  // of the next kWh now, with taxes
	After  units.Price  // of the first kWh from Reset on, at a like hour, with taxes
}

// Wait tells whether the amount buys more at Reset.
func (a Advice) Wait() bool { return a.Then > a.Now }

// BuyNowOrWait says what an amount buys now and what it buys on the first of
// the next billing month, when the blocks begin again and the month's fixed
// charges are due again.  The hour compared is the same on the first day of that
// month that has it in the same period: that midnight is cheaper than the
// evening is no reason to wait for the month's end.
func (t *Tariff) BuyNowOrWait(acc Account, at time.Time, amount units.Money) Advice {
	s := t.segment(at)
	a := Advice{Amount: amount, Reset: s.next.Start(t.loc)}
	like := t.alike(&s, a.Reset)
	_, now := t.Vend(acc, at, amount)
	_, then := t.Vend(acc, like, amount)
	a.Now, a.Then = now.Energy, then.Energy
	a.Price, _ = t.PriceAt(acc, at)
	a.After, _ = t.PriceAt(acc, like)
	return a
}

// alike is the first instant within a week of reset at the segment's beginning's
// time of day and in its period, else that time of day on reset's day.
func (t *Tariff) alike(s *segment, reset time.Time) time.Time {
	day := t.dayOf(reset)
	sinceMidnight := s.start.Sub(units.LocalMidnight(s.start, t.loc))
	for d := range Date(7) {
		at := (day + d).Start(t.loc).Add(sinceMidnight)
		if t.segment(at).period == s.period {
			return at
		}
	}
	return reset.Add(sinceMidnight)
}
