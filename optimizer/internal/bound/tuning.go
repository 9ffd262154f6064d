package bound

// mostSums is the number of sums of powers that a slot keeps apart.
const mostSums = 1000

// mostVars is the number of variable loads of which a slot tries all
// combinations of on and off.
const mostVars = 3

const mostUnits = 16
const blendGain = 1e-9

// Of the mixer.
const (
	ClimbEffort = 8    // of the pricers' bounds
	mixSweeps   = 20   // rounds of blending before prices are tried
	mixRho      = 0.1  // the first rho, as a part of the mean price through a slot
	muScale     = 1e-4 // rho of the rows of blocks and credit, as a part of rho
	needScale   = 0.03 // and of those of needs
)
