package model

// Plan is what Solve answers: what runs when, what it costs and why.  It
// round-trips through JSON.
type Plan struct {
	Format   string `json:"format"`
	Instance string `json:"instance"` // the Problem's name

	Loads     map[string]LoadPlan `json:"loads"`
	BatteryKW []float64           `json:"battery_kw"` // at the AC side, + charging, - discharging; nil without a battery
	PVUsedKW  []float64           `json:"pv_used_kw"`
	ShedKW    []float64           `json:"shed_kw"` // base consumption that cannot be served

	// Cost is what the plan minimises: the money of Parts, expected over the
	// scenarios where there are any.  LowerBound is proven: no plan that obeys
	// every rule of the Problem costs less.  Gap is (Cost-LowerBound)/|Cost|.
	Cost       float64 `json:"cost"`
	LowerBound float64 `json:"lower_bound"`
	Gap        float64 `json:"gap"`
	Parts      Cost    `json:"parts"`

	ImportKW []float64 `json:"import_kw"`         // - for export
	Balance  []float64 `json:"balance,omitempty"` // credit after each slot

	// CreditPrice is what one more unit of credit would save, by slot: above 0
	// where the credit holds loads back.  A re-plan starts from it.
	CreditPrice []float64 `json:"credit_price,omitempty"`

	Shortfalls []Shortfall `json:"shortfalls,omitempty"` // what could not be had, the dearest first
	Risk       *Risk       `json:"risk,omitempty"`       // with scenarios only

	// Kept says that the previous plan stays in force because no other was
	// better by more than Options.Margin.
	Kept bool `json:"kept,omitempty"`
	// Stopped says what ended the search.
	Stopped Stop `json:"stopped,omitempty"`
	// Work is the number of units of work the search took; see
	// Options.WorkLimit.
	Work int64 `json:"work,omitempty"`
	// WallMS is for the caller to fill in: the package reads no clock.
	WallMS float64 `json:"wall_ms,omitempty"`
}

// Stop is what ended a search.
type Stop string

// The ends of a search.
const (
	StopGap       Stop = "gap"       // the plan is proven to be within Options.Gap
	StopWork      Stop = "work"      // Options.WorkLimit is used up
	StopTime      Stop = "time"      // Options.TimeLimit is used up
	StopCancelled Stop = "cancelled" // the context ended
	StopSettled   Stop = "settled"   // a re-plan found little to change and ends early
	StopExhausted Stop = "exhausted" // the search found nothing more to try
)

// LoadPlan is the part of a plan that concerns one load.
type LoadPlan struct {
	KW []float64 `json:"kw"`
	// Reason is nil for a load that does not run and could not be wanted.
	Reason *Reason `json:"reason,omitempty"`
}

// Cost is money by component; the parts add up to the whole.
type Cost struct {
	Energy  float64 `json:"energy"` // import at the import price
	Export  float64 `json:"export"` // <= 0
	Blocks  float64 `json:"blocks"`
	Demand  float64 `json:"demand"`
	Fixed   float64 `json:"fixed"`
	Wear    float64 `json:"wear"`
	Starts  float64 `json:"starts"`
	Skip    float64 `json:"skip"`    // cycles left out
	Short   float64 `json:"short"`   // slots or energy missing
	Late    float64 `json:"late"`    // soft deadlines missed
	Comfort float64 `json:"comfort"` // too cold, by the K*slot
	End     float64 `json:"end"`     // too cold at the end
	Shed    float64 `json:"shed"`
}

// Total adds up the parts.
func (c Cost) Total() float64 {
	return c.Energy + c.Export + c.Blocks + c.Demand + c.Fixed + c.Wear + c.Starts + c.Skip + c.Short + c.Late + c.Comfort + c.End + c.Shed
}

// Shortfall is one thing the plan does without.
type Shortfall struct {
	Kind   ShortfallKind `json:"kind"`
	Load   string        `json:"load,omitempty"`
	Slot   int           `json:"slot"`             // the first slot concerned
	Amount float64       `json:"amount"`           // in Unit
	Unit   string        `json:"unit"`             // "runs", "slots", "kWh", "K*slot", "K", "kW" or "money"
	Cost   float64       `json:"cost"`             // what it adds to Plan.Cost; 0 for a rule that no plan could keep
	Reason string        `json:"reason,omitempty"` // in words
}

// ShortfallKind names a kind of shortfall.
type ShortfallKind string

// The kinds of shortfall.  Those from ShortCredit on break a hard rule of the
// Problem, which Solve does only where it found no plan that keeps it.
const (
	ShortSkip    ShortfallKind = "skipped"       // a cycle that does not run
	ShortEnergy  ShortfallKind = "short"         // a load that gets less than it needs
	ShortComfort ShortfallKind = "too cold"      // a temperature below its band
	ShortEnd     ShortfallKind = "too cold last" // a temperature below its target after the last slot
	ShortShed    ShortfallKind = "shed"          // base consumption above the site limit
	ShortCredit  ShortfallKind = "credit"        // the balance falls below its least
	ShortReserve ShortfallKind = "reserve"       // the balance ends below its reserve
	ShortLimit   ShortfallKind = "site limit"    // runs that cannot be stopped exceed the limit
	ShortBattery ShortfallKind = "battery"       // the charge cannot be kept within its bounds
	ShortHot     ShortfallKind = "too hot"       // a temperature above its limit
	ShortCircuit ShortfallKind = "circuit"       // a shared breaker is overloaded
	ShortExclude ShortfallKind = "exclusion"     // loads that exclude each other run together
)

// Hard tells whether the shortfall breaks a hard rule.
func (k ShortfallKind) Hard() bool {
	switch k {
	case ShortSkip, ShortEnergy, ShortComfort, ShortEnd, ShortShed:
		return false
	}
	return true
}

// Reason answers the householder's questions about one load.
type Reason struct {
	// Start is the first slot of the load's first run, -1 where it does not
	// run.
	Start int `json:"start"`
	// Text is the answer in words: why now and why not earlier.
	Text string `json:"text"`
	// Cost is what running the load adds to the site's bill as planned, and
	// NowCost what it would add if it ran in the first slots that it can.
	Cost    float64 `json:"cost"`
	NowCost float64 `json:"now_cost"`
	// NowExtra is what running it now would cost on top, everything else of
	// the plan kept, and NowCreditHours by how many hours of mean consumption
	// it would shorten the credit.  NowPossible is false where a limit forbids
	// it; NowText says which.
	NowExtra       float64 `json:"now_extra"`
	NowCreditHours float64 `json:"now_credit_hours"`
	NowPossible    bool    `json:"now_possible"`
	NowText        string  `json:"now_text,omitempty"`
	// EarlierSlot is the best start before Start and EarlierExtra what it
	// would cost on top; -1 where there is none.
	EarlierSlot  int     `json:"earlier_slot"`
	EarlierExtra float64 `json:"earlier_extra"`
}

// Risk is what the scenarios say about a plan.
type Risk struct {
	// RunOut is the share of the scenarios in which the credit falls short.
	RunOut float64 `json:"run_out"`
	// Limit is the share that was allowed.
	Limit float64 `json:"limit"`
	// Protection is what the expected cost rises by to keep to the limit.
	Protection float64 `json:"protection"`
	// CostLow and CostHigh are the 10th and 90th percentile of the cost.
	CostLow  float64 `json:"cost_low"`
	CostHigh float64 `json:"cost_high"`
}
