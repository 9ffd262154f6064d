package present

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// sunOf is what panels do.
func sunOf(l loads.Load, ls *control.LoadState, now time.Time) Load {
	given, _ := l.Given(ls.Seen)
	switch heard, asleep := control.SunHeard(l, *ls, now); {
	case given >= units.Watt:
		return Load{State: LoadRunning, On: true, Why: Reason{Code: WhyGives}, Gives: given}
	case heard:
		return Load{State: LoadOff, Why: Reason{Code: WhyNoSun}}
	case asleep:
		return Load{State: LoadOff, Why: Reason{Code: WhyAsleep}}
	}
	return Load{State: LoadFault, Why: Reason{Code: WhyUnheard}}
}
