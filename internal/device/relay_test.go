package remote

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

func TestMemory(t *testing.T) {
	t0 := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	for _, tc := range []struct {
		name string
		say  func(m *Memory)
		now  int
		want loads.Observation
	}{
		{"nothing heard", func(*Memory) {}, 0, loads.Observation{}},
		{"heard on", func(m *Memory) { m.State(true, at(0)) }, 60, loads.Observation{On: true, Known: true, At: at(0)}},
		{"too long ago", func(m *Memory) { m.State(true, at(0)) }, 61, loads.Observation{}},
		{"gone since", func(m *Memory) { m.State(true, at(0)); m.Offline() }, 1, loads.Observation{}},
		{"back, but not heard of its state", func(m *Memory) { m.State(true, at(0)); m.Offline(); m.Online() }, 1, loads.Observation{}},
		{"power", func(m *Memory) { m.State(true, at(0)); m.Power(9*units.Watt, at(1)) }, 2, loads.Observation{On: true, Known: true, At: at(0), Power: 9 * units.Watt, HasPower: true}},
		{"power of the state before", func(m *Memory) { m.State(true, at(0)); m.Power(9*units.Watt, at(1)); m.State(false, at(2)) }, 2, loads.Observation{Known: true, At: at(2)}},
		{"power too long ago", func(m *Memory) { m.State(true, at(0)); m.Power(9*units.Watt, at(1)); m.State(true, at(50)) }, 62, loads.Observation{On: true, Known: true, At: at(50)}},
		{"a plug's average after off", func(m *Memory) { m.State(false, at(0)); m.Power(900*units.Watt, at(29)) }, 30, loads.Observation{Known: true, At: at(0), Power: 900 * units.Watt, HasPower: true}},
		{"says off and conducts: welded", func(m *Memory) { m.State(false, at(0)); m.Power(900*units.Watt, at(30)) }, 30, loads.Observation{On: true, Known: true, At: at(30), Power: 900 * units.Watt, HasPower: true}},
		{"a meter's offset is no weld", func(m *Memory) { m.State(false, at(0)); m.Power(2*units.Watt, at(40)) }, 40, loads.Observation{Known: true, At: at(0), Power: 2 * units.Watt, HasPower: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var m Memory
			tc.say(&m)
			if d := cmp.Diff(tc.want, m.Observed(at(tc.now), time.Minute)); d != "" {
				t.Error(d)
			}
		})
	}
}
