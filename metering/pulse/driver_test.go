package pulse

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name string
		doc  Document
		path string // of its fault; empty: it is good
	}{
		{"a good one", Document{Pin: "GPIO17", PerKWh: 1000}, ""},
		{"no pin", Document{PerKWh: 1000}, "pin"},
		{"no pulses", Document{Pin: "GPIO17"}, "pulses_per_kwh"},
		{"a bounce of an hour", Document{Pin: "GPIO17", PerKWh: 1000, Debounce: 1 << 42}, "debounce"},
	} {
		meteringtest.Faults(t, row.name, row.doc.Check(), row.path)
	}
}

// What comes faster than two bounces is swallowed, and nobody charges it.
func TestPulsesThatComeTooFastForTheSupplyAreAFaultOfTheConfiguration(t *testing.T) {
	for _, row := range []struct {
		name string
		doc  Document
		most units.Power
		bad  bool
	}{
		{"1000 a kWh at 25 kW", Document{PerKWh: 1000}, 25 * units.Kilowatt, false},
		{"10,000 a kWh at 25 kW", Document{PerKWh: 10_000}, 25 * units.Kilowatt, true},
		{"the same of a led", Document{PerKWh: 10_000, Output: "led"}, 25 * units.Kilowatt, false},
		{"the same at 3 kW", Document{PerKWh: 10_000}, 3 * units.Kilowatt, false},
		{"a bounce of its own", Document{PerKWh: 10_000, Debounce: 5 * time.Millisecond}, 25 * units.Kilowatt, false},
	} {
		row.doc.Pin = "GPIO17"
		var l fault.List
		if l = (metering.Document{Driver: "pulse", Settings: &row.doc, MaxPower: row.most}).Check(); (len(l) == 1) != row.bad {
			t.Errorf("%s: %v", row.name, l)
		}
	}
	if d := (&Document{Output: "led"}).debounce(); d != time.Millisecond {
		t.Errorf("a led's flash of 2 ms is swallowed: %v", d)
	}
}
