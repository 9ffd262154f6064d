package watch

import (
	"testing"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// What is declared holds, also where something else was found before.
func TestTheDeclaredVoltage(t *testing.T) {
	for _, c := range []struct {
		situation             string
		known, declared, told units.Voltage
		want                  units.Voltage
	}{
		{"nothing declared, Europe", 0, 0, 236_000, 230_000},
		{"nothing declared, North America", 0, 0, 118_000, 120_000},
		{"nothing declared, and dark", 0, 0, 3_000, 0},
		{"declared", 0, 127_000, 120_000, 127_000},
		{"declared, and found before", 230_000, 240_000, 236_000, 240_000},
		{"found before", 230_000, 0, 120_000, 230_000},
	} {
		w := Signs{Nominal: c.known}
		w.declare(metering.Sample{Has: metering.HasVoltage, Voltage: c.told}, c.declared)
		if w.Nominal != c.want {
			t.Errorf("%s: %v, want %v", c.situation, w.Nominal, c.want)
		}
	}
}
