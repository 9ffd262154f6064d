// Package statement is an account as people read it: the entries of its ledger
// folded into hours, days and months, and from one top-up to the next.  It adds
// up; it decides nothing.
package statement

import (
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// Part is what one charge, or one kind of movement, comes to.
type Part struct {
	Kind    credit.Kind
	Name    string       // of the charge or debt; "" where the kind says all
	Amount  units.Money  // + credit, - charge
	Tax     units.Money  // the part of Amount that is tax, same sign
	Owed    units.Money  // by how much the debt Name grew; below zero: it was paid
	Energy  units.Energy // exported energy is negative
	Entries int
}

// Sum is what a stretch of the account comes to.
type Sum struct {
	Parts   []Part       // charges first, in the order in which they were met
	Charged units.Money  // taken for energy, time and demand, less what was earned by energy sold; above zero
	Fixed   units.Money  // the part of Charged that is for time and purchases, whatever is used
	Bought  units.Money  // top-ups
	Debts   units.Money  // paid of debts; above zero
	Other   units.Money  // what else moved the balance: gifts, refunds, corrections, an opening
	Energy  units.Energy // used
	Sold    units.Energy
	Entries int
}

// Moved is by how much the balance changed.
func (s *Sum) Moved() units.Money { return s.Bought + s.Other - s.Charged - s.Debts }

// Charge tells whether a kind is a charge of the tariff.
func Charge(k credit.Kind) bool {
	switch k {
	case credit.Consumption, credit.Export, credit.Standing, credit.Demand, credit.Levy, credit.Tax:
		return true
	}
	return false
}

// Add takes an entry in.
func (s *Sum) Add(e credit.Entry) {
	s.Entries++
	switch {
	case Charge(e.Kind):
		s.Charged -= e.Amount
		if e.Kind == credit.Standing {
			s.Fixed -= e.Amount
		}
	case e.Kind == credit.Topup:
		s.Bought += e.Amount
	case e.Kind == credit.Debt:
		s.Debts -= e.Amount
	default:
		s.Other += e.Amount
	}
	s.Energy += max(0, e.Energy)
	s.Sold += max(0, -e.Energy)
	if e.Amount == 0 && e.Owed == 0 && e.Energy == 0 {
		return // a notice, the supply: no part of a sum
	}
	name := ""
	if Charge(e.Kind) || e.Kind == credit.Debt {
		name = e.Name
	}
	p := s.part(e.Kind, name)
	p.Amount += e.Amount
	p.Tax += e.Tax
	p.Owed += e.Owed
	p.Energy += e.Energy
	p.Entries++
}

// Join takes in what another sum has.
func (s *Sum) Join(o *Sum) {
	s.Charged += o.Charged
	s.Fixed += o.Fixed
	s.Bought += o.Bought
	s.Debts += o.Debts
	s.Other += o.Other
	s.Energy += o.Energy
	s.Sold += o.Sold
	s.Entries += o.Entries
	for _, p := range o.Parts {
		mine := s.part(p.Kind, p.Name)
		mine.Amount += p.Amount
		mine.Tax += p.Tax
		mine.Owed += p.Owed
		mine.Energy += p.Energy
		mine.Entries += p.Entries
	}
}

// part is the sum's own part of a kind and name, put in where there is none.
func (s *Sum) part(k credit.Kind, name string) *Part {
	i := slices.IndexFunc(s.Parts, func(p Part) bool { return p.Kind == k && p.Name == name })
	if i < 0 {
		i = len(s.Parts)
		if Charge(k) { // before what is none
			i = sort.Search(len(s.Parts), func(i int) bool { return !Charge(s.Parts[i].Kind) })
		}
		s.Parts = slices.Insert(s.Parts, i, Part{Kind: k, Name: name})
	}
	return &s.Parts[i]
}

// Span is a stretch of time of the account.
type Span struct {
	From, To         time.Time // [From, To)
	Opening, Closing units.Money
	Sum
}

// Whole is spans that follow each other as one.
func Whole(spans []Span) Span {
	var out Span
	for i := range spans {
		if i == 0 {
			out.From, out.Opening = spans[i].From, spans[i].Opening
		}
		out.To, out.Closing = spans[i].To, spans[i].Closing
		out.Join(&spans[i].Sum)
	}
	return out
}

// When is the instant that an entry belongs to: what was used within an interval
// is posted at its end and belongs to its start, so that the last half hour of a
// day is in the day.
func When(e credit.Entry) time.Time {
	if Charge(e.Kind) || e.Kind == credit.Debt {
		if start, err := time.Parse(time.RFC3339, e.Ref); err == nil {
			return start.UTC()
		}
	}
	return e.At
}

// Cut folds entries, in the order of the ledger, into the spans between bounds,
// which rise.  before is the ledger's last entry ahead of them, the zero Entry
// where there is none.  The closing of each span is the opening of the next.
func Cut(before credit.Entry, entries iter.Seq2[credit.Entry, error], bounds []time.Time) ([]Span, error) {
	if len(bounds) < 2 {
		return nil, nil
	}
	spans := make([]Span, len(bounds)-1)
	for i := range spans {
		spans[i].From, spans[i].To = bounds[i], bounds[i+1]
	}
	opening, first := before.Balance, true
	for e, err := range entries {
		if err != nil {
			return nil, err
		}
		if first {
			opening, first = e.Balance-e.Amount, false
		}
		at := When(e)
		if at.Before(bounds[0]) {
			opening += e.Amount
			continue
		}
		if i := sort.Search(len(spans), func(i int) bool { return spans[i].To.After(at) }); i < len(spans) {
			spans[i].Add(e)
		}
	}
	for i := range spans {
		spans[i].Opening = opening
		opening += spans[i].Moved()
		spans[i].Closing = opening
	}
	return spans, nil
}

// Days are the local midnights from the one of from to the first at or after to.
func Days(from, to time.Time, loc *time.Location) []time.Time {
	bounds := []time.Time{units.LocalMidnight(from, loc).UTC()}
	for last := bounds[0]; last.Before(to); bounds = append(bounds, last) {
		last = units.NextLocalMidnight(last, loc).UTC()
	}
	return bounds
}

// Hours are the full hours of the clock of the local day that an instant lies in:
// 24 and 25 bounds on most days.
func Hours(day time.Time, loc *time.Location) []time.Time {
	from := units.LocalMidnight(day, loc).UTC()
	to := units.NextLocalMidnight(from, loc).UTC()
	var bounds []time.Time
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		bounds = append(bounds, at)
	}
	return append(bounds, to)
}

