package obis

import (
	"strconv"
	"strings"
)

// Unit names a unit by its number in COSEM (IEC 62056-6-2, table of units), of which
// SML takes its own; empty is one that no Sample has, or none.
func Unit(code int64) string {
	switch code {
	case 8:
		return "deg"
	case 9:
		return "degC"
	case 27:
		return "W"
	case 28:
		return "VA"
	case 29:
		return "var"
	case 30:
		return "Wh"
	case 31:
		return "VAh"
	case 32:
		return "varh"
	case 33:
		return "A"
	case 35:
		return "V"
	case 44:
		return "Hz"
	}
	return ""
}

// Decimal writes n times ten to the power of scale.
func Decimal(n int64, scale int) string {
	s := strconv.FormatInt(n, 10)
	if scale >= 0 {
		if n == 0 {
			return s
		}
		return s + strings.Repeat("0", scale)
	}
	s, neg := strings.CutPrefix(s, "-")
	if pad := 1 - scale - len(s); pad > 0 {
		s = strings.Repeat("0", pad) + s
	}
	s = s[:len(s)+scale] + "." + s[len(s)+scale:]
	if neg {
		s = "-" + s
	}
	return s
}
