package control

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/unraced"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

func (b *bench) expects(text string) Effects {
	return b.step(Input{What: Expect{Text: text, By: "page"}})
}

// habitual is a home of habits that the agent has known for six weeks, with much credit.
func habitual(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.site.Loads, b.st.Loads = nil, nil
	daily, err := schedule.Parse("0 0 * * *", b.site.Zone)
	must(t, err)
	b.site.PlanAt, b.site.RunOutOver = daily, 8*24*time.Hour
	b.site.Limits.MaxGap, b.site.SilentAfter = 31*time.Minute, time.Hour
	b.planner.Learn(habits(b.site, b.now.AddDate(0, 0, -42), b.now))
	b.fills(1000 * units.One)
	return b
}

// fills makes the credit so much.
func (b *bench) fills(m units.Money) {
	a, entries, err := b.site.Credit.Adjust(b.st.Credit, b.now, "adjustment", m-b.balance(), "test")
	must(b.t, err)
	b.st.Credit = a
	b.ledger = append(b.ledger, entries...)
}

// passes lets days pass in which the home uses what is usual, or by itself.
func (b *bench) passes(d time.Duration, empty bool) (intervals []planning.Interval) {
	for end := b.now.Add(d); b.now.Before(end); {
		if b.power = wanted(b.site, b.now); empty {
			b.power = units.FromKWh(0.17).Mean(b.site.Interval)
		}
		intervals = append(intervals, b.reading(b.site.Interval).Intervals...)
	}
	return intervals
}

// foresees has a plan made now.
func (b *bench) foresees() *planning.Plan {
	p := b.planner.Plan(b.st)
	b.st.Plan, b.st.AskedAt, b.st.WantPlan = &p, b.now, false
	return &p
}

// Two weeks away, told beforehand, through the whole agent: the end of the credit moves at once, the
// intervals say what was told, and on the day of the return the credit is said to last as it would without.
func TestTwoWeeksAwayAreTold(t *testing.T) {
	unraced.Only(t)
	ends := map[string]time.Duration{}
	for _, c := range []string{"never away", "told", "untold"} {
		b := habitual(t)
		b.passes(24*time.Hour, false)
		leave := b.now
		back := leave.AddDate(0, 0, 14)
		if c == "told" {
			b.fills(60 * units.One)
			before := b.foresees().RunOut
			if eff := b.expects("away from " + leave.Format(time.RFC3339) + " until " + back.Format(time.RFC3339)); eff.Reply.Err != nil || !eff.Durable {
				t.Fatalf("%v", eff.Reply.Err)
			}
			after := b.foresees().RunOut
			if !before.Known || !after.Mid.After(before.Mid.Add(12*time.Hour)) {
				t.Errorf("the credit ends %s, and with nobody there %s", before.Mid, after.Mid)
			}
			b.fills(1000 * units.One)
		}
		marked := 0
		intervals := b.passes(back.Sub(leave), c != "never away")
		for _, p := range b.last.Points { // who looks at the points does not see that nobody is there
			for _, f := range p.Fields {
				if p.Measurement == IntervalPoint && f.Key == "quality" && f.Value != 0 {
					t.Errorf("%s: a point has the quality %v", c, f.Value)
				}
			}
		}
		for _, iv := range intervals {
			if iv.Series == planning.SiteSeries && iv.Quality&metering.Away != 0 {
				marked++
			}
		}
		if want := map[string]int{"told": 14 * 48}[c]; marked < want-1 || marked > want+1 {
			t.Errorf("%s: %d intervals say so", c, marked)
		}
		if b.st.Health.Has(health.NotEmpty, "") {
			t.Errorf("%s: an empty house is said to be none", c)
		}
		b.fills(20 * units.One)
		ends[c] = b.foresees().RunOut.Mid.Sub(b.now)
	}
	t.Logf("on the day of the return the credit lasts %.1f h had nobody left, %.1f h told, %.1f h untold", ends["never away"].Hours(), ends["told"].Hours(), ends["untold"].Hours())
	if r := ends["told"].Hours() / ends["never away"].Hours(); math.Abs(r-1) > 0.15 {
		t.Errorf("after the return it is said to last %.2f of what it would", r)
	}
}

