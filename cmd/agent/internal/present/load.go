package present

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
)

// LoadState is what a load does now.
type LoadState string

// States of a load.
const (
	LoadOff     LoadState = "off"     // nothing to do
	LoadWaiting LoadState = "waiting" // planned or wanted, and not on yet
	LoadRunning LoadState = "running"
	LoadDone    LoadState = "done" // what was wanted is delivered
	LoadSkipped LoadState = "skipped"
	LoadShed    LoadState = "shed"  // held off to save credit or to stay within the limit
	LoadFault   LoadState = "fault" // the switch does not answer or does not obey
)

// Load is what one load does, and why.
type Load struct {
	State LoadState
	On    bool // as far as is known: by feedback, else as told
	Why   Reason
	// Start and End are of the run under way, or of the next one that nothing
	// stands against; Cost is that run's.
	Start, End time.Time
	Cost       units.Money
	// Wanted is a person's wish in force: to run, or not to.
	Wanted, Run bool
	Until       time.Time // of the wish
	AtDevice    bool      // the wish was set at the device itself
	// Water is what is known of the water of a water heater; nil of any other load.
	Water *Water
	// Gives is what panels give now.
	Gives units.Power
	// Holds is how full a battery is, in per cent; below zero: not known.
	Holds int
	// Told is what it may draw while it is on, of a load that is told so; 0: it says nothing.
	Told units.Power
}

// settled is how long a switch may take to do what it was told before it counts
// as something else than switching.
const settled = 10 * time.Second

// LoadOf is the i-th load of the site in a State.
func LoadOf(site *control.Site, st *control.State, i int) Load {
	l, ls, unit := site.Loads[i], &st.Loads[i], st.Guard.Unit(site.Loads[i].ID)
	if l.Kind == loads.Sun {
		return sunOf(l, ls, st.Now)
	}
	if l.Kind == loads.Battery {
		return batteryOf(site, st, i)
	}
	x := Load{On: unit.Set.On}
	if ls.Seen.Known {
		x.On = ls.Seen.On
	}
	x.Run, x.Wanted = ls.Progress.Wanted(st.Now)
	if x.Wanted {
		x.Until, x.AtDevice = ls.Progress.Override.Until, ls.Progress.Override.By == loads.AtDevice
	}
	if l.Kind == loads.Varies && x.On && unit.Set.On {
		x.Told = unit.Set.Power
	}
	x.Water = waterOf(l, ls.Progress, st.Now)
	off := site.Contactor && !st.Guard.SupplyUp
	silent := st.Health.Has(health.SwitchSilent, l.ID)
	start, end, cost := time.Time{}, time.Time{}, units.Money(0)
	if st.Plan != nil {
		start, end, cost = st.Plan.Run(l.ID, st.Now)
	}
	now := !start.IsZero() && !start.After(st.Now) // the plan has it on now
	held, isHeld := holdOf(st, l.ID)
	// A switch that was told something else not long ago has yet to be seen there.
	turning := unit.Commanded && x.On != unit.Set.On && st.Now.Sub(unit.SentAt) < settled

	switch {
	case st.Hold != nil:
		x.State, x.Why.Code = LoadOff, WhyRecords
		if x.On {
			x.State = LoadRunning
		}
	case silent:
		x.State, x.Why.Code = LoadFault, WhyFault
	case x.On:
		x.State = LoadRunning
		switch {
		case isHeld && !held.Set.On:
			x.Why = heldWhy(held)
		case turning, off:
			x.Why.Code = WhyStopping
		case l.Feedback && !ls.Seen.Known:
			x.Why.Code = WhyUnsure
		case st.Shed.Lowered(l.ID):
			x.Why = Reason{Code: WhyLowered, Until: st.Shed.Until}
		case isHeld && held.Reason == loads.HeldLimit:
			x.Why.Code = WhyRoomLess
		case x.Wanted && x.Run:
			x.End = x.Until
			x.Why.Code = WhyAsked
			if x.AtDevice {
				x.Why = Reason{Code: WhySet, Until: x.Until}
			}
		case x.Wanted:
			x.Why.Code = WhyStopping
		case now && l.Defer:
			x.Start, x.End, x.Cost = start, end, cost
			x.Why.Code = WhyRuns
			x.Why.Price, _ = site.TariffOf(st).PriceAt(st.Tariff, st.Now)
			x.Why.Power = x.Told
		case l.Defer && st.ByOwnHours():
			x.Why.Code = WhyOwnHours
		case l.Kind == loads.Cycle && ls.Progress.Programme > 0 && ls.Progress.Programme < l.Cycle:
			x.End = st.Now.Add(l.Cycle - ls.Progress.Programme)
			x.Why.Code = WhyFinishes
		case l.Defer:
			x.Why.Code = WhyUnplanned
		}
	case off:
		x.State, x.Why.Code = LoadOff, WhySupply
		if x.Wanted && !x.Run {
			x.State = LoadSkipped
		}
	case slices.Contains(st.Shed.IDs, l.ID):
		x.State, x.Why = LoadShed, Reason{Code: WhyShed, Until: st.Shed.Until}
		if c, full := l.Crowded(site.Circuits, site.Loads, st.Guard, st.Now); full {
			x.Why = Reason{Code: WhyCircuit, Name: c.Name}
		}
	case x.Wanted && !x.Run:
		x.State = LoadSkipped
		if x.AtDevice {
			x.Why = Reason{Code: WhySetOff, Until: x.Until}
		}
	case isHeld && held.Set.On:
		x.State, x.Why = LoadWaiting, heldWhy(held)
		if o, beside := l.Beside(site.Loads, st.Guard, st.Now); beside && held.Reason == loads.HeldApart {
			x.Why = Reason{Code: WhyApart, Name: o.Name}
		}
		if c, full := l.Crowded(site.Circuits, site.Loads, st.Guard, st.Now); full && held.Reason == loads.HeldLimit {
			x.Why = Reason{Code: WhyCircuit, Name: c.Name}
		}
	case x.Wanted, turning && unit.Set.On:
		x.State, x.Why.Code = LoadWaiting, WhyStarting
	case slices.Contains(st.Supply.Shed, l.ID):
		x.State, x.Why.Code = LoadShed, WhySpares
	case !l.Defer || l.Need == 0 && l.Kind != loads.Heat:
		x.State = LoadOff
	case now && l.Sated(ls.Progress):
		x.State, x.Why.Code = LoadDone, WhyFinished
	case now && slices.Contains(site.AbovePeak(st, st.Now), l.ID):
		x.State, x.Why.Code = LoadWaiting, WhyDemand
	case now:
		x.State, x.Why.Code = LoadWaiting, WhyStarting
	default:
		if waits(&x, site, st, i, start, end, cost); st.Credit.Unlocked {
			x.Why.Sooner = 0 // no credit ends
		}
	}
	return x
}

