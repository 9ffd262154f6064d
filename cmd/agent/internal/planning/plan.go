package planning

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
)

// Plan is what should run when, as the loop keeps it and the page shows it.
// Its slots are PlanSlot long from Start.
type Plan struct {
	MadeAt time.Time     `json:"made_at"`
	Start  time.Time     `json:"start"`
	Slot   time.Duration `json:"slot"`

	Prices []units.Price `json:"prices"` // of the next kWh in each slot, taxes included
	Low    []units.Power `json:"low"`    // base load: 10, 50 and 90 % of futures stay below
	Mid    []units.Power `json:"mid"`
	High   []units.Power `json:"high"`
	Loads  []LoadPlan    `json:"loads"` // those that are scheduled, in the site's order

	Cost      units.Money   `json:"cost"`      // of all use over the slots
	Unshifted units.Money   `json:"unshifted"` // had each load run as soon as it could
	Gap       float64       `json:"gap"`       // the proven distance from the optimum, as a share
	Solved    time.Duration `json:"solved"`    // how long it took, real time
	Short     []Shortfall   `json:"short,omitempty"`
	Awaits    []Awaited     `json:"awaits,omitempty"` // loads that go without until credit is bought

	RunOut  RunOut       `json:"run_out"`
	Outlook Outlook      `json:"outlook,omitzero"`
	Outlast *Outlast     `json:"outlast,omitempty"` // nil: nobody asks how long the credit is to last
	Buys    units.Energy `json:"buys"`              // about what the balance buys from now on
	OwnDays float64      `json:"own_days"`
	// NotEmpty: somebody has told that nobody is there, and as much is used as where somebody is.
	NotEmpty bool `json:"not_empty,omitempty"`
}

// LoadPlan is one load's part of a Plan.
type LoadPlan struct {
	ID    string        `json:"id"`
	Power []units.Power `json:"power"`
	Why   *Reason       `json:"reason,omitempty"`
	Cost  units.Money   `json:"cost"` // of its energy over the slots, at Prices
}

// Reason is why a load runs when it does, in figures: the words are for those
// who show it.
type Reason struct {
	Start time.Time   `json:"start,omitzero"` // of its first run; zero: none is planned
	Price units.Price `json:"price"`          // of a kWh at Start
	// Extra is what running it at once would cost on top, and Sooner by how much
	// sooner the credit would end; only where Possible.
	Possible bool          `json:"possible,omitempty"`
	Extra    units.Money   `json:"extra,omitempty"`
	Sooner   time.Duration `json:"sooner,omitempty"`
	Opens    time.Time     `json:"opens,omitzero"` // its own hours begin then; zero: they have begun
	Rests    time.Time     `json:"rests,omitzero"` // it runs when it is asked again, which took nothing when it was on last; zero: that is not why
	// Earlier is the best start before Start, and EarlierExtra what it would cost
	// on top; zero: there is none.
	Earlier      time.Time   `json:"earlier,omitzero"`
	EarlierExtra units.Money `json:"earlier_extra,omitempty"`
	// Moved is the start, announced and near, from which the run was moved, and Gain what
	// its energy costs less at Start; zero: it was not.  A Gain of 0 says that it was not
	// money: it is another run, or there was no room for it.
	Moved time.Time   `json:"moved,omitzero"`
	Gain  units.Money `json:"gain,omitempty"`
}

// Shortfall is something that a plan does without.
type Shortfall struct {
	Kind   optimizer.ShortfallKind `json:"kind"`
	Load   string                  `json:"load,omitempty"`   // its id
	At     time.Time               `json:"at"`               // when it begins
	Time   time.Duration           `json:"time,omitempty"`   // of running that is missing
	Energy units.Energy            `json:"energy,omitempty"` // that is missing, of a load that is told powers
	Amount float64                 `json:"amount,omitempty"`
	Unit   string                  `json:"unit,omitempty"` // of Amount
	Cause  ShortCause              `json:"cause,omitempty"`
}

// Awaited is a load that goes without because its light is worth more, until credit is
// bought: that is likely enough, in time, not to be a Shortfall.
type Awaited struct {
	Load string    `json:"load"` // its id
	At   time.Time `json:"at"`   // by then something is bought in half of the futures
}

// ShortCause is why a load goes short; "" where that is not known.
type ShortCause string

