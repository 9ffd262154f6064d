package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/supply"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/contain"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// step is one Step under way.
type step struct {
	*Site
	st  State
	eff Effects
	now time.Time
	in  Input
	// confirm: the customer asks, now, to close an armed supply.
	confirm bool
	// limited is the utility's limit of the site, and curbs are all limits that hold, whoever
	// has set them; before are those that held at the end of the step before.
	limited       policy.InForce
	curbs, before []policy.InForce
	// policyFailed: nobody knows what holds of the utility's word.
	policyFailed bool
	vtnFailed    bool // and of the OpenADR server's
	// eased: what kept loads off, or low, has ended with this step.
	eased bool
	// peaking are the loads that wait for a demand charge's interval to be over.
	peaking []string
}

// Step takes one input: the State after it and what it leads to.  The organs come
// in this order, here and nowhere else, because each takes what the one before it
// has found out:
//
//  1. clock: what time it is, before anything is dated or charged by it;
//  2. what held since the step before, and what the switches say: by the State as
//     it was then;
//  3. what happened: a reading goes through watch, then account, piece by piece;
//  4. the loads' days, which a reading or a person may have moved, and how long the
//     credit is to last; and what holds of the utility's word, and of
//     others who limit what is drawn;
//  5. account and supply: whether the supply should be on, by the credit as it is
//     now, so that a token or the last of the credit has its effect in this step;
//  6. plan asked for, loads and contactor moved: by the decision just made;
//  7. what holds from here on;
//  8. warnings, ladder among them: of the State as it is at the end.
func (s *Site) Step(st State, in Input) (State, Effects) {
	if st.Hold != nil {
		return s.held(st, in)
	}
	believed := st.Clock
	var reclocked []credit.Entry
	if s.Wall {
		var set bool
		if believed, in.Now, set = believed.Believe(in.Now, in.Fresh, in.Synced); set {
			st, reclocked = s.reclock(st, in.Now)
			in.Fresh = true
		}
		in.Facts = believed.Facts(in.Facts)
	}
	p := &step{Site: s, st: st.clone(), in: in, now: in.Now.UTC().Truncate(time.Millisecond)}
	p.before = s.LimitsInForce(&p.st)
	p.st.Clock = believed
	p.st.Credit.Unset = p.st.Credit.Unset && believed.Young
	if len(reclocked) > 0 {
		p.eff.Entries, p.eff.Durable = append(p.eff.Entries, reclocked...), true
	}
	if back := st.Now.Sub(p.now); back > time.Second {
		p.raise(health.ClockBack, "", said.Of("clock.stepped_back", said.Length("by", back), said.Time("to", p.now)))
		p.st.WantPlan = true // the one in force is of a time to come
	}
	before := st.Now
	p.feeder(before, st.Decision)
	p.st.AccountState = s.accounting().Lay(p.st.AccountState)
	if s.Wall && len(reclocked) == 0 {
		p.leapt(before)
	}
	p.observe(in.Facts, p.heldOn())
	var notes note.Notes
	p.st.Meter, notes = p.st.Meter.Calibrated(p.Calibration)
	p.write(notes)
	if in.What != nil {
		in.What.happen(p)
	}
	p.roll()
	p.until()
	p.expect(before)
	p.vtn()
	p.policy()
	p.limits()
	p.supply()
	p.wantPlan(before)
	p.act()
	p.holds()
	p.warn()
	p.st.Now = p.now
	s.record(&p.eff)
	return p.st, p.eff
}

