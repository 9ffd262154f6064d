package planning

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// nineOfTen is how sure it must be that the credit lasts as long as somebody asks.
const nineOfTen = 0.9

// Outlast is what becomes of a person's wish that the credit lasts until an
// instant.  Money is in the account's unit, from the plan's instant on.
type Outlast struct {
	Until time.Time `json:"until"`
	// Sure is the chance that the credit lasts until then, as planned; Lasts tells
	// that it is nine of ten or more.
	Sure  float64 `json:"sure"`
	Lasts bool    `json:"lasts,omitempty"`
	// Ends is when the credit has ended in one future of ten, where it does not last.
	Ends  time.Time   `json:"ends,omitzero"`
	Need  units.Money `json:"need"`  // credit that lasts in nine of ten futures, as planned
	Whole units.Money `json:"whole"` // the same with nothing given up
	Given []GivenUp   `json:"given,omitempty"`
}

// GivenUp is what a load does without, or waits for, of one of its days.
type GivenUp struct {
	ID     string        `json:"id"`
	At     time.Time     `json:"at"` // when it would have begun
	By     time.Time     `json:"by"` // the end of the load's day
	Time   time.Duration `json:"time"`
	Energy units.Energy  `json:"energy"`
	// Later: it is only moved to after the instant asked for.
	Later bool `json:"later,omitempty"`
}

// piece is what can be given up by itself: a programme, or a slot's worth of
// running.
type piece struct {
	load  int
	job   int          // of the problem's; -1: its time is yet to come
	spans []units.Slot // when it would run, where it is cheapest
	power units.Power
	from  []float64 // of a job: the powers, slot by slot
	by    time.Time // the end of its load's day
	given bool
	later bool // given up, and moved to after the wish
	// always: it is never given up, because its load is never shed or it must be had.
	always bool
}

// wish is a wish under way: what is kept of the loads so that it is met.
type wish struct {
	until  time.Time
	mark   int       // the path's slots up to it
	whole  float64   // credit that lasts with nothing given up
	need   float64   // the same with what is kept
	pieces []piece   // in the order in which they are kept
	kept   []float64 // kWh by slot of the paths: what loads use that are kept
	all    []float64 // the same with nothing given up, and day by day beyond the wish
}

// outlast decides what is given up so that the credit lasts as long as the Brief
// asks.  It is nil where nothing is asked for, or nothing can be foreseen.
//
// Pieces are kept in the order of their loads' importance, and of one importance
// the soonest first, as long as the credit lasts with them in nine of ten futures;
// from the first with which it does not, all are given up.  So more credit never
// keeps less, and nothing is given up for something less important.  What is never
// shed is kept whatever comes.
func (s *Rules) outlast(b *Brief, o outlook, jobs []job, v *vista) *wish {
	if b.Until.IsZero() || !b.Until.After(b.Now) || b.Unlocked || len(v.slots) == 0 {
		return nil
	}
	w := &wish{until: b.Until, mark: int((b.Until.Sub(v.paths.Start) + s.Interval - 1) / s.Interval)}
	if w.mark > len(v.slots) {
		return nil // as far as nobody sees
	}
	var after []piece
	w.pieces, after = s.pieces(b, o, jobs, v)
	// lasts is the credit that lasts where the first n pieces are kept, and whether
	// there is as much.
	lasts := func(n int) (float64, bool) {
		need := v.safe(w.use(slices.Clone(v.ours), n, v, s.Interval), w.mark)
		return need, need <= v.credit.Balance
	}
	first := 0 // that can be given up
	for first < len(w.pieces) && w.pieces[first].always {
		first++
	}
	n := len(w.pieces)
	var ok bool
	if w.whole, ok = lasts(n); !ok {
		// It lasts with the first that are kept, and with one more it does not.
		n = first + sort.Search(n-first, func(k int) bool { _, ok := lasts(first + k + 1); return !ok })
	}
	for i := n; i < len(w.pieces); i++ {
		w.pieces[i].given = true
	}
	w.need, _ = lasts(n)
	w.kept = w.use(make([]float64, len(v.slots)), n, v, s.Interval)
	w.all = w.use(make([]float64, len(v.slots)), len(w.pieces), v, s.Interval)
	for i := range after {
		after[i].add(w.all, v, s.Interval)
	}
	s.daily(w.all, max(w.mark, s.reach(o, v)))
	return w
}

// reach is how many slots of the paths the plan's own reach into.
func (s *Rules) reach(o outlook, v *vista) int {
	end := o.slots[len(o.slots)-1].End()
	return min(len(v.slots), int((end.Sub(v.paths.Start)+s.Interval-1)/s.Interval))
}

// daily repeats what is used in the day before a slot in all that follow.
func (s *Rules) daily(kwh []float64, from int) {
	day := int(24 * time.Hour / s.Interval)
	for i := max(from, day); i < len(kwh); i++ {
		kwh[i] = kwh[i-day]
	}
}

// use adds what the loads use where the first n pieces are kept.
func (w *wish) use(kwh []float64, n int, v *vista, interval time.Duration) []float64 {
	for i := range w.pieces[:n] {
		w.pieces[i].add(kwh, v, interval)
	}
	return kwh
}

// add puts the piece's energy on top.
func (p *piece) add(kwh []float64, v *vista, interval time.Duration) {
	for i, span := range p.spans {
		kw := p.power.KW()
		if p.from != nil {
			kw = p.from[i]
		}
		spread(kwh, v, interval, span, kw)
	}
}

