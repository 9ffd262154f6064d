package model

import (
	"fmt"
	"math"

	"github.com/keeplit/keeplit/internal/fault"
)

// maxSlots bounds the horizon: four weeks of 5-minute slots.
const maxSlots = 8064

// Check tells what in the Problem makes no sense: wrong lengths, numbers that
// are not finite, unknown ids.  What merely cannot be satisfied is no fault;
// Solve answers it with shortfalls.
func (p *Problem) Check() fault.List {
	c := checker{p: p}
	if p.N < 1 || p.N > maxSlots {
		c.Add("n", fmt.Sprintf("give 1 to %d slots", maxSlots), "%d slots", p.N)
		return c.List
	}
	c.site()
	for i, b := range p.Blocks {
		p.checkBlock(&c.List, fmt.Sprintf("blocks[%d]", i), b)
	}
	for i, d := range p.Demand {
		c.demand(fmt.Sprintf("demand[%d]", i), d)
	}
	if p.Credit != nil {
		c.credit(p.Credit)
	}
	if p.Battery != nil {
		c.battery(p.Battery)
	}
	for i, s := range p.Scenarios {
		c.scenario(fmt.Sprintf("scenarios[%d]", i), s)
	}
	c.loads()
	return c.List
}

// checker gathers what makes no sense in a Problem.
type checker struct {
	fault.List
	p *Problem
}

// series wants a value a slot, none below lo.
func (c *checker) series(path string, xs []float64, optional bool, lo float64) {
	if xs == nil && optional {
		return
	}
	if len(xs) != c.p.N {
		c.Add(path, "give one value a slot", "%d values for %d slots", len(xs), c.p.N)
		return
	}
	for t, x := range xs {
		if math.IsNaN(x) || math.IsInf(x, 0) || x < lo {
			c.Add(fmt.Sprintf("%s[%d]", path, t), "give a finite number that is not too small", "%v is not allowed here", x)
			return
		}
	}
}

// number wants a number that is not below lo.
func (c *checker) number(path string, x, lo float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) || x < lo {
		c.Add(path, "give a finite number that is not too small", "%v is not allowed here", x)
	}
}

// site checks the slots, what is consumed and paid in them, and the connection.
func (c *checker) site() {
	p := c.p
	if !(p.SlotMinutes > 0) || math.IsInf(p.SlotMinutes, 0) {
		c.Add("slot_min", "give the length of a slot in minutes", "%v is not a length of time", p.SlotMinutes)
	}
	c.series("base_kw", p.BaseKW, false, 0)
	c.series("pv_kw", p.PVKW, true, 0)
	c.series("import_price", p.ImportPrice, false, 0)
	c.series("export_price", p.ExportPrice, true, 0)
	c.series("site_limit_kw", p.SiteLimitKW, true, math.Inf(-1))
	c.number("export_limit_kw", p.ExportLimitKW, 0)
	c.number("shed_penalty", p.ShedPenalty, 0)
	if len(p.ExportPrice) == p.N && len(p.ImportPrice) == p.N {
		for t, x := range p.ExportPrice {
			if x > p.ImportPrice[t] {
				c.Add(fmt.Sprintf("export_price[%d]", t), "an export price above the import price would pay for burning energy; lower it", "%v is above the import price %v", x, p.ImportPrice[t])
				break
			}
		}
	}
	for i, f := range p.FixedCharges {
		at := fmt.Sprintf("fixed_charges[%d]", i)
		if f.Slot < 0 || f.Slot >= p.N {
			c.Add(at+".slot", "give a slot of the horizon", "slot %d of %d", f.Slot, p.N)
		}
		c.number(at+".amount", f.Amount, math.Inf(-1))
	}
}

func (c *checker) demand(at string, d DemandWindow) {
	if d.Interval < 1 {
		c.Add(at+".interval_slots", "give at least 1", "%d slots", d.Interval)
	}
	c.number(at+".price_per_kw", d.PricePerKW, 0)
	c.number(at+".floor_kw", d.FloorKW, 0)
	c.number(at+".held_kw", d.HeldKW, 0)
	if d.Phase < 0 || d.Phase >= max(1, d.Interval) {
		c.Add(at+".phase_slots", "give fewer than interval_slots", "%d slots", d.Phase)
	}
	if d.HeldKW > d.FloorKW*float64(d.Interval)*(1+ShareTol) {
		c.Add(at+".held_kw", "raise floor_kw: what the interval holds is to be paid whatever comes", "%v in %d slots is above the floor of %v", d.HeldKW, d.Interval, d.FloorKW)
	}
	for _, t := range d.Slots {
		if t < 0 || t >= c.p.N {
			c.Add(at+".slots", "give slots of the horizon", "slot %d of %d", t, c.p.N)
			break
		}
	}
}

