package control

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// alone lets only the base draw.
func alone(b *bench) {
	for i := range b.site.Loads {
		b.st.Loads[i].Progress.Override = &loads.Override{Until: b.now.Add(1000 * time.Hour)}
	}
}

// spend uses the credit up.
func spend(b *bench) {
	b.t.Helper()
	b.power = 6 * units.Kilowatt
	for b.st.Credit.Supply.Position == credit.Connected {
		b.reading(time.Minute)
	}
}

func TestAContactorThatHeardIsToldOnce(t *testing.T) {
	b := newBench(t)
	b.site.Supply.Local = true
	alone(b)
	b.stuck, b.said = true, 0
	spend(b)
	b.run(time.Hour, 10*time.Second)
	if b.said != 1 {
		t.Errorf("a welded contactor was told %d times to open", b.said)
	}
	if !b.st.Health.Has(health.SupplyWeld, loads.SupplyID) {
		t.Errorf("no warning of the weld: %+v", b.st.Health.Active)
	}
	// It comes free, the credit comes back, and the coil is dead.
	b.stuck, b.states[loads.SupplyID] = false, false
	b.reading(10 * time.Second)
	if b.st.Health.Has(health.SupplyWeld, loads.SupplyID) {
		t.Error("seen open it is still called welded")
	}
	b.stuck, b.said = true, 0
	b.step(Input{What: Token{Text: tokenFor(t, 1, 900), Source: "page"}})
	b.run(time.Hour, 10*time.Second)
	// At once, then after 1, 2, 4, 8, 16 and 32 minutes, of which the last is
	// beyond the hour.
	if b.said < 5 || b.said > 7 {
		t.Errorf("a dead coil was told %d times in an hour to close", b.said)
	}
	if !b.st.Health.Has(health.SupplyCoil, loads.SupplyID) {
		t.Errorf("no warning of the coil: %+v", b.st.Health.Active)
	}
	b.stuck = false
	b.run(65*time.Minute, 10*time.Second)
	if !b.states[loads.SupplyID] || b.st.Health.Has(health.SupplyCoil, loads.SupplyID) {
		t.Error("the repaired coil is not tried again")
	}
}

// The customer stands ready with the token when the light goes out.
func TestATokenRightAfterTheCutRestoresInItsOwnStep(t *testing.T) {
	b := newBench(t)
	b.site.Supply.Local = true
	alone(b)
	spend(b)
	if b.states[loads.SupplyID] {
		t.Fatal("it was not cut")
	}
	b.now = b.now.Add(100 * time.Millisecond)
	b.step(Input{What: Token{Text: tokenFor(t, 1, 900), Source: "page"}})
	if !b.states[loads.SupplyID] {
		t.Errorf("not restored in the token's step: %+v", b.st.Decision)
	}
}

func TestASwitchOnTheNetworkIsToldUntilItObeys(t *testing.T) {
	b := newBench(t)
	alone(b)
	b.stuck, b.said = true, 0
	spend(b)
	b.run(10*time.Minute, time.Second)
	if b.said < 5 || b.said > 12 {
		t.Errorf("it was told %d times in ten minutes to open", b.said)
	}
}

