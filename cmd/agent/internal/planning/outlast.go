package planning

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Outlook is what energy costs in time, and what it takes to last: from the
// same futures as the plan's RunOut.
type Outlook struct {
	// PerKWh is by how much sooner the credit ends where one kWh more is used
	// now; 0 is not known.
	PerKWh time.Duration `json:"per_kwh,omitempty"`
	Runs   []RunTime     `json:"runs,omitempty"` // of each load, in the site's order
	Needs  []Need        `json:"needs,omitempty"`
	// Starts are when Extra may begin: now, and each full hour of the plan.
	Starts []time.Time `json:"starts,omitempty"`
	Extra  []Extra     `json:"extra,omitempty"` // of a kWh, and of a run of each load
	// Spent is the credit that lasts up to each of Starts in half of the futures, and Used
	// what is used until then, as Need has both for the midnights; none: not known.
	Spent []units.Money  `json:"spent,omitempty"`
	Used  []units.Energy `json:"used,omitempty"`
}

// RunTime is what one run of a load, begun now, costs in time.
type RunTime struct {
	ID     string        `json:"id"`
	Energy units.Energy  `json:"energy"`
	Sooner time.Duration `json:"sooner"`
}

// Need is the credit that lasts up to a local midnight, in the account's unit:
// consumption as forecast, loads as planned, blocks and charges by time as they
// come.
type Need struct {
	Until time.Time   `json:"until"`
	Even  units.Money `json:"even"` // in half of the futures
	Safe  units.Money `json:"safe"` // in nine of ten
	// Used is what is used up to then, in the mean of the futures; 0: not known.
	Used units.Energy `json:"used,omitempty"`
}

// Mark is what a home has spent and used by an instant to come.
type Mark struct {
	At    time.Time
	Spent units.Money // in half of the futures
	Used  units.Energy
}

// Marks are those of the plan's hours, and of the hours of the days after it, which are taken to
// be spent as the plan's last day is: in a straight line from midnight to midnight a home that
// sleeps was said to be dark hours too soon.
func (o *Outlook) Marks() []Mark {
	var out []Mark
	if len(o.Spent) == len(o.Starts) && len(o.Used) == len(o.Starts) {
		for i, at := range o.Starts {
			out = append(out, Mark{at, o.Spent[i], o.Used[i]})
		}
	}
	plan := out
	for _, n := range o.Needs {
		if len(out) == 0 || n.Until.After(out[len(out)-1].At) {
			if len(out) > 0 {
				out = between(out, plan, n)
			}
			out = append(out, Mark{n.Until, n.Even, n.Used})
		}
	}
	return out
}

// between adds the hours from the last mark to a midnight, in the proportions of the plan's last
// day; none where the plan is shorter than that.
func between(out, plan []Mark, n Need) []Mark {
	const day = 24 * time.Hour
	if len(plan) == 0 || plan[len(plan)-1].At.Sub(plan[0].At) < day-time.Hour {
		return out
	}
	last := plan[len(plan)-1].At
	from := out[len(out)-1]
	like := func(t time.Time) Mark { // at the same hour of the plan's last day
		for t.After(last) {
			t = t.Add(-day)
		}
		was := plan[0]
		for _, m := range plan {
			if !m.At.Before(t) {
				if step := int64(m.At.Sub(was.At)); step > 0 {
					part := int64(t.Sub(was.At))
					return Mark{t, was.Spent + (m.Spent-was.Spent).Part(part, step), was.Used + (m.Used-was.Used).Part(part, step)}
				}
				return m
			}
			was = m
		}
		return was
	}
	sums := []Mark{{At: from.At}}
	for at := from.At; at.Before(n.Until); {
		next := at.Add(time.Hour)
		if next.After(n.Until) {
			next = n.Until
		}
		a, b, sum := like(at), like(next), sums[len(sums)-1]
		if b.At.After(a.At) { // else it goes over the plan's end
			sum.Spent, sum.Used = sum.Spent+max(0, b.Spent-a.Spent), sum.Used+max(0, b.Used-a.Used)
		}
		sum.At, at = next, next
		sums = append(sums, sum)
	}
	all := sums[len(sums)-1]
	if all.Spent <= 0 || all.Used <= 0 {
		return out
	}
	for _, s := range sums[1 : len(sums)-1] {
		out = append(out, Mark{
			s.At, from.Spent + (n.Even-from.Spent).Part(int64(s.Spent), int64(all.Spent)), from.Used + (n.Used-from.Used).Part(int64(s.Used), int64(all.Used)),
		})
	}
	return out
}

// Reaches is how long an amount lasts from the plan's instant on, and what is used of it, by
// the use that is foreseen with its blocks and charges by time.  What is left of it where the
// futures end goes by their mean.  ok is false where that is not known.
func (o *Outlook) Reaches(amount units.Money) (lasts time.Duration, used units.Energy, ok bool) {
	marks := o.Marks()
	if len(marks) < 2 || marks[len(marks)-1].Used <= 0 || marks[len(marks)-1].Spent <= 0 || len(o.Spent) == 0 {
		return 0, 0, false
	}
	first, was := marks[0], marks[0]
	for _, m := range marks[1:] {
		if amount < m.Spent {
			whole, part := int64(m.Spent-was.Spent), int64(max(0, amount-was.Spent))
			return was.At.Sub(first.At) + time.Duration(units.MulDiv(int64(m.At.Sub(was.At)), part, whole)), was.Used + (m.Used-was.Used).Part(part, whole), true
		}
		was = m
	}
	rest, whole := int64(amount-was.Spent), int64(was.Spent)
	span := was.At.Sub(first.At)
	return span + time.Duration(units.MulDiv(int64(span), rest, whole)), was.Used + was.Used.Part(rest, whole), true
}

