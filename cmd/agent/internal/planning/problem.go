package planning

import (
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// outlook is what the problem is made from: the slots ahead with their prices
// and the base load foreseen in them.
type outlook struct {
	slots []units.Slot
	table tariffs.Table
	purse
	mid  []float64 // kW expected; negative where sun is over
	high []float64 // kW that nine futures of ten stay below
}

// job is one load of the optimizer and the site's load it stands for.  A load
// whose day has several stretches, or that has several days in the horizon, is
// several jobs.
type job struct {
	load int // index in Rules.Loads
	job  optimizer.Load

	opens bool      // its window begins with the load's own hours
	rests time.Time // it begins when the load is asked again, which took nothing last; zero: it does not
}

// begins notes why the job's window begins where it does.
func (j *job) begins(r loads.Request, span units.Slot) {
	cut := !r.Free.IsZero() && span.Start.Equal(r.Free)
	j.opens = !cut
	if cut && r.Rests {
		j.rests = r.Free
	}
}

// problem is what the optimizer is asked.
func (s *Rules) problem(b *Brief, o outlook) (*optimizer.Problem, []job) {
	n := len(o.slots)
	p := &optimizer.Problem{
		Name: s.ID, Start: o.slots[0].Start, SlotMinutes: s.Slot.Minutes(), N: n,
		ImportPrice: make([]float64, n), ExportPrice: make([]float64, n),
	}
	p.BaseKW, p.PVKW = sunApart(o.mid)
	dearest := 0.0
	for i := range n {
		if s.InKWh { // the account is spent by energy, whatever the hour
			p.ImportPrice[i], dearest = 1, 1
			continue
		}
		p.ImportPrice[i] = max(0, o.table.Import[i].Float())
		p.ExportPrice[i] = min(p.ImportPrice[i], max(0, o.table.Export[i].Float()))
		dearest = max(dearest, p.ImportPrice[i])
		if f := o.table.Fixed[i]; f != 0 {
			p.FixedCharges = append(p.FixedCharges, optimizer.FixedCharge{Slot: i, Amount: f.Float()})
		}
	}
	if s.Power > 0 {
		p.SiteLimitKW = make([]float64, n)
		for i := range p.SiteLimitKW {
			p.SiteLimitKW[i] = s.Power.KW()
		}
	}
	ladders, demands := o.table.Ladders, o.table.Demands
	if s.InKWh {
		ladders, demands = nil, nil
	}
	for i := range ladders {
		l := &ladders[i]
		p.Blocks = append(p.Blocks, s.blocks(l, o)...)
		for _, r := range l.Rungs {
			dearest += r.Adder.Float()
		}
	}
	for _, d := range demands {
		w := optimizer.DemandWindow{
			Name: d.Name, Interval: max(1, int(d.Interval/s.Slot)),
			PricePerKW: d.Price.Float(), FloorKW: d.Highest.KW(),
		}
		for t := d.First; t < d.Last; t++ {
			if d.Applies == nil || d.Applies[t-d.First] {
				w.Slots = append(w.Slots, t)
			}
		}
		p.Demand = append(p.Demand, w)
	}
	if !b.Unlocked {
		p.Credit = &optimizer.Credit{Balance: b.Left.Float(), UntilSlot: n}
	}
	// Going short must cost more than any price, or a load would wait for ever.
	p.ShedPenalty = 100 * (dearest + 1)
	jobs := s.jobs(b, o, 5*(dearest+1))
	for _, j := range jobs {
		p.Loads = append(p.Loads, j.job)
	}
	s.committed(b, o, p)
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
			p.BaseKW[t] += l.Power.KW() * share(o.slots[t], b.Now, until)
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

// plannable is nil where every load that is to be scheduled is of a kind that jobs
// knows: one left out in silence would never run.
func (s *Rules) plannable() error {
	for _, l := range s.Loads {
		if l.Defer && l.Kind != loads.Cycle && l.Kind != loads.OnOff {
			return fmt.Errorf("load %s is of kind %q, for which no plan can be made; write cycle or onoff, or defer: false", l.ID, l.Kind)
		}
	}
	return nil
}

// jobs are what the loads are owed within the horizon.  penalty is the price a
// kWh of going short.
func (s *Rules) jobs(b *Brief, o outlook, penalty float64) []job {
	var out []job
	for i, l := range s.Loads {
		for _, r := range b.owed(l.ID).Requests {
			switch l.Kind {
			case loads.Cycle:
				out = append(out, s.cycles(i, r, o, penalty)...)
			case loads.OnOff:
				out = append(out, s.runs(i, r, o, penalty)...)
			}
		}
	}
	return out
}

// name is a job's own: of the load, and of the instant by which it is to be done, which
// is the same in the next plan.  What a search leaves for the next hangs on it.
func (s *Rules) name(load int, by time.Time) string {
	return s.Loads[load].ID + "#" + by.UTC().Format("2006-01-02T15:04")
}

// mostImportant is the greatest importance: each step doubles a price, and ten
// steps tell loads apart without drowning the rest of the cost.
const mostImportant = 10

// importance is a priority as the optimizer counts: up with importance, from the
// least important load of the site.  A site's priorities count down to the most
// important, and only their order matters.
func (s *Rules) importance(priority int) int {
	less := map[int]bool{}
	for _, l := range s.Loads {
		if l.Defer && l.Priority > priority {
			less[l.Priority] = true
		}
	}
	return min(len(less), mostImportant)
}

// inSlots is d in whole slots, rounded up.
func (s *Rules) inSlots(d time.Duration) int {
	return max(0, int((d+s.Slot-1)/s.Slot))
}

// stretch is a span as slots of the horizon: the first it may use and the one
// after the last.
func (s *Rules) stretch(span units.Slot, o outlook) (from, to int) {
	start := o.slots[0].Start
	// The slot under way may be used although part of it is gone.
	from = max(0, int(span.Start.Sub(start)/s.Slot))
	if span.Start.After(start) && span.Start.Sub(start)%s.Slot != 0 {
		from++
	}
	to = min(len(o.slots), int(span.End().Sub(start)/s.Slot))
	return from, to
}

// runs lays an on/off request into its stretches.  The optimizer's window is
// one stretch, so the need is divided first: each slot of it goes to the
// stretch that has the cheapest slot left.
func (s *Rules) runs(i int, r loads.Request, o outlook, penalty float64) []job {
	type part struct {
		from, to, need int
		span           units.Slot
	}
	var parts []part
	var slots []int
	for _, span := range r.Spans {
		from, to := s.stretch(span, o)
		if to > from {
			parts = append(parts, part{from, to, 0, span})
			for t := from; t < to; t++ {
				slots = append(slots, t)
			}
		}
	}
	need := s.inSlots(r.Time)
	if len(parts) == 0 || need == 0 {
		return nil
	}
	slices.SortStableFunc(slots, func(a, b int) int { return int(o.table.Import[a] - o.table.Import[b]) })
	for _, t := range slots[:min(need, len(slots))] {
		for k := range parts {
			if parts[k].from <= t && t < parts[k].to {
				parts[k].need++
			}
		}
	}
	if missing := need - len(slots); missing > 0 && r.By.Before(o.slots[len(o.slots)-1].End()) {
		parts[len(parts)-1].need += missing // cannot be had: the plan will name it
	}
	kw := r.Power.KW()
	perSlot := kw * s.Slot.Hours()
	var out []job
	for k, part := range parts {
		if part.need == 0 {
			continue
		}
		starts := part.need
		if r.Starts >= 0 {
			starts = r.Starts
		}
		on := &optimizer.OnOff{
			KW: kw, NeedSlots: part.need, From: part.from, To: part.to, MaxStarts: starts,
			ShortPenalty: penalty * perSlot, StartCost: 0.001 * penalty * perSlot,
			Switching: optimizer.Switching{MinOn: max(1, s.inSlots(r.MinOn)), MinOff: max(1, s.inSlots(r.MinOff))},
		}
		if on.MinOn > part.need {
			on.MinOn = max(1, part.need)
		}
		if k == 0 && part.from == 0 && r.On {
			on.InitOn = true
		}
		j := job{load: i, job: optimizer.Load{ID: s.name(i, part.span.End()), Priority: s.importance(r.Priority), OnOff: on}}
		if k == 0 { // else it might have had the hours before
			j.begins(r, part.span)
		}
		out = append(out, j)
	}
	return out
}

// cycles lays the programmes of a request, each as a job of its own.
func (s *Rules) cycles(i int, r loads.Request, o outlook, penalty float64) []job {
	profile := make([]float64, s.inSlots(r.Cycle))
	left := r.Cycle
	for t := range profile {
		profile[t] = r.Power.KW() * min(1, float64(left)/float64(s.Slot))
		left -= s.Slot
	}
	energy := r.Power.Over(r.Cycle).KWh()
	from, to, longest := -1, 0, 0
	for k, span := range r.Spans {
		a, b := s.stretch(span, o)
		if b-a >= len(profile) && b-a > to-from {
			from, to, longest = a, b, k
		}
	}
	if from < 0 {
		if len(r.Spans) == 0 || !r.By.Before(o.slots[len(o.slots)-1].End()) {
			return nil // its time is yet to come
		}
		from, to = s.stretch(r.Spans[0], o)
		to = max(to, from)
	}
	var out []job
	for k := range r.Runs { // counted down: the last is the last whatever has been run
		j := job{load: i, job: optimizer.Load{
			ID:       fmt.Sprintf("%s/%d", s.name(i, r.By), r.Runs-k),
			Priority: s.importance(r.Priority),
			Cycle:    &optimizer.Cycle{ProfileKW: profile, Earliest: from, LatestFinish: to, SkipPenalty: penalty * energy},
		}}
		if longest == 0 {
			j.begins(r, r.Spans[longest])
		}
		out = append(out, j)
	}
	return out
}
