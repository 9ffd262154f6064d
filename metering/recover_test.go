package metering

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// at is a sample of a plug at so much time after ten o'clock.
func at(d time.Duration, kwh float64) Sample {
	return Sample{At: day("10:00:00").Add(d), Has: HasImport, Import: units.FromKWh(kwh), Step: wh}
}

func sum(s Sample, parts uint16) Sample {
	s.ImportSum = parts
	return s
}

// bare is a sample of nothing but a register of which nobody knows in which steps it counts.
func bare(d time.Duration, kwh float64) Sample {
	s := at(d, kwh)
	s.Step = 0
	return s
}

// still is a register that stands still for so long while so much power is told, and is
// then so many kWh further on.
func still(d time.Duration, watts, kwh float64) (out []Sample) {
	tell := func(at time.Duration, e float64) {
		s := both("10:00:00", units.FromKWh(30+e), watts)
		s.At = s.At.Add(at)
		out = append(out, s)
	}
	for t := time.Duration(0); t < d; t += 10 * time.Second {
		tell(t, 0)
	}
	tell(d, kwh)
	tell(d+10*time.Second, kwh)
	return out
}

// A register that shows something else, goes silent and is there again is
// charged for what was used, and not for what it shows.
func TestARegisterThatShowsZeroAndComesBackIsNotChargedWhole(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, row := range []struct {
		name    string
		samples []Sample
		want    units.Energy
	}{
		{"zero twice, three hours of silence, and back", []Sample{at(0, 30), at(10*s, 30.002), at(20*s, 0), at(30*s, 0), at(3*h, 30.003)}, 3 * wh},
		{"zero once, three hours of silence, and back", []Sample{at(0, 30), at(10*s, 30.002), at(20*s, 0), at(3*h, 30.003)}, 3 * wh},
		{"zero twice and back at once", []Sample{at(0, 30), at(10*s, 30.002), at(20*s, 0), at(30*s, 0), at(40*s, 30.003)}, 3 * wh},
		{"zero twice and back at once, where all of it could have been drawn since", []Sample{at(0, 0.3), at(m, 0.302), at(2*m, 0), at(3*m, 0), at(4*m, 0.305)}, 5 * wh},
		{"set back at little: what it counts from zero is charged", []Sample{at(0, 0.3), at(m, 0), at(2*m, 0), at(3*m, 0.1), at(4*m, 0.2), at(5*m, 0.35)}, 350 * wh},
		{"zero for an hour and back", []Sample{at(0, 30), at(10*s, 0), at(m, 0), at(2*m, 0), at(62*m, 0), at(63*m, 30.5)}, 500 * wh},
		{"it counts from zero for a while; what it counted there is in what it shows later", []Sample{at(0, 30), at(10*s, 0), at(20*s, 0), at(40*s, 0.004), at(3*h, 30.01)}, 10 * wh},
		{"it has lost the last hour when it is back", []Sample{at(0, 30), at(10*s, 0), at(20*s, 0), at(3*h, 29.6)}, 0},
		{"it shows zero once and has lost the last hour when it is back", []Sample{at(0, 30), at(10*s, 0), at(3*h, 29.6)}, 0},
		{"it was really set back: what it counts from zero is charged", []Sample{at(0, 30), at(10*s, 0), at(20*s, 0), at(3*h, 2), at(3*h+10*s, 2.001)}, 2001 * wh},
		{"its first word is zero, before it has found its register", []Sample{at(0, 0), at(10*s, 0), at(3*h, 30)}, 0},
		{"a new meter begins at zero", []Sample{at(0, 0), at(10*s, 0.001), at(20*s, 0.002)}, 2 * wh},
		{"a jump for good, then silence", []Sample{at(0, 30), at(10*s, 60), at(4*h, 62)}, 2 * kWh},
		{"half of a sum twice, silence, the other half, and the whole", []Sample{at(0, 145.5), at(10*s, 100), at(20*s, 100), at(3*h, 45.6), at(6*h, 145.6)}, 100 * wh},
		{"half of a sum twice, silence, and the whole", []Sample{at(0, 145.5), at(10*s, 100), at(20*s, 100), at(3*h, 145.6)}, 100 * wh},
		{"another meter, silence, and the old one", []Sample{at(0, 500), at(10*s, 3), at(20*s, 3), at(30*h, 500.1)}, 100 * wh},
		{"another meter by its name, silence, and the old one without a name", []Sample{named(at(0, 500), "A"), named(at(10*s, 3), "B"), at(23*h, 500.1)}, 100 * wh},
		{"a name garbled once", []Sample{named(at(0, 500), "A"), named(at(10*s, 500.01), "X"), named(at(20*s, 500.02), "A")}, 20 * wh},
		{"two meters that answer in turn", []Sample{named(at(0, 500), "A"), named(at(10*s, 900), "B"), named(at(20*s, 500.01), "A"), named(at(30*s, 900.01), "B"), named(at(40*s, 500.02), "A")}, 20 * wh},
		{"a new base that has proved itself grows past the old one", []Sample{
			at(0, 1), at(10*s, 0), at(20*s, 0), at(12*h, 0.4), at(12*h+m, 0.5), at(25*h, 0.6), at(25*h+m, 0.7), at(30*h, 1.1), at(40*h, 3),
		}, 3 * kWh},
		{"a tariff's line is lost in two telegrams, then silence", []Sample{sum(at(0, 145.5), 6), sum(at(10*s, 100), 2), sum(at(20*s, 100), 2), sum(at(3*h, 145.6), 6)}, 100 * wh},
		{"one tariff of two passes its last digit", []Sample{
			wraps(sum(at(0, 1_000_699.999), 6), 1_000_000*kWh), wraps(sum(at(10*s, 700.002), 6), 1_000_000*kWh), wraps(sum(at(20*s, 700.004), 6), 1_000_000*kWh),
		}, 5 * wh},
		{"a sum of tariffs that is set back is no rollover", []Sample{wraps(sum(at(0, 1_500), 6), 1_000_000*kWh), wraps(sum(at(10*s, 700), 6), 1_000_000*kWh)}, 0},
		{"it stands still for ten minutes while power flows, and shows what was used then", still(10*m, 2_000, 0.3), 300 * wh},
		{"it stands still while power flows, and then shows more than can have been drawn: power stands in", still(10*m, 2_000, 20), (2 * units.Kilowatt).Over(10 * s)},
		{"it stands still for a night in which nothing flows, and jumps", still(8*h, 0, 5), 0},
		{"it counts in whole kWh, and nobody tells so nor any power", []Sample{bare(0, 7), bare(10*s, 7), bare(h, 7), bare(h+10*s, 8), bare(h+20*s, 8)}, kWh},
		{"it counts in whole kWh and jumps by two", []Sample{bare(0, 7), bare(10*s, 7), bare(h, 7), bare(h+10*s, 9), bare(h+20*s, 9)}, 0},
		{"a tariff's line is lost for a moment", []Sample{sum(at(0, 145.5), 6), sum(at(10*s, 100), 2), sum(at(20*s, 145.51), 6)}, 10 * wh},
		{"the total is lost and the tariffs are there", []Sample{sum(at(0, 500), 1), sum(at(10*s, 145.5), 6), sum(at(20*s, 500.01), 1)}, 10 * wh},
		{"a new tariff comes in with nothing in it", []Sample{sum(at(0, 145.5), 2), sum(at(10*s, 145.501), 6), sum(at(20*s, 145.502), 6)}, 2 * wh},
		{"a new tariff comes in with much in it, and stays", []Sample{
			sum(at(0, 145.5), 2), sum(at(m, 245.5), 6), sum(at(2*m, 245.5), 6), sum(at(12*m, 245.6), 6), sum(at(13*m, 245.61), 6),
		}, 10 * wh},
	} {
		t.Run(row.name, func(t *testing.T) {
			var r, out Registers
			for _, s := range row.samples {
				r, _, _ = r.Take(s, DefaultLimits())
				s.Has, s.Export, s.ExportSum, s.Power = s.Has&^HasImport|HasExport, s.Import, s.ImportSum, -s.Power
				s.Import, s.ImportSum = 0, 0
				out, _, _ = out.Take(s, DefaultLimits())
			}
			if r.Import != row.want {
				t.Errorf("counted %d uJ, want %d", r.Import, row.want)
			}
			if out.Export != row.want {
				t.Errorf("exported: counted %d uJ, want %d", out.Export, row.want)
			}
		})
	}
}

