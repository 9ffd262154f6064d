package control

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/beside"
)

// readBench is a site whose meter is read each ten minutes, which is no gap, and that plans
// nothing.
func readBench(t *testing.T) *bench {
	b := newBench(t)
	b.planner = nil
	b.site.Limits.MaxGap, b.site.SilentAfter = 15*time.Minute, 20*time.Minute
	alone(b)
	b.step(Input{What: Token{Text: tokenFor(t, 1, 400), Source: "page"}})
	return b
}

// reads tells what the utility's meter shows.
func (b *bench) reads(m MeterReading) Effects {
	b.t.Helper()
	m.By = "page"
	return b.step(Input{What: m})
}

// refusal is why something was not taken; "" where it was.
func refusal(eff Effects) string {
	var not *NotTakenError
	if errors.As(eff.Reply.Err, &not) {
		return not.Says[0].Kind
	}
	if eff.Reply.Err != nil {
		return eff.Reply.Err.Error()
	}
	return ""
}

func TestTheUtilitysMeterIsHeldAgainstOurs(t *testing.T) {
	b := readBench(t)
	b.power = 2 * units.Kilowatt
	b.run(time.Hour, 10*time.Minute)
	if eff := b.reads(MeterReading{Shown: "1000.0"}); refusal(eff) != "" || !eff.Durable || !slices.Equal(codes(eff.Events), []string{"meter_reading"}) {
		t.Fatalf("%v, %v", eff.Reply.Err, codes(eff.Events))
	}
	b.run(24*time.Hour, 10*time.Minute)
	if eff := b.reads(MeterReading{Shown: "1048.0"}); refusal(eff) != "" || b.st.Health.Has(health.MetersDiffer, "") {
		t.Fatalf("both count 48 kWh: %v, %+v", eff.Reply.Err, b.st.Health.Active)
	}
	// Of an hour ago the trail knows it; the register then stood two kWh lower.
	at := b.now.Add(-time.Hour)
	if eff := b.reads(MeterReading{Shown: "1046.0", At: at.Format(time.RFC3339)}); refusal(eff) != "" {
		t.Fatal(eff.Reply.Err)
	}
	if own := b.st.Beside.Readings[1].Here; b.st.Beside.Readings[2].Here.Own-own.Own != 2*units.KilowattHour || !own.At.Equal(at) {
		t.Errorf("an hour ago: %+v of %v", own, b.st.Meter.Registers.Import)
	}
	b.run(24*time.Hour, 10*time.Minute)
	for _, shown := range []string{"1190.0", "1102.0"} {
		if eff := b.reads(MeterReading{Shown: shown}); shown == "1190.0" && refusal(eff) != "reading.unlikely" || shown == "1102.0" && !b.st.Health.Has(health.MetersDiffer, "") {
			t.Errorf("%s beside 48: %v, %+v", shown, eff.Reply.Err, b.st.Health.Active)
		}
	}
	if eff := b.step(Input{What: WithdrawReading{N: b.st.Beside.Last, By: "page"}}); eff.Reply.Err != nil || b.st.Health.Has(health.MetersDiffer, "") {
		t.Errorf("taken back: %v, %+v", eff.Reply.Err, b.st.Health.Active)
	}
	if got := refusal(b.step(Input{What: WithdrawReading{N: 99}})); got != "reading.none" {
		t.Errorf("one that there is not: %q", got)
	}
	// Another meter of ours is put in: what is counted goes on.
	b.register = 0
	b.run(6*time.Hour, 10*time.Minute)
	for k, shown := range []string{"1108.0", "1120.0"} {
		if eff := b.reads(MeterReading{Shown: shown, Sure: true}); refusal(eff) != "" {
			t.Fatalf("%d: %v", k, eff.Reply.Err)
		}
		b.run(6*time.Hour, 10*time.Minute)
	}
	if a := b.site.Compared(&b.st); a.Judged.Is != beside.Agree || a.Judged.Utility != 12*units.KilowattHour {
		t.Errorf("%+v", a.Judged)
	}
}

