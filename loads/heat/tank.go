// Package heat knows an electric water heater by the power that it draws, and nothing else:
// one node, which loses heat to the room and from which hot water is drawn.  Its thermostat
// is the only truth: where the power falls to nothing while it is switched on the tank is
// full.  What it took since it was full before is what was lost and what was drawn, and so
// both are learned; in between they are reckoned, and that drifts until it is full again.
//
// All of it is pure: time is a value, and a State is never changed in place.
package heat

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

const (
	// perLitre is the heat of a kelvin of a litre of water.
	perLitre = 4186 * units.Joule
	// cold is taken for the water that comes in, and warm is what nobody calls cold.
	cold, warm = 15, 40 // degrees
	// shower is 50 litres at 38 degrees.
	shower = 50 * 23 * perLitre
	// usualBand is by how many kelvin the water cools until a thermostat closes again, until
	// that is learned.
	usualBand = 8
)

// Tank is a heater as it is given.  It is a value and may be shared.
type Tank struct {
	Power  units.Power  // of the element
	Whole  units.Energy // that heats it from cold
	Usable units.Energy // from full down to 40 degrees, mixed
	Band   units.Energy // that it lacks at most where its thermostat is open, until learned
	Loss   units.Power  // of a full one, until learned
	Usual  []Hours      // in which hot water is drawn, until learned; sorted, apart
	Within time.Duration
	Zone   *time.Location
}

// Hours are minutes of the local day, half-open; To is the greater, and may be of the next day.
type Hours struct{ From, To int }

// New is the tank of so many litres whose thermostat opens at so many degrees.  Within is
// how long it may be without having been full.
//
// What it loses until that is learned is the most of class C of Regulation (EU) 812/2013:
// 16.66 + 8.33 V^0.4 watts.
func New(litres, degrees int, power units.Power, usual []Hours, within time.Duration, zone *time.Location) Tank {
	perKelvin := units.Energy(litres) * perLitre
	return Tank{
		Power: power, Usual: usual, Within: within, Zone: zone,
		Whole: perKelvin * units.Energy(degrees-cold), Usable: perKelvin * units.Energy(degrees-warm), Band: perKelvin * usualBand,
		Loss: units.FromW(16.66 + 8.33*math.Pow(float64(litres), 0.4)),
	}
}

// LitresOf are those that a tank with an element of such a power has, where nobody says.
func LitresOf(power units.Power) int {
	switch {
	case power < 1800*units.Watt:
		return 80
	case power < 2500*units.Watt:
		return 100
	case power < 3500*units.Watt:
		return 150
	}
	return 200
}

// timeFor is how long p takes to give e.
func timeFor(e units.Energy, p units.Power) time.Duration {
	if p <= 0 || e <= 0 {
		return 0
	}
	return time.Duration(units.MulDiv(int64(e), int64(time.Millisecond), int64(p)))
}