// Who is told away and is not: it is said, and the end of the credit is that of usual days.
func TestAHouseThatIsNotEmptyIsSaid(t *testing.T) {
	b := habitual(t)
	b.passes(24*time.Hour, false)
	b.expects("away until " + b.now.AddDate(0, 0, 14).Format(time.RFC3339))
	b.passes(48*time.Hour, false)
	b.fills(20 * units.One)
	away := b.foresees()
	b.passes(b.site.Interval, false)
	if !b.st.Health.Has(health.NotEmpty, "") {
		t.Error("nobody says that the house is not empty")
	}
	b.expects("back")
	b.reading(time.Minute)
	if b.st.Health.Has(health.NotEmpty, "") {
		t.Error("who is back is still told so")
	}
	b.fills(20 * units.One)
	usual := b.foresees()
	if r := away.RunOut.Mid.Sub(away.MadeAt).Hours() / usual.RunOut.Mid.Sub(usual.MadeAt).Hours(); r > 1.15 {
		t.Errorf("the credit is said to last %.2f of what it does", r)
	}
}

func TestWhatIsToldHasALife(t *testing.T) {
	b := newBench(t)
	b.reading(0)
	zone := b.site.Zone
	day := func(n int) string { return b.now.In(zone).AddDate(0, 0, n).Format(time.DateOnly) }
	for _, c := range []struct {
		text, no string // the kind of the refusal
	}{
		{"away", "expect.unreadable"},
		{"", "expect.unreadable"},
		{"until " + day(3), "expect.unreadable"},
		{"-3 kWh from tomorrow", "expect.unreadable"},
		{"900 kWh from tomorrow", "expect.unreadable"},
		{"party from tomorrow until " + day(3), "expect.unreadable"},
		{"away from soon until " + day(3), "expect.unreadable"},
		{"away until 2020-01-01", "expect.past"},
		{"away from " + day(3) + " until " + day(3), "expect.order"}, // a day alone is not away
		{"away from " + day(3) + " until " + day(900), "expect.far"},
		{"outage from " + day(3) + " until " + day(40), "expect.long"},
		{"back", "expect.unknown"},
		{"withdraw 7", "expect.unknown"},
		{"withdraw me", "expect.unknown"},
	} {
		var not *NotTakenError
		if eff := b.expects(c.text); !errors.As(eff.Reply.Err, &not) || not.Says[0].Kind != c.no || len(b.st.Expected) > 0 {
			t.Errorf("%q: %v", c.text, eff.Reply.Err)
		}
	}
	local := func(at time.Time) string { return at.In(zone).Format("2006-01-02 15:04") }
	for i, c := range []struct{ text, from, to string }{
		{"away from " + day(3) + " until " + day(9), day(4) + " 00:00", day(9) + " 00:00"},
		{"guests from " + day(5) + " until " + day(6), day(5) + " 00:00", day(7) + " 00:00"},
		{"3 kWh from " + day(2) + " 12:00", day(2) + " 12:00", day(2) + " 14:00"},
		{"away until tomorrow", local(b.now), day(1) + " 00:00"},
	} {
		if eff := b.expects(c.text); eff.Reply.Err != nil || !eff.Durable || !slices.Equal(codes(eff.Events), []string{"expect"}) {
			t.Fatalf("%q: %v, %v", c.text, eff.Reply.Err, codes(eff.Events))
		}
		e := b.st.Expected[i]
		if e.N != i+1 || local(e.From) != c.from || local(e.To) != c.to {
			t.Errorf("%q: number %d, from %s until %s", c.text, e.N, local(e.From), local(e.To))
		}
		if eff := b.expects(c.text); eff.Durable || len(b.st.Expected) != i+1 {
			t.Errorf("%q: told again it is recorded", c.text)
		}
	}
	if p := b.site.Brief(&b.st).Expected; len(p) != 4 {
		t.Errorf("plans know of %d", len(p))
	}

	// It survives a restart.
	data, err := json.Marshal(b.st)
	must(t, err)
	st, err := ReadState(data)
	must(t, err)
	if st, err = b.site.Resume(st); err != nil || !reflect.DeepEqual(st.Expected, b.st.Expected) {
		t.Fatalf("after a restart: %+v, %v", st.Expected, err)
	}

	// Taken back before it begins it is gone, under way it is over.
	if eff := b.expects("withdraw 3"); eff.Reply.Err != nil || len(b.st.Expected) != 3 || !b.st.WantPlan && !eff.AskPlan {
		t.Errorf("taken back: %v, %+v", eff.Reply.Err, b.st.Expected)
	}
	b.now = b.now.Add(time.Hour)
	if eff := b.expects("back"); eff.Reply.Err != nil || !b.st.Expected[2].To.Equal(b.now) || len(b.st.Expecting()) != 2 {
		t.Errorf("back: %v, %+v", eff.Reply.Err, b.st.Expected)
	}

	// It ends by itself, and is forgotten two days later.
	for end := b.now.AddDate(0, 0, 12); b.now.Before(end); {
		b.now = b.now.Add(time.Hour)
		b.step(Input{})
	}
	if len(b.st.Expected) > 0 {
		t.Errorf("they are over, and %+v is left", b.st.Expected)
	}

	// No more than so many at once.
	for i := range expectMost + 1 {
		eff := b.expects("guests from " + day(i+1) + " until " + day(i+1))
		if no := eff.Reply.Err != nil; no != (i == expectMost) {
			t.Errorf("number %d: %v", i+1, eff.Reply.Err)
		}
	}
}

