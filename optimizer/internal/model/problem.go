// Package model is what the optimizer is asked and what it answers: the Problem, the
// Plan, their documents, and the measure of a plan.  Evaluate costs a plan from its raw
// powers and lists the rules it breaks; the search has no other judge.
package model

import (
	"slices"
	"time"
)

// Problem is everything one plan depends on.  Every per-slot slice has N
// entries; nil stands for zeros (or, for SiteLimitKW, for no limit).
type Problem struct {
	Name        string    `json:"name"`
	Start       time.Time `json:"start,omitzero"` // start of slot 0, UTC; used for words only, never for arithmetic
	SlotMinutes float64   `json:"slot_min"`       // length of every slot, > 0
	N           int       `json:"n"`              // number of slots, >= 1

	BaseKW        []float64 `json:"base_kw"`         // consumption nobody can move, >= 0
	PVKW          []float64 `json:"pv_kw"`           // available solar power; any part of it may be left unused
	ImportPrice   []float64 `json:"import_price"`    // per kWh, >= 0
	ExportPrice   []float64 `json:"export_price"`    // per kWh, 0 <= export <= import
	SiteLimitKW   []float64 `json:"site_limit_kw"`   // hard limit on import, breaker and pushed limits already merged
	ExportLimitKW float64   `json:"export_limit_kw"` // hard limit on export
	ShedPenalty   float64   `json:"shed_penalty"`    // per kWh of base consumption that cannot be served

	FixedCharges []FixedCharge  `json:"fixed_charges"`
	Blocks       []Block        `json:"blocks"`
	Demand       []DemandWindow `json:"demand"`
	Credit       *Credit        `json:"credit"` // nil: paid after use
	Loads        []Load         `json:"loads"`
	Battery      *Battery       `json:"battery"`

	// Scenarios are other ways the base consumption and the sun may turn out.
	// Empty: BaseKW and PVKW are taken for certain.  Otherwise the plan
	// minimises the expected cost over them and BaseKW and PVKW are the
	// central forecast, by which the plan is shown.
	Scenarios []Scenario `json:"scenarios,omitempty"`

	// Exclusions are groups of load ids of which at most one may draw power
	// in a slot.
	Exclusions [][]string `json:"exclusions,omitempty"`
	// Circuits are groups of loads behind one breaker of their own.
	Circuits []Circuit `json:"circuits,omitempty"`
}

// Hours is the length of a slot in hours.
func (p *Problem) Hours() float64 { return p.SlotMinutes / 60 }

// SlotLength is the length of a slot.
func (p *Problem) SlotLength() time.Duration {
	return time.Duration(p.SlotMinutes * float64(time.Minute))
}

// FixedCharge is money charged at the start of a slot whatever is consumed.
type FixedCharge struct {
	Slot   int     `json:"slot"`
	Amount float64 `json:"amount"`
}

// Block is a billing period [From, To) with prices that rise with the energy
// imported so far.
type Block struct {
	From  int     `json:"from"`
	To    int     `json:"to"`
	MTD   float64 `json:"mtd_kwh"` // imported in this period before slot From, kWh
	Steps []Step  `json:"steps"`
}

// Step is one step of a Block: up to UpTo kWh of the period's import cost
// Adder per kWh on top of the import price.  Adders do not fall from one step
// to the next.
type Step struct {
	UpTo  *float64 `json:"upto_kwh"` // nil: no upper end
	Adder float64  `json:"adder"`
}

// DemandWindow charges for the highest mean import over the aligned groups of
// Interval slots that lie wholly inside Slots.
type DemandWindow struct {
	Name       string  `json:"name"`
	Slots      []int   `json:"slots"`
	Interval   int     `json:"interval_slots"`
	PricePerKW float64 `json:"price_per_kw"`
	FloorKW    float64 `json:"floor_kw"` // the peak already paid for; only what lies above it costs
	// Phase is how many slots of the first group lie before slot 0, and HeldKW what the
	// group holds besides what its slots from 0 on will: the sum of the mean imports of
	// those before, and what slot 0 has drawn above what is expected of it.
	Phase  int     `json:"phase_slots,omitempty"`
	HeldKW float64 `json:"held_kw,omitempty"`
}

// Group is an interval of a DemandWindow: its slots [From, To) of the horizon, and
// Slots in all; HeldKW is in it besides what they will hold.
type Group struct {
	From, To int
	Slots    float64
	HeldKW   float64
}

