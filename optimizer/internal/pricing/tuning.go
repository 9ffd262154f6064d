package pricing

const (
	besideSteps    = 10
	meanSteps      = 18
	lookAgain      = 0.05
	climbSlots     = 4
	nearPoints     = 160
	nearPointsRuns = 400
	nearHeat       = 8
	nearMost       = 600
	finePoints     = 300
	fineHeat       = 32
	fineKept       = 1.2e6
	fineValues     = 8e6
	leastCell      = 1e-6
	leastHeat      = 1e-3
	Forbidden      = 1e7
	noWay          = 1e9
	tooHot         = 1e6
	Rounding       = 1e-9
	hotTol         = 1e-7
)
