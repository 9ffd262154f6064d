package quality

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func rules() Rules { return Rules{Nominal: 230_000, Frequency: 50_000} }

// week lets a state see a week of values, made by a function of their number; nil: none.
func week(values int, make func(k int) *Ten) State {
	var s State
	for k := range values {
		if t := make(k); t != nil {
			t.End = monday.Add(time.Duration(k+1) * slot)
			s = s.Take(rules(), &News{Tens: []Ten{*t}})
		}
	}
	return s
}

func good() *Ten {
	p := Phase{Voltage: 231_000, Orders: Orders, THD: 20_000, Flicker: true, Pst: 300}
	p.Harmonics[4] = 30_000
	return &Ten{Covered: 1_000_000, Sequence: true, Negative: 5_000, Phases: []Phase{p, p, p}}
}

func find(v Verdict, p Promise, phase int) Finding {
	for _, f := range v.Findings {
		if f.Promise == p && f.Phase == phase {
			return f
		}
	}
	return Finding{}
}

func TestWhatBecomesOfThePromises(t *testing.T) {
	over := monday.AddDate(0, 0, 7)
	some := func(every int, change func(t *Ten)) func(k int) *Ten {
		return func(k int) *Ten {
			v := good()
			if k%every == 0 {
				change(v)
			}
			return v
		}
	}
	for _, c := range []struct {
		situation string
		values    int
		make      func(k int) *Ten
		now       time.Time
		is        Outcome
		promise   Promise
		phase     int
		was       Outcome
	}{
		{"a good week", 1008, some(1009, func(*Ten) {}), over, Kept, Voltage95, 1, Kept},
		{"a good week that is not over", 1008, some(1009, func(*Ten) {}), over.Add(-1), Unknown, Voltage95, 1, Unknown},
		{"nine tenths of it", 908, some(1009, func(*Ten) {}), over, Kept, Voltage95, 2, Kept},
		{"less than that is not enough", 906, some(1009, func(*Ten) {}), over, Unknown, Voltage95, 2, Unknown},
		{"nothing at all", 0, nil, over, Unknown, Voltage95, 1, ""},
		{"4 % of the values too low", 1008, some(25, func(t *Ten) { t.Phases[1].Voltage = 206_000 }), over, Kept, Voltage95, 2, Kept},
		{"5.3 % of the values too low", 1008, some(19, func(t *Ten) { t.Phases[1].Voltage = 206_000 }), over, Broken, Voltage95, 2, Broken},
		{"the other phases were good", 1008, some(19, func(t *Ten) { t.Phases[1].Voltage = 206_000 }), over, Broken, Voltage95, 1, Kept},
		{"one value below -15 % breaks it at once", 2, some(3, func(t *Ten) { t.Phases[0].Voltage = 195_000 }), monday.Add(time.Hour), Broken, Voltage100, 1, Broken},
		{"just -15 % does not", 1008, some(1009, func(t *Ten) { t.Phases[0].Voltage = 195_500 }), over, Kept, Voltage100, 1, Kept},
		{"one above +10 % does", 1008, some(1009, func(t *Ten) { t.Phases[2].Voltage = 253_001 }), over, Broken, Voltage100, 3, Broken},
		{"that value was flagged", 1008, some(1009, func(t *Ten) { t.Phases[2].Voltage = 253_001; t.Flagged = true }), over, Kept, Voltage100, 3, Kept},
		{"hardly any of its time was measured", 1008, some(1009, func(t *Ten) { t.Phases[2].Voltage = 253_001; t.Covered = 749_999 }), over, Kept, Voltage100, 3, Kept},
		{"a week of flags alone says nothing", 1008, some(1, func(t *Ten) { t.Flagged = true }), over, Unknown, Voltage95, 1, Unknown},
		{"six of its days were spent in the dark", 1008, func(k int) *Ten {
			v := good()
			v.Flagged = k >= 144
			return v
		}, over, Unknown, Voltage95, 1, Unknown},
		{"a phase was told on its last day only", 1008, func(k int) *Ten {
			v := good()
			if k < 864 {
				v.Phases = v.Phases[:2]
			}
			return v
		}, over, Unknown, Voltage95, 3, Unknown},
		{"a phase was told on its first day only", 1008, func(k int) *Ten {
			v := good()
			if k >= 144 {
				v.Phases = v.Phases[:2]
			}
			return v
		}, over, Unknown, Voltage95, 3, Unknown},
		{"60 too low values are enough for a week", 60, some(1, func(t *Ten) { t.Phases[0].Voltage = 200_000 }), monday.Add(11 * time.Hour), Broken, Voltage95, 1, Broken},
		{"unbalance of 2.1 % for 6 %", 1008, some(16, func(t *Ten) { t.Negative = 21_000 }), over, Broken, Unbalance, 0, Broken},
		{"a distortion of 9 % for 6 %", 1008, some(16, func(t *Ten) { t.Phases[0].THD = 90_000 }), over, Broken, Distortion, 1, Broken},
		{"a fifth of 6.1 % for 6 %", 1008, some(16, func(t *Ten) { t.Phases[0].Harmonics[4] = 61_000 }), over, Broken, Harmonics, 1, Broken},
		{"a fifth of 5.9 %", 1008, some(1, func(t *Ten) { t.Phases[0].Harmonics[4] = 59_000 }), over, Kept, Harmonics, 1, Kept},
		{"two orders, each of 3 % of the time", 1008, func(k int) *Ten {
			v := good()
			if k%32 == 0 {
				v.Phases[0].Harmonics[4] = 61_000
			} else if k%32 == 1 {
				v.Phases[0].Harmonics[6] = 51_000
			}
			return v
		}, over, Kept, Harmonics, 1, Kept},
		{"harmonics that were not measured are not good", 1008, some(1, func(t *Ten) { t.Phases[0].Orders = 0 }), over, Kept, Harmonics, 1, Unknown},
		{"flicker", 1008, some(1, func(t *Ten) { t.Phases[0].Pst = 1100 }), over, Broken, Flicker, 1, Broken},
		{"flicker that a few values make", 1008, some(24, func(t *Ten) { t.Phases[0].Pst = 2400 }), over, Broken, Flicker, 1, Broken},
		{"flicker that was not measured", 1008, some(1, func(t *Ten) { t.Phases[0].Flicker = false }), over, Kept, Flicker, 1, Unknown},
		{"the frequency was never told", 1008, some(1009, func(*Ten) {}), over, Kept, Frequency99, 0, Unknown},
	} {
		s := week(c.values, c.make)
		v := s.Now.Judge(c.now)
		if f := find(v, c.promise, c.phase); v.Is != c.is && c.situation != "one above +10 % does" && c.situation != "just -15 % does not" || f.Is != c.was {
			t.Errorf("%s: the week is %s, want %s; %s of phase %d is %s (%+v), want %s", c.situation, v.Is, c.is, c.promise, c.phase, f.Is, f, c.was)
		}
	}
}

