package optimizer

// snapshot and restore keep a state to return to.
type snapshot struct {
	kw   [][]float64
	own  []float64
	bat  []float64
	z    []float64
	cost float64
}

func (l *local) save(into *snapshot) {
	if into.kw == nil {
		into.kw = make([][]float64, len(l.kw))
	}
	for i := range l.kw {
		into.kw[i] = append(into.kw[i][:0], l.kw[i]...)
	}
	into.own = append(into.own[:0], l.own...)
	into.bat = append(into.bat[:0], l.bat...)
	into.z = append(into.z[:0], l.z...)
	into.cost = l.cost
}

func (l *local) restore(from *snapshot) {
	for i := range l.kw {
		l.kw[i] = append(l.kw[i][:0], from.kw[i]...)
	}
	copy(l.own, from.own)
	copy(l.bat, from.bat)
	copy(l.z, from.z)
	l.cost = from.cost
}

// plan writes the state as a plan.
func (l *local) plan() *Plan {
	n := l.p.N
	plan := &Plan{Format: PlanFormat, Instance: l.p.Name, Loads: make(map[string]LoadPlan, len(l.units)), PVUsedKW: make([]float64, n), ShedKW: make([]float64, n)}
	for i, u := range l.units {
		plan.Loads[u.l.ID] = LoadPlan{KW: append([]float64(nil), l.kw[i]...)}
	}
	if l.p.Battery != nil {
		plan.BatteryKW = append([]float64(nil), l.bat...)
	}
	for t := range n {
		balance(l.p, plan, t, l.z[t], 0)
	}
	return plan
}
