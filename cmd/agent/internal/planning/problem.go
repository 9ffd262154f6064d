package planning

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// outlook is what the problem is made from: the slots ahead with their prices
// and the base load foreseen in them.
type outlook struct {
	now   time.Time // in the first slot
	slots []units.Slot
	table tariffs.Table
	purse
	later []units.Price // of the next kWh in slots after these, up to the end of the need-days that begin in them

	mid  []float64 // kW expected; negative where sun is over
	high []float64 // kW that nine futures of ten stay below
}

// problem is what the optimizer is asked.
func (s *Rules) problem(b *Brief, o outlook) (*optimizer.Problem, []job) {
	n := len(o.slots)
	p := &optimizer.Problem{
		Name: s.ID, Start: o.slots[0].Start, SlotMinutes: s.Slot.Minutes(), N: n,
		ImportPrice: make([]float64, n), ExportPrice: make([]float64, n),
	}
	p.BaseKW, p.PVKW = sunApart(o.mid)
	s.prices(p, o)
	ladders, demands := o.table.Ladders, o.table.Demands
	if s.InKWh {
		ladders, demands = nil, nil
	}
	for i := range ladders {
		l := &ladders[i]
		p.Blocks = append(p.Blocks, s.blocks(l, o)...)
	}
	for i := range demands {
		p.Demand = append(p.Demand, s.demand(b, o, &demands[i]))
	}
	if !b.Until.IsZero() && !b.Unlocked { // see wish
		p.Credit = &optimizer.Credit{Balance: b.Left.Float(), UntilSlot: n}
	}
	k := s.costs(o, p)
	p.ShedPenalty = 100 * k.dearest
	s.committed(b, o, p)
	s.limit(b, o, p)
	jobs := s.jobs(b, o, k)
	s.steady(b, o, p, jobs, k)
	for _, j := range jobs {
		p.Loads = append(p.Loads, j.job)
	}
	s.among(b, o, p, jobs)
	return p, jobs
}

// blocks are a ladder as the optimizer takes it, whose block counts all the
// energy of a stretch of slots.  Where the ladder counts that of some hours only,
// each stretch of them is a block of its own, which begins where the base load
// is expected to have brought the ladder by then.  For one stretch that is exact;
// for several it is convex, and leaves out what loads use in the earlier ones:
// by so much a rung is taken to come too late.  The plans that follow know.
func (s *Rules) blocks(l *tariffs.Ladder, o outlook) []optimizer.Block {
	var out []optimizer.Block
	used := 0.0
	for from := l.First; from < l.Last; {
		if !l.Counts(from) {
			from++
			continue
		}
		to := from
		b := optimizer.Block{From: from, MTD: used}
		for ; to < l.Last && l.Counts(to); to++ {
			used += max(0, o.mid[to]) * s.Slot.Hours()
		}
		b.To = to
		adder := 0.0
		for _, r := range l.Rungs {
			upTo := r.At.KWh()
			b.Steps = append(b.Steps, optimizer.Step{UpTo: &upTo, Adder: adder})
			adder += r.Adder.Float()
		}
		b.Steps = append(b.Steps, optimizer.Step{Adder: adder})
		out = append(out, b)
		from = to
	}
	return out
}

// committed adds what runs whatever the plan says.
func (s *Rules) committed(b *Brief, o outlook, p *optimizer.Problem) {
	for _, l := range s.Loads {
		until := b.owed(l.ID).Committed
		for t := range o.slots {
			p.BaseKW[t] += b.owed(l.ID).power(l).KW() * share(o.slots[t], b.Now, until)
		}
	}
}

// share is the part of the slot that lies in [from, to).
func share(slot units.Slot, from, to time.Time) float64 {
	if slot.Start.After(from) {
		from = slot.Start
	}
	if slot.End().Before(to) {
		to = slot.End()
	}
	if !to.After(from) {
		return 0
	}
	return float64(to.Sub(from)) / float64(slot.Len)
}
