package model

// The numbers of this room; how they were measured is told in the tuning.go of optimizer.

// Tolerances of Check, in the units of what they are compared with.  They are part of what
// a plan is: the format's own checker has the same.
const (
	// PowerTol: kW.
	PowerTol = 1e-5
	// energyTol: kWh.
	energyTol = 1e-5
	// MoneyTol: money, in the Problem's Unit.
	MoneyTol = 1e-5
	// kelvinTol: K.
	kelvinTol = 1e-4
	// OnFrom: kW from which a load counts as on.
	OnFrom = 1e-4
	// costRelTol: share of the cost that a plan may claim wrongly.
	costRelTol = 1e-6
	// tinyTol: kW of a negative power, or of sun and base beyond what there is.
	tinyTol = 1e-6
	// ShareTol: share of the scenarios.
	ShareTol = 1e-9
)
