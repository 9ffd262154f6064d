package watch

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

func begin() time.Time { return time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC) }

func rules() Rules {
	return Rules{Limits: metering.Limits{MaxPower: 20 * units.Kilowatt}, SilentAfter: 5 * time.Minute, Interval: 30 * time.Minute, Zone: time.UTC}
}

func raised(n note.Notes, code health.Code) bool {
	for _, n := range n.All {
		if n.What == note.Raise && n.Code == string(code) {
			return true
		}
	}
	return false
}

// TestWhatTheRegisterMovedIsCountedOnceInTheIntervalsItLiesIn, however it is read.
func TestWhatTheRegisterMovedIsCountedOnceInTheIntervalsItLiesIn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, s := rules(), State{Intervals: metering.Intervals{Period: 30 * time.Minute}, StartedAt: begin()}
		s = s.Measure(30 * time.Minute)
		at, register := begin(), units.Energy(5*units.KilowattHour)
		var used, closed units.Energy
		for i := range 40 {
			if i > 0 {
				d := time.Duration(rapid.IntRange(1, 3600).Draw(rt, "seconds")) * time.Second
				at = at.Add(d)
				register += units.Power(rapid.Int64Range(0, 10_000_000).Draw(rt, "mW")).Over(d)
			}
			before, err := json.Marshal(s)
			if err != nil {
				rt.Fatal(err)
			}
			next, out := r.Take(s, at, metering.Reading{Sample: metering.Sample{At: at, Has: metering.HasImport, Import: register, Step: 1}}, Contactor{})
			for _, c := range out.Used {
				if slot := units.SlotAt(c.From, r.Interval); c.To.After(slot.End()) {
					rt.Fatalf("a piece from %s to %s lies in two intervals", c.From, c.To)
				}
				used += c.Import
				var done []metering.Interval
				next, done = r.Count(next, c)
				for _, iv := range done {
					closed += iv.Import
				}
			}
			if after, _ := json.Marshal(s); string(after) != string(before) {
				rt.Fatal("the state before is changed")
			}
			s = next
		}
		if want := register - 5*units.KilowattHour; used != want {
			rt.Fatalf("the register moved by %d uJ, %d are counted", want, used)
		}
		if closed > used {
			rt.Fatalf("%d uJ in closed intervals of %d", closed, used)
		}
	})
}

// TestOneMissedAnswerIsNoSilence, and what answers wrongly is not silent.
func TestOneMissedAnswerIsNoSilence(t *testing.T) {
	r := rules()
	s := State{HeardAt: begin()}
	silent, refused := metering.Fail(metering.Silent, "read", "", "no answer"), metering.Fail(metering.Exception, "read", "", "no")
	if n := r.Failed(s, begin().Add(time.Minute), silent); len(n.All) != 0 {
		t.Errorf("after a minute: %+v", n.All)
	}
	if n := r.Failed(s, begin().Add(6*time.Minute), silent); !raised(n, health.MeterSilent) {
		t.Errorf("after six minutes: %+v", n.All)
	}
	if n := r.Failed(s, begin().Add(6*time.Minute), refused); !raised(n, health.MeterReply) || raised(n, health.MeterSilent) {
		t.Errorf("one that refuses: %+v", n.All)
	}
	if d := r.Drawn(State{HeardAt: begin(), Last: metering.Sample{At: begin()}}, begin().Add(time.Hour)); d.Known() {
		t.Errorf("an hour after its last word it draws %+v", d)
	}
}

// TestALimitThatNobodyCanKeepIsSaidAfterAWhile, and not of a meter that is silent:
// that has a warning of its own.
func TestALimitThatNobodyCanKeepIsSaidAfterAWhile(t *testing.T) {
	r, s := rules(), State{HeardAt: begin()}
	var n note.Notes
	for i := range 12 {
		s.HeardAt = begin().Add(time.Duration(i) * time.Minute)
		s, n = r.Blind(s, s.HeardAt, units.Kilowatt)
		if raised(n, health.PowerUnknown) != (i >= 10) {
			t.Errorf("after %d minutes: %+v", i, n.All)
		}
	}
	// The same for a whole minute, so that a warning is not renewed at each step.
	said := n.All[0].Says
	if s, n = r.Blind(s, s.HeardAt.Add(59*time.Second), units.Kilowatt); !n.All[0].Says.Equal(said) {
		t.Errorf("59 seconds later it says %s in place of %s", n.All[0].Says, said)
	}
	if s, _ = r.Blind(s, s.HeardAt.Add(time.Hour), units.Kilowatt); !s.Blind.IsZero() {
		t.Error("a silent meter counts as one that tells no power")
	}
}

func TestOtherConstantsAreRecordedOnce(t *testing.T) {
	s, n := State{}.Calibrated(Calibration{Signature: "a1", Made: "made in the test"})
	if len(n.All) != 1 || !n.Durable {
		t.Errorf("the first: %+v", n)
	}
	if s, n = s.Calibrated(Calibration{Signature: "a1"}); len(n.All) != 0 || n.Durable {
		t.Errorf("the same again: %+v", n)
	}
	if s, n = s.Calibrated(Calibration{Signature: "b2"}); len(n.All) != 1 || n.All[0].Code != "calibration_changed" {
		t.Errorf("others: %+v", n)
	}
	if s.Calibration != "b2" {
		t.Errorf("%q is in force", s.Calibration)
	}
}

// TestSamplesThatWereLostAreAWarning: what a converter has not sampled is not counted, and
// nothing makes up for it.
func TestSamplesThatWereLostAreAWarning(t *testing.T) {
	r, s := rules(), State{Intervals: metering.Intervals{Period: 30 * time.Minute}, StartedAt: begin()}
	s = s.Measure(30 * time.Minute)
	in := metering.Reading{Sample: metering.Sample{At: begin(), Has: metering.HasImport, Import: 1, Step: 1, Quality: metering.Lost}}
	if _, out := r.Take(s, begin(), in, Contactor{}); raised(out.Notes, health.MeterGap) {
		t.Error("a few lost samples raise a warning")
	}
	in.Missed = &metering.Missed{From: begin().Add(-10 * time.Minute), Of: 10 * time.Minute, Lost: 30 * time.Second}
	if _, out := r.Take(s, begin(), in, Contactor{}); !raised(out.Notes, health.MeterGap) {
		t.Error("a twentieth of the samples was lost, and nothing is said")
	}
}
