package pwm

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/loads"
)

func TestLevels(t *testing.T) {
	n := func(v float64) *float64 { return &v }
	for _, row := range []struct {
		name string
		doc  Document
		at   string
	}{
		{"as usual", Document{}, ""},
		{"a curve", Document{Least: n(20), Most: n(95), Off: n(2)}, ""},
		{"turned over", Document{Least: n(80), Most: n(5), Off: n(100)}, ""},
		{"off above what is on", Document{Least: n(10), Most: n(90), Off: n(100)}, ""},
		{"off within", Document{Off: n(50)}, "off"},
		{"off at the least", Document{Least: n(0)}, "off"},
		{"nothing between", Document{Least: n(50), Most: n(50)}, "most"},
		{"beyond", Document{Most: n(101)}, "most"},
		{"no number", Document{Least: n(math.NaN())}, "least"},
		{"no channel", Document{Channel: -1}, "channel"},
		{"no period", Document{Period: time.Minute}, "period"},
	} {
		l := row.doc.Check()
		if row.at == "" && len(l) > 0 || row.at != "" && (len(l) != 1 || l[0].Path != row.at || l[0].Remedy == "") {
			t.Errorf("%s: %v", row.name, l)
		}
	}
	if _, err := (&Document{}).Open(loads.Env{}); err == nil {
		t.Error("a load without powers has a dimmer")
	}
}
