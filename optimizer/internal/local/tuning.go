package local

// The numbers of this room; how they were measured is told in the tuning.go of optimizer.

// Which loads a step takes out.
const (
	// takeMost: loads at most, each number as likely.  2: +0.207 (0.130); 8: +0.026
	// (0.059).
	takeMost = 4
	// takeMoreEvery: one step in so many takes out more.  Not measured.
	takeMoreEvery = 8
	// takeMore: up to so many, less one, more.  Not measured.
	takeMore = 3
	// wantingEvery: one step in so many, where credit is tight, puts a load that goes short
	// before its rivals.  Home 123 of the other generator: 10 % above the best known in the
	// mean of 16 seeds before, 2 % with it and exact reinsertion (e7eb287).  2: +0.000
	// (0.000); 10: +0.042 (0.043).
	wantingEvery = 5
	// rivalFifths: fifths of those that run in its hours are taken out with it.  Not
	// measured.
	rivalFifths = 2
	// batteryEvery: one step in so many plans the battery anew.  Not measured.
	batteryEvery = 3
)

// How costs seem while loads are first put back.
const (
	// blurEvery: one step in so many blurs them.  Not measured.
	blurEvery = 2
	// blur: by up to half this share each way.  0.05: +0.105 (0.077); 0.2: +0.036 (0.025).
	blur = 0.1
	// tiltFifths: fifths of the steps make a stretch of hours dearer or cheaper.  1: +0.113
	// (0.062); 4: +0.030 (0.072).
	tiltFifths = 2
	// tiltLeast: times as dear at least.  Not measured.
	tiltLeast = 0.4
	// tiltMost: at most.  Not measured.
	tiltMost = 1.6
	// tiltShort: slots at least.  Not measured.
	tiltShort = 4
	// tiltLong: and up to one part in so many of the horizon more.  Not measured.
	tiltLong = 6
	// byMeanEvery: one variable load in so many is put back exactly, the others by the mean
	// at some power.  Always at its very best it keeps the others from better places
	// (e7eb287).  1: +0.044 (0.064); 4: -0.021 (0.015).
	byMeanEvery = 2
	// backedEvery: beside a battery that is planned anew below peaks that are held, one step in
	// so many puts loads back as if the battery answered them.  Nineteen homes: 0.24 % above the
	// best known, 0.43 % without.
	backedEvery = 2
	// backDear: charge is worth up to so many times as much to the first of them, as a load takes
	// more than the last kWh.  Not measured.
	backDear = 2
	// peakCut: share by which the peak aimed at is below the present one, at most.  Not
	// measured.
	peakCut = 0.03
	// wholeGroupEvery: one load in so many is put back as if it ran through whole groups of
	// the slots over which a peak is the mean; the others may have some of a group's room in
	// fewer slots of it.  Not measured.
	wholeGroupEvery = 2
	// evenEvery: one battery in so many has the same part of a group's room in each of its slots.
	// Not measured.
	evenEvery = 2
)

// The price of credit.
const (
	// blurMu: share by which it is blurred in a step that may fall short.  Not measured.
	blurMu = 0.1
	// fitWide: share by which the first price tried differs from the last, at most.  Not
	// measured.
	fitWide = 0.15
	// fitTries: prices tried.  2: +0.037 (0.029); 8: +0.041 (0.041).
	fitTries = 4
	// fitStep: times as dear the next, while none is dear enough.  Not measured.
	fitStep = 1.5
	// fitStepMin: and so much, money for money, more.  Not measured.
	fitStepMin = 0.01
	// muFollows: how far the price follows one that just fits, as a share of the way.  Not
	// measured.
	muFollows = 0.1
	// spareLittle: credit left, a share of the cost, from which the price falls.  Not
	// measured.
	spareLittle = 0.002
	// spareFits: credit left, a share of the cost, at which a price fits well enough.  Not
	// measured.
	spareFits = 1e-3
	// settleStep: times as dear after a step that falls short, or as cheap after one that
	// does not.  1.005: +0.032 (0.022); 1.02: +0.023 (0.023).
	settleStep = 1.01
	// softPrice: the price of credit that is short, as a multiple of what could be bought
	// with it.  1: +0.055 (0.055); 4: +0.099 (0.077).
	softPrice = 2
	// softPriceMore: and so much, money for money, more.  Not measured.
	softPriceMore = 0.05
	// HardLast: share of the steps, the last, in which nothing may fall short.  0.1: +0.020
	// (0.018); 0.4: -0.010 (0.012).
	HardLast = 0.2
	// dearest: money for money: the price of credit at most.
	dearest = 1000
	// priceless: money for money: a price of credit that is none.
	priceless = 1e-6
)

// Nudging.
const (
	// nudgeSettle: times as dear is credit after a nudge that falls short, or as cheap
	// after one that does not.  1.0005: +0.000 (0.000); 1.002: +0.000 (0.000).
	nudgeSettle = 1.001
	// anyPourEvery: where peaks are held one pour in so many is of any power, the others of just
	// what brings a group of slots to its peak.  Not measured.
	anyPourEvery = 4
	// freeStep: times as dear or as cheap the next price of credit that a heater is planned
	// at.  1.02: +0.000 (0.000); 1.08: +0.000 (0.000).
	freeStep = 1.04
	// freeMost: times as dear at most: the steps square, so that five are tried.  Not
	// measured.
	freeMost = 2
	// creditFits: money of credit left that is none.  Not measured.
	creditFits = 1e-4
)

// The plans kept.
const (
	// EliteCount: elites.  6: +0.034 (0.032); 24: +0.039 (0.032).
	EliteCount = 12
	// ReviveCount: of them that a re-plan takes over.  Not measured.
	ReviveCount = 6
)

// What is lost in rounding.
const (
	// nudgeTol: money by which two states differ that cost the same.
	nudgeTol = 1e-10
	// leastPour: kW that are not worth a step.
	leastPour = 1e-6
	// creditTol: money of credit that may be short unseen.
	creditTol = 1e-7
	// endless: kW of room that has no limit.
	endless = 1e9
	// nothing: money of a reason that is none.
	nothing = 1e-9
	// worthSaying: money, of whoever reads it, that four places show.
	worthSaying = 5e-5
)
