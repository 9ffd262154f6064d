package relay

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/loads"
)

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name   string
		relay  *Document
		traits loads.Traits
		paths  []string // of its faults
	}{
		{"with feedback", &Document{Line: "GPIO17", Feedback: &FeedbackInput{Line: "GPIO22", Pull: "up"}}, loads.Traits{Of: "line GPIO17", Needs: loads.NeedsMachine}, nil},
		{"without feedback it is blind", &Document{Line: "GPIO17"}, loads.Traits{Of: "line GPIO17", Needs: loads.NeedsMachine, Blind: true}, nil},
		{
			"a latching one stays as it is", &Document{Line: "GPIO17", Contact: ContactLatching, Reset: "GPIO27", Feedback: &FeedbackInput{Line: "GPIO22"}},
			loads.Traits{Of: "line GPIO17", Needs: loads.NeedsMachine, Latches: true},
			nil,
		},
		{"no lines", nil, loads.Traits{Needs: loads.NeedsMachine, Blind: true}, []string{"relay"}},
		{"no line", &Document{}, loads.Traits{Needs: loads.NeedsMachine, Blind: true}, []string{"relay.line"}},
		{
			"a latching one half described", &Document{Line: "GPIO17", Contact: ContactLatching, Pulse: time.Second},
			loads.Traits{Of: "line GPIO17", Needs: loads.NeedsMachine, Latches: true, Blind: true},
			[]string{"relay.reset_line", "relay.pulse", "relay.feedback"},
		},
		{"feedback on the output", &Document{Line: "GPIO17", Feedback: &FeedbackInput{Line: "GPIO17"}}, loads.Traits{Of: "line GPIO17", Needs: loads.NeedsMachine}, []string{"relay.feedback.line"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &Settings{row.relay}
			got := s.Check()
			if len(got) != len(row.paths) {
				t.Fatalf("faults %v, want at %q", got, row.paths)
			}
			for i, f := range got {
				if f.Path != row.paths[i] || f.Remedy == "" {
					t.Errorf("%v, want one at %s that says what to do", f, row.paths[i])
				}
			}
			if s.Traits() != row.traits {
				t.Errorf("traits %+v, want %+v", s.Traits(), row.traits)
			}
		})
	}
}
