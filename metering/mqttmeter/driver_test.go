package mqttmeter

import "testing"

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name string
		doc  Document
		path string // of its fault; empty: it is good
	}{
		{"a good one", Document{Kind: "shelly", Topic: "shellypro3em-1"}, ""},
		{"no such kind", Document{Kind: "abacus", Topic: "x"}, "kind"},
		{"wildcard topic", Document{Kind: "tasmota", Topic: "+"}, "topic"},
		{"no topic", Document{Kind: "tasmota"}, "topic"},
		{"a channel before the first", Document{Kind: "tasmota", Topic: "x", Channel: -1}, "channel"},
	} {
		l := row.doc.Check()
		if len(l) != 0 && row.path == "" || row.path != "" && (len(l) != 1 || l[0].Path != row.path || l[0].Remedy == "") {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
}
