package pulse

import "testing"

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
		l := row.doc.Check()
		if len(l) != 0 && row.path == "" || row.path != "" && (len(l) != 1 || l[0].Path != row.path || l[0].Remedy == "") {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
}
