package credit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// drive is a contactor with its drive state and what it was told.
type driven struct {
	c   credit.Contactor
	s   credit.ContactorState
	now time.Time
}

func (d *driven) step(after time.Duration, want bool, w credit.Witnesses) credit.Order {
	d.now = d.now.Add(after)
	var o credit.Order
	d.s, o = d.c.Step(d.s, d.now, want, w)
	return o
}

func aux(r credit.Reading) credit.Witnesses { return credit.Witnesses{Auxiliary: r} }

func TestContactorStories(t *testing.T) {
	const open, closed, nothing = credit.SaysOpen, credit.SaysClosed, credit.Unknown
	type beat struct {
		after time.Duration
		want  bool
		w     credit.Witnesses
		do    credit.Reading
		fault credit.ContactorFault
	}
	for _, c := range []struct {
		name  string
		drive credit.Drive
		beats []beat
	}{
		{"it closes and opens as told", credit.Holding, []beat{
			{0, true, aux(open), closed, credit.Sound},
			{100 * time.Millisecond, true, aux(open), nothing, credit.Sound},
			{100 * time.Millisecond, true, aux(closed), nothing, credit.Sound},
			{time.Hour, false, aux(closed), open, credit.Sound},
			{100 * time.Millisecond, false, aux(closed), nothing, credit.Sound},
			{time.Second, false, aux(open), nothing, credit.Sound},
		}},
		{"welded: one opening, an alarm, no clicking", credit.Holding, []beat{
			{0, true, aux(closed), closed, credit.Sound},
			{time.Minute, true, aux(closed), nothing, credit.Sound},
			{time.Minute, false, aux(closed), open, credit.Sound},
			{200 * time.Millisecond, false, aux(closed), nothing, credit.Welded},
			{time.Hour, false, aux(closed), nothing, credit.Welded},
			// Credit comes back; it still is welded, and closing proves nothing.
			{time.Hour, true, aux(closed), closed, credit.Welded},
			{time.Hour, true, aux(closed), nothing, credit.Welded},
			{time.Hour, false, aux(closed), open, credit.Welded},
			{time.Second, false, aux(open), nothing, credit.Sound},
		}},
		{"dead coil: tried again after 1, 2, 4 minutes", credit.Holding, []beat{
			{0, true, aux(open), closed, credit.Sound},
			{time.Second, true, aux(open), nothing, credit.DeadCoil},
			{58 * time.Second, true, aux(open), nothing, credit.DeadCoil},
			{time.Second, true, aux(open), closed, credit.DeadCoil},
			{time.Minute, true, aux(open), nothing, credit.DeadCoil},
			{time.Minute, true, aux(open), closed, credit.DeadCoil},
			{3 * time.Minute, true, aux(open), nothing, credit.DeadCoil},
			{time.Minute, true, aux(open), closed, credit.DeadCoil},
			{time.Second, true, aux(closed), nothing, credit.Sound},
		}},
		{"bypassed: current behind an open contactor", credit.Holding, []beat{
			{0, false, aux(open), open, credit.Sound},
			{time.Minute, false, aux(open), nothing, credit.Sound},
			{time.Minute, false, credit.Witnesses{Auxiliary: open, Current: closed}, nothing, credit.Bypassed},
			{time.Minute, false, credit.Witnesses{Auxiliary: open, Current: closed}, nothing, credit.Bypassed},
			{time.Minute, false, aux(open), nothing, credit.Sound},
		}},
		{"dropped: open without being told", credit.Holding, []beat{
			{0, true, aux(closed), closed, credit.Sound},
			{time.Minute, true, aux(closed), nothing, credit.Sound},
			{time.Second, true, aux(open), closed, credit.DeadCoil},
			{time.Second, true, aux(closed), nothing, credit.Sound},
		}},
		{"a latching one that stands right is left alone at the start", credit.Latching, []beat{
			{0, true, aux(closed), nothing, credit.Sound},
			{time.Hour, false, aux(closed), open, credit.Sound},
		}},
		{"a latching one that stands wrong is moved", credit.Latching, []beat{
			{0, false, aux(closed), open, credit.Sound},
		}},
		{"a latching one that nobody can see is told", credit.Latching, []beat{
			{0, false, credit.Witnesses{}, open, credit.Sound},
			{time.Hour, false, credit.Witnesses{}, nothing, credit.Sound},
		}},
		{"closing waits for the least time off, opening for nothing", credit.Holding, []beat{
			{0, true, credit.Witnesses{}, closed, credit.Sound},
			{time.Second, false, credit.Witnesses{}, open, credit.Sound},
			{9 * time.Second, true, credit.Witnesses{}, nothing, credit.Sound},
			{time.Second, true, credit.Witnesses{}, closed, credit.Sound},
			{0, false, credit.Witnesses{}, open, credit.Sound},
		}},
		{"a clock set back does not hold it open for longer than the least time off", credit.Holding, []beat{
			{0, false, credit.Witnesses{}, open, credit.Sound},
			{-1000 * time.Hour, true, credit.Witnesses{}, nothing, credit.Sound},
			{10 * time.Second, true, credit.Witnesses{}, closed, credit.Sound},
		}},
		{"a voltage that is gone with the grid says nothing", credit.Holding, []beat{
			{0, true, credit.Witnesses{Voltage: closed}, closed, credit.Sound},
			{time.Minute, true, credit.Witnesses{Voltage: closed}, nothing, credit.Sound},
			{time.Minute, true, credit.Witnesses{}, nothing, credit.Sound},
		}},
		{"witnesses that disagree are a fault of their own", credit.Holding, []beat{
			{0, true, aux(closed), closed, credit.Sound},
			{time.Minute, true, credit.Witnesses{Auxiliary: open, Voltage: closed}, nothing, credit.Disputed},
			{time.Minute, true, aux(closed), nothing, credit.Sound},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := credit.ContactorDefaults()
			doc.Drive, doc.MinOff = c.drive, 10*time.Second
			d := driven{c: credit.NewContactor(doc), now: noon()}
			for i, b := range c.beats {
				if o := d.step(b.after, b.want, b.w); o.Do != b.do || o.Fault != b.fault {
					t.Fatalf("beat %d: do %q fault %q, want do %q fault %q", i, o.Do, o.Fault, b.do, b.fault)
				}
			}
		})
	}
}