// Purchase is a top-up, what it paid before it became credit, and what came until
// the next one.
type Purchase struct {
	Seq    uint64
	At     time.Time
	Way    string // by which it came
	Ref    string // the token's name in the ledger
	Amount units.Money
	Paid   []Part      // at the purchase: debts, charges on it; amounts below zero, a rebate above
	Left   units.Money // of Amount after Paid
	Until  time.Time   // the next top-up; zero: it is the last
	Since  Sum         // what came between, Paid left out
}

// Lasted is how long it was until the next top-up, or has been by now.
func (p *Purchase) Lasted(now time.Time) time.Duration {
	if !p.Until.IsZero() {
		now = p.Until
	}
	return max(0, now.Sub(p.At))
}

// Purchases folds entries, in the order of the ledger, into the top-ups among
// them, the oldest first.
func Purchases(entries iter.Seq2[credit.Entry, error]) ([]Purchase, error) {
	var out []Purchase
	var paid Sum
	for e, err := range entries {
		if err != nil {
			return nil, err
		}
		last := len(out) - 1
		switch {
		case e.Kind == credit.Topup:
			if last >= 0 {
				out[last].Until = e.At
			}
			paid = Sum{}
			out = append(out, Purchase{Seq: e.Seq, At: e.At, Way: e.Name, Ref: e.Ref, Amount: e.Amount, Left: e.Amount})
		case last < 0:
		case e.Ref != "" && e.Ref == out[last].Ref && (Charge(e.Kind) || e.Kind == credit.Debt):
			paid.Add(e)
			out[last].Paid = paid.Parts
			out[last].Left += e.Amount
		default:
			out[last].Since.Add(e)
		}
	}
	return out, nil
}
