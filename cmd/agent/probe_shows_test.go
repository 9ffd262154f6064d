package main

import (
	"strings"
	"testing"
)

// What probe prints of a meter is what the meter told.
func TestProbeShowsNoRegisterThatWasNotTold(t *testing.T) {
	for message, want := range map[string]string{
		`{"apower":12.5}`: "shelly, 12 W",
		`{"apower":12.5,"aenergy":{"total":1234.5}}`: "shelly, 12 W, register 1.234 kWh",
		`{"aenergy":{"total":1234.5}}`:               "shelly, register 1.234 kWh",
	} {
		var s seenMeters
		s.take("plug/status/switch:0", []byte(message), false)
		found := s.findings()
		if len(found) != 1 || !strings.HasPrefix(found[0].Detail, "shelly") || found[0].Detail != want {
			t.Errorf("%s: %+v, want %q", message, found, want)
		}
	}
}
