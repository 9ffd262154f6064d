package simulate

import (
	"context"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
)

// Policy is who makes the plan.
type Policy string

// The policies.
const (
	None      Policy = "none"      // loads run when they are asked
	Timer     Policy = "timer"     // at the same hours each day, the cheapest of an ordinary one
	Greedy    Policy = "greedy"    // each load in its cheapest slots, one load after another
	Keeplit   Policy = "keeplit"   // the product
	Foresight Policy = "foresight" // the product's optimizer, where it knows what will be
)

// Policies are all of them, in the order in which they are shown.
func Policies() []Policy { return []Policy{None, Timer, Greedy, Keeplit, Foresight} }

// effort is the computing time on a desktop that a search for one plan may take: it is
// counted, not timed.
const effort = 20 * time.Millisecond

// further is how much further than the product foresight plans.
const further = day

// knows is the world as the policy has it: to foresight the prices of a day are sent as
// the day before it begins.
func (p Policy) knows(w World) World {
	if p == Foresight && w.Prices != nil {
		early := *w.Prices
		early.At = 1
		w.Prices = &early
	}
	return w
}

// planner is who makes the site's plans under a policy.
func (p Policy) planner(w *World, site *control.Site, base house.Base, down *outages) (control.Plans, error) {
	site.Shift = p == Keeplit || p == Foresight
	if p == Foresight {
		site.PlanAhead += further
	}
	made, err := service.Planner(site, false)
	if err != nil {
		return nil, err
	}
	made.Within(effort)
	made.WithoutOutlook()
	if p == None || p == Timer || p == Greedy {
		made.WithoutFutures() // they tell nobody when the credit ends
	}
	if p.blind(site) {
		made.Foresee(nothing{})
	}
	if p == None || p == Timer || p == Greedy {
		return &left{p.simple(made, w, site), site}, nil
	}
	if p == Foresight {
		made.Foresee(&knowing{base, down, site.Interval, w.sun()})
		return &unworried{made}, nil
	}
	return made, nil
}

// simple are the policies of who knows nothing of batteries.
func (p Policy) simple(made *planning.Planner, w *World, site *control.Site) control.Plans {
	switch p {
	case Timer:
		return &timed{made, w, site, w.hours(site)}
	case Greedy:
		return &greedy{made, site}
	case None, Keeplit, Foresight:
	}
	return &always{made, site}
}

// left leaves a battery to itself: it takes what is over and gives what is needed.
type left struct {
	control.Plans
	site *control.Site
}

// Make implements control.Plans.
func (s *left) Make(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error) {
	plan, err := s.Plans.Make(ctx, b, within)
	for _, l := range s.site.Loads {
		if l.Kind == loads.Battery {
			plan.Without(l.ID)
		}
	}
	return plan, err
}

// blind tells whether nothing that the policy does hangs on a forecast: who runs loads by
// the clock asks only for prices, and who runs them where they are cheap also for the room
// under the site's limit.
func (p Policy) blind(site *control.Site) bool {
	clock := p == None || p == Timer || p == Greedy && site.Power == 0
	return clock && !site.Tariff.Expects()
}

// nothing is a forecast that nobody looks at, which takes half of the computing.
type nothing struct{}

// Forecast implements planning.Foreseer.
func (nothing) Forecast(time.Time, time.Duration) forecast.Forecast {
	return forecast.Forecast{Slots: make([]forecast.Slot, 1)}
}

// ScenariosIn implements planning.Foreseer.
func (nothing) ScenariosIn(*[]float64, time.Time, time.Duration, int, uint64) forecast.Scenarios {
	return forecast.Scenarios{}
}

// always has water heaters on at all times: nobody switches them, and their thermostats
// heat as soon as something is drawn.
type always struct {
	*planning.Planner
	site *control.Site
}

// Make implements control.Plans.
func (a *always) Make(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error) {
	plan, err := a.Planner.Make(ctx, b, within)
	for i := range plan.Loads {
		l := &plan.Loads[i]
		if of := loadOf(a.site, l.ID); of.Kind == loads.Heat {
			l.Power = slices.Repeat([]units.Power{of.Power}, len(l.Power))
		}
	}
	return plan, err
}

