package api

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

// ViewOf is a picture as it is sent; say has the words for it.
func ViewOf(say present.Phrases, v *picture.View) View {
	a := View{
		Seq: v.Seq, At: At(v.At), Zone: "UTC", Site: v.Site, Unit: v.UnitCode(),
		Supply: supplyOf(say, v.Supply),
		RunOut: RunOut{Known: v.RunOut.Known, Beyond: v.RunOut.Beyond, At: At(v.RunOut.At), Early: At(v.RunOut.Early), Late: At(v.RunOut.Late), Reach: At(v.RunOut.Reach), With: []With{}, First: At(v.RunOut.First)},
		Until:  untilOf(say, v.Until), Expected: expectedOf(v.Expected),
		OptOut:  optedOf(v.Opted),
		Limited: limitedOf(v.Limited), Limits: limitsOf(v.Limits),
		Power:   powerOf(v.Power),
		Meter:   registersOf(v.Meter),
		Quality: qualityOf(say, v.Quality),
		Beside:  BesideOf(say, v.Beside),
		TopUp:   Gate{append([]int{}, v.TopUp.Digits...), v.TopUp.TriesLeft, At(v.TopUp.LockedUntil), v.TopUp.Closed, v.TopUp.Keypad, v.TopUp.Left},
		Loads:   make([]Load, len(v.Loads)), Warnings: make([]Warning, len(v.Warnings)),
	}
	if v.Zone != nil {
		a.Zone = v.Zone.String()
	}
	b, e := v.Credit, v.Credit.Emergency
	a.Credit = Credit{
		Balance: money(b.Balance), Debt: money(b.Debt), SpentToday: money(b.SpentToday), TodayKWh: b.EnergyToday.KWh(),
		PerKWh:    positive(b.PerKWh.Hours()),
		Emergency: Emergency{string(e.State), money(e.Amount), money(e.Left), money(e.Owed), money(e.Threshold)},
	}
	if b.SpentPerDay != 0 {
		s := money(b.SpentPerDay)
		a.Credit.SpentPerDay = &s
	}
	if b.EnergyKnown {
		k := b.Energy.KWh()
		a.Credit.BalanceKWh = &k
	}
	if v.RunOut.Known {
		h := v.Left().Hours()
		a.RunOut.Hours = &h
	}
	for _, w := range v.RunOut.With {
		a.RunOut.With = append(a.RunOut.With, With{w.Amount.String(), w.Until.UTC(), w.Beyond})
	}
	a.Tariff = tariffOf(v.Tariff)
	a.Plan = planOf(v.Plan)
	for i, l := range v.Loads {
		a.Loads[i] = Load{
			l.ID, l.Name, string(l.Class), l.Order, string(l.State), l.Power.W(), l.Rated, positive(l.Told.W()), l.Why, At(l.NextStart), At(l.NextEnd), l.Delivered.KWh(), positive(l.Wanted.KWh()),
			At(l.Deadline), money(l.Cost), positive(l.RunEnergy.KWh()), positive(l.RunSooner.Hours()), showers(l), holds(l), string(l.Override), At(l.OverrideUntil), l.CanRun, l.CanSkip,
		}
	}
	for i, w := range v.Warnings {
		a.Warnings[i] = Warning{w.Code, w.Subject, string(w.Severity), At(w.Since), w.Title, w.Cause, w.Remedy, w.Seen}
	}
	y := v.System
	a.System = System{
		Version: y.Version, Started: At(y.Started), Meter: linkOf(y.Meter), Broker: linkOf(y.Broker), Telemetry: linkOf(y.Telemetry),
		Parts: []*Link{}, Outbox: Outbox{y.Outbox.Rows, At(y.Outbox.Oldest), y.Outbox.Dropped, y.Outbox.Quarantined}, LedgerSeq: y.LedgerSeq,
	}
	for _, p := range y.Parts {
		a.System.Parts = append(a.System.Parts, linkOf(p))
	}
	if y.DiskFree >= 0 {
		a.System.DiskFree = &y.DiskFree
	}
	return a
}

// showers is for how many there is hot water, to a tenth; nil where nobody knows.
func showers(l picture.Load) *float64 {
	if !l.HotKnown {
		return nil
	}
	n := math.Round(10*l.Showers) / 10
	return &n
}

// holds is how full a battery is; nil where nobody knows.
func holds(l picture.Load) *int {
	if !l.HoldsKnown {
		return nil
	}
	return &l.Holds
}

// supplyOf is the supply with what is to be paid.
func supplyOf(say present.Phrases, s present.Supply) Supply {
	return Supply{
		State: string(s.State), Held: s.Held, Cause: string(s.Cause), Since: At(s.Since), Says: say.Supply(s).Says(), Pay: PayOf(s),
		CutAt: At(s.CutAt), RetryAt: At(s.RetryAt), Utility: cutOf(s.Cut),
	}
}

// cutOf is nil where no utility has ordered the supply off.
func cutOf(c present.Cut) *Cut {
	if c.ID == "" {
		return nil
	}
	return &Cut{By: c.By, ID: c.ID, Why: c.Why, Since: At(c.Since), Until: At(c.Until)}
}

