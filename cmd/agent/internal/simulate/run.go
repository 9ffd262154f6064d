package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// life is one world lived through under one policy.
type life struct {
	w       *World
	site    *control.Site
	plant   *house.Plant
	plans   control.Plans
	down    *outages
	buyer   *buyer
	vendor  *vendor
	count   *counter
	st      control.State
	fresh   bool // the agent has just come back
	dark    bool // the grid is down
	closed  bool // the contactor was, when the grid went down
	ids     []string
	pushed  time.Time // the day whose prices were sent last
	told    string    // the outages that were announced last
	heeds   bool      // they are told the agent
	trouble error
	watch   func(control.Input, control.Effects) // is told of each step; nil: nobody
}

// vendor makes tokens.
type vendor struct {
	scheme *openpaygo.Scheme
	last   int
}

func newVendor(w *World) (*vendor, error) {
	doc := w.config().Tokens.OpenPAYGO.Document
	scheme, err := openpaygo.New(doc)
	return &vendor{scheme: scheme, last: doc.Count}, err
}

// sells is a token that is worth the amount.
func (v *vendor) sells(amount units.Money) (string, error) {
	text, last, err := v.scheme.Issue(v.last, credit.AddCredit, int(amount*divider/units.One))
	v.last = last
	return text, err
}

// newLife begins a life at the first day of the warm-up.
func newLife(w *World, p Policy) (*life, error) {
	cfg := w.config()
	site, err := service.SiteOf(cfg)
	if err != nil {
		return nil, err
	}
	base, err := w.base()
	if err != nil {
		return nil, err
	}
	zone := w.zone()
	down := &outages{m: w.Mains, seed: w.Seed, zone: zone}
	site.Seed, site.Vendor = w.Seed, w.Vendor.hours()
	plans, err := p.planner(w, site, base, down)
	if err != nil {
		return nil, err
	}
	begin := w.Start.in(zone).AddDate(0, 0, -w.Warm)
	begin = units.LocalMidnight(begin.Add(12*time.Hour), zone)
	var appliances []house.Appliance
	var ids []string
	for _, d := range w.Loads {
		appliances = append(appliances, w.appliance(d))
		ids = append(ids, d.ID)
	}
	plant, err := house.New(house.Config{Base: base, Loads: appliances, Start: begin, Zone: zone, Seed: w.Seed})
	if err != nil {
		return nil, err
	}
	vendor, err := newVendor(w)
	if err != nil {
		return nil, err
	}
	l := &life{
		w: w, site: site, plant: plant, plans: plans, down: down, buyer: newBuyer(w), vendor: vendor,
		ids: append(ids, loads.SupplyID), heeds: p == Keeplit || p == Foresight, count: newCounter(w, site, w.Start.in(zone)),
	}
	var first control.Effects
	l.st, first = site.Begin(begin)
	l.count.entries(first.Entries)
	return l, nil
}

// appliance is what is behind the switch of a load.
func (w *World) appliance(d Load) house.Appliance {
	a := house.Appliance{ID: d.ID, Kind: d.Plant.Kind, Power: d.Greatest(), Cycle: d.Cycle, Daily: d.Plant.Daily, Water: d.Plant.Water}
	switch {
	case d.Kind == loads.Sun:
		a.Kind, a.Latitude = house.Panels, w.Base.Latitude
	case d.Kind == loads.Battery:
		a.Kind, a.Store = house.Battery, d.Battery.Store()
		a.Powers = a.Store.Powers()
	case d.Range != nil:
		a.Powers = d.Range.Powers()
	}
	return a
}