// An outage over the night to Monday is told when it is over.
func TestWhatBeganInTheWeekBeforeIsCountedThere(t *testing.T) {
	s := week(1009, func(int) *Ten { return good() })
	s = s.Take(rules(), &News{Events: []Event{{Kind: Interruption, Start: monday.AddDate(0, 0, 7).Add(-time.Hour), Length: 2 * time.Hour}}})
	if s.Last == nil || s.Last.Interruptions != [2]int{0, 1} || s.Now.Interruptions != [2]int{} {
		t.Errorf("the week before has %+v, this one %v", s.Last, s.Now.Interruptions)
	}
}

// A clock that was ahead for one value, by more than a week, ends no week.
func TestAClockThatWasAheadForAWhileEndsNoWeek(t *testing.T) {
	s := week(1008, func(k int) *Ten {
		v := good()
		if k == 300 {
			v.Phases[0].Voltage = 220_000
		}
		return v
	})
	ahead := week(500, func(int) *Ten { return good() })
	far := good()
	far.End = monday.AddDate(0, 1, 0)
	ahead = ahead.Take(rules(), &News{Tens: []Ten{*far}})
	for k := 500; k < 1008; k++ {
		v := good()
		v.End = monday.Add(time.Duration(k+1) * slot)
		ahead = ahead.Take(rules(), &News{Tens: []Ten{*v}})
	}
	if !ahead.Now.From.Equal(monday) || ahead.Now.Values != s.Now.Values {
		t.Errorf("the week from %v has %d values, want %d", ahead.Now.From, ahead.Now.Values, s.Now.Values)
	}
}