// The loads know when nobody is there: guests are somebody, and a house that is plainly not empty is none.
func TestLoadsKnowWhenNobodyIsThere(t *testing.T) {
	b := newBench(t)
	b.reading(0)
	zone := b.site.Zone
	day := func(n int) string { return b.now.In(zone).AddDate(0, 0, n).Format(time.DateOnly) }
	empty := func() (out []string) {
		for _, s := range b.st.Loads[0].Progress.Empty {
			out = append(out, s.Start.In(zone).Format("02 15:04")+"-"+s.End().In(zone).Format("02 15:04"))
		}
		for _, l := range b.st.Loads[1:] {
			if len(l.Progress.Empty) != len(out) {
				t.Errorf("%s knows of %d times", l.ID, len(l.Progress.Empty))
			}
		}
		return out
	}
	at := func(n int) string { return b.now.In(zone).AddDate(0, 0, n).Format("02") + " 00:00" }
	for _, c := range []struct {
		text string
		want []string
	}{
		{"away from " + day(1) + " until " + day(8), []string{at(2) + "-" + at(8)}},
		{"away from " + day(6) + " until " + day(9), []string{at(2) + "-" + at(9)}},
		{"guests from " + day(4) + " until " + day(5), []string{at(2) + "-" + at(4), at(6) + "-" + at(9)}},
		{"3 kWh from " + day(3), []string{at(2) + "-" + at(4), at(6) + "-" + at(9)}},
		{"withdraw 1", []string{at(7) + "-" + at(9)}},
	} {
		if eff := b.expects(c.text); eff.Reply.Err != nil {
			t.Fatal(eff.Reply.Err)
		}
		if got := empty(); !slices.Equal(got, c.want) {
			t.Errorf("%s: empty %v, not %v", c.text, got, c.want)
		}
	}
	b.expects("withdraw 3")
	b.now = b.now.AddDate(0, 0, 7)
	b.step(Input{})
	if len(empty()) != 1 {
		t.Fatalf("under way: %v", empty())
	}
	b.st.Plan = &planning.Plan{MadeAt: b.now, NotEmpty: true}
	b.st, _ = b.site.Step(b.st, Input{Now: b.now.Add(time.Minute)})
	from := slices.ContainsFunc(b.st.Loads[0].Progress.Empty, func(s units.Slot) bool { return s.End().After(b.st.Now) })
	if !b.st.Health.Has(health.NotEmpty, "") || from { // what was before is not missed
		t.Errorf("the house is not empty, and loads take it for empty from %s on: %v", b.st.Now.In(zone).Format("02 15:04"), empty())
	}
}

