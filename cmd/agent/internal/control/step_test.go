package control

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

func TestCreditRunsDownAndTheLedgerSaysWhy(t *testing.T) {
	b := newBench(t)
	b.power = 2 * units.Kilowatt
	for i := range b.site.Loads { // nothing but the base
		b.st.Loads[i].Progress.Override = &loads.Override{Until: b.now.Add(48 * time.Hour)}
	}
	b.run(24*time.Hour, time.Minute)
	// 8 night hours and 16 day hours at 2 kW, a service charge of 2, VAT of 15 %.
	want := units.FromFloat(50 - (8*2*1+16*2*3+2)*1.15)
	if want > 0 {
		t.Fatal("the test's sums are wrong")
	}
	// It is cut on the way: 50 do not last the day.
	if b.st.Credit.Supply.Position != credit.Disconnected || b.states[loads.SupplyID] {
		t.Fatalf("with %s left the supply is %s", b.balance(), b.st.Credit.Supply.Position)
	}
	if err := credit.Verify(b.ledger); err != nil {
		t.Fatal(err)
	}
	sum := units.Money(0)
	for _, e := range b.ledger {
		sum += e.Amount
	}
	if sum != b.st.Credit.Balance {
		t.Fatalf("the entries come to %s, the balance is %s", sum, b.st.Credit.Balance)
	}
	if !b.st.Health.Has(health.CreditSpent, "") {
		t.Error("no warning says that the credit is spent")
	}
}

func TestCutWithinOneSampleAndRestoredByTheTokenItself(t *testing.T) {
	b := newBench(t)
	b.power = 6 * units.Kilowatt
	before := b.balance()
	for b.states[loads.SupplyID] {
		before = b.balance()
		b.reading(time.Minute)
		if b.now.After(begin().Add(48 * time.Hour)) {
			t.Fatal("it is never cut")
		}
	}
	if before <= 0 || b.balance() > 0 {
		t.Fatalf("cut at %s, the sample before had %s", b.balance(), before)
	}
	for _, l := range b.site.Loads {
		if b.states[l.ID] {
			t.Errorf("%s is on while the supply is off", l.ID)
		}
	}
	b.reading(time.Minute) // a contactor that just opened rests for some seconds
	eff := b.step(Input{What: Token{Text: tokenFor(t, 1, 40), Source: "page"}})
	if !eff.Durable || eff.Reply.TopUp == nil || !eff.Reply.TopUp.Accepted() {
		t.Fatalf("the token was answered %+v, durable %v", eff.Reply.TopUp, eff.Durable)
	}
	if !b.states[loads.SupplyID] {
		t.Fatal("the step that took the token does not close the supply")
	}
	if len(eff.Credited) != 1 || eff.Credited[0].Fingerprint == "" {
		t.Fatalf("the token is not marked as seen: %+v", eff.Credited)
	}
	again := b.step(Input{What: Token{Text: tokenFor(t, 1, 40), Source: "mqtt"}})
	if again.Reply.TopUp.Token.Code != credit.Used || len(again.Credited) != 0 {
		t.Fatalf("the same token again: %+v", again.Reply.TopUp)
	}
}

// How finely the time is cut into samples must not change what is paid.
func TestSamplingDoesNotChangeTheBill(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		day := []units.Power{}
		for range 48 {
			day = append(day, units.Power(rapid.Int64Range(0, 4_000_000).Draw(rt, "mW")))
		}
		bill := func(step func() time.Duration) (units.Money, units.Energy) {
			b := newBench(t)
			b.st.Credit.Unlocked = true // no cut: the same energy in both
			b.planner = nil
			b.site.Shift = false
			register := b.register
			at := b.now
			for at.Before(begin().Add(24 * time.Hour)) {
				next := at.Add(step())
				slot := units.SlotAt(at, 30*time.Minute)
				if next.After(slot.End()) {
					next = slot.End()
				}
				register += day[int(at.Sub(begin())/(30*time.Minute))].Over(next.Sub(at))
				at = next
				st, eff := b.site.Step(b.st, Input{Now: at, What: Reading{Sample: metering.Sample{
					At: at, Has: metering.HasImport, Import: register, Step: 1,
				}}})
				b.st = st
				b.take(eff)
			}
			return b.balance(), b.st.Meter.Registers.Import
		}
		coarse, e1 := bill(func() time.Duration { return 30 * time.Minute })
		fine, e2 := bill(func() time.Duration {
			return time.Duration(rapid.IntRange(1, 30*60).Draw(rt, "seconds")) * time.Second
		})
		if e1 != e2 {
			rt.Fatalf("energy %d and %d uJ", e1, e2)
		}
		if coarse != fine {
			rt.Fatalf("half-hourly samples leave %s, others %s", coarse, fine)
		}
	})
}

