package metermatrix

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// good is what should come of a fault.
func good(f fault) verdict {
	v := verdict{used: 500 * units.WattHour, counted: 500 * units.WattHour, charged: units.One / 2, back: true, during: 6, raised: slices.Clone(f.must)}
	if f.ever {
		v.stands, v.counted, v.charged = f.must, 100*units.WattHour, units.One/10
	}
	return v
}

// The judge is worth something only where it finds what is wrong: each kind of wrong is
// put into what should come of each fault.
func TestTheJudgeFindsWhatIsWrong(t *testing.T) {
	k := kind{step: units.WattHour}
	for _, f := range all() {
		if wrong := judge(k, f, good(f)); len(wrong) > 0 {
			t.Errorf("%s: what should come of it is said to be wrong: %v", f.name, wrong)
		}
		for _, row := range []struct {
			name   string
			change func(*verdict)
			not    bool // it cannot be wrong of this fault
		}{
			{"energy that nobody used", func(v *verdict) { v.excess = 100 * units.WattHour }, false},
			{"counted too much in the end", func(v *verdict) { v.counted += 100 * units.WattHour; v.charged += units.One / 10 }, f.ever},
			{"lost", func(v *verdict) { v.counted -= 100 * units.WattHour; v.charged -= units.One / 10 }, f.ever},
			{"charged twice", func(v *verdict) { v.charged *= 2 }, false},
			{"not charged", func(v *verdict) { v.charged = 0 }, false},
			{"no warning", func(v *verdict) { v.raised = nil }, len(f.must) == 0},
			{"a warning of something else", func(v *verdict) { v.raised = append(v.raised, health.MagnetNear) }, false},
			{"a warning that does not end", func(v *verdict) { v.stands = append(v.stands, health.MeterSilent) }, f.ever},
			{"a warning that does not stand", func(v *verdict) { v.stands = nil }, !f.ever},
			{"it is not read", func(v *verdict) { v.during = 0 }, !f.reads},
			{"words that should not be", func(v *verdict) { v.wrong = []string{"-12345.730 kWh before it is not charged"} }, false},
		} {
			v := good(f)
			row.change(&v)
			if wrong := judge(k, f, v); (len(wrong) == 0) != row.not {
				t.Errorf("%s: %s: %v", f.name, row.name, wrong)
			}
		}
	}
}

// plainly is what an agent without a watch would count: what the register went up, or
// power times time.
func plainly(samples []metering.Sample) (byRegister, byPower units.Energy) {
	for i := 1; i < len(samples); i++ {
		a, b := samples[i-1], samples[i]
		if a.Gives(metering.HasImport) && b.Gives(metering.HasImport) {
			byRegister += max(0, b.Import-a.Import)
		}
		if b.Gives(metering.HasPower) {
			byPower += b.Power.Over(min(b.At.Sub(a.At), time.Minute))
		}
	}
	return byRegister, byPower
}

// The same meters with the same faults, read by the same drivers, and nothing that
// watches them: the judge must see it.
func TestAnAgentWithoutAWatchFails(t *testing.T) {
	m := new(mosquitto)
	var wg sync.WaitGroup
	for _, row := range []struct {
		kind, fault string
		power       bool // it is the one that counts by power
	}{
		{"http", "zero once", false},
		{"http", "zero twice", false},
		{"http", "1000 kWh too much, once", false},
		{"http", "1000 kWh too much from now on", false},
		{"p1 serial", "one tariff of two missing", false},
		{"http", "a spike of power", true},
		{"http", "silent for an hour", true},
		{"sml serial", "stands still for five minutes", true},
	} {
		wg.Go(func() {
			t.Run(row.fault, func(t *testing.T) {
				k := pick(kinds(m), func(k kind) bool { return k.name == row.kind })
				f := pick(all(), func(f fault) bool { return f.name == row.fault })
				v := live(t, k, f)
				if wrong := judge(k, f, v); len(wrong) > 0 {
					t.Fatalf("with a watch: %v", wrong)
				}
				byRegister, byPower := plainly(v.samples)
				v.counted = byRegister
				if row.power {
					v.counted = byPower
				}
				v.charged = units.Money(float64(units.One) * v.counted.KWh())
				v.excess = max(0, v.counted-v.used)
				if wrong := judge(k, f, v); len(wrong) == 0 {
					t.Errorf("%v counted of %v used, and the judge sees nothing", v.counted, v.used)
				}
			})
		})
	}
	wg.Wait()
}

func pick[T any](of []T, is func(T) bool) T { return of[slices.IndexFunc(of, is)] }
