package optimizer

import (
	"io"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// Problem and the others: the model stands in a package of its own, below the parts of the search that read it;
// its fields, units and documents are told there.  These are its names for the outside.
type (
	Problem      = model.Problem      // everything one plan depends on
	FixedCharge  = model.FixedCharge  // money charged whatever is consumed
	Block        = model.Block        // a billing period with prices that rise with the energy
	Step         = model.Step         // one step of a Block
	DemandWindow = model.DemandWindow // a charge for the highest mean import
	Credit       = model.Credit       // a prepaid balance
	TopUp        = model.TopUp        // money that is expected to arrive
	Scenario     = model.Scenario     // one way consumption and sun may turn out
	Circuit      = model.Circuit      // a breaker shared by some loads
	Battery      = model.Battery      // a store behind the meter
	Load         = model.Load         // one deferrable load: one of the four below
	Deadline     = model.Deadline     // a soft one
	Cycle        = model.Cycle        // a fixed profile run once without a break
	OnOff        = model.OnOff        // a power or nothing, for a number of slots
	Variable     = model.Variable     // a free power and an energy to reach
	Thermal      = model.Thermal      // a store to be kept warm, or cold
	Switching    = model.Switching    // what a switch must respect
	Series       = model.Series       // a value per slot, or one for all
	OnBit        = model.OnBit        // a bool written 0 or 1

	Plan          = model.Plan          // what runs when, what it costs and why
	LoadPlan      = model.LoadPlan      // the part that concerns one load
	Cost          = model.Cost          // money by component
	Shortfall     = model.Shortfall     // one thing the plan does without
	ShortfallKind = model.ShortfallKind // a kind of these
	Stop          = model.Stop          // what ended a search
	Reason        = model.Reason        // why a load runs when it does
	Risk          = model.Risk          // what the scenarios say
	Violation     = model.Violation     // one rule that a plan breaks
)

// The formats of the two documents, and the share of scenarios in which the credit may
// run out where Credit.ChanceLimit is not set.
const (
	InstanceFormat     = model.InstanceFormat
	PlanFormat         = model.PlanFormat
	DefaultChanceLimit = model.DefaultChanceLimit
)

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

// WriteInstance writes a Problem as the document ReadInstance reads.
func WriteInstance(w io.Writer, p *Problem) error { return model.WriteInstance(w, p) }

// ReadPlan reads a plan's JSON document, e.g. the plan in force.
func ReadPlan(r io.Reader) (*Plan, error) { return model.ReadPlan(r) }

// WritePlan writes a plan's JSON document.
func WritePlan(w io.Writer, plan *Plan) error { return model.WritePlan(w, plan) }