// PayOf is the smallest top-up that brings the light back or keeps it on; nil
// where nothing must be paid, or no one top-up is enough.
func PayOf(s present.Supply) *string {
	if !s.Spent || s.Pay.Beyond {
		return nil
	}
	text := money(s.Pay.Amount)
	return &text
}

// optedOf is nil where there is nothing to opt out of.
func optedOf(o picture.Opted) *OptedOut {
	if o.Of == "" {
		return nil
	}
	return &OptedOut{Of: o.Of, By: o.By, Since: At(o.Since)}
}

// untilOf is nil where nobody asks how long the credit is to last.
func untilOf(say present.Phrases, u present.Until) *Until {
	if u.At.IsZero() {
		return nil
	}
	text := say.Until(u)
	a := &Until{
		At: u.At.UTC(), By: u.By, Since: u.Since.UTC(), Known: u.Known, Lasts: u.Lasts, Sure: u.Sure, Ends: At(u.Ends),
		Given: make([]GivenUp, len(u.Given)), Says: present.Sentences(text.Lines...),
	}
	if u.BuyMay && u.Buy > 0 {
		buy := money(u.Buy)
		a.Buy = &buy
	}
	if u.KeepMay && u.Keep > 0 {
		keep := money(u.Keep)
		a.Keep = &keep
	}
	for i, g := range u.Given {
		a.Given[i] = GivenUp{g.ID, g.At.UTC(), g.Time.Hours(), g.Energy.KWh(), g.Later}
	}
	return a
}

func powerOf(p picture.PowerNow) Power {
	a := Power{Derived: p.Derived, At: At(p.At), Freshness: string(p.Freshness), LimitW: positive(p.Limit.W())}
	if p.Known() {
		w, cost := p.Power.W(), money(p.CostPerHour)
		a.W, a.CostPerHour = &w, &cost
	}
	return a
}

func registersOf(m picture.Registers) Registers {
	a := Registers{Device: m.Device, Periods: make([]PeriodRegister, len(m.Periods))}
	if m.Known {
		in, out := m.Import.KWh(), m.Export.KWh()
		a.ImportKWh, a.ExportKWh = &in, &out
	}
	for i, p := range m.Periods {
		a.Periods[i] = PeriodRegister{p.Period, p.Import.KWh(), p.Export.KWh()}
	}
	if m.Window > 0 {
		a.Demand = &Demands{m.Window.Seconds(), m.Block.Power.W(), At(m.Block.End), m.Sliding.Power.W(), At(m.Sliding.End)}
	}
	return a
}

func tariffOf(t picture.Tariff) Tariff {
	a := Tariff{
		Name: t.Name, Period: t.Period, NextAt: At(t.NextAt), NextPrice: t.NextPrice.String(), NextPeriod: t.NextPeriod,
		FixedPerDay: money(t.FixedPerDay), FixedMonth: money(t.FixedPerMonth), Version: t.Version, PushedUntil: At(t.PushedUntil), Stale: t.Stale, Note: t.Note,
	}
	if t.Known {
		p := t.Price.String()
		a.Price = &p
	}
	if b := t.Block; b != nil {
		a.Block = &Block{b.Number, b.Used.KWh(), positive(b.UpTo.KWh()), b.NextPrice.String(), At(b.ResetAt)}
	}
	return a
}

func planOf(p picture.Plan) Plan {
	a := Plan{
		Version: PlanVersion, MadeAt: At(p.MadeAt), Cost: money(p.Cost), CostUnshifted: money(p.CostUnshifted), SolveSeconds: p.SolveTime.Seconds(),
		Shortfalls: []string{}, Slots: make([]Slot, len(p.Slots)), Loads: make([]PlanLoad, len(p.Loads)),
	}
	for _, f := range p.Shortfalls {
		a.Shortfalls = append(a.Shortfalls, f.Text)
	}
	for i, s := range p.Slots {
		a.Slots[i] = Slot{s.Slot.Start.UTC(), s.Slot.Len.Seconds(), s.Price.String(), s.Low.W(), s.Mid.W(), s.High.W(), positive(s.Limit.W())}
	}
	for i, l := range p.Loads {
		a.Loads[i] = PlanLoad{l.ID, make([]float64, len(l.Power))}
		for j, w := range l.Power {
			a.Loads[i].W[j] = w.W()
		}
	}
	return a
}

// linkOf is nil where the link is not configured.
func linkOf(l picture.Link) *Link {
	if l.Name == "" {
		return nil
	}
	return &Link{l.Shown(), string(l.Freshness), At(l.LastAt), l.Detail}
}

func positive(v float64) *float64 {
	if v <= 0 {
		return nil
	}
	return &v
}

func money(m units.Money) string { return m.String() }

// At is a time as it is sent; nil where there is none.
func At(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func expectedOf(all []present.Expected) []Expected {
	out := []Expected{}
	for _, e := range all {
		out = append(out, Expected{N: e.N, What: e.What, From: e.From.UTC(), Until: e.To.UTC(), KWh: e.Energy.KWh(), By: e.By, Since: e.Since.UTC(), Lit: e.Lit, Says: e.Says})
	}
	return out
}