func TestABypassIsReportedAndCutsOnlyWhereConfigured(t *testing.T) {
	for _, cuts := range []bool{false, true} {
		b := newBench(t)
		b.site.Supply.Local, b.site.Supply.TamperCuts = true, cuts
		alone(b)
		spend(b)
		b.run(time.Minute, 10*time.Second)
		// A wire goes around the contactor: power flows, the contact stays open.
		b.power = 2 * units.Kilowatt
		bridged := func(d time.Duration) {
			for end := b.now.Add(d); b.now.Before(end); {
				b.states[loads.SupplyID] = true
				b.reading(5 * time.Second)
				b.states[loads.SupplyID] = false
			}
		}
		bridged(20 * time.Second)
		if b.st.Credit.Tampered {
			t.Fatal("a moment is called tampering")
		}
		balance := b.balance()
		bridged(2 * time.Minute)
		if !b.st.Credit.Tampered || !b.st.Health.Has(health.SupplyBypass, loads.SupplyID) {
			t.Fatalf("two minutes of a bridge are not reported: %+v", b.st.Health.Active)
		}
		if b.balance() >= balance {
			t.Error("what flows around the contactor is not charged")
		}
		told := 0
		for _, e := range b.ledger {
			if e.Name == "tamper" {
				told++
			}
		}
		if told != 1 {
			t.Errorf("%d entries tell of it", told)
		}
		b.states[loads.SupplyID] = false
		b.step(Input{What: Token{Text: tokenFor(t, 1, 900), Source: "page"}})
		b.run(time.Minute, 10*time.Second)
		if on := b.states[loads.SupplyID]; on == cuts {
			t.Errorf("tamper cuts: %v, and with credit the supply is on: %v (%s)", cuts, on, b.st.Decision.Why)
		}
	}
}

func TestAContactorThatDropsIsNotFoughtInATightLoop(t *testing.T) {
	b := newBench(t)
	b.site.Supply.Local = true
	alone(b)
	b.run(time.Minute, time.Second)
	b.said = 0
	for range 600 {
		b.states[loads.SupplyID] = false // it never holds
		b.reading(time.Second)
	}
	if b.said < 2 || b.said > 5 {
		t.Errorf("in ten minutes it was told %d times to close", b.said)
	}
	if b.st.Credit.Supply.Position != credit.Connected || !b.st.Health.Has(health.SupplyCoil, loads.SupplyID) {
		t.Errorf("the supply is %s, warnings %+v", b.st.Credit.Supply.Position, b.st.Health.Active)
	}
}

func TestOverloadCutsAndComesBackByItsSchedule(t *testing.T) {
	b := newBench(t)
	b.site.Supply.Limit = credit.LimitDefaults()
	b.site.Supply.Limit.Limit = 3 * units.Kilowatt
	alone(b)
	b.step(Input{What: Token{Text: tokenFor(t, 1, 900), Source: "page"}})
	b.power = 4 * units.Kilowatt
	var off []time.Duration
	since := time.Time{}
	for end := b.now.Add(30 * time.Minute); b.now.Before(end); {
		b.reading(time.Second)
		switch on := b.states[loads.SupplyID]; {
		case !on && since.IsZero():
			since = b.now
			if c := b.st.Credit.Supply.Cause; c != credit.ByOverload {
				t.Fatalf("cut by %q", c)
			}
		case on && !since.IsZero():
			off = append(off, b.now.Sub(since))
			since = time.Time{}
		}
	}
	want := []time.Duration{30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}
	if len(off) < 3 {
		t.Fatalf("it was off for %v", off)
	}
	for i := range off {
		if d := off[i] - want[i]; d < 0 || d > 2*time.Second {
			t.Errorf("cut %d lasted %s, want %s", i+1, off[i], want[i])
		}
	}
	// Within the limit nothing is cut, and a token's limit counts as well.
	b.power = 2 * units.Kilowatt
	b.run(time.Hour, 5*time.Second)
	if !b.states[loads.SupplyID] {
		t.Fatal("within the limit it stays off")
	}
	b.st.Credit.Limit = units.Kilowatt
	b.run(40*time.Second, 5*time.Second)
	if b.states[loads.SupplyID] {
		t.Error("the limit of a token does not cut")
	}
}

func TestACutWaitsWhileTheCurrentCannotBeBroken(t *testing.T) {
	b := newBench(t)
	b.site.Supply.Breaks = 5 * units.Kilowatt
	alone(b)
	b.power = 6 * units.Kilowatt
	for b.balance() > -units.One {
		b.reading(time.Minute)
	}
	if !b.states[loads.SupplyID] || !b.st.Decision.Waiting {
		t.Fatalf("6 kW were broken: %+v", b.st.Decision)
	}
	b.power = 4 * units.Kilowatt
	b.reading(time.Minute)
	if b.states[loads.SupplyID] {
		t.Fatal("4 kW are not broken")
	}
}

