package alert

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
)

func begin() time.Time { return time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC) }

// warning is one of a code as the page has it.
func warning(code health.Code, since time.Time) Seen {
	return Seen{Notice: Notice{Code: code, Grade: health.Of(code).Severity, Title: string(code), Cause: "cause", Remedy: "remedy", Since: since}}
}

// desk lives through minutes and notes what is told.
type desk struct {
	t    testing.TB
	now  time.Time
	book Book
	told []string
}

// pass lets time pass with those warnings, looked at each ten seconds.
func (d *desk) pass(by time.Duration, quiet bool, seen ...Seen) {
	for end := d.now.Add(by); d.now.Before(end); d.now = d.now.Add(10 * time.Second) {
		d.book, _ = d.book.Look(d.now, seen)
		due := d.book.Due(d.now, "Thandi", health.Serious, quiet)
		d.book = d.book.Tell(d.now, "Thandi", due)
		for _, n := range due {
			what := string(n.Code)
			if !n.Over.IsZero() {
				what += " over"
			}
			d.told = append(d.told, what)
		}
	}
}

func (d *desk) want(what ...string) {
	d.t.Helper()
	if fmt.Sprint(d.told) != fmt.Sprint(what) {
		d.t.Errorf("told %v, not %v", d.told, what)
	}
	d.told = nil
}

func TestWhatIsTold(t *testing.T) {
	silent, spent, jump, low := health.MeterSilent, health.CreditSpent, health.RegisterJump, health.CreditLow
	for name, live := range map[string]func(d *desk){
		"a cause is told once, and that it is over": func(d *desk) {
			d.pass(3*time.Hour, false, warning(silent, d.now))
			d.want("meter_silent")
			d.pass(time.Hour, false)
			d.want("meter_silent over")
		},
		"a hiccup is not worth a message": func(d *desk) {
			d.pass(50*time.Second, false, warning(silent, d.now))
			d.pass(time.Hour, false)
			d.want()
		},
		"what comes and goes all day is told once": func(d *desk) {
			for range 20 {
				d.pass(90*time.Second, false, warning(silent, d.now))
				d.pass(90*time.Second, false)
			}
			d.want("meter_silent")
		},
		"what comes again after half a day is a new cause": func(d *desk) {
			d.pass(5*time.Minute, false, warning(silent, d.now))
			d.pass(12*time.Hour, false)
			d.pass(5*time.Minute, false, warning(silent, d.now))
			d.want("meter_silent", "meter_silent over", "meter_silent")
		},
		"credit that is spent twice in an hour is told twice": func(d *desk) {
			d.pass(10*time.Minute, false, warning(spent, d.now))
			d.pass(20*time.Minute, false)
			d.pass(10*time.Minute, false, warning(spent, d.now))
			d.want("credit_spent", "credit_spent over", "credit_spent")
		},
		"in the quiet hours what is critical is told, and the rest in the morning": func(d *desk) {
			d.pass(5*time.Hour, true, warning(spent, d.now), warning(silent, d.now))
			d.want("credit_spent")
			d.pass(time.Minute, false, warning(spent, d.now), warning(silent, d.now))
			d.want("meter_silent")
		},
		"what came and went in the quiet hours is told in the morning as over": func(d *desk) {
			d.pass(time.Hour, true, warning(health.Outage, d.now))
			d.pass(time.Hour, true)
			d.want()
			d.pass(time.Minute, false)
			d.want("outage over")
			d.pass(time.Hour, false)
			d.want()
		},
		"a moment has no end": func(d *desk) {
			d.pass(time.Hour, false, warning(jump, d.now))
			d.pass(time.Hour, false)
			d.want("register_jump")
		},
		"what matters less than was asked for is not told": func(d *desk) {
			d.pass(time.Hour, false, warning(low, d.now))
			d.pass(time.Hour, false)
			d.want()
		},
		"what was read on the page before it is due is not told": func(d *desk) {
			w := warning(silent, d.now)
			w.Acknowledged = true
			d.pass(time.Hour, false, w)
			d.pass(time.Hour, false)
			d.want()
		},
		"each rung of the end of the credit is told, and none twice": func(d *desk) {
			for _, rung := range []time.Duration{24 * time.Hour, 24 * time.Hour, 4 * time.Hour, 24 * time.Hour, 4 * time.Hour, time.Hour} {
				w := warning(health.CreditEnds, d.now)
				w.Rung, w.Grade = rung, gradeOf(rung)
				d.pass(5*time.Minute, false, w)
			}
			d.want("credit_ends", "credit_ends", "credit_ends")
			d.pass(time.Hour, false)
			d.want()
		},
		"while the records do not agree nothing is over that is said of the credit": func(d *desk) {
			d.pass(time.Hour, false, warning(spent, d.now))
			d.pass(time.Hour, false, warning(health.RecordsHeld, d.now))
			d.pass(time.Hour, false, warning(spent, d.now))
			d.want("credit_spent", "records_held", "records_held over")
		},
		"a clock that was ten years ahead keeps nothing back": func(d *desk) {
			d.pass(time.Hour, false, warning(silent, d.now))
			was := d.now
			d.now = d.now.AddDate(10, 0, 0)
			d.pass(time.Hour, false, warning(silent, was), warning(spent, d.now))
			d.now = was
			d.pass(20*time.Minute, false)
			d.pass(time.Hour, false, warning(spent, d.now))
			d.want("meter_silent", "credit_spent", "credit_spent over", "meter_silent over", "credit_spent")
		},
		"a restart tells nothing twice": func(d *desk) {
			d.pass(time.Hour, false, warning(silent, d.now))
			d.want("meter_silent")
			data, err := json.Marshal(d.book)
			if err != nil {
				d.t.Fatal(err)
			}
			d.book = Book{}
			if err := json.Unmarshal(data, &d.book); err != nil {
				d.t.Fatal(err)
			}
			d.pass(time.Hour, false, warning(silent, d.now.Add(-time.Hour)))
			d.want()
			d.pass(time.Hour, false)
			d.want("meter_silent over")
		},
	} {
		t.Run(name, func(t *testing.T) {
			live(&desk{t: t, now: begin()})
		})
	}
}