// life is a house and its meter: what was used, and what the meter shows.
type life struct {
	at     time.Time
	used   units.Energy
	half   units.Energy // of what was used, in the second tariff
	offset units.Energy // where this meter began
	second units.Energy // and its second tariff
}

func (l *life) pass(d time.Duration, p units.Power, night bool) {
	l.at = l.at.Add(d)
	l.used += p.Over(d)
	if night {
		l.half += p.Over(d)
	}
}

func (l *life) whole() units.Energy { return l.offset + l.used }

// lives lets a house live through faults: each is some samples of something
// else, and may end in silence.  It answers what was counted, what was used,
// how many faults there were, and the time of it all.
func lives(pick func(n int64) int64, lim Limits, told bool) (counted, used units.Energy, faults int, whole time.Duration) {
	l := life{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	l.offset = units.Energy(1+pick(20_000)) * kWh
	l.second = units.Energy(pick(int64(l.offset/kWh)/2+1)) * kWh
	begin := l.at
	var r Registers
	names, name := pick(2) == 0, int64(0)
	show := func(v units.Energy, p units.Power) {
		s := Sample{At: l.at, Has: HasImport, Import: v, Step: wh}
		if told {
			s.Has |= HasPower
			s.Power = p
		}
		if names {
			s.Device = string(rune('A' + name))
		}
		r, _, _ = r.Take(s, lim)
	}
	power := func() units.Power { return units.Power(pick(int64(lim.MaxPower) / 4)) }
	run := func(n int64, what func() units.Energy) {
		for range n {
			p := power()
			l.pass(time.Duration(2+pick(30))*time.Second, p, pick(2) == 0)
			show(what(), p)
		}
	}
	silence := func() {
		if pick(2) == 0 {
			l.pass(time.Duration(pick(int64(20*time.Hour))), power(), pick(2) == 0)
		}
	}
	run(3, l.whole)
	for range 1 + pick(6) {
		faults++
		switch pick(5) {
		case 0: // drops to zero
			run(1+pick(5), func() units.Energy { return 0 })
		case 1: // begins to count from zero, and finds its register again
			from := l.used
			run(2+pick(5), func() units.Energy { return l.used - from })
		case 2: // one part of the sum is lost, or the other
			part := func() units.Energy { return l.second + l.half }
			if pick(2) == 0 {
				part = func() units.Energy { return l.whole() - l.second - l.half }
			}
			run(1+pick(5), part)
		case 3: // nothing but silence
			l.pass(time.Duration(pick(int64(20*time.Hour))), power(), false)
		case 4: // another meter
			l.second, l.half = 0, 0
			if names { // any other, by its name
				name++
				l.offset = units.Energy(pick(20_000))*kWh - l.used
			} else { // a new one; without a name an old one with more on it looks like use
				l.offset = -l.used
			}
		}
		silence()
		run(1+pick(6), l.whole)
	}
	return r.Import, l.used, faults, l.at.Sub(begin)
}

// slackOf is what one fault can add: the register may be taken for another one
// that lies no further off than the supply can carry between two samples, and
// while it is in doubt the power between them is charged.
func slackOf(lim Limits) units.Energy { return 2 * lim.MaxPower.Over(32*time.Second+lim.Slack) }

// Whatever sequence of faults a register goes through, no more is counted than
// was used, but for the little that cannot be told apart; and never more than
// the supply can carry.
func TestNoSequenceOfRegisterFaultsChargesMoreThanWasUsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lim := DefaultLimits()
		told := rapid.Bool().Draw(t, "told")
		counted, used, faults, whole := lives(func(n int64) int64 { return rapid.Int64Range(0, max(0, n-1)).Draw(t, "") }, lim, told)
		if over := counted - used; over > units.Energy(faults)*slackOf(lim) {
			t.Fatalf("counted %s, used %s, after %d faults", counted, used, faults)
		}
		if most := lim.MaxPower.Over(whole + lim.Slack*time.Duration(2+faults)); counted > most {
			t.Fatalf("counted %s in %s", counted, whole)
		}
	})
}

