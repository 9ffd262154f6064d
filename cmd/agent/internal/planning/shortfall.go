package planning

import (
	"slices"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
)

// served is the problem with no more asked for than the plan gives.
func served(p *optimizer.Problem, plan *optimizer.Plan) *optimizer.Problem {
	out := *p
	out.Loads = make([]optimizer.Load, 0, len(p.Loads))
	for _, l := range p.Loads {
		kw := plan.Loads[l.ID].KW
		on, sum := 0, 0.0
		for _, x := range kw {
			if x > 0 {
				on++
				sum += x * p.Hours()
			}
		}
		if on == 0 {
			continue
		}
		if l.OnOff != nil {
			some := *l.OnOff
			some.NeedSlots = on
			l.OnOff = &some
		}
		if l.Variable != nil {
			some := *l.Variable
			some.NeedKWh = sum
			l.Variable = &some
		}
		out.Loads = append(out.Loads, l)
	}
	return &out
}

// lack is what a job does without that the optimizer is not asked for, and why.
type lack struct {
	optimizer.Shortfall
	cause ShortCause
}

// lacks is what the job does without where it has so many of its parts, and not the further
// ones up to another number of them.
func (j job) lacks(has, of int, cause ShortCause) lack {
	a := j.asks()
	out := lack{optimizer.Shortfall{Kind: optimizer.ShortEnergy, Load: j.job.ID, Slot: max(0, a.from), Amount: float64(of - has), Unit: "slots"}, cause}
	switch {
	case j.job.Cycle != nil:
		out.Kind, out.Unit = optimizer.ShortSkip, "runs"
	case j.job.Variable != nil:
		out.Amount, out.Unit = 0, "kWh"
		for _, kw := range a.kw[has:of] {
			out.Amount += kw * j.hours
		}
	}
	return out
}

// outOfHours is what the hours of jobs are too short for of which a part is given up: of
// those of which none is the optimizer tells.
func outOfHours(asked, kept []job) (short []lack) {
	for _, j := range asked {
		a, parts := j.asks(), 0
		if room := max(0, a.room()); !a.whole && len(a.kw) > room {
			for _, k := range kept {
				if k.job.ID == j.job.ID || k.job.ID == j.job.ID+atLater {
					parts += len(k.asks().kw)
				}
			}
			if parts <= room {
				short = append(short, j.lacks(room, len(a.kw), ShortOfHours))
			}
		}
	}
	return short
}

// both is the cause of two shortfalls of one load.
func (c ShortCause) both(o ShortCause) ShortCause {
	known := func(c ShortCause) bool { return c == ShortOfCredit || c == ShortOfHours || c == ShortOfBoth }
	switch {
	case c == o:
		return c
	case known(c) && known(o):
		return ShortOfBoth
	}
	return "" // not one for all of it
}

// overLimit tells whether the base load alone is above the site's limit in a slot.
func overLimit(p *optimizer.Problem, slot int) bool {
	return slot < len(p.SiteLimitKW) && p.BaseKW[slot] > p.SiteLimitKW[slot]
}

// shortOf is why the plan gives a load less than it needs.
func (o outlook) shortOf(left units.Money, p *optimizer.Problem, plan *optimizer.Plan, l optimizer.Load) ShortCause {
	a := askedBy(l, p.Hours())
	if a.room() < len(a.kw) {
		return ShortOfHours
	}
	if p.Credit == nil {
		return ""
	}
	cost := o.cost(p, plan)
	if len(p.Scenarios) > 0 || cost >= left {
		return ShortOfCredit
	}
	// With it, at the best prices of its hours, the credit would not last.
	var prices []units.Price
	for t := max(0, a.from); t < min(a.to, p.N); t++ {
		prices = append(prices, o.price(&o.table, t))
	}
	slices.Sort(prices)
	for i := range min(len(a.kw), len(prices)) {
		cost += prices[i].Cost(units.FromKW(a.kw[i]).Over(o.slots[0].Len))
	}
	if cost >= left {
		return ShortOfCredit
	}
	return ""
}
