package optimizer

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/bound"
	"github.com/keeplit/keeplit/optimizer/internal/local"
)

// Memory is what one Solve leaves for the next: the prices at which the loads
// and the slots of the tighter bound agreed, and the schedules and choices
// that were mixed there.  A re-plan that has it starts about where the last
// search ended.  The zero value knows nothing.  It holds for one site and must
// not be used by two calls of Solve at once.
type Memory struct {
	mixed  bound.Mixtures
	elites []*Plan
	gap    float64 // that was not proven
	unit   float64 // of the prices; see Problem.Unit
	dives  int     // slots of the problem of which the linear programme's dive found nearly the best plan
}

// Shift moves the memory k slots on, as Plan.Shift does the plan.
func (m *Memory) Shift(k int) {
	if m.mixed.N == 0 || k <= 0 {
		return
	}
	if k >= m.mixed.N {
		*m = Memory{}
		return
	}
	m.mixed.Shift(k)
	for i := range m.elites {
		m.elites[i] = m.elites[i].Shift(k)
	}
}

// remember fills the memory with what the search leaves.
func (s *search) remember(m *Memory) {
	if s.mixed != nil {
		*m = Memory{dives: m.dives, unit: s.unit, mixed: bound.NewMixtures(s.mixed)}
		l := local.New(s.Effort, s.m)
		for _, x := range s.elites.All {
			l.Restore(x)
			m.elites = append(m.elites, l.Plan())
		}
		m.gap = s.gap()
	}
	switch {
	case math.IsNaN(s.dived): // there was no dive this time
	case s.dived <= s.best.Cost+diveGain*math.Abs(s.best.Cost):
		m.dives = s.p.N
	default:
		m.dives = 0
	}
}

// recall makes a tightener that starts from the memory; nil where there is none that
// fits the problem.
func (s *search) recall() *bound.Tightener {
	mem := s.opt.Memory
	if mem == nil || s.start == nil {
		return nil
	}
	if mem.mixed.N > 0 && mem.unit != s.unit { // prices have crossed a border
		mem.mixed.Recount(mem.unit / s.unit)
		mem.unit = s.unit
	}
	q, y := mem.mixed.Recall(s.Effort, s.m, s.start)
	if q != nil {
		s.yBest = y
	}
	return q
}
