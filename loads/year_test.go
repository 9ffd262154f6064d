package loads

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/units/unitstest"
)

// Need-days follow each other without a gap and hold the instants they are asked
// for, and what is asked lies ahead and in order, whatever the clock does.
func TestEveryHalfHourOfTheYearHasItsNeedDay(t *testing.T) {
	const half = 30 * time.Minute
	tried := 0
	for _, y := range unitstest.Years(t) {
		var all []Load
		for _, change := range []func(*Document){
			nil, // its windows by day
			func(d *Document) { d.Need.Between = []Window{{From: 22 * 60, To: 6 * 60}} },
			func(d *Document) { d.Need.Between = []Window{{From: 0, To: 3 * 60}, {From: 13 * 60, To: 16 * 60}} },
			func(d *Document) { d.Need.Between = []Window{{From: 90, To: 8 * 60}} },
			func(d *Document) { d.Need.Between = nil },
			func(d *Document) { d.Need.CarryOver = true },
		} {
			doc := pump(t)
			if change != nil {
				change(&doc)
			}
			l, err := Compile(doc, y.Loc)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, l)
		}
		progress := make([]Progress, len(all))
		for _, at := range y.Instants(48, 3, unitstest.Horizons()...) {
			for i, l := range all {
				c := l.calendar
				day := c.day(at, 0)
				if at.Before(day.from) || !at.Before(day.to) {
					t.Fatalf("%s: load %d at %v: need-day from %v to %v", y.Name, i, at.In(y.Loc), day.from.In(y.Loc), day.to.In(y.Loc))
				}
				for n := 1; n <= 15; n++ {
					next := c.day(at, n)
					if !next.from.Equal(day.to) || next.to.Before(next.from) || next.by.After(next.to) || next.to.Sub(next.from) > 26*time.Hour {
						t.Fatalf("%s: load %d at %v: day %d from %v to %v after one to %v", y.Name, i, at.In(y.Loc), n, next.from.In(y.Loc), next.to.In(y.Loc), day.to.In(y.Loc))
					}
					day = next
				}
				before := progress[i]
				p := l.Account(before, Taken{From: at.Add(-half), To: at, On: at.Unix()/1800%3 == 0})
				p = l.Roll(p, at)
				if at.Before(p.From) || !at.Before(p.To) || p.From.Before(before.From) {
					t.Fatalf("%s: load %d at %v: need-day %v to %v after the one from %v", y.Name, i, at.In(y.Loc), p.From, p.To, before.From)
				}
				if p.Until != at {
					t.Fatalf("%s: load %d at %v: account is kept up to %v", y.Name, i, at.In(y.Loc), p.Until)
				}
				progress[i] = p
				for _, h := range unitstest.Horizons() {
					tried++
					last := at
					for _, r := range l.Requests(p, UnitState{}, at, h) {
						if r.Time <= 0 || r.Time > 2*l.Need {
							t.Fatalf("%s: load %d at %v over %v: asks for %v of %v", y.Name, i, at.In(y.Loc), h, r.Time, l.Need)
						}
						for _, s := range r.Spans {
							if s.Start.Before(last) || s.Len <= 0 || s.End().After(r.By) {
								t.Fatalf("%s: load %d at %v over %v: span %v of %v before %v, by %v", y.Name, i, at.In(y.Loc), h, s.Start.In(y.Loc), s.Len, last.In(y.Loc), r.By.In(y.Loc))
							}
							last = s.End()
						}
					}
				}
			}
		}
		t.Logf("%s: %d requests up to here", y.Name, tried)
	}
}

// In a life of a year each need-day of a load that is given what it asks for as soon as
// it may has it, once.
func TestAYearOfNeedDaysIsServedOnceEach(t *testing.T) {
	const half = 30 * time.Minute
	for _, y := range unitstest.Years(t) {
		doc := pump(t)
		doc.Need.Between = []Window{{From: 22 * 60, To: 6 * 60}}
		l, err := Compile(doc, y.Loc)
		if err != nil {
			t.Fatal(err)
		}
		var p Progress
		given, days, from := time.Duration(0), 0, time.Time{}
		missed := map[time.Time]time.Duration{}
		for at := y.From; at.Before(y.To); at = at.Add(half) {
			p = l.Roll(p, at)
			if p.From != from {
				from = p.From
				days++
				if p.Missed > 0 {
					missed[from] = p.Missed
				}
			}
			on := false
			if rs := l.Requests(p, UnitState{}, at, half); len(rs) > 0 && units.SlotAt(rs[0].Spans[0].Start, half).Start.Equal(at) {
				on = rs[0].Time > 0 && rs[0].By.After(at) && rs[0].Spans[0].Start.Before(p.To)
			}
			if on {
				given += half
			}
			p = l.Account(p, Taken{From: at, To: at.Add(half), On: on})
		}
		for day, d := range missed {
			near := false
			for _, c := range y.Changes {
				near = near || day.Sub(c).Abs() < 50*time.Hour
			}
			if !near {
				t.Errorf("%s: the need-day before %v was short by %v", y.Name, day.In(y.Loc), d)
			}
		}
		if want := time.Duration(days) * l.Need; given > want || given < want-2*l.Need-sum(missed) {
			t.Errorf("%s: %v given in %d need-days of %v", y.Name, given, days, l.Need)
		}
	}
}

func sum(m map[time.Time]time.Duration) (s time.Duration) {
	for _, d := range m {
		s += d
	}
	return s
}
