package planning

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// Extra is what energy used on top costs, by when it begins: in money, and in time by
// which the credit ends sooner.
type Extra struct {
	ID     string        `json:"id,omitempty"` // of the load of which it is one run; "": one kWh, used evenly in an hour
	Energy units.Energy  `json:"energy"`
	Cost   []units.Money `json:"cost"` // by Outlook.Starts
	// Later is how much of Cost is charged for what is used afterwards, which it moves into
	// dearer blocks of the month; none where prices know no blocks.
	Later  []units.Money `json:"later,omitempty"`
	Sooner []int         `json:"sooner_s,omitempty"` // the same, in seconds: it is stored with each checkpoint; none: not known
}

// Light is by how much sooner the credit ends with the k-th start; 0 where not known.
func (x *Extra) Light(k int) time.Duration {
	if k >= len(x.Sooner) {
		return 0
	}
	return time.Duration(x.Sooner[k]) * time.Second
}

// margins is what consumption as foreseen comes to where the next kWh depends on it.
type margins struct {
	v     *vista
	kwh   []float64 // by slot: the mean of the futures with what is planned
	used  []units.Energy
	until []units.Energy // the same up to the mean end of the credit
	peak  []units.Power  // by demand charge: what is paid for or foreseen
	group []map[int64]units.Energy
	past  [][]units.Energy // by ladder: what has been used on it up to each slot
}

// hoursAhead are the slots in which what is used on top may begin: now, and at each full
// hour of the plan.
func (s *Rules) hoursAhead(v *vista) []int {
	out := []int{0}
	last := min(len(v.slots), int(s.Ahead/s.Interval))
	for i := 1; i < last; i++ {
		if at := v.slots[i].Start.In(s.Zone); at.Minute() < int(s.Interval.Minutes()) {
			out = append(out, i)
		}
	}
	return out
}

// extras are what one kWh and one run of each load cost on top, begun in each of the
// slots.
func (s *Rules) extras(v *vista, c forecast.Credit, m *margins, starts []int) []Extra {
	hour := s.spread(units.Kilowatt, time.Hour)
	out := []Extra{{Energy: units.KilowattHour}}
	uses := [][]float64{hour}
	for _, l := range s.Loads {
		if l.Power > 0 && l.Kind.Runs() {
			out = append(out, Extra{ID: l.ID, Energy: l.Power.Over(oneRun(l))})
			uses = append(uses, s.spread(l.Power, oneRun(l)))
		}
	}
	var runs []forecast.Run
	for i := range out {
		for _, t := range starts {
			cost, light := m.of(t, uses[i])
			out[i].Cost = append(out[i].Cost, cost)
			if len(v.table.Ladders) > 0 && v.purse.tariff != nil {
				out[i].Later = append(out[i].Later, m.later(t, uses[i]))
			}
			runs = append(runs, forecast.Run{From: t, To: t + len(uses[i]), Cost: light.Float()})
		}
	}
	sooner := v.paths.Light(c, runs)
	if len(sooner) == 0 {
		return out
	}
	// Where the next kWh costs more the more was used before, each future has a cost of
	// its own: it is followed for what begins now, and the other hours go by that.
	var exact []time.Duration
	if len(v.table.Ladders) > 0 {
		exact = v.paths.Sooner(c, uses...)
	}
	for i := range out {
		of := sooner[i*len(starts) : (i+1)*len(starts)]
		scale := 1.0
		if len(exact) > 0 && of[0] > 0 && exact[i] > 0 {
			scale = float64(exact[i]) / float64(of[0])
		}
		for _, d := range of {
			out[i].Sooner = append(out[i].Sooner, int(math.Round(d.Seconds()*scale)))
		}
	}
	return out
}

// spread is what a power uses in slots while it runs, in kWh.
func (s *Rules) spread(power units.Power, length time.Duration) []float64 {
	out := make([]float64, s.in(length, s.Interval))
	for i := range out {
		part := min(s.Interval, length-time.Duration(i)*s.Interval)
		out[i] = power.KW() * part.Hours()
	}
	return out
}