// Groups are the intervals of the window that end within n slots and whose slots are
// all of the window.
func (d *DemandWindow) Groups(n int) []Group {
	in := make([]bool, n)
	for _, t := range d.Slots {
		in[t] = true
	}
	var out []Group
	for from := -d.Phase; from+d.Interval <= n; from += d.Interval {
		g := Group{From: max(0, from), To: from + d.Interval, Slots: float64(d.Interval)}
		if from <= 0 {
			g.HeldKW = d.HeldKW
		}
		if !slices.Contains(in[g.From:g.To], false) {
			out = append(out, g)
		}
	}
	return out
}

// Credit is a prepaid balance.  The balance after slot t must not fall below
// MinBalance for t < UntilSlot, nor below EndReserve after the last slot.
type Credit struct {
	Balance    float64 `json:"balance"`
	TopUps     []TopUp `json:"topups"`
	MinBalance float64 `json:"min_balance"`
	UntilSlot  int     `json:"until_slot"`
	EndReserve float64 `json:"end_reserve"`
	// ChanceLimit is the greatest share of the scenarios, by weight, in which
	// the balance may fall short; 0 stands for DefaultChanceLimit.  It has no
	// meaning without scenarios.
	ChanceLimit float64 `json:"chance_limit,omitempty"`
}

// DefaultChanceLimit is the share of scenarios in which the credit may run out
// where Credit.ChanceLimit is not set.
const DefaultChanceLimit = 0.10

// TopUp is money that is expected to arrive at the start of a slot.
type TopUp struct {
	Slot   int     `json:"slot"`
	Amount float64 `json:"amount"`
}

// Scenario is one way consumption and sun may turn out.
type Scenario struct {
	Weight float64   `json:"weight"` // relative to the other scenarios, > 0
	BaseKW []float64 `json:"base_kw"`
	PVKW   []float64 `json:"pv_kw,omitempty"` // nil: as in the Problem
}

// Circuit is a breaker shared by some of the loads.
type Circuit struct {
	Name    string   `json:"name"`
	LimitKW float64  `json:"limit_kw"`
	Loads   []string `json:"loads"`
	// LimitsKW is the limit of each slot in LimitKW's place; nil: it is always the same.
	LimitsKW []float64 `json:"limits_kw,omitempty"`
}

// At is the circuit's limit in a slot.
func (c *Circuit) At(t int) float64 {
	if c.LimitsKW != nil {
		return c.LimitsKW[t]
	}
	return c.LimitKW
}

// Battery is a store behind the meter.  Its state of charge follows
// soc(t+1) = soc(t) + EffC*charge*h - discharge*h/EffD with powers at the AC
// side.
type Battery struct {
	CapKWh         float64 `json:"cap_kwh"`
	SoC0           float64 `json:"soc0"` // kWh
	SoCMin         float64 `json:"soc_min"`
	SoCMax         float64 `json:"soc_max"`
	MaxChargeKW    float64 `json:"max_charge_kw"`
	MaxDischargeKW float64 `json:"max_discharge_kw"`
	EffC           float64 `json:"eff_c"`
	EffD           float64 `json:"eff_d"`
	Wear           float64 `json:"wear"`    // per kWh discharged at the AC side
	SoCEnd         float64 `json:"soc_end"` // least charge after the last slot, kWh
}

// Inflow is what the battery's store gains by a power, in kW.
func (b *Battery) Inflow(kw float64) float64 {
	if kw >= 0 {
		return b.EffC * kw
	}
	return kw / b.EffD
}

// Load is one deferrable load: exactly one of Cycle, OnOff, Variable and
// Thermal is set.
type Load struct {
	ID string
	// Priority doubles the price of a shortfall of this load for each step up
	// from 0, so that the least important load goes short first.
	Priority int
	// PriceCap makes the load optional: it runs only for as long as the site
	// pays no more than this per kWh for it.  It takes the place of the
	// skip or short penalty.  0: no cap.
	PriceCap float64
	// Deadline, where set, is the slot by which the load would best be done.
	Deadline *Deadline
	// SlotCost, where set, is what power in each slot costs besides the energy, as where
	// the load had best not run there; for a cycle: what beginning there costs.
	SlotCost []float64

	Cycle    *Cycle
	OnOff    *OnOff
	Variable *Variable
	Thermal  *Thermal
}

