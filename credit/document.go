package credit

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Mode is what the account is kept in.
type Mode string

// The modes.  In a kWh account every Money is millionths of a kWh.
const (
	InMoney Mode = "money"
	InKWh   Mode = "kwh"
)

// Restore says how the supply comes back when there is credit again.
type Restore string

// Automatic closes the supply at once; Armed waits for the customer to close
// it, so that nothing starts in an empty house.
const (
	Automatic Restore = "automatic"
	Armed     Restore = "armed"
)

// Document is the credit part of the configuration.  Amounts are in the
// account's unit: currency, or kWh where mode is kwh.
type Document struct {
	Mode Mode `yaml:"mode"` // money (default) or kwh
	// KWhPrice (currency per kWh) converts what is not in the account's unit:
	// kWh tokens in a money account, money charges and tokens in a kWh account.
	// 0 means that nothing is converted: such a token is refused as of no use,
	// and a kWh account leaves money charges to the vendor.
	KWhPrice units.Price   `yaml:"kwh_price"`
	Opening  units.Money   `yaml:"opening"` // credit a new account starts with
	WarnAt   []units.Money `yaml:"warn_at"` // low-credit thresholds
	// MaximumBalance is the greatest balance a top-up may reach; 0 is no limit.
	MaximumBalance units.Money       `yaml:"maximum_balance"`
	Provision      ProvisionDocument `yaml:"maximum_provision"`
	Emergency      EmergencyDocument `yaml:"emergency"`
	Debt           DebtDocument      `yaml:"debt"`
	FreeUnits      FreeDocument      `yaml:"free_units"`
	Friendly       FriendlyDocument  `yaml:"friendly_hours"`
	Restore        Restore           `yaml:"restore"` // automatic (default) or armed
	// RestoreAbove: after a cut for credit, the available credit must be above
	// this before the supply may come back.
	RestoreAbove units.Money     `yaml:"restore_above"`
	Lockout      LockoutDocument `yaml:"lockout"`
}

// EmergencyDocument is credit lent when the balance runs low.
type EmergencyDocument struct {
	Amount     units.Money `yaml:"amount"`      // 0: none is offered
	OfferBelow units.Money `yaml:"offer_below"` // offered while the available credit is at or below this
	Automatic  bool        `yaml:"automatic"`   // taken without asking when the balance reaches zero
	// SuspendStanding: while there is no credit left of the customer's own,
	// charges by time become debt instead of eating the emergency credit.
	SuspendStanding bool `yaml:"suspend_standing"`
}

// DebtDocument says how debts are recovered.
type DebtDocument struct {
	SharePercent int64       `yaml:"share_percent"` // of each top-up, towards payment debts; 0 to 100
	Cap          units.Money `yaml:"cap"`           // greatest recovery by share in a period; 0 is no cap
	Period       Period      `yaml:"period"`        // week (default), day or month, local
	// ByTime is recovered each period whatever is bought, from credit that there is,
	// else from the next top-up; 0 is none.  It goes with a share or alone.
	ByTime units.Money `yaml:"by_time"`
}

// ProvisionDocument limits how much can be bought in a period.
type ProvisionDocument struct {
	Amount units.Money `yaml:"amount"` // 0 is no limit
	Period Period      `yaml:"period"` // day (default), week or month, local
}

// FreeDocument is a grant of free units each period (time-based credit).
type FreeDocument struct {
	Amount units.Money `yaml:"amount"` // 0: none
	Period Period      `yaml:"period"` // month (default), week or day, local
}

// Period is a stretch of the local calendar.
type Period string

// The periods; weeks begin on Monday.
const (
	Day   Period = "day"
	Week  Period = "week"
	Month Period = "month"
)

func (p Period) ok() bool { return p == Day || p == Week || p == Month }

// start is the first instant of the period that holds t, in UTC.
func (p Period) start(t time.Time, loc *time.Location) time.Time {
	l := t.In(loc)
	y, m, d := l.Date()
	switch p {
	case Week:
		d -= (int(l.Weekday()) + 6) % 7
	case Month:
		d = 1
	case Day:
	}
	return units.DayStart(y, m, d, loc)
}

