package front

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// View is the latest picture of the loop.
func (a *Agent) View() web.View {
	snap := a.loop.Snapshot()
	st := &snap.State
	v := web.View{
		Seq: snap.Seq, At: st.Now, Zone: a.site.Zone, Unit: a.about.Unit, Site: a.about.Name,
		Credit: a.credit(st), RunOut: a.runOut(st), Power: a.power(st), Meter: registers(st),
		Tariff: a.tariff(st), TopUp: a.gate(st),
	}
	say := a.words.For(v.Unit, v.Zone, v.At)
	v.Supply = present.SupplyOf(a.site, st)
	v.Plan, v.Loads = a.plan(st, say), a.loads(st, say)
	for _, w := range st.Health.WorstFirst() {
		v.Warnings = append(v.Warnings, web.Warning{
			Code: string(w.Code), Severity: severity(w.Severity), Since: w.Since,
			Title: say.Title(string(w.Code), a.form(st, w)), Cause: a.cause(st, w, say), Remedy: say.Remedy(string(w.Code), a.form(st, w)), Seen: w.Acknowledged,
			Told: health.Of(w.Code).Card,
		})
	}
	if a.about.System != nil {
		v.System = a.about.System()
	}
	v.System.Version, v.System.Started, v.System.LedgerSeq = a.about.Version, a.about.Started, st.Credit.Head.Seq
	v.System.Meter = web.Link{Name: a.about.Meter, Freshness: a.freshness(st), LastAt: st.Meter.Last.At}
	if a.about.Demo != nil {
		v.Demo = a.about.Demo()
	}
	return v
}

func severity(s health.Severity) web.Severity {
	switch s {
	case health.Info:
		return web.Info
	case health.Critical:
		return web.Critical
	case health.Caution, health.Serious:
	}
	return web.Caution
}

func (a *Agent) credit(st *control.State) web.Credit {
	c := web.Credit{Balance: st.Credit.Available(), Debt: st.Credit.Debt()}
	if st.Foresees() && st.Hold == nil {
		c.Energy, c.EnergyKnown = st.Plan.Buys, true
	}
	if a.runOut(st).Known {
		c.PerKWh = st.Plan.Outlook.PerKWh
	}
	if a.site.InKWh || st.Credit.Unlocked {
		c.EnergyKnown = false // the balance is the energy
	}
	if n := len(st.Days); n > 0 {
		today := st.Days[n-1]
		if today.Start.Equal(units.LocalMidnight(st.Now, a.site.Zone)) {
			c.SpentToday, c.EnergyToday = today.Spent, today.Energy
		}
	}
	_, c.SpentPerDay, _ = st.Usual(a.site.Zone)
	em := a.about.Emergency
	c.Emergency = web.Emergency{Amount: em.Amount, Threshold: em.OfferBelow}
	switch st.Credit.Emergency.Stage {
	case credit.Taken:
		c.Emergency.State = web.EmergencyInUse
		c.Emergency.Owed = st.Credit.EmergencyUsed()
		c.Emergency.Left = st.Credit.Emergency.Limit - c.Emergency.Owed // the rest is the customer's own
	case credit.Spent:
		c.Emergency.State, c.Emergency.Owed = web.EmergencySpent, st.Credit.EmergencyUsed()
	case credit.NotTaken:
		switch {
		case em.Amount == 0, st.Hold != nil:
		case a.site.Credit.Offered(st.Credit):
			c.Emergency.State = web.EmergencyOffered
		default:
			c.Emergency.State = web.EmergencyIdle
		}
	}
	return c
}

func (a *Agent) runOut(st *control.State) web.RunOut {
	if st.Hold != nil || a.site.Contactor && st.Credit.Supply.Position != credit.Connected {
		return web.RunOut{} // nothing is used
	}
	if !st.Foresees() || !st.Plan.RunOut.Known {
		return web.RunOut{}
	}
	r := st.Plan.RunOut
	if !r.Mid.After(st.Now) || st.Credit.Left() == 0 {
		return web.RunOut{} // it has ended, or it has come out otherwise
	}
	out := web.RunOut{Known: true, Beyond: r.Beyond, At: r.Mid, Early: r.Early, Late: r.Late}
	if needs := st.Plan.Outlook.Needs; len(needs) > 0 {
		out.Reach = needs[len(needs)-1].Until
	}
	return out
}

// registers are what was counted, in all and by tariff period.
func registers(st *control.State) web.Registers {
	m := &st.Meter
	out := web.Registers{Known: !m.Registers.At.IsZero(), Device: m.Registers.Device, Import: m.Registers.Import, Export: m.Registers.Export}
	for _, p := range m.Registers.Periods {
		out.Periods = append(out.Periods, web.PeriodRegister{Period: p.Period, Import: p.Import, Export: p.Export})
	}
	if d := m.Intervals.Demand; d != nil {
		out.Window, out.Block = d.Window, web.Demand{Power: d.Max, End: d.MaxAt}
		out.Sliding = web.Demand{Power: m.Sliding.Max, End: m.Sliding.MaxAt}
	}
	return out
}

