package planning

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
)

// job is one load of the optimizer and the site's load it stands for.  A load
// that has several days in the horizon is several jobs.
type job struct {
	load int // index in Rules.Loads
	job  optimizer.Load

	hours float64   // of a slot
	later bool      // what is not had in the horizon can be had after it
	opens bool      // its window begins with the load's own hours
	must  bool      // it is asked for however little credit there is
	shut  [][2]int  // kind power: stretches between its hours, in which it may not run
	cools bool      // what it heats earlier cools until it is used
	rests time.Time // it begins when the load is asked again, which took nothing last; zero: it does not
}

// begins notes why the job's window begins where it does.  Hours that have begun do not begin
// with the next slot, where too little is left of this one.
func (j *job) begins(r loads.Request, span units.Slot, now time.Time) {
	cut := !r.Free.IsZero() && span.Start.Equal(r.Free)
	j.opens = !cut && span.Start.After(now)
	if cut && r.Rests {
		j.rests = r.Free
	}
}

// plannable is nil where every load that is to be scheduled is of a kind that jobs
// knows: one left out in silence would never run.
func (s *Rules) plannable() error {
	for _, l := range s.Loads {
		if l.Defer && l.Kind != loads.Cycle && l.Kind != loads.OnOff && l.Kind != loads.Varies && l.Kind != loads.Heat && l.Kind != loads.Battery {
			return fmt.Errorf("load %s is of kind %q, for which no plan can be made; write cycle, onoff, power, heat or battery, or defer: false", l.ID, l.Kind)
		}
	}
	return nil
}

