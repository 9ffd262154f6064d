package loads

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

func compiled(t testing.TB, change func(*Document)) Load {
	t.Helper()
	d := pump(t)
	if change != nil {
		change(&d)
	}
	l, err := Compile(d, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func day(n int) time.Time { return time.Date(2026, 6, n, 0, 0, 0, 0, time.UTC) }

// run lets the load take for some hours from a time on.
func run(l Load, p Progress, from time.Time, d time.Duration) Progress {
	return l.Account(p, Taken{From: from, To: from.Add(d), On: true})
}

func TestRequestsShrinkWithWhatWasGiven(t *testing.T) {
	l := compiled(t, nil) // 4 h between 08:00 and 17:00
	now := day(1).Add(9 * time.Hour)
	var p Progress
	rs := l.Requests(p, UnitState{}, now, 24*time.Hour)
	if len(rs) != 2 {
		t.Fatalf("%d requests", len(rs))
	}
	if r := rs[0]; r.Time != 4*time.Hour || len(r.Spans) != 1 || !r.Spans[0].Start.Equal(now) || !r.By.Equal(day(1).Add(17*time.Hour)) || r.Energy() != 3*units.KilowattHour || r.Starts != -1 {
		t.Errorf("today: %+v", r)
	}
	if r := rs[1]; r.Time != 4*time.Hour || !r.Spans[0].Start.Equal(day(2).Add(8*time.Hour)) || r.Spans[0].Len != 9*time.Hour {
		t.Errorf("tomorrow: %+v", r)
	}
	p = run(l, p, now, 90*time.Minute)
	if rs = l.Requests(p, UnitState{}, now.Add(90*time.Minute), time.Hour); len(rs) != 1 || rs[0].Time != 150*time.Minute {
		t.Errorf("after 90 minutes: %+v", rs)
	}
	p = run(l, p, now.Add(90*time.Minute), 150*time.Minute)
	if rs = l.Requests(p, UnitState{}, now.Add(4*time.Hour), time.Hour); len(rs) != 0 {
		t.Errorf("after all of it: %+v", rs)
	}
	if rs = l.Requests(Progress{}, UnitState{}, day(1).Add(17*time.Hour), time.Hour); len(rs) != 0 {
		t.Errorf("when it is too late today: %+v", rs)
	}
}

func TestCarryOver(t *testing.T) {
	for _, tc := range []struct {
		name   string
		carry  bool
		given  time.Duration // on day 1
		gap    int           // days without any account
		owed   time.Duration // on the next day
		missed time.Duration
	}{
		{"not asked for", false, time.Hour, 0, 4 * time.Hour, 3 * time.Hour},
		{"a shortfall moves on", true, time.Hour, 0, 7 * time.Hour, 3 * time.Hour},
		{"what was given beyond counts", true, 6 * time.Hour, 0, 2 * time.Hour, 0},
		{"never more than a day's need", true, 0, 3, 8 * time.Hour, 4 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := compiled(t, func(d *Document) { d.Need.CarryOver = tc.carry })
			p := run(l, Progress{}, day(1).Add(9*time.Hour), tc.given)
			p = l.Roll(p, day(1).Add(9*time.Hour))
			now := day(2 + tc.gap).Add(8 * time.Hour)
			p = l.Roll(p, now)
			if p.Missed != tc.missed {
				t.Errorf("missed %v, want %v", p.Missed, tc.missed)
			}
			rs := l.Requests(p, UnitState{}, now, time.Hour)
			if len(rs) != 1 || rs[0].Time != tc.owed || rs[0].Carried != tc.owed-4*time.Hour {
				t.Errorf("owed %+v, want %v", rs, tc.owed)
			}
		})
	}
}

func TestTheFirstNeedDayOwesOnlyWhatThereWasTimeFor(t *testing.T) {
	// Four hours between 08:00 and 17:00.
	for _, tc := range []struct {
		name string
		seen time.Duration // the load is first seen at this hour of day 1
		want time.Duration // what it is short of, when nothing was given
	}{
		{"before its hours: of the day before nothing is owed", 5 * time.Hour, 0},
		{"as its hours begin", 8 * time.Hour, 4 * time.Hour},
		{"with time for all of it", 13 * time.Hour, 4 * time.Hour},
		{"with an hour left", 16 * time.Hour, time.Hour},
		{"after its hours", 21 * time.Hour, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := compiled(t, nil)
			p := l.Roll(Progress{}, day(1).Add(tc.seen))
			p = l.Roll(p, p.To)
			if p.Missed != tc.want || p.Carry != 0 {
				t.Errorf("short by %v, carried %v; want %v, 0", p.Missed, p.Carry, tc.want)
			}
		})
	}
}