func (c *checker) credit(x *Credit) {
	c.number("credit.balance", x.Balance, math.Inf(-1))
	c.number("credit.min_balance", x.MinBalance, math.Inf(-1))
	c.number("credit.end_reserve", x.EndReserve, math.Inf(-1))
	if x.UntilSlot < 0 || x.UntilSlot > c.p.N {
		c.Add("credit.until_slot", "give a slot of the horizon", "slot %d of %d", x.UntilSlot, c.p.N)
	}
	if !(x.ChanceLimit >= 0 && x.ChanceLimit < 1) {
		c.Add("credit.chance_limit", "give a share from 0 to below 1", "%v", x.ChanceLimit)
	}
	for i, u := range x.TopUps {
		if u.Slot < 0 || u.Slot >= c.p.N {
			c.Add(fmt.Sprintf("credit.topups[%d].slot", i), "give a slot of the horizon", "slot %d of %d", u.Slot, c.p.N)
		}
	}
}

func (c *checker) battery(b *Battery) {
	for _, f := range []struct {
		path string
		x    float64
	}{
		{"soc0", b.SoC0},
		{"soc_min", b.SoCMin},
		{"soc_max", b.SoCMax},
		{"max_charge_kw", b.MaxChargeKW},
		{"max_discharge_kw", b.MaxDischargeKW},
		{"wear", b.Wear},
		{"soc_end", b.SoCEnd},
	} {
		c.number("battery."+f.path, f.x, 0)
	}
	for _, f := range []struct {
		path string
		x    float64
	}{{"eff_c", b.EffC}, {"eff_d", b.EffD}} {
		if !(f.x > 0 && f.x <= 1) {
			c.Add("battery."+f.path, "give an efficiency above 0, at most 1", "%v", f.x)
		}
	}
}

func (c *checker) scenario(at string, s Scenario) {
	c.series(at+".base_kw", s.BaseKW, false, 0)
	c.series(at+".pv_kw", s.PVKW, true, 0)
	if !(s.Weight > 0) || math.IsInf(s.Weight, 0) {
		c.Add(at+".weight", "give a weight above 0", "%v", s.Weight)
	}
}

// loads checks each load, and the groups that name them.
func (c *checker) loads() {
	p := c.p
	ids := make(map[string]bool, len(p.Loads))
	for i := range p.Loads {
		at := fmt.Sprintf("loads[%d]", i)
		if ids[p.Loads[i].ID] {
			c.Add(at+".id", "give each load an id of its own", "%q is used twice", p.Loads[i].ID)
		}
		ids[p.Loads[i].ID] = true
		p.checkLoad(&c.List, at, &p.Loads[i])
	}
	known := func(path string, group []string) {
		for _, id := range group {
			if !ids[id] {
				c.Add(path, "name loads of this problem", "there is no load %q", id)
			}
		}
	}
	for i, g := range p.Exclusions {
		known(fmt.Sprintf("exclusions[%d]", i), g)
	}
	for i, x := range p.Circuits {
		known(fmt.Sprintf("circuits[%d].loads", i), x.Loads)
		c.number(fmt.Sprintf("circuits[%d].limit_kw", i), x.LimitKW, 0)
		c.series(fmt.Sprintf("circuits[%d].limits_kw", i), x.LimitsKW, true, 0)
	}
}

func (p *Problem) checkBlock(l *fault.List, at string, b Block) {
	if b.From < 0 || b.To > p.N || b.From > b.To {
		l.Add(at, "give a range of slots of the horizon", "slots %d to %d of %d", b.From, b.To, p.N)
	}
	last, upto := math.Inf(-1), 0.0
	for i, s := range b.Steps {
		if s.Adder < last {
			l.Add(fmt.Sprintf("%s.steps[%d].adder", at, i), "a rising tariff is needed: order the steps by price", "%v after %v", s.Adder, last)
		}
		last = s.Adder
		if s.UpTo == nil {
			continue
		}
		if *s.UpTo < upto {
			l.Add(fmt.Sprintf("%s.steps[%d].upto_kwh", at, i), "order the steps by energy", "%v after %v", *s.UpTo, upto)
		}
		upto = *s.UpTo
	}
}

