package optimizer

const (
	replanShare = 0.24
	replanGain  = 0.02
	replanGap   = 0.0003
	markAt      = 0.5
	diveGain    = 0.001
	lastGapMuch = 1.03
	lastGapMore = 0.003

	nothingUntil     = 0.4
	replanUntil      = 0.3
	resumeUntil      = 0.5
	resumeUntilAgain = 0.6
	firstSteps       = 25
	firstHot         = 0.001
	resumeHot        = 0.0005
	resumeHotter     = 0.002
	reviveSteps      = 4
	reviveShare      = 50

	smoothing  = 0.6
	rootGap    = 0.2
	rootRounds = 400
	proveAt    = 0.5

	crossEvery       = 3
	diveLeast        = 2
	diveMore         = 3
	cycleSteps       = 50
	cycleLonger      = 5
	cycleHot         = 0.004
	hardLast         = 0.2
	patience         = 10
	diveFails        = 20
	diveHope         = 1e-6
	boundRounds      = 5
	boundRoundsAgain = 12

	nudgeHot        = 0.0015
	nudgeCool       = 0.2
	nudgeLeast      = 33
	nudgeLeastAgain = 12

	drawCount      = 12
	drawCountAgain = 3
	halfWild       = 0.5
	roundSteps     = 2
	roundSweeps    = 6

	creditPrice = 0.1
	desperate   = 1e6
	impossible  = 1000
	leastPrice  = 1e-3
	riskTail    = 0.1

	sure       = 1 - 1e-6
	weightless = 1e-9
	leastShed  = 1e-7
	priceTol   = 1e-7
	same       = 1e-9
	costless   = 1e-9
	begun      = 1e-6
)

func dearness() []float64 {
	return []float64{0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 51.2, 204.8, 1e4, desperate}
}
