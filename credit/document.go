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
	// What the account is kept in: money, or kwh. Take what your tokens are sold in.
	// Example: money
	Mode Mode `yaml:"mode"`
	// What a kWh is worth in the account's currency, for what is not in the account's unit: tokens of kWh
	// in an account of money, charges of money in an account of kWh. 0: nothing is converted.
	// Example: 2.6
	KWhPrice units.Price `yaml:"kwh_price"`
	// Credit that a new account begins with, in its unit: what your meter shows on the day of the change.
	// It counts once, when the data folder is new.
	// Example: 57.30
	Opening units.Money `yaml:"opening"`
	// Credit at which a low-credit warning is given, one after another, in the account's unit.
	// Example: [25, 10]
	WarnAt []units.Money `yaml:"warn_at"`
	// The greatest balance that a top-up may lead to; a token beyond it is refused and stays good. 0 is no
	// limit.
	// Example: 5000
	MaximumBalance units.Money `yaml:"maximum_balance"`
	// The most that may be topped up in a period.
	// Example: {amount: 2000, period: month}
	Provision ProvisionDocument `yaml:"maximum_provision"`
	// Credit that is lent when the balance is spent, and paid back by the next top-up.
	// Example: {amount: 20, offer_below: 10}
	Emergency EmergencyDocument `yaml:"emergency"`
	// How debts are paid back from top-ups or with time.
	// Example: {share_percent: 25, period: month, cap: 200}
	Debt DebtDocument `yaml:"debt"`
	// A grant of credit in each period, such as a free basic allowance.
	// Example: {amount: 50, period: month}
	FreeUnits FreeDocument `yaml:"free_units"`
	// Hours in which a supply that had credit when they began is not cut for want of credit. What is used
	// then is owed.
	// Example: {windows: [{days: [mon, tue, wed, thu, fri], from: "18:00", to: "10:00"}], special_days: [2026-12-25]}
	Friendly FriendlyDocument `yaml:"friendly_hours"`
	// What follows when there is credit again: automatic closes the supply; armed waits until somebody
	// presses Reconnect on the page. Take armed where something dangerous could be left on.
	// Example: armed
	Restore Restore `yaml:"restore"`
	// After a cut for want of credit the available credit must be above this before the supply may come
	// back, in the account's unit.
	// Example: 5
	RestoreAbove units.Money `yaml:"restore_above"`
	// How guessing of tokens is slowed down. Each way of entry has a lock of its own.
	// Example: {tries: 3, first: 10s, longest: 20m}
	Lockout LockoutDocument `yaml:"lockout"`
}

// EmergencyDocument is credit lent when the balance runs low.
type EmergencyDocument struct {
	// How much is lent, in the account's unit. 0: nothing is.
	// Example: 20
	Amount units.Money `yaml:"amount"`
	// It is offered while the available credit is at or below this, in the account's unit, and less is owed
	// than would be lent.
	// Example: 10
	OfferBelow units.Money `yaml:"offer_below"`
	// Whether it is taken without asking when the balance is spent.
	// Example: true
	Automatic bool `yaml:"automatic"`
	// While no credit of your own is left, charges for time become debt and do not eat what was lent.
	// Example: true
	SuspendStanding bool `yaml:"suspend_standing"`
}

// DebtDocument says how debts are recovered.
type DebtDocument struct {
	// Share of each top-up that goes to debts, in percent, 0 to 100.
	// Example: 25
	SharePercent int64 `yaml:"share_percent"`
	// The most that is taken by share in a period, in the account's unit. 0 is no limit.
	// Example: 200
	Cap units.Money `yaml:"cap"`
	// The period of cap and by_time, local: day, week or month.
	// Example: month
	Period Period `yaml:"period"`
	// What is paid back each period whatever is bought, in the account's unit. 0 is nothing.
	// Example: 15
	ByTime units.Money `yaml:"by_time"`
}

// ProvisionDocument limits how much can be bought in a period.
type ProvisionDocument struct {
	// The most, in the account's unit. 0 is no limit.
	// Example: 2000
	Amount units.Money `yaml:"amount"`
	// The period, local: day, week or month.
	// Example: month
	Period Period `yaml:"period"`
}

// FreeDocument is a grant of free units each period (time-based credit).
type FreeDocument struct {
	// How much is granted, in the account's unit. 0: nothing is.
	// Example: 50
	Amount units.Money `yaml:"amount"`
	// The period, local: day, week or month.
	// Example: month
	Period Period `yaml:"period"`
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
	// Wrong tokens before the first lock, 1 to 10.
	// Example: 3
	Tries int `yaml:"tries"`
	// Length of the first lock; each further wrong token doubles it.
	// Example: 10s
	First time.Duration `yaml:"first"`
	// The longest that doubling leads to, up to 24h.
	// Example: 20m
	Longest time.Duration `yaml:"longest"`
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
