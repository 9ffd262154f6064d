package control

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// A clock that is wrong for a while neither gives nor takes credit: the ledger
// comes to what it comes to with a right clock, but for the price of the hour.
func TestAWrongClockMovesNoCredit(t *testing.T) {
	for _, c := range []struct {
		situation string
		wrong     func(time.Time) time.Time
	}{
		{"a day back", func(t time.Time) time.Time { return t.Add(-24 * time.Hour) }},
		{"a year forward", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
		{"1970", func(time.Time) time.Time { return time.Unix(60, 0).UTC() }},
	} {
		t.Run(c.situation, func(t *testing.T) {
			b := newBench(t)
			alone(b)
			b.site.Wall, b.site.Shift = true, false
			b.power = units.Kilowatt
			used := tokenFor(t, 1, 100)
			b.step(Input{What: Token{Text: used, Source: "page"}})
			b.run(36*time.Hour, 10*time.Minute)
			standing := func() (n int) {
				for _, e := range b.ledger {
					if e.Kind == credit.Standing {
						n++
					}
				}
				return n
			}
			days, before, energy := standing(), b.balance(), b.st.Meter.Registers.Import
			right := b.now
			b.now = c.wrong(b.now)
			b.run(20*time.Minute, 5*time.Second)
			again := b.step(Input{What: Token{Text: used, Source: "mqtt"}})
			if again.Reply.TopUp.Accepted() {
				t.Error("a used token is taken again")
			}
			if got := b.balance(); got > before {
				t.Errorf("the balance rose from %s to %s", before, got)
			}
			if n := standing(); n != days {
				t.Errorf("%d standing charges were taken while the clock was wrong", n-days)
			}
			b.now = right.Add(20 * time.Minute)
			b.run(20*time.Minute, 5*time.Second)
			want := (20*time.Minute + 20*time.Minute).Hours()
			if got := (b.st.Meter.Registers.Import - energy).KWh(); got < want*0.99 || got > want*1.01 {
				t.Errorf("%.3f kWh were counted of %.3f", got, want)
			}
			if n := standing(); n != days {
				t.Errorf("%d standing charges too many", n-days)
			}
			// At the dearest price, and never less than at the cheapest.
			most, least := units.FromFloat(3*1.15*want*1.02), units.FromFloat(1*1.15*want*0.98)
			if cost := before - b.balance(); cost < least || cost > most {
				t.Errorf("%.3f kWh cost %s", want, cost)
			}
			if !b.states[loads.SupplyID] {
				t.Error("the supply went off")
			}
			b.run(24*time.Hour, 10*time.Minute)
			if n := standing(); n != days+1 {
				t.Errorf("the next day took %d standing charges", n-days)
			}
			if err := credit.Verify(b.ledger); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAJumpAheadIsBelievedWhenSomebodySaysSo(t *testing.T) {
	b := newBench(t)
	alone(b)
	b.site.Wall = true
	b.run(15*time.Minute, time.Second)
	b.now = b.now.Add(30 * 24 * time.Hour)
	b.reading(time.Second)
	if !b.st.Health.Has(health.ClockAhead, "") || b.st.Now.After(begin().Add(time.Hour)) {
		t.Fatalf("a jump of 30 days: the time is %s, warnings %+v", b.st.Now, b.st.Health.Active)
	}
	b.step(Input{What: Request{Kind: Acknowledge, Code: health.ClockAhead, By: "page"}})
	b.reading(time.Second)
	if b.st.Health.Has(health.ClockAhead, "") || !b.st.Now.Equal(b.now) {
		t.Errorf("acknowledged, the time is %s, the clock shows %s", b.st.Now, b.now)
	}
	// Soon after a start the clock is set by the network, and is right.
	st, _ := b.site.Begin(begin())
	st, _ = b.site.Step(st, Input{Now: begin(), Fresh: true})
	st, _ = b.site.Step(st, Input{Now: begin().AddDate(0, 1, 0)})
	if !st.Now.Equal(begin().AddDate(0, 1, 0)) {
		t.Errorf("set right after the start, the time is %s", st.Now)
	}
}
