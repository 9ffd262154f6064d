package bound

// The numbers of this room; how they were measured is told in the tuning.go of optimizer.

// How the mixtures are blended and the prices moved.  rho is what the square of a
// disagreement costs.
const (
	// climbEffort: effort of the pricers' bounds: the fineness of a heater's grid.  4:
	// +0.038 (0.032), gap +0.098 (0.061); 16: -0.024 (0.019), gap -0.035 (0.037).
	climbEffort = 8
	// mixSweeps: rounds of blending before prices are tried.  10: +0.003 (0.039), gap
	// +0.001 (0.044); 40: -0.011 (0.010), gap -0.001 (0.028).
	mixSweeps = 20
	// mixRho: the first rho, as a share of the mean price of a kW through a slot.  0.05:
	// -0.010 (0.010), gap +0.023 (0.029); 0.2: +0.034 (0.032), gap +0.024 (0.039).
	mixRho = 0.1
	// muScale: rho of the rows of blocks and credit, as a share of rho: their prices move
	// many slots at once.  5e-5: -0.002 (0.002), gap +0.015 (0.020); 2e-4: -0.002 (0.003),
	// gap -0.003 (0.016).
	muScale = 1e-4
	// needScale: and of those of needs.  0.015: +0.000 (0.000), gap +0.000 (0.000); 0.06:
	// -0.001 (0.001), gap -0.001 (0.001).
	needScale = 0.03
	// serious: share of the hope that a value must fulfil for its prices to become the
	// centre (a serious step of a bundle method).  0.05: +0.014 (0.037), gap -0.004
	// (0.039); 0.2: +0.006 (0.010), gap +0.031 (0.022).
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
	// 1e-5: +0.000 (0.000), gap -0.000 (0.000); 4e-5: +0.002 (0.002), gap +0.004 (0.003).
	hopeless = 2e-5
	// blendGain: share of the bound that a round of blending gains at its end.
	blendGain = 1e-9
)

// What is kept.
const (
	// mostUnits: loads at most: with more, the slots' choices are too many to blend in
	// time.  Not measured.
	mostUnits = 16
	// mostSums: sums of powers that a slot keeps apart.  So that no instance makes a slot
	// slow (c461297); what is lost by it was not measured.
	mostSums = 1000
	// mostVars: variable loads of which a slot tries all combinations of on and off.  1:
	// +0.000 (0.000), gap +0.000 (0.000); 6: +0.000 (0.000), gap +0.000 (0.000).
	mostVars = 3
	// mostSchedules: schedules in a load's mixture.  40: +0.001 (0.001), gap +0.001
	// (0.001); 160: +0.000 (0.000), gap +0.000 (0.000).
	mostSchedules = 80
	// mostChoices: choices in a slot's.  15: +0.007 (0.007), gap +0.019 (0.019); 60: -0.000
	// (0.003), gap -0.000 (0.003).
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