func TestBadInputHasANamedSafeBehaviour(t *testing.T) {
	sample := func(b *bench, at time.Time, e units.Energy) Input {
		return Input{Now: at, What: Reading{Sample: metering.Sample{At: at, Has: metering.HasImport, Import: e, Step: 1}}}
	}
	failed := func(code metering.Code) Input {
		return Input{What: Reading{Err: &metering.Error{Code: code, Op: "read", Err: errTest, Remedy: "look"}}}
	}
	for _, c := range []struct {
		situation string
		do        func(b *bench)
		code      health.Code
		ends      func(b *bench) // what ends the warning; nil: acknowledging it
	}{
		{
			"a reply of the meter that cannot be read",
			func(b *bench) { b.step(failed(metering.UnknownReply)) },
			health.MeterReply,
			func(b *bench) { b.reading(time.Minute) },
		},
		{
			"the meter is silent",
			func(b *bench) {
				for range 5 {
					b.now = b.now.Add(time.Minute)
					b.step(failed(metering.Silent))
				}
			},
			health.MeterSilent,
			func(b *bench) { b.reading(time.Minute) },
		},
		{
			"the meter is silent and its driver does not even say so",
			func(b *bench) {
				b.now = b.now.Add(10 * time.Minute)
				b.step(Input{})
			},
			health.MeterSilent,
			func(b *bench) { b.reading(time.Minute) },
		},
		{
			"the register jumps by a thousand kWh in a minute",
			func(b *bench) {
				b.now = b.now.Add(time.Minute)
				b.step(sample(b, b.now, b.register+1000*units.KilowattHour))
			},
			health.RegisterJump, nil,
		},
		{
			"the register goes backwards",
			func(b *bench) {
				b.now = b.now.Add(time.Minute)
				b.step(sample(b, b.now, 0))
			},
			health.RegisterBack, nil,
		},
		{
			"the clock goes back by an hour",
			func(b *bench) { b.step(sample(b, b.now.Add(-time.Hour), b.register)) },
			health.ClockBack, nil,
		},
		{
			"a wrong token",
			func(b *bench) { b.step(Input{What: Token{Text: "123456789", Source: "page"}}) },
			health.TokenRejected, nil,
		},
		{
			"five wrong tokens",
			func(b *bench) {
				for i := range 5 {
					b.step(Input{What: Token{Text: fmt.Sprintf("12345678%d", i), Source: "mqtt"}})
				}
			},
			health.TokenLocked,
			func(b *bench) { b.run(20*time.Minute, time.Minute) },
		},
		{
			"malformed JSON over MQTT",
			func(b *bench) {
				b.step(Input{What: Edge{Code: health.BadMessage, Subject: "keeplit/test/token", Cause: said.Words("not JSON")}})
			},
			health.BadMessage, nil,
		},
		{
			"the broker is gone",
			func(b *bench) {
				b.step(Input{What: Edge{Code: health.BrokerGone, Cause: said.Words("connection refused")}})
			},
			health.BrokerGone,
			func(b *bench) { b.step(Input{What: Edge{Code: health.BrokerGone}}) },
		},
		{
			"InfluxDB is gone",
			func(b *bench) {
				b.step(Input{What: Edge{Code: health.InfluxGone, Cause: said.Words("connection refused")}})
			},
			health.InfluxGone,
			func(b *bench) { b.step(Input{What: Edge{Code: health.InfluxGone}}) },
		},
	} {
		t.Run(c.situation, func(t *testing.T) {
			b := newBench(t)
			b.run(time.Hour, time.Minute)
			balance := b.balance()
			c.do(b)
			var w health.Warning
			for _, x := range b.st.Health.Active {
				if x.Code == c.code {
					w = x
				}
			}
			if !health.Known(w.Code) || len(w.Cause) == 0 {
				t.Fatalf("no full warning %s: %+v", c.code, b.st.Health.Active)
			}
			// Nobody is cut off, nothing is credited, and nothing beyond what
			// half an hour of the base may cost is charged.
			if !b.states[loads.SupplyID] || b.st.Credit.Supply.Position != credit.Connected {
				t.Error("the supply went off")
			}
			if b.balance() > balance || balance-b.balance() > 2*units.One {
				t.Errorf("the balance went from %s to %s", balance, b.balance())
			}
			if c.ends != nil {
				c.ends(b)
			} else {
				b.step(Input{What: Request{Kind: Acknowledge, Code: c.code, By: "page"}})
			}
			for _, x := range b.st.Health.Active {
				if x.Code == c.code {
					t.Errorf("the warning stays: %+v", x)
				}
			}
		})
	}
}

