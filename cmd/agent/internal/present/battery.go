package present

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
)

// Why a battery does what it does.
const (
	WhyTakesSun  ReasonCode = "takes_sun"  // it takes what is over
	WhyTakesGrid ReasonCode = "takes_grid" // it is charged from the grid
	WhyCovers    ReasonCode = "covers"     // it gives
	WhyKeeps     ReasonCode = "keeps"      // it rests
	WhyReserve   ReasonCode = "reserve"    // it has come to its reserve
	WhyByItself  ReasonCode = "by_itself"  // it is told nothing
)

const (
	flows    = 20 * units.Watt  // less than this an inverter draws for itself
	imported = 100 * units.Watt // what is charged while more than this is drawn comes from the grid
)

// batteryOf is what a battery does.
func batteryOf(site *control.Site, st *control.State, i int) Load {
	l := site.Loads[i]
	seen, set := st.Loads[i].Seen, st.Guard.Unit(l.ID).Set
	x := Load{State: LoadOff}
	flow, known := l.Flows(seen)
	switch {
	case !seen.Known:
		return Load{State: LoadFault, Why: Reason{Code: WhyUnheard}}
	case known && flow >= flows:
		x.State, x.On, x.Why.Code = LoadRunning, true, WhyTakesSun
		switch drawn := site.Drawn(st, st.Now); {
		case drawn.Known() && drawn.Power <= imported:
		case drawn.Known() || set.Power > 0: // where nobody tells what is over only what is planned from the grid is taken
			x.Why.Code = WhyTakesGrid
		default:
			x.Why.Code = WhyByItself
		}
	case known && flow <= -flows:
		x.State, x.On, x.Gives, x.Why.Code = LoadRunning, true, -flow, WhyCovers
	case !set.On:
		x.Why.Code = WhyByItself
	case seen.HasCharge && seen.Charge <= l.Store.Reserve:
		x.Why.Code = WhyReserve
	default:
		x.Why.Code = WhyKeeps
	}
	if st.Health.Has(health.SwitchSilent, l.ID) {
		x.State, x.Why.Code = LoadFault, WhyFault
	}
	if x.Holds = -1; seen.HasCharge {
		x.Holds = (seen.Charge + 5) / 10
	}
	return x
}
