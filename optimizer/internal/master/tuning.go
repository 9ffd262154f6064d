package master

const (
	banned   = 10
	thinnest = 1e-9
)
