package forecast

import "math"

// priorShape is the share of the mean load by hour of the local day that is
// assumed before a site has data: a base load, a morning and an evening.
func priorShape() [24]float64 {
	return [24]float64{
		0.68, 0.60, 0.57, 0.56, 0.58, 0.66, 0.85, 1.00, 1.03, 1.00, 0.98, 1.00,
		1.05, 1.02, 0.97, 0.98, 1.07, 1.27, 1.48, 1.52, 1.46, 1.33, 1.10, 0.86,
	}
}

// priorPerDay is the consumption expected of a site, in kWh, until its own data outweigh it.
const priorPerDay = 8.0

// priorDays is how many days of own data weigh as much as the prior.
const priorDays = 4.0

// prior quantiles relative to the mean of the slot: a single home's half hour
// is skewed to the right.
const (
	prior10 = 0.40
	prior50 = 0.85
	prior90 = 1.75
)

// priorLevel is how unsure a guessed level is, as the logarithm of what one site in ten uses
// more than by: homes that are thought to be alike differ by two and a half times to either side.
const priorLevel = 0.9

// priorTails are q10 and q90 over q50, where a share of the level is guessed: the logarithms of
// the slot's spread and of the level's add as squares.
func priorTails(guessed float64) (down, up float64) {
	level := priorLevel * math.Sqrt(guessed)
	return math.Exp(-math.Hypot(math.Log(prior50/prior10), level)), math.Exp(math.Hypot(math.Log(prior90/prior50), level))
}

// priorSlot is the assumed mean of a model slot as a share of the mean load.
func priorSlot(shape *[24]float64, s, perDay int) float64 {
	x := (float64(s)+0.5)*24/float64(perDay) - 0.5
	lo := math.Floor(x)
	a, b := shape[(int(lo)+24)%24], shape[(int(lo)+25)%24]
	return a + (b-a)*(x-lo)
}
