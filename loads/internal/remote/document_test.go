package remote

import (
	"testing"
	"time"
)

func TestSettings(t *testing.T) {
	hasty := time.Second
	for _, row := range []struct {
		name string
		doc  Timed
		path string // of its fault; empty: it is good
	}{
		{"a good one", Timed{Document: Document{Topic: "house/pump"}, Channel: 3}, ""},
		{"no topic", Timed{}, "topic"},
		{"a wildcard", Timed{Document: Document{Topic: "plugs/#"}}, "topic"},
		{"a slash at the end", Timed{Document: Document{Topic: "pump/"}}, "topic"},
		{"a hasty dead man", Timed{Document: Document{Topic: "pump"}, DeadMan: &hasty}, "dead_man"},
		{"a negative age", Timed{Document: Document{Topic: "pump", Stale: -1}}, "stale"},
		{"a channel before the first", Timed{Document: Document{Topic: "pump"}, Channel: -1}, "channel"},
	} {
		l := row.doc.Check()
		if len(l) != 0 && row.path == "" || row.path != "" && (len(l) != 1 || l[0].Path != row.path || l[0].Remedy == "") {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
}
