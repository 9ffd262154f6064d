package local

const (
	batteryEvery  = 3
	blurEvery     = 2
	tiltFifths    = 2
	tiltShort     = 4
	tiltLong      = 6
	takeMost      = 4
	takeMoreEvery = 8
	takeMore      = 3
	wantingEvery  = 5
	rivalFifths   = 2
	byMeanEvery   = 2
	blur          = 0.1
	tiltLeast     = 0.4
	tiltMost      = 1.6
	peakCut       = 0.03
	blurMu        = 0.1
	fitWide       = 0.15
	fitTries      = 4
	fitStep       = 1.5
	fitStepMin    = 0.01
	muFollows     = 0.1
	spareLittle   = 0.002
	spareFits     = 1e-3
	settleStep    = 1.01
	softPrice     = 2
	softPriceMore = 0.05
	hardLast      = 0.2
	nudgeSettle   = 1.001
	nudgeTol      = 1e-10
	leastPour     = 1e-6
	freeStep      = 1.04
	freeMost      = 2
	creditFits    = 1e-4
	creditTol     = 1e-7
	priceless     = 1e-6
	dearest       = 1000
	nothing       = 1e-9
	worthSaying   = 5e-5
	EliteCount    = 12
	ReviveCount   = 6
)