func TestEnergyNeedCountsWhatWasMeasured(t *testing.T) {
	l := compiled(t, func(d *Document) { d.Need = &NeedDocument{Energy: 3 * units.KilowattHour} })
	now := day(1).Add(9 * time.Hour)
	p := l.Account(Progress{}, Taken{From: now, To: now.Add(2 * time.Hour), On: true, Energy: units.KilowattHour, HasEnergy: true})
	rs := l.Requests(p, UnitState{}, now.Add(2*time.Hour), time.Hour)
	if len(rs) != 1 || rs[0].Energy() != 2*units.KilowattHour {
		t.Errorf("%+v", rs)
	}
}

func TestALoadThatTakesNothingIsLeftInPeace(t *testing.T) {
	l := compiled(t, func(d *Document) { d.Need.Between = nil })
	now := day(1).Add(9 * time.Hour)
	var p Progress
	for range 11 {
		p = l.Account(p, Taken{From: now, To: now.Add(time.Minute), On: true, Energy: units.Watt.Over(time.Minute), HasEnergy: true})
		now = now.Add(time.Minute)
	}
	rs := l.Requests(p, UnitState{}, now, time.Hour)
	if len(rs) == 0 || !rs[0].Spans[0].Start.Equal(now.Add(time.Hour)) {
		t.Errorf("asked again from %+v, want an hour later", rs)
	}
	if full := l.Roll(p, day(2)); full.Missed != 0 {
		t.Errorf("a load that takes no more went short by %v", full.Missed)
	}
	p = l.Account(p, Taken{From: now, To: now.Add(time.Minute), On: true, Energy: l.Power.Over(time.Minute), HasEnergy: true})
	if p.Idle != 0 || !p.Rest.IsZero() {
		t.Error("it draws again and counts as idle")
	}
	if short := l.Roll(p, day(2)); short.Missed == 0 {
		t.Error("it drew at last and was not given its need, and does not count as short")
	}
}

func TestOverrides(t *testing.T) {
	l := compiled(t, nil)
	now := day(1).Add(9 * time.Hour)
	runNow := Progress{Override: &Override{Run: true, Until: now.Add(time.Hour)}}
	if got := l.Committed(runNow, UnitState{}, now); !got.Equal(now.Add(time.Hour)) {
		t.Errorf("run now commits until %v", got)
	}
	rs := l.Requests(runNow, UnitState{}, now, time.Hour)
	if len(rs) != 1 || rs[0].Time != 3*time.Hour || !rs[0].Spans[0].Start.Equal(now.Add(time.Hour)) {
		t.Errorf("run now: %+v", rs)
	}
	skip := Progress{Override: &Override{Until: day(2)}}
	if rs = l.Requests(skip, UnitState{}, now, 24*time.Hour); len(rs) != 1 || !rs[0].Spans[0].Start.Equal(day(2).Add(8*time.Hour)) {
		t.Errorf("skipped today: %+v", rs)
	}
	if _, ok := skip.Wanted(day(2)); ok {
		t.Error("the override does not expire")
	}
	if p := l.Roll(skip, day(2)); p.Override != nil {
		t.Error("an expired override is kept")
	}
}

