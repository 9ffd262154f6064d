package planning

import (
	"math"
	"slices"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/optimizer"
)

// flowSlot is what is known of a battery in a slot.
type flowSlot struct{ heard, missing bool }

// flowed takes note that it was told what a battery did in the slot of an observation, or not.
func (b *baseLoad) flowed(i int, iv Interval) {
	for len(b.flow) <= i {
		b.flow = append(b.flow, flowSlot{})
	}
	s := &b.flow[i]
	s.heard, s.missing = true, s.missing || iv.Quality&metering.Gap != 0
}

// steady leaves out the slots of which it is not known what the battery did: neither is it what the house used.
// Absent is not zero.
func (b *baseLoad) steady() {
	if b.store == "" {
		return
	}
	for i := range b.all {
		if i >= len(b.flow) || !b.flow[i].heard || b.flow[i].missing {
			b.all[i].Quality = forecast.Missing
		}
	}
	b.flow = nil
}

// store is the id of the battery; "" where there is none.
func (s *Rules) store() string {
	if i, there := s.battery(); there {
		return s.Loads[i].ID
	}
	return ""
}

// battery is the load that is one.
func (s *Rules) battery() (i int, there bool) {
	i = slices.IndexFunc(s.Loads, func(l loads.Load) bool { return l.Kind == loads.Battery && l.Defer })
	return i, i >= 0
}

const (
	// wearShare is what a kWh that is given counts besides, of what one costs in the mean: so much must be
	// gained for the battery to be used up.
	wearShare = 0.02
	// chargeLevels are how many states of charge are looked at for what is left at the end.
	chargeLevels = 33
)

// store gives the problem the battery, where it is known what it holds.  At the end of the plan so much is to be
// left as pays, at what it is worth then.
func (p *Planner) store(b *Brief, problem *optimizer.Problem) {
	i, there := p.rules.battery()
	if !there {
		return
	}
	l := p.rules.Loads[i]
	owed := b.owed(l.ID)
	if owed.Stored == nil {
		return
	}
	s, level := l.Store, 0.0
	for _, x := range problem.ImportPrice {
		level += math.Abs(x) / float64(problem.N)
	}
	bat := &optimizer.Battery{
		CapKWh: s.Capacity.KWh(), SoC0: owed.Stored.Energy.KWh(), SoCMin: s.Holds(s.Reserve).KWh(), SoCMax: s.Capacity.KWh(),
		MaxChargeKW: s.Charge.KW(), MaxDischargeKW: s.Discharge.KW(), EffC: s.EachWay(), EffD: s.EachWay(), Wear: wearShare * level,
	}
	problem.Battery = bat
	bat.SoCEnd = endOf(problem, worthOf(problem))
}

// worthOf is what a kWh in the battery is worth at the end of the plan: what it costs to have it in there again, in
// the cheapest hour of the plan's last day, or by sun that is over then; and no more than what it saves in the mean.
func worthOf(p *optimizer.Problem) float64 {
	b, n := p.Battery, p.N
	from := max(0, n-int(24/p.Hours()))
	cheapest, mean, over := math.Inf(1), 0.0, 0.0
	sold := 0.0
	for t := from; t < n; t++ {
		cheapest = min(cheapest, p.ImportPrice[t])
		mean += p.ImportPrice[t] / float64(n-from)
		if p.PVKW != nil && p.PVKW[t] > 0 {
			over += p.PVKW[t] * p.Hours()
			sold = max(sold, p.ExportPrice[t])
		}
	}
	again := min(cheapest/b.EffC, mean*b.EffD)
	free := min(1, over*b.EffC/max(b.SoCMax-b.SoCMin, 1e-6))
	return 0.98*again*(1-free) + min(again, sold/b.EffC)*free
}

