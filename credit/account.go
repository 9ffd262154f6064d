package credit

import (
	"encoding/json"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Account is all that the rules remember between two instants: the fold over
// the ledger, and the states that no sum can give.  It is a value: operations
// answer a new one and leave theirs as it was.  It goes through encoding/json
// and back unchanged, and is stored in the transaction of its entries.
type Account struct {
	Meter   string      `json:"meter"` // the meter number that cards and tokens are bound to
	Head    Head        `json:"head"`  // the last entry posted
	Pending []Pending   `json:"pending"`
	Since   time.Time   `json:"since"`   // when Pending began
	Balance units.Money `json:"balance"` // posted; see Available
	// Rest is energy used in a kWh account that is less than its millionth.
	Rest  units.Energy `json:"rest"`
	Debts []DebtState  `json:"debts"`

	Emergency EmergencyState `json:"emergency"`
	Recovered Tally          `json:"recovered"` // debt recovered by share in its period
	// Instalment is where recovery by time stands.
	Instalment Instalment    `json:"instalment,omitzero"`
	Bought     Tally         `json:"bought"` // credit bought in the period of the maximum provision
	Free       time.Time     `json:"free"`   // the period whose free units were given
	Charged    []ChargedTo   `json:"charged"`
	Unlocked   bool          `json:"unlocked"` // paid off: never cut for credit
	Limit      units.Power   `json:"limit"`    // power limit by token; 0 is none
	Phase      units.Power   `json:"phase"`    // phase unbalance limit by token; 0 is none
	Tariff     int64         `json:"tariff"`   // rate number by token
	Tampered   bool          `json:"tampered"` // until a token clears it
	Schemes    []SchemeState `json:"schemes"`
	// Locks slow down guessing, each on one way of entry; a way that nothing was
	// done wrong on has none.
	Locks  []LockState `json:"locks"`
	Supply SupplyState `json:"supply"`
	Clock  time.Time   `json:"clock"` // the instant of the last operation
	// Doubt: the clock was set back from Before, and has this much powered time
	// to go before it is believed again.
	Doubt time.Duration `json:"doubt"`
	// Unset: the account is so young that the clock may not have been set yet:
	// nothing is given by the calendar, and no hours are friendly.
	Unset  bool      `json:"unset"`
	Before time.Time `json:"before"`
}

// Pending is a charge that has been used up but not yet posted.
type Pending struct {
	Charge Charge `json:"charge"`
	Owed   bool   `json:"owed"` // it becomes debt, not a charge on the balance
}

// Charge is something to pay, as the tariff worked it out.
type Charge struct {
	Name   string       `json:"name"`   // as the bill shows it
	Kind   Kind         `json:"kind"`   // Consumption, Export, Standing, Demand, Levy or Tax
	Amount units.Money  `json:"amount"` // what it costs with its tax; negative pays the customer
	Tax    units.Money  `json:"tax"`    // the part of Amount that is tax
	Energy units.Energy `json:"energy"` // what it is for
	// Period is the start of the day or month that a charge by time is for.
	// A charge of the same name is taken once a period, and never for a period
	// before the last one taken, whatever the clock does.  Zero: not by time.
	Period time.Time `json:"period"`
}

// DebtState is one debt.
type DebtState struct {
	Name   string      `json:"name"`
	Amount units.Money `json:"amount"`
	Share  bool        `json:"share"` // recovered by a share of each top-up, not all at once
}

// EmergencyState is where the emergency credit stands.
type EmergencyState struct {
	Stage Stage       `json:"stage"`
	Limit units.Money `json:"limit"` // how much was lent
}

// Stage of the emergency credit.
type Stage string

// Not taken, taken, and spent: spent it is offered again only when paid back.
const (
	NotTaken Stage = ""
	Taken    Stage = "taken"
	Spent    Stage = "spent"
)

// Tally is an amount that starts afresh each period.
type Tally struct {
	From   time.Time   `json:"from"`
	Amount units.Money `json:"amount"`
}

// ChargedTo is the last period for which a charge by time was taken.
type ChargedTo struct {
	Name   string    `json:"name"`
	Period time.Time `json:"period"`
}

// SchemeState is what a token scheme remembers.
type SchemeState struct {
	Name  string          `json:"name"`
	State json.RawMessage `json:"state"`
}

// Accrued is what has been used up but not yet posted, as the balance sees it.
func (a Account) Accrued() units.Money {
	var sum units.Money
	for _, p := range a.Pending {
		if !p.Owed {
			sum, _ = add(sum, p.Charge.Amount)
		}
	}
	return sum
}

// Available is the credit that is left: posted less accrued.  Below zero it is
// what emergency credit or friendly hours have lent.
func (a Account) Available() units.Money { return a.Balance - a.Accrued() }

// Debt is all debts together, accrued ones included.
func (a Account) Debt() units.Money {
	var sum units.Money
	for _, d := range a.Debts {
		sum, _ = add(sum, d.Amount)
	}
	for _, p := range a.Pending {
		if p.Owed {
			sum, _ = add(sum, p.Charge.Amount)
		}
	}
	return sum
}

// Floor is the available credit at which the supply is spent: zero, or minus
// the emergency credit that was taken.
func (a Account) Floor() units.Money {
	if a.Emergency.Stage == NotTaken {
		return 0
	}
	return -a.Emergency.Limit
}

// Left is what can still be used before the supply is spent, never negative.
func (a Account) Left() units.Money { return max(0, a.Available()-a.Floor()) }

// EmergencyUsed is how much of the emergency credit is used and must be paid back.
func (a Account) EmergencyUsed() units.Money {
	return min(a.Emergency.Limit, max(0, -a.Available()))
}

// scheme is the state of the scheme name, nil where it has none yet.
func (a Account) scheme(name string) json.RawMessage {
	for _, s := range a.Schemes {
		if s.Name == name {
			return s.State
		}
	}
	return nil
}

// withScheme is a with the state of one scheme replaced.
func (a Account) withScheme(name string, state json.RawMessage) Account {
	out := make([]SchemeState, 0, len(a.Schemes)+1)
	found := false
	for _, s := range a.Schemes {
		if s.Name == name {
			s.State, found = state, true
		}
		out = append(out, s)
	}
	if !found {
		out = append(out, SchemeState{name, state})
	}
	a.Schemes = out
	return a
}