// spread adds what a power uses over a span to the slots of the paths.
func spread(kwh []float64, v *vista, interval time.Duration, span units.Slot, kw float64) {
	for i := max(0, int(span.Start.Sub(v.paths.Start)/interval)); i < len(kwh); i++ {
		slot := v.slots[i]
		if !slot.Start.Before(span.End()) {
			return
		}
		kwh[i] += kw * share(slot, span.Start, span.End()) * interval.Hours()
	}
}

// pieces are what the loads are owed up to the wish, in the order in which they are
// kept, each where it is cheapest.  Those that begin after it cost it nothing.
func (s *Rules) pieces(b *Brief, o outlook, jobs []job, v *vista) (out, after []piece) {
	laid := make([]float64, len(s.Loads)) // kWh of each load that jobs ask for
	for k, j := range jobs {
		a := j.asks()
		by := o.slots[min(max(a.to, 1), len(o.slots))-1].End()
		at := o.cheapest(a)
		if a.whole && len(at) > 0 {
			p := piece{load: j.load, job: k, from: a.kw, by: by, always: j.must || s.Loads[j.load].Essential}
			for _, t := range at {
				p.spans = append(p.spans, o.slots[t])
			}
			out = append(out, p)
		}
		for i, t := range at {
			laid[j.load] += a.kw[i] * o.slots[t].Len.Hours()
			if !a.whole {
				out = append(out, piece{load: j.load, job: k, spans: o.slots[t : t+1], from: a.kw[i : i+1], by: by, always: j.must || s.Loads[j.load].Essential})
			}
		}
	}
	for i, l := range s.Loads {
		out = append(out, s.later(i, b.owed(l.ID), laid[i], o, v)...)
	}
	slices.SortStableFunc(out, func(x, y piece) int {
		a, b := s.Loads[x.load], s.Loads[y.load]
		if x.always != y.always {
			if x.always {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), x.by.Compare(y.by), x.spans[0].Start.Compare(y.spans[0].Start), cmp.Compare(x.load, y.load))
	})
	out = slices.DeleteFunc(out, func(p piece) bool {
		late := !p.spans[0].Start.Before(b.Until)
		if late {
			after = append(after, p)
		}
		return late
	})
	return out, after
}

// cheapest are the slots in which what is asked for is cheapest: in one piece where
// it must be, by time.
func (o outlook) cheapest(a asked) []int {
	from, to := max(0, a.from), min(a.to, len(o.slots))
	n := len(a.kw)
	if a.whole {
		best, least := -1, 0.0
		for t := from; t+n <= to; t++ {
			cost := 0.0
			for i, kw := range a.kw {
				cost += kw * o.price(&o.table, t+i).Float()
			}
			if best < 0 || cost < least {
				best, least = t, cost
			}
		}
		if best < 0 {
			return nil
		}
		at := make([]int, n)
		for i := range at {
			at[i] = best + i
		}
		return at
	}
	at := make([]int, 0, max(0, to-from))
	for t := from; t < to; t++ {
		if !a.isShut(t) {
			at = append(at, t)
		}
	}
	slices.SortStableFunc(at, func(x, y int) int { return cmp.Compare(o.price(&o.table, x), o.price(&o.table, y)) })
	at = at[:min(n, len(at))]
	slices.Sort(at)
	return at
}

// later are the pieces of what a load is owed beyond the plan's slots: of the days
// to come, and what of the last day seen is not asked for in them.
func (s *Rules) later(load int, owed Owed, laid float64, o outlook, v *vista) []piece {
	l := s.Loads[load]
	end := o.slots[len(o.slots)-1].End()
	var out []piece
	wanted := 0.0
	for i, r := range owed.Requests {
		wanted += r.Energy().KWh()
		if i == len(owed.Requests)-1 {
			if rest := wanted - laid; rest > 1e-6 && l.Power > 0 {
				r.Time = time.Duration(rest / l.Power.KW() * float64(time.Hour)).Round(time.Second)
				out = append(out, s.dayOf(load, r, end, v)...)
			}
		}
	}
	for _, r := range owed.Later {
		out = append(out, s.dayOf(load, r, end, v)...)
	}
	return out
}

// dayOf are the pieces of one request, not before from.
func (s *Rules) dayOf(load int, r loads.Request, from time.Time, v *vista) []piece {
	length, n := s.Interval, s.in(r.Time, s.Interval)
	if r.Kind == loads.Cycle {
		length = r.Cycle
		n = int((r.Time + r.Cycle - 1) / max(1, r.Cycle))
	}
	// Every begin of a slot at which a piece fits, the cheapest first.
	type place struct {
		at    int
		price units.Price
	}
	var places []place
	for _, span := range r.Spans {
		i := max(0, s.in(civil.Later(span.Start, from).Sub(v.paths.Start), s.Interval))
		for ; i < len(v.slots) && !v.slots[i].Start.Add(length).After(span.End()); i++ {
			places = append(places, place{i, v.price(i)})
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.price, b.price) })
	var out []piece
	left := r.Time
	for _, x := range places {
		if len(out) == n {
			break
		}
		span := units.Slot{Start: v.slots[x.at].Start, Len: min(length, left)}
		if r.Kind == loads.Cycle && slices.ContainsFunc(out, func(p piece) bool {
			return span.Start.Before(p.spans[0].End()) && p.spans[0].Start.Before(span.End())
		}) {
			continue // one programme after the other
		}
		left -= span.Len
		out = append(out, piece{load: load, job: -1, spans: []units.Slot{span}, power: r.Power, by: r.By, always: r.Must || s.Loads[load].Essential})
	}
	return out
}

// in is d in whole steps, rounded up.
func (s *Rules) in(d, step time.Duration) int { return int((d + step - 1) / step) }
