package planning

import (
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/contain"
)

// refit sees to what the forecaster learns weekly, which takes seconds on a
// small machine: beside the plans, which go on with what was learned before.  The next
// plan takes it over.  Where nothing stands that was learned, after a start or when an
// interval came late, the plan waits: a poor forecast might warn of a cut that
// does not come.
func (p *Planner) refit(now time.Time) {
	select {
	case g := <-p.refitted:
		p.adopt(g)
	default:
	}
	if p.ahead != Foreseer(p.forecast) || !p.forecast.RefitDue(now) {
		return
	}
	learned := p.forecast.Learned(now)
	switch {
	case learned && p.refitting:
	case learned:
		p.refitting = true
		g := p.forecast.Fork()
		p.refits.Go(func() {
			if contain.Do(func() { g.Refit(now) }) != nil {
				g = nil // what was learned before goes on; the next plan tries again
			}
			p.refitted <- g
		})
	default:
		if p.refitting { // not beside it: there is memory for two, not for three
			p.adopt(<-p.refitted)
		}
		p.forecast.Refit(now)
	}
}

// adopt takes over what was learned beside the plans; nil: it failed.
func (p *Planner) adopt(g *forecast.Forecaster) {
	if g != nil {
		p.forecast.Adopt(g)
	}
	p.refitting = false
}

// Wait waits for what Plan has left running.  It is for the owner's end, after
// the last Plan.
func (p *Planner) Wait() { p.refits.Wait() }
