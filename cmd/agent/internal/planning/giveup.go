package planning

import (
	"cmp"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
)

// wishSlack is the share of the credit that must be left which the optimizer need not
// leave: its money and the ledger's differ by less.
const wishSlack = 0.01

// lay takes what is given up out of the problem, or moves it to after the wish where
// it may run then, and has the optimizer leave what must be left of the credit: at the
// wish, or at the end of its slots for what comes from there to the wish.
func (w *wish) lay(b *Brief, o outlook, p *optimizer.Problem, jobs []job) []job {
	slot := o.slots[0].Len
	cut := min(p.N, int((w.until.Sub(o.slots[0].Start)+slot-1)/slot))
	out := make([]job, 0, len(jobs))
	for k, j := range jobs {
		mine := w.of(k)
		given := 0
		for _, x := range mine {
			if x.given {
				given++
			}
		}
		if given == 0 {
			out = append(out, j)
			continue
		}
		out = append(out, j.less(len(mine), given, cut, func(later int) {
			for _, x := range mine { // those that were to come first are moved
				if x.given && later > 0 {
					x.later = true
					later--
				}
			}
		})...)
	}
	p.Loads = p.Loads[:0:0]
	for _, j := range out {
		p.Loads = append(p.Loads, j.job)
	}
	if p.Credit == nil {
		return out
	}
	if w.need > b.Left.Float() {
		p.Credit = nil // all is given up that can be: no plan lasts longer
		return out
	}
	until, money := *p, o.purse
	until.N, money.slots = cut, money.slots[:cut]
	kept := &optimizer.Plan{Loads: map[string]optimizer.LoadPlan{"": {KW: w.powers(o, cut)}}}
	hold := max(0, w.need*(1-wishSlack)-money.cost(&until, kept).Float())
	p.Credit = &optimizer.Credit{Balance: b.Left.Float(), UntilSlot: cut, EndReserve: hold}
	if cut < p.N || w.until.Before(o.slots[p.N-1].End()) {
		// What comes after the wish is another matter.
		p.Credit.MinBalance = hold
		p.Credit.EndReserve = -10 * (1000 + max(0, o.cost(p, earliest(p, nil)).Float()))
	}
	return out
}

// of are the pieces of a job.
func (w *wish) of(job int) []*piece {
	var out []*piece
	for i := range w.pieces {
		if w.pieces[i].job == job {
			out = append(out, &w.pieces[i])
		}
	}
	return out
}

// powers are what the pieces of jobs that are kept draw up to a slot of the plan.
func (w *wish) powers(o outlook, cut int) []float64 {
	kw := make([]float64, len(o.slots))
	for _, x := range w.pieces {
		for i, span := range x.spans {
			if t := int(span.Start.Sub(o.slots[0].Start) / o.slots[0].Len); x.job >= 0 && !x.given && t < cut {
				kw[t] += x.from[i]
			}
		}
	}
	return kw
}

// less is the job with so many of its pieces before cut given up; moved is told how
// many of them have room after it.
func (j job) less(before, given, cut int, moved func(int)) []job {
	switch {
	case j.job.Cycle != nil:
		if j.job.Cycle.LatestFinish-max(j.job.Cycle.Earliest, cut) < len(j.job.Cycle.ProfileKW) {
			return nil
		}
		moved(1)
		return j.split(cut, 0, 1)
	case j.job.OnOff != nil:
		had := min(j.job.OnOff.NeedSlots, max(0, j.asks().room())) - before // after it in any case
		after := *j.job.OnOff
		after.From = max(after.From, cut)
		after.Shut = within(after.Shut, after.From, after.To)
		late := min(had+given, max(0, askedBy(optimizer.Load{OnOff: &after}, j.hours).room()))
		moved(late - had)
		return j.split(cut, before-given, late)
	case j.job.Variable != nil:
		a := j.asks()
		had := min(len(a.kw), max(0, a.room())) - before
		after := asked{from: max(a.from, cut), to: a.to, shut: within(a.shut, max(a.from, cut), a.to)}
		late := min(had+given, max(0, after.room()))
		moved(late - had)
		return j.split(cut, before-given, late)
	}
	return []job{j}
}