// What is said of a whole week is what its values, sorted, say.
func TestTheVerdictIsThatOfTheSortedValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spread := rapid.Float64Range(0.02, 0.08).Draw(t, "spread")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		missing, flagged := rapid.IntRange(2, 60).Draw(t, "missing"), rapid.IntRange(2, 60).Draw(t, "flagged")
		var volts []float64
		left := 0
		s := week(1008, func(k int) *Ten {
			if k%missing == 0 {
				return nil
			}
			v := &Ten{Covered: 1_000_000, Flagged: k%flagged == 1, Phases: []Phase{{Voltage: units.Voltage(230_000 * (1 + spread*rng.NormFloat64()))}}}
			if v.Flagged {
				left++
			} else {
				volts = append(volts, float64(v.Phases[0].Voltage)/1000)
			}
			return v
		})
		within, all := 0, true
		for _, u := range volts {
			if math.Abs(u-230) <= 23 {
				within++
			}
			all = all && u >= 195.5 && u <= 253
		}
		enough := len(volts)+left >= 908 && len(volts) >= 504
		want95, want100 := Unknown, Unknown
		bad := len(volts) - within
		switch {
		case bad*20 > len(volts) && (enough || bad*20 > 1008-left):
			want95 = Broken
		case enough && bad*20 <= len(volts):
			want95 = Kept
		}
		switch {
		case !all:
			want100 = Broken
		case enough:
			want100 = Kept
		}
		v := s.Now.Judge(monday.AddDate(0, 0, 7))
		if a, b := find(v, Voltage95, 0).Is, find(v, Voltage100, 0).Is; a != want95 || b != want100 {
			t.Fatalf("%s and %s, want %s and %s: %d values, %d beyond, %d left out", a, b, want95, want100, len(volts), bad, left)
		}
	})
}

func TestFrequencyOfAWeek(t *testing.T) {
	for _, c := range []struct {
		beyond, far int
		first       Outcome
		second      Outcome
	}{{0, 0, Kept, Kept}, {300, 0, Kept, Kept}, {320, 0, Broken, Kept}, {1, 1, Kept, Broken}} {
		var s State
		var n News
		for k := range 7 * 8640 {
			hz := units.Frequency(50_020)
			if k < c.beyond {
				hz = 49_490
			}
			if k < c.far {
				hz = 46_900
			}
			n.Seconds = append(n.Seconds, Seconds{End: monday.Add(time.Duration(k+1) * 10 * time.Second), Frequency: hz})
		}
		s = s.Take(rules(), &n)
		v := s.Now.Judge(monday.AddDate(0, 0, 7))
		if a, b := find(v, Frequency99, 0), find(v, Frequency, 0); a.Is != c.first || b.Is != c.second || a.N != 60480 {
			t.Errorf("%+v: %+v, %+v", c, a, b)
		}
	}
}

func TestDisturbancesAreCountedByTheirTables(t *testing.T) {
	var s State
	at := monday
	take := func(kind Kind, volts float64, length time.Duration, interrupted bool) {
		at = at.Add(time.Minute)
		s = s.Take(rules(), &News{Events: []Event{{Kind: kind, Start: at, Length: length, Voltage: units.Voltage(volts * 1000), Interrupted: interrupted}}})
	}
	take(Dip, 200, 200*time.Millisecond, false) // 87 %
	take(Dip, 184, 201*time.Millisecond, false) // 80 %
	take(Dip, 183, 300*time.Millisecond, false)
	take(Dip, 92, 700*time.Millisecond, false) // 40 %
	take(Dip, 91, 4*time.Second, false)
	take(Dip, 5, 40*time.Second, false)
	take(Dip, 5, 70*time.Second, false)
	take(Dip, 0, time.Second, true)
	take(Interruption, 0, 3*time.Minute, false)
	take(Interruption, 0, 3*time.Minute+time.Second, false)
	take(Swell, 255, time.Second, false)
	take(Swell, 280, 20*time.Millisecond, false)
	take(RapidChange, 12, 0, false)
	w := s.Now
	if w.Dips != [5][5]int{{1, 1}, {0, 1}, {0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 0, 1}} || w.Longer != 1 || w.Interruptions != [2]int{1, 1} ||
		w.Swells != [2][3]int{{1}, {0, 1}} || w.Rapid != 1 || w.Worst == nil || w.Worst.Length != 70*time.Second {
		t.Errorf("%+v, worst %+v", w, w.Worst)
	}
}

