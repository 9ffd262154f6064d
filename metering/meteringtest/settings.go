package meteringtest

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
)

// Faults holds the faults of a driver's settings against the paths that they must have, in
// their order and with spaces between them; "" is none.  Each must say what to do, and none
// a secret.
func Faults(tb testing.TB, name string, l fault.List, paths string, secrets ...string) {
	tb.Helper()
	var have []string
	for _, f := range l {
		have = append(have, f.Path)
		if f.Remedy == "" {
			tb.Errorf("%s: nothing is to be done about %v", name, f)
		}
		for _, s := range secrets {
			if strings.Contains(f.String(), s) {
				tb.Errorf("%s: a secret is told: %v", name, f)
			}
		}
	}
	if got := strings.Join(have, " "); got != paths || len(l) > 0 && paths == "" {
		tb.Errorf("%s: %v, want faults at %q", name, l, paths)
	}
}

// Opens builds a meter of settings that are right.
func Opens(tb testing.TB, name string, s metering.Settings) {
	tb.Helper()
	if _, err := s.Open(metering.Env{Now: time.Now}); err != nil {
		tb.Errorf("%s: %v", name, err)
	}
}
