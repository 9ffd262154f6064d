package model

import "slices"

// Advance is the Problem as it stands one slot later if that slot went as the
// plan says: needs, temperatures, charge, credit and the month's energy have
// moved on, windows are a slot nearer, and the horizon ends with a copy of its
// last slot.  It serves simulations and the measuring of re-plans; a site in
// operation builds each Problem from what it has measured.
func (p *Problem) Advance(plan *Plan) *Problem {
	q := *p
	if !q.Start.IsZero() {
		q.Start = q.Start.Add(p.SlotLength())
	}
	q.BaseKW, q.PVKW = onward(p.BaseKW), onward(p.PVKW)
	q.ImportPrice, q.ExportPrice, q.SiteLimitKW = onward(p.ImportPrice), onward(p.ExportPrice), onward(p.SiteLimitKW)
	q.Scenarios = nil
	for _, s := range p.Scenarios {
		q.Scenarios = append(q.Scenarios, Scenario{s.Weight, onward(s.BaseKW), onward(s.PVKW)})
	}
	e, _ := Evaluate(p, plan)
	imported := 0.0
	if e != nil {
		imported = max(0, e.ImportKW[0]) * p.Hours()
	}
	q.FixedCharges = nil
	for _, f := range p.FixedCharges {
		if f.Slot > 0 {
			q.FixedCharges = append(q.FixedCharges, FixedCharge{f.Slot - 1, f.Amount})
		}
	}
	q.Blocks = p.laterBlocks(imported)
	q.Demand = nil
	for _, d := range p.Demand {
		q.Demand = append(q.Demand, d.later(imported/p.Hours()))
	}
	if p.Credit != nil {
		q.Credit = p.laterCredit(e)
	}
	q.Circuits = slices.Clone(p.Circuits)
	for i := range q.Circuits {
		q.Circuits[i].LimitsKW = onward(q.Circuits[i].LimitsKW)
	}
	if p.Battery != nil {
		b := *p.Battery
		if x := At(plan.BatteryKW, 0); x >= 0 {
			b.SoC0 += b.EffC * x * p.Hours()
		} else {
			b.SoC0 += x * p.Hours() / b.EffD
		}
		q.Battery = &b
	}
	q.Loads = nil
	for i := range p.Loads {
		if l, left := p.Loads[i].advance(p, At(plan.Loads[p.Loads[i].ID].KW, 0)); left {
			q.Loads = append(q.Loads, l)
		}
	}
	return &q
}

// onward is a series a slot later; its last value stays for the new last slot.
func onward(xs []float64) []float64 {
	if len(xs) == 0 {
		return nil
	}
	return append(slices.Clone(xs[1:]), xs[len(xs)-1])
}

// laterBlocks are the billing periods a slot later, in which so many kWh were imported.
func (p *Problem) laterBlocks(imported float64) (out []Block) {
	for _, b := range p.Blocks {
		if b.To <= 1 {
			continue
		}
		if b.From == 0 {
			b.MTD += imported
		}
		b.From = max(0, b.From-1)
		if b.To < p.N { // else the copied last slot belongs to the same period
			b.To--
		}
		out = append(out, b)
	}
	return out
}

// later is the window a slot later, in which so many kW were imported.
func (d DemandWindow) later(imported float64) DemandWindow {
	next := d
	if slices.Contains(d.Slots, 0) {
		next.HeldKW += imported
	}
	next.FloorKW = max(d.FloorKW, next.HeldKW/float64(d.Interval))
	if next.Phase++; next.Phase == d.Interval {
		next.Phase, next.HeldKW = 0, 0
	}
	next.Slots = nil
	for _, t := range d.Slots {
		if t > 0 {
			next.Slots = append(next.Slots, t-1)
		}
	}
	return next
}

// laterCredit is the credit a slot later, after what the plan spent in it.
func (p *Problem) laterCredit(e *Evaluation) *Credit {
	c := *p.Credit
	c.TopUps = nil
	if e != nil && len(e.balance) > 0 {
		c.Balance = e.balance[0]
	}
	for _, u := range p.Credit.TopUps {
		if u.Slot > 0 {
			c.TopUps = append(c.TopUps, TopUp{u.Slot - 1, u.Amount})
		}
	}
	if c.UntilSlot < p.N {
		c.UntilSlot = max(0, c.UntilSlot-1)
	}
	return &c
}

// advance is the load one slot later, having drawn kw; left is false for a
// load that has nothing more to do.
func (l *Load) advance(p *Problem, kw float64) (next Load, left bool) {
	next = *l
	next.SlotCost = onward(l.SlotCost)
	on := kw > OnFrom
	switch {
	case l.Cycle != nil:
		c := *l.Cycle
		next.Cycle = &c
		if c.Running || on {
			c.ProfileKW, c.Running = c.ProfileKW[1:], true
			next.SlotCost = nil // paid with its first slot
			c.Earliest, c.LatestFinish = 0, len(c.ProfileKW)
			return next, len(c.ProfileKW) > 0
		}
		c.Earliest, c.LatestFinish = max(0, c.Earliest-1), c.LatestFinish-1
		return next, c.LatestFinish > 0
	case l.OnOff != nil:
		o := *l.OnOff
		next.OnOff = &o
		if on {
			o.NeedSlots--
		}
		if on && !bool(o.InitOn) {
			o.MaxStarts--
		}
		o.Switching = o.after(on)
		o.From, o.To = max(0, o.From-1), o.To-1
		o.Shut = slices.Clone(o.Shut)
		for i := range o.Shut {
			o.Shut[i] = [2]int{o.Shut[i][0] - 1, o.Shut[i][1] - 1}
		}
		return next, o.To > 0
	case l.Variable != nil:
		v := *l.Variable
		next.Variable = &v
		v.NeedKWh = max(0, v.NeedKWh-kw*p.Hours())
		if on && !bool(v.InitOn) {
			v.MaxStarts--
		}
		v.Switching = v.after(on)
		v.From, v.To = max(0, v.From-1), v.To-1
		return next, v.To > 0
	}
	th := *l.Thermal
	next.Thermal = &th
	th.T0 = th.A*th.T0 + (1-th.A)*th.TEnv.At(0) + th.B*kw - At(th.Drop, 0)
	th.Switching = th.after(on)
	move := func(xs []float64) []float64 {
		if len(xs) < 2 {
			return xs
		}
		return append(slices.Clone(xs[1:]), xs[len(xs)-1])
	}
	th.TMin, th.Drop, th.TEnv = move(th.TMin), move(th.Drop), move(th.TEnv)
	return next, true
}

// after is the switch one slot later, having been on or off in it.
func (s Switching) after(on bool) Switching {
	next := s
	next.InitOn = OnBit(on)
	switch {
	case on == bool(s.InitOn):
		next.Hold = max(0, s.Hold-1)
	case on:
		next.Hold = max(0, s.MinOn-1)
	default:
		next.Hold = max(0, s.MinOff-1)
	}
	return next
}