// waits says why a load that the plan moves is off and nothing holds it.
func waits(x *Load, site *control.Site, st *control.State, i int, start, end time.Time, cost units.Money) {
	l, pr := site.Loads[i], st.Loads[i].Progress
	missing, given := l.Missing(pr), pr.Delivered > 0 || pr.Runs > 0
	awaited, awaits := awaitedOf(st.Plan, l.ID)
	x.State = LoadOff
	switch {
	case !start.IsZero():
		x.State, x.Start, x.End, x.Cost = LoadWaiting, start, end, cost
		x.Why = planned(st.Plan, l.ID, start)
		if !x.Why.Opens.IsZero() && !l.OpensAt(x.Why.Opens) {
			x.Why.Anew, x.Why.Had = true, missing == 0 && given
		}
		x.Why.Unsent = x.Why.Code == WhyWaits && site.TariffOf(st).Overlay().Awaited(st.Now, start)
	case l.DayOff(pr):
		x.Why.Code = WhyDayOff
	case pr.Rest.After(st.Now) && missing > 0:
		x.State, x.Why = LoadWaiting, Reason{Code: WhyRests, Until: pr.Rest} // it is tried again: not done for certain
	case st.ByOwnHours() && missing == 0 && given:
		x.State, x.Why.Code = LoadDone, WhyFinished
	case st.ByOwnHours():
		x.Why.Code = WhyOwnWait
	case st.Plan == nil, !st.Planned():
		x.Why.Code = WhyNoPlan
	case !reaches(st.Plan, st.Now):
		x.Why.Code = WhyOldPlan
	default:
		short, isShort := shortOf(st, l.ID)
		owed := l.Requests(pr, st.Guard.Unit(l.ID), st.Now, time.Minute)
		if missing == 0 && given && isShort && !short.At.Before(pr.To) {
			isShort = false // it has had this day's; it is another that is left short
		}
		switch {
		case !(missing == 0 && given) && givenUp(st, l.ID):
			x.Why.Code = WhyUntil
		case !(missing == 0 && given) && awaits && !isShort && !pr.TookNothing():
			x.State, x.Why = LoadWaiting, Reason{Code: WhyBuys}
			if awaited.At.After(st.Now) {
				x.Why.Until = awaited.At
			}
		case isShort && (short.Cause == planning.ShortOfCredit || short.Cause == planning.ShortOfBoth):
			x.Why.Code = WhyCredit
		case isShort && short.Cause == planning.ShortOfHours:
			x.Why.Code = WhyHours
		case isShort:
			x.Why.Code = WhyLeftOut
		case missing == 0 && given:
			x.State, x.Why.Code = LoadDone, WhyFinished
		case l.Below != nil:
			x.Why = Reason{Code: WhyDear, Price: *l.Below}
		case missing > 0 && pr.TookNothing(): // it is not said that it lacks what it seems not to need
			x.Why.Code = WhyRests
		case len(owed) == 0 && missing > 0:
			x.Why = Reason{Code: WhyOver, Time: missing}
			if l.Kind == loads.Varies {
				x.Why.Energy = l.Power.Over(missing)
			}
		default:
			x.Why.Code = WhyNone
		}
	}
}

