package beside

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

var begun = time.Date(2026, 5, 3, 16, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func kwh(v float64) units.Energy { return units.FromKWh(v) }

func rules() Rules { return Rules{Percent: DefaultPercent, MaxPower: 25 * units.Kilowatt} }

// read is a reading on a day, with what was counted here by then.
type read struct {
	day   float64
	shown string
	own   float64
	with  func(*Told)
}

func (x read) told(t *testing.T) Told {
	t.Helper()
	shown, step, why := ParseShown(x.shown)
	if why != nil {
		t.Fatalf("%s: %s", x.shown, why)
	}
	told := Told{At: begun.Add(time.Duration(x.day * float64(day))), By: "test", Shown: shown, Step: step, Here: Point{Own: kwh(x.own)}}
	if x.with != nil {
		x.with(&told)
	}
	return told
}

func sure(t *Told)   { t.Sure = true }
func anew(t *Told)   { t.Anew = true }
func turned(t *Told) { t.Turned = true }
func left(bought float64) func(*Told) {
	return func(t *Told) { t.Left, t.Bought = true, kwh(bought) }
}

func dark(d time.Duration) func(*Told) { return func(t *Told) { t.Here.Unmeasured = d } }

func TestTwoMeters(t *testing.T) {
	for _, c := range []struct {
		situation string
		reads     []read
		refused   string // the last one is, for this reason
		is        Verdict
		utility   float64
		own       float64
	}{
		{situation: "one reading compares with nothing", reads: []read{{0, "100.0", 7, nil}}},
		{situation: "1.7 % more was measured", reads: []read{{0, "100.0", 7, nil}, {30, "505.0", 419, nil}}, is: Agree, utility: 405, own: 412},
		{situation: "8 % more was measured", reads: []read{{0, "100.0", 7, nil}, {30, "505.0", 444.4, nil}}, is: More, utility: 405, own: 437.4},
		{situation: "8 % less was measured", reads: []read{{0, "100.0", 7, nil}, {30, "505.0", 379.6, nil}}, is: Less, utility: 405, own: 372.6},
		{situation: "whole kWh of one day explain it", reads: []read{{0, "100", 7, nil}, {1, "118", 26.5, nil}}, is: Unclear, utility: 18, own: 19.5},
		{situation: "tenths of one day do not", reads: []read{{0, "100.0", 7, nil}, {1, "118.0", 26.9, nil}}, is: More, utility: 18, own: 19.9},
		{situation: "what was not measured explains that less was", reads: []read{{0, "100.0", 7, nil}, {30, "505.0", 372, dark(10 * time.Hour)}}, is: Unclear, utility: 405, own: 365},
		{situation: "what was not measured does not explain that more was", reads: []read{{0, "100.0", 7, nil}, {30, "505.0", 444.4, dark(10 * time.Hour)}}, is: More, utility: 405, own: 437.4},
		{situation: "a minute without measurement explains little", reads: []read{{0, "100.0", 7, nil}, {30, "505.0", 372, dark(time.Minute)}}, is: Less, utility: 405, own: 365},
		{situation: "the newest stretch is judged: it is right again", reads: []read{{0, "100.0", 0, nil}, {30, "400.0", 345, nil}, {60, "700.0", 645, nil}}, is: Agree, utility: 300, own: 300},
		{situation: "a short last stretch is judged with the one before", reads: []read{{0, "100.0", 0, nil}, {30, "400.0", 345, nil}, {30.1, "401.0", 345.9, nil}}, is: More, utility: 301, own: 345.9},
		{situation: "of less than a day nothing is judged", reads: []read{{0, "100.00", 7, nil}, {0.2, "102.00", 10, nil}}, is: Unclear, utility: 2, own: 3},
		{situation: "what was counted here was lost with the records", reads: []read{{0, "100.0", 400, nil}, {30, "505.0", 12, nil}}, is: Unclear, utility: 405, own: -388},
		{situation: "the utility's meter stood still", reads: []read{{0, "100.0", 0, nil}, {3, "100.0", 30, sure}}, is: More, utility: 0, own: 30},

		{situation: "a typo that is possible", reads: []read{{0, "412.3", 0, nil}, {3, "442.3", 21, nil}}, refused: "reading.unlikely"},
		{situation: "the same, looked at twice", reads: []read{{0, "412.3", 0, nil}, {3, "442.3", 21, sure}}, is: Less, utility: 30, own: 21},
		{situation: "a point forgotten", reads: []read{{0, "412.3", 0, nil}, {3, "4333", 21, sure}}, refused: "reading.too_much"},
		{situation: "a digit short", reads: []read{{0, "5412.3", 0, nil}, {3, "543.3", 21, sure}}, refused: "reading.below"},
		{situation: "below the last one", reads: []read{{0, "412.3", 0, nil}, {3, "412.2", 21, nil}}, refused: "reading.below"},
		{situation: "above a later one", reads: []read{{0, "412.3", 0, nil}, {6, "440.0", 28, nil}, {3, "441.0", 14, nil}}, refused: "reading.above"},
		{situation: "one told late, between two", reads: []read{{0, "412.3", 0, nil}, {6, "440.3", 28, nil}, {3, "426.3", 14, nil}}, is: Agree, utility: 14, own: 14},
		{situation: "one told late, before the first", reads: []read{{6, "440.3", 28, nil}, {3, "426.3", 14, nil}}, is: Agree, utility: 14, own: 14},
		{situation: "the same instant again", reads: []read{{0, "412.3", 0, nil}, {0, "412.3", 0, nil}}, refused: "reading.same"},
		{situation: "another meter was put in, with its own digits", reads: []read{{0, "412.3", 0, nil}, {3, "0.0", 21, anew}}},
		{situation: "and is read again", reads: []read{{0, "412.3", 0, nil}, {3, "0.0", 21, anew}, {9, "40.0", 61, nil}}, is: Agree, utility: 40, own: 40},
		{situation: "another meter cannot have come before what was read later", reads: []read{{0, "412.3", 0, nil}, {6, "440.0", 28, nil}, {3, "0.0", 14, anew}}, refused: "reading.later"},
		{situation: "the display has begun again", reads: []read{{0, "99990.3", 0, nil}, {6, "12.3", 22, turned}}, is: Agree, utility: 22, own: 22},
		{situation: "and nobody said so", reads: []read{{0, "99990.3", 0, nil}, {6, "12.3", 22, sure}}, refused: "reading.below"},
		{situation: "it has not begun again", reads: []read{{0, "412.3", 0, nil}, {6, "434.3", 22, turned}}, refused: "reading.not_turned"},
		{situation: "a first one cannot have begun again", reads: []read{{0, "12.3", 0, turned}}, refused: "reading.turned_first"},
		{situation: "one told late, before the display began again", reads: []read{{0, "99990.3", 0, nil}, {6, "12.3", 22, turned}, {1, "99994.3", 4, nil}}, is: Agree, utility: 18, own: 18},
		{situation: "one told late, after it", reads: []read{{0, "99990.3", 0, nil}, {6, "12.3", 22, turned}, {5, "8.3", 18, nil}}, is: Agree, utility: 22, own: 22},

		{situation: "a credit that is left", reads: []read{{0, "80.0", 0, left(0)}, {6, "108.0", 72, left(100)}}, is: Agree, utility: 72, own: 72},
		{situation: "more is left than can be", reads: []read{{0, "80.0", 0, left(0)}, {6, "108.0", 22, left(0)}}, refused: "reading.more_left"},
		{situation: "from the credit to the register", reads: []read{{0, "80.0", 0, left(0)}, {6, "4210.3", 22, nil}}},
		{situation: "and on with that", reads: []read{{0, "80.0", 0, left(0)}, {6, "4210.3", 22, nil}, {12, "4240.3", 52, nil}}, is: Agree, utility: 30, own: 30},
	} {
		t.Run(c.situation, func(t *testing.T) {
			var s State
			for i, x := range c.reads {
				next, why := s.Add(begun.Add(100*day), x.told(t), rules())
				if i == len(c.reads)-1 && c.refused != "" {
					if why == nil || why[0].Kind != c.refused {
						t.Fatalf("refused for %q, want %s", why, c.refused)
					}
					if !reflect.DeepEqual(next, s) {
						t.Error("what is refused changes something")
					}
					return
				}
				if why != nil {
					t.Fatalf("%s of day %g: %s", x.shown, x.day, why)
				}
				s = next
			}
			a := s.Account(rules(), time.UTC)
			if j := a.Judged; j.Is != c.is || j.Utility != kwh(c.utility) || j.Own != kwh(c.own) {
				t.Errorf("%s: %v there, %v here", j.Is, j.Utility, j.Own)
			}
			text, err := json.Marshal(s)
			var back State
			if err != nil || json.Unmarshal(text, &back) != nil || !reflect.DeepEqual(s, back) {
				t.Errorf("it is stored as %s", text)
			}
		})
	}
}

func TestTheMonthsThatReadingsAllow(t *testing.T) {
	zone := time.FixedZone("", 2*3600)
	var s State
	for _, at := range []string{"2026-05-02", "2026-05-20", "2026-06-01", "2026-07-02", "2026-07-30", "2026-09-01"} {
		when, err := time.Parse(time.DateOnly, at)
		if err != nil {
			t.Fatal(err)
		}
		e := kwh(10 * when.Sub(begun).Hours() / 24)
		var why said.Said
		if s, why = s.Add(when, Told{At: when, Shown: kwh(1000) + e, Step: kwh(0.1), Here: Point{Own: e + kwh(500)}}, rules()); why != nil {
			t.Fatal(why)
		}
	}
	var got []string
	for _, m := range s.Account(rules(), zone).Months {
		got = append(got, m.Start.In(zone).Format("Jan")+" "+m.From.Format("01-02")+" "+m.To.Format("01-02"))
	}
	// From 30 July to 1 September is August; of October nothing is known.
	want := []string{"May 05-02 06-01", "Jun 06-01 07-02", "Jul 07-02 07-30", "Aug 07-30 09-01"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Records that were asked for another instant say nothing.
func TestThePastOfAnotherInstantIsNone(t *testing.T) {
	edge := begun.Add(10 * time.Hour).Truncate(time.Hour)
	s := State{Trail: []Point{{At: edge, Own: kwh(50)}}}
	past := &Past{Edge: edge, Before: Point{At: edge.Add(-5 * time.Hour), Own: kwh(-6)}, After: Point{At: edge.Add(-4 * time.Hour), Own: kwh(-4)}}
	for back, ok := range map[time.Duration]bool{6 * time.Hour: false, 5 * time.Hour: true, 270 * time.Minute: true, 4 * time.Hour: true, 3 * time.Hour: false} {
		p, _, got := s.By(edge.Add(-back), Point{At: edge.Add(time.Minute), Own: kwh(51)}, past, rules())
		if got != ok || ok && (p.Own < kwh(44) || p.Own > kwh(46)) {
			t.Errorf("%s before: %v, %t", back, p.Own, got)
		}
	}
}

// When the energy of a silence passed nobody knows: it has no edges within, neither in the
// trail nor in the records.
func TestASilenceHasNoEdges(t *testing.T) {
	const period = 30 * time.Minute
	start := begun.Truncate(period)
	var s State
	var intervals []metering.Interval
	own := kwh(0)
	for i := range 6 {
		c := metering.Consumption{From: start.Add(time.Duration(i) * period), Import: kwh(1)}
		if c.To = c.From.Add(period); i >= 2 && i < 5 {
			c.Quality = metering.Estimated
		}
		s = s.Count(c, own, period)
		own += c.Import
		intervals = append(intervals, metering.Interval{Slot: units.SlotAt(c.From, period), Import: c.Import, Covered: period, Quality: c.Quality})
	}
	var edges []time.Duration
	for _, p := range s.Trail {
		edges = append(edges, p.At.Sub(start))
	}
	if want := []time.Duration{0, period, 2 * period, 6 * period}; !reflect.DeepEqual(edges, want) {
		t.Errorf("edges after %v, want %v", edges, want)
	}
	edge := start.Add(6 * period)
	p, ok := Back(start.Add(100*time.Minute), edge, intervals)
	if !ok || !p.Before.At.Equal(start.Add(2*period)) || !p.After.At.Equal(start.Add(5*period)) || p.Before.Own != kwh(-4) || p.After.Own != kwh(-1) {
		t.Errorf("%+v", p)
	}
	if p, ok = Back(start.Add(40*time.Minute), edge, intervals); !ok || !p.Before.At.Equal(start.Add(period)) || p.After.Own != kwh(-4) {
		t.Errorf("before it: %+v", p)
	}
}

func TestWhatStandsOnADisplay(t *testing.T) {
	for _, c := range []struct {
		text        string
		shown, step float64
		refused     string
	}{
		{text: "412.3", shown: 412.3, step: 0.1},
		{text: " 004 123,45 kWh", shown: 4123.45, step: 0.01},
		{text: "412", shown: 412, step: 1},
		{text: "0", shown: 0, step: 1},
		{text: "412.300", shown: 412.3, step: 0.001},
		{text: "1,234.5", refused: "reading.number"},
		{text: "-1", refused: "reading.number"},
		{text: "-0", refused: "reading.number"},
		{text: "", refused: "reading.number"},
		{text: "kWh", refused: "reading.number"},
		{text: "412.", refused: "reading.number"},
		{text: "1e3", refused: "reading.number"},
		{text: "1000001", refused: "reading.too_great"},
		{text: "99999999999999999999999", refused: "reading.number"},
	} {
		shown, step, why := ParseShown(c.text)
		if c.refused != "" && (why == nil || why[0].Kind != c.refused) || c.refused == "" && (why != nil || shown != kwh(c.shown) || step != kwh(c.step)) {
			t.Errorf("%q: %v in steps of %v, %s", c.text, shown, step, why)
		}
	}
}

func FuzzAnyTextOnADisplay(f *testing.F) {
	for _, text := range []string{"412.3", "004 123,45 kWh", "1,234.5", "-0", "\u00a0", "9.9999999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shown, step, why := ParseShown(text)
		if why == nil && (shown < 0 || shown > greatest || step <= 0 || step > units.KilowattHour) {
			t.Errorf("%q: %v in steps of %v", text, shown, step)
		}
	})
}

// Two meters that count the same energy are never said to differ, however coarse the
// display is, whenever it is read, and whatever is not measured here; and one that counts
// a tenth too much or too little is found out once enough has passed.
func TestSoundMetersNeverDifferAndUnsoundOnesDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := 30 * time.Minute
		digits := rapid.SampledFrom([]units.Energy{kwh(1), kwh(0.1), kwh(0.01)}).Draw(t, "digits")
		factor := rapid.SampledFrom([]int64{100, 100, 97, 103, 90, 110}).Draw(t, "percent of the truth that is measured")
		gaps := rapid.Bool().Draw(t, "gaps")
		pieces := rapid.IntRange(200, 400).Draw(t, "pieces")
		rs := Rules{Percent: DefaultPercent, MaxPower: 10 * units.Kilowatt}
		var s State
		var truth, own units.Energy
		offset := units.Energy(rapid.Int64Range(0, int64(kwh(50_000))).Draw(t, "offset"))
		now := begun
		type past struct {
			at    time.Time
			truth units.Energy
		}
		trace := []past{{now, 0}}
		var intervals []metering.Interval
		for range pieces {
			to := now.Add(period)
			used := units.Energy(rapid.Int64Range(0, int64(kwh(5))).Draw(t, "used"))
			c := metering.Consumption{From: now, To: to, Import: used.Part(factor, 100)}
			iv := metering.Interval{Slot: units.SlotAt(now, period), Import: c.Import, Covered: period}
			if gaps && rapid.IntRange(0, 9).Draw(t, "dark") == 0 {
				c.Import, c.Quality, iv.Import, iv.Covered = 0, metering.Gap, 0, 0
			}
			s = s.Count(c, own, period)
			own, truth, now = own+c.Import, truth+used, to
			intervals = append(intervals, iv)
			trace = append(trace, past{now, truth})
		}
		last := Point{now, own, s.Unmeasured}
		for range rapid.IntRange(2, 6).Draw(t, "readings") {
			back := rapid.IntRange(0, len(trace)-1).Draw(t, "back")
			x := trace[len(trace)-1-back]
			before := trace[max(0, len(trace)-2-back)]
			// Anywhere within the piece, whose energy may have passed as early or as late as the
			// supply can carry it.
			at := x.at.Add(-time.Duration(rapid.Int64Range(0, int64(x.at.Sub(before.at))).Draw(t, "within")))
			shown := max(before.truth, x.truth-rs.fastest(x.at.Sub(at)))
			if rapid.Bool().Draw(t, "early") {
				shown = min(x.truth, before.truth+rs.fastest(at.Sub(before.at)))
			}
			var p *Past
			if at.Before(s.Trail[0].At) {
				if found, ok := Back(at, now, intervals); ok {
					p = &found
				}
			}
			here, blur, ok := s.By(at, last, p, rs)
			if !ok {
				t.Fatalf("nothing is known of %s", at)
			}
			if now.Sub(at) <= slow { // what is told a moment later is as good as read then
				shown = truth
			}
			told := Told{At: at, Shown: (offset + shown) / digits * digits, Step: digits, Here: here, Blur: blur, Sure: true}
			if next, why := s.Add(now, told, rs); why == nil {
				s = next
			}
		}
		a := s.Account(rs, time.UTC)
		for i := range s.Readings {
			for _, y := range s.Readings[i+1:] {
				st := rs.stretch(s.Readings[i], y)
				if sound := factor >= 97 && factor <= 103; sound && st.Is == More || sound && st.Is == Less {
					t.Fatalf("%d %%: %+v", factor, st)
				}
			}
		}
		if w := a.Whole; a.Compared() && !gaps && (factor == 90 || factor == 110) && w.Utility > 30*w.Blur && w.Utility >= 2*least {
			if a.Judged.Is != More && a.Judged.Is != Less {
				t.Fatalf("%d %% is not found: %+v", factor, a)
			}
		}
		for _, x := range s.Readings {
			next, _, ok := s.Withdraw(x.N)
			if !ok || len(next.Readings) != len(s.Readings)-1 {
				t.Fatalf("%d is not taken back", x.N)
			}
		}
	})
}

