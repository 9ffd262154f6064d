package control

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
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
}

// Step takes one input: the State after it and what it leads to.
func (s *Site) Step(st State, in Input) (State, Effects) {
	if st.Hold != nil {
		return s.held(st, in)
	}
	clock := st.Clock.clone()
	var reclocked []credit.Entry
	if s.Wall {
		var set bool
		if in.Now, set = clock.believe(in.Now, in.Fresh, in.Synced); set {
			st, reclocked = s.reclock(st, in.Now)
			in.Fresh = true
		}
		in = clock.onClock(in)
	}
	p := &step{Site: s, st: st.clone(), in: in, now: in.Now.UTC().Truncate(time.Millisecond)}
	p.st.Clock = clock
	p.st.Credit.Unset = p.st.Credit.Unset && clock.Young
	if len(reclocked) > 0 {
		p.eff.Entries, p.eff.Durable = append(p.eff.Entries, reclocked...), true
	}
	if back := st.Now.Sub(p.now); back > time.Second {
		p.raise(health.ClockBack, "", fmt.Sprintf("the clock went back by %s to %s", length(back), p.local(p.now)))
		p.st.WantPlan = true // the one in force is of a time to come
	}
	before := st.Now
	if st.Prices != nil {
		p.st.priced = s.pricedBy(&p.st)
	}
	if s.Wall && len(reclocked) == 0 {
		p.leapt(before)
	}
	p.observe(in.Facts, p.heldOn())
	p.calibration()
	switch {
	case in.Reading != nil:
		p.reading(*in.Reading)
	case in.Token != nil:
		p.token(*in.Token)
	case in.Request != nil:
		p.eff.Durable = p.request(*in.Request) || p.eff.Durable
	case in.Plan != nil:
		p.plan(*in.Plan)
	case in.NoPlan != nil:
		p.noPlan(*in.NoPlan)
	case in.Edge != nil:
		p.edge(*in.Edge)
	case in.Prices != nil:
		p.prices(*in.Prices)
	}
	p.roll()
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
			ls.Seen = p.believed(f.Observation)
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
		unit := p.st.Guard.Unit(l.ID)
		taken := loads.Taken{From: from, To: p.now, On: unit.On}
		if ls.Seen.Known {
			taken.On = ls.Seen.On
		}
		used := units.Energy(0)
		switch {
		case dark != 0 && !(ls.Seen.Known && ls.Seen.HasPower && ls.Seen.Power > 0):
			taken.On = false
		case ls.Seen.Known && ls.Seen.HasPower:
			taken.HasEnergy = true
			used = ls.Seen.Power.Over(p.now.Sub(from))
		case taken.On:
			used = l.Power.Over(p.now.Sub(from))
		}
		if taken.HasEnergy {
			taken.Energy = used
		}
		ls.use(from, p.now, used, p.Interval)
		ls.Total += used
		ls.Progress = l.Account(ls.Progress, taken)
	}
}

// token enters a token.  Its effect, the memory of it and what the customer is
// told belong to one transaction.
func (p *step) token(t Token) {
	if p.st.old() {
		p.withhold(t)
		return
	}
	var a credit.Account
	var entries []credit.Entry
	var result credit.Result
	if t.Spent {
		a, result = p.st.Credit, p.Credit.Spent(p.st.Credit, p.now, t.Text, t.Source)
	} else {
		a, entries, result = p.Credit.TopUp(p.st.Credit, p.now, t.Text, t.Source,
			p.due(&p.st, func(acc tariffs.Account) { p.st.Tariff = acc }))
	}
	p.st.Credit = a
	way := credit.Way(t.Source)
	p.eff.Entries = append(p.eff.Entries, entries...)
	p.eff.Reply.TopUp = &result
	// What changes nothing is not worth a write: who may send tokens could have
	// the disk written to without end.
	p.eff.Durable = p.eff.Durable || result.Accepted() || result.Token.Code.Guess()
	switch {
	case result.Accepted():
		p.clear(health.TokenRejected, "")
		p.clear(health.TokenLocked, way)
		p.st.WantPlan = true
		p.newLadder(result.Token.Effect)
		if result.Token.ID != "" {
			// The entry that names the token; the last one that does.
			for _, e := range slices.Backward(entries) {
				if e.Ref == result.Fingerprint {
					p.eff.Credited = append(p.eff.Credited, Credited{result.Fingerprint, result.Former, p.now, e.Seq})
					break
				}
			}
		}
		p.event("token_accepted", health.Info, fmt.Sprintf("by %s: %s", t.Source, result.Text))
	case result.Token.Code == credit.Lockout:
		p.raise(health.TokenLocked, way, result.Text)
	case result.Token.Code == credit.Used, result.Token.Code == credit.Old:
		p.event("token_"+string(result.Token.Code), health.Info, fmt.Sprintf("by %s: %s", t.Source, result.Text))
	default:
		p.raise(health.TokenRejected, "", fmt.Sprintf("entered by %s: %s", t.Source, result.Text))
		p.event("token_"+string(result.Token.Code), health.Info, fmt.Sprintf("by %s: %s", t.Source, result.Text))
	}
}