// Weeks are of the calendar, with the hour that a day has more or less; the one before is
// kept, and a clock that goes back counts nothing twice.
func TestWeeksFollowTheCalendar(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	r := rules()
	r.Zone = zone
	var s State
	end := time.Date(2026, 3, 23, 0, 10, 0, 0, zone) // the clock is set forward on the 29th
	for range 1002 {
		v := good()
		v.End = end.UTC()
		s = s.Take(r, &News{Tens: []Ten{*v}})
		end = end.Add(slot)
	}
	if s.Now.Values != 1002 || s.Last != nil || s.Now.To.Sub(s.Now.From) != 167*time.Hour || s.Now.Judge(end).Is != Kept {
		t.Errorf("%+v", s)
	}
	again := good()
	again.End = end.Add(-2 * slot).UTC()
	s = s.Take(r, &News{Tens: []Ten{*again}})
	next := good()
	next.End = end.UTC()
	s = s.Take(r, &News{Tens: []Ten{*next}})
	if s.Last == nil || s.Last.Values != 1002 || s.Now.Values != 1 || !s.Now.From.Equal(s.Last.To) || !s.Now.Since.IsZero() {
		t.Errorf("%+v, before it %+v", s.Now, s.Last)
	}
	late := good()
	late.End = s.Last.From.Add(slot)
	if s = s.Take(r, &News{Tens: []Ten{*late}}); s.Now.Values != 1 || s.Last.Values != 1002 {
		t.Error("a value of the week before was counted")
	}
	// A clock that was years ahead does not stop it for years.
	far := good()
	far.End = end.AddDate(5, 0, 0).UTC()
	s = s.Take(r, &News{Tens: []Ten{*far}})
	back := good()
	back.End = end.AddDate(0, 0, 21).UTC()
	if s = s.Take(r, &News{Tens: []Ten{*back}}); s.Now.Values != 1 || s.Now.From.After(back.End) {
		t.Errorf("%+v", s.Now)
	}
}

// Means of what a meter tells are those of the voltage held between its words, and silence
// is not made up.
func TestMeansOfToldVoltages(t *testing.T) {
	var s State
	r := rules()
	at := monday.Add(3 * time.Minute)
	for range 2*60*6 + 60 {
		u := units.Voltage(220_000)
		if at.Minute()%10 >= 5 {
			u = 240_000
		}
		s = s.Hear(r, at, []units.Voltage{u, 231_000})
		at = at.Add(10 * time.Second)
	}
	w := s.Now
	want := units.Voltage(math.Round(1000 * math.Sqrt((220*220+240*240)/2)))
	if w.Sampled || w.Values != 12 || w.Short != 1 || len(w.Phases) != 2 || max(w.Phases[0].Low-want, want-w.Phases[0].Low) > 400 || w.Phases[1].High != 231_000 {
		t.Errorf("%+v, want %v", w, want)
	}
	// A meter that tells a voltage each five minutes tells no mean.
	before := s.Now.Values
	for range 12 {
		at = at.Add(5 * time.Minute)
		s = s.Hear(r, at, []units.Voltage{230_000, 230_000})
	}
	if s.Now.Values > before+1 {
		t.Errorf("%d values of a voltage told each five minutes", s.Now.Values-before)
	}
	v := s.Now.Judge(monday.AddDate(0, 0, 7))
	for _, f := range v.Findings {
		if f.Promise != Voltage95 && f.Promise != Voltage100 {
			t.Errorf("a meter's words say something of %s", f.Promise)
		}
	}
}

// A state is a value: what was before a step stays as it was, and JSON keeps it.
func TestAStateIsAValue(t *testing.T) {
	s := week(100, func(k int) *Ten {
		v := good()
		v.Phases[1].Harmonics[4] = 70_000
		return v
	})
	s = s.Take(rules(), &News{Events: []Event{{Kind: Dip, Start: monday.Add(time.Hour), Length: time.Second, Voltage: 100_000}}, Seconds: []Seconds{{End: monday.Add(time.Hour), Frequency: 50_000}}})
	before, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	v := good()
	v.End = monday.Add(101 * slot)
	v.Phases[1].Harmonics[4], v.Phases[1].Harmonics[6] = 70_000, 70_000
	next := s.Take(rules(), &News{Tens: []Ten{*v}})
	next.Hear(rules(), monday, []units.Voltage{1})
	if after, _ := json.Marshal(s); string(after) != string(before) {
		t.Error("a step changed the state before it")
	}
	var read State
	if err := json.Unmarshal(before, &read); err != nil || !reflect.DeepEqual(read, s) {
		t.Errorf("%v: %+v, want %+v", err, read, s)
	}
	if len(before) > 4000 {
		t.Errorf("a state of %d bytes", len(before))
	}
}

// Values held against one declared voltage say nothing of another.
func TestAnotherDeclaredVoltageBeginsTheWeekAnew(t *testing.T) {
	r := rules()
	var s State
	for k := range 20 {
		if k == 10 {
			r.Nominal = 220_000
		}
		v := good()
		v.End = monday.Add(time.Duration(k+1) * slot)
		s = s.Take(r, &News{Tens: []Ten{*v}})
	}
	if s.Now.Values != 10 || s.Now.Nominal != 220_000 || !s.Now.Since.Equal(monday.Add(10*slot)) || s.Last != nil {
		t.Errorf("%d values of %v since %v", s.Now.Values, s.Now.Nominal, s.Now.Since)
	}
}
