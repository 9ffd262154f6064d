package planning

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
)

// soonAhead is how long before its start an announced run moves only for much.
const soonAhead = 2 * time.Hour

// steady gives each job what running in a slot is worth besides its energy: a run that was
// announced stays unless another place saves more than a share of its energy, and what
// costs the same is had beside the least base load, then early, or where the lot falls.
func (s *Rules) steady(b *Brief, o outlook, p *optimizer.Problem, jobs []job, k costs) {
	greatest := slices.Max(p.BaseKW)
	byLot := s.ByLot && b.spares(o, p)
	for i := range jobs {
		j := &jobs[i].job
		announced := s.announced(b, o, jobs[i])
		var place lot
		drawn := false
		if byLot && !jobs[i].cools {
			place, drawn = s.draw(p, jobs[i])
		}
		if drawn && b.Last != nil && !place.seen(b.Last, o) {
			clear(announced)
		}
		known := slices.Contains(announced, true)
		stay := stayShare
		if p.PVKW != nil {
			stay = sunShare
		}
		anyTime := stay
		for t := range announced {
			if announced[t] && o.slots[t].Start.Before(b.Now.Add(soonAhead)) {
				stay = max(stay, soonShare)
			}
		}
		energy := 0.0 // of what is moved: a slot, or a whole programme
		switch {
		case j.Cycle != nil:
			for _, kw := range j.Cycle.ProfileKW {
				energy += kw * s.Slot.Hours()
			}
		case j.OnOff != nil:
			energy = j.OnOff.KW * s.Slot.Hours()
		case j.Variable != nil:
			energy = j.Variable.MaxKW * s.Slot.Hours()
		}
		j.SlotCost = make([]float64, p.N)
		for t := range j.SlotCost {
			x := earlyShare * float64(t) / float64(p.N)
			switch {
			case jobs[i].cools:
				x = coolShare * s.Slot.Hours() * float64(max(0, jobs[i].asks().to-t))
			case drawn:
				x = place.cost(t)
			}
			if !announced[t] {
				if greatest > 0 && !drawn {
					x += smoothShare * p.BaseKW[t] / greatest
				}
				if known {
					x += stay
				}
			}
			j.SlotCost[t] = x * k.level * energy
		}
		if jobs[i].later && known { // what was announced stays, and is not left for later
			j.PriceCap += anyTime * k.level
		}
	}
}

// announced are the slots in which the plan in force has the job's load run, at the prices
// that it knew; for a programme, those in which it has one begin.  What was planned at a price
// that was still to be sent binds nobody.
func (s *Rules) announced(b *Brief, o outlook, j job) []bool {
	out := make([]bool, len(o.slots))
	last := b.Last
	if last == nil || last.Slot != s.Slot {
		return out
	}
	i := slices.IndexFunc(last.Loads, func(l LoadPlan) bool { return l.ID == s.Loads[j.load].ID })
	if i < 0 {
		return out
	}
	a := j.asks()
	for t := a.from; t < min(a.to, len(out)); t++ {
		if !last.draws(i, o.slots[t].Start) || a.isShut(t) {
			continue
		}
		out[t] = last.priceIs(o.slots[t].Start, o.table.Import[t])
		if c := j.job.Cycle; c != nil {
			t += len(c.ProfileKW) - 1
		}
	}
	return out
}

// moved is an announced start within soonAhead that the new plan does not keep, and what is
// gained by that: what the load's energy costs less than where it was announced.
func (s *Rules) moved(b *Brief, plan *Plan, i int) (from time.Time, gain units.Money) {
	last := b.Last
	if last == nil {
		return from, 0
	}
	start, end, _ := last.Run(plan.Loads[i].ID, b.Now)
	if !start.After(b.Now) || start.After(b.Now.Add(soonAhead)) {
		return time.Time{}, 0
	}
	next, until, now := plan.Run(plan.Loads[i].ID, b.Now)
	if next.Equal(start) {
		return time.Time{}, 0
	}
	by := time.Time{} // the end of the day that the run was of
	for _, r := range b.owed(plan.Loads[i].ID).Requests {
		if r.By.After(start) && (by.IsZero() || r.By.Before(by)) {
			by = r.By
		}
	}
	if next.IsZero() || until.Sub(next) != end.Sub(start) || !next.Before(by) {
		return start, 0 // not the same run: nothing is gained by moving it
	}
	// What it would cost at the prices of now where it was.
	var before units.Money
	was := slices.IndexFunc(last.Loads, func(l LoadPlan) bool { return l.ID == plan.Loads[i].ID })
	for t, slot := range units.Slots(plan.Start, plan.Slot, len(plan.Prices)) {
		if !slot.Start.Before(start) && slot.Start.Before(end) {
			before += plan.Prices[t].Cost(last.powerAt(was, slot.Start).Over(plan.Slot))
		}
	}
	return start, max(0, before-now)
}