// TestNobodyIsToldTwiceAndNothingThatLastsIsKeptBack lives through random hours.
func TestNobodyIsToldTwiceAndNothingThatLastsIsKeptBack(t *testing.T) {
	codes := []health.Code{health.MeterSilent, health.CreditSpent, health.Outage, health.SupplyWeld}
	rapid.Check(t, func(rt *rapid.T) {
		now, book := begin(), Book{}
		since := map[health.Code]time.Time{}
		last := map[health.Code]time.Time{} // when it was told last that it holds
		held := map[health.Code]time.Duration{}
		const tick = 30 * time.Second
		for range rapid.IntRange(1, 60).Draw(rt, "stretches") {
			on := rapid.SliceOfDistinct(rapid.SampledFrom(codes), rapid.ID).Draw(rt, "hold")
			quiet := rapid.Bool().Draw(rt, "quiet")
			for range rapid.IntRange(1, 60).Draw(rt, "looks") {
				now = now.Add(tick)
				var seen []Seen
				was := since
				since = map[health.Code]time.Time{}
				for _, c := range on {
					since[c] = now
					if at, ok := was[c]; ok {
						since[c] = at
					}
					seen = append(seen, warning(c, since[c]))
				}
				book, _ = book.Look(now, seen)
				due := book.Due(now, "x", health.Serious, quiet)
				told := map[health.Code]bool{}
				for _, n := range due {
					if told[n.Code] {
						rt.Fatalf("%s is told twice at once", n.Code)
					}
					told[n.Code] = true
					if !n.Over.IsZero() {
						if _, holds := since[n.Code]; holds {
							rt.Fatalf("%s is over and holds", n.Code)
						}
						continue
					}
					if _, holds := since[n.Code]; !holds {
						rt.Fatalf("%s does not hold and is told", n.Code)
					}
					if quiet && n.Grade < health.Critical {
						rt.Fatalf("%s is told in the quiet hours", n.Code)
					}
					if at, ok := last[n.Code]; ok && now.Sub(at) < again(n.Grade) {
						rt.Fatalf("%s is told again after %s", n.Code, now.Sub(at))
					}
					last[n.Code] = now
				}
				book = book.Tell(now, "x", due)
				for _, c := range codes {
					if _, holds := since[c]; !holds {
						held[c] = 0
						continue
					}
					held[c] += tick
					g := health.Of(c).Severity
					if quiet && g < health.Critical {
						held[c] = 0
						continue
					}
					_, ever := last[c]
					if held[c] > again(g)+2*time.Minute && !ever {
						rt.Fatalf("%s holds since %s and was never told", c, held[c])
					}
				}
			}
		}
	})
}

func TestTheBookHasAnEnd(t *testing.T) {
	var seen []Seen
	for i := range mostEntries + 500 {
		w := warning(health.SwitchSilent, begin())
		w.Subject = fmt.Sprint(i)
		seen = append(seen, w)
	}
	book, _ := Book{}.Look(begin(), seen[:500])
	book, _ = book.Look(begin().Add(time.Minute), seen[500:])
	if len(book.Entries) != mostEntries {
		t.Errorf("%d causes are remembered", len(book.Entries))
	}
	for _, e := range book.Entries {
		if !e.Gone.IsZero() {
			t.Fatalf("%s is gone and remembered, before one that holds", e.Subject)
		}
	}
}
