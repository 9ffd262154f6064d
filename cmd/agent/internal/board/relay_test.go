package board

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/loads/relay"
)

func TestRelay(t *testing.T) {
	feedback := &relay.FeedbackInput{Line: "GPIO22", Pull: "up"}
	for _, tc := range []struct {
		name   string
		doc    relay.Document
		kernel paper
		asked  []string
		err    string
	}{
		{
			"after power-on it begins open",
			relay.Document{Line: "GPIO17"},
			paper{levels: 1},
			[]string{"lineset gpiochip0 [17] output=true first=0 pull=PullNoChange"},
			"",
		},
		{
			"low-active, it begins high, which is open",
			relay.Document{Line: "GPIO17", Low: true},
			paper{},
			[]string{"request gpiochip0 [17] output=true first=1 pull=PullNoChange"},
			"",
		},
		{
			"after a restart of the agent it goes on closed",
			relay.Document{Line: "GPIO17"},
			paper{driven: true, levels: 1},
			[]string{"request gpiochip0 [17] output=false first=0 pull=PullNoChange", "request gpiochip0 [17] output=true first=1 pull=PullNoChange"},
			"",
		},
		{
			"after a restart of the agent a low-active one goes on closed",
			relay.Document{Line: "GPIO17", Low: true},
			paper{driven: true, levels: 0},
			[]string{"request gpiochip0 [17] output=false first=0 pull=PullNoChange", "lineset gpiochip0 [17] output=true first=0 pull=PullNoChange"},
			"",
		},
		{
			"feedback comes first",
			relay.Document{Line: "GPIO17", Feedback: feedback},
			paper{},
			[]string{"lineset gpiochip0 [22] output=false first=0 pull=PullUp", "lineset gpiochip0 [17] output=true first=0 pull=PullNoChange"},
			"",
		},
		{
			"the coils of a latching one begin at rest, whatever they were",
			relay.Document{Line: "GPIO17", Contact: relay.ContactLatching, Reset: "GPIO27", Low: true, Feedback: feedback},
			paper{driven: true, levels: 0b01},
			[]string{"lineset gpiochip0 [22] output=false first=0 pull=PullUp", "request gpiochip0 [17 27] output=true first=11 pull=PullNoChange"},
			"",
		},
		{
			"without its feedback nothing moves",
			relay.Document{Line: "GPIO17", Feedback: &relay.FeedbackInput{Line: "GPIO99"}},
			paper{},
			nil, `feedback: board: `,
		},
		{
			"an unknown pull",
			relay.Document{Line: "GPIO17", Feedback: &relay.FeedbackInput{Line: "GPIO22", Pull: "sideways"}},
			paper{},
			nil, `"sideways" is not a pull`,
		},
		{
			"the kernel refuses",
			relay.Document{Line: "GPIO17"},
			paper{err: errors.New("device or resource busy")},
			nil, "busy",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := tc.kernel
			s, closeLines, err := relay.Open(pi(&k), tc.doc, time.Now)
			if d := cmp.Diff(tc.asked, k.asked); d != "" {
				t.Error(d)
			}
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil || s == nil {
				t.Fatal(err)
			}
			if err := closeLines(); err != nil {
				t.Error(err)
			}
		})
	}
}
