package web

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// apiView is View as JSON; see apiRoutes for its units.
type apiView struct {
	Seq      uint64       `json:"seq"`
	At       *time.Time   `json:"at"`
	Zone     string       `json:"zone"`
	Site     string       `json:"site"`
	Unit     string       `json:"unit"` // ISO 4217 or "kWh"
	Supply   apiSupply    `json:"supply"`
	Credit   apiCredit    `json:"credit"`
	RunOut   apiRunOut    `json:"run_out"`
	Power    apiPower     `json:"power"`
	Meter    apiRegisters `json:"meter"`
	Tariff   apiTariff    `json:"tariff"`
	Plan     apiPlan      `json:"plan"`
	Loads    []apiLoad    `json:"loads"`
	TopUp    apiGate      `json:"topup"`
	Warnings []apiWarning `json:"warnings"`
	System   apiSystem    `json:"system"`
}

type apiSupply struct {
	State   present.SupplyState `json:"state"`
	Cause   present.SupplyCause `json:"cause"`
	Since   *time.Time          `json:"since"`
	Held    bool                `json:"held,omitempty"` // the records do not agree: nothing is switched, and the balance is not known
	Says    string              `json:"says"`           // the state, why, and what is missing, in words
	Pay     *string             `json:"pay,omitempty"`  // what must be paid to have light again; absent: nothing, or no one top-up is enough
	CutAt   *time.Time          `json:"cut_at"`
	RetryAt *time.Time          `json:"retry_at"`
}

type apiCredit struct {
	Balance     string       `json:"balance"`
	BalanceKWh  *float64     `json:"balance_kwh"`
	Debt        string       `json:"debt"`
	SpentToday  string       `json:"spent_today"`
	TodayKWh    float64      `json:"today_kwh"`
	SpentPerDay *string      `json:"spent_per_day"`
	PerKWh      *float64     `json:"hours_per_kwh"` // of credit, that one kWh more now costs
	Emergency   apiEmergency `json:"emergency"`
}

type apiEmergency struct {
	State     EmergencyState `json:"state"`
	Amount    string         `json:"amount"`
	Left      string         `json:"left"`
	Owed      string         `json:"owed"`
	Threshold string         `json:"threshold"`
}

type apiRunOut struct {
	Known  bool       `json:"known"`
	Beyond bool       `json:"beyond"`
	At     *time.Time `json:"at"`
	Early  *time.Time `json:"early"`
	Late   *time.Time `json:"late"`
	Hours  *float64   `json:"hours"`
	Reach  *time.Time `json:"reach"` // the end of the last day that GET /api/v1/topup answers for
}

type apiPower struct {
	W           *float64   `json:"w"`       // null: not known
	Derived     bool       `json:"derived"` // from the meter's register
	At          *time.Time `json:"at"`
	Freshness   Freshness  `json:"freshness"`
	LimitW      *float64   `json:"limit_w"`
	CostPerHour *string    `json:"cost_per_hour"` // null: not known
}

func newAPIPower(p PowerNow) apiPower {
	a := apiPower{Derived: p.Derived, At: at(p.At), Freshness: p.Freshness, LimitW: positive(p.Limit.W())}
	if p.known() {
		w, cost := p.Power.W(), money(p.CostPerHour)
		a.W, a.CostPerHour = &w, &cost
	}
	return a
}

type apiRegisters struct {
	Device    string              `json:"device,omitempty"`
	ImportKWh *float64            `json:"import_kwh"` // null before the first sample
	ExportKWh *float64            `json:"export_kwh"`
	Periods   []apiPeriodRegister `json:"periods"`
	Demand    *apiDemands         `json:"demand"`
}

type apiPeriodRegister struct {
	Period    string  `json:"period"`
	ImportKWh float64 `json:"import_kwh"`
	ExportKWh float64 `json:"export_kwh"`
}

type apiDemands struct {
	WindowSeconds float64    `json:"window_seconds"`
	BlockW        float64    `json:"block_w"`
	BlockEnd      *time.Time `json:"block_end"`
	SlidingW      float64    `json:"sliding_w"`
	SlidingEnd    *time.Time `json:"sliding_end"`
}

func newAPIRegisters(m Registers) apiRegisters {
	a := apiRegisters{Device: m.Device, Periods: make([]apiPeriodRegister, len(m.Periods))}
	if m.Known {
		in, out := m.Import.KWh(), m.Export.KWh()
		a.ImportKWh, a.ExportKWh = &in, &out
	}
	for i, p := range m.Periods {
		a.Periods[i] = apiPeriodRegister{p.Period, p.Import.KWh(), p.Export.KWh()}
	}
	if m.Window > 0 {
		a.Demand = &apiDemands{m.Window.Seconds(), m.Block.Power.W(), at(m.Block.End), m.Sliding.Power.W(), at(m.Sliding.End)}
	}
	return a
}

