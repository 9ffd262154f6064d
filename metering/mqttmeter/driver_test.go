package mqttmeter

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/shelly"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
	"github.com/keeplit/keeplit/metering/values"
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
		{"values under topics of their own", Document{Kind: "values", Description: values.Description{Import: &values.Value{Topic: "a/b"}}}, ""},
		{"values under one topic", Document{Kind: "values", Topic: "tele/x/SENSOR", Description: values.Description{Import: &values.Value{Path: "SML.total"}}}, ""},
		{"a value that is told nowhere", Document{Kind: "values", Description: values.Description{Import: &values.Value{Path: "x"}}}, "import.topic"},
		{"a value under many topics", Document{Kind: "values", Description: values.Description{Power: &values.Value{Topic: "a/+"}}}, "power.topic"},
		{"a page over MQTT", Document{Kind: "values", Topic: "a", Description: values.Description{Power: &values.Value{URL: "/x"}}}, "power.url"},
		{"values that tell nothing", Document{Kind: "values", Topic: "a"}, ""},
		{"what a kind tells itself", Document{Kind: "tasmota", Topic: "a", Description: values.Description{Power: &values.Value{Path: "x"}}}, "kind"},
		{"a GX without its portal", Document{Kind: "victron"}, "topic"},
		{"a GX", Document{Kind: "victron", Topic: "c0619ab1cfaa", Channel: 30}, ""},
		{"a keep-alive of no time", Document{Kind: "victron", Topic: "a", Keepalive: &KeepaliveDocument{Topic: "R/a/keepalive", Every: time.Millisecond}}, "keepalive.every"},
		{"there and gone in one word", Document{Kind: "values", Topic: "a", Description: values.Description{Power: &values.Value{Path: "x"}}, Online: &OnlineDocument{Topic: "b", On: "x", Off: "x"}}, "online.off"},
		{"a channel before the first", Document{Kind: "tasmota", Topic: "x", Channel: -1}, "channel"},
	} {
		l := row.doc.Check()
		if row.name == "values that tell nothing" {
			if len(l) != 1 || l[0].Path != "" || l[0].Remedy == "" {
				t.Errorf("%s: %v", row.name, l)
			}
			continue
		}
		meteringtest.Faults(t, row.name, l, row.path)
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
