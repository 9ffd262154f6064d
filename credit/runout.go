package credit

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// SmallestTopUp is the least top-up, in whole steps, after which the account
// has more credit of its own than need: what debts, purchase charges and used
// emergency credit take from it is reckoned by the rules themselves.  It is 0
// where there is enough already, and ok is false where no top-up that the
// account may take now is enough.  A supply that was cut needs more than the
// restore threshold as well.
func (e *Engine) SmallestTopUp(a Account, at time.Time, need, step units.Money, due ...Due) (amount units.Money, ok bool) {
	if step <= 0 {
		step = units.One / 100
	}
	if a.Supply.NoCredit {
		need = max(need, e.doc.RestoreAbove)
	}
	if a.Available() > need {
		return 0, true
	}
	enough := func(n int64) bool {
		p := e.book(a, at)
		p.due = due
		p.pay(&Result{Bought: units.Money(n) * step}, "")
		return p.Available() > need
	}
	limit := int64(greatest / step)
	if e.doc.MaximumBalance > 0 {
		limit = int64(max(0, (e.doc.MaximumBalance-a.Available())/step))
	}
	if p := e.doc.Provision; p.Amount > 0 {
		bought := e.book(a, at).tally(a.Bought, p.Period).Amount
		limit = min(limit, int64(max(0, (p.Amount-bought)/step)))
	}
	// Double until it is enough, then halve: the rules take a share, never more
	// than all of what is added.
	low, high := int64(0), int64(1)
	for high < limit && !enough(high) {
		low, high = high, 2*high
	}
	high = min(high, limit)
	if high == 0 || !enough(high) {
		return 0, false
	}
	for high-low > 1 { // low is not enough, high is
		if middle := (low + high) / 2; enough(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return units.Money(high) * step, true
}