func (p *Problem) checkLoad(l *fault.List, at string, d *Load) {
	fail := func(path, remedy, problem string, args ...any) { l.Add(at+"."+path, remedy, problem, args...) }
	number := func(path string, x, lo float64) {
		if math.IsNaN(x) || math.IsInf(x, 0) || x < lo {
			fail(path, "give a finite number that is not too small", "%v is not allowed here", x)
		}
	}
	models := 0
	for _, set := range []bool{d.Cycle != nil, d.OnOff != nil, d.Variable != nil, d.Thermal != nil} {
		if set {
			models++
		}
	}
	if models != 1 {
		fail("type", "give exactly one of cycle, onoff, var, thermal", "%d models", models)
		return
	}
	number("price_cap", d.PriceCap, 0)
	if d.PriceCap > 0 && d.Thermal != nil {
		fail("price_cap", "leave it out; comfort_penalty says what warmth is worth", "a thermal load has no price cap")
	}
	if d.Priority < 0 || d.Priority > 20 {
		fail("priority", "give 0 (goes short first) to 20", "%d", d.Priority)
	}
	if d.SlotCost != nil && len(d.SlotCost) != p.N {
		fail("slot_cost", "give one value a slot", "%d values for %d slots", len(d.SlotCost), p.N)
	}
	for t, x := range d.SlotCost {
		number(fmt.Sprintf("slot_cost[%d]", t), x, 0)
	}
	if d.Deadline != nil {
		number("deadline.late_penalty", d.Deadline.LatePenalty, 0)
	}
	switch {
	case d.Cycle != nil:
		for i, x := range d.Cycle.ProfileKW {
			number(fmt.Sprintf("profile_kw[%d]", i), x, 0)
		}
		if len(d.Cycle.ProfileKW) == 0 {
			fail("profile_kw", "give the power in each slot of the cycle", "it is empty")
		}
		number("skip_penalty", d.Cycle.SkipPenalty, 0)
	case d.OnOff != nil:
		number("kw", d.OnOff.KW, 0)
		number("start_cost", d.OnOff.StartCost, 0)
		number("short_penalty", d.OnOff.ShortPenalty, 0)
	case d.Variable != nil:
		number("min_kw", d.Variable.MinKW, 0)
		number("max_kw", d.Variable.MaxKW, 0)
		number("need_kwh", d.Variable.NeedKWh, 0)
		number("start_cost", d.Variable.StartCost, 0)
		number("short_penalty", d.Variable.ShortPenalty, 0)
		if d.Variable.MinKW > d.Variable.MaxKW {
			fail("min_kw", "give no more than max_kw", "%v is above max_kw %v", d.Variable.MinKW, d.Variable.MaxKW)
		}
	case d.Thermal != nil:
		h := d.Thermal
		number("kw", h.KW, 0)
		number("comfort_penalty", h.ComfortPenalty, 0)
		number("end_penalty", h.EndPenalty, 0)
		number("t0", h.T0, math.Inf(-1))
		number("t_max", h.TMax, math.Inf(-1))
		number("end_target", h.EndTarget, math.Inf(-1))
		if !(h.A > 0 && h.A <= 1) {
			fail("a", "give the share of the temperature difference kept over a slot, above 0 and at most 1", "%v", h.A)
		}
		if !(h.B > 0) || math.IsInf(h.B, 0) {
			fail("b", "give the kelvins each kW adds in a slot, above 0", "%v", h.B)
		}
		if len(h.TEnv) != 1 && len(h.TEnv) != p.N {
			fail("t_env", "give one value, or one a slot", "%d values for %d slots", len(h.TEnv), p.N)
		}
		if h.Drop != nil && len(h.Drop) != p.N {
			fail("drop", "give one value a slot", "%d values for %d slots", len(h.Drop), p.N)
		}
		if len(h.TMin) != p.N {
			fail("t_min", "give one value a slot", "%d values for %d slots", len(h.TMin), p.N)
		}
	}
}