type apiTariff struct {
	Name        string     `json:"name"`
	Price       *string    `json:"price"`
	Period      string     `json:"period"`
	NextAt      *time.Time `json:"next_at"`
	NextPrice   string     `json:"next_price"`
	NextPeriod  string     `json:"next_period"`
	FixedPerDay string     `json:"fixed_per_day"`
	FixedMonth  string     `json:"fixed_per_month"`
	Version     string     `json:"version,omitempty"`
	PushedUntil *time.Time `json:"pushed_until"`
	Stale       bool       `json:"stale"`
	Note        string     `json:"note,omitempty"`
	Block       *apiBlock  `json:"block"`
}

type apiBlock struct {
	Number    int        `json:"number"`
	UsedKWh   float64    `json:"used_kwh"`
	UpToKWh   *float64   `json:"up_to_kwh"`
	NextPrice string     `json:"next_price"`
	ResetAt   *time.Time `json:"reset_at"`
}

type apiPlan struct {
	MadeAt        *time.Time    `json:"made_at"`
	Cost          string        `json:"cost"`
	CostUnshifted string        `json:"cost_unshifted"`
	SolveSeconds  float64       `json:"solve_seconds"`
	Shortfalls    []string      `json:"shortfalls"`
	Slots         []apiSlot     `json:"slots"`
	Loads         []apiPlanLoad `json:"loads"`
}

type apiSlot struct {
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
	Price   string    `json:"price"`
	LowW    float64   `json:"low_w"`
	MidW    float64   `json:"mid_w"`
	HighW   float64   `json:"high_w"`
	LimitW  *float64  `json:"limit_w,omitempty"`
}

type apiPlanLoad struct {
	ID string    `json:"id"`
	W  []float64 `json:"w"`
}

type apiLoad struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	State         LoadState  `json:"state"`
	W             float64    `json:"w"`
	Rated         bool       `json:"rated"` // w is not measured
	Why           string     `json:"why"`
	NextStart     *time.Time `json:"next_start"`
	NextEnd       *time.Time `json:"next_end"`
	DeliveredKWh  float64    `json:"delivered_kwh"`
	WantedKWh     *float64   `json:"wanted_kwh"`
	Deadline      *time.Time `json:"deadline"`
	Cost          string     `json:"cost"`
	RunKWh        *float64   `json:"run_kwh"`   // that one run uses
	RunHours      *float64   `json:"run_hours"` // of credit, that one run costs
	Override      Override   `json:"override"`
	OverrideUntil *time.Time `json:"override_until"`
	CanRun        bool       `json:"can_run"`
	CanSkip       bool       `json:"can_skip"`
}

type apiGate struct {
	Digits      []int      `json:"digits"`
	TriesLeft   int        `json:"tries_left"`
	LockedUntil *time.Time `json:"locked_until"`
	Closed      string     `json:"closed,omitempty"`
	Keypad      string     `json:"keypad,omitempty"` // what the keypad at the meter shows
}

type apiWarning struct {
	Code     string     `json:"code"`
	Severity Severity   `json:"severity"`
	Since    *time.Time `json:"since"`
	Title    string     `json:"title"`
	Cause    string     `json:"cause"`
	Remedy   string     `json:"remedy"`
	Seen     bool       `json:"seen"`
}

type apiSystem struct {
	Version   string     `json:"version"`
	Started   *time.Time `json:"started"`
	Meter     *apiLink   `json:"meter"`
	Broker    *apiLink   `json:"broker"`
	Telemetry *apiLink   `json:"telemetry"`
	Parts     []*apiLink `json:"parts"`
	Outbox    apiOutbox  `json:"outbox"`
	LedgerSeq uint64     `json:"ledger_seq"`
	DiskFree  *int64     `json:"disk_free_bytes"`
}

type apiLink struct {
	Name      string     `json:"name"`
	Freshness Freshness  `json:"freshness"`
	LastAt    *time.Time `json:"last_at"`
	Detail    string     `json:"detail,omitempty"`
}

type apiOutbox struct {
	Rows        int64      `json:"rows"`
	Oldest      *time.Time `json:"oldest"`
	Dropped     int64      `json:"dropped"`
	Quarantined int64      `json:"quarantined"`
}

