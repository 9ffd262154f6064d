package line

import "testing"

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name string
		doc  Document
		path string // of its fault; empty: it is good
	}{
		{"a device", Document{Port: "/dev/ttyUSB0", Baud: 9600}, ""},
		{"a serial server", Document{Port: "10.0.0.5:4001"}, ""},
		{"a serial server by name", Document{Port: "p1.home.arpa:2001"}, ""},
		{"a serial server on IPv6", Document{Port: "[fd00::5]:4001"}, ""},
		{"a device whose name has a colon", Document{Port: "/dev/serial/by-path/platform-1:1.0"}, ""},
		{"no port", Document{}, "port"},
		{"a server without its port", Document{Port: "10.0.0.5:"}, "port"},
		{"a port of nobody", Document{Port: ":4001"}, "port"},
		{"a port beyond all", Document{Port: "10.0.0.5:70000"}, "port"},
		{"an address of a page", Document{Port: "tcp://10.0.0.5:4001"}, "port"},
		{"IPv6 without brackets", Document{Port: "fd00::5:4001"}, "port"},
		{"no serial speed", Document{Port: "/dev/ttyUSB0", Baud: 1_000_000}, "baud"},
	} {
		l := row.doc.Check()
		if len(l) != 0 && row.path == "" || row.path != "" && (len(l) != 1 || l[0].Path != row.path || l[0].Remedy == "") {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
}
