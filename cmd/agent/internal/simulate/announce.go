package simulate

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// near is how soon an announced start is relied on.
const near = 2 * time.Hour

// announced is a plan that said that something would fall short.
type announced struct {
	waits []short
	false bool // of something that did not come
}

// short is one thing that a plan said would be short.
type short struct {
	load string    // "": the supply
	by   time.Time // by the end of the need-day, or of the plan
}

// said is what a plan said of the end of the credit.
type said struct {
	at               time.Time
	left, spent      units.Money
	early, mid, late time.Time
	beyond           bool
}

// next is the load's next start in a plan that has not happened at an instant; ok is
// false where the plan has none.  What the plan has on at the instant is under way,
// where the load is on, and begins then, where it is not.
func next(p *planning.Plan, load int, now time.Time, on bool) (at time.Time, ok bool) {
	power := p.Loads[load].Power
	for k := range power {
		at := p.Start.Add(time.Duration(k) * p.Slot)
		if power[k] == 0 || k > 0 && power[k-1] != 0 && at.After(now) || !at.Add(p.Slot).After(now) {
			continue
		}
		if !at.After(now) {
			if on {
				continue
			}
			at = now
		}
		return at, true
	}
	return time.Time{}, false
}

// starts tells whether the plan has the load start at an instant.
func starts(p *planning.Plan, load int, at time.Time) bool {
	k := int(at.Sub(p.Start) / p.Slot)
	power := p.Loads[load].Power
	return !at.Before(p.Start) && k < len(power) && power[k] != 0 && (k == 0 || power[k-1] == 0)
}

// planned counts what a new plan changes, and notes what it says.  A start that was
// announced is gone where the plan has the load start at that time no more.  It has
// moved where the load is to start at another time instead, and nothing forced it since
// the plan before: no credit was bought, and the supply was on.  What would start at an
// hour whose price was still to be sent was not announced: people are told that it may move.
func (c *counter) planned(b *planning.Brief, plan *planning.Plan, left units.Money) {
	last, made, prices := c.plan, c.made, c.prices
	c.plan, c.made, c.prices = plan, b.Now, tariffs.Overlay{}
	if b.Prices != nil {
		c.prices = *b.Prices
	}
	if !c.counting {
		c.forced = false
		return
	}
	c.out.Plans++
	for i := range plan.Loads {
		id := plan.Loads[i].ID
		if !c.kind(id).Runs() { // nobody waits for a battery
			continue
		}
		if last == nil || i >= len(last.Loads) || last.Loads[i].ID != id || !last.Reaches(b.Now) {
			continue
		}
		was, ok := next(last, i, b.Now, c.on[id])
		if !ok || starts(plan, i, was) || prices.Awaited(made, was) {
			continue
		}
		r := c.out.Loads[id]
		r.Gone++
		is, still := next(plan, i, b.Now, c.on[id])
		if still && !is.Equal(was) && !c.forced {
			r.Moves++
			if was.Sub(b.Now) <= near {
				r.MovesNear++
			}
		}
		c.out.Loads[id] = r
	}
	c.forced = false
	c.shortfalls(b, plan)
	if r := plan.RunOut; r.Known {
		c.endings.open = append(c.endings.open, said{b.Now, b.Left, c.topped - left, r.Early, r.Mid, r.Late, r.Beyond})
	}
}

// shortfalls notes what the plan says will be short, to be seen later.
func (c *counter) shortfalls(b *planning.Brief, plan *planning.Plan) {
	var a announced
	for _, s := range plan.Short {
		w := short{load: s.Load, by: plan.Ends()}
		if s.Load == "" {
			if s.Kind != optimizer.ShortCredit && s.Kind != optimizer.ShortShed && s.Kind != optimizer.ShortReserve {
				continue
			}
			a.waits = append(a.waits, w)
			continue
		}
		for _, o := range b.Loads {
			for _, r := range o.Requests {
				if o.ID == s.Load && s.At.Before(r.By) && r.By.Before(w.by.Add(day)) {
					w.by = r.By
					break
				}
			}
		}
		a.waits = append(a.waits, w)
	}
	if len(a.waits) == 0 {
		return
	}
	c.out.Announced++
	c.announce = append(c.announce, a)
}

// ended resolves what was said of a load, whose need-day ended with so much missing.
func (c *counter) ended(load string, at time.Time, missed time.Duration) {
	c.settled(func(s short) (over, came bool) {
		return s.load == load && !s.by.After(at), missed > 0
	})
}

// resolve resolves what was said of the supply.
func (c *counter) resolve(l *life) {
	if len(c.announce) == 0 {
		return
	}
	off := !l.st.Decision.Close && l.st.Decision.Cause == credit.ForNoCredit
	now := l.st.Now
	c.settled(func(s short) (over, came bool) {
		return s.load == "" && (off || now.After(s.by)), off
	})
}

// settled takes out what is resolved, and counts a plan as soon as something that it
// said has not come.
func (c *counter) settled(f func(short) (over, came bool)) {
	for i := range c.announce {
		a := &c.announce[i]
		a.waits = slices.DeleteFunc(a.waits, func(s short) bool {
			over, came := f(s)
			if over && !came && !a.false {
				a.false = true
				c.out.FalseShortfalls++
			}
			return over
		})
	}
	c.announce = slices.DeleteFunc(c.announce, func(a announced) bool { return len(a.waits) == 0 })
}
