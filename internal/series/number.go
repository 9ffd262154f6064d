package series

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/internal/units"
)

type unit uint8

const (
	none unit = iota
	wattHours
	kilowattHours
	megawattHours
	watts
	kilowatts
	varHours
	kilovarHours
	vars
	kilovars
)

func (u unit) energy() bool   { return u >= wattHours && u <= megawattHours }
func (u unit) power() bool    { return u == watts || u == kilowatts || u >= vars }
func (u unit) reactive() bool { return u >= varHours }

// unitOf is the unit that is one of a header's words.
func unitOf(words []string, otherwise unit) unit {
	for name, u := range map[string]unit{
		"wh": wattHours, "kwh": kilowattHours, "mwh": megawattHours, "w": watts, "watt": watts, "watts": watts, "kw": kilowatts,
		"varh": varHours, "kvarh": kilovarHours, "var": vars, "kvar": kilovars,
	} {
		if slices.Contains(words, name) {
			return u
		}
	}
	return otherwise
}

// missing tells whether a field says that there is no value.
func missing(s string) bool {
	switch strings.ToLower(s) {
	case "", "-", "--", "null", "none", "nil", "nan", "na", "n/a", "#n/a", "unavailable", "unknown", "undefined", "missing", "?":
		return true
	}
	return false
}

var errNumber = errors.New("not a number")

// most is the greatest value of any kind, in kWh or kW: units.Energy holds 2.5 million kWh.
const most = 2_000_000

// scaled is a number in the unit as microjoules (energy) or milliwatts (power).  Twelve
// decimals are read exactly; more of them, and exponents, which only measurements in floating
// point have, are rounded.
func scaled(s string, u unit) (int64, error) {
	one, perKilo := int64(units.KilowattHour), 1.0
	switch u {
	case wattHours, varHours:
		one, perKilo = int64(units.WattHour), 1000
	case megawattHours:
		one, perKilo = 1000*int64(units.KilowattHour), 0.001
	case watts, vars:
		one, perKilo = int64(units.Watt), 1000
	case kilowatts, kilovars:
		one = int64(units.Kilowatt)
	case none, kilowattHours, kilovarHours:
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > most*perKilo || strings.ContainsAny(s, "xXpP_") {
		return 0, errNumber
	}
	if v, err := units.ParseDecimal(s, 12); err == nil {
		return units.MulDiv(v, one, 1_000_000_000_000), nil
	}
	return int64(math.Round(f * float64(one))), nil
}
