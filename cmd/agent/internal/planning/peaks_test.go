package planning

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// Twenty futures, of which the i-th reaches i kW for half an hour, and 400 kW in hours that are
// not charged for.
func TestThePeakThatTheBaseLoadReachesByItselfIsPaidForInAnyCase(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	v := &vista{slots: units.Slots(start, 15*time.Minute, 8)}
	for i := range 20 {
		path := make([]float64, 8)
		path[2], path[3], path[5] = float64(i)/4, float64(i)/4, 100
		v.paths.Paths = append(v.paths.Paths, path)
	}
	v.table.Demands = []tariffs.DemandTable{
		{Name: "next month", First: 4, Last: 8, Interval: 30 * time.Minute},
		{Name: "max", Last: 8, Interval: 30 * time.Minute, Applies: []bool{true, true, true, true, false, false, true, true}},
	}
	for _, c := range []struct {
		situation, charge string
		first             int
		v                 *vista
		paid, want        float64
	}{
		{"half of the futures reach it", "max", 0, v, 3, 10},
		{"the month has had more", "max", 0, v, 12, 12},
		{"a month that begins later", "next month", 4, v, 0, 0},
		{"it is charged in a month to come", "max", 4, v, 3, 3},
		{"no futures", "max", 0, &vista{}, 3, 3},
	} {
		o := outlook{}
		o.table.Demands = []tariffs.DemandTable{{Name: c.charge, First: c.first}}
		p := &optimizer.Problem{Demand: []optimizer.DemandWindow{{FloorKW: c.paid}}}
		o.peaks(p, c.v)
		if got := p.Demand[0].FloorKW; got != c.want {
			t.Errorf("%s: %v kW are taken to be paid for, want %v", c.situation, got, c.want)
		}
	}
}