func TestASilentMeterIsCaughtUpByItsRegister(t *testing.T) {
	b := newBench(t)
	b.run(10*time.Minute, time.Minute)
	was := b.st.Meter.Registers.Import
	b.run(2*time.Hour, 2*time.Hour) // one reading after two hours
	if got := b.st.Meter.Registers.Import - was; got < units.KilowattHour {
		t.Fatalf("two hours at 500 W or more counted as %s", got)
	}
}

func TestWhatLoadsUsedWhileTheMeterWasSilentIsInItsOwnSlots(t *testing.T) {
	b := newBench(t)
	b.run(10*time.Minute, time.Minute)
	b.step(Input{What: Request{Kind: RunLoad, Load: "geyser", By: "page"}})
	waits := func() (sum units.Energy) {
		for _, u := range b.st.Loads[0].Open {
			sum += u.Energy
		}
		return sum
	}
	was := b.st.Loads[0].Total - waits()
	for range 5 * 60 { // the geyser runs for two hours of these five
		b.now = b.now.Add(time.Minute)
		b.step(Input{})
	}
	if used := waits(); used < 5*units.KilowattHour {
		t.Fatalf("the geyser used %s", used)
	}
	var got units.Energy
	slots := 0
	for range 31 {
		for _, iv := range b.reading(time.Minute).Intervals {
			if iv.Series != "geyser" {
				continue
			}
			if iv.Import > b.site.Loads[0].Power.Over(iv.Slot.Len) {
				t.Errorf("%s in the half hour from %s", iv.Import, iv.Slot.Start)
			}
			if iv.Import > 0 {
				slots++
			}
			got += iv.Import
		}
	}
	if want := b.st.Loads[0].Total - was - waits(); got != want || slots < 4 {
		t.Errorf("%s lie in %d half hours, it used %s", got, slots, want)
	}
}

func TestLoadsGetTheirNeedInTheCheapHours(t *testing.T) {
	b := newBench(t)
	b.step(Input{What: Token{Text: tokenFor(t, 1, 900), Source: "page"}})
	cheap, dear := units.Energy(0), units.Energy(0)
	was := map[string]units.Energy{}
	for end := b.now.Add(48 * time.Hour); b.now.Before(end); {
		b.reading(time.Minute)
		for _, ls := range b.st.Loads {
			if h := b.now.Add(-time.Minute).In(b.site.Zone).Hour(); h < 6 || h >= 22 {
				cheap += ls.Total - was[ls.ID]
			} else {
				dear += ls.Total - was[ls.ID]
			}
			was[ls.ID] = ls.Total
		}
	}
	if cheap < 14*units.KilowattHour || dear > units.KilowattHour {
		t.Fatalf("%s in the cheap hours, %s in the dear ones; two days need 15 kWh", cheap, dear)
	}
}

func TestAPersonsWordGoesBeforeThePlan(t *testing.T) {
	b := newBench(t)
	b.run(10*time.Hour, time.Minute) // it is ten in the morning: dear
	if b.states["geyser"] {
		t.Fatal("the geyser runs in the dear hours by itself")
	}
	b.step(Input{What: Request{Kind: RunLoad, Load: "geyser", By: "page"}})
	b.reading(time.Minute)
	if !b.states["geyser"] {
		t.Fatal("run now does not run")
	}
	b.run(10*time.Minute, time.Minute)
	b.step(Input{What: Request{Kind: SkipLoad, Load: "geyser", By: "page"}})
	b.run(10*time.Minute, time.Minute)
	if b.states["geyser"] {
		t.Fatal("skip does not stop")
	}
	b.step(Input{What: Request{Kind: AutoLoad, Load: "geyser", By: "page"}})
	if b.st.Loads[0].Progress.Override != nil {
		t.Fatal("auto leaves the override")
	}
	if eff := b.step(Input{What: Request{Kind: RunLoad, Load: "sauna", By: "page"}}); !errors.Is(eff.Reply.Err, ErrUnknownLoad) {
		t.Fatalf("an unknown load: %v", eff.Reply.Err)
	}
}