// sun is what the panels of the world make; nil where there are none.
func (w *World) sun() func(from, to time.Time) units.Energy {
	var all []func(from, to time.Time) units.Energy
	for _, d := range w.Loads {
		if d.Kind == loads.Sun {
			all = append(all, house.Sun(w.appliance(d), w.Seed, w.zone()))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return func(from, to time.Time) (sum units.Energy) {
		for _, made := range all {
			sum += made(from, to)
		}
		return sum
	}
}

// used is what the base load takes in a stretch of time: nothing while the grid is down.
func used(base house.Base, down *outages, from, to time.Time) (units.Energy, bool) {
	if down.m.PerWeek == 0 && len(down.m.Listed) == 0 {
		return base.Energy(from, to)
	}
	var sum units.Energy
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		end := at.Add(time.Minute)
		if end.After(to) {
			end = to
		}
		if !down.at(at) {
			e, _ := base.Energy(at, end)
			sum += e
		}
	}
	return sum, true
}

// run lives through the world and tells of each day that is over.
func (l *life) run(ctx context.Context, told func(day, of int)) error {
	defer l.plans.Wait()
	if err := l.begin(ctx); err != nil {
		return err
	}
	total := l.w.Warm + l.w.Days
	for done := range total {
		if err := errors.Join(l.day(ctx), ctx.Err()); err != nil {
			return err
		}
		if told != nil {
			told(done+1, total)
		}
	}
	l.count.end(&l.st, l.plant.State())
	return l.trouble
}

// begin takes the register as it is found.
func (l *life) begin(ctx context.Context) error {
	now := l.plant.Now()
	return l.step(ctx, control.Input{Now: now, What: control.Reading(l.plant.Advance(now))})
}

// day goes on to the first reading that is not before the next local midnight.
func (l *life) day(ctx context.Context) error {
	now := l.plant.Now()
	midnight := units.NextLocalMidnight(now, l.site.Zone)
	for now.Before(midnight) {
		to := now.Add(l.w.Step)
		if err := l.until(ctx, now, to); err != nil {
			return err
		}
		now = to
	}
	return nil
}

// until goes on to the next reading, and takes the steps that the guard wants before it.
func (l *life) until(ctx context.Context, from, to time.Time) error {
	if down := l.down.at(from); down != l.dark {
		if err := l.mains(ctx, !down); err != nil {
			return err
		}
	}
	l.buyer.think(from, to, l.st.Credit.Available(), !l.dark && l.st.Decision.Cause == credit.ForNoCredit)
	if l.dark {
		l.plant.Advance(to)
		l.count.passed(l, from, to)
		return nil
	}
	at := from
	for range 20 {
		next := l.st.Next
		if next.IsZero() || !next.After(at) || !next.Before(to) {
			break
		}
		if wait := at.Add(time.Second); next.Before(wait) {
			next = wait
		}
		if !next.Before(to) {
			break
		}
		l.plant.Advance(next)
		l.count.passed(l, at, next)
		if err := l.step(ctx, control.Input{Now: next}); err != nil {
			return err
		}
		at = next
	}
	reading := l.plant.Advance(to)
	l.count.passed(l, at, to)
	if err := l.step(ctx, control.Input{Now: to, What: control.Reading(reading)}); err != nil {
		return err
	}
	if err := l.push(ctx, to); err != nil {
		return err
	}
	for {
		amount, ok := l.buyer.buys(to)
		if !ok {
			return nil
		}
		text, err := l.vendor.sells(amount)
		if err != nil {
			return err
		}
		if err := l.step(ctx, control.Input{Now: to, What: control.Token{Text: text, Source: "keypad"}}); err != nil {
			return err
		}
	}
}

// mains takes the grid away or gives it back.  The agent is fed from it.
func (l *life) mains(ctx context.Context, up bool) error {
	l.dark = !up
	supply := l.plant.Supply()
	if up {
		l.fresh = true
		return supply.Set(ctx, loads.Setpoint{On: l.closed})
	}
	seen, err := supply.Observed(ctx)
	l.closed = seen.On
	return errors.Join(err, supply.Set(ctx, loads.Setpoint{}))
}

// announce tells of the outages that have become known.
func (l *life) announce(ctx context.Context, now time.Time) error {
	if l.w.Mains.Announced == 0 || !l.heeds {
		return nil
	}
	type event struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	}
	events := []event{}
	for _, o := range l.down.announced(now) {
		events = append(events, event{o.From, o.To})
	}
	text, err := json.Marshal(events)
	if err != nil || string(text) == l.told || l.told == "" && len(events) == 0 {
		return err
	}
	l.told = string(text)
	return l.step(ctx, control.Input{Now: now, What: control.Expect{Text: l.told, By: "mqtt"}})
}

// push sends the prices of the day ahead when they are due.
func (l *life) push(ctx context.Context, now time.Time) error {
	if err := l.announce(ctx, now); err != nil {
		return err
	}
	p := l.w.Prices
	if p == nil {
		return nil
	}
	today := units.LocalMidnight(now, l.site.Zone)
	due := today
	if local := now.In(l.site.Zone); local.Hour()*60+local.Minute() >= int(p.sent()) {
		due = units.NextLocalMidnight(now, l.site.Zone)
	}
	if !due.After(l.pushed) {
		return nil
	}
	l.pushed = due
	text, err := p.document(l.w.Seed, due, l.site.Zone, l.site.Currency)
	if err != nil {
		return err
	}
	return l.step(ctx, control.Input{Now: now, What: control.PriceDocument{Text: text}})
}

// step takes one step as the loop would, and makes the plan that it asks for.
func (l *life) step(ctx context.Context, in control.Input) error {
	for {
		in.Facts = l.facts(ctx)
		in.Fresh, l.fresh = l.fresh, false
		var eff control.Effects
		l.st, eff = l.site.Step(l.st, in)
		if err := l.take(ctx, in, eff); err != nil {
			return err
		}
		if !eff.AskPlan {
			return nil
		}
		brief := l.site.Brief(&l.st)
		plan, err := l.plans.Make(ctx, brief, 0)
		if err != nil {
			return fmt.Errorf("the plan at %s: %w", in.Now.Format(time.RFC3339), err)
		}
		l.count.planned(&brief, &plan, l.st.Credit.Available())
		in = control.Input{Now: in.Now, What: control.NewPlan{Plan: plan}}
	}
}

// take has the effects of a step felt.
func (l *life) take(ctx context.Context, in control.Input, eff control.Effects) error {
	if _, bought := in.What.(control.Token); bought {
		if r := eff.Reply.TopUp; r == nil || !r.Accepted() {
			return fmt.Errorf("a token was not taken at %s", in.Now.Format(time.RFC3339))
		}
	}
	if err := eff.Reply.Err; err != nil {
		return err
	}
	for _, c := range eff.Commands {
		sw := l.plant.Supply()
		if c.ID != loads.SupplyID {
			sw, _ = l.plant.Switch(c.ID)
		}
		if err := sw.Set(ctx, c.Set); err != nil {
			return err
		}
	}
	if l.watch != nil {
		l.watch(in, eff)
	}
	if len(eff.Intervals) > 0 {
		l.plans.Learn(eff.Intervals)
	}
	l.count.stepped(l, eff)
	return nil
}

// facts are what the switches tell.
func (l *life) facts(ctx context.Context) []loads.Fact {
	out := make([]loads.Fact, 0, len(l.ids))
	for _, id := range l.ids {
		sw := l.plant.Supply()
		if id != loads.SupplyID {
			sw, _ = l.plant.Switch(id)
		}
		if o, err := sw.Observed(ctx); err == nil {
			out = append(out, loads.Fact{ID: id, Observation: o, Takes: loads.CapabilityOf(sw)})
		}
	}
	return out
}
