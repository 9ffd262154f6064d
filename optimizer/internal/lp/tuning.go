package lp

// The numbers of this room; how they were measured is told in the tuning.go of optimizer.

// Tolerances, for numbers near 1; see scale.go.
const (
	// optTol: reduced cost of a column that gains nothing.
	optTol = 1e-8
	// pivotTol: entry that cannot be a pivot.
	pivotTol = 1e-7
	// feasTol: by how much a variable may exceed a bound so that a better pivot can be had
	// (Harris 1973).
	feasTol = 1e-9
	// stepTol: length of a step that leads nowhere.
	stepTol = 1e-12
	// dropTol: entry of the inverse that is nothing.
	dropTol = 1e-14
	// sureTol: entry that is pivoted on unseen while a basis is rebuilt.
	sureTol = 1e-3
	// shakyTol: pivot that is looked at again with a clean inverse.
	shakyTol = 1e-5
	// singularTol: entry of which all are smaller in a column that the others make up for.
	singularTol = 1e-9
	// threshold: share of the largest entry that a pivot must have to be chosen for its
	// sparse row (Markowitz).
	threshold = 0.1
)

// The inverse, and when a programme is scaled.
const (
	// maxEtas: pivots after which the inverse is computed afresh.  Not measured.
	maxEtas = 60
	// spreadBits: powers of two between the least entry and the greatest of a programme
	// that is not scaled.  Of forty programmes scaled by eight powers of ten unscaled
	// solving missed four optima, by four powers none but a stall; those of homes and
	// businesses are within ten.
	spreadBits = 20
	// meanBits: powers of two by which the mean cost or right side may be from 1.  Costs
	// and right sides times 1e-9 to 1e9 give the same optimum
	// (TestCostsAndRightSidesInOtherUnitsHaveTheSameBasis).
	meanBits = 16
	// scalePasses: passes over rows and columns.  Not measured.
	scalePasses = 3
)
