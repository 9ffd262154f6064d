package optimizer

import (
	"io"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// The model stands in a package of its own, below the parts of the search that read it;
// its fields, units and documents are told there.  These are its names for the outside.

type (
	// Problem is everything one plan depends on.
	Problem = model.Problem
	// FixedCharge is money charged whatever is consumed.
	FixedCharge = model.FixedCharge
	// Block is a billing period with prices that rise with the energy.
	Block = model.Block
	// Step is one step of a Block.
	Step = model.Step
	// DemandWindow is a charge for the highest mean import.
	DemandWindow = model.DemandWindow
	// Credit is a prepaid balance.
	Credit = model.Credit
	// TopUp is money that is expected to arrive.
	TopUp = model.TopUp
	// Scenario is one way consumption and sun may turn out.
	Scenario = model.Scenario
	// Circuit is a breaker shared by some loads.
	Circuit = model.Circuit
	// Battery is a store behind the meter.
	Battery = model.Battery
	// Load is one deferrable load: one of the four below.
	Load = model.Load
	// Deadline is a soft one.
	Deadline = model.Deadline
	// Cycle is a fixed profile run once without a break.
	Cycle = model.Cycle
	// OnOff is a power or nothing, for a number of slots.
	OnOff = model.OnOff
	// Variable is a free power and an energy to reach.
	Variable = model.Variable
	// Thermal is a store to be kept warm, or cold.
	Thermal = model.Thermal
	// Switching is what a switch must respect.
	Switching = model.Switching
	// Series is a value per slot, or one for all.
	Series = model.Series
	// OnBit is a bool written 0 or 1.
	OnBit = model.OnBit

	// Plan is what runs when, what it costs and why.
	Plan = model.Plan
	// LoadPlan is the part that concerns one load.
	LoadPlan = model.LoadPlan
	// Cost is money by component.
	Cost = model.Cost
	// Shortfall is one thing the plan does without.
	Shortfall = model.Shortfall
	// ShortfallKind is a kind of these.
	ShortfallKind = model.ShortfallKind
	// Stop is what ended a search.
	Stop = model.Stop
	// Reason is why a load runs when it does.
	Reason = model.Reason
	// Risk is what the scenarios say.
	Risk = model.Risk
	// Violation is one rule that a plan breaks.
	Violation = model.Violation
)

// PlanFormat names the document of a plan.
const PlanFormat = model.PlanFormat

// The ends of a search, as told by Plan.Stopped.
const (
	StopGap       = model.StopGap       // the plan is proven to be within Options.Gap
	StopWork      = model.StopWork      // Options.WorkLimit is used up
	StopTime      = model.StopTime      // Options.TimeLimit is used up
	StopCancelled = model.StopCancelled // the context ended
	StopSettled   = model.StopSettled   // a re-plan found little to change and ends early
	StopExhausted = model.StopExhausted // the search found nothing more to try
)

// The kinds of shortfall.  Those from ShortCredit on break a hard rule of the
// Problem, which Solve does only where it found no plan that keeps it.
const (
	ShortSkip    = model.ShortSkip    // a cycle that does not run
	ShortEnergy  = model.ShortEnergy  // a load that gets less than it needs
	ShortComfort = model.ShortComfort // a temperature below its band
	ShortEnd     = model.ShortEnd     // a temperature below its target after the last slot
	ShortShed    = model.ShortShed    // base consumption above the site limit
	ShortCredit  = model.ShortCredit  // the balance falls below its least
	ShortReserve = model.ShortReserve // the balance ends below its reserve
	ShortLimit   = model.ShortLimit   // runs that cannot be stopped exceed the limit
	ShortBattery = model.ShortBattery // the charge cannot be kept within its bounds
	ShortHot     = model.ShortHot     // a temperature above its limit
	ShortCircuit = model.ShortCircuit // a shared breaker is overloaded
	ShortExclude = model.ShortExclude // loads that exclude each other run together
)

// Kinds of violation that are no shortfall: a plan of Solve never has them.
const (
	BadForm      = model.BadForm      // wrong lengths, missing loads, numbers that are not finite
	BadPower     = model.BadPower     // a power the load cannot draw
	BadWindow    = model.BadWindow    // power outside the load's window
	BadSwitching = model.BadSwitching // a run or break too short, a start too many, a hold broken
	BadCost      = model.BadCost      // the cost claimed is not the cost
	BadBound     = model.BadBound     // the bound claimed is above the cost
)

// Check evaluates a plan from its raw powers, on its own, and returns every rule
// broken, none for a plan that is in order; it compares the cost claimed with the true
// one.  How it reckons is the search's measure too, and the only code they share.
func Check(p *Problem, plan *Plan) []Violation { return model.Check(p, plan) }

// RunOut is the share of the Problem's scenarios, by weight, in which the credit
// falls short under the plan: 0 without credit or scenarios, or for a plan of
// another form.
func RunOut(p *Problem, plan *Plan) float64 { return model.RunOut(p, plan) }

// ReadInstance reads a Problem from its JSON document and checks it.  The
// error is a fault.List where the document was read and does not make sense.
func ReadInstance(r io.Reader) (Problem, error) { return model.ReadInstance(r) }

// ReadPlan reads a plan's JSON document, e.g. the plan in force.
func ReadPlan(r io.Reader) (*Plan, error) { return model.ReadPlan(r) }

// WritePlan writes a plan's JSON document.
func WritePlan(w io.Writer, plan *Plan) error { return model.WritePlan(w, plan) }
