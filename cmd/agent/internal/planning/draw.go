package planning

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
)

// draw moves runs within the hours that cost the same, by lot: homes that are given one cheap
// window would otherwise all begin with it, and make a peak of their own.  The lot is drawn
// from the site, the load and the day by which it is to be done, so that nobody is always
// first, and a plan made anew draws the same.  What somebody waits for, what is on already, and
// credit that does not outlast the plan, are left alone: who may run out is not to pay for others.
func (p *Planner) draw(b *Brief, o outlook, problem *optimizer.Problem, solved *optimizer.Plan, jobs []job, last *optimizer.Plan) {
	cost := o.cost(problem, solved)
	if !b.Unlocked && cost > b.Left {
		return
	}
	m := mover{p: problem, plan: solved, purse: o.purse, cost: cost}
	m.broken = m.breaks()
	for _, j := range jobs {
		part, ok := solved.Loads[j.job.ID]
		if !ok || j.runs() || j.job.Deadline != nil { // somebody waits for it, and pays for late
			continue
		}
		var was []float64 // as the plan in force has it
		if last != nil {
			was = last.Loads[j.job.ID].KW
		}
		key := p.rules.lot(j.job.ID)
		for i, run := range runsOf(part.KW) {
			if !m.cheap(j.asks(), run) {
				continue
			}
			first, end := m.stretch(j.job.ID, run)
			if first == end || b.keeps(o, was, run, end+run[1]-run[0]) {
				continue
			}
			if to := drawnAt(key, i, run[1]-run[0], end-first); first+to != run[0] {
				m.move(j.job.ID, run, first+to)
			}
		}
	}
}

// keeps tells whether a run stays where the plan in force has it: it begins soon, or that plan
// saw all the slots up to end that it may be in.
func (b *Brief) keeps(o outlook, was []float64, run [2]int, end int) bool {
	if len(was) <= run[0] || was[run[0]] <= 0 {
		return false
	}
	soon := !o.slots[run[0]].Start.After(b.Now.Add(soonAhead))
	return soon || slices.Contains(runsOf(was), run) && !o.slots[end-1].End().After(b.Last.Ends())
}

// runs tells whether the job's load is on as the plan begins: it is not stopped.
func (j job) runs() bool {
	return j.job.OnOff != nil && bool(j.job.OnOff.InitOn) || j.job.Variable != nil && bool(j.job.Variable.InitOn)
}

// lot is what a job's place is drawn from.
func (s *Rules) lot(job string) (out [sha256.Size]byte) {
	h := hmac.New(sha256.New, []byte(s.ID))
	_ = binary.Write(h, binary.BigEndian, s.Seed) // a hash takes all
	h.Write([]byte(job))
	h.Sum(out[:0])
	return out
}

// drawnAt is how much later than the first of slack+1 starts a run of so many slots begins.
// Runs are laid like tiles, as many behind each other as there is room for, and the tiles
// pushed by what is left over: drawn evenly over the slack, runs of half the window would
// all be on in its middle.
func drawnAt(lot [sha256.Size]byte, run, length, slack int) int {
	at := func(i int) uint64 { return binary.BigEndian.Uint64(lot[8*((2*run+i)%4):]) }
	tiles := 1 + slack/length
	left := slack - (tiles-1)*length
	return int(at(0)%uint64(tiles))*length + int(at(1)%uint64(left+1)) //nolint:gosec // small
}

// runsOf are the stretches of slots in which a load draws.
func runsOf(kw []float64) (out [][2]int) {
	for t := 0; t < len(kw); t++ {
		if kw[t] <= 0 {
			continue
		}
		from := t
		for t < len(kw) && kw[t] > 0 {
			t++
		}
		out = append(out, [2]int{from, t})
	}
	return out
}

// mover moves runs of a plan that stays as good.
type mover struct {
	p      *optimizer.Problem
	plan   *optimizer.Plan
	purse  purse
	cost   units.Money           // of the plan as it is
	broken []optimizer.Violation // by it
}

// breaks are the rules that the plan breaks.  What the search has claimed of its cost is not
// one of them: the money is counted, and what the search likes besides may be given up.
func (m *mover) breaks() []optimizer.Violation {
	return slices.DeleteFunc(optimizer.Check(m.p, m.plan), func(v optimizer.Violation) bool {
		return v.Kind == optimizer.BadCost || v.Kind == optimizer.BadBound
	})
}

// cheap tells whether a load could also be had at a dearer time than its run's: where all
// hours cost the same nothing calls homes together, and early is good.
func (m *mover) cheap(a asked, run [2]int) bool {
	return slices.ContainsFunc(m.p.ImportPrice[a.from:min(a.to, len(m.p.ImportPrice))], func(price float64) bool {
		return price > m.p.ImportPrice[run[0]]+1e-9
	})
}

// stretch is the starts around a run's that are as good, from the first to the last.
func (m *mover) stretch(id string, run [2]int) (first, last int) {
	first, last = run[0], run[0]
	for m.may(id, run, first-1) {
		first--
	}
	for m.may(id, run, last+1) {
		last++
	}
	return first, last
}

// may tells whether the plan is as good, by money and by every rule, with a run elsewhere.
func (m *mover) may(id string, run [2]int, to int) bool {
	was := m.plan.Loads[id].KW
	if to < 0 || to+run[1]-run[0] > len(was) {
		return false
	}
	extra := 0.0
	for t := run[0]; t < run[1]; t++ {
		extra += was[t] * (m.p.ImportPrice[to+t-run[0]] - m.p.ImportPrice[t])
	}
	if math.Abs(extra) > 1e-9 {
		return false
	}
	at := slices.Clone(was)
	clear(at[run[0]:run[1]])
	if slices.ContainsFunc(at[to:to+run[1]-run[0]], func(kw float64) bool { return kw > 0 }) {
		return false
	}
	copy(at[to:], was[run[0]:run[1]])
	part := m.plan.Loads[id]
	m.plan.Loads[id] = optimizer.LoadPlan{KW: at}
	defer func() { m.plan.Loads[id] = part }()
	return m.purse.cost(m.p, m.plan) <= m.cost && slices.EqualFunc(m.breaks(), m.broken, func(a, b optimizer.Violation) bool { return a.Kind == b.Kind && a.By <= b.By+1e-9 })
}

// move puts a run elsewhere, where it may be.
func (m *mover) move(id string, run [2]int, to int) {
	part := m.plan.Loads[id]
	kw := slices.Clone(part.KW)
	clear(kw[run[0]:run[1]])
	copy(kw[to:], part.KW[run[0]:run[1]])
	if len(m.plan.ImportKW) == len(kw) {
		m.plan.ImportKW = slices.Clone(m.plan.ImportKW)
		for t := range kw {
			m.plan.ImportKW[t] += kw[t] - part.KW[t]
		}
	}
	part.KW = kw
	if r := part.Reason; r != nil && r.Start == run[0] {
		moved := *r
		moved.Start = to
		if to > run[0] {
			moved.EarlierSlot, moved.EarlierExtra = run[0], 0
		} else if moved.EarlierSlot >= to {
			moved.EarlierSlot, moved.EarlierExtra = -1, 0
		}
		part.Reason = &moved
	}
	m.plan.Loads[id] = part
}