func (a *Agent) freshness(st *control.State) web.Freshness {
	heard := st.Meter.HeardAt
	switch {
	case heard.IsZero():
		return web.Never
	case st.Now.Sub(heard) > a.site.SilentAfter:
		return web.Silent
	case st.Now.Sub(heard) > a.site.SilentAfter/2:
		return web.Stale
	}
	return web.Fresh
}

func (a *Agent) power(st *control.State) web.PowerNow {
	out := web.PowerNow{Freshness: a.freshness(st), Limit: a.site.Power}
	switch d, told := a.site.Drawn(st, st.Now), st.Meter.Registers; {
	case d.Known():
		out.Power, out.At, out.Derived = d.Power, d.At, d.Source == metering.Derived
	case out.Freshness == web.Silent && told.HasPower:
		out.Power, out.At = told.Power, told.PowerAt // the last word of a meter that is silent
	case out.Freshness != web.Never:
		out.Untold = true
		return out
	}
	price, _ := a.site.TariffOf(st).PriceAt(st.Tariff, st.Now)
	out.CostPerHour = price.Cost(out.Power.Over(time.Hour))
	return out
}

func (a *Agent) plan(st *control.State, say present.Phrases) web.Plan {
	if st.Plan == nil || st.Hold != nil {
		return web.Plan{}
	}
	p := st.Plan
	out := web.Plan{
		MadeAt: p.MadeAt, Cost: p.Cost, CostUnshifted: p.Unshifted, SolveTime: p.Solved, Shortfalls: a.short(st, say),
		Slots: make([]web.PlanSlot, 0, len(p.Prices)),
	}
	for t := range p.Prices {
		out.Slots = append(out.Slots, web.PlanSlot{
			Slot:  units.Slot{Start: p.Start.Add(time.Duration(t) * p.Slot), Len: p.Slot},
			Price: p.Prices[t], Low: p.Low[t], Mid: p.Mid[t], High: p.High[t], Limit: a.site.Power,
		})
	}
	for _, l := range p.Loads {
		out.Loads = append(out.Loads, web.PlanLoad{ID: l.ID, Name: a.name(l.ID), Power: l.Power})
	}
	return out
}

func (a *Agent) name(id string) string {
	for _, l := range a.site.Loads {
		if l.ID == id {
			return l.Name
		}
	}
	return id
}

func (a *Agent) loads(st *control.State, say present.Phrases) []web.Load {
	out := make([]web.Load, 0, len(a.site.Loads))
	for i := range a.site.Loads {
		out = append(out, a.load(st, i, say))
	}
	return out
}

func (a *Agent) load(st *control.State, i int, say present.Phrases) web.Load {
	l, ls, x := a.site.Loads[i], st.Loads[i], present.LoadOf(a.site, st, i)
	v := web.Load{
		ID: l.ID, Name: l.Name, State: x.State, Why: say.Why(x.Why), CanRun: true, CanSkip: true, Deadline: ls.Progress.To,
		NextStart: x.Start, NextEnd: x.End, Cost: x.Cost,
	}
	if ls.Seen.Known && ls.Seen.HasPower {
		v.Power = ls.Seen.Power
	} else if x.On {
		v.Power, v.Rated = l.Power, true
	}
	v.Wanted = l.Power.Over(max(0, l.Need+ls.Progress.Carry))
	v.Delivered = ls.Progress.Energy
	if v.Delivered == 0 {
		v.Delivered = l.Power.Over(ls.Progress.Delivered)
	}
	if a.runOut(st).Known {
		for _, r := range st.Plan.Outlook.Runs {
			if r.ID == l.ID {
				v.RunEnergy, v.RunSooner = r.Energy, r.Sooner
			}
		}
	}
	if owed := l.Requests(ls.Progress, st.Guard.Unit(l.ID), st.Now, time.Minute); len(owed) > 0 {
		v.Deadline = owed[0].By
	}
	if x.Wanted {
		v.Override, v.OverrideUntil = web.OverrideSkip, x.Until
		if x.Run {
			v.Override = web.OverrideRun
		}
	}
	return v
}

func (a *Agent) gate(st *control.State) web.TopUpGate {
	way := credit.Way("page")
	g := web.TopUpGate{Digits: a.about.Digits, TriesLeft: a.site.Credit.TriesLeft(st.Credit, way)}
	if left := st.Credit.Lock(way).Left; left > 0 {
		g.LockedUntil = st.Now.Add(left)
	}
	if k := a.keypad.Load(); k != nil && time.Since(k.at) < echoFor {
		g.Keypad = k.text
	}
	if st.Health.Has(health.StoreFull, "") || st.Health.Has(health.StoreFailed, "") {
		g.Closed = a.words.T("topup.closed")
	}
	return g
}
