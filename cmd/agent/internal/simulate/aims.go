package simulate

import (
	"fmt"

	"github.com/keeplit/keeplit/credit"
)

// Verdict is what is to be said of an aim.
type Verdict string

// The verdicts.
const (
	Held   Verdict = "yes"
	Missed Verdict = "no"
	Moot   Verdict = "-"       // it is not asked of this world
	Unrun  Verdict = "not run" // a policy that it needs is not there
)

// Aim is one thing that the product is to reach in a world.
type Aim struct {
	Name   string // as a column is headed
	What   string // what is asked, in full
	Is     Verdict
	Figure string // what it was told by; "" where it was not
}

// What the aims are measured by.
const (
	shortFrom  = 0.001 // credit is short where none is without it for more of the time than this
	gainAim    = 0.85
	hotAim     = 23.5 // hours of 24
	movesAim   = 1.0  // a day
	falseAim   = 0.02 // of plans
	sameKWh    = 0.05 // kWh that are no difference in what a table shows
	sameHours  = 0.05
	samePerKWh = 0.00005
)

// Short tells whether credit is short in the world: whether who runs loads when they
// are asked is in the dark for want of it for more than a thousandth of the time.
// ok is false where that was not run.
func (r *Report) Short() (short, ok bool) {
	none := r.Policies[None]
	if none == nil {
		return false, false
	}
	return none.Cuts[string(credit.ForNoCredit)].Hours > shortFrom*24*float64(r.Days), true
}

// Aims are what is asked of the product, and whether it is so in this world.
func (r *Report) Aims() []Aim {
	none, timer, mine := r.Policies[None], r.Policies[Timer], r.Policies[Keeplit]
	short, known := r.Short()
	days := float64(r.Days)
	is := func(ok bool) Verdict {
		if ok {
			return Held
		}
		return Missed
	}
	out := []Aim{
		{Name: "need", What: "no more need unmet than under `none`"},
		{Name: "light", What: "no more hours off than under `none`"},
		{Name: "price", What: "a kWh no dearer than under `timer`"},
		{Name: "gain", What: "at least 85 % of what `foresight` gains a kWh over `none`, where credit is not short"},
		{Name: "dark", What: "at most half the hours off of `none`, where credit is short"},
		{Name: "hot", What: "hot water for at least 23.5 hours of 24, where credit is short"},
		{Name: "moves", What: "at most one move of an announced start a day"},
		{Name: "false", What: "at most 2 % of plans announce a shortfall that does not come"},
	}
	for i := range out {
		out[i].Is = Unrun
	}
	if mine == nil {
		return out
	}
	set := func(i int, v Verdict, form string, args ...any) {
		out[i].Is, out[i].Figure = v, fmt.Sprintf(form, args...)
	}
	if none != nil {
		set(0, is(mine.UnmetKWh <= none.UnmetKWh+sameKWh), "%.1f of %.1f kWh", mine.UnmetKWh, none.UnmetKWh)
		set(1, is(mine.HoursOff <= none.HoursOff+sameHours), "%.1f of %.1f h", mine.HoursOff, none.HoursOff)
	}
	if timer != nil {
		set(2, is(mine.CostPerKWh <= timer.CostPerKWh+samePerKWh), "%.4f to %.4f", mine.CostPerKWh, timer.CostPerKWh)
	}
	if known {
		r.aimsOfCredit(out, short, is)
	}
	set(6, is(float64(mine.Moves) <= movesAim*days), "%.2f a day", float64(mine.Moves)/days)
	if mine.Plans > 0 {
		share := float64(mine.FalseShortfalls) / float64(mine.Plans)
		set(7, is(share <= falseAim), "%.2f %%", 100*share)
	}
	return out
}

// aimsOfCredit are those that hang on whether credit is short.
func (r *Report) aimsOfCredit(out []Aim, short bool, is func(bool) Verdict) {
	none, mine, best := r.Policies[None], r.Policies[Keeplit], r.Policies[Foresight]
	gain, dark, hot := &out[3], &out[4], &out[5]
	switch {
	case short:
		gain.Is = Moot
	case best != nil && r.GainShare == nil:
		gain.Is, gain.Figure = Moot, "nothing to gain"
	case best != nil:
		gain.Is, gain.Figure = is(*r.GainShare >= gainAim), fmt.Sprintf("%.0f %%", 100**r.GainShare)
	}
	dark.Is, hot.Is = Moot, Moot
	if !short {
		return
	}
	dark.Is, dark.Figure = is(mine.HoursOff <= none.HoursOff/2), fmt.Sprintf("%.1f of %.1f h", mine.HoursOff, none.HoursOff)
	if mine.HotHours != nil && none.HotHours != nil {
		hot.Is, hot.Figure = is(*mine.HotHours >= hotAim), fmt.Sprintf("%.2f h (`none` %.2f)", *mine.HotHours, *none.HotHours)
	}
}
