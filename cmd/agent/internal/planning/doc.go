// Package planning makes plans: a Brief in, a Plan out.  It foresees the base load, asks
// the tariff what energy will cost, the optimizer when the loads had best run, and many
// futures when the credit ends.  It knows nothing of the State or the loop; who has them
// writes the Brief.  A plan is a wish: nothing that protects waits for it.
package planning

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
)

// Rules are what plans follow that does not change while a planner runs.
type Rules struct {
	ID     string // of the site
	Zone   *time.Location
	Tariff *tariffs.Tariff // of the configuration: what was sent besides is the Brief's
	// ReadTariff reads the text of a tariff document; nil: nobody sends any.
	ReadTariff func(text string) (tariffs.Document, error)
	InKWh      bool // the account is kept in kWh
	Loads      []loads.Load
	Power      units.Power // greatest import allowed; 0 is no limit

	Interval   time.Duration // of the readings that are learned from
	Slot       time.Duration // of plans
	Ahead      time.Duration // how far a plan reaches
	RunOutOver time.Duration // how far ahead the end of credit is looked for
	Shift      bool          // false: loads run as soon as they may, for comparison
	ByLot      bool          // true: what costs the same at several times is laid by lot among them
	Seed       uint64

	// Vendor is when credit can be bought; none: at any time.
	Vendor civil.Week

	// Friendly tells whether the supply is not cut for want of credit at an instant;
	// nil: it always is.
	Friendly func(time.Time) bool

	Circuits []loads.Circuit // that loads hang on

	unasked bool // nobody asks for the Outlook
}

// Brief is what one plan is made from besides the Rules and what the planner has
// learned: the site as it stands at Now.
type Brief struct {
	Now      time.Time        `json:"now"`
	Account  tariffs.Account  `json:"account"`
	Prices   *tariffs.Overlay `json:"prices,omitempty"` // pushed; nil: none
	Rates    []Rates          `json:"rates,omitempty"`  // documents that a utility has sent
	Left     units.Money      `json:"left"`             // credit, in the account's unit
	Unlocked bool             `json:"unlocked,omitempty"`
	// Dues are instalments of debts that will be taken from the credit, in the order of
	// time and in the account's unit.
	Dues []Due `json:"dues,omitempty"`
	// Lends is what is lent of itself when Left is used up.
	Lends     units.Money `json:"lends,omitempty"`
	Purchases *Purchases  `json:"purchases,omitempty"` // how credit is bought here; nil: nothing is known
	Loads     []Owed      `json:"loads,omitempty"`
	Unshifted bool        `json:"unshifted,omitempty"` // a person asks that loads run as soon as they may
	Until     time.Time   `json:"until,omitzero"`      // a person asks that the credit lasts until then; zero: nobody does
	Last      *Plan       `json:"last,omitempty"`      // in force
	// Expected is what somebody has told of the use in times to come, and under way.
	Expected []forecast.Expected `json:"expected,omitempty"`
	// Limits are what may be drawn at times, besides Rules.Power: known now, in order of time.
	Limits []Limit `json:"limits,omitempty"`

	laid *tariffs.Tariff // documents and prices laid over the tariff; nil: they are laid where they are asked for
}

// Limit is the greatest import allowed in a time.
type Limit struct {
	From  time.Time   `json:"from"`
	To    time.Time   `json:"to"`
	Power units.Power `json:"power"`
	Loads bool        `json:"loads,omitempty"` // of what is planned together, whatever the house draws besides
	Of    []string    `json:"of,omitempty"`    // of what these loads draw together, and of nothing else
}

// LimitIn is the least of the limits of the whole site that hold in a part of a slot, and of the
// site's own; 0: there is none.
func LimitIn(slot units.Slot, own units.Power, limits []Limit) units.Power {
	return limitIn(slot, own, limits, false)
}

func limitIn(slot units.Slot, own units.Power, limits []Limit, ofLoads bool) units.Power {
	least := own
	for _, l := range limits {
		if l.Of == nil && l.Loads == ofLoads && l.From.Before(slot.End()) && l.To.After(slot.Start) && (least <= 0 || l.Power < least) {
			least = l.Power
		}
	}
	return least
}

// Due is what is taken from the credit at an instant, whatever is used.
type Due struct {
	At     time.Time   `json:"at"`
	Amount units.Money `json:"amount"`
}

// Owed is what one load is to get.
type Owed struct {
	ID        string          `json:"id"`
	Committed time.Time       `json:"committed,omitzero"` // it runs until then, whatever the plan says
	Power     units.Power     `json:"power,omitempty"`    // what it draws meanwhile; 0: the load's own
	Requests  []loads.Request `json:"requests,omitempty"`
	Stored    *Stored         `json:"stored,omitempty"` // kind battery: what it holds; nil: that is not known
	Later     []loads.Request `json:"later,omitempty"`  // of the days beyond the plan, up to Brief.Until
}

// Stored is what a battery holds.
type Stored struct {
	Energy units.Energy `json:"energy"`
}

// Rates is a tariff document that takes the place of the one before it from a day on.
type Rates struct {
	From tariffs.Date `json:"from"`
	Text string       `json:"text"`
}

// tariff is the tariff that holds with the Brief's documents and pushed prices.  Documents
// that cannot be read are left out, as the account leaves them out.
func (s *Rules) tariff(b *Brief) *tariffs.Tariff {
	if b.laid != nil {
		return b.laid
	}
	t := s.Tariff
	if next, err := Follow(t, b.Rates, s.ReadTariff); err == nil {
		t = next
	}
	if b.Prices == nil {
		return t
	}
	return t.WithPrices(*b.Prices)
}

// ErrNoReader says that tariff documents are not read here.
var ErrNoReader = errors.New("no tariff document can be read here")

// Follow is a tariff with documents that take its place, each from its day on.
func Follow(t *tariffs.Tariff, rates []Rates, read func(string) (tariffs.Document, error)) (*tariffs.Tariff, error) {
	if len(rates) == 0 {
		return t, nil
	}
	if read == nil {
		return nil, ErrNoReader
	}
	var by []tariffs.Successor
	for _, x := range rates {
		d, err := read(x.Text)
		if err != nil {
			return nil, err
		}
		by = append(by, tariffs.Successor{From: x.From, Document: d})
	}
	doc, err := t.Document().Followed(by...)
	if err != nil {
		return nil, err
	}
	return tariffs.New(doc)
}

// power is what the load draws while it is committed.
func (o Owed) power(l loads.Load) units.Power { return cmp.Or(o.Power, l.Power) }

// table is the prices of slots and what falls due by time in them, instalments of debts
// with it; used is the energy that is expected in them, nil where each is asked for.
func (s *Rules) table(b *Brief, slots []units.Slot, used []units.Energy) tariffs.Table {
	t := s.tariff(b).Table(b.Account, slots, used)
	for _, d := range b.Dues {
		if i := slices.IndexFunc(slots, func(s units.Slot) bool { return s.Contains(d.At) }); i >= 0 {
			t.Fixed[i] += d.Amount
		}
	}
	return t
}

// owed is what the load is to get.
func (b *Brief) owed(id string) Owed {
	for _, o := range b.Loads {
		if o.ID == id {
			return o
		}
	}
	return Owed{ID: id}
}
