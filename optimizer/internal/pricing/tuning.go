package pricing

// The numbers of this room; how they were measured is told in the tuning.go of optimizer.

// Variable loads.
const (
	// besideSteps: how often the range of the energy's price is halved beside other loads.
	// 5: -0.014 (0.013); 20: +0.000 (0.000).
	besideSteps = 10
	// meanSteps: the same at prices; the bound takes six more for each effort.  9: +0.000
	// (0.000), gap +0.069 (0.069); 36: +0.000 (0.000), gap -0.000 (0.000).
	meanSteps = 18
	// lookAgain: share of the cost that the bound must leave open for the dear looks at
	// more runs.  Looking always cost more time than it found (e5708ef).  0.025: +0.000
	// (0.000); 0.1: +0.000 (0.000).
	lookAgain = 0.05
	// climbSlots: slots by which runs are grown and shrunk.  Without it the best use of a
	// need was missed by half its cost, once in ten thousand draws of a property (adac0fc).
	// 2: +0.000 (0.000); 8: +0.000 (0.000).
	climbSlots = 4
)

// Grids of warmth: for finding schedules a cell is an eighth of what a slot of heat adds,
// for bounds finer; neither is coarser than a share of the span, nor so fine that the
// memory is not worth it.
const (
	// nearHeat: cells that a slot on adds.  4: +0.035 (0.036); 16: -0.008 (0.029).
	nearHeat = 8
	// nearPoints: cells of the span at least.  80: +0.071 (0.063); 320: +0.005 (0.028).
	nearPoints = 160
	// nearPointsRuns: where the switch has least runs, and the limit must be seen sharply.
	// The limit must be seen sharply there (7a17736); how much finer was not measured.
	nearPointsRuns = 400
	// nearMost: cells of the span at most.  Not measured.
	nearMost = 600
	// fineHeat: cells that a slot on adds, for each effort, for bounds.  16: +0.038
	// (0.032), gap +0.116 (0.061); 64: -0.024 (0.019), gap -0.064 (0.031).
	fineHeat = 32
	// finePoints: cells of the span at least, for bounds.  Not measured.
	finePoints = 300
	// fineKept: values at most where the powers are followed.  Not measured.
	fineKept = 1.2e6
	// fineValues: where they are not.  Not measured.
	fineValues = 8e6
	// leastCell: K of a cell at least.
	leastCell = 1e-6
	// leastHeat: K of a slot of heat at least.
	leastHeat = 1e-3
)

// What cannot be had, and what is lost in rounding.
const (
	// Forbidden: money: the cost of what cannot be had, beside other loads.
	Forbidden = 1e7
	// noWay: money: the cost of what a limit forbids.
	noWay = 1e9
	// tooHot: money a K above a limit, where a grid must tell how far.
	tooHot = 1e6
	// Rounding: kW, kWh and slots that are none; the share of a cost by which two schedules
	// differ that are one.
	Rounding = 1e-9
	// hotTol: K above a limit that are none.
	hotTol = 1e-7
)