// wired is a contactor, its drive, and what has happened, in seconds.
type wired struct {
	s        credit.ContactorState
	now      int   // tenths of a second
	closings []int // of the last hour, by the true clock
	opened   int   // when it was last told to open
}

// By default a token restores at once; that the credit comes and goes does not
// make the contactor chatter.
func TestTheFirstRestoreIsAtOnceAndTheNextOnesAreApart(t *testing.T) {
	d := driven{c: credit.NewContactor(credit.ContactorDefaults()), now: noon()}
	for i, b := range []struct {
		after   time.Duration
		want    bool
		do      credit.Reading
		waiting time.Duration
	}{
		{0, true, credit.SaysClosed, 0},
		{time.Hour, false, credit.SaysOpen, 0},
		{100 * time.Millisecond, true, credit.SaysClosed, 0}, // the token came with the cut
		{time.Second, false, credit.SaysOpen, 0},             // and it was a small one
		{time.Second, true, credit.Unknown, 8 * time.Second},
		{7 * time.Second, true, credit.Unknown, time.Second},
		{time.Second, true, credit.SaysClosed, 0},
		{time.Second, false, credit.SaysOpen, 0},
		{9 * time.Second, true, credit.SaysClosed, 0},
	} {
		if o := d.step(b.after, b.want, credit.Witnesses{}); o.Do != b.do || o.Waiting != b.waiting {
			t.Fatalf("beat %d: do %q waiting %s, want %q and %s", i, o.Do, o.Waiting, b.do, b.waiting)
		}
	}
}

// Every state of the drive with every reading of the witnesses: opening is
// ordered at once and once, closing only when wanted, never within the least
// time off or the least cycle, and never more often than the hour allows.
func TestEveryPathOfTheContactor(t *testing.T) {
	for name, doc := range map[string]credit.ContactorDocument{
		"what is behind it rests": {Drive: credit.Latching, Settle: 200 * time.Millisecond, MinOff: 10 * time.Second, MinCycle: 10 * time.Second, Hourly: 2},
		"restored at once":        {Drive: credit.Latching, Settle: 200 * time.Millisecond, MinCycle: 10 * time.Second, Hourly: 3},
	} {
		t.Run(name, func(t *testing.T) { everyPathOfTheContactor(t, doc) })
	}
}

