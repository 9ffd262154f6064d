package control

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/clock"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// clockBench is a house that has run for some days and draws nothing, so that
// only time costs: 2.30 a day.
func clockBench(t testing.TB) *bench {
	b := newBench(t)
	b.planner = nil
	b.site.Loads, b.st.Loads = nil, nil
	b.site.Guard = loads.NewGuard(loads.DefaultGuard(), nil, b.site.Zone)
	b.site.Wall, b.site.Shift = true, false
	b.power = 0
	b.step(Input{What: Token{Text: tokenFor(t, 1, 50), Source: "page"}})
	b.run(3*time.Hour, 10*time.Minute)
	return b
}

// restart is the first step after the agent was off until the clock showed now.
func (b *bench) restart(now time.Time, synced bool) {
	b.now = now
	b.step(Input{Fresh: true, Synced: synced})
	b.reading(time.Second)
}

const perDay = units.Money(2_300_000)

func daysCost(from, to time.Time, b *bench) units.Money {
	n := units.Money(0)
	for at := units.NextLocalMidnight(from, b.site.Zone); !at.After(to); at = units.NextLocalMidnight(at, b.site.Zone) {
		n++
	}
	return n * perDay
}

func TestStartWithAClockFortyDaysAheadChargesNothingUntilConfirmed(t *testing.T) {
	b := clockBench(t)
	before, right := b.balance(), b.now
	b.restart(right.AddDate(0, 0, 40), false)
	b.run(10*time.Minute, time.Second)
	if got := b.balance(); got != before || !b.states[loads.SupplyID] {
		t.Fatalf("%s became %s by a clock that nothing has confirmed, supply %v", before, got, b.states[loads.SupplyID])
	}
	if !b.st.Health.Has(health.ClockUnconfirmed, "") {
		t.Error("nobody is told that charges wait")
	}
	// The network sets it right.
	b.now = right.Add(11 * time.Minute)
	b.step(Input{Synced: true})
	b.reading(time.Second)
	if !b.st.Now.Equal(b.now) || b.balance() != before || b.st.Health.Has(health.ClockUnconfirmed, "") {
		t.Errorf("put right: the time is %s (%s), the balance %s", b.st.Now, b.now, b.balance())
	}
	from := b.now
	b.run(72*time.Hour, 10*time.Minute)
	if got, want := before-b.balance(), daysCost(from, b.now, b); got != want {
		t.Errorf("the three days after cost %s, want %s", got, want)
	}
}