func TestTheCustomersOwnSwitch(t *testing.T) {
	b := newBench(t)
	alone(b)
	b.reading(time.Minute)
	b.step(Input{What: Request{Kind: SupplyOff, By: "mqtt"}})
	if b.states[loads.SupplyID] || b.st.Credit.Supply.Cause != credit.ByCustomer {
		t.Fatalf("off: %+v", b.st.Decision)
	}
	b.run(time.Minute, 10*time.Second)
	b.step(Input{What: Request{Kind: SupplyOn, By: "mqtt"}})
	if !b.states[loads.SupplyID] {
		t.Fatalf("on: %+v", b.st.Decision)
	}
}

func TestLoadsGoInOrderBeforeTheLight(t *testing.T) {
	b := newBench(t)
	b.site.Shift = false
	b.site.Loads[0].Priority, b.site.Loads[1].Priority = 5, 2
	b.site.Supply.Shed = []ShedRule{{Below: 30 * units.One, Priority: 5}, {Below: 15 * units.One, Priority: 1}}
	var order []string
	for b.states[loads.SupplyID] {
		b.reading(time.Minute)
		left := b.st.Credit.Left()
		for _, l := range b.site.Loads {
			on := b.states[l.ID] && l.Kind != loads.Cycle
			if on && (left <= 30*units.One && l.Priority >= 5 || left <= 15*units.One) {
				t.Fatalf("%s runs with %s left", l.ID, left)
			}
		}
		for _, e := range b.last.Events {
			if e.Code == "load_shed" {
				order = append(order, e.Says[0].Values[0].Text)
			}
		}
	}
	if strings.Join(order, " ") != "Geyser Washer" {
		t.Errorf("they went in the order %v", order)
	}
	if !b.st.Health.Has(health.CreditShed, "") {
		t.Error("no warning says so")
	}
	b.reading(time.Minute)
	b.step(Input{What: Request{Kind: RunLoad, Load: "geyser", By: "page"}})
	b.step(Input{What: Token{Text: tokenFor(t, 1, 12), Source: "page"}})
	b.run(5*time.Minute, time.Minute)
	if !b.states["geyser"] {
		t.Error("a person's word does not go before the saving")
	}
	b.step(Input{What: Token{Text: tokenFor(t, 2, 500), Source: "page"}})
	b.reading(time.Minute)
	if b.st.Health.Has(health.CreditShed, "") || len(b.st.Supply.Shed) != 0 {
		t.Error("with credit back they are still held off")
	}
}

// A feedback that flaps gave an alarm and two commands a second, and hid a
// bridge behind them.
func TestAFlappingFeedbackIsNotChasedAndHidesNoBridge(t *testing.T) {
	for _, local := range []bool{true, false} {
		b := newBench(t)
		b.site.Supply.Local = local
		alone(b)
		b.planner = nil
		spend(b)
		b.power = 0
		b.run(time.Minute, 10*time.Second)
		b.said = 0
		alarms := 0
		flap := func(n int) {
			for i := range n {
				b.states[loads.SupplyID] = i%2 == 0 // what the feedback says
				for _, e := range b.reading(time.Second).Events {
					if e.Code == string(health.SupplyBypass) {
						alarms++
					}
				}
			}
		}
		flap(600)
		if alarms > 6 || b.said > 6 {
			t.Errorf("local %v: %d alarms and %d commands in ten minutes", local, alarms, b.said)
		}
		if !b.st.Health.Has(health.SupplyUnknown, loads.SupplyID) || b.st.Credit.Tampered {
			t.Errorf("local %v: %+v", local, b.st.Health.Active)
		}
		for range 120 { // and power flows, whatever the contact says
			b.states[loads.SupplyID] = !b.states[loads.SupplyID]
			b.register += (2 * units.Kilowatt).Over(time.Second)
			b.now = b.now.Add(time.Second)
			b.step(Input{What: Reading{Sample: metering.Sample{
				At: b.now, Has: metering.HasImport | metering.HasPower, Import: b.register, Power: 2 * units.Kilowatt, Step: 1,
			}}})
		}
		if !b.st.Credit.Tampered {
			t.Errorf("local %v: two minutes of a bridge are no tampering", local)
		}
	}
}

