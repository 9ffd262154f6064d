package master

// The numbers of this room; how they were measured is told in the tuning.go of optimizer.

// Columns, and what is lost in rounding.
const (
	// banned: price of a pattern that a load is not held to, as a multiple of what must not
	// be.  Not measured.
	banned = 10
	// thinnest: kW of a segment that is left out.
	thinnest = 1e-9
	// endless: kW, kWh or money that no variable without a bound is ever worth more than.
	endless = 1e4
	// rounding: money below nothing that a column without a bound may seem to earn.
	rounding = 1e-7
	// chargeTol: kWh by which a charge may be left to the power of the slots that follow.
	chargeTol = 1e-7
	// evenWeight: weight by which two patterns differ that are as heavy.
	evenWeight = 1e-12
)