func TestEmergencyCreditIsOfferedTakenAndPaidBack(t *testing.T) {
	b := newBench(t)
	if eff := b.step(Input{What: Request{Kind: AcceptEmergency, By: "page"}}); !errors.Is(eff.Reply.Err, credit.ErrNotOffered) {
		t.Fatalf("with 50 left it was answered %v", eff.Reply.Err)
	}
	b.power = 6 * units.Kilowatt
	for b.states[loads.SupplyID] {
		b.reading(time.Minute)
	}
	if !b.st.Health.Has(health.EmergencyOffered, "") {
		t.Error("no warning says that emergency credit is offered")
	}
	b.reading(time.Minute)
	if eff := b.step(Input{What: Request{Kind: AcceptEmergency, By: "page"}}); eff.Reply.Err != nil {
		t.Fatal(eff.Reply.Err)
	}
	if !b.states[loads.SupplyID] {
		t.Fatal("emergency credit does not bring the supply back")
	}
	b.run(10*time.Minute, time.Minute)
	if b.balance() >= 0 {
		t.Fatalf("the balance is %s", b.balance())
	}
	owed := -b.balance()
	b.step(Input{What: Token{Text: tokenFor(t, 1, 30), Source: "page"}})
	if want := 30*units.One - owed; b.balance() != want {
		t.Fatalf("after a top-up of 30 and %s owed the balance is %s", owed, b.balance())
	}
}

func TestLoadsAreShedAboveTheSiteLimit(t *testing.T) {
	b := newBench(t)
	b.site.Power = 4 * units.Kilowatt
	b.run(2*time.Hour, time.Minute)
	b.step(Input{What: Request{Kind: RunLoad, Load: "geyser", By: "page"}})
	b.run(3*time.Minute, time.Minute)
	if !b.states["geyser"] {
		t.Fatal("the geyser does not run")
	}
	b.power = 3 * units.Kilowatt
	b.run(2*time.Minute, time.Minute)
	if b.states["geyser"] {
		t.Fatal("6 kW are drawn where 4 kW are allowed, and the geyser stays on")
	}
	shed := false
	for _, e := range b.events {
		shed = shed || e.Code == "load_shed" && strings.Contains(e.Says.String(), "geyser")
	}
	if !shed {
		t.Error("no event tells of it")
	}
}

func TestAWeldedContactorIsSaidAndStillCharged(t *testing.T) {
	b := newBench(t)
	b.power = 6 * units.Kilowatt
	b.stuck = true
	for b.st.Credit.Supply.Position == credit.Connected {
		b.reading(time.Minute)
	}
	b.run(30*time.Minute, time.Minute)
	if !b.st.Health.Has(health.SupplyWeld, loads.SupplyID) {
		t.Fatalf("no warning of a weld: %+v", b.st.Health.Active)
	}
	if b.balance() > -5*units.One {
		t.Errorf("30 minutes at 6 kW behind a welded contactor leave %s", b.balance())
	}
}

func TestStandingChargeOnceADayWhateverTheClockDoes(t *testing.T) {
	b := newBench(t)
	b.site.Shift = false // charges do not hang on when loads run
	b.run(25*time.Hour, 10*time.Minute)
	count := func() (n int) {
		for _, e := range b.ledger {
			if e.Kind == credit.Standing {
				n++
			}
		}
		return n
	}
	if count() != 1 {
		t.Fatalf("%d service charges in 25 hours", count())
	}
	b.now = b.now.Add(-3 * time.Hour) // back over midnight
	b.run(4*time.Hour, 10*time.Minute)
	if count() != 1 {
		t.Fatalf("%d service charges after the clock went back over midnight", count())
	}
}
