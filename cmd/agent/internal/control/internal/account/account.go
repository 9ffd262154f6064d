// Package account is what the site owes and has: the tariff's part of it and the
// credit.  Use, time and purchases come to charges here; credit.Engine makes the
// ledger's entries of them.
package account

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/charges"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// State is what is remembered of the account.
type State struct {
	Tariff  tariffs.Account `json:"tariff"`
	Elapsed time.Time       `json:"elapsed"` // charges by time are taken up to here
	Prices  *Prices         `json:"prices,omitempty"`
	// Rates are a utility's tariff documents, by the days from which they hold.  The list is
	// never changed: another one takes its place.
	Rates []Rates `json:"rates,omitempty"`
	// TariffSeen is the local day on which the tariff's figures were last looked
	// at for what is doubtful.
	TariffSeen time.Time      `json:"tariff_seen,omitzero"`
	Credit     credit.Account `json:"credit"`

	laid *laid // nil where it has to be made again
}

// Rules are how the account is kept.
type Rules struct {
	Engine *credit.Engine
	Tariff *tariffs.Tariff // of the configuration
	// Read reads the text of a tariff document; nil: nobody sends any.
	Read func(text string) (tariffs.Document, error)
	// PricesFor is how long after its arrival a pushed price document may still
	// begin to price a slot; 0: for as long as its slots last.
	PricesFor time.Duration
	InKWh     bool // the account is kept in kWh
	// KWhPrice is what a kWh of a kWh account is worth in the tariff's currency,
	// for its charges on purchases; 0: the vendor has taken them.
	KWhPrice units.Price
}

// Elapse is the charges by time up to to, of an account whose charges are taken up
// to from, and up to where they are taken then.
type Elapse func(t *tariffs.Tariff, acc tariffs.Account, from, to time.Time) (tariffs.Account, time.Time, []tariffs.Item)

// Consume costs one piece of consumption that lies within one interval, with what
// falls due by time up to its end; elapse is nil where that waits.  period is the
// tariff's, at its beginning.
func (r Rules) Consume(s State, c metering.Consumption, elapse Elapse) (next State, entries []credit.Entry, period string) {
	tariff := r.TariffOf(s)
	acc, items := tariff.ConsumeReading(s.Tariff, tariffs.Reading{From: c.From, To: c.To, Energy: c.Import, Reactive: c.Reactive})
	if c.Export > 0 {
		var sold []tariffs.Item
		acc, sold = tariff.Consume(acc, c.From, c.To, -c.Export)
		items = append(items, sold...)
	}
	if c.To.After(s.Elapsed) && elapse != nil {
		var due []tariffs.Item
		acc, s.Elapsed, due = elapse(tariff, acc, s.Elapsed, c.To)
		items = append(items, due...)
	}
	s.Tariff = acc
	_, period = tariff.PriceAt(s.Tariff, c.From)
	s.Credit, entries = r.Engine.Accrue(s.Credit, c.To, charges.Of(items, c.Import)...)
	return s, entries, period
}

// Settle posts what a finished interval came to.
func (r Rules) Settle(s State, slot units.Slot) (State, []credit.Entry) {
	var entries []credit.Entry
	s.Credit, entries = r.Engine.Settle(s.Credit, slot.End(), slot.Start.UTC().Format(time.RFC3339))
	return s, entries
}

// PutRight takes charges by time that waited, and gives back after that what was
// charged wrongly, for a reason.
func (r Rules) PutRight(s State, now time.Time, take, back []credit.Charge, reason string) (State, []credit.Entry) {
	var taken, given []credit.Entry
	if len(take) > 0 {
		s.Credit, taken = r.Engine.Accrue(s.Credit, now, take...)
	}
	if len(back) > 0 {
		s.Credit, given = r.Engine.GiveBack(s.Credit, now, back, reason)
	}
	return s, append(taken, given...)
}

// Exports tells whether the tariff pays for energy that flows out.
func (r Rules) Exports(s State) bool {
	for _, v := range r.Documents(s).Document().Versions {
		if len(v.Export) > 0 {
			return true
		}
	}
	return false
}
