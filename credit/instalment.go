package credit

import (
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Instalment is the recovery of payment debts by time.
type Instalment struct {
	From time.Time   `json:"from"` // the period whose instalment has fallen due; zero: none yet
	Left units.Money `json:"left"` // fallen due and not taken yet
}

// instalment lets the instalment of a new period fall due, and takes it where
// there is more credit than that: recovery by time alone never ends the credit.
// What cannot be taken now the next top-up pays first.
//
// It begins with the period after the one in which the rule is first met, and a
// period that nobody was there for asks for nothing: a clock that leaps takes one
// instalment at the most.
func (p *posting) instalment() {
	rule := p.doc.Debt
	if rule.ByTime == 0 { // a rule that was taken away asks for nothing, and begins anew if it comes back
		p.Instalment = Instalment{}
		return
	}
	if p.Head.Seq == 0 || p.Unset {
		return
	}
	owed := p.shared()
	from := rule.Period.start(p.at, p.loc)
	switch {
	case p.Instalment.From.IsZero():
		p.Instalment.From = from
	case from.After(p.Instalment.From):
		p.Instalment.From = from
		p.Instalment.Left += rule.ByTime
	}
	if p.Instalment.Left = min(p.Instalment.Left, owed); p.Instalment.Left > 0 && p.Available() > p.Instalment.Left {
		p.takeInstalment(p.Instalment.Left, func(e Entry, amount units.Money) {
			e.Amount = -amount
			p.post(e)
		})
	}
}

// shared is the debts that are recovered by share and by time.
func (p *posting) shared() (sum units.Money) {
	for _, d := range p.Debts {
		if d.Share {
			sum += d.Amount
		}
	}
	return sum
}

// takeInstalment pays debts with what has fallen due, up to most.
func (p *posting) takeInstalment(most units.Money, take func(e Entry, amount units.Money)) {
	since := p.Instalment.From.In(p.loc).Format(time.DateOnly)
	for _, d := range slices.Clone(p.Debts) {
		if amount := min(most, p.Instalment.Left, d.Amount); d.Share && amount > 0 {
			take(Entry{Kind: Debt, Name: d.Name, Owed: -amount, Cause: fmt.Sprintf("instalment of the %s from %s towards %s", p.doc.Debt.Period, since, d.Name)}, amount)
			p.Instalment.Left -= amount
			most -= amount
		}
	}
}

// Foretell is what each of the next n top-ups of an amount pays of the debts,
// bought at once: how the share, what has fallen due and the cap of the period
// work out.  It ends with the debts.
func (e *Engine) Foretell(a Account, at time.Time, amount units.Money, n int) (toDebt []units.Money) {
	for range n {
		had := a.Debt()
		if had == 0 {
			break
		}
		after, ok := e.buy(a, at, amount, nil)
		if !ok {
			break
		}
		toDebt = append(toDebt, had-after.Debt())
		a = after
	}
	return toDebt
}

// Falling is an instalment that falls due.
type Falling struct {
	At     time.Time
	Amount units.Money
}

// Instalments are those that fall due after an instant, up to the end of another,
// where nothing else pays of the debts meanwhile.  One that had fallen due before is for
// the next top-up.
func (e *Engine) Instalments(a Account, at, until time.Time) (out []Falling) {
	rule := e.doc.Debt
	if rule.ByTime == 0 || a.Unset {
		return nil
	}
	owed := -a.Instalment.Left
	for _, d := range a.Debts {
		if d.Share {
			owed += d.Amount
		}
	}
	for from := rule.Period.next(at, e.loc); owed > 0 && from.Before(until); from = rule.Period.next(from, e.loc) {
		out = append(out, Falling{from, min(owed, rule.ByTime)})
		owed -= rule.ByTime
	}
	return out
}