// runOut follows many futures of the base load, with what is planned on top,
// until the credit is gone.
func (p *Planner) runOut(b *Brief, plan Plan, v *vista, w *wish) (RunOut, Outlook) {
	s := &p.rules
	if len(v.slots) == 0 {
		return RunOut{}, Outlook{}
	}
	credit := v.with(s.planned(plan, v, w))
	if !s.unasked { // there are more questions about it
		credit = v.paths.Priced(credit, &p.priced)
	}
	r := v.paths.RunOut(credit)
	// The first slot is partly gone already.
	from := v.paths.Start
	out := RunOut{Known: true, Mid: from.Add(r.Q50), Early: from.Add(r.Q10), Beyond: r.Q50 >= r.Horizon}
	if r.Q90 < r.Horizon {
		out.Late = from.Add(r.Q90)
	}
	for _, t := range []*time.Time{&out.Early, &out.Mid, &out.Late} {
		if !t.IsZero() && t.Before(b.Now) {
			*t = b.Now
		}
	}
	if s.unasked {
		return out, Outlook{}
	}
	ends := int((r.Q50 + s.Interval - 1) / s.Interval)
	return out, s.outlook(b.Now, v, credit, ends)
}

// planned is the loads' energy in the futures' slots, in kWh: what runs whatever the
// plan says, what is planned, and beyond the plan as on the plan's last whole day.  The
// battery follows each future by itself.
// Where somebody asks that the credit lasts, what is kept of the loads beyond the plan
// is known up to then.
func (s *Rules) planned(plan Plan, v *vista, w *wish) []float64 {
	out := make([]float64, len(v.slots))
	const day = 24 * time.Hour
	for k := range plan.Prices {
		kw := 0.0
		for _, l := range plan.Loads {
			if v.cell == nil || l.ID != s.store() {
				kw += l.Power[k].KW()
			}
		}
		if kw != 0 {
			spread(out, v, s.Interval, units.Slot{Start: plan.Start.Add(time.Duration(k) * plan.Slot), Len: plan.Slot}, kw)
		}
	}
	end := plan.Ends()
	for i, slot := range v.slots {
		switch {
		case slot.Start.Before(end):
		case w != nil && i < w.mark:
			out[i] = w.kept[i]
		case w != nil:
			out[i] = w.all[i]
		default:
			if back := i - int(day/slot.Len); back >= 0 {
				out[i] = out[back]
			}
		}
	}
	for i, kwh := range v.ours {
		out[i] += kwh
	}
	return out
}

// outlook asks the futures, in which the credit ends so many slots on in the middle.
func (s *Rules) outlook(now time.Time, v *vista, c forecast.Credit, ends int) Outlook {
	var out Outlook
	paths, n := v.paths, len(v.slots)
	var marks []int
	for at := units.NextLocalMidnight(now, s.Zone); ; at = units.NextLocalMidnight(at, s.Zone) {
		// A midnight within a slot is reached with the whole slot.
		i := int((at.Sub(paths.Start) + s.Interval - 1) / s.Interval)
		if i > n {
			break
		}
		marks = append(marks, i)
		out.Needs = append(out.Needs, Need{Until: at})
	}
	m, starts := newMargins(v, c.Planned, ends), s.hoursAhead(v)
	used := make([]units.Energy, n+1) // up to each slot
	for t := range n {
		used[t+1] = used[t] + units.FromKWh(max(0, m.kwh[t]))
	}
	for i, need := range paths.Needs(c, marks) {
		out.Needs[i].Even, out.Needs[i].Safe, out.Needs[i].Used = moneyUp(need.Even), moneyUp(need.Safe), used[marks[i]]
	}
	out.Spent, out.Used = []units.Money{0}, []units.Energy{0}
	for i, need := range paths.Needs(c, starts[1:]) { // up to the first slot nothing is spent
		out.Spent, out.Used = append(out.Spent, moneyUp(need.Even)), append(out.Used, used[starts[i+1]])
	}
	out.Extra = s.extras(v, c, m, starts)
	for _, i := range starts {
		out.Starts = append(out.Starts, v.slots[i].Start)
	}
	for _, x := range out.Extra {
		switch {
		case len(x.Sooner) == 0:
		case x.ID == "":
			out.PerKWh = x.Light(0)
		default:
			out.Runs = append(out.Runs, RunTime{x.ID, x.Energy, x.Light(0)})
		}
	}
	return out
}

// oneRun is how long one run of a load is: a programme, a day's need, or an
// hour where nothing is asked of it.
func oneRun(l loads.Load) time.Duration {
	switch l.Kind {
	case loads.Cycle:
		return l.Cycle
	case loads.Measured, loads.Sun, loads.Battery:
	case loads.OnOff, loads.Varies, loads.Heat:
		if l.Need > 0 {
			return l.Need
		}
	}
	return time.Hour
}

// moneyUp is v rounded up: less would not last.
func moneyUp(v float64) units.Money {
	return units.FromFloat(math.Ceil(v*float64(units.One)) / float64(units.One))
}