func TestProgrammes(t *testing.T) {
	l := compiled(t, func(d *Document) {
		d.Kind, d.Cycle, d.Power = Cycle, time.Hour, 500*units.Watt
		d.Need = &NeedDocument{Runs: 2, Between: []Window{window(t, "08:00-20:00")}}
	})
	now := day(1).Add(9 * time.Hour)
	if rs := l.Requests(Progress{}, UnitState{}, now, time.Hour); rs[0].Runs != 2 || rs[0].Time != 2*time.Hour {
		t.Fatalf("%+v", rs)
	}
	p := run(l, Progress{Override: &Override{Run: true, Until: day(2)}}, now, 20*time.Minute)
	now = now.Add(20 * time.Minute)
	on := UnitState{Set: Setpoint{On: true}}
	if got := l.Committed(p, on, now); !got.Equal(now.Add(40 * time.Minute)) {
		t.Errorf("running until %v", got)
	}
	rs := l.Requests(p, on, now, time.Hour)
	if len(rs) != 1 || rs[0].Runs != 1 || !rs[0].Spans[0].Start.Equal(now.Add(40*time.Minute)) {
		t.Errorf("while one runs: %+v", rs)
	}
	p = run(l, p, now, 45*time.Minute)
	now = now.Add(45 * time.Minute)
	if p.Runs != 1 || p.Override != nil || !l.Committed(p, on, now).IsZero() {
		t.Errorf("after the programme: %+v", p)
	}
	p = run(l, p, now, 2*time.Hour) // left on
	if p.Runs != 1 {
		t.Errorf("%d runs of one programme", p.Runs)
	}
	now = now.Add(2 * time.Hour)
	p = l.Account(p, Taken{From: now, To: now.Add(time.Minute)})
	p = run(l, p, now.Add(time.Minute), 30*time.Minute)
	p = l.Account(p, Taken{From: now.Add(31 * time.Minute), To: now.Add(32 * time.Minute)})
	if p.Runs != 1 || p.Programme != 0 {
		t.Errorf("an interrupted programme counts: %+v", p)
	}
}

func TestClockSetBack(t *testing.T) {
	l := compiled(t, nil)
	p := run(l, Progress{}, day(2).Add(9*time.Hour), 3*time.Hour)
	q := l.Account(p, Taken{From: day(2).Add(10 * time.Hour), To: day(2).Add(11 * time.Hour), On: true})
	if q.Delivered != 3*time.Hour {
		t.Errorf("an hour was counted twice: %v", q.Delivered)
	}
	q = l.Roll(p, day(1).Add(23*time.Hour))
	if q.Delivered != 3*time.Hour {
		t.Errorf("a clock an hour before the need-day forgot what was delivered: %+v", q)
	}
	far := run(l, Progress{}, day(2).AddDate(73, 0, 0), time.Hour)
	q = run(l, far, day(2).Add(9*time.Hour), time.Hour)
	if q.Delivered != time.Hour || !q.From.Equal(day(2).Add(8*time.Hour)) {
		t.Errorf("after a clock that ran decades ahead: %+v", q)
	}
}

// However a stretch is cut into pieces, and whatever is told twice, the account is
// the same, and every state survives JSON.
func TestAccountDoesNotDependOnSteps(t *testing.T) {
	load := compiled(t, func(d *Document) { d.Need.CarryOver = true })
	rapid.Check(t, func(t *rapid.T) {
		var whole, pieces Progress
		at := day(1)
		var total units.Energy
		for range rapid.IntRange(1, 20).Draw(t, "stretches") {
			d := time.Duration(rapid.Int64Range(1, 11*3600*1000).Draw(t, "ms")) * time.Millisecond
			on := rapid.Bool().Draw(t, "on")
			whole = load.Account(whole, Taken{From: at, To: at.Add(d), On: on})
			if on {
				total += load.Power.Over(d)
			}
			for from := at; from.Before(at.Add(d)); {
				to := from.Add(time.Duration(rapid.Int64Range(1, int64(d/time.Millisecond)).Draw(t, "cut")) * time.Millisecond)
				if to.After(at.Add(d)) {
					to = at.Add(d)
				}
				pieces = load.Account(pieces, Taken{From: from, To: to, On: on})
				if rapid.Bool().Draw(t, "twice") {
					pieces = load.Account(pieces, Taken{From: from, To: to, On: on})
				}
				from = to
			}
			at = at.Add(d)
			text, err := json.Marshal(pieces)
			if err != nil {
				t.Fatal(err)
			}
			pieces = Progress{}
			if err := json.Unmarshal(text, &pieces); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(whole, pieces); d != "" {
				t.Fatalf("at %v: %s", at, d)
			}
			if whole.Energy > total {
				t.Fatalf("more energy than was taken")
			}
		}
	})
}