func newMargins(v *vista, planned []float64, ends int) *margins {
	m := &margins{v: v, kwh: make([]float64, len(v.slots))}
	for _, path := range v.paths.Paths {
		for t, x := range path {
			m.kwh[t] += x
		}
	}
	for t := range m.kwh {
		m.kwh[t] = m.kwh[t]/float64(len(v.paths.Paths)) + planned[t]
	}
	v.cell.along(m.kwh)
	tab := &v.table
	m.used, m.until = make([]units.Energy, len(tab.Ladders)), make([]units.Energy, len(tab.Ladders))
	m.past = make([][]units.Energy, len(tab.Ladders))
	for i := range tab.Ladders {
		m.past[i] = make([]units.Energy, len(m.kwh)+1)
		for t := tab.Ladders[i].First; t < tab.Ladders[i].Last; t++ {
			m.past[i][t] = m.used[i]
			if e := units.FromKWh(max(0, m.kwh[t])); tab.Ladders[i].Counts(t) {
				m.used[i] += e
				if t < ends {
					m.until[i] += e
				}
			}
		}
	}
	for i := range tab.Demands {
		d := &tab.Demands[i]
		peak, groups := d.Highest, map[int64]units.Energy{}
		if !d.Start.IsZero() {
			groups[d.Start.Unix()] = d.Active
		}
		for t := d.First; t < d.Last; t++ {
			if d.Applies == nil || d.Applies[t-d.First] {
				at := m.interval(d, t)
				groups[at] += units.FromKWh(max(0, m.kwh[t]))
				peak = max(peak, groups[at].Mean(m.length(d)))
			}
		}
		m.peak, m.group = append(m.peak, peak), append(m.group, groups)
	}
	return m
}

// interval names the interval of a demand charge that a slot lies in; a slot that is
// longer is one itself.
func (m *margins) interval(d *tariffs.DemandTable, slot int) int64 {
	return m.v.slots[slot].Start.Truncate(m.length(d)).Unix()
}

func (m *margins) length(d *tariffs.DemandTable) time.Duration {
	return max(d.Interval, m.v.slots[0].Len)
}

// of is what use, slot by slot from one on, costs on top: in all, and of that up to the
// end of the credit.
func (m *margins) of(from int, use []float64) (cost, light units.Money) {
	if m.v.purse.tariff == nil {
		used := units.Energy(0)
		for i, kwh := range use {
			if t := from + i; t < len(m.kwh) {
				used += units.FromKWh(max(0, m.kwh[t]+kwh)) - units.FromKWh(max(0, m.kwh[t]))
			}
		}
		return perKWh.Cost(used), perKWh.Cost(used)
	}
	tab := &m.v.table
	for i, kwh := range use {
		if t := from + i; t < len(m.kwh) {
			cost += slotCost(tab, t, m.kwh[t]+kwh) - slotCost(tab, t, m.kwh[t])
		}
	}
	light = cost
	for k := range tab.Ladders {
		l := &tab.Ladders[k]
		more := units.Energy(0)
		for i, kwh := range use {
			if t := from + i; t < len(m.kwh) && l.Counts(t) {
				more += units.FromKWh(max(0, m.kwh[t]+kwh)) - units.FromKWh(max(0, m.kwh[t]))
			}
		}
		for _, r := range l.Rungs {
			cost += r.Adder.Cost(max(0, m.used[k]+more-r.At) - max(0, m.used[k]-r.At))
			light += r.Adder.Cost(max(0, m.until[k]+more-r.At) - max(0, m.until[k]-r.At))
		}
	}
	for k := range tab.Demands {
		d := &tab.Demands[k]
		peak, at, in := m.peak[k], int64(-1), units.Energy(0)
		for i, kwh := range use {
			t := from + i
			if t < d.First || t >= d.Last || d.Applies != nil && !d.Applies[t-d.First] {
				continue
			}
			if x := m.interval(d, t); x != at {
				at, in = x, m.group[k][x]
			}
			in += units.FromKWh(max(0, m.kwh[t]+kwh)) - units.FromKWh(max(0, m.kwh[t]))
			peak = max(peak, in.Mean(m.length(d)))
		}
		more := units.FromFloat(d.Price.Float() * (peak - m.peak[k]).KW())
		cost += more
		light += more
	}
	return cost, light
}

// later is what use, slot by slot from one on, costs after it has ended: the blocks are used up
// sooner, so that more of the month falls into the dearer ones.
func (m *margins) later(from int, use []float64) (cost units.Money) {
	for k := range m.v.table.Ladders {
		l := &m.v.table.Ladders[k]
		end := min(from+len(use), l.Last)
		if end >= l.Last {
			continue // nothing comes after it
		}
		more := units.Energy(0)
		for i, kwh := range use {
			if t := from + i; t < end && l.Counts(t) {
				more += units.FromKWh(max(0, m.kwh[t]+kwh)) - units.FromKWh(max(0, m.kwh[t]))
			}
		}
		past := m.past[k][max(end, l.First)]
		for _, r := range l.Rungs {
			after := max(0, m.used[k]+more-r.At) - max(0, past+more-r.At)
			cost += r.Adder.Cost(after - (max(0, m.used[k]-r.At) - max(0, past-r.At)))
		}
	}
	return cost
}

// slotCost is what energy in a slot costs at the table's price, below zero where it is
// fed in.
func slotCost(t *tariffs.Table, slot int, kwh float64) units.Money {
	if kwh < 0 {
		return t.Export[slot].Cost(units.FromKWh(kwh))
	}
	return t.Import[slot].Cost(units.FromKWh(kwh))
}
