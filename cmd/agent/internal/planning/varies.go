package planning

import (
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
)

// varies lays a request of a load that is told powers into its hours; false where there is
// none of it in the horizon.
func (s *Rules) varies(i int, r loads.Request, o outlook, k costs) (job, bool) {
	h := s.hours(r, o)
	slots := s.inSlots(r.Time)
	if len(h.seen) == 0 || slots == 0 {
		return job{}, false
	}
	here, price := o.before(h, slots)
	if here == 0 {
		return job{}, false
	}
	full, least := r.Power.KW(), r.Least.KW()
	perSlot := full * s.Slot.Hours()
	// A slot at the least is the least that it can be given.
	need := max(min(r.Energy().KWh(), float64(here)*perSlot), least*s.Slot.Hours())
	from, to := h.seen[0][0], h.seen[len(h.seen)-1][1]
	most := max(1, int(need/(least*s.Slot.Hours())+1e-9)) // slots that it can be on
	starts := most
	if r.Starts >= 0 {
		starts = r.Starts
	}
	v := &optimizer.Variable{
		MinKW: least, MaxKW: full, NeedKWh: need, From: from, To: to, MaxStarts: starts,
		ShortPenalty: k.short, StartCost: s.start(i) * k.level * perSlot,
		Switching: optimizer.Switching{MinOn: min(max(1, s.inSlots(r.MinOn)), most), MinOff: max(1, s.inSlots(r.MinOff))},
	}
	s.hold(&v.Switching, from == 0, min(most, to), r, o)
	j := job{load: i, later: price > 0, job: optimizer.Load{ID: s.name(i, r.By), Priority: s.importance(r.Priority), Variable: v, Deadline: s.deadline(i, r, o)}}
	j.shut = h.between()
	if j.later {
		j.job.PriceCap = price + (startShare+laterShare)*k.level
	}
	if h.spans[0] == 0 {
		j.begins(r, r.Spans[0], o.now)
	}
	return j, true
}

// on tells whether the job's load runs now.
func (j job) on() bool {
	switch {
	case j.job.OnOff != nil:
		return bool(j.job.OnOff.InitOn)
	case j.job.Variable != nil:
		return bool(j.job.Variable.InitOn)
	}
	return false
}

// most is the job of a load that is told powers with no more than it gets in n slots at
// all that it may draw.
func (j job) most(n int) job {
	v := *j.job.Variable
	v.NeedKWh = min(v.NeedKWh, float64(n)*v.MaxKW*j.hours)
	slots := max(1, int(v.NeedKWh/(v.MinKW*j.hours)+1e-9))
	v.MinOn, v.MaxStarts = min(v.MinOn, slots), min(v.MaxStarts, slots)
	if v.InitOn {
		v.Hold = min(v.Hold, slots, v.To)
	}
	j.job.Variable = &v
	return j
}

// parted is the job of a load that is told powers with what it gets in so many slots before
// the slot cut and in so many after it, each at all that it may draw.
func (j job) parted(cut, early, late int) (out []job) {
	whole := j.job.Variable.NeedKWh
	if early > 0 {
		a := j.most(early)
		a.job.Variable.To = min(a.job.Variable.To, cut)
		if a.job.Variable.InitOn {
			a.job.Variable.Hold = min(a.job.Variable.Hold, a.job.Variable.To)
		}
		whole -= a.job.Variable.NeedKWh
		out = append(out, a)
	}
	if late > 0 && whole > 1e-6 {
		b := j.most(late)
		v := b.job.Variable
		v.NeedKWh = max(min(v.NeedKWh, whole), v.MinKW*j.hours)
		v.From, v.InitOn, v.Hold = max(v.From, cut), false, 0
		b.job.ID += atLater
		b.opens, b.rests = false, time.Time{}
		out = append(out, b)
	}
	return out
}

// within takes from the powers of a plan in force what the job does not ask for any more,
// the last first.
func (j job) within(kw []float64) {
	v := j.job.Variable
	if v == nil {
		return
	}
	over := -v.NeedKWh / j.hours
	for _, x := range kw {
		over += x
	}
	for t := len(kw) - 1; t >= 0 && over > 0; t-- {
		if kw[t] <= 0 {
			continue
		}
		x := max(v.MinKW, kw[t]-over)
		if kw[t] <= over {
			x = 0
		}
		over -= kw[t] - x
		kw[t] = x
	}
}

// told are the powers of a job as its load can be told them.  Each is rounded down; what is
// missing then is made up by a step more where most was lost, and where there is room.
func (s *Rules) told(j job, kw []float64, p *optimizer.Problem, solved *optimizer.Plan) []units.Power {
	out := make([]units.Power, len(kw))
	takes := s.Loads[j.load].Takes()
	if j.job.Variable == nil || len(takes.Powers) == 0 {
		for t, x := range kw {
			out[t] = units.FromKW(max(0, x))
		}
		return out
	}
	lost := make([]units.Power, len(kw))
	var order []int
	missing := units.Power(0)
	for t, x := range kw {
		if x <= 0 {
			continue
		}
		exact := units.FromKW(x)
		out[t] = takes.AtMost(loads.Setpoint{On: true, Power: exact + units.Watt/100}).Power
		if out[t] -= out[t] % units.Watt; out[t] < takes.Powers[0].From { // by a hair
			out[t] = takes.Powers[0].From
		}
		if lost[t] = exact - out[t]; lost[t] > 0 {
			order = append(order, t)
		}
		missing += lost[t]
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(max(-1, min(1, lost[b]-lost[a]))) })
	for _, t := range order {
		next := above(takes, out[t])
		more := next - out[t]
		if next == 0 || more > 2*missing || !roomFor(p, solved, t, j.job.ID, (next-units.FromKW(kw[t])).KW()) {
			continue
		}
		out[t] = next
		missing -= more
	}
	return out
}

// above is the next power that can be told above p; 0: there is none.
func above(c loads.Capability, p units.Power) units.Power {
	next := units.Power(math.MaxInt64)
	for _, r := range c.Powers {
		switch {
		case r.From > p:
			next = min(next, r.From)
		case r.Step > 0 && p+r.Step <= r.To:
			next = min(next, p+r.Step)
		}
	}
	if next == math.MaxInt64 {
		return 0
	}
	return next
}

// roomFor tells whether the plan leaves a job room for so much more below the site's limit and
// those of its loads.
func roomFor(p *optimizer.Problem, plan *optimizer.Plan, slot int, job string, kw float64) bool {
	for i := range p.Circuits {
		c := &p.Circuits[i]
		if !slices.Contains(c.Loads, job) {
			continue
		}
		sum := kw
		for _, id := range c.Loads {
			sum += plan.Loads[id].KW[slot]
		}
		if sum > c.At(slot) {
			return false
		}
	}
	return slot >= len(p.SiteLimitKW) || slot >= len(plan.ImportKW) || plan.ImportKW[slot]+kw <= p.SiteLimitKW[slot]
}
