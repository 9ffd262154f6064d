package optimizer

// The numbers of the search, each with what it is, its unit, and what it was measured to
// do: by how much plans become dearer, in % of their cost, with the number at another
// value, mostly half and twice; in brackets the standard error of that mean.  A gap is
// what is not proven, in % of the cost, and how it changes.  Twelve homes of 96 and 192
// slots with 60 million units of work each; re-plans after a slot with another forecast;
// five businesses with 40 million.  Twelve plans are few: what is within two errors is no
// difference that was seen, and none of the numbers was set anew by it.
//
// Those of the rooms stand in files of the same name there; docs/optimizer.md lists all.

// How much a re-plan does.  One that has a memory, or whose plan in force still keeps every
// hard rule, begins with a part of the limits; any other search is a whole one.
const (
	// replanShare: share of the limits that a re-plan begins with.  24 % of the time for
	// plans 0.020 % (0.019) dearer than those from nothing, 192 changes of the forecast on
	// twelve homes (26 Nov).  Re-plans: 0.12: +0.033 (0.031), work 0.50; 0.48: -0.055
	// (0.027), work 2.00.
	replanShare = 0.24
	// replanGain: share of the cost by which the second half of it must have made the plan
	// cheaper for it to get twice that.  With a rule that went on more often -012 took 27 %
	// of the time and ended no cheaper (26 Nov).
	replanGain = 0.02
	// replanGap: proven gap, a share of the cost, at which it ends at once: two searches
	// from nothing differ by more.  On homes proven within some 10 ms it went on for a
	// quarter of the limit before (8ae7568).
	replanGap = 0.0003
	// markAt: share of its part at which the cost is noted that the second half is held
	// against.  Not measured.
	markAt = 0.5
	// diveGain: share of the cost by which the plan of the dive was dearer than the best,
	// at most, where the next search had better dive first.  Milliseconds where it searched
	// in vain for a fifth of a second (ed76484).
	diveGain = 0.001
	// lastGapMuch: the bound is looked for only where the gap is more than so many times
	// the last search's.  Not measured.
	lastGapMuch = 1.03
	// lastGapMore: and so much, a share of the cost, more.  Not measured.
	lastGapMore = 0.003
)

// Up to which share of the limits the beginnings of a search go on.
const (
	// nothingUntil: the linear programme of a search from nothing.  0.2: +0.000 (0.000);
	// 0.8: +0.000 (0.000).
	nothingUntil = 0.4
	// replanUntil: the same in a re-plan, and the first annealing of one.  Not measured.
	replanUntil = 0.3
	// resumeUntil: annealing around the plan in force.  Not measured.
	resumeUntil = 0.5
	// resumeUntilAgain: the same in a re-plan; the rest is for the linear programme and its
	// bound.  Not measured.
	resumeUntilAgain = 0.6
)

// How those beginnings anneal: steps a load, and by how much dearer a state may be at
// first, as a share of the cost.
const (
	// firstSteps: steps a load around the first plan.  Not measured.
	firstSteps = 25
	// firstHot: around the greedy plan.  Not measured.
	firstHot = 0.001
	// resumeHot: around the plan in force, at first.  Not measured.
	resumeHot = 0.0005
	// resumeHotter: and then.  Not measured.
	resumeHotter = 0.002
	// reviveSteps: steps a load from each remembered elite, nothing dearer accepted.
	// Re-plans: 2: -0.002 (0.006).
	reviveSteps = 4
	// reviveShare: one part in so many of the whole work is nudged around each of them.
	// Not measured.
	reviveShare = 50
)

// The linear programme over all schedules.
const (
	// smoothing: weight of the best duals so far in those that loads are priced at (Wentges
	// 1997).  0.3: +0.027 (0.024); 0.9: -0.014 (0.024).
	smoothing = 0.6
	// rootGap: share of Options.Gap at which it is solved well enough.  Not measured.
	rootGap = 0.2
	// rootRounds: rounds at most.  Not measured.
	rootRounds = 400
	// proveAt: share of the limits after which a search that will be cut short proves a
	// first bound.  Not measured.
	proveAt = 0.5
	// rootEarly: where peaks are charged, share of the limits after which a first dive is made
	// from what there is of it.  Ten businesses in a tenth of a second and three of 200 loads in
	// one end 3.4 and 9.7 % above the best known; 0.02: 3.5 and 9.7 %; 0.1: 4.4 and 10.4 %;
	// without: over 15 and 76 %.
	rootEarly = 0.05
	// slowRows: the same where it has more rows than that, whatever is charged: the tighter
	// bound begins with what there is of it.  Of a fortnight of 1344 slots with ten loads the
	// whole programme took longer than the 10 s there were: plans cost up to 2.5 times as much,
	// and 64, 9 and 4 % were left unproven where 7, 1.9 and 1.8 % are.
	slowRows = 1000
	// slowBound: and goes on up to this share of the limits before anything else.  Not
	// measured.
	slowBound = 0.4
	// rootAgain: it is then gone on with up to this share, for the bound.  0.2 or 0.3 made no
	// difference that was seen.
	rootAgain = 0.3
	// diveAgain: and followed by another dive where the first was over by this share.  Ten
	// businesses in 2.5 s end 0.20 % above the best known with another, 0.36 % without.
	diveAgain = 0.15
)

