package lp

const (
	optTol   = 1e-8
	pivotTol = 1e-7
	feasTol  = 1e-9
	maxEtas  = 60

	spreadBits  = 20
	meanBits    = 16
	scalePasses = 3

	dropTol     = 1e-14
	stepTol     = 1e-12
	sureTol     = 1e-3
	shakyTol    = 1e-5
	singularTol = 1e-9
	threshold   = 0.1
)
