package atm90e32

import (
	"testing"

	"github.com/keeplit/keeplit/metering/meteringtest"
)

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name string
		doc  Document
		path string // of its fault; empty: it is good
	}{
		{"a good one", Document{Bus: "SPI0.0", VoltageGain: 7305, CurrentGain: 27961}, ""},
		{"not a mains frequency", Document{Bus: "b", VoltageGain: 1, CurrentGain: 1, LineFrequency: 55}, "line_frequency"},
		{"no gain of the chip", Document{Bus: "b", VoltageGain: 1, CurrentGain: 1, CurrentPGA: 3}, "current_pga"},
		{"not calibrated", Document{Bus: "b", VoltageGain: 1}, "current_gain"},
	} {
		meteringtest.Faults(t, row.name, row.doc.Check(), row.path)
	}
}
