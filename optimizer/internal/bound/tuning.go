package bound

// The numbers of this room; how they were measured is told in the tuning.go of optimizer.

// How the mixtures are blended and the prices moved.  rho is what the square of a
// disagreement costs.
const (
	// climbEffort: effort of the pricers' bounds: the fineness of a heater's grid.  Not
	// measured.
	climbEffort = 8
	// mixSweeps: rounds of blending before prices are tried.  Not measured.
	mixSweeps = 20
	// mixRho: the first rho, as a share of the mean price of a kW through a slot.  Not
	// measured.
	mixRho = 0.1
	// muScale: rho of the rows of blocks and credit, as a share of rho: their prices move
	// many slots at once.  Not measured.
	muScale = 1e-4
	// needScale: and of those of needs.  Not measured.
	needScale = 0.03
	// serious: share of the hope that a value must fulfil for its prices to become the
	// centre (a serious step of a bundle method).  Not measured.
	serious = 0.1
	// veryGood: share of it from which rho grows.  Not measured.
	veryGood = 0.5
	// bolder: times as large.  Not measured.
	bolder = 1.5
	// shyer: times as large it becomes where a value disappoints.  Not measured.
	shyer = 0.7
	// manyNull: as it does after each so many steps in vain.  Not measured.
	manyNull = 10
	// hopeless: share of the bound that may still be hoped for at the end of the climb.
	// Not measured.
	hopeless = 2e-5
	// blendGain: share of the bound that a round of blending gains at its end.
	blendGain = 1e-9
)

// What is kept.
const (
	// mostUnits: loads at most: with more, the slots' choices are too many to blend in
	// time.  Not measured: problems of more loads are not tried.
	mostUnits = 16
	// mostSums: sums of powers that a slot keeps apart.  So that no instance makes a slot
	// slow (c461297); what is lost by it was not measured.
	mostSums = 1000
	// mostVars: variable loads of which a slot tries all combinations of on and off.  Not
	// measured.
	mostVars = 3
	// mostSchedules: schedules in a load's mixture.  Not measured.
	mostSchedules = 80
	// mostChoices: choices in a slot's.  Not measured.
	mostChoices = 30
	// longIdle: rounds without weight after which a choice is not remembered.  Not
	// measured.
	longIdle = 20
)

// What is lost in rounding.
const (
	// Safety: share of a proven value that is given up for rounding errors.
	Safety = 1e-9
	// leastMean: money: the mean price is taken to be this at least.
	leastMean = 1e-6
	// alike: kW by which two choices differ that are one.
	alike = 1e-9
	// level: money by which two choices differ that cost the same.
	level = 1e-12
	// weightless: weight of a choice that has none.
	weightless = 1e-12
)