func everyPathOfTheContactor(t *testing.T, doc credit.ContactorDocument) {
	c := credit.NewContactor(doc)
	at := func(tenths int) time.Time { return noon().Add(time.Duration(tenths) * 100 * time.Millisecond) }
	const hour = 36_000
	moves := []move[wired]{}
	readings := []credit.Witnesses{
		{},
		aux(credit.SaysOpen),
		aux(credit.SaysClosed),
		{Auxiliary: credit.SaysOpen, Current: credit.SaysClosed},
	}
	for _, want := range []bool{true, false} {
		for i, w := range readings {
			for _, dt := range []int{1, 100, 600, hour} {
				moves = append(moves, move[wired]{fmt.Sprintf("want %v witness %d after %d", want, i, dt), func(s wired) (wired, error) {
					s.now += dt
					told := s.s.Told
					next, o := c.Step(s.s, at(s.now), want, w)
					switch {
					case !want && next.Told != credit.SaysOpen:
						return s, fmt.Errorf("an opening was not ordered at once")
					case o.Do == credit.SaysOpen && (want || told == credit.SaysOpen):
						return s, fmt.Errorf("an opening was ordered without need")
					case o.Do == credit.SaysClosed && !want:
						return s, fmt.Errorf("a closing was ordered that nobody wants")
					case o.Do == credit.SaysClosed && told == credit.SaysOpen && s.now-s.opened < int(doc.MinOff/(100*time.Millisecond)):
						return s, fmt.Errorf("closed %d tenths after the opening", s.now-s.opened)
					case want && o.Do == credit.Unknown && next.Told != credit.SaysClosed && o.Waiting <= 0:
						return s, fmt.Errorf("closing waits and does not say for what")
					case o.Waiting > time.Hour:
						return s, fmt.Errorf("closing waits for %s", o.Waiting)
					case s.s.Fault == credit.Welded && next.Fault != credit.Welded && w != aux(credit.SaysOpen):
						return s, fmt.Errorf("the weld was forgotten though nobody saw it open")
					}
					recent := []int{}
					for _, past := range s.closings {
						if s.now-past < hour {
							recent = append(recent, past)
						}
					}
					if o.Do == credit.SaysClosed {
						if n := len(recent); n > 0 && s.now-recent[n-1] < int(doc.MinCycle/(100*time.Millisecond)) {
							return s, fmt.Errorf("closed %d tenths after the closing before", s.now-recent[n-1])
						}
						if recent = append(recent, s.now); len(recent) > doc.Hourly {
							return s, fmt.Errorf("%d closings within an hour", len(recent))
						}
					}
					if o.Do == credit.SaysOpen {
						s.opened = s.now
					}
					s.s, s.closings = next, recent
					return s, nil
				}})
			}
		}
	}
	// Ages tell states apart, not instants; beyond an hour they are all old.
	age := func(now, then int) int { return min(now-then, hour) }
	key := func(s wired) string {
		var b strings.Builder
		fmt.Fprint(&b, s.s.Told, s.s.Proven, s.s.Fault, min(s.s.Tries, 7), coarse(age(s.now, s.opened)), coarse(min(int(at(s.now).Sub(s.s.At)/(100*time.Millisecond)), hour)))
		for _, past := range s.closings {
			fmt.Fprint(&b, " ", coarse(age(s.now, past)))
		}
		return b.String()
	}
	n := explore(t, wired{opened: -hour}, key, moves, 200_000)
	if n < 500 {
		t.Errorf("only %d states", n)
	}
	t.Logf("%d states, %d moves each", n, len(moves))
}

// coarse is an age in steps that no rule tells apart from the exact one.
func coarse(tenths int) int {
	marks := []int{1, 2, 3, 99, 100, 101, 200, 600, 700, 1200, 2400, 4800, 9600, 19200, 35999, 36000}
	i, _ := slices.BinarySearch(marks, tenths)
	return i
}

func TestContactorDocumentFaults(t *testing.T) {
	if l := (credit.ContactorDocument{}).Check(); len(l) != 4 {
		t.Errorf("%d faults in an empty document, want 4: %v", len(l), l)
	}
	if l := credit.ContactorDefaults().Check(); len(l) > 0 {
		t.Errorf("the defaults have faults: %v", l)
	}
}

func TestPowerLimitCutsAndRetries(t *testing.T) {
	doc := credit.LimitDefaults()
	doc.Limit = 2 * units.Kilowatt
	if l := doc.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	var s credit.LimitState
	now := noon()
	step := func(after time.Duration, load, token units.Power) bool {
		var over bool
		for range max(1, after/(10*time.Second)) {
			now = now.Add(min(after, 10*time.Second))
			s, over = doc.Step(s, now, credit.Load{Power: load, Known: true}, token)
		}
		return over
	}
	const kW = units.Kilowatt
	step(0, 0, 0)
	for i, c := range []struct {
		after time.Duration
		load  units.Power
		token units.Power
		over  bool
	}{
		{time.Hour, 2 * kW, 0, false},        // at the limit
		{20 * time.Second, 3 * kW, 0, false}, // within the allowance
		{10 * time.Second, 3 * kW, 0, true},  // cut
		{20 * time.Second, 0, 0, true},
		{10 * time.Second, 0, 0, false}, // after 30 s it is tried again
		{20 * time.Second, 3 * kW, 0, false},
		{10 * time.Second, 3 * kW, 0, true}, // cut again, now for a minute
		{50 * time.Second, 0, 0, true},
		{10 * time.Second, 0, 0, false},
		{time.Hour, kW, 0, false},               // calm: the count starts afresh
		{30 * time.Second, kW + kW/2, kW, true}, // a token's limit is lower
		{30 * time.Second, 0, kW, false},
	} {
		if over := step(c.after, c.load, c.token); over != c.over {
			t.Fatalf("row %d: over %v, want %v (%+v)", i, over, c.over, s)
		}
	}
	// A clock that leaps does not end the time off.
	step(30*time.Second, 3*kW, 0)
	now = now.AddDate(1, 0, 0)
	doc.Retries = []time.Duration{time.Hour}
	s.Off = time.Hour
	if s, over := doc.Step(s, now, credit.Load{Known: true}, 0); !over {
		t.Errorf("a leap of a year ended the time off: %+v", s)
	}
}