func TestReadingsThatAreNotTaken(t *testing.T) {
	for _, c := range []struct {
		situation string
		before    func(*bench)
		m         MeterReading
		want      string
	}{
		{"no number", nil, MeterReading{Shown: "many"}, "reading.number"},
		{"no time", nil, MeterReading{Shown: "412.3", At: "then"}, "reading.time"},
		{"in the future", nil, MeterReading{Shown: "412.3", At: "2026-12-31 00:00"}, "reading.ahead"},
		{"years ago", nil, MeterReading{Shown: "412.3", At: "2020-12-31 00:00"}, "reading.old"},
		{"before anything was measured", nil, MeterReading{Shown: "412.3", At: "2026-11-01 00:00"}, "reading.unknown"},
		{"the records know of it, from an edge that the trail has not", nil, MeterReading{Shown: "412.3", At: "2026-11-01 00:00", Past: &beside.Past{Edge: begin().AddDate(0, 0, -3)}}, "reading.unknown"},
		{"nothing bought of a register", nil, MeterReading{Shown: "412.3", Bought: "3"}, "reading.bought"},
		{"bought no number", nil, MeterReading{Shown: "412.3", Left: true, Bought: "x"}, "reading.number"},
		{"the meter here was never read", func(b *bench) { b.st.Meter = MeterState{Intervals: metering.Intervals{Period: b.site.Interval}} }, MeterReading{Shown: "412.3"}, "reading.nothing"},
		{"the meter here is silent", func(b *bench) {
			b.now = b.now.Add(b.site.SilentAfter + time.Minute)
			b.step(Input{})
		}, MeterReading{Shown: "412.3"}, "reading.silent"},
		{"the clock was never set", func(b *bench) { b.st.Clock.Young = true }, MeterReading{Shown: "412.3"}, "reading.young"},
		{"the records are held", func(b *bench) { b.st.Hold = &Hold{Since: b.now, Why: "x"} }, MeterReading{Shown: "412.3"}, ErrHeld.Error()},
	} {
		t.Run(c.situation, func(t *testing.T) {
			b := readBench(t)
			b.run(40*time.Minute, 10*time.Minute)
			if c.before != nil {
				c.before(b)
			}
			was := b.st.Beside
			if got := refusal(b.reads(c.m)); got != c.want {
				t.Errorf("%q, want %s", got, c.want)
			}
			if !reflect.DeepEqual(was, b.st.Beside) {
				t.Error("it is remembered all the same")
			}
		})
	}
}

// Whatever is read on the utility's meter and taken back: what is charged, credited and
// switched is as it is where nobody reads it.
func TestReadingsMoveNoCredit(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		with, without := readBench(t), readBench(t)
		with.plain, without.plain = true, true
		for range rapid.IntRange(2, 8).Draw(r, "steps") {
			d := time.Duration(rapid.IntRange(1, 9).Draw(r, "tens of minutes")) * 10 * time.Minute
			for _, b := range []*bench{with, without} {
				b.power = 3 * units.Kilowatt
				b.run(d, 10*time.Minute)
			}
			var what Happening = MeterReading{
				Shown: rapid.SampledFrom([]string{"0", "1.5", "10.0", "12.0", "20.0", "30", "99999.9", "x", "-1", "1e9"}).Draw(r, "shown"),
				At:    rapid.SampledFrom([]string{"", "", with.now.Add(-time.Hour).Format(time.RFC3339), with.now.Add(time.Hour).Format(time.RFC3339)}).Draw(r, "at"), By: "mqtt",
				Sure: rapid.Bool().Draw(r, "sure"), Anew: rapid.Bool().Draw(r, "anew"), Turned: rapid.Bool().Draw(r, "turned"), Left: rapid.Bool().Draw(r, "left"),
			}
			if rapid.Bool().Draw(r, "withdraw") {
				what = WithdrawReading{N: rapid.IntRange(-1, 9).Draw(r, "n"), By: "api"}
			}
			with.step(Input{What: what})
			without.step(Input{})
		}
		if with.text(with.st.Credit) != without.text(without.st.Credit) || with.text(with.ledger) != without.text(without.ledger) {
			r.Fatalf("the ledger of %d entries is another one: %s, and %s", len(with.ledger), with.balance(), without.balance())
		}
		if !reflect.DeepEqual(with.states, without.states) || with.st.Meter.Registers.Import != without.st.Meter.Registers.Import {
			r.Fatalf("switched otherwise, or counted otherwise")
		}
	})
}

func TestAReadingIsKeptWhereAYoungClockIsSet(t *testing.T) {
	at := begin().Add(time.Hour)
	st := beside.State{Last: 1, Readings: []beside.Reading{{N: 1, Told: at, Here: beside.Point{At: at}}}, Trail: []beside.Point{{At: at}}}
	got := st.Shifted(48 * time.Hour)
	if !got.Readings[0].Here.At.Equal(at.Add(48*time.Hour)) || len(got.Trail) != 0 || !st.Readings[0].Here.At.Equal(at) {
		t.Errorf("%+v", got)
	}
}
