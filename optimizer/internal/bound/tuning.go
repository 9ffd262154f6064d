package bound

const (
	climbEffort   = 8    // of the pricers' bounds
	mixSweeps     = 20   // rounds of blending before prices are tried
	mixRho        = 0.1  // the first rho, as a part of the mean price through a slot
	muScale       = 1e-4 // rho of the rows of blocks and credit, as a part of rho
	needScale     = 0.03 // and of those of needs
	serious       = 0.1
	veryGood      = 0.5
	bolder        = 1.5
	shyer         = 0.7
	manyNull      = 10
	hopeless      = 2e-5
	blendGain     = 1e-9
	mostSums      = 1000
	mostVars      = 3
	mostUnits     = 16
	mostSchedules = 80
	mostChoices   = 30
	longIdle      = 20
	Safety        = 1e-9
	leastMean     = 1e-6
	alike         = 1e-9
	level         = 1e-12
	weightless    = 1e-12
)
