package model

// Tolerances of Check, in the units of what they are compared with.
const (
	PowerTol   = 1e-5 // kW
	energyTol  = 1e-5 // kWh
	MoneyTol   = 1e-5
	kelvinTol  = 1e-4
	OnFrom     = 1e-4 // kW from which a load counts as on
	costRelTol = 1e-6
	tinyTol    = 1e-6
	ShareTol   = 1e-9
)
