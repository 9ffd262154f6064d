package planning

// cell is the battery in a future: it takes what is over and gives what is needed.  That it
// rests before dear hours and takes from the grid in cheap ones, as plans have it do, changed
// nothing of when the credit was said to end.
type cell struct {
	first, least, most float64 // what it holds as the futures begin, and may, kWh
	up, down           float64 // what it takes and gives in a slot at the most, outside of it, kWh
	each               float64 // share that is not lost on the way in, and on the way out
	holds              float64
}

// cell is the battery as the futures begin; nil where there is none, or it is not known what
// it holds.
func (s *Rules) cell(b *Brief) *cell {
	i, there := s.battery()
	if !there || b.owed(s.Loads[i].ID).Stored == nil {
		return nil
	}
	l := s.Loads[i].Store
	return &cell{
		first: b.owed(s.Loads[i].ID).Stored.Energy.KWh(), least: l.Holds(l.Reserve).KWh(), most: l.Capacity.KWh(),
		up: l.Charge.Over(s.Interval).KWh(), down: l.Discharge.Over(s.Interval).KWh(), each: l.EachWay(),
	}
}

// behind is what consumption costs that the battery is between: asked for each slot in turn,
// of which the first begins anew.
func (c *cell) behind(cost func(slot int, used, kwh float64) float64) func(slot int, used, kwh float64) float64 {
	if c == nil {
		return cost
	}
	return func(slot int, used, kwh float64) float64 {
		if slot == 0 {
			c.holds = c.first
		}
		return cost(slot, used, c.net(kwh))
	}
}

// along puts the battery between the grid and consumption, slot by slot.
func (c *cell) along(kwh []float64) {
	if c == nil {
		return
	}
	c.holds = c.first
	for t := range kwh {
		kwh[t] = c.net(kwh[t])
	}
}

// net is what is left of what a slot uses, below zero of what it gives.
func (c *cell) net(kwh float64) float64 {
	if kwh < 0 {
		in := max(0, min(-kwh, c.up, (c.most-c.holds)/c.each))
		c.holds += in * c.each
		return kwh + in
	}
	out := max(0, min(kwh, c.down, (c.holds-c.least)*c.each))
	c.holds -= out / c.each
	return kwh - out
}
