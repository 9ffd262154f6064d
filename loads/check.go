package loads

import (
	"regexp"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// maxPower is more than any load a home or shop switches draws.
const maxPower = 1000 * units.Kilowatt

// Check says everything that is wrong with d.
func (d Document) Check() fault.List {
	var l fault.List
	if !validID(d.ID) {
		l.Add("id", "write 1 to 32 lower-case letters, digits and hyphens, e.g. pool-pump", "%q is not an id", d.ID)
	}
	if d.Kind != "" && d.Kind != Cycle && d.Kind != OnOff {
		l.Add("kind", "write cycle (runs a programme) or onoff (may be switched at will)", "%q is not a kind of load", d.Kind)
	}
	if d.Power <= 0 || d.Power > maxPower {
		l.Add("power", "write what it draws while on, e.g. 3000 W", "%v is not the power of a load", d.Power)
	}
	if d.Kind == Cycle {
		if d.Cycle <= 0 || d.Cycle > 24*time.Hour {
			l.Add("cycle", "write how long its programme takes, e.g. 1h45m", "%v is not the length of a programme", d.Cycle)
		}
	} else if d.Cycle != 0 {
		l.Add("cycle", "leave it out, or write kind: cycle", "only a load of kind cycle has a programme")
	}
	checkPause(&l, "min_on", d.MinOn)
	checkPause(&l, "min_off", d.MinOff)
	if d.MaxStart < 0 {
		l.Add("max_starts", "write 0 for no limit", "%d is not a number of starts", d.MaxStart)
	}
	if d.Priority < 0 || d.Priority > 1000 {
		l.Add("priority", "write 0 (most important) to 1000 (shed first)", "%d is not a priority", d.Priority)
	}
	d.checkNeed(&l)
	l.Under("switch", d.Switch.Check())
	return l
}

func (d Document) checkNeed(l *fault.List) {
	if d.Need == nil {
		if d.ReadyBy != nil {
			l.Add("ready_by", "say under need what must be done by then", "there is no need to be ready with")
		}
		return
	}
	n := *d.Need
	if d.Defer != nil && !*d.Defer {
		l.Add("need", "leave it out, or leave out defer", "a load that is not deferred is never scheduled")
	}
	if !d.Switch.Switches() {
		l.Add("switch.driver", "name the driver of its switch, or leave out need", "a load without a switch cannot be scheduled")
	}
	given := 0
	for _, has := range []bool{n.For != 0, n.Energy != 0, n.Runs != 0} {
		if has {
			given++
		}
	}
	if given > 1 || given == 0 && d.Kind != Cycle {
		l.Add("need", "write one of: for (running time), energy, runs (programmes)", "the need is given %d times", given)
	}
	if d.Kind == Cycle && (n.For != 0 || n.Energy != 0) {
		l.Add("need", "write runs: 1", "the need of a cycle is counted in runs")
	}
	if d.Kind != Cycle && n.Runs != 0 {
		l.Add("need.runs", "write for or energy, or kind: cycle", "only a load of kind cycle is counted in runs")
	}
	if n.For < 0 || n.Energy < 0 || n.Runs < 0 {
		l.Add("need", "write a positive amount", "a need is never negative")
	}
	c := newCalendar(n.Between, d.ReadyBy, time.UTC)
	if c.overlap() {
		l.Add("need.between", "make them stand apart and fit into one day", "the windows overlap")
		return
	}
	if need := d.needTime(); d.Power > 0 && need > c.usable() {
		l.Add("need", "widen between, or ask for less", "%v of running time does not fit into %v", need, c.usable())
	}
}

// needTime is the running time owed each day.
func (d Document) needTime() time.Duration {
	switch n := d.Need; {
	case n == nil:
		return 0
	case d.Kind == Cycle:
		return time.Duration(max(n.Runs, 1)) * d.Cycle
	case n.Energy != 0:
		return timeFor(n.Energy, d.Power)
	default:
		return n.For
	}
}

// timeFor is how long p takes to give e, rounded half to even; 0 where p is not
// positive.
func timeFor(e units.Energy, p units.Power) time.Duration {
	if p <= 0 {
		return 0
	}
	return time.Duration(units.MulDiv(int64(e), int64(time.Millisecond), int64(p)))
}

func checkPause(l *fault.List, path string, v *time.Duration) {
	if v != nil && (*v < 0 || *v > 24*time.Hour) {
		l.Add(path, "write a time such as 3m, or 0s for none", "%v is not a minimum time", *v)
	}
}

func validID(s string) bool {
	ok, err := regexp.MatchString(`^[a-z0-9][a-z0-9-]{0,31}$`, s)
	return ok && err == nil
}
