package picture

import (
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// MovedBy is why the end of the credit is foreseen for another time than not long ago.
type MovedBy string

// The reasons.
const (
	MovedBought    MovedBy = "bought"     // Amount was added
	MovedAsked     MovedBy = "asked"      // Name was asked to run
	MovedUsedMore  MovedBy = "used_more"  // Energy more was used than expected
	MovedUsedLess  MovedBy = "used_less"  //
	MovedRunsMore  MovedBy = "runs_more"  // Name is planned for Energy more
	MovedRunsLess  MovedBy = "runs_less"  //
	MovedPriceUp   MovedBy = "price_up"   // the prices to come are higher
	MovedPriceDown MovedBy = "price_down" //
	MovedMore      MovedBy = "more"       // more use is expected: Energy within the plan
	MovedLess      MovedBy = "less"       //
	MovedForecast  MovedBy = "forecast"   // the forecast was made anew, and none of these explains it
)

// Moved is that the end of the credit was foreseen for another time not long ago; the zero Moved: it
// was not.
type Moved struct {
	Was    time.Time // what was foreseen
	At     time.Time // until when, at the least
	By     MovedBy
	Name   string
	Amount units.Money
	Energy units.Energy
}

// What is worth a sentence, and for how long.
const (
	movedBy    = 2 * time.Hour // it moved by this, and by a part in movedPart of what was left
	movedPart  = 20
	movedTold  = 6 * time.Hour // so long it is told
	movedSince = 6 * time.Hour // and with what was foreseen so long ago at the most it is compared
	// A reason is named alone where it is half or more of what all reasons of its direction come to.
	movedShare = 2
	// ... and explains this part of the move.
	movedCovers = 3
)

// Ends remembers what was foreseen of the end of the credit, so that a person who looks again is
// told why it is another.  It may be used from many goroutines at once; what it remembers does not
// outlive a restart.
type Ends struct {
	mu    sync.Mutex
	was   foreseen
	moved Moved
}

// foreseen is a plan, and how the account stood when it was first seen.
type foreseen struct {
	plan    *planning.Plan // nil: nothing is foreseen
	first   time.Time      // that it was seen
	last    time.Time      // that its end was
	credit  units.Money
	spent   units.Money // of the day
	day     time.Time
	counted units.Energy
	asked   map[string]bool // loads that somebody has run
}

// Watch takes in a State, and tells whether the end has moved.
func (e *Ends) Watch(site *control.Site, st *control.State, ends RunOut) Moved {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !ends.Known || ends.Beyond || st.Plan == nil {
		e.was, e.moved = foreseen{}, Moved{}
		return Moved{}
	}
	if m := e.moved; !m.At.IsZero() && (st.Now.Sub(m.At) > movedTold || st.Now.Before(m.At) || apart(m.Was, ends.At) < movedBy) {
		e.moved = Moved{}
	}
	switch {
	case e.was.plan == nil, st.Now.Before(e.was.last):
		e.was = foresee(site, st)
	case apart(e.was.plan.RunOut.Mid, ends.At) == 0:
		e.was.last = st.Now
		if st.Now.Sub(e.was.first) > movedSince {
			e.was = foresee(site, st)
		}
	default:
		off := apart(e.was.plan.RunOut.Mid, ends.At)
		if off >= movedBy && off >= e.was.plan.RunOut.Mid.Sub(st.Now)/movedPart {
			e.moved = e.was.reason(site, st)
			e.was = foresee(site, st)
		} else if st.Now.Sub(e.was.first) > movedSince {
			e.was = foresee(site, st)
		}
	}
	return e.moved
}

func apart(a, b time.Time) time.Duration { return max(a.Sub(b), b.Sub(a)) }

func foresee(site *control.Site, st *control.State) foreseen {
	f := foreseen{plan: st.Plan, first: st.Now, last: st.Now, credit: st.Credit.Available(), counted: st.Meter.Registers.Import, asked: map[string]bool{}}
	if n := len(st.Days); n > 0 {
		f.day, f.spent = st.Days[n-1].Start, st.Days[n-1].Spent
	}
	for i, l := range site.Loads {
		if run, ok := st.Loads[i].Progress.Wanted(st.Now); ok && run {
			f.asked[l.ID] = true
		}
	}
	return f
}

// reason is why the end that st's plan foresees is another: what came to the account, what was used
// beside what was expected, what the two plans have differently.  Each is reckoned in money, and the
// largest in the direction of the move is named, where it is the larger part of them.
func (f *foreseen) reason(site *control.Site, st *control.State) Moved {
	m := Moved{Was: f.plan.RunOut.Mid, At: f.last, By: MovedForecast}
	sooner := st.Plan.RunOut.Mid.Before(m.Was)
	spent := units.Money(0)
	for _, d := range st.Days {
		switch {
		case d.Start.Equal(f.day):
			spent += d.Spent - f.spent
		case d.Start.After(f.day):
			spent += d.Spent
		}
	}
	if added := st.Credit.Available() - f.credit + spent; !sooner && added >= units.One && added >= f.credit.Part(1, 50) {
		m.By, m.Amount = MovedBought, added
		return m
	}
	price := meanPrice(st.Plan)
	type part struct {
		by   MovedBy
		cost units.Money // above 0: sooner
		name string
		kWh  units.Energy
	}
	var parts []part
	either := func(more, less MovedBy, e units.Energy, name string) {
		by := more
		if e < 0 {
			by = less
		}
		parts = append(parts, part{by, price.Cost(e), name, max(e, -e)})
	}
	used := st.Meter.Registers.Import - f.counted
	either(MovedUsedMore, MovedUsedLess, used-expected(f.plan, "", f.first, st.Now), "")
	until := civil.Earlier(f.plan.Ends(), st.Plan.Ends())
	either(MovedMore, MovedLess, baseOf(st.Plan, st.Now, until)-baseOf(f.plan, st.Now, until), "")
	newly := ""
	for i, l := range site.Loads {
		more := expected(st.Plan, l.ID, st.Now, until) - expected(f.plan, l.ID, st.Now, until)
		either(MovedRunsMore, MovedRunsLess, more, l.Name)
		if run, ok := st.Loads[i].Progress.Wanted(st.Now); ok && run && !f.asked[l.ID] {
			newly = l.Name
		}
	}
	if change := meanPriceWithin(st.Plan, st.Now, until) - meanPriceWithin(f.plan, st.Now, until); change != 0 {
		by := MovedPriceUp
		if change < 0 {
			by = MovedPriceDown
		}
		parts = append(parts, part{by: by, cost: change.Cost(expected(f.plan, "", st.Now, until))})
	}
	var best part
	sum := units.Money(0)
	for _, p := range parts {
		if !sooner {
			p.cost = -p.cost
		}
		if p.cost <= 0 {
			continue
		}
		if sum += p.cost; p.cost > best.cost {
			best = p
		}
	}
	// What the move comes to at the pace at which the credit was to be spent.
	worth := st.Credit.Available().Part(int64(apart(m.Was, st.Plan.RunOut.Mid)), max(1, int64(m.Was.Sub(st.Now))))
	if best.cost <= 0 || best.cost*movedShare < sum || best.cost*movedCovers < worth {
		return m
	}
	m.By, m.Name, m.Energy = best.by, best.name, best.kWh
	if sooner && newly != "" && (best.by == MovedUsedMore || best.by == MovedRunsMore && best.name == newly) {
		m.By, m.Name = MovedAsked, newly
	}
	return m
}

// over folds what a plan's slots have within [from, to), each by the part of it that lies there.
func over(p *planning.Plan, from, to time.Time, add func(t int, part time.Duration)) {
	for t := range p.Prices {
		slot := units.Slot{Start: p.Start.Add(time.Duration(t) * p.Slot), Len: p.Slot}
		a, b := civil.Later(slot.Start, from), civil.Earlier(slot.End(), to)
		if b.After(a) {
			add(t, b.Sub(a))
		}
	}
}

// baseOf is what the home uses besides what is planned.
func baseOf(p *planning.Plan, from, to time.Time) (e units.Energy) {
	over(p, from, to, func(t int, part time.Duration) { e += p.Mid[t].Over(part) })
	return e
}

// expected is what a plan has a load use, or, with "", the home with all of them.
func expected(p *planning.Plan, id string, from, to time.Time) (e units.Energy) {
	if id == "" {
		e = baseOf(p, from, to)
	}
	for _, l := range p.Loads {
		if id != "" && l.ID != id {
			continue
		}
		over(p, from, to, func(t int, part time.Duration) {
			if t < len(l.Power) {
				e += l.Power[t].Over(part)
			}
		})
	}
	return e
}

func meanPrice(p *planning.Plan) units.Price { return meanPriceWithin(p, p.Start, p.Ends()) }

// meanPriceWithin is the mean of the prices within [from, to), 0 where the plan has none there.
func meanPriceWithin(p *planning.Plan, from, to time.Time) units.Price {
	sum, length := int64(0), int64(0)
	over(p, from, to, func(t int, part time.Duration) {
		s := int64(part / time.Second)
		sum += int64(p.Prices[t]) * s
		length += s
	})
	if length == 0 {
		return 0
	}
	return units.Price(sum / length)
}