// atLater names the part of a job that is to run after another one.
const atLater = "@later"

// split is the job with so many of its slots before the slot cut and so many after it, or
// with its programme on that side.
func (j job) split(cut, early, late int) (out []job) {
	if j.job.Cycle != nil {
		c := *j.job.Cycle
		j.job.Cycle = &c
		if early > 0 {
			c.LatestFinish = min(c.LatestFinish, cut)
			return []job{j}
		}
		if cut > c.Earliest {
			c.Earliest, j.opens, j.rests = cut, false, time.Time{}
		}
		return []job{j}
	}
	if j.job.Variable != nil {
		return j.parted(cut, early, late)
	}
	a, b := *j.job.OnOff, *j.job.OnOff
	a.NeedSlots, a.To = early, min(a.To, cut)
	b.NeedSlots, b.From = late, max(b.From, cut)
	b.InitOn, b.Hold = false, 0
	for i, part := range []*optimizer.OnOff{&a, &b} {
		if part.NeedSlots <= 0 {
			continue
		}
		part.Shut = within(part.Shut, part.From, part.To)
		part.MinOn = min(part.MinOn, part.NeedSlots)
		if part.InitOn {
			part.Hold = min(part.Hold, part.NeedSlots, part.To)
		}
		part.MaxStarts = min(part.MaxStarts, part.NeedSlots)
		half := j
		half.job.OnOff = part
		if i == 1 {
			half.job.ID += atLater
			half.opens, half.rests = false, time.Time{}
		}
		out = append(out, half)
	}
	return out
}

// within is what of stretches lies in [from, to).
func within(stretches [][2]int, from, to int) (out [][2]int) {
	for _, s := range stretches {
		if a, b := max(s[0], from), min(s[1], to); a < b {
			out = append(out, [2]int{a, b})
		}
	}
	return out
}

// outlasts is what becomes of the wish with the plan that was made; nil where there
// is none.
func (s *Rules) outlasts(w *wish, plan *Plan, v *vista) *Outlast {
	if w == nil {
		return nil
	}
	credit := v.with(s.planned(*plan, v, w))
	out := &Outlast{
		Until: w.until, Sure: v.paths.Lasts(credit, w.mark), Whole: moneyUp(w.whole),
		Need: moneyUp(v.paths.Needs(credit, []int{w.mark})[0].Safe),
	}
	// By less than its slack the plan may be dearer than what was kept.
	out.Lasts = out.Sure >= nineOfTen || out.Need.Float()*(1-wishSlack) <= credit.Balance && w.need <= credit.Balance
	if !out.Lasts {
		out.Ends = plan.RunOut.Early
	}
	for _, x := range w.pieces {
		if x.given {
			out.give(s, x)
		}
	}
	slices.SortStableFunc(out.Given, func(a, b GivenUp) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return out
}

// give notes a piece; those of one day of a load are one.
func (o *Outlast) give(s *Rules, x piece) {
	l := s.Loads[x.load]
	g := GivenUp{ID: l.ID, At: x.spans[0].Start, By: x.by, Later: x.later}
	for i, span := range x.spans {
		power := x.power
		if x.from != nil {
			power = units.FromKW(x.from[i])
		}
		g.Time += span.Len
		g.Energy += power.Over(span.Len)
	}
	i := slices.IndexFunc(o.Given, func(k GivenUp) bool { return k.ID == g.ID && k.By.Equal(g.By) && k.Later == g.Later })
	if i < 0 {
		o.Given = append(o.Given, g)
		return
	}
	k := &o.Given[i]
	k.Time += g.Time
	k.Energy += g.Energy
	if g.At.Before(k.At) {
		k.At = g.At
	}
}