// heats is how long a heater must be on for what is drawn on an ordinary day and lost, and a
// quarter more: whoever sets a timer for it knows about that.
func (l Load) heats() time.Duration {
	w := l.Plant.Water.Filled()
	e := w.Loss.Over(day) + l.Plant.Daily
	return time.Duration(float64(day) * e.KWh() * 1.25 / l.Power.Over(day).KWh())
}

// timed has loads run at set hours.
type timed struct {
	*planning.Planner
	w     *World
	site  *control.Site
	hours map[string][]bool // by load: the slots of the local day
}

// Make implements control.Plans.
func (t *timed) Make(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error) {
	plan, err := t.Planner.Make(ctx, b, within)
	for i := range plan.Loads {
		l := &plan.Loads[i]
		l.Why = nil
		hours, of := t.hours[l.ID], loadOf(t.site, l.ID)
		for k := range l.Power {
			at := plan.Start.Add(time.Duration(k) * plan.Slot).In(t.site.Zone)
			l.Power[k] = 0
			if n := (at.Hour()*60 + at.Minute()) / int(plan.Slot/time.Minute); n < len(hours) && hours[n] && of.NeededAt(at) {
				l.Power[k] = of.Power
			}
		}
	}
	return plan, err
}

// loadOf is a load of the site's by its id.
func loadOf(site *control.Site, id string) loads.Load {
	for _, l := range site.Loads {
		if l.ID == id {
			return l
		}
	}
	return loads.Load{}
}

// hours are the slots of an ordinary day in which a timer has each load on: the
// cheapest run that is long enough, within the load's own hours.
func (w *World) hours(site *control.Site) map[string][]bool {
	at := w.Start.in(site.Zone).Add(12 * time.Hour)
	for at.In(site.Zone).Weekday() != time.Wednesday {
		at = at.Add(day)
	}
	n := int(day / site.PlanSlot)
	slots := units.Slots(units.LocalMidnight(at, site.Zone), site.PlanSlot, n)
	prices := site.Tariff.Table(tariffs.Account{}, slots, nil).Import
	out := map[string][]bool{}
	for i, l := range site.Loads {
		length := l.Need
		switch l.Kind {
		case loads.Heat:
			length = w.Loads[i].heats()
		case loads.OnOff, loads.Varies, loads.Measured, loads.Sun, loads.Battery:
		case loads.Cycle:
			length = l.Cycle * time.Duration(l.Runs)
		}
		run := min(int((length+site.PlanSlot-1)/site.PlanSlot), n)
		if run == 0 || !l.Defer {
			continue
		}
		allowed := allowedSlots(w.Loads[i].Document, n, site.PlanSlot)
		best, found := 0, false
		cost := func(from int) (c units.Price, ok bool) {
			for k := range run {
				if !allowed[(from+k)%n] {
					return 0, false
				}
				c += prices[(from+k)%n]
			}
			return c, true
		}
		var least units.Price
		for from := range n {
			if c, ok := cost(from); ok && (!found || c < least) {
				best, found, least = from, true, c
			}
		}
		hours := make([]bool, n)
		if found {
			for k := range run {
				hours[(best+k)%n] = true
			}
		} else {
			copy(hours, allowed) // its own hours are too short: all of them
		}
		out[l.ID] = hours
	}
	return out
}

// allowedSlots are the slots of the day that lie in the load's hours.
func allowedSlots(d loads.Document, n int, slot time.Duration) []bool {
	out := make([]bool, n)
	for i := range out {
		from, to := units.TimeOfDay(i*int(slot/time.Minute)), units.TimeOfDay((i+1)*int(slot/time.Minute))
		out[i] = d.Need == nil || len(d.Need.Between) == 0 || slices.ContainsFunc(d.Need.Between, func(w loads.Window) bool {
			if w.To > w.From {
				return from >= w.From && to <= w.To
			}
			return from >= w.From || to <= w.To
		})
	}
	return out
}

// greedy lays each load into its cheapest slots, one load after another, the most
// important first.
type greedy struct {
	*planning.Planner
	site *control.Site
}

