package local

import (
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// Snapshot and restore keep a state to return to.
type Snapshot struct {
	KW      [][]float64
	own     []float64
	bat     []float64
	z       []float64
	Cost    float64
	Real    float64
	Promise float64
}

// Save notes the present state.
func (l *Search) Save(into *Snapshot) {
	if into.KW == nil {
		into.KW = make([][]float64, len(l.KW))
	}
	for i := range l.KW {
		into.KW[i] = append(into.KW[i][:0], l.KW[i]...)
	}
	into.own = append(into.own[:0], l.own...)
	into.bat = append(into.bat[:0], l.bat...)
	into.z = append(into.z[:0], l.z...)
	into.Cost, into.Real, into.Promise = l.Cost, l.Real, l.Promise
}

// Restore goes back to a state that was noted.
func (l *Search) Restore(from *Snapshot) {
	for i := range l.KW {
		l.KW[i] = append(l.KW[i][:0], from.KW[i]...)
	}
	copy(l.own, from.own)
	copy(l.bat, from.bat)
	copy(l.z, from.z)
	l.Cost, l.Real, l.Promise = from.Cost, from.Real, from.Promise
}

// Plan writes the state as a plan.
func (l *Search) Plan() *model.Plan {
	n := l.p.N
	plan := &model.Plan{Format: model.PlanFormat, Instance: l.p.Name, Loads: make(map[string]model.LoadPlan, len(l.Units)), PVUsedKW: make([]float64, n), ShedKW: make([]float64, n)}
	for i, u := range l.Units {
		plan.Loads[u.Load.ID] = model.LoadPlan{KW: append([]float64(nil), l.KW[i]...)}
	}
	if l.p.Battery != nil {
		plan.BatteryKW = append([]float64(nil), l.bat...)
	}
	for t := range n {
		master.Balance(l.p, plan, t, l.z[t], 0)
	}
	return plan
}
