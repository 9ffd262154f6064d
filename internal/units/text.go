package units

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ParseDecimal reads a plain decimal number ("12", "-0.5", "2.0967") as an
// integer count of 10^-places, exactly.  More digits than places is an error,
// not a silent rounding: money typed in is money meant.
func ParseDecimal(s string, places int) (int64, error) {
	body, neg := strings.CutPrefix(s, "-")
	whole, frac, dot := strings.Cut(body, ".")
	if whole == "" || (dot && frac == "") || strings.ContainsFunc(whole+frac, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, fmt.Errorf("%q is not a decimal number such as 12.50", s)
	}
	frac = strings.TrimRight(frac, "0")
	if len(frac) > places {
		return 0, fmt.Errorf("%q has more than %d decimals", s, places)
	}
	digits := whole + frac + strings.Repeat("0", places-len(frac))
	if neg {
		digits = "-" + digits
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is out of range", s)
	}
	return v, nil
}

// ParseRounded is ParseDecimal for what a program has reckoned, as 4.3999999999999995 where
// 4.4 is meant: digits beyond places are rounded, half away from zero.
func ParseRounded(s string, places int) (int64, error) {
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) <= places {
		return ParseDecimal(s, places)
	}
	if len(frac) > mostDigits || strings.ContainsFunc(frac, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, fmt.Errorf("%q is not a decimal number such as 12.50", s)
	}
	cut := whole
	if places > 0 {
		cut += "." + frac[:places]
	}
	v, err := ParseDecimal(cut, places)
	if err != nil || frac[places] < '5' {
		return v, err
	}
	switch {
	case v == math.MaxInt64 || v == math.MinInt64:
		return 0, fmt.Errorf("%q is out of range", s)
	case strings.HasPrefix(s, "-"):
		return v - 1, nil
	}
	return v + 1, nil
}

// mostDigits is how many decimals a program may write.
const mostDigits = 40

// ParseMoney reads "12.50" as Money.
func ParseMoney(s string) (Money, error) {
	v, err := ParseDecimal(s, 6)
	return Money(v), err
}

// ParsePrice reads "2.0967" (currency per kWh) as Price.
func ParsePrice(s string) (Price, error) {
	v, err := ParseDecimal(s, 6)
	return Price(v), err
}

// Decimal writes m with the given number of decimals (0 to 6), half to even.
func (m Money) Decimal(places int) string { return decimal(int64(m), places) }

// String writes m with all six decimals, so that it reads back as the same m.
func (m Money) String() string { return decimal(int64(m), 6) }

// String writes p with all six decimals.
func (p Price) String() string { return decimal(int64(p), 6) }

// String writes e in kWh with three decimals, for people.
func (e Energy) String() string { return fmt.Sprintf("%.3f kWh", e.KWh()) }

// String writes p in watts, for people.
func (p Power) String() string { return fmt.Sprintf("%.0f W", p.W()) }

// decimal writes v millionths with 0 to 6 decimals.
func decimal(v int64, places int) string {
	unit := int64(1)
	for range 6 - places {
		unit *= 10
	}
	n := MulDiv(v, 1, unit)
	sign := ""
	if n < 0 {
		sign = "-"
	}
	digits := strconv.FormatUint(abs(n), 10)
	if places == 0 {
		return sign + digits
	}
	if pad := places + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	at := len(digits) - places
	return sign + digits[:at] + "." + digits[at:]
}

// ParsePower reads "2 kW", "1500 W" or "3.5 kW" as Power.
func ParsePower(s string) (Power, error) {
	v, err := parseWithUnit(s, map[string]int{"W": 3, "kW": 6, "MW": 9})
	return Power(v), err
}

// ParseEnergy reads "3 kWh" or "500 Wh" as Energy.
func ParseEnergy(s string) (Energy, error) {
	number, unit := splitUnit(s)
	scale, ok := map[string]Energy{"Wh": WattHour, "kWh": KilowattHour, "MWh": 1000 * KilowattHour}[unit]
	if !ok {
		return 0, fmt.Errorf("%q has no unit of energy (Wh, kWh, MWh)", s)
	}
	v, err := ParseDecimal(number, 6)
	if err != nil {
		return 0, err
	}
	return Energy(MulDiv(v, int64(scale), 1_000_000)), nil
}

// ParseVoltage reads "230 V" or "11 kV" as Voltage.
func ParseVoltage(s string) (Voltage, error) {
	v, err := parseWithUnit(s, map[string]int{"V": 3, "kV": 6})
	return Voltage(v), err
}

// ParseCurrent reads "60 A" or "20 mA" as Current.
func ParseCurrent(s string) (Current, error) {
	v, err := parseWithUnit(s, map[string]int{"mA": 0, "A": 3})
	return Current(v), err
}

func parseWithUnit(s string, places map[string]int) (int64, error) {
	number, unit := splitUnit(s)
	p, ok := places[unit]
	if !ok {
		known := make([]string, 0, len(places))
		for name := range places {
			known = append(known, name)
		}
		slices.Sort(known)
		return 0, fmt.Errorf("%q has none of the units %s", s, strings.Join(known, ", "))
	}
	return ParseDecimal(number, p)
}

func splitUnit(s string) (number, unit string) {
	s = strings.TrimSpace(s)
	at := strings.LastIndexFunc(s, func(r rune) bool { return r >= '0' && r <= '9' }) + 1
	return s[:at], strings.TrimSpace(s[at:])
}