// endOf is the charge that is best left after the last slot: what it costs to have it then, and what it saves
// before, against what it is worth.  Loads are left out, and blocks and demand charges: the optimizer weighs them.
func endOf(p *optimizer.Problem, worth float64) float64 {
	b, h := p.Battery, p.Hours()
	at := func(k int) float64 { return b.SoCMin + (b.SoCMax-b.SoCMin)*float64(k)/(chargeLevels-1) }
	const never = math.MaxFloat64
	// cost[k] is the least by which charge k is reached; from is where it began.
	cost := slices.Repeat([]float64{never}, chargeLevels)
	first := int(math.Round((min(max(b.SoC0, b.SoCMin), b.SoCMax) - b.SoCMin) / max(b.SoCMax-b.SoCMin, 1e-9) * (chargeLevels - 1)))
	cost[first] = 0
	up, down := b.EffC*b.MaxChargeKW*h, b.MaxDischargeKW*h/b.EffD
	for t := range p.N {
		net := p.BaseKW[t]
		if p.PVKW != nil {
			net -= p.PVKW[t]
		}
		slot := func(kw float64) float64 { return max(0, kw)*h*p.ImportPrice[t] - max(0, -kw)*h*p.ExportPrice[t] }
		idle := slot(net)
		next := slices.Repeat([]float64{never}, chargeLevels)
		for j := range chargeLevels {
			if cost[j] == never {
				continue
			}
			for k := range chargeLevels {
				d := at(k) - at(j)
				if d > up+1e-9 || -d > down+1e-9 {
					continue
				}
				kw := d / (b.EffC * h)
				if d < 0 {
					kw = max(d*b.EffD/h, min(0, -net)) // what would flow out is lost
				}
				c := cost[j] + slot(net+kw) - idle + b.Wear*max(0, -kw)*h
				next[k] = min(next[k], c)
			}
		}
		cost = next
	}
	best := 0
	for k := range chargeLevels {
		if cost[k] != never && (cost[best] == never || cost[k]-worth*at(k) < cost[best]-worth*at(best)-1e-9) {
			best = k
		}
	}
	return at(best)
}

// byItself is what the battery does where nobody plans: it takes what is over and gives what is needed.
func byItself(problem *optimizer.Problem, plan *optimizer.Plan) []float64 {
	b := problem.Battery
	if b == nil {
		return nil
	}
	out, soc, h := make([]float64, problem.N), b.SoC0, problem.Hours()
	for t := range out {
		net := problem.BaseKW[t]
		if problem.PVKW != nil {
			net -= problem.PVKW[t]
		}
		for _, l := range plan.Loads {
			net += l.KW[t]
		}
		if net < 0 {
			out[t] = max(0, min(-net, b.MaxChargeKW, (b.SoCMax-soc)/(b.EffC*h)))
		} else {
			out[t] = -max(0, min(net, b.MaxDischargeKW, (soc-b.SoCMin)*b.EffD/h))
		}
		soc += b.Inflow(out[t]) * h
	}
	return out
}

// leftWorth is what the plan leaves in the battery more than another one, at what it is worth: who has charged for
// later has lost nothing.
func leftWorth(problem *optimizer.Problem, plan, other *optimizer.Plan) units.Money {
	if problem.Battery == nil {
		return 0
	}
	more := 0.0
	for t := range problem.N {
		if t < len(plan.BatteryKW) {
			more += problem.Battery.Inflow(plan.BatteryKW[t]) * problem.Hours()
		}
		more -= problem.Battery.Inflow(other.BatteryKW[t]) * problem.Hours()
	}
	return units.FromFloat(more * worthOf(problem))
}

// Without takes a load out of the plan: nothing is planned of it.
func (p *Plan) Without(id string) {
	p.Loads = slices.DeleteFunc(p.Loads, func(l LoadPlan) bool { return l.ID == id })
}

// charges puts what the battery is to do into the plan, or takes the battery out of it where nothing is planned of it.
// What would flow out is not planned where it may not.
func (p *Planner) charges(plan *Plan, problem *optimizer.Problem, solved *optimizer.Plan) {
	i, there := p.rules.battery()
	if !there {
		return
	}
	l := p.rules.Loads[i]
	if problem.Battery == nil || len(solved.BatteryKW) != problem.N {
		plan.Without(l.ID)
		return
	}
	lp := &plan.Loads[slices.IndexFunc(plan.Loads, func(lp LoadPlan) bool { return lp.ID == l.ID })]
	for t, kw := range solved.BatteryKW {
		net := problem.BaseKW[t]
		if problem.PVKW != nil {
			net -= problem.PVKW[t]
		}
		for _, other := range solved.Loads {
			net += other.KW[t]
		}
		if !l.Store.Export {
			kw = max(kw, min(0, -net))
		}
		if lp.Power[t] = units.FromKW(kw); lp.Power[t] < 10*units.Watt && lp.Power[t] > -10*units.Watt {
			lp.Power[t] = 0
		}
	}
}
