package forecast

import (
	"math"
	"slices"
	"time"
)

// RefitDue tells whether what is learned weekly is to be learned again, or has
// not been learned since the program started.  Without Options.Background it
// never is: Forecast does it.  With it the caller refits a Fork and adopts it:
//
//	if f.RefitDue(now) && !refitting {
//		g := f.Fork()
//		go func() { g.Refit(now); done <- g }() // the caller waits for it at its end
//	}
//	// ... and where done is received:
//	f.Adopt(g)
func (f *Forecaster) RefitDue(at time.Time) bool {
	if !f.opt.Background {
		return false
	}
	first, _ := f.span(at, 0)
	if f.engine == nil {
		return len(f.before(first)) > 0
	}
	e, d := f.current(first, false)
	return e.due(f.originOf(d, first))
}

// Learned tells whether a forecast from at on rests on what was learned, be it
// some weeks ago.  It does not before the first refit, and not after what was
// learned has been overtaken: by an observation that came more than a day late, or a
// clock that was set back.  A Forecast with Options.Background then trusts all experts alike.
func (f *Forecaster) Learned(at time.Time) bool {
	if f.engine == nil {
		return false
	}
	first, _ := f.span(at, 0)
	e, d := f.current(first, false)
	return e.learned(f.originOf(d, first))
}

// Refit learns now what is learned weekly.  It uses up to two goroutines, which
// have ended when it returns.
func (f *Forecaster) Refit(at time.Time) {
	first, _ := f.span(at, 0)
	f.lookWith(first, true)
}

// Fork is a copy that may be used by another goroutine.
func (f *Forecaster) Fork() *Forecaster {
	g := *f
	g.hist.v = slices.Clone(f.hist.v)
	g.least.v = slices.Clone(f.least.v)
	g.temp.v = slices.Clone(f.temp.v)
	g.aside = f.aside.clone()
	if f.whole != nil {
		g.whole = &history{step: f.whole.step, first: f.whole.first, v: slices.Clone(f.whole.v)}
	}
	if f.engine != nil {
		g.engine = f.engine.fork()
	}
	f.forked, g.seen = math.MaxInt64, seen{}
	return &g
}

// Adopt takes over what a Fork of f has learned.  The fork must not be used
// afterwards.  What f was told since the fork is not lost.
func (f *Forecaster) Adopt(fork *Forecaster) {
	f.engine = fork.engine
	f.stale, f.seen = f.forked, seen{}
}