// The same over many random lives, with the figures.
func TestRandomLivesOfAMeter(t *testing.T) {
	lim := DefaultLimits()
	var worst, sumOver, short, used units.Energy
	over := 0
	const n = 20_000
	for seed := range uint64(n) {
		r := rand.New(rand.NewPCG(seed, 14)) //nolint:gosec // a test's own numbers
		c, u, faults, _ := lives(func(n int64) int64 { return r.Int64N(max(1, n)) }, lim, seed%2 == 0)
		used += u
		d := c - u
		if d < 0 {
			short -= d
			continue
		}
		worst = max(worst, d)
		if d > units.Energy(faults)*slackOf(lim) {
			over++
		}
		sumOver += d
	}
	t.Logf("%d lives: %s used; charged too much %s in all, at most %s in one; %d above the bound; not charged %s", n, used, sumOver, worst, over, short)
	if over > 0 {
		t.Errorf("%d lives were charged more than the bound, at most %s", over, worst)
	}
}

// The state with former registers is stored and comes back the same.
func TestFormerRegistersAreStored(t *testing.T) {
	var r Registers
	for _, s := range []Sample{at(0, 30), at(time.Second, 0), at(2*time.Second, 0), sum(at(3*time.Second, 0.001), 3)} {
		r, _, _ = r.Take(s, DefaultLimits())
	}
	before := r
	if len(r.ImportCounter.Former) != 1 {
		t.Fatalf("it remembers %+v", r.ImportCounter.Former)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Registers
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, r) {
		t.Errorf("stored %+v, came back %+v", r, back)
	}
	moved := r.Reclocked(time.Hour)
	if got := moved.ImportCounter.Former[0].At.Sub(r.ImportCounter.Former[0].At); got != time.Hour {
		t.Errorf("the clock was set by an hour, the former register by %s", got)
	}
	if !reflect.DeepEqual(before, r) {
		t.Error("setting the clock changed the state before it")
	}
}
