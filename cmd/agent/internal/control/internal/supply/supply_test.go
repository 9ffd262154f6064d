package supply

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

func begin() time.Time { return time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC) }

// flowing is a meter that tells a power.
func flowing(at time.Time, p units.Power) Meter {
	return Meter{Fresh: true, At: at, Drawn: metering.Drawn{Power: p, Source: metering.Told, From: at}}
}

// TestABypassIsReportedOnceAndOnlyWhereACurrentProvesIt: a feedback contact alone
// may be a loose wire.
func TestABypassIsReportedOnceAndOnlyWhereACurrentProvesIt(t *testing.T) {
	for _, c := range []struct {
		situation string
		power     units.Power
		reports   int
	}{
		{"the contact says closed", 0, 0},
		{"and a current flows", units.Kilowatt, 1},
	} {
		s := State{Contactor: credit.ContactorState{Told: credit.SaysOpen, At: begin().Add(-time.Hour)}}
		in := In{There: true, Wanted: credit.Decision{Close: false}}
		reports := 0
		for i := range 300 {
			in.Was, in.Now = in.Now, begin().Add(time.Duration(i)*time.Second)
			bridged := i >= 60 // it has opened, and stood open, before
			in.Seen, in.Meter = loads.Observation{Known: true, On: bridged, At: in.Now}, flowing(in.Now, 0)
			if bridged {
				in.Meter = flowing(in.Now, c.power)
			}
			var out Out
			if s, out = (Rules{}).Step(s, in); out.Tamper {
				reports++
				in.Tampered = true
			}
			if out.Closed {
				t.Fatalf("%s: the guard is told to close", c.situation)
			}
		}
		if reports != c.reports {
			t.Errorf("%s: reported %d times, want %d", c.situation, reports, c.reports)
		}
	}
}

// TestWhatIsNotRecordedYetIsNotClosed, and what is closed already goes on.
func TestWhatIsNotRecordedYetIsNotClosed(t *testing.T) {
	in := In{Now: begin(), Was: begin(), There: true, Pending: true, Wanted: credit.Decision{Close: true}}
	was := State{Contactor: credit.ContactorState{Told: credit.SaysOpen, At: begin().Add(-time.Hour)}}
	s, out := Rules{}.Step(was, in)
	if !reflect.DeepEqual(s, was) || out.Order.Do != credit.Unknown {
		t.Errorf("it is told %v", out.Order)
	}
	in.Pending = false
	if s, _ = (Rules{}).Step(was, in); s.Contactor.Told != credit.SaysClosed {
		t.Errorf("recorded, it is told %s", s.Contactor.Told)
	}
}

// TestMoreCreditNeverHoldsMoreLoadsOff.
func TestMoreCreditNeverHoldsMoreLoadsOff(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := Rules{}
		for range rapid.IntRange(0, 3).Draw(rt, "rules") {
			r.Shed = append(r.Shed, ShedRule{Below: units.Money(rapid.Int64Range(0, 50).Draw(rt, "below")), Priority: rapid.IntRange(0, 5).Draw(rt, "priority")})
		}
		var all []loads.Load
		for i := range 5 {
			all = append(all, loads.Load{ID: string(rune('a' + i)), Priority: rapid.IntRange(0, 5).Draw(rt, "of a load"), Essential: rapid.Bool().Draw(rt, "essential")})
		}
		left := units.Money(rapid.Int64Range(0, 60).Draw(rt, "left"))
		less, _ := r.Spare(State{}, all, Credit{Left: left})
		more, _ := r.Spare(State{}, all, Credit{Left: left + 1})
		if len(more.Shed) > len(less.Shed) {
			rt.Fatalf("with %v left %v are off, with more %v", left, less.Shed, more.Shed)
		}
		if none, _ := r.Spare(less, all, Credit{Left: left, Unlocked: true}); len(none.Shed) > 0 {
			rt.Fatalf("%v are off where there is no end of the credit", none.Shed)
		}
	})
}

func TestNoPowerIsToldByWhatFlowsBeforeWhatShouldBe(t *testing.T) {
	open := State{Contactor: credit.ContactorState{Told: credit.SaysOpen, At: begin()}}
	dark := Meter{Fresh: true, At: begin(), MainsDown: true}
	for _, c := range []struct {
		situation string
		r         Rules
		s         State
		in        In
		want      metering.Quality
	}{
		{"nothing is known", Rules{}, State{}, In{There: true}, 0},
		{"told open", Rules{}, open, In{There: true}, metering.SupplyOff},
		{"told open, there is none", Rules{}, open, In{}, 0},
		{"told open, and a current flows", Rules{}, open, In{There: true, Meter: flowing(begin(), units.Kilowatt)}, 0},
		{"the feedback says open", Rules{}, State{}, In{There: true, Seen: loads.Observation{Known: true}}, metering.SupplyOff},
		{"no voltage", Rules{}, State{}, In{There: true, Meter: dark}, metering.MainsOff},
		{"no voltage, told open", Rules{}, open, In{There: true, Meter: dark}, metering.SupplyOff | metering.MainsOff},
		{"no voltage behind the open contactor", Rules{Behind: true}, open, In{There: true, Meter: dark}, metering.SupplyOff},
	} {
		if got := c.r.NoPower(c.s, c.in); got != c.want {
			t.Errorf("%s: %v, want %v", c.situation, got, c.want)
		}
	}
}