// Errors of a Request.
var (
	// ErrUnknownLoad: no load of this site has that id.
	ErrUnknownLoad = errors.New("this site has no such load")
	// ErrNotReady: the supply is not waiting to be switched on.
	ErrNotReady = errors.New("the supply is not waiting to be switched on")
)

// request does what a person asks, and tells whether that changes anything that
// must be recorded before it is answered.
func (p *step) request(r Request) (changed bool) {
	switch r.Kind {
	case RunLoad, SkipLoad, AutoLoad:
		return p.override(r)
	case AcceptEmergency:
		a, entries, err := p.Credit.AcceptEmergency(p.st.Credit, p.now, r.By)
		if err != nil {
			p.eff.Reply.Err = err
			return false
		}
		p.st.Credit = a
		p.eff.Entries = append(p.eff.Entries, entries...)
		p.st.WantPlan = true
	case Reconnect:
		if p.st.Credit.Supply.Position != credit.Ready {
			p.eff.Reply.Err = ErrNotReady
			return false
		}
		p.confirm = true
	case SupplyOff, SupplyOn:
		changed = p.st.Supply.Off != (r.Kind == SupplyOff)
		p.st.Supply.Off = r.Kind == SupplyOff
		p.event(string(r.Kind), health.Info, "by "+r.By)
		return changed
	case Acknowledge:
		p.acknowledge(r.Code)
	default:
		p.eff.Reply.Err = fmt.Errorf("%q is not a request", r.Kind)
		return false
	}
	return true
}

// override is a person's word about one load: it holds for the run under way,
// or until the load's day is over.  It tells whether the word is a new one.
func (p *step) override(r Request) (changed bool) {
	i := slices.IndexFunc(p.Loads, func(l loads.Load) bool { return l.ID == r.Load })
	if i < 0 {
		p.eff.Reply.Err = fmt.Errorf("%q: %w", r.Load, ErrUnknownLoad)
		return false
	}
	l, pr := p.Loads[i], &p.st.Loads[i].Progress
	*pr = l.Roll(*pr, p.now)
	was := pr.Override
	p.st.WantPlan = true
	switch r.Kind {
	case AutoLoad:
		pr.Override = nil
	case RunLoad:
		pr.Override = &loads.Override{Run: true, Until: p.now.Add(runLength(l, *pr)), By: r.By}
	default:
		until := pr.To
		if !until.After(p.now) {
			until = units.NextLocalMidnight(p.now, p.Zone)
		}
		pr.Override = &loads.Override{Run: false, Until: until, By: r.By}
	}
	p.event("load_"+string(r.Kind), health.Info, fmt.Sprintf("%s: %s by %s", l.Name, r.Kind, r.By))
	return !sameOverride(was, pr.Override)
}

// sameOverride tells whether an override says what another one said, to the
// minute: one that was lost would be missed by nobody.
func sameOverride(a, b *loads.Override) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Run == b.Run && a.By == b.By && b.Until.Sub(a.Until).Abs() < time.Minute
}

// runLength is how long "run now" lasts: a programme, what is left of the
// day's need, or an hour where nothing is.
func runLength(l loads.Load, pr loads.Progress) time.Duration {
	if l.Kind == loads.Cycle {
		return l.Cycle
	}
	if left := l.Need + pr.Carry - pr.Delivered; left > 0 {
		return left
	}
	return time.Hour
}

// plan puts a new plan in force.
func (p *step) plan(plan Plan) {
	if !plan.fits(p.Loads) {
		return // made for a configuration that is gone
	}
	if age := p.now.Sub(plan.MadeAt); age > leap || age < -leap {
		p.st.Asking, p.st.WantPlan = false, true // the clock was set meanwhile
		return
	}
	p.st.Plan, p.st.Asking = &plan, false
	p.clear(health.PlanFailed, "")
	if !plan.MadeAt.Before(p.st.Ladder.Since) { // else it was under way when the top-up came
		p.st.Ladder.Seen = true
	}
}