// reaches tells whether the plan says something of now.
func reaches(p *planning.Plan, now time.Time) bool {
	return !now.Before(p.Start) && now.Before(p.Ends())
}

func holdOf(st *control.State, id string) (loads.Hold, bool) {
	i := slices.IndexFunc(st.Held, func(h loads.Hold) bool { return h.ID == id })
	if i < 0 {
		return loads.Hold{}, false
	}
	return st.Held[i], true
}

func shortOf(st *control.State, id string) (planning.Shortfall, bool) {
	for f := range st.Short() {
		if f.Load == id {
			return f, true
		}
	}
	return planning.Shortfall{}, false
}

// awaitedOf is until when a load goes without, because credit is likely to be bought by then.
func awaitedOf(p *planning.Plan, id string) (planning.Awaited, bool) {
	if p == nil {
		return planning.Awaited{}, false
	}
	i := slices.IndexFunc(p.Awaits, func(a planning.Awaited) bool { return a.Load == id })
	if i < 0 {
		return planning.Awaited{}, false
	}
	return p.Awaits[i], true
}

// givenUp tells whether a load is left out so that the credit lasts as long as a
// person asks.
func givenUp(st *control.State, id string) bool {
	return st.Plan.Outlast != nil && slices.ContainsFunc(st.Plan.Outlast.Given, func(g planning.GivenUp) bool { return g.ID == id })
}

// planned is why the plan has a load wait until start.
func planned(p *planning.Plan, id string, start time.Time) Reason {
	r := Reason{Code: WhyWaits, Start: start}
	at := slices.IndexFunc(p.Loads, func(l planning.LoadPlan) bool { return l.ID == id })
	if at < 0 || p.Loads[at].Why == nil || !p.Loads[at].Why.Start.Equal(start) {
		return r
	}
	why := p.Loads[at].Why
	if !why.Rests.IsZero() {
		return Reason{Code: WhyRests, Start: start, Until: why.Rests}
	}
	r.Opens, r.Earlier, r.EarlierSaves = why.Opens, why.Earlier, why.EarlierExtra
	if why.Possible {
		r.Saves, r.Sooner = why.Extra, why.Sooner
	}
	return r
}

func heldWhy(h loads.Hold) Reason {
	r := Reason{Code: WhyHeld, Until: h.Until}
	switch h.Reason {
	case loads.HeldSupply:
		r.Code = WhySupply
	case loads.HeldMinOff:
		r.Code = WhyMinOff
	case loads.HeldMinOn:
		r.Code = WhyMinOn
	case loads.HeldStagger:
		r.Code = WhyStagger
	case loads.HeldStarts, loads.HeldHour:
		r.Code = WhyStarts
	case loads.HeldLimit:
		r.Code = WhyRoom
	case loads.HeldChange, loads.HeldRefused, loads.HeldApart: // of the last it is said with which
	}
	return r
}

// ShortOf is a shortfall of the plan in codes and values.
func ShortOf(f planning.Shortfall, name string, ends planning.RunOut) Shortfall {
	s := Shortfall{Code: ShortOther, Cause: string(f.Cause), Name: name, Time: f.Time, At: f.At}
	switch f.Kind {
	case optimizer.ShortSkip:
		s.Code = ShortRun
	case optimizer.ShortEnergy:
		switch {
		case f.Time > 0:
			s.Code = ShortTime
		case f.Energy > 0:
			s.Code, s.Energy = ShortKWh, f.Energy
		}
	case optimizer.ShortCredit, optimizer.ShortReserve:
		s.Code = ShortCredit
		if ends.Known && !ends.Beyond { // one time for the end of the credit on one page
			s.At = ends.Mid
		}
	case optimizer.ShortLimit, optimizer.ShortShed, optimizer.ShortCircuit:
		s.Code = ShortLimit
	default:
	}
	return s
}
