package picture

import (
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Maker makes pictures of one site.  It may be used from many goroutines at once.
type Maker struct {
	site  *control.Site
	about About
	fixed fixedCharges
	words present.Words
	plain present.Plain
}

// About is what a picture tells besides the loop's own state.
type About struct {
	Name      string       // of the site, for people
	Unit      present.Unit // what money counts
	Meter     string       // what the meter is
	Digits    []int        // lengths that a token may have
	Emergency credit.EmergencyDocument
	Words     present.Words // of the site's language; zero: English
}

// New makes pictures of site.
func New(site *control.Site, about About) *Maker {
	words := about.Words.OrEnglish()
	return &Maker{site: site, about: about, words: words, plain: words.Plain(site).Written(about.Unit)}
}

// In makes the same pictures in another language.
func (m *Maker) In(lang string) *Maker {
	about := m.about
	about.Words = present.WordsIn(lang)
	return New(m.site, about)
}

// Words are those of the pictures.
func (m *Maker) Words() present.Words { return m.words }

// Unit is what money counts.
func (m *Maker) Unit() present.Unit { return m.about.Unit }

// Of is the picture of what the loop had at one instant.  Of System it knows the
// meter and the ledger alone, and of TopUp nothing of the keypad.
func (m *Maker) Of(snap *control.Snapshot) View {
	st := &snap.State
	v := View{
		Seq: snap.Seq, At: st.Now, Zone: m.site.Zone, Unit: m.about.Unit, Site: m.about.Name,
		Credit: m.credit(st), RunOut: m.runOut(st), Power: m.power(st), Meter: registers(st), Quality: st.Quality,
		Beside: Beside{m.site.Compared(st), st.Beside.Readings},
		Tariff: m.tariff(st), TopUp: m.gate(st),
	}
	say := m.words.For(v.Unit, v.Zone, v.At)
	v.Opted = m.opted(st)
	v.Supply, v.Until = present.SupplyOf(m.site, st), present.UntilOf(m.site, st)
	v.Expected = m.plain.Expected(st)
	v.Plan, v.Loads = m.plan(st, say), m.loads(st, say)
	for _, w := range st.Health.WorstFirst() {
		v.Warnings = append(v.Warnings, Warning{
			Code: string(w.Code), Subject: w.Subject, Severity: severity(w.Severity), Grade: w.Severity, Since: w.Since,
			Title: say.Title(string(w.Code), m.form(st, w)), Cause: m.cause(st, w, say), Remedy: say.Remedy(string(w.Code), m.form(st, w)), Seen: w.Acknowledged,
			Told: health.Of(w.Code).Card || w.Code == health.CreditEnds && v.RunOut.Known, OfCredit: health.Of(w.Code).OfCredit,
		})
		if w.Code == health.CreditEnds {
			v.Warnings[len(v.Warnings)-1].Rung = st.Ladder.Told
		}
	}
	v.Limited = limited(m.site.Limited(st))
	for _, f := range m.site.LimitsInForce(st) {
		v.Limits = append(v.Limits, limited(f))
	}
	v.System.LedgerSeq = st.Credit.Head.Seq
	v.System.Meter = Link{Name: m.about.Meter, Freshness: m.freshness(st), LastAt: st.Meter.Last.At}
	return v
}

func severity(s health.Severity) Severity {
	switch s {
	case health.Info:
		return Info
	case health.Critical:
		return Critical
	case health.Caution, health.Serious:
	}
	return Caution
}

func (m *Maker) credit(st *control.State) Credit {
	c := Credit{Balance: st.Credit.Available(), Debt: st.Credit.Debt()}
	if st.Foresees() && st.Hold == nil {
		c.Energy, c.EnergyKnown = st.Plan.Buys, true
	}
	if m.runOut(st).Known {
		c.PerKWh = st.Plan.Outlook.PerKWh
	}
	if c.Ahead = m.ahead(st, ""); len(c.Ahead) > 0 && c.Ahead[0].Sooner > 0 {
		c.PerKWh = c.Ahead[0].Sooner // of this hour, and not of that in which the plan was made
	}
	if m.site.InKWh || st.Credit.Unlocked {
		c.EnergyKnown = false // the balance is the energy
	}
	if n := len(st.Days); n > 0 {
		today := st.Days[n-1]
		if today.Start.Equal(units.LocalMidnight(st.Now, m.site.Zone)) {
			c.SpentToday, c.EnergyToday = today.Spent, today.Energy
		}
	}
	_, c.SpentPerDay, _ = st.Usual(m.site.Zone)
	em := m.about.Emergency
	c.Emergency = Emergency{Amount: em.Amount, Threshold: em.OfferBelow}
	switch st.Credit.Emergency.Stage {
	case credit.Taken:
		c.Emergency.State = EmergencyInUse
		c.Emergency.Owed = st.Credit.EmergencyUsed()
		c.Emergency.Left = st.Credit.Emergency.Limit - c.Emergency.Owed // the rest is the customer's own
	case credit.Spent:
		c.Emergency.State, c.Emergency.Owed = EmergencySpent, st.Credit.EmergencyUsed()
	case credit.NotTaken:
		switch {
		case em.Amount == 0, st.Hold != nil:
		case m.site.Credit.Offered(st.Credit):
			c.Emergency.State = EmergencyOffered
		default:
			c.Emergency.State = EmergencyIdle
		}
	}
	return c
}

func (m *Maker) runOut(st *control.State) RunOut {
	if st.Hold != nil || m.site.Contactor && st.Credit.Supply.Position != credit.Connected {
		return RunOut{} // nothing is used
	}
	if !st.Foresees() || !st.Plan.RunOut.Known {
		return RunOut{First: m.first(st)}
	}
	r := st.Plan.RunOut
	if !r.Mid.After(st.Now) || st.Credit.Left() == 0 {
		return RunOut{} // it has ended, or it has come out otherwise
	}
	out := RunOut{Known: true, Beyond: r.Beyond, At: r.Mid, Early: r.Early, Late: r.Late}
	if needs := st.Plan.Outlook.Needs; len(needs) > 0 {
		out.Reach = needs[len(needs)-1].Until
	}
	out.With = m.with(st)
	return out
}

// first is when the plan is due that knows the first whole interval of a new site; zero where
// that was before.
func (m *Maker) first(st *control.State) time.Time {
	if st.Now.Sub(st.Meter.StartedAt) > 4*m.site.Interval || st.Clock.Dateless() {
		return time.Time{}
	}
	whole := units.SlotAt(st.Meter.StartedAt.Add(m.site.Interval-1), m.site.Interval).End()
	if due := m.site.PlanAt.Next(whole); due.After(st.Now) {
		return due
	}
	return time.Time{}
}

// with is how long the credit lasts with a top-up of about one day's use, of two, and
// of five.
func (m *Maker) with(st *control.State) []TopUp {
	_, spent, _ := st.Usual(m.site.Zone)
	if left := st.Plan.RunOut.Mid.Sub(st.Now); spent <= 0 && left >= time.Hour { // no day was seen whole so far
		spent = units.Money(units.MulDiv(int64(st.Credit.Available()), int64(24*time.Hour), int64(left)))
	}
	var out []TopUp
	for _, days := range []units.Money{1, 2, 5} {
		amount := present.RoundAmount(spent * days)
		if amount <= 0 || len(out) > 0 && out[len(out)-1].Amount == amount {
			continue
		}
		if l, ok := m.site.LastsWith(st, amount); ok {
			out = append(out, TopUp{Amount: amount, Until: l.Until, Beyond: l.Beyond})
		}
	}
	return out
}

// registers are what was counted, in all and by tariff period.
func registers(st *control.State) Registers {
	m := &st.Meter
	out := Registers{Known: !m.Registers.At.IsZero(), Device: m.Registers.Device, Import: m.Registers.Import, Export: m.Registers.Export}
	for _, p := range m.Registers.Periods {
		out.Periods = append(out.Periods, PeriodRegister{Period: p.Period, Import: p.Import, Export: p.Export})
	}
	if d := m.Intervals.Demand; d != nil {
		out.Window, out.Block = d.Window, Demand{Power: d.Max, End: d.MaxAt}
		out.Sliding = Demand{Power: m.Sliding.Max, End: m.Sliding.MaxAt}
	}
	return out
}

func (m *Maker) freshness(st *control.State) Freshness {
	heard := st.Meter.HeardAt
	switch {
	case heard.IsZero():
		return Never
	case st.Now.Sub(heard) > m.site.SilentAfter:
		return Silent
	case st.Now.Sub(heard) > m.site.SilentAfter/2:
		return Stale
	}
	return Fresh
}

func (m *Maker) opted(st *control.State) Opted {
	out := Opted{Of: string(st.OptedOut())}
	if !m.site.MayOptOut() {
		return Opted{}
	}
	if o := st.Policy.Opted; o != nil {
		out.By, out.Since = o.By, o.Since
	}
	return out
}

func limited(f policy.InForce) Limited {
	return Limited{Source: string(f.Source), State: string(f.Phase), Limit: f.Limit, By: f.Issuer, Event: f.Event, From: f.From, Until: f.Until, Loads: f.Loads}
}

func (m *Maker) power(st *control.State) PowerNow {
	out := PowerNow{Freshness: m.freshness(st), Limit: m.site.Power}
	if l := policy.Least(m.site.LimitsInForce(st)).Limit; l > 0 && (out.Limit == 0 || l < out.Limit) {
		out.Limit = l
	}
	switch d, told := m.site.Drawn(st, st.Now), st.Meter.Registers; {
	case d.Known():
		out.Power, out.At, out.Derived = d.Power, d.At, d.Source == metering.Derived
	case out.Freshness == Silent && told.HasPower:
		out.Power, out.At = told.Power, told.PowerAt // the last word of a meter that is silent
	case out.Freshness != Never:
		out.Untold = true
		return out
	}
	price, _ := m.site.TariffOf(st).PriceAt(st.Tariff, st.Now)
	out.CostPerHour = price.Cost(out.Power.Over(time.Hour))
	return out
}

func (m *Maker) plan(st *control.State, say present.Phrases) Plan {
	if st.Plan == nil || st.Hold != nil {
		return Plan{}
	}
	p := st.Plan
	out := Plan{
		MadeAt: p.MadeAt, Cost: p.Cost, CostUnshifted: p.Unshifted, SolveTime: p.Solved, Shortfalls: m.short(st, say),
		Slots: make([]PlanSlot, 0, len(p.Prices)),
	}
	limits := m.site.LimitsAhead(st, p.Start.Add(time.Duration(len(p.Prices))*p.Slot))
	for t := range p.Prices {
		slot := units.Slot{Start: p.Start.Add(time.Duration(t) * p.Slot), Len: p.Slot}
		_, period := m.site.TariffOf(st).PriceAt(st.Tariff, slot.Start)
		out.Slots = append(out.Slots, PlanSlot{
			Slot: slot, Price: p.Prices[t], Period: period, Low: p.Low[t], Mid: p.Mid[t], High: p.High[t], Limit: planning.LimitIn(slot, m.site.Power, limits),
		})
	}
	for _, l := range p.Loads {
		out.Loads = append(out.Loads, PlanLoad{ID: l.ID, Name: m.name(l.ID), Power: l.Power})
	}
	return out
}

func (m *Maker) name(id string) string {
	for _, l := range m.site.Loads {
		if l.ID == id {
			return l.Name
		}
	}
	return id
}

func (m *Maker) loads(st *control.State, say present.Phrases) []Load {
	out := make([]Load, 0, len(m.site.Loads))
	for i := range m.site.Loads {
		out = append(out, m.load(st, i, say))
	}
	return out
}

func (m *Maker) load(st *control.State, i int, say present.Phrases) Load {
	l, ls, x := m.site.Loads[i], st.Loads[i], present.LoadOf(m.site, st, i)
	v := Load{
		ID: l.ID, Name: l.Name, Class: l.Class, Order: l.Order, State: x.State, On: x.On, Why: say.Why(x.Why), CanRun: l.Kind.Runs(), CanSkip: l.Kind.Runs(), Deadline: ls.Progress.To,
		NextStart: x.Start, NextEnd: x.End, Cost: x.Cost, Told: x.Told,
	}
	if x.Water != nil {
		v.Why = strings.TrimSpace(v.Why + " " + say.Water(x.Water))
		if v.HotKnown = x.Water.Known; v.HotKnown {
			v.Showers = x.Water.Showers
		}
	}
	if l.Kind == loads.Sun {
		v.Power, v.Delivered = -x.Gives, ls.Progress.Energy
		return v
	}
	if l.Kind == loads.Battery {
		v.Power, _ = l.Flows(ls.Seen)
		v.Holds, v.HoldsKnown, v.Delivered = x.Holds, x.Holds >= 0 && ls.Seen.Known && ls.Seen.HasCharge, ls.Progress.Energy
		return v
	}
	if ls.Seen.Known && ls.Seen.HasPower {
		v.Power = ls.Seen.Power
	} else if x.On {
		v.Power, v.Rated = l.Draws(st.Guard.Unit(l.ID).Set), true
		if v.Power == 0 {
			v.Power = l.Power
		}
	}
	v.Wanted = l.Power.Over(l.Due(ls.Progress))
	v.Delivered = ls.Progress.Energy
	if v.Delivered == 0 {
		v.Delivered = l.Power.Over(ls.Progress.Delivered)
	}
	if m.runOut(st).Known {
		for _, r := range st.Plan.Outlook.Runs {
			if r.ID == l.ID {
				v.RunEnergy, v.RunSooner = r.Energy, r.Sooner
			}
		}
	}
	if v.Ahead = m.ahead(st, l.ID); len(v.Ahead) > 0 && v.Ahead[0].Sooner > 0 {
		v.RunSooner = v.Ahead[0].Sooner
	}
	if owed := l.Requests(ls.Progress, st.Guard.Unit(l.ID), st.Now, time.Minute); len(owed) > 0 {
		v.Deadline = owed[0].By
	}
	if x.Wanted {
		v.Override, v.OverrideUntil, v.AtDevice = OverrideSkip, x.Until, x.AtDevice
		if x.Run {
			v.Override = OverrideRun
		}
	}
	return v
}

func (m *Maker) gate(st *control.State) TopUpGate {
	way := credit.Way("page")
	g := TopUpGate{Digits: m.about.Digits, TriesLeft: m.site.Credit.TriesLeft(st.Credit, way)}
	if left := st.Credit.Lock(way).Left; left > 0 {
		g.LockedUntil = st.Now.Add(left)
	}
	if st.Health.Has(health.StoreFull, "") || st.Health.Has(health.StoreFailed, "") {
		g.Closed = m.words.T("topup.closed")
	}
	if p := st.Pasted; p != nil && st.Now.Sub(p.At) < toldFor {
		var left []string
		for _, n := range p.Left {
			left = append(left, strconv.Itoa(n))
		}
		say := m.words.For(m.Unit(), m.site.Zone, st.Now)
		g.Left = m.words.N("topup.left", len(left), "of", strconv.Itoa(p.Of), "when", say.When(p.At), "left", strings.Join(left, ", "))
	}
	return g
}

// toldFor is how long it is told that tokens of a list have not been entered.
const toldFor = 24 * time.Hour