// jobs are what the loads are owed within the horizon.
func (s *Rules) jobs(b *Brief, o outlook, k costs) []job {
	var out []job
	for i, l := range s.Loads {
		for _, r := range b.owed(l.ID).Requests {
			if l.Below != nil {
				if r = s.cheapSpans(r, l, o); len(r.Spans) == 0 {
					continue
				}
			}
			switch l.Kind {
			case loads.Measured, loads.Sun, loads.Battery: // nothing is owed to it
			case loads.Cycle:
				out = append(out, s.cycles(i, r, o, k)...)
			case loads.OnOff, loads.Heat:
				if j, ok := s.runs(i, r, o, k); ok {
					out = append(out, j)
				}
			case loads.Varies:
				if j, ok := s.varies(i, r, o, k); ok {
					out = append(out, j)
				}
			}
		}
	}
	for i := range out {
		out[i].hours = s.Slot.Hours()
		s.optional(&out[i], k)
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

// stretch is a span as slots counted from the horizon's first: the first it may use and
// the one after the last, which may lie beyond the horizon.
func (s *Rules) stretch(span units.Slot, on bool, o outlook) (from, to int) {
	start := o.slots[0].Start
	from = max(0, int(span.Start.Sub(start)/s.Slot))
	if span.Start.After(start) && span.Start.Sub(start)%s.Slot != 0 && !(from == 0 && o.underWay(span.Start, on)) {
		from++
	}
	return from, int(span.End().Sub(start) / s.Slot)
}

// underWay tells whether what may run from an instant in the first slot on may use that slot,
// of which part is gone: a plan made within it does not stop what runs, and starts what is
// off where half of it is left.
func (o *outlook) underWay(from time.Time, on bool) bool {
	return !from.After(o.now) && (on || o.slots[0].End().Sub(o.now) >= o.slots[0].Len/2)
}

// hours are the stretches of a request: the slots in the horizon and after it.
type hours struct {
	seen  [][2]int // within the horizon, sorted and apart
	spans []int    // of each: which of the request's
	after [][2]int // beyond it, counted on
}

func (s *Rules) hours(r loads.Request, o outlook) (h hours) {
	n := len(o.slots)
	for k, span := range r.Spans {
		from, to := s.stretch(span, r.On, o)
		if last := min(to, n); last > from {
			h.seen, h.spans = append(h.seen, [2]int{from, last}), append(h.spans, k)
		}
		if first := max(from, n); to > first {
			h.after = append(h.after, [2]int{first, to})
		}
	}
	return h
}

// room is how many slots there are in the horizon.
func (h hours) room() (n int) {
	for _, x := range h.seen {
		n += x[1] - x[0]
	}
	return n
}

// between are the stretches between those in the horizon.
func (h hours) between() (out [][2]int) {
	for k := 1; k < len(h.seen); k++ {
		if h.seen[k][0] > h.seen[k-1][1] {
			out = append(out, [2]int{h.seen[k-1][1], h.seen[k][0]})
		}
	}
	return out
}

// runs lays an on/off request into its stretches; false where there is none of it in the
// horizon.  Where its day goes on after the horizon, only what is cheapest there is asked
// for, and only as long as it costs no more than later.
func (s *Rules) runs(i int, r loads.Request, o outlook, k costs) (job, bool) {
	h := s.hours(r, o)
	need := s.inSlots(r.Time)
	if r.All {
		need = min(need, h.room())
	}
	if len(h.seen) == 0 || need == 0 {
		return job{}, false
	}
	need, price := o.before(h, need)
	if need == 0 {
		return job{}, false
	}
	from, to := h.seen[0][0], h.seen[len(h.seen)-1][1]
	kw := r.Power.KW()
	perSlot := kw * s.Slot.Hours()
	starts := need
	if r.Starts >= 0 {
		starts = r.Starts
	}
	on := &optimizer.OnOff{
		KW: kw, NeedSlots: need, From: from, To: to, MaxStarts: starts,
		ShortPenalty: k.short * perSlot, StartCost: s.start(i) * k.level * perSlot,
		Switching: optimizer.Switching{MinOn: min(max(1, s.inSlots(r.MinOn)), need), MinOff: max(1, s.inSlots(r.MinOff))},
	}
	on.Shut = h.between()
	s.hold(&on.Switching, on.From == 0 && !on.IsShut(0), min(need, to), r, o)
	j := job{load: i, later: price > 0, must: r.Must, cools: r.Late, job: optimizer.Load{ID: s.name(i, r.By), Priority: s.importance(r.Priority), OnOff: on, Deadline: s.deadline(i, r, o)}}
	if j.later {
		j.job.PriceCap = price + (startShare+laterShare)*k.level
	}
	if h.spans[0] == 0 { // else it might have had the hours before
		j.begins(r, r.Spans[0], o.now)
	}
	return j, true
}

// start is what a start of a load is worth avoiding, as a share of a slot's energy.
func (s *Rules) start(load int) float64 {
	if s.Loads[load].Unbroken {
		return unbroken
	}
	return startShare
}

// hold tells the optimizer how the load's switch stands, and for how long it has to
// stay so: may is whether the first slot can be used, most how many slots it may be on.
func (s *Rules) hold(on *optimizer.Switching, may bool, most int, r loads.Request, o outlook) {
	locked := 0
	if r.Locked.After(o.slots[0].Start) {
		locked = int(r.Locked.Sub(o.slots[0].Start) / s.Slot) // of the slot that it ends in some is left
	}
	if !r.On {
		on.Hold = min(locked, len(o.slots))
		return
	}
	if !may {
		return
	}
	on.InitOn = true
	if r.Locked.After(o.slots[0].Start.Add(time.Duration(locked) * s.Slot)) {
		locked++ // it draws in that slot too
	}
	on.Hold = min(locked, most)
}

// deadline is when the load should be ready, where it may be later.
func (s *Rules) deadline(i int, r loads.Request, o outlook) *optimizer.Deadline {
	price := s.Loads[i].LatePerHour
	if r.Ready.IsZero() || price <= 0 {
		return nil
	}
	slot := int((r.Ready.Sub(o.slots[0].Start) + s.Slot - 1) / s.Slot)
	if slot >= len(o.slots) {
		return nil
	}
	return &optimizer.Deadline{Slot: max(0, slot), LatePenalty: price.Float() * s.Slot.Hours()}
}

// cycles lays the programmes of a request, each as a job of its own.
func (s *Rules) cycles(i int, r loads.Request, o outlook, k costs) []job {
	profile := make([]float64, s.inSlots(r.Cycle))
	left := r.Cycle
	for t := range profile {
		profile[t] = r.Power.KW() * min(1, float64(left)/float64(s.Slot))
		left -= s.Slot
	}
	energy := r.Power.Over(r.Cycle).KWh()
	n := len(o.slots)
	from, to, longest := -1, 0, 0
	for k, span := range r.Spans {
		a, b := s.stretch(span, r.On, o)
		b = min(b, n)
		if b-a >= len(profile) && b-a > to-from {
			from, to, longest = a, b, k
		}
	}
	later := o.cheapestAfter(s.hours(r, o), len(profile))
	if from < 0 {
		if len(r.Spans) == 0 || later > 0 {
			return nil // its time is yet to come
		}
		from, to = s.stretch(r.Spans[0], r.On, o)
		to = min(max(to, from), n)
	}
	var out []job
	for run := range r.Runs { // counted down: the last is the last whatever has been run
		j := job{load: i, later: later > 0, job: optimizer.Load{
			ID:       fmt.Sprintf("%s/%d", s.name(i, r.By), r.Runs-run),
			Priority: s.importance(r.Priority),
			Cycle:    &optimizer.Cycle{ProfileKW: profile, Earliest: from, LatestFinish: to, SkipPenalty: k.short * energy},
			Deadline: s.deadline(i, r, o),
		}}
		if j.later {
			j.job.PriceCap = later + laterShare*k.level
		}
		if longest == 0 {
			j.begins(r, r.Spans[longest], o.now)
		}
		out = append(out, j)
	}
	return out
}
