package iec62056

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
		{"a good one", Document{Port: "/dev/ttyUSB0", MaxBaud: 9600}, ""},
		{"no port", Document{}, "port"},
		{"a serial server", Document{Port: "10.0.0.5:4001"}, ""},
		{"a serial server of its own speed", Document{Port: "10.0.0.5:4001", MaxBaud: 9600}, ""},
		{"a serial server without its port", Document{Port: "10.0.0.5:"}, "port"},
		{"no serial speed", Document{Port: "/dev/ttyUSB0", MaxBaud: 1}, "max_baud"},
	} {
		meteringtest.Faults(t, row.name, row.doc.Check(), row.path)
	}
}
