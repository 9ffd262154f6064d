package master

const (
	banned     = 10
	thinnest   = 1e-9
	endless    = 1e4
	rounding   = 1e-7
	evenWeight = 1e-12
)