// The cycles of the search.
const (
	// crossEvery: one cycle in so many begins between two elites.  Not measured.
	crossEvery = 3
	// cycleSteps: steps a load of the first cycle.  25: +0.018 (0.024); 100: +0.037
	// (0.037).
	cycleSteps = 50
	// cycleLonger: a cycle in vain makes the next so many times as long.  Not measured.
	cycleLonger = 1.25
	// cycleHot: by how much dearer a state may be at first, at most, as a share of the
	// cost.  0.002: +0.020 (0.026); 0.008: +0.071 (0.047).
	cycleHot = 0.004
	// patience: cycles in vain after which the search ends.  Not measured.
	patience = 10
	// diveLeast: loads that are freed and dived for together, at least.  Not measured.
	diveLeast = 2
	// diveMore: and up to so many, less one, more.  Not measured.
	diveMore = 3
	// divesFirst: such dives a load in vain after which annealing begins where circuits or
	// hours are shared.  Not measured.
	divesFirst = 1
	// diveHope: share of the cost that the linear programme must promise for a dive.  Not
	// measured.
	diveHope = 1e-6
	// boundRounds: rounds of the tighter bound at once.  Not measured.
	boundRounds = 5
	// boundRoundsAgain: rounds of it at the beginning of a re-plan.  30 to 100 take a cold
	// search to where it converges; a dozen from the memory prove about as much (25 Nov).
	// Re-plans: 6: -0.013 (0.015); 24: -0.020 (0.018).
	boundRoundsAgain = 12
)

// The peaks that are held.
const (
	// lowerUntil: share of the limits up to which the greedy plan is made again below peaks.
	// Not measured.
	lowerUntil = 0.3
	// aimKinds: one cycle in so many holds none, one any that may pay, the others some near
	// those that it begins with.  Not measured.
	aimKinds = 4
	// aimExactEvery: one in so many holds those themselves, or the least.  Not measured.
	aimExactEvery = 4
	// aimNear: how near, as a share of the range of peaks: one standard error.  Not
	// measured.
	aimNear = 0.2
	// aimNearer: or less, by up to so many powers of e.  Not measured.
	aimNearer = 3
	// aimLowEvery: one in so many may be below that of the mean of mixtures.  Not measured.
	aimLowEvery = 8
	// anewEvery: one of those cycles in so many begins with all loads put back anew.  Not
	// measured.
	anewEvery = 3
	// peakSteps: steps a load of such a cycle: many peaks had better be tried shortly.  Not
	// measured.
	peakSteps = 15
	// peakLonger: a cycle in vain makes the next so many times as long.  Not measured.
	peakLonger = 1.03
	// walkHot: beside a battery a cycle begins where the last one ended, by about this share of
	// the cost dearer at most.  Nineteen homes: 0.22 % above the best known, 0.24 % with 0.003 or
	// without.
	walkHot = 0.01
	// walkMost: where there are so many loads at most.  With forty, business-004 ended 1.84 %
	// above the reference where it ends 0.45 %.
	walkMost = 12
	// walkBack: and at the best plan again after so many in vain.  Not measured.
	walkBack = 12
)

// Nudging in a cycle.
const (
	// nudgeHot: by how much dearer a state may be at first, at most, as a share of the
	// cost.  0.00075: +0.001 (0.013); 0.003: +0.017 (0.014).
	nudgeHot = 0.0015
	// nudgeCool: and at least, as a share of that.  Not measured.
	nudgeCool = 0.2
	// nudgeLeast: one part in so many of the whole work at least: shorter nudging hardly
	// leaves where it begins.  Not measured.
	nudgeLeast = 33
	// nudgeLeastAgain: the same in a re-plan.  Not measured.
	nudgeLeastAgain = 12
)

// Plans drawn from the mixtures of the tighter bound.
const (
	// drawCount: plans drawn in a cycle.  Not measured.
	drawCount = 12
	// drawCountAgain: in a re-plan's.  Not measured.
	drawCountAgain = 3
	// halfWild: how much the order of the loads is left to chance in every second of them
	// (0: nothing, 1: as much as the weights).  Not measured.
	halfWild = 0.5
	// roundSteps: steps of the local search a load for each.  Not measured.
	roundSteps = 2
	// roundSweeps: rounds of blending after each load that is held.  Not measured.
	roundSweeps = 6
)

// Prices of what is scarce, or must not be, in the search's unit of money.
const (
	// creditPrice: price of credit, money for money, where whole schedules need more than
	// there is though mixtures do not.  Not measured.
	creditPrice = 0.1
	// desperate: dearness of imports at which the greedy plan sheds base consumption for
	// the credit.
	desperate = 1e6
	// impossible: price of what must not be, as a multiple of the dearest thing that may.
	// Not measured.
	impossible = 1000
	// leastPrice: money a kWh: the dearest thing is taken to cost this at least.
	leastPrice = 1e-3
	// riskTail: the share of scenarios beyond Risk.CostLow and CostHigh.  Told in Risk;
	// nothing depends on it.
	riskTail = 0.1
)

// What is lost in rounding.
const (
	// sure: weight from which a pattern is the only one.
	sure = 1 - 1e-6
	// weightless: weight of a schedule that is none.
	weightless = 1e-9
	// leastShed: kW of base shed that are none.
	leastShed = 1e-7
	// priceTol: money by which a schedule must be worth more than the programme's own price
	// for it.
	priceTol = 1e-7
	// same: share of the cost by which two plans differ that are the same, added up in
	// another order.
	same = 1e-9
	// costless: money: gaps are shares of this at least.
	costless = 1e-9
	// begun: share of the limits that is taken to be used up at least.
	begun = 1e-6
)

// dearness is by what share imports are made dearer, one after the other, until the
// greedy plan's credit lasts.  Not measured.
func dearness() []float64 {
	return []float64{0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 51.2, 204.8, 1e4, desperate}
}
