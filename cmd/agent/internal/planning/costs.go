package planning

import (
	"math"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/optimizer"
)

// costs are the prices that are no money of the site's, all counted by what energy costs:
// so they mean the same in every currency.
type costs struct {
	level   float64 // what a kWh costs in the mean
	dearest float64 // what one can cost at most, blocks and demand included
	short   float64 // a kWh of going short
}

const (
	unbroken    = 2.0   // of a slot's energy: so for a load that had rather run in one piece
	startShare  = 0.01  // of a slot's energy: what a start is worth avoiding
	laterShare  = 0.002 // of a kWh: what it is worth to have it now and not later
	smoothShare = 0.002 // of a slot's energy: what it is worth to run beside the least base load, not the greatest
	earlyShare  = 0.001 // of a slot's energy: what it is worth to run at once, not at the horizon's end
	lotShare    = 0.003 // of a slot's energy: what it is worth to run where the lot fell, not at the other end of the hours that cost the same; in place of the two before
	coolShare   = 0.01  // of a slot's energy, each hour: what heat loses until it is used
	stayShare   = 0.05  // of a slot's energy: what it must save to be moved
	soonShare   = 0.20  // the same where the start is near
	sunShare    = 0.30  // the same beside panels: what they will give is foreseen anew each half hour, and each hour of sun is as good as the next
)

// costs are those of a problem with its prices.
func (s *Rules) costs(o outlook, p *optimizer.Problem) costs {
	var k costs
	for _, x := range p.ImportPrice {
		k.level += math.Abs(x) / float64(p.N)
		k.dearest = max(k.dearest, x)
	}
	if !s.InKWh {
		for i := range o.table.Ladders {
			for _, r := range o.table.Ladders[i].Rungs {
				k.dearest += r.Adder.Float()
			}
		}
		for i, w := range p.Demand {
			k.dearest += s.perKWhOf(w, o.table.Demands[i].Interval)
		}
	}
	if k.level == 0 {
		k.level = 1 // nothing costs anything
	}
	k.dearest = max(k.dearest, k.level)
	// Going short must cost more than any price, or a load would wait for ever.
	k.short = 5 * k.dearest
	return k
}

// prices fills what energy costs and what falls due by time.
func (s *Rules) prices(p *optimizer.Problem, o outlook) {
	for t := range p.N {
		if s.InKWh { // the account is spent by energy, whatever the hour
			p.ImportPrice[t] = 1
			continue
		}
		in, out := o.table.Import[t].Float(), o.table.Export[t].Float()
		if out > in && o.mid[t] < 0 {
			in = out // what a load takes from the sun is not fed in
		}
		p.ImportPrice[t], p.ExportPrice[t] = in, min(in, out)
		if f := o.table.Fixed[t]; f != 0 {
			p.FixedCharges = append(p.FixedCharges, optimizer.FixedCharge{Slot: t, Amount: f.Float()})
		}
	}
	for _, kw := range p.PVKW {
		p.ExportLimitKW = max(p.ExportLimitKW, math.Ceil(kw))
	}
}

// aboveZero counts all prices from the least one, where some are below zero: the optimizer
// knows only others.  What is asked for is asked for whatever it costs, so that each plan
// costs so much more, and the best one stays the best.  Credit is counted in money as it
// is, and there a price below zero is none.
func aboveZero(p *optimizer.Problem) {
	least := 0.0
	for _, x := range p.ImportPrice {
		least = min(least, x)
	}
	if p.Credit != nil {
		least = 0
	}
	for t := range p.ImportPrice {
		p.ImportPrice[t] = max(0, p.ImportPrice[t]-least)
		p.ExportPrice[t] = min(p.ImportPrice[t], max(0, p.ExportPrice[t]-least))
	}
	for i := range p.Loads {
		if l := &p.Loads[i]; l.PriceCap > 0 {
			l.PriceCap -= least
		}
	}
}

// limit is the site's, less what the base load may be above its mean in one future of ten:
// what is planned beside it is not to trip the limit.  The greatest load may run beside
// the mean all the same, where the limit is so near: it would never run.
func (s *Rules) limit(b *Brief, o outlook, p *optimizer.Problem) {
	if s.Power <= 0 && len(b.Limits) == 0 && !s.keepsOn(b) {
		return
	}
	greatest, all := 0.0, 1.0
	for _, l := range s.Loads {
		if l.Defer {
			greatest = max(greatest, l.Least().KW())
		}
		all += l.Power.KW()
	}
	p.SiteLimitKW = make([]float64, p.N)
	for t := range p.SiteLimitKW {
		p.SiteLimitKW[t] = p.BaseKW[t] + all // more than can be
		if limit := LimitIn(o.slots[t], s.Power, b.Limits).KW(); limit > 0 {
			room := max(0, o.high[t]-max(0, o.mid[t]))
			p.SiteLimitKW[t] = max(limit-room, min(limit, p.BaseKW[t]+greatest))
		}
		if limit := limitIn(o.slots[t], 0, b.Limits, true).KW(); limit > 0 {
			p.SiteLimitKW[t] = min(p.SiteLimitKW[t], p.BaseKW[t]+limit)
		}
		if s.keepsOn(b) && o.isDark(b, t) {
			p.SiteLimitKW[t] = 0
		}
	}
}

// circuits are the limits of single loads and classes: of each set of loads what they may draw
// together in each slot, beside those of them that run whatever the plan says.
func (s *Rules) circuits(b *Brief, o outlook, p *optimizer.Problem, jobs []job) {
	for _, x := range b.Limits {
		name := "limit of " + strings.Join(x.Of, ", ")
		if x.Of == nil || slices.ContainsFunc(p.Circuits, func(c optimizer.Circuit) bool { return c.Name == name }) {
			continue
		}
		c := optimizer.Circuit{Name: name, LimitsKW: make([]float64, p.N)}
		for _, j := range jobs {
			if slices.Contains(x.Of, s.Loads[j.load].ID) {
				c.Loads = append(c.Loads, j.job.ID)
			}
		}
		all := s.greatest()
		for t, slot := range o.slots {
			c.LimitsKW[t] = all
			for _, y := range b.Limits {
				if slices.Equal(y.Of, x.Of) && y.From.Before(slot.End()) && y.To.After(slot.Start) {
					c.LimitsKW[t] = min(c.LimitsKW[t], y.Power.KW())
				}
			}
			for _, l := range s.Loads {
				if slices.Contains(x.Of, l.ID) {
					c.LimitsKW[t] -= b.owed(l.ID).power(l).KW() * share(slot, b.Now, b.owed(l.ID).Committed)
				}
			}
			c.LimitsKW[t] = max(0, c.LimitsKW[t])
		}
		if len(c.Loads) > 0 {
			p.Circuits = append(p.Circuits, c)
		}
	}
}
