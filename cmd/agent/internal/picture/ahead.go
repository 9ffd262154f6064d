package picture

import (
	"slices"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
)

// ahead is what a kWh ("") or a run of a load costs on top, from now on; none where no
// plan that may be believed says so.
func (m *Maker) ahead(st *control.State, id string) []Start {
	if !st.Foresees() || st.Hold != nil || st.Credit.Unlocked {
		return nil
	}
	o := &st.Plan.Outlook
	i := slices.IndexFunc(o.Extra, func(x planning.Extra) bool { return x.ID == id })
	if i < 0 || len(o.Extra[i].Cost) != len(o.Starts) {
		return nil
	}
	light := m.runOut(st).Known
	var out []Start
	for k, at := range o.Starts {
		if k+1 < len(o.Starts) && !o.Starts[k+1].After(st.Now) {
			continue // it is over: the next one is now
		}
		s := Start{At: at, Cost: o.Extra[i].Cost[k]}
		if len(o.Extra[i].Later) == len(o.Starts) {
			s.Later = o.Extra[i].Later[k]
		}
		if light {
			s.Sooner = o.Extra[i].Light(k)
		}
		out = append(out, s)
	}
	return out
}

// Best is the first start at which a run costs least money; ok is false where that is
// now.
func (l Load) Best() (best Start, ok bool) {
	for i, s := range l.Ahead {
		if i == 0 {
			best = s
			continue
		}
		if s.Cost < best.Cost {
			best, ok = s, true
		}
	}
	return best, ok
}