// observe takes in what the switches tell and accounts for what the loads used
// since the last step.  While it was dark a load that is on was given nothing,
// and that it took nothing is no sign that it has had enough.
func (p *step) observe(facts []loads.Fact, dark metering.Quality) {
	for _, f := range facts {
		if ls := p.st.load(f.ID); ls != nil {
			ls.Seen, ls.Takes = p.believed(f), f.Takes
		}
		if f.ID == loads.SupplyID {
			p.st.SupplySeen = f.Observation
		}
	}
	from := p.st.LoadsAt
	p.st.LoadsAt = p.now
	if !p.now.After(from) {
		return
	}
	for i, l := range p.Loads {
		ls := &p.st.Loads[i]
		if l.Kind == loads.Sun {
			p.shines(l, ls, from)
			continue
		}
		if l.Kind == loads.Battery {
			p.flows(l, ls, from)
			continue
		}
		unit := p.st.Guard.Unit(l.ID)
		set := unit.Set
		switch seen := ls.Seen; {
		case seen.Known && seen.HasSet && seen.Set.On == seen.On:
			set = seen.Set // whatever it was told
		case seen.Known && seen.On != set.On:
			set = loads.Setpoint{On: seen.On}
		}
		taken := loads.Taken{From: from, To: p.now, On: set.On, Set: set}
		used := units.Energy(0)
		switch {
		case dark != 0 && !(ls.Seen.Known && ls.Seen.HasPower && ls.Seen.Power > 0):
			taken.On = false
		case ls.Seen.Known && ls.Seen.HasPower:
			taken.HasEnergy = true
			used = ls.Seen.Power.Over(p.now.Sub(from))
		case taken.On:
			used = l.Draws(set).Over(p.now.Sub(from))
		}
		if taken.HasEnergy {
			taken.Energy = used
		}
		ls.use(from, p.now, used, p.Interval)
		ls.Total += used
		before := ls.Progress
		ls.Progress = l.Account(before, taken)
		p.heats(l, before, ls.Progress)
	}
}

// roll moves the loads to the need-day that holds now.
func (p *step) roll() {
	for i, l := range p.Loads {
		before := p.st.Loads[i].Progress
		after := l.Roll(before, p.now)
		p.st.Loads[i].Progress = after
		if before.To.IsZero() || after.From.Equal(before.From) {
			continue
		}
		p.st.WantPlan = true
		if after.Missed > 0 && !before.To.IsZero() {
			by := said.Length("by", after.Missed)
			if l.Kind == loads.Varies {
				by = said.Energy("by", l.Power.Over(after.Missed))
			}
			p.event("load_short", health.Caution, said.Of("load.went_short", said.Text("name", l.Name), by))
		}
	}
}

// planPause is the least time between two plans that are not due: a burst of
// changes is answered by one plan.
const planPause = 30 * time.Second

// wantPlan asks for a plan where one is due or something it does not know has
// changed.
func (p *step) wantPlan(before time.Time) {
	due := p.PlanAt.Due(before, p.now) || p.st.Plan == nil && p.st.AskedAt.IsZero()
	pause := p.now.Sub(p.st.AskedAt)
	if !due && !(p.st.WantPlan && (pause >= planPause || pause < 0)) {
		return
	}
	p.eff.AskPlan, p.st.Asking = true, true
	p.st.AskedAt = p.now
	p.st.WantPlan = false
}

// act turns override, plan and protection into wishes, and lets the guard say
// which commands go out now.
func (p *step) act() {
	if p.in.Record == RecordPending && p.st.Decision.Position == credit.Undecided {
		return // nothing has been told to a switch so far, and the first word is recorded first
	}
	p.shed()
	var notes note.Notes
	spared := len(p.st.Supply.Shed)
	p.st.Supply, notes = p.Supply.Spare(p.st.Supply, p.sparing(), p.left())
	p.eased = p.eased || len(p.st.Supply.Shed) < spared
	p.write(notes)
	told := p.contactor()
	if contain.Do(func() { p.peaking = p.AbovePeak(&p.st, p.now) }) != nil {
		p.peaking = nil // a saving, and no more
	}
	wishes := make([]loads.Wish, 0, len(p.Loads))
	for i, l := range p.Loads {
		if w, ok := p.wish(i, l); ok {
			wishes = append(wishes, w)
		}
	}
	facts := make([]loads.Fact, 0, len(p.Loads)+1)
	for i := range p.st.Loads {
		facts = append(facts, loads.Fact{ID: p.st.Loads[i].ID, Observation: p.st.Loads[i].Seen, Takes: p.st.Loads[i].Takes})
	}
	facts = append(facts, loads.Fact{ID: loads.SupplyID, Observation: p.st.Supply.Fact(p.st.SupplySeen)})
	guard, verdict := p.Guard.Step(p.st.Guard, loads.GuardInput{
		Now: p.now, SupplyOn: told.Closed, SupplyReason: string(p.st.Decision.Cause),
		Hold:   p.in.Record == RecordPending,
		Wishes: wishes, Facts: facts, Failed: p.in.Failed, Fresh: p.in.Fresh,
		// An agent that was away for so long was away because the mains were.
		PowerBack: p.in.Fresh && p.now.Sub(p.st.Now) > mainsGone,
		Limit:     p.mayDraw(), Curbs: p.devices(), Eased: p.eased,
	})
	p.st.Guard, p.st.Held = guard, verdict.Held
	p.atDevice(verdict.Hands)
	p.st.Next = verdict.Next
	commands := p.Supply.Deliver(p.st.Supply, p.supplyIn(), verdict.Commands, told.Order)
	p.eff.Commands = append(p.eff.Commands, commands...)
	for _, c := range commands {
		if !c.Renew {
			// Minimum times and retries count across a restart.
			p.eff.Durable = true
		}
	}
	p.switchWarnings(verdict.Warnings)
}