// next is the first instant of the period after that which holds t, in UTC.
func (p Period) next(t time.Time, loc *time.Location) time.Time {
	y, m, d := p.start(t, loc).In(loc).Date()
	switch p {
	case Day:
		d++
	case Week:
		d += 7
	case Month:
		m++
	}
	return units.DayStart(y, m, d, loc)
}

// LockoutDocument slows down guessing.  Each way of entry has its own lock.
// Above it stands an allowance of wrong tokens that follows from the odds of
// the schemes and that nothing here can widen: see LockState.
type LockoutDocument struct {
	Tries   int           `yaml:"tries"`   // wrong tokens before the first lock
	First   time.Duration `yaml:"first"`   // the first lock; each further wrong token doubles it
	Longest time.Duration `yaml:"longest"` // the most that doubling leads to
}

// Defaults is a document with the values that hold where a file says nothing.
func Defaults() Document {
	return Document{
		Mode:      InMoney,
		WarnAt:    []units.Money{5 * units.One, 2 * units.One},
		Provision: ProvisionDocument{Period: Day},
		Debt:      DebtDocument{Period: Week},
		FreeUnits: FreeDocument{Period: Month},
		Restore:   Automatic,
		Lockout:   LockoutDocument{Tries: 3, First: 10 * time.Second, Longest: 1280 * time.Second},
	}
}

// Check names everything wrong with the document.
func (d Document) Check() fault.List {
	var l fault.List
	if d.Mode != InMoney && d.Mode != InKWh {
		l.Add("mode", "write money or kwh", "%q is not a mode", d.Mode)
	}
	notNegative := func(path string, m units.Money) {
		if m < 0 {
			l.Add(path, "write 0 or more", "%s is negative", m)
		}
	}
	if d.KWhPrice < 0 {
		l.Add("kwh_price", "write 0 or more", "%s is negative", d.KWhPrice)
	}
	for i, w := range d.WarnAt {
		notNegative(fmt.Sprintf("warn_at[%d]", i), w)
	}
	notNegative("opening", d.Opening)
	notNegative("maximum_balance", d.MaximumBalance)
	notNegative("maximum_provision.amount", d.Provision.Amount)
	notNegative("emergency.amount", d.Emergency.Amount)
	notNegative("debt.cap", d.Debt.Cap)
	notNegative("debt.by_time", d.Debt.ByTime)
	notNegative("free_units.amount", d.FreeUnits.Amount)
	notNegative("restore_above", d.RestoreAbove)
	if d.MaximumBalance > 0 && d.Opening > d.MaximumBalance {
		l.Add("opening", "lower it, or raise maximum_balance", "%s is above the maximum balance %s", d.Opening, d.MaximumBalance)
	}
	if s := d.Debt.SharePercent; s < 0 || s > 100 {
		l.Add("debt.share_percent", "write 0 to 100", "%d is not a percentage", s)
	}
	for _, p := range []struct {
		path string
		p    Period
	}{{"maximum_provision.period", d.Provision.Period}, {"debt.period", d.Debt.Period}, {"free_units.period", d.FreeUnits.Period}} {
		if !p.p.ok() {
			l.Add(p.path, "write day, week or month", "%q is not a period", p.p)
		}
	}
	if d.Restore != Automatic && d.Restore != Armed {
		l.Add("restore", "write automatic or armed", "%q is not a way to restore", d.Restore)
	}
	l.Under("friendly_hours", d.Friendly.Check())
	if d.Lockout.Tries < 1 || d.Lockout.Tries > 10 {
		l.Add("lockout.tries", "write 1 to 10", "%d tries", d.Lockout.Tries)
	}
	if d.Lockout.First < time.Second {
		l.Add("lockout.first", "write 1s or more", "%s is too short to slow anybody down", d.Lockout.First)
	}
	if d.Lockout.Longest < d.Lockout.First || d.Lockout.Longest > 24*time.Hour {
		l.Add("lockout.longest", "write at least lockout.first and at most 24h", "%s is not a longest wait", d.Lockout.Longest)
	}
	return l
}
