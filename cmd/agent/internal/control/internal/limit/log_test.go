package limit

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/units"
)

func TestWhatHeldIsWrittenDownWithWhatWasDrawn(t *testing.T) {
	dim := policy.InForce{Source: policy.Contact, Phase: policy.Limited, Limit: 4200 * units.Watt, Loads: []string{"car"}, From: noon}
	own := policy.InForce{Source: policy.Own, Phase: policy.Limited, Limit: 9 * kW}
	free := policy.InForce{Source: policy.Own, Phase: policy.Unlimited}
	var l Log
	var over []Record
	now := noon
	step := func(d time.Duration, power units.Power, known bool, curbs ...policy.InForce) {
		before := now
		now = now.Add(d)
		var some []Record
		l, some = l.Step(before, now, curbs, func(loads []string, whole bool) Drawn {
			if whole {
				return Drawn{Power: power + kW, Known: known}
			}
			return Drawn{Power: power, Known: known, Told: true}
		})
		over = append(over, some...)
	}
	step(0, 7*kW, true, dim, free)
	step(2*time.Second, 7*kW, true, dim, free) // it takes two seconds
	step(time.Hour, 4*kW, true, dim, own)
	step(time.Hour, 0, false, dim, own) // the meter and the device are silent
	step(time.Second, 4*kW, true, own)
	if len(over) != 1 || len(l.Open) != 1 || l.N != 2 {
		t.Fatalf("%+v, open %+v", over, l)
	}
	r := over[0]
	if r.N != 1 || r.Source != policy.Contact || r.Whole || !r.Told || !r.From.Equal(noon) || !r.To.Equal(now) || r.Most != 7*kW ||
		r.Over != 2*time.Second || !r.Met.Equal(noon.Add(time.Hour+2*time.Second)) || r.Measured != time.Hour+3*time.Second {
		t.Errorf("%+v", r)
	}
	if want := (7 * kW).Over(2*time.Second) + (4 * kW).Over(time.Hour) + (4 * kW).Over(time.Second); r.Energy != want {
		t.Errorf("%s, want %s", r.Energy, want)
	}
	step(time.Second, 4*kW, true, policy.InForce{Source: policy.Own, Phase: policy.FailSafe, Limit: 9 * kW})
	if len(over) != 2 || over[1].Phase != policy.Limited || l.Open[0].Phase != policy.FailSafe {
		t.Errorf("fail-safe is another record: %+v, %+v", over, l.Open)
	}
}

func TestOneWhoChangesHisMindEachSecondFillsNoDisk(t *testing.T) {
	var l Log
	now, written := noon, 0
	for i := range 4 * 3600 {
		before := now
		now = now.Add(time.Second)
		var over []Record
		l, over = l.Step(before, now, []policy.InForce{{Source: policy.Own, Phase: policy.Limited, Limit: units.Power(3+i%2) * kW}}, func([]string, bool) Drawn { return Drawn{} })
		written += len(over)
	}
	if written > 4*mostAnHour || written < 4*mostAnHour-4 || l.N != 4*3600 {
		t.Errorf("%d are written down of %d", written, l.N)
	}
}

// However limits come and go, each that is not left out is written down once, with a time that
// does not run back, and records of one source follow each other.
func TestEachLimitIsWrittenDownOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var l Log
		now, begun, over := noon, map[uint64]bool{}, map[uint64]bool{}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			before := now
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, -time.Hour}).Draw(rt, "wait"))
			var curbs []policy.InForce
			for _, from := range []policy.Source{policy.Signed, policy.Contact, policy.Own} {
				if kw := rapid.IntRange(0, 3).Draw(rt, "kW"); kw > 0 {
					curbs = append(curbs, policy.InForce{Source: from, Phase: policy.Limited, Limit: units.Power(kw) * kW})
				}
			}
			var some []Record
			l, some = l.Step(before, now, curbs, func([]string, bool) Drawn { return Drawn{Power: 2 * kW, Known: true} })
			for _, r := range l.Open {
				begun[r.N] = true
			}
			for _, r := range some {
				if over[r.N] || r.To.Before(r.From) || r.Over > r.Measured || r.Energy < 0 {
					rt.Fatalf("%+v", r)
				}
				over[r.N] = true
			}
			if len(l.Open) != len(curbs) {
				rt.Fatalf("%d hold and %d are open", len(curbs), len(l.Open))
			}
		}
		if len(begun) != int(l.N) || len(over)+len(l.Open) != len(begun) {
			rt.Fatalf("%d begun, %d counted, %d over, %d open", len(begun), l.N, len(over), len(l.Open))
		}
	})
}
