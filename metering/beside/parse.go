package beside

import (
	"strings"

	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// ParseShown reads what stands on a display, in kWh: "412.3", "004 123,4 kWh".  step is
// the energy of the last digit.
func ParseShown(text string) (shown, step units.Energy, why said.Said) {
	number := strings.TrimSpace(text)
	if n := len(number) - len("kWh"); n > 0 && strings.EqualFold(number[n:], "kWh") {
		number = strings.TrimSpace(number[:n])
	}
	if strings.Count(number, ",") == 1 && !strings.Contains(number, ".") {
		number = strings.Replace(number, ",", ".", 1)
	}
	number = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "").Replace(number)
	const places = 6
	v, err := units.ParseDecimal(number, places)
	if err != nil || v < 0 || strings.HasPrefix(number, "-") {
		return 0, 0, said.Of("reading.number", said.Repeated("text", text))
	}
	const unit = units.KilowattHour / 1_000_000 // of v
	if v > int64(greatest/unit) {
		return 0, 0, said.Of("reading.too_great", said.Energy("most", greatest))
	}
	step = units.KilowattHour
	if _, decimals, ok := strings.Cut(number, "."); ok {
		for range min(len(decimals), places) {
			step /= 10
		}
	}
	return units.Energy(v) * unit, step, nil
}