// A switch with a dead man opens by itself: it is told again in time while it is to
// stay closed, held records or not, and never by that when it is open.
func TestASupplyWithADeadManIsRenewedAndNeverClosedByIt(t *testing.T) {
	const deadMan = 30 * time.Second
	for _, c := range []struct {
		name    string
		set     func(*bench)
		renewed bool
	}{
		{"closed", func(*bench) {}, true},
		{"closed, and the meter is silent", func(b *bench) { b.now = b.now.Add(time.Hour) }, true},
		{"closed, and nothing can be recorded", func(b *bench) { b.step(Input{Record: RecordPending}) }, true},
		{"the records are held", func(b *bench) { b.st, _ = b.site.Held(b.st, b.now, "they do not agree") }, true},
		{"cut for credit", spend, false},
		{"the customer switched it off", func(b *bench) { b.step(Input{What: Request{Kind: SupplyOff, By: "page"}}) }, false},
		{"somebody pressed the button of the plug", func(b *bench) { b.states[loads.SupplyID], b.stuck = false, true }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.site.Supply.DeadMan = deadMan
			alone(b)
			b.reading(time.Second)
			c.set(b)
			last := b.now
			for range 300 {
				b.now = b.now.Add(time.Second)
				b.step(Input{})
				for _, cmd := range b.last.Commands {
					if cmd.ID != loads.SupplyID || !cmd.Set.On {
						continue
					}
					last = b.now
					if cmd.Renew && !c.renewed {
						t.Fatalf("%s: renewed", b.now.Format("15:04:05"))
					}
				}
				if c.renewed && b.now.Sub(last) > deadMan/2 {
					t.Fatalf("%s: not told since %s", b.now.Format("15:04:05"), last.Format("15:04:05"))
				}
			}
		})
	}
}

// While the records are held a contactor stays as it is: one that holds by its drive
// is told again after a start, a pulse is never given, and none is moved.
func TestWhileRecordsAreHeldTheContactorStaysAsItIs(t *testing.T) {
	for _, c := range []struct {
		name  string
		local bool
		drive credit.Drive
		spent bool
		told  int // times in ten minutes, the first at the start
	}{
		{"a relay of this machine, closed", true, credit.Holding, false, 1},
		{"a relay of this machine, open", true, credit.Holding, true, 1},
		{"a latching relay, closed", true, credit.Latching, false, 0},
		{"a latching relay, open", true, credit.Latching, true, 0},
		{"a plug, closed", false, credit.Holding, false, 11},
		{"a plug, open", false, credit.Holding, true, 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.site.Supply.Local, b.site.Supply.Contactor = c.local, credit.ContactorDefaults()
			b.site.Supply.Contactor.Drive = c.drive
			alone(b)
			b.reading(time.Second)
			if c.spent {
				spend(b)
			}
			was := b.states[loads.SupplyID]
			b.st, _ = b.site.Held(b.restarted(), b.now, "they do not agree")
			b.said = 0
			for i := range 600 {
				b.now = b.now.Add(time.Second)
				b.step(Input{Fresh: i == 0})
				if b.states[loads.SupplyID] != was {
					t.Fatalf("after %d s it was moved: %+v", i, b.last.Commands)
				}
			}
			if b.said != c.told {
				t.Errorf("it was told %d times, want %d", b.said, c.told)
			}
		})
	}
}