// The causes.
const (
	ShortOfCredit ShortCause = "credit" // the credit is not enough for it
	ShortOfHours  ShortCause = "hours"  // its hours are too short
	ShortOfBoth   ShortCause = "both"   // for a part of it the hours are too short, for another the credit is not enough
)

// RunOut is when the credit is expected to end.
type RunOut struct {
	Known  bool      `json:"known"`
	Beyond bool      `json:"beyond,omitempty"` // most futures outlast the horizon, which is Mid
	Early  time.Time `json:"early,omitzero"`   // one future in ten has run out by then
	Mid    time.Time `json:"mid,omitzero"`
	Late   time.Time `json:"late,omitzero"` // nine in ten; zero: beyond the horizon
}

// Ends is where the plan's slots end.
func (p *Plan) Ends() time.Time { return p.Start.Add(time.Duration(len(p.Prices)) * p.Slot) }

// At is the slot that holds now; false where the plan does not reach it.
func (p *Plan) At(now time.Time) (int, bool) {
	if now.Before(p.Start) || p.Slot <= 0 {
		return 0, false
	}
	i := int(now.Sub(p.Start) / p.Slot)
	return i, i < len(p.Prices)
}

// draws tells whether load i of the plan has power at an instant.
func (p *Plan) draws(i int, at time.Time) bool {
	return p.powerAt(i, at) > 0
}

// powerAt is the power of load i of the plan at an instant; 0 where it says nothing of it.
func (p *Plan) powerAt(i int, at time.Time) units.Power {
	if k, ok := p.At(at); ok && k < len(p.Loads[i].Power) {
		return p.Loads[i].Power[k]
	}
	return 0
}

// Reaches tells whether the plan says anything about now.
func (p *Plan) Reaches(now time.Time) bool {
	_, ok := p.At(now)
	return ok
}

// Setpoint is what the plan has the load do now: the power of the run under way.
func (p *Plan) Setpoint(id string, now time.Time) loads.Setpoint {
	t, ok := p.At(now)
	if !ok {
		return loads.Setpoint{}
	}
	for _, l := range p.Loads {
		if l.ID == id && t < len(l.Power) && l.Power[t] != 0 {
			return loads.Setpoint{On: true, Power: l.Power[t]}
		}
	}
	return loads.Setpoint{}
}

// Beside is what is planned of a load now, given below zero, and what the site is expected to draw without it;
// false where nothing is planned of it.
func (p *Plan) Beside(id string, now time.Time) (power, net units.Power, planned bool) {
	t, ok := p.At(now)
	if !ok {
		return 0, 0, false
	}
	net = p.Mid[t]
	for _, l := range p.Loads {
		switch {
		case t >= len(l.Power):
		case l.ID == id:
			power, planned = l.Power[t], true
		default:
			net += l.Power[t]
		}
	}
	return power, net, planned
}

// Run is the load's run under way at now or the next one, and what its energy
// costs; the times are zero where the plan has none.
func (p *Plan) Run(id string, now time.Time) (from, to time.Time, cost units.Money) {
	at := slices.IndexFunc(p.Loads, func(l LoadPlan) bool { return l.ID == id })
	first, reached := p.At(now)
	if at < 0 || !reached {
		return from, to, 0
	}
	power := p.Loads[at].Power
	for t := first; t < len(power); t++ {
		if power[t] == 0 {
			continue
		}
		end := t
		for ; end < len(power) && power[end] != 0; end++ {
			cost += p.Prices[end].Cost(power[end].Over(p.Slot))
		}
		return p.Start.Add(time.Duration(t) * p.Slot), p.Start.Add(time.Duration(end) * p.Slot), cost
	}
	return from, to, 0
}

// Fits tells whether every load of the plan is still one of the site's.
func (p *Plan) Fits(all []loads.Load) bool {
	for _, l := range p.Loads {
		if !slices.ContainsFunc(all, func(o loads.Load) bool { return o.ID == l.ID && o.Defer }) {
			return false
		}
	}
	return true
}

// priceIs tells whether the plan was made with a price in the slot of an instant, but for
// a hundredth.
func (p *Plan) priceIs(at time.Time, price units.Price) bool {
	i, ok := p.At(at)
	if !ok {
		return false
	}
	off := max(price-p.Prices[i], p.Prices[i]-price)
	return off <= max(price, -price)/100
}