func (p *step) edge(e Edge) {
	if e.Code == health.CoverOpen || e.Code == health.MagnetNear {
		p.contact(metering.EventKind(e.Code), e.Cause != "")
		return
	}
	if e.Cause == "" {
		p.clear(e.Code, e.Subject)
		return
	}
	if e.Anew {
		p.takeBack()
	}
	p.raise(e.Code, e.Subject, e.Cause)
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
			p.event("load_short", health.Caution, fmt.Sprintf("%s went short by %s", l.Name, length(after.Missed)))
		}
	}
}

// supply decides about the contactor.
func (p *step) supply() {
	was := p.st.Credit.Supply
	a, entries, d := p.Credit.Supply(p.st.Credit, p.now, p.supplyFacts())
	if p.mustWait(d) {
		return
	}
	p.st.Credit, p.st.Decision = a, d
	p.eff.Entries = append(p.eff.Entries, entries...)
	if was.Position == a.Supply.Position && was.Cause == a.Supply.Cause {
		return
	}
	p.eff.Durable = true
	p.st.WantPlan = true
	severity, text := health.Info, p.switched(d.Why)
	if !d.Close {
		severity = health.Critical
	}
	if need := p.ForLight(&p.st); !d.Close && need.Amount > 0 {
		text += "; " + p.money(need.Amount) + " or more must be topped up"
	}
	if !p.Contactor {
		text += "; nothing is switched: there is no supply switch"
	}
	p.event("supply_"+string(a.Supply.Position), severity, text)
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
	p.creditShed()
	closed, order := p.contactor()
	wishes := make([]loads.Wish, 0, len(p.Loads))
	for i, l := range p.Loads {
		if w, ok := p.wish(i, l); ok {
			wishes = append(wishes, w)
		}
	}
	facts := make([]loads.Fact, 0, len(p.Loads)+1)
	for i := range p.st.Loads {
		facts = append(facts, loads.Fact{ID: p.st.Loads[i].ID, Observation: p.st.Loads[i].Seen})
	}
	facts = append(facts, loads.Fact{ID: loads.SupplyID, Observation: p.supplyFact()})
	guard, verdict := p.Guard.Step(p.st.Guard, loads.GuardInput{
		Now: p.now, SupplyOn: closed, SupplyReason: string(p.st.Decision.Cause),
		Hold:   p.in.Record == RecordPending,
		Wishes: wishes, Facts: facts, Failed: p.in.Failed, Fresh: p.in.Fresh,
		// An agent that was away for so long was away because the mains were.
		PowerBack: p.in.Fresh && p.now.Sub(p.st.Now) > mainsGone,
	})
	p.st.Guard, p.st.Held = guard, verdict.Held
	p.st.Next = verdict.Next
	commands := p.deliver(verdict.Commands, order)
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
	w = loads.Wish{ID: l.ID}
	if slices.Contains(p.st.Shed.IDs, l.ID) {
		w.Protect, w.Reason = true, "limit"
		return w, true
	}
	if run, overridden := p.st.Loads[i].Progress.Wanted(p.now); overridden {
		w.On, w.Reason = run, "skip"
		if run {
			w.Reason = "run now"
		}
		return w, true
	}
	if p.spares(l) {
		return p.spare(l), true
	}
	if !l.Defer {
		return w, false
	}
	w.Reason = "plan"
	switch {
	case p.st.Plan != nil && p.st.Plan.reaches(p.now):
		w.On = p.st.Plan.on(l.ID, p.now)
	case p.unplanned():
		w.On, w.Reason = p.soonest(i, l), "no plan"
	}
	return w, true
}

// shedFor is how long a load that was switched off because the site drew too
// much stays off.
const shedFor = 5 * time.Minute

// shed picks loads to switch off while the site draws more than it may.
func (p *step) shed() {
	if !p.now.Before(p.st.Shed.Until) {
		p.st.Shed = ShedState{}
	}
	drawn, allowed := p.drawn(), p.allowed()
	p.blind(drawn, allowed)
	if allowed == 0 || drawn.Power <= allowed {
		return
	}
	ids, _ := loads.Shed(p.Loads, p.st.Guard, drawn.Power-allowed)
	for _, id := range ids {
		if !slices.Contains(p.st.Shed.IDs, id) {
			p.st.Shed.IDs = append(slices.Clone(p.st.Shed.IDs), id)
			p.event("load_shed", health.Caution, fmt.Sprintf("%s: the site draws %s, %s is allowed", id, drawn.Power, allowed))
		}
	}
	if len(ids) > 0 {
		p.st.Shed.Until = p.now.Add(shedFor)
	}
}
