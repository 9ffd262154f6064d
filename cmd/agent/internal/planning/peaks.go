package planning

import (
	"slices"

	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// peaks tells the problem's demand charges what the base load comes to by itself before the
// month is over: that is paid for whatever is planned, and nothing is to be moved to dearer
// hours so that the first days of a month stay below what the later ones reach anyway.
func (o *outlook) peaks(p *optimizer.Problem, v *vista) {
	for i := range p.Demand {
		if d := &o.table.Demands[i]; d.First == 0 {
			p.Demand[i].FloorKW = max(p.Demand[i].FloorKW, v.ownPeak(d.Name))
		}
	}
}

// ownPeak is the demand in kW that the base load reaches by itself in half of the futures,
// while the charge's month lasts or as far as they go; 0 where there are none.
func (v *vista) ownPeak(charge string) float64 {
	i := slices.IndexFunc(v.table.Demands, func(d tariffs.DemandTable) bool { return d.Name == charge && d.First == 0 })
	if i < 0 || len(v.paths.Paths) == 0 {
		return 0
	}
	far := &v.table.Demands[i]
	long := max(1, int(far.Interval/v.slots[0].Len)) // slots of an interval
	most := make([]float64, 0, len(v.paths.Paths))
	for _, path := range v.paths.Paths {
		greatest, held, first := 0.0, 0.0, far.First
		for t := far.First; t < min(far.Last, len(path)); t++ {
			if far.Applies == nil || far.Applies[t-far.First] {
				held += max(0, path[t])
			}
			if t+1-first == long {
				greatest = max(greatest, held/float64(long))
				held, first = 0, t+1
			}
		}
		most = append(most, greatest/v.slots[0].Len.Hours())
	}
	slices.Sort(most)
	return most[len(most)/2]
}
