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

// A meter of three phases of which one is not told has no voltage in all: what the others
// say is what the supply has.
func TestTheVoltageOfAPhaseAloneDeclares(t *testing.T) {
	phase := func(v units.Voltage) metering.Phase { return metering.Phase{Has: metering.HasVoltage, Voltage: v} }
	for _, c := range []struct {
		situation string
		phases    []metering.Phase
		want      units.Voltage
	}{
		{"the third is not told", []metering.Phase{phase(230_100), phase(229_900), {}}, 230_000},
		{"the first is not told", []metering.Phase{{}, phase(119_000), phase(121_000)}, 120_000},
		{"the first is dead", []metering.Phase{phase(900), phase(229_900), {}}, 230_000},
		{"all are dead", []metering.Phase{phase(900), phase(0), {}}, 0},
		{"none is told", make([]metering.Phase, 3), 0},
	} {
		var w Signs
		if w.declare(metering.Sample{Phases: c.phases}, 0); w.Nominal != c.want {
			t.Errorf("%s: %v, want %v", c.situation, w.Nominal, c.want)
		}
	}
}