// mainsGone is the absence after which a start of the agent is taken for the
// return of the mains: loads then come back one by one.
const mainsGone = time.Minute

// wish is what is wanted of one load now; ok is false where nothing is.
func (p *step) wish(i int, l loads.Load) (w loads.Wish, ok bool) {
	shed := slices.Contains(p.st.Shed.IDs, l.ID)
	if shed && l.Kind != loads.Battery {
		return loads.Wish{ID: l.ID, Protect: true, Reason: "limit"}, true
	}
	w, ok = p.asked(i, l)
	if shed {
		return rests(w), true
	}
	bound, bounded := p.st.Shed.bound(l.ID)
	if !bounded {
		return w, ok
	}
	if now := p.st.Guard.Unit(l.ID).Set; !ok {
		w, ok = loads.Wish{ID: l.ID, Set: now}, now.On
	}
	if gives := l.Kind == loads.Battery && w.Set.Power <= 0; !gives && w.Set.On && (w.Set.Power == 0 || w.Set.Power > bound) {
		w.Set.Power = bound
		if w.Set = p.st.Loads[i].Takes.AtMost(w.Set); w.Set.Power == 0 {
			w.Set = loads.Setpoint{} // on without a bound is none
			if l.Kind == loads.Battery {
				return rests(loads.Wish{ID: l.ID, Set: loads.Setpoint{On: true, Power: bound}}), true
			}
		}
		w.Protect, w.Reason = true, "limit"
	}
	return w, ok
}

// asked is what a person or the plan wants of a load.
func (p *step) asked(i int, l loads.Load) (w loads.Wish, ok bool) {
	if l.Kind == loads.Battery {
		return p.stores(i, l), true
	}
	w = loads.Wish{ID: l.ID}
	takes, progress := p.st.Loads[i].Takes, p.st.Loads[i].Progress
	run, overridden := progress.Wanted(p.now)
	spares := p.Supply.Spares(p.spared(i), p.left())
	if overridden && spares && progress.Override.By == loads.AtDevice {
		overridden = false // who set it there has not seen what is left
	}
	if overridden {
		w.Set.On, w.Reason = run, "skip"
		if run {
			w.Reason = "run now"
			if w.Set = progress.Override.Set; !w.Set.On {
				w.Set = takes.AtMost(l.Full())
			}
		}
		return w, true
	}
	if spares {
		return supply.Wish(l), true
	}
	if !l.Defer {
		return w, false
	}
	w.Reason = "plan"
	switch {
	case p.st.Plan != nil && p.st.Plan.Reaches(p.now):
		w.Set = takes.AtMost(p.st.Plan.Setpoint(l.ID, p.now))
		if slices.Contains(p.peaking, l.ID) {
			w.Set, w.Reason = loads.Setpoint{}, "demand"
		}
		if set, over := p.finishes(i, l, w.Set.On); over {
			w.Set = set
		}
	case p.unplanned():
		if w.Reason = "no plan"; p.soonest(i, l) {
			w.Set = takes.AtMost(l.Full())
		}
	}
	return w, true
}