// Make implements control.Plans.
func (g *greedy) Make(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error) {
	plan, err := g.Planner.Make(ctx, b, within)
	if err != nil {
		return plan, err
	}
	total := slices.Clone(plan.Mid)
	order := make([]int, len(g.site.Loads))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return g.site.Loads[a].Priority - g.site.Loads[b].Priority })
	for _, i := range order {
		l := g.site.Loads[i]
		at := slices.IndexFunc(plan.Loads, func(p planning.LoadPlan) bool { return p.ID == l.ID })
		if at < 0 {
			continue
		}
		lp := &plan.Loads[at]
		lp.Why = nil
		clear(lp.Power)
		for _, o := range b.Loads {
			if o.ID != l.ID {
				continue
			}
			for _, r := range o.Requests {
				g.place(&plan, lp.Power, total, r)
			}
		}
		for k, p := range lp.Power {
			total[k] += p
		}
	}
	return plan, nil
}

// place lays one request into the cheapest slots that it may use.
func (g *greedy) place(plan *planning.Plan, power, total []units.Power, r loads.Request) {
	var free []int
	for k := range power {
		from := plan.Start.Add(time.Duration(k) * plan.Slot)
		to := from.Add(plan.Slot)
		in := slices.ContainsFunc(r.Spans, func(s units.Slot) bool {
			return (!from.Before(s.Start) || k == 0 && to.After(s.Start)) && !to.After(s.End())
		})
		if in && power[k] == 0 && (g.site.Power == 0 || total[k]+r.Power <= g.site.Power) {
			free = append(free, k)
		}
	}
	if r.Kind == loads.Cycle {
		run := int((r.Cycle + plan.Slot - 1) / plan.Slot)
		for range r.Runs {
			best, least := -1, units.Price(0)
			for i := range free {
				if i+run > len(free) || free[i+run-1]-free[i] != run-1 {
					continue
				}
				var c units.Price
				for _, k := range free[i : i+run] {
					c += plan.Prices[k]
				}
				if best < 0 || c < least {
					best, least = i, c
				}
			}
			if best < 0 {
				return
			}
			for _, k := range free[best : best+run] {
				power[k] = r.Power
			}
			free = slices.Delete(free, best, best+run)
		}
		return
	}
	slices.SortStableFunc(free, func(a, b int) int { return int(plan.Prices[a] - plan.Prices[b]) })
	for _, k := range free[:min(len(free), int((r.Time+plan.Slot-1)/plan.Slot))] {
		power[k] = r.Power
	}
}

// knowing is a forecast that is right.
type knowing struct {
	base house.Base
	down *outages
	step time.Duration
	sun  func(from, to time.Time) units.Energy // that is made; nil: there are no panels
}

func (k *knowing) used(from time.Time) float64 {
	e, _ := used(k.base, k.down, from, from.Add(k.step))
	if k.sun != nil && !k.down.at(from) {
		e -= k.sun(from, from.Add(k.step))
	}
	return e.KWh()
}

// Forecast implements planning.Foreseer.
func (k *knowing) Forecast(at time.Time, horizon time.Duration) forecast.Forecast {
	f := forecast.Forecast{OwnDays: 365, Confidence: 1}
	for slot := units.SlotAt(at, k.step); slot.Start.Before(at.Add(horizon)); slot.Start = slot.End() {
		e := k.used(slot.Start)
		f.Slots = append(f.Slots, forecast.Slot{Slot: slot, Mean: e, Q10: e, Q50: e, Q90: e})
	}
	return f
}

// ScenariosIn implements planning.Foreseer: there is one.
func (k *knowing) ScenariosIn(_ *[]float64, at time.Time, horizon time.Duration, _ int, _ uint64) forecast.Scenarios {
	s := forecast.Scenarios{Start: units.SlotAt(at, k.step).Start, Step: k.step, Paths: [][]float64{nil}}
	for _, slot := range k.Forecast(at, horizon).Slots {
		s.Paths[0] = append(s.Paths[0], slot.Mean)
	}
	return s
}

// unworried is foresight's planner: it knows that there will be credit.
type unworried struct{ *planning.Planner }

// Make implements control.Plans.
func (u *unworried) Make(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error) {
	b.Unlocked = true
	return u.Planner.Make(ctx, b, within)
}