func TestTimeOffIsChargedOnceTheClockIsConfirmed(t *testing.T) {
	for _, c := range []struct {
		situation string
		confirm   func(b *bench)
	}{
		{"by a time server", func(b *bench) { b.step(Input{Synced: true}) }},
		{"by a person", func(b *bench) {
			b.step(Input{What: Request{Kind: Acknowledge, Code: health.ClockUnconfirmed, By: "page"}})
		}},
	} {
		t.Run(c.situation, func(t *testing.T) {
			b := clockBench(t)
			before, right := b.balance(), b.now
			b.restart(right.AddDate(0, 0, 9), false)
			b.run(time.Hour, 10*time.Minute)
			if b.balance() != before {
				t.Fatalf("%s were taken unconfirmed", before-b.balance())
			}
			c.confirm(b)
			b.run(20*time.Minute, time.Minute)
			if got, want := before-b.balance(), daysCost(right, b.now, b); got != want {
				t.Errorf("nine days off cost %s, want %s", got, want)
			}
			if err := credit.Verify(b.ledger); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestClockBackAndThenYearsAheadIsNotBelieved(t *testing.T) {
	for _, years := range []int{2, 10} {
		b := clockBench(t)
		before, right := b.balance(), b.now
		b.now = b.now.Add(-2 * time.Hour)
		b.run(time.Minute, time.Second)
		b.now = right.AddDate(years, 0, 0)
		entries := len(b.ledger)
		b.run(26*time.Hour, time.Minute) // longer than a clock is doubted
		if got := before - b.balance(); got > 3*perDay || !b.states[loads.SupplyID] {
			t.Errorf("%d years ahead took %s; supply %v", years, got, b.states[loads.SupplyID])
		}
		if n := len(b.ledger) - entries; n > 500 {
			t.Errorf("%d entries", n)
		}
		if !b.st.Health.Has(health.ClockAhead, "") {
			t.Error("nobody is told")
		}
	}
}

func TestChargesOfAConfirmedClockThatWasWrongAreGivenBack(t *testing.T) {
	b := clockBench(t)
	before, right := b.balance(), b.now
	b.restart(right.AddDate(0, 0, 9), true) // the time server was wrong
	b.run(20*time.Minute, time.Minute)
	if got, want := before-b.balance(), daysCost(right, b.now, b); got != want {
		t.Fatalf("nine days off cost %s, want %s", got, want)
	}
	b.now = right.Add(30 * time.Minute)
	b.step(Input{Synced: true})
	b.reading(time.Second)
	if got := before - b.balance(); got != daysCost(right, b.now, b) {
		t.Errorf("after the clock was put right %s are still taken", got)
	}
	refunds := 0
	for _, e := range b.ledger {
		if e.Kind == credit.Refund {
			refunds++
		}
	}
	if refunds != 1 {
		t.Errorf("%d refunds", refunds)
	}
	if err := credit.Verify(b.ledger); err != nil {
		t.Error(err)
	}
}

func TestNoStepPostsMoreThanTheLongestAbsence(t *testing.T) {
	b := clockBench(t)
	b.now = b.now.AddDate(10, 0, 0)
	b.reading(time.Second)
	b.step(Input{What: Request{Kind: Acknowledge, Code: health.ClockAhead, By: "page"}}) // a person says so
	b.register += 5 * units.KilowattHour
	before, n := b.balance(), len(b.ledger)
	b.reading(time.Second)
	if got := len(b.ledger) - n; got > 5000 {
		t.Errorf("%d entries in one step", got)
	}
	cost := before - b.balance()
	if most := units.FromFloat(clock.Away.Hours()/24*2.3 + 1.15 + 5*3*1.15); cost > most {
		t.Errorf("ten years by a person's word cost %s, the most is %s", cost, most)
	}
}

// Whatever clocks do, what time costs in the end is what the days that really
// passed cost, once the clock is right and kept.
func TestClocksInAnyOrderChargeTheDaysThatPassed(t *testing.T) {
	begun := clockBench(t)
	rapid.Check(t, func(rt *rapid.T) {
		b := *begun
		b.states, b.ledger = maps.Clone(begun.states), slices.Clone(begun.ledger)
		before, truth := b.balance(), b.now
		from := truth
		off := time.Duration(0)
		for range rapid.IntRange(1, 4).Draw(rt, "events") {
			switch rapid.IntRange(0, 2).Draw(rt, "event") {
			case 0: // it was off, and the clock kept time or not
				truth = truth.Add(time.Duration(rapid.IntRange(0, 9*24).Draw(rt, "hours off")) * time.Hour)
				off = time.Duration(rapid.IntRange(-3, 30).Draw(rt, "days wrong")) * 24 * time.Hour
				b.restart(truth.Add(off), false)
			case 1: // the clock leaps
				off = time.Duration(rapid.IntRange(-48, 48*20).Draw(rt, "leap to")) * time.Hour
				b.now = truth.Add(off)
			case 2: // the time server sets it right
				b.now = truth
				b.step(Input{Synced: true})
			}
			start := b.now
			b.run(time.Duration(rapid.IntRange(1, 15).Draw(rt, "minutes"))*time.Minute, 10*time.Second)
			truth = truth.Add(b.now.Sub(start))
			if got, most := before-b.balance(), daysCost(from, truth, &b)+perDay; got > most {
				rt.Fatalf("%s were taken by %s; the days that passed cost %s", got, truth, most-perDay)
			}
		}
		b.now = truth
		b.step(Input{Synced: true})
		b.reading(time.Second)
		if got, want := before-b.balance(), daysCost(from, b.now, &b); got > want+perDay {
			rt.Fatalf("%s were taken, the days that passed cost %s", got, want)
		}
		if err := credit.Verify(b.ledger); err != nil {
			rt.Fatal(err)
		}
	})
}
