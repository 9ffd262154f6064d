package tariffs

import (
	"fmt"
	"slices"
	"strings"
)

// Due is when a fixed charge is taken.
type Due string

// Per is a length of calendar time.
type Per string

// ClassRule is how a class is found.
type ClassRule string

// DemandUnit is what demand is measured in.
type DemandUnit string

// Observed is what becomes of a holiday at a weekend.
type Observed string

// Currentness is whether figures are known to be in force.
type Currentness string

// Rounding is how an amount is brought to the decimals of the currency.
type Rounding string

// The words of a document.
const (
	DueDay           Due = "day"            // at the midnight that ends each day
	DueMonth         Due = "month"          // at the end of the billing month
	DueMonthStart    Due = "month_start"    // when the billing month begins
	DueFirstPurchase Due = "first_purchase" // with the month's first purchase
	DuePurchase      Due = "purchase"       // with every purchase

	PerDay   Per = "day"
	PerWeek  Per = "week"
	PerMonth Per = "month"

	ByMonth       ClassRule = "month"
	ByPastAverage ClassRule = "past_average"
	ByPastMaximum ClassRule = "past_maximum"

	KW  DemandUnit = "kW"
	KVA DemandUnit = "kVA"

	ObservedSundayMonday  Observed = "sunday_to_monday"  // a holiday on a Sunday is kept on Monday as well
	ObservedWeekendMonday Observed = "weekend_to_monday" // a holiday on a Saturday or Sunday is kept on the next working day

	RoundHalfUp   Rounding = "half_up"   // a half goes away from zero, as on most receipts
	RoundHalfEven Rounding = "half_even" // a half goes to the even neighbour
	RoundUp       Rounding = "up"        // away from zero
	RoundDown     Rounding = "down"      // towards zero

	CurrentYes     Currentness = "yes"
	CurrentNo      Currentness = "no"
	CurrentUnknown Currentness = "unknown"
	CurrentExample Currentness = "example" // figures made up to show a structure
)

// SetText reads a word.
func (d *Due) SetText(s string) error {
	return word(d, s, DueDay, DueMonth, DueMonthStart, DueFirstPurchase, DuePurchase)
}

// SetText reads a word.
func (p *Per) SetText(s string) error { return word(p, s, PerDay, PerWeek, PerMonth) }

// SetText reads a word.
func (c *ClassRule) SetText(s string) error { return word(c, s, ByMonth, ByPastAverage, ByPastMaximum) }

// SetText reads a word.
func (u *DemandUnit) SetText(s string) error { return word(u, s, KW, KVA) }

// SetText reads a word.
func (o *Observed) SetText(s string) error {
	return word(o, s, ObservedSundayMonday, ObservedWeekendMonday)
}

// SetText reads a word.
func (r *Rounding) SetText(s string) error {
	return word(r, s, RoundHalfUp, RoundHalfEven, RoundUp, RoundDown)
}

// SetText reads yes, no, unknown or example; true and false are taken for yes and no.
func (c *Currentness) SetText(s string) error {
	switch s {
	case "true":
		s = string(CurrentYes)
	case "false":
		s = string(CurrentNo)
	}
	return word(c, s, CurrentYes, CurrentNo, CurrentUnknown, CurrentExample)
}

func word[T ~string](to *T, s string, all ...T) error {
	if !slices.Contains(all, T(s)) {
		names := make([]string, len(all))
		for i, a := range all {
			names[i] = string(a)
		}
		return fmt.Errorf("%q is not one of: %s", s, strings.Join(names, ", "))
	}
	*to = T(s)
	return nil
}