// Who comes back after the hours of a load is told of no shortfall, and nothing is carried over: that day nothing
// was needed, as long as it lasts.
func TestWhatWasNotNeededWhileAwayIsNotShortAfterTheReturn(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(b *bench) // between the hours of the load and the next need-day
	}{
		{"by itself", func(*bench) {}},
		{"back earlier than was told", func(b *bench) { b.expects("back") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.planner = nil
			l, err := loads.Compile(loads.Document{
				ID: "washer", Name: "Washer", Kind: loads.Cycle, Power: units.Kilowatt, Cycle: 90 * time.Minute,
				Need:   &loads.NeedDocument{Runs: 1, CarryOver: true, Between: []loads.Window{{From: 6 * 60, To: 12 * 60}}},
				Switch: loads.SwitchDocument{Driver: "house"},
			}, b.site.Zone)
			must(t, err)
			b.site.Loads = []loads.Load{l}
			b.site.Guard = loads.NewGuard(loads.DefaultGuard(), b.site.Loads, b.site.Zone)
			b.st, err = b.site.Resume(b.st)
			must(t, err)
			six := func() time.Time {
				y, m, d := b.now.In(b.site.Zone).Date()
				return time.Date(y, m, d+1, 6, 0, 0, 0, b.site.Zone)
			}
			until := func(at time.Time) {
				for b.now.Before(at) {
					b.reading(time.Minute)
				}
			}
			until(six().Add(-time.Hour))
			morning := b.now.Add(time.Hour)
			b.expects("away until " + morning.Add(12*time.Hour).Format(time.RFC3339))
			until(morning.Add(time.Minute))
			b.st.Loads[0].Progress.Carry = 0 // of the day before
			until(morning.Add(8 * time.Hour))
			c.before(b)
			until(morning.Add(14 * time.Hour))
			if !b.site.Loads[0].DayOff(b.st.Loads[0].Progress) {
				t.Error("they are back, and the programme of the morning is said to be missing")
			}
			until(morning.Add(24*time.Hour + time.Minute))
			if p := b.st.Loads[0].Progress; p.Missed != 0 || p.Carry != 0 {
				t.Errorf("the next morning %s are said to be missed, and %s are carried over", p.Missed, p.Carry)
			}
			if p := b.st.Loads[0].Progress; b.site.Loads[0].DayOff(p) || len(p.Empty) > 0 {
				t.Errorf("and it is not needed: %+v", p.Empty)
			}
		})
	}
}

// Who tells and takes back without end does not make what is stored grow without end.
func TestWhatIsToldAndTakenBackIsBounded(t *testing.T) {
	b := newBench(t)
	b.planner = nil
	for range 2 * expectOver {
		if eff := b.expects("away until tomorrow"); eff.Reply.Err != nil {
			t.Fatal(eff.Reply.Err)
		}
		b.now = b.now.Add(time.Second)
		if eff := b.expects("back"); eff.Reply.Err != nil {
			t.Fatal(eff.Reply.Err)
		}
	}
	b.expects("guests until tomorrow")
	if n := len(b.st.Expected); n > expectOver+1 || len(b.st.Expecting()) != 1 {
		t.Errorf("%d are kept, %d of them of the time to come", n, len(b.st.Expecting()))
	}
}