// nearlyDone is how little may be missing for a load to go on at the end of what was planned.
const nearlyDone = 2 * time.Minute

// finishes is what a load that is on and needs a time or an energy a day is to do where that is
// not what is planned.  Plans are made of slots, and needs are not: it stops when it has what it
// needs, whatever is left of the slot, and does not stop for a minute that is missing, which
// would take another start.
func (p *step) finishes(i int, l loads.Load, planned bool) (loads.Setpoint, bool) {
	progress, unit := p.st.Loads[i].Progress, p.st.Guard.Unit(l.ID)
	if l.Kind == loads.Cycle || !p.now.Before(progress.To) {
		return loads.Setpoint{}, false
	}
	switch missing := l.Missing(progress); {
	case planned && l.Sated(progress):
		return loads.Setpoint{}, true
	case !planned && unit.Set.On && missing > 0 && missing <= nearlyDone && !progress.Rest.After(p.now):
		return unit.Set, true
	}
	return loads.Setpoint{}, false
}

// atDevice takes what a person has set at a device itself for a wish: it goes before the
// plan for a while.
func (p *step) atDevice(hands []loads.Hand) {
	for _, h := range hands {
		i := slices.IndexFunc(p.Loads, func(l loads.Load) bool { return l.ID == h.ID })
		if i < 0 {
			continue
		}
		l := p.Loads[i]
		p.st.Loads[i].Progress.Override = &loads.Override{Run: h.Set.On, Set: h.Set, Until: p.now.Add(l.Respect), By: loads.AtDevice}
		p.st.WantPlan, p.eff.Durable = true, true
		p.event("load_set", health.Info, said.Of("load.set", said.Text("name", l.Name), said.Text("what", h.Set.String()), said.Length("for", l.Respect)))
	}
}

// shedFor is how long a load that was switched off because the site drew too
// much stays off.
const shedFor = 5 * time.Minute

// shed picks loads to draw less, or to switch off, while the site draws more than it may.
func (p *step) shed() {
	if !p.now.Before(p.st.Shed.Until) {
		p.eased = p.eased || !p.st.Shed.Until.IsZero()
		p.st.Shed = ShedState{}
	}
	drawn, allowed := p.drawn(), p.allowed()
	var notes note.Notes
	p.st.Meter, notes = p.watching().Blind(p.st.Meter, p.now, allowed)
	p.write(notes)
	takes := func(id string) loads.Capability { return p.st.load(id).Takes }
	out, _ := loads.Shed(p.Loads, p.st.Guard, takes, p.mayDraw(), p.now)
	stays := len(out) > 0
	for _, r := range append(out, loads.ShedTo(p.Loads, p.st.Guard, takes, p.devices(), p.now)...) {
		// Of what is off nothing is measured: one that drew more than it was told would be
		// reckoned to have room, and start again at once.
		stays = stays || !r.Set.On
		id, to := said.Text("id", r.ID), said.Power("to", r.Set.Power)
		d, a := said.Power("drawn", drawn.Power), said.Power("allowed", allowed)
		lowered, off := said.Of("load.lowered", id, to, d, a), said.Of("load.shed", id, d, a)
		if r.Allowed > 0 {
			d, a = said.Power("drawn", r.Drawn), said.Power("allowed", r.Allowed)
			lowered, off = said.Of("load.lowered_shared", id, to, d, a), said.Of("load.shed_shared", id, d, a)
		}
		switch {
		case r.Set.On:
			p.st.Shed = p.st.Shed.lower(r.ID, r.Set.Power)
			p.event("load_lowered", health.Caution, lowered)
		case !slices.Contains(p.st.Shed.IDs, r.ID):
			p.st.Shed.IDs = append(slices.Clone(p.st.Shed.IDs), r.ID)
			p.event("load_shed", health.Caution, off)
		}
	}
	if stays {
		p.st.Shed.Until = p.now.Add(shedFor)
	}
}