// Deadline is a soft one: work done at or after slot Slot costs more with
// every slot it is late.
type Deadline struct {
	Slot        int     `json:"slot"`
	LatePenalty float64 `json:"late_penalty"` // for a cycle: per slot its end is late; otherwise per slot with power at or after Slot
}

// Cycle is a fixed power profile run once without a break inside [Earliest,
// LatestFinish), or not at all.
type Cycle struct {
	ProfileKW    []float64 `json:"profile_kw"`
	Earliest     int       `json:"earliest"`
	LatestFinish int       `json:"latest_finish"` // exclusive
	SkipPenalty  float64   `json:"skip_penalty"`
	// Running says that the cycle has begun: ProfileKW is what is left of it
	// and starts in slot 0, with no choice.
	Running bool `json:"running,omitempty"`
}

// OnOff draws KW or nothing and needs NeedSlots slots with power inside
// [From, To), and not in the stretches [a, b) of Shut.
type OnOff struct {
	KW           float64  `json:"kw"`
	NeedSlots    int      `json:"need_slots"`
	CarrySlots   int      `json:"carry_slots,omitempty"` // missed before, wanted on top of NeedSlots
	From         int      `json:"from"`
	To           int      `json:"to"`
	Shut         [][2]int `json:"shut,omitempty"` // as between two windows
	MaxStarts    int      `json:"max_starts"`
	StartCost    float64  `json:"start_cost"`
	ShortPenalty float64  `json:"short_penalty"` // per missing slot
	Switching
}

// IsShut tells whether a slot lies in a stretch in which the load may not run.
func (o *OnOff) IsShut(t int) bool {
	return slices.ContainsFunc(o.Shut, func(s [2]int) bool { return t >= s[0] && t < s[1] })
}

// Variable draws nothing or between MinKW and MaxKW and needs NeedKWh inside
// [From, To).
type Variable struct {
	MinKW        float64 `json:"min_kw"`
	MaxKW        float64 `json:"max_kw"`
	NeedKWh      float64 `json:"need_kwh"`
	CarryKWh     float64 `json:"carry_kwh,omitempty"` // missed before, wanted on top of NeedKWh
	From         int     `json:"from"`
	To           int     `json:"to"`
	MaxStarts    int     `json:"max_starts"`
	StartCost    float64 `json:"start_cost"`
	ShortPenalty float64 `json:"short_penalty"` // per missing kWh
	Switching
}

// Thermal warms (or, with temperatures counted downwards, cools) a store:
// T(t+1) = A*T(t) + (1-A)*TEnv(t) + B*kw(t) - Drop(t).
type Thermal struct {
	KW             float64   `json:"kw"`
	Modulating     bool      `json:"modulating"` // any power from 0 to KW, with no rules of switching
	A              float64   `json:"a"`
	B              float64   `json:"b"` // K for each kW drawn through one slot, > 0
	TEnv           Series    `json:"t_env"`
	Drop           []float64 `json:"drop"` // K lost to use, e.g. hot water drawn
	T0             float64   `json:"t0"`
	TMin           []float64 `json:"t_min"` // soft: each K*slot below costs ComfortPenalty
	TMax           float64   `json:"t_max"` // hard
	ComfortPenalty float64   `json:"comfort_penalty"`
	EndTarget      float64   `json:"end_target"` // soft: each K below it after the last slot costs EndPenalty
	EndPenalty     float64   `json:"end_penalty"`
	Switching
}

// Switching is what a switch must respect.  A run with power must be at least
// MinOn slots long and a break between two runs at least MinOff slots.  A run
// that began before slot 0 is not a start and may be shorter.
type Switching struct {
	MinOn  int   `json:"min_on"`
	MinOff int   `json:"min_off"`
	InitOn OnBit `json:"init_on"`
	// Hold is the number of slots for which the state before slot 0 has still
	// to be kept: what is left of MinOn after a recent start or of MinOff after
	// a recent stop.
	Hold int `json:"hold,omitempty"`
}

// Series is a value per slot, or one value for all of them.  In JSON it is an
// array or a number.
type Series []float64

// At is the value in slot t, 0 for an empty Series.
func (s Series) At(t int) float64 {
	switch {
	case len(s) == 1:
		return s[0]
	case t < len(s):
		return s[t]
	}
	return 0
}

// OnBit is a bool written 0 or 1 in JSON.
type OnBit bool
