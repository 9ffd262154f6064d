package mqttmeter

import (
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/shelly"
	"github.com/keeplit/keeplit/metering"
)

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name string
		doc  Document
		path string // of its fault; empty: it is good
	}{
		{"a good one", Document{Kind: "shelly", Topic: "shellypro3em-1"}, ""},
		{"no such kind", Document{Kind: "abacus", Topic: "x"}, "kind"},
		{"wildcard topic", Document{Kind: "tasmota", Topic: "+"}, "topic"},
		{"a slash behind the topic", Document{Kind: "tasmota", Topic: "plug/"}, "topic"},
		{"a slash before the base topic", Document{Kind: "zigbee2mqtt", Topic: "plug", Base: "/z"}, "base"},
		{"no topic", Document{Kind: "tasmota"}, "topic"},
		{"a channel before the first", Document{Kind: "tasmota", Topic: "x", Channel: -1}, "channel"},
	} {
		l := row.doc.Check()
		if len(l) != 0 && row.path == "" || row.path != "" && (len(l) != 1 || l[0].Path != row.path || l[0].Remedy == "") {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
}

// An identity is stored with every state, and again with each change of it.
func TestADeviceWithAnIdentityOfAKilobyteIsNoMeter(t *testing.T) {
	m := Meter{cfg: Config{Document: Document{Kind: "shelly", Topic: "x"}}, op: "read", rank: lowest}
	meters, err := shelly.Status("", []byte(`{"src": "`+strings.Repeat("x", 1<<10)+`", "method": "NotifyStatus", "params": {"switch:0": {"apower": 5}}}`))
	if err != nil || len(meters) != 1 {
		t.Fatal(meters, err)
	}
	if r, ok := m.take(heard{fact: device.Fact{Meters: meters}}); !ok || metering.CodeOf(r.Err) != metering.Range {
		t.Errorf("%+v", r)
	}
}