func TestReadingsAreBounded(t *testing.T) {
	var s State
	for i := range 3 * most {
		at := begun.Add(time.Duration(i) * day)
		var why said.Said
		if s, why = s.Add(at, Told{At: at, Shown: kwh(float64(i) * 10), Step: kwh(0.1), Here: Point{Own: kwh(float64(i) * 10)}}, rules()); why != nil {
			t.Fatal(why)
		}
	}
	if len(s.Readings) != most || s.Last != 3*most || s.Account(rules(), time.UTC).Whole.Is != Agree {
		t.Errorf("%d readings, the last has number %d", len(s.Readings), s.Last)
	}
}

// A program that tells a reading each minute drives no month of what was read before out of
// what is kept; one that is not kept is not said to be.
func TestReadingsThatComeOftenLeaveRoomForOlderOnes(t *testing.T) {
	var s State
	tell := func(at time.Time, sure bool) said.Said {
		used := kwh(at.Sub(begun).Hours() / 2)
		next, why := s.Add(at, Told{At: at, Shown: kwh(1000) + used, Step: kwh(0.001), Here: Point{Own: used}, Sure: sure}, rules())
		s = next
		return why
	}
	now := begun
	for range 4 { // by a person, each month
		if why := tell(now, false); why != nil {
			t.Fatal(why)
		}
		now = now.Add(30 * day)
	}
	now = now.Add(-30 * day)
	for range 5 * most {
		now = now.Add(time.Minute)
		if why := tell(now, false); why != nil {
			t.Fatal(why)
		}
	}
	if why := tell(now.Add(-30*time.Second), true); why != nil || !slices.ContainsFunc(s.Readings, func(x Reading) bool { return x.N == s.Last }) {
		t.Errorf("one between others: %v, it is not kept", why)
	}
	a := s.Account(rules(), time.UTC)
	if len(s.Readings) != most || !a.Whole.From.Equal(begun) || len(a.Months) < 3 || a.Judged.Is != Agree || !s.Readings[most-1].Here.At.Equal(now) {
		t.Fatalf("%d readings, %+v", len(s.Readings), a)
	}
	for day1 := range 200 { // and then each day for long: each month has a reading near its edges
		at := now.Add(time.Duration(day1+1) * day)
		if why := tell(at, false); why != nil {
			t.Fatal(why)
		}
	}
	if a := s.Account(rules(), time.UTC); len(s.Readings) != most || len(a.Months) < 5 || a.Judged.Is != Agree {
		t.Fatalf("%d readings, %+v", len(s.Readings), a.Months)
	}
}

func TestAReadingThatIsNotKeptIsNotTaken(t *testing.T) {
	var s State
	for i := range most {
		at := begun.Add(time.Duration(i+1) * 20 * day)
		var why said.Said
		if s, why = s.Add(at, Told{At: at, Shown: kwh(float64(i+1) * 10), Step: kwh(0.1), Here: Point{Own: kwh(float64(i+1) * 10)}, Sure: true}, rules()); why != nil {
			t.Fatal(why)
		}
	}
	next, why := s.Add(begun.Add(most*20*day), Told{At: begun, Shown: kwh(1), Step: kwh(0.1), Here: Point{Own: kwh(1)}, Sure: true}, rules())
	if why == nil || why[0].Kind != "reading.old" || !reflect.DeepEqual(next, s) {
		t.Fatalf("one before all that are kept: %v, %d readings, the last has number %d", why, len(next.Readings), next.Last)
	}
}