func newAPIView(c *present.Catalogue, v *View) apiView {
	a := apiView{
		Seq: v.Seq, At: at(v.At), Zone: "UTC", Site: v.Site, Unit: v.Unit.Code,
		Supply: newAPISupply(c, v),
		RunOut: apiRunOut{Known: v.RunOut.Known, Beyond: v.RunOut.Beyond, At: at(v.RunOut.At), Early: at(v.RunOut.Early), Late: at(v.RunOut.Late), Reach: at(v.RunOut.Reach)},
		Power:  newAPIPower(v.Power),
		Meter:  newAPIRegisters(v.Meter),
		TopUp:  apiGate{append([]int{}, v.TopUp.Digits...), v.TopUp.TriesLeft, at(v.TopUp.LockedUntil), v.TopUp.Closed, v.TopUp.Keypad},
		Loads:  make([]apiLoad, len(v.Loads)), Warnings: make([]apiWarning, len(v.Warnings)),
	}
	if v.Zone != nil {
		a.Zone = v.Zone.String()
	}
	if v.Unit.Energy {
		a.Unit = "kWh"
	}
	b, e := v.Credit, v.Credit.Emergency
	a.Credit = apiCredit{
		Balance: money(b.Balance), Debt: money(b.Debt), SpentToday: money(b.SpentToday), TodayKWh: b.EnergyToday.KWh(),
		PerKWh:    positive(b.PerKWh.Hours()),
		Emergency: apiEmergency{e.State, money(e.Amount), money(e.Left), money(e.Owed), money(e.Threshold)},
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
		h := runOutHours(v)
		a.RunOut.Hours = &h
	}
	a.Tariff = newAPITariff(v.Tariff)
	a.Plan = newAPIPlan(v.Plan)
	for i, l := range v.Loads {
		a.Loads[i] = apiLoad{
			l.ID, l.Name, l.State, l.Power.W(), l.Rated, l.Why, at(l.NextStart), at(l.NextEnd), l.Delivered.KWh(), positive(l.Wanted.KWh()),
			at(l.Deadline), money(l.Cost), positive(l.RunEnergy.KWh()), positive(l.RunSooner.Hours()), l.Override, at(l.OverrideUntil), l.CanRun, l.CanSkip,
		}
	}
	for i, w := range v.Warnings {
		a.Warnings[i] = apiWarning{w.Code, w.Severity, at(w.Since), w.Title, w.Cause, w.Remedy, w.Seen}
	}
	y := v.System
	a.System = apiSystem{
		Version: y.Version, Started: at(y.Started), Meter: newAPILink(y.Meter), Broker: newAPILink(y.Broker), Telemetry: newAPILink(y.Telemetry),
		Parts: []*apiLink{}, Outbox: apiOutbox{y.Outbox.Rows, at(y.Outbox.Oldest), y.Outbox.Dropped, y.Outbox.Quarantined}, LedgerSeq: y.LedgerSeq,
	}
	for _, p := range y.Parts {
		a.System.Parts = append(a.System.Parts, newAPILink(p))
	}
	if y.DiskFree >= 0 {
		a.System.DiskFree = &y.DiskFree
	}
	return a
}

func newAPISupply(c *present.Catalogue, v *View) apiSupply {
	s := v.Supply
	a := apiSupply{
		State: s.State, Held: s.Held, Cause: s.Cause, Since: at(s.Since), Says: present.Phrases{Format: formatFor(c, v)}.Supply(s).Says(),
		CutAt: at(s.CutAt), RetryAt: at(s.RetryAt),
	}
	if s.Spent && !s.Pay.Beyond {
		text := money(s.Pay.Amount)
		a.Pay = &text
	}
	return a
}

func newAPITariff(t Tariff) apiTariff {
	a := apiTariff{
		Name: t.Name, Period: t.Period, NextAt: at(t.NextAt), NextPrice: t.NextPrice.String(), NextPeriod: t.NextPeriod,
		FixedPerDay: money(t.FixedPerDay), FixedMonth: money(t.FixedPerMonth), Version: t.Version, PushedUntil: at(t.PushedUntil), Stale: t.Stale, Note: t.Note,
	}
	if t.Known {
		p := t.Price.String()
		a.Price = &p
	}
	if b := t.Block; b != nil {
		a.Block = &apiBlock{b.Number, b.Used.KWh(), positive(b.UpTo.KWh()), b.NextPrice.String(), at(b.ResetAt)}
	}
	return a
}

func newAPIPlan(p Plan) apiPlan {
	a := apiPlan{
		MadeAt: at(p.MadeAt), Cost: money(p.Cost), CostUnshifted: money(p.CostUnshifted), SolveSeconds: p.SolveTime.Seconds(),
		Shortfalls: append([]string{}, p.Shortfalls...), Slots: make([]apiSlot, len(p.Slots)), Loads: make([]apiPlanLoad, len(p.Loads)),
	}
	for i, s := range p.Slots {
		a.Slots[i] = apiSlot{s.Slot.Start.UTC(), s.Slot.Len.Seconds(), s.Price.String(), s.Low.W(), s.Mid.W(), s.High.W(), positive(s.Limit.W())}
	}
	for i, l := range p.Loads {
		a.Loads[i] = apiPlanLoad{l.ID, make([]float64, len(l.Power))}
		for j, w := range l.Power {
			a.Loads[i].W[j] = w.W()
		}
	}
	return a
}

// newAPILink is nil where the link is not configured.
func newAPILink(l Link) *apiLink {
	if l.Name == "" {
		return nil
	}
	return &apiLink{withoutSecret(l.Name), l.Freshness, at(l.LastAt), l.Detail}
}

func positive(v float64) *float64 {
	if v <= 0 {
		return nil
	}
	return &v
}

// runOutHours is the median time left, not under zero.
func runOutHours(v *View) float64 { return math.Max(0, v.RunOut.At.Sub(v.At).Hours()) }
